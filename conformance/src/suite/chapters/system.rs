//! Calls, breakpoints, returns, waiting, fences, and what else is for some modes only.

use rv_hart::Mode;
use rv_isa::asm::{self, A0, A1, A2, A3, ZERO};
use rv_isa::cause::{BREAKPOINT, ILLEGAL_INSTRUCTION, VIRTUAL_INSTRUCTION};
use rv_isa::fields::{hstatus, mip, mstatus};
use rv_isa::{Isa, csr};

use super::attempt::call;
use crate::suite::case::{Case, Level, What, case};
use crate::suite::layout::{DATA, TEXT, record};

const CALLS: &str = "Environment Call and Breakpoint";
const RETURNS: &str = "Trap-Return Instructions; Trap Return (H)";
const WAIT: &str = "Wait for Interrupt; H extension, virtual-instruction exceptions";
const DELEGATION: &str = "medeleg, hedeleg; Trap Entry (H)";

/// The register that a return takes its target from, and the return.
type Return = (u16, u32);
const MRET: Return = (csr::MEPC, asm::mret());
const SRET: Return = (csr::SEPC, asm::sret());

/// Sets the bits of a0 in `status`, and returns to the instruction that follows.
fn returning(status: u16, (epc, back): Return) -> [u32; 5] {
    [asm::csrrs(ZERO, status, A0), asm::auipc(A1, 0), asm::addi(A1, A1, 16), asm::csrrw(ZERO, epc, A1), back]
}

/// All cases.
pub fn cases() -> Vec<Case> {
    let mut cases = calls();
    cases.extend(entry());
    cases.extend(delegation());
    cases.extend(machine_returns());
    cases.extend(supervisor_returns());
    cases.extend(return_permissions());
    cases.extend(waiting());
    cases.extend(fences());
    cases.extend(illegal());
    cases
}

fn mode_bits(mode: Mode) -> u64 {
    u64::from(mode.privilege()) << mstatus::MPP_SHIFT | if mode.virt() { mstatus::MPV } else { 0 }
}

/// Bits of mstatus that name the mode a trap came from; MPV only where there is H.
fn from_bits(mode: Mode) -> u64 {
    if mode.virt() { mstatus::MPP | mstatus::MPV } else { mstatus::MPP }
}

fn calls() -> Vec<Case> {
    let mut cases = Vec::new();
    for mode in Mode::ALL {
        let ecall = case("ecall", CALLS, mode).run(asm::ecall()).traps(Level::M, call(mode)).tval(0);
        cases.push(ecall.status(from_bits(mode), mode_bits(mode)));
        let guest = if mode.virt() { mstatus::GVA } else { 0 };
        let ebreak = case("ebreak", CALLS, mode).run(asm::auipc(A0, 0)).run(asm::ebreak()).traps(Level::M, BREAKPOINT);
        // Its value is the address of the instruction or 0; the address may be a guest's.
        cases.push(ebreak.expect_masked(What::Record(record::STATUS), mstatus::GVA & !guest, &[0]));
        let retired = case("a call doesn't count as retired", "Hardware Performance Monitor", mode).needs(Isa::Zicntr);
        cases.push(
            retired
                .runs(&[asm::csrrs(A1, csr::INSTRET, ZERO), asm::csrrs(A2, csr::INSTRET, ZERO), asm::sub(A2, A2, A1)])
                .completes()
                .reg(A2, 1),
        );
    }
    cases
}

/// What trap entry does to the status of the level entered.
fn entry() -> Vec<Case> {
    let mut cases = Vec::new();
    for enabled in [false, true] {
        let (mie, sie) = if enabled { (mstatus::MIE, mstatus::SIE) } else { (0, 0) };
        let (mpie, spie) = if enabled { (mstatus::MPIE, mstatus::SPIE) } else { (0, 0) };
        let what = if enabled { "enabled" } else { "disabled" };
        cases.push(
            case(
                format!("a trap to M stacks MIE, {what}"),
                "mstatus: Privilege and Global Interrupt-Enable Stack",
                Mode::M,
            )
            .li(A0, mie)
            .run(asm::csrrs(ZERO, csr::MSTATUS, A0))
            .run(asm::ecall())
            .traps(Level::M, call(Mode::M))
            .status(mstatus::MIE | mstatus::MPIE, mpie),
        );
        for mode in [Mode::HS, Mode::U] {
            let spp = if mode == Mode::HS { mstatus::SPP } else { 0 };
            // A handler of HS reports by an ecall of its own, so the trap tried is a breakpoint.
            cases.push(
                case(format!("a trap to HS stacks SIE, {what}"), "sstatus", mode)
                    .set(csr::MEDELEG, 1 << BREAKPOINT)
                    .set(csr::MSTATUS, mstatus::FS | sie)
                    .run(asm::ebreak())
                    .traps(Level::HS, BREAKPOINT)
                    .status(mstatus::SIE | mstatus::SPIE | mstatus::SPP, spie | spp),
            );
        }
        for mode in [Mode::VS, Mode::VU] {
            let spp = if mode == Mode::VS { mstatus::SPP } else { 0 };
            cases.push(
                case(format!("a trap to VS stacks SIE, {what}"), "vsstatus", mode)
                    .set(csr::MEDELEG, 1 << BREAKPOINT)
                    .set(csr::HEDELEG, 1 << BREAKPOINT)
                    .set(csr::VSSTATUS, mstatus::FS | sie)
                    .run(asm::ebreak())
                    .traps(Level::VS, BREAKPOINT)
                    .status(mstatus::SIE | mstatus::SPIE | mstatus::SPP, spie | spp),
            );
        }
    }
    cases
}

/// Who takes a breakpoint by medeleg and hedeleg.
fn delegation() -> Vec<Case> {
    let mut cases = Vec::new();
    let bit = 1 << BREAKPOINT;
    for mode in Mode::ALL {
        for (medeleg, hedeleg) in [(0, 0), (bit, 0), (0, bit), (bit, bit)] {
            let level = match mode {
                Mode::M => Level::M,
                _ if medeleg == 0 => Level::M,
                Mode::VS | Mode::VU if hedeleg != 0 => Level::VS,
                _ => Level::HS,
            };
            let mut delegated =
                case(format!("a breakpoint with medeleg {medeleg:#x}, hedeleg {hedeleg:#x}"), DELEGATION, mode)
                    .set(csr::MEDELEG, medeleg);
            if hedeleg != 0 {
                delegated = delegated.needs(Isa::H).set(csr::HEDELEG, hedeleg);
            }
            cases.push(delegated.run(asm::ebreak()).traps(level, BREAKPOINT));
        }
    }
    cases
}

/// MRET to every mode.
fn machine_returns() -> Vec<Case> {
    let mut cases = Vec::new();
    for mode in Mode::ALL {
        for extra in [0, mstatus::MPRV, mstatus::MPIE] {
            let set = mode_bits(mode) | extra;
            let clear = mstatus::MPP
                | mstatus::MIE
                | mstatus::MPIE
                | mstatus::MPRV
                | if mode.virt() { mstatus::MPV } else { 0 };
            // The target is the instruction after, which calls M-mode: its cause tells the mode.
            let mut code = case(format!("mret to {} with {extra:#x}", mode.name()), RETURNS, Mode::M)
                .needs_all(guest_isa(mode))
                .li(A0, clear)
                .run(asm::csrrc(ZERO, csr::MSTATUS, A0))
                .li(A0, set);
            // With MPRV the loads below would be the target's; there are none.
            code = code.runs(&returning(csr::MSTATUS, MRET));
            let returned = code.completes().expect(What::Record(record::CAUSE), call(mode));
            let mprv = if mode == Mode::M && extra == mstatus::MPRV { "stays" } else { "goes" };
            cases.push(
                Case { name: format!("{} (MPRV {mprv})", returned.name), ..returned }
                    .expect(What::Record(record::LEVEL), Level::M as u64),
            );
        }
    }
    cases.extend(machine_return_status());
    cases
}

/// What MRET leaves in mstatus.
fn machine_return_status() -> Vec<Case> {
    vec![
        case("mret with MPP = M ignores MPV, and clears both", RETURNS, Mode::M)
            .needs(Isa::H)
            .li(A0, mstatus::MPP | mstatus::MPV)
            .runs(&returning(csr::MSTATUS, MRET))
            .run(asm::csrrs(A2, csr::MSTATUS, ZERO))
            .completes()
            .expect_masked(What::X(A2), mstatus::MPP | mstatus::MPV, &[0]),
        case("mret puts MPIE into MIE, and sets MPIE", RETURNS, Mode::M)
            .li(A0, mstatus::MPP | mstatus::MPIE)
            .runs(&returning(csr::MSTATUS, MRET))
            .run(asm::csrrs(A2, csr::MSTATUS, ZERO))
            .completes()
            .expect_masked(What::X(A2), mstatus::MIE | mstatus::MPIE, &[mstatus::MIE | mstatus::MPIE]),
        case("mret to less than M clears MPRV", RETURNS, Mode::M)
            .set(csr::STVEC, TEXT)
            .li(A0, mstatus::MPP)
            .run(asm::csrrc(ZERO, csr::MSTATUS, A0))
            .li(A0, mstatus::MPRV | 1 << mstatus::MPP_SHIFT)
            .runs(&returning(csr::MSTATUS, MRET))
            .completes()
            .status(mstatus::MPRV, 0),
    ]
}

fn guest_isa(mode: Mode) -> rv_isa::IsaSet {
    if mode.virt() { rv_isa::IsaSet::EMPTY.with(Isa::H) } else { rv_isa::IsaSet::EMPTY }
}

/// The same place in a snippet for U-mode must be user text, which SRET cases don't need without translation.
fn supervisor_returns() -> Vec<Case> {
    let mut cases = Vec::new();
    for (from, to) in [
        (Mode::HS, Mode::HS),
        (Mode::HS, Mode::U),
        (Mode::HS, Mode::VS),
        (Mode::HS, Mode::VU),
        (Mode::VS, Mode::VS),
        (Mode::VS, Mode::VU),
        (Mode::M, Mode::HS),
        (Mode::M, Mode::U),
    ] {
        let spp = if to.privilege() == 1 { mstatus::SPP } else { 0 };
        let mut code = case(format!("sret to {}", to.name()), RETURNS, from).needs_all(guest_isa(to));
        if from != Mode::VS {
            code = if to.virt() { code.set(csr::HSTATUS, hstatus::SPV) } else { code };
        }
        code = code
            .li(A0, mstatus::SPP | mstatus::SPIE | mstatus::SIE)
            .run(asm::csrrc(ZERO, csr::SSTATUS, A0))
            .li(A0, spp | mstatus::SPIE);
        let code = code.runs(&returning(csr::SSTATUS, SRET));
        let popped = mstatus::SIE | mstatus::SPIE | mstatus::SPP;
        let status = if from == Mode::VS { csr::VSSTATUS } else { csr::SSTATUS };
        let mut done = code.completes().expect(What::Record(record::CAUSE), call(to)).expect_masked(
            What::Csr(status),
            popped,
            &[mstatus::SIE | mstatus::SPIE],
        );
        if from != Mode::VS && to.virt() {
            done = done.expect_masked(What::Csr(csr::HSTATUS), hstatus::SPV, &[0]);
        }
        cases.push(done);
    }
    cases.push(
        case("sret in M-mode clears MPRV", RETURNS, Mode::M)
            .li(A0, mstatus::SPP)
            .run(asm::csrrs(ZERO, csr::SSTATUS, A0))
            .li(A0, mstatus::MPRV | mstatus::MPP)
            .runs(&returning(csr::MSTATUS, SRET))
            .completes()
            .status(mstatus::MPRV, 0),
    );
    cases
}

/// Who may return, and TSR and VTSR.
fn return_permissions() -> Vec<Case> {
    let refused = |name: &str, mode, raw: u32, cause| {
        case(name.to_owned(), RETURNS, mode).run(raw).traps(Level::M, cause).tval_one_of(&[raw.into(), 0])
    };
    let mut cases = Vec::new();
    for mode in [Mode::HS, Mode::U, Mode::VS, Mode::VU] {
        cases.push(refused("mret below M", mode, asm::mret(), ILLEGAL_INSTRUCTION));
    }
    cases.push(refused("sret by a user", Mode::U, asm::sret(), ILLEGAL_INSTRUCTION));
    cases.push(refused("sret by a guest's user", Mode::VU, asm::sret(), VIRTUAL_INSTRUCTION));
    let tsr = |case: Case| case.set(csr::MSTATUS, mstatus::FS | mstatus::TSR);
    let vtsr = |case: Case| case.needs(Isa::H).set(csr::HSTATUS, hstatus::VTSR);
    let sret = |name: &str, mode| {
        case(name.to_owned(), RETURNS, mode).li(A0, mstatus::SPP).runs(&returning(csr::SSTATUS, SRET))
    };
    cases.push(tsr(sret("sret under TSR", Mode::HS)).traps(Level::M, ILLEGAL_INSTRUCTION));
    cases.push(tsr(sret("sret of a guest under TSR", Mode::VS)).completes());
    cases.push(vtsr(sret("sret of a guest under VTSR", Mode::VS)).traps(Level::M, VIRTUAL_INSTRUCTION));
    cases.push(vtsr(sret("sret of HS under VTSR", Mode::HS)).completes());
    cases
}

/// WFI: TW, VTW, and that it ends when an interrupt is pending, whether it is taken or not.
fn waiting() -> Vec<Case> {
    let wfi = asm::wfi();
    // Something is pending and enabled one by one, but not taken: SIE is off, or it is delegated away.
    let woken = |name: String, mode: Mode| {
        let pending =
            case(name, WAIT, mode).set(csr::MIDELEG, mip::SSIP).set(csr::MIE, mip::SSIP).set(csr::MIP, mip::SSIP);
        pending.run(wfi)
    };
    let mut cases = vec![woken("wfi ends at a pending interrupt".to_owned(), Mode::M).completes()];
    cases.push(woken("wfi ends at a pending interrupt".to_owned(), Mode::HS).completes());
    let refused = |case: Case, cause| case.run(wfi).traps(Level::M, cause).tval_one_of(&[wfi.into(), 0]);
    for mode in [Mode::HS, Mode::U, Mode::VS, Mode::VU] {
        let case = case("wfi under TW", WAIT, mode).set(csr::MSTATUS, mstatus::FS | mstatus::TW);
        cases.push(refused(case, ILLEGAL_INSTRUCTION));
    }
    cases.push(refused(case("wfi by a user", WAIT, Mode::U), ILLEGAL_INSTRUCTION));
    cases.push(refused(case("wfi by a guest's user", WAIT, Mode::VU), VIRTUAL_INSTRUCTION));
    cases.push(refused(
        case("wfi of a guest under VTW", WAIT, Mode::VS).set(csr::HSTATUS, hstatus::VTW),
        VIRTUAL_INSTRUCTION,
    ));
    cases.push(refused(
        case("wfi of a guest under TW and VTW", WAIT, Mode::VS)
            .set(csr::HSTATUS, hstatus::VTW)
            .set(csr::MSTATUS, mstatus::FS | mstatus::TW),
        ILLEGAL_INSTRUCTION,
    ));
    for mode in Mode::ALL {
        cases.push(
            case("wrs.nto and wrs.sto end by themselves", "Zawrs", mode)
                .needs(Isa::Zawrs)
                .x(A0, DATA)
                .runs(&[asm::lr_w(A1, A0), asm::wrs_sto()])
                .completes(),
        );
        let pending = case("wrs.nto ends at a pending interrupt", "Zawrs", mode).needs(Isa::Zawrs).x(A0, DATA);
        cases.push(if mode == Mode::M {
            pending.runs(&[asm::addi(A1, A1, 0), asm::wrs_nto()]).completes()
        } else {
            pending.runs(&[asm::wrs_nto()]).completes()
        });
    }
    cases
}

/// Fences of memory management, and of code.
fn fences() -> Vec<Case> {
    let section = "Supervisor Memory-Management Fence Instruction; Svinval; Zifencei";
    let mut cases = Vec::new();
    for (name, raw, isa) in [
        ("sfence.vma", asm::sfence_vma(0, 0), Isa::Ss),
        ("sinval.vma", asm::sinval_vma(0, 0), Isa::Svinval),
        ("sfence.w.inval", asm::sfence_w_inval(), Isa::Svinval),
        ("sfence.inval.ir", asm::sfence_inval_ir(), Isa::Svinval),
    ] {
        let of = |what: &str, mode| case(format!("{name} {what}"), section, mode).needs(isa).run(raw);
        let refused = |case: Case, cause| case.traps(Level::M, cause).tval_one_of(&[raw.into(), 0]);
        let orders = matches!(name, "sfence.w.inval" | "sfence.inval.ir");
        cases.extend([Mode::M, Mode::HS, Mode::VS].map(|mode| of("runs", mode).completes()));
        cases.push(refused(of("by a user", Mode::U), ILLEGAL_INSTRUCTION));
        cases.push(refused(of("by a guest's user", Mode::VU), VIRTUAL_INSTRUCTION));
        let trapped = of("under TVM", Mode::HS).set(csr::MSTATUS, mstatus::FS | mstatus::TVM);
        cases.push(if orders { trapped.completes() } else { refused(trapped, ILLEGAL_INSTRUCTION) });
        let guest = of("under VTVM", Mode::VS).set(csr::HSTATUS, hstatus::VTVM);
        cases.push(if orders { guest.completes() } else { refused(guest, VIRTUAL_INSTRUCTION) });
        cases.push(of("of a guest under TVM", Mode::VS).set(csr::MSTATUS, mstatus::FS | mstatus::TVM).completes());
    }
    for (register, status, bit, mode, cause) in [
        (csr::SATP, csr::MSTATUS, mstatus::TVM, Mode::HS, Some(ILLEGAL_INSTRUCTION)),
        (csr::SATP, csr::MSTATUS, mstatus::TVM, Mode::VS, None),
        (csr::SATP, csr::HSTATUS, hstatus::VTVM, Mode::VS, Some(VIRTUAL_INSTRUCTION)),
        (csr::SATP, csr::HSTATUS, hstatus::VTVM, Mode::HS, None),
    ] {
        let value = if status == csr::MSTATUS { mstatus::FS | bit } else { bit };
        let isa = if status == csr::HSTATUS { Isa::H } else { Isa::Ss };
        let name = format!("satp under {}", if isa == Isa::H { "VTVM" } else { "TVM" });
        let case = case(name, "mstatus.TVM, hstatus.VTVM", mode)
            .needs(isa)
            .set(status, value)
            .run(asm::csrrs(A1, register, ZERO));
        cases.push(cause.map_or_else(|| case.clone().completes(), |cause| case.clone().traps(Level::M, cause)));
    }
    for mode in [Mode::M, Mode::HS, Mode::VS] {
        // The third instruction is overwritten by the seventh.
        let code = [
            asm::auipc(A0, 0),
            asm::lw(A1, A0, 28),
            asm::sw(A1, A0, 20),
            asm::fence_i(0),
            asm::addi(A2, ZERO, 1),
            asm::addi(A2, A2, 10),
            asm::jal(ZERO, 8),
            asm::addi(A2, A2, 100),
        ];
        cases.push(
            case("fence.i makes stored code visible", section, mode)
                .needs(Isa::Zifencei)
                .runs(&code)
                .completes()
                .reg(A2, 101),
        );
    }
    cases
}

/// Encodings that are no instruction.
fn illegal() -> Vec<Case> {
    let section = "Illegal-instruction exceptions; mtval";
    let words = [
        0xffff_ffffu32,
        0x0000_2063,
        0x0000_7003,
        0x0200_101b,
        0x0400_1013,
        0x0000_0f53 | 5 << 12,
        0x0000_00f3 | 2 << 20,
    ];
    let mut cases = Vec::new();
    for word in words {
        let case =
            case(format!("{word:#010x} is illegal"), section, Mode::M).run(word).traps(Level::M, ILLEGAL_INSTRUCTION);
        cases.extend(case.tval_one_of(&[word.into(), 0]).in_modes(&Mode::ALL));
    }
    let zero = case("16 zero bits are illegal", section, Mode::M)
        .needs(Isa::Zca)
        .run(0)
        .traps(Level::M, ILLEGAL_INSTRUCTION)
        .tval(0);
    cases.extend(zero.in_modes(&Mode::ALL));
    let off = |name: &str, mode| case(name.to_owned(), "mstatus.FS, vsstatus.FS", mode).needs(Isa::F);
    let add = asm::fadd_s(1, 2, 3);
    for mode in Mode::ALL {
        cases.push(
            off("fadd.s with FS off", mode)
                .set(csr::MSTATUS, 0)
                .run(add)
                .traps(Level::M, ILLEGAL_INSTRUCTION)
                .tval_one_of(&[add.into(), 0]),
        );
        cases.push(
            off("fcsr with FS off", mode)
                .set(csr::MSTATUS, 0)
                .run(asm::csrrs(A3, csr::FCSR, ZERO))
                .traps(Level::M, ILLEGAL_INSTRUCTION),
        );
    }
    for mode in [Mode::VS, Mode::VU] {
        cases.push(
            off("fadd.s with the guest's FS off", mode)
                .set(csr::VSSTATUS, 0)
                .run(add)
                .traps(Level::M, ILLEGAL_INSTRUCTION),
        );
        let initial = 1 << mstatus::FS_SHIFT;
        cases.push(
            off("floating point makes both FS dirty", mode)
                .set(csr::VSSTATUS, initial)
                .run(asm::fmv_w_x(1, ZERO))
                .completes()
                .expect_masked(What::Csr(csr::VSSTATUS), mstatus::FS | mstatus::SD, &[mstatus::FS | mstatus::SD])
                .expect_masked(What::Csr(csr::SSTATUS), mstatus::FS | mstatus::SD, &[mstatus::FS | mstatus::SD]),
        );
    }
    cases
}
