//! The FS field: off, floating point is illegal everywhere; and what changes state makes it dirty.

use rv_hart::Mode;
use rv_isa::asm::{self, A0, A1, A2, FA0, FA1, ZERO};
use rv_isa::cause::ILLEGAL_INSTRUCTION;
use rv_isa::fields::mstatus;
use rv_isa::{Class, Fields, Isa, Op, csr, encode};

use crate::suite::case::{Case, Level, What, case};
use crate::suite::layout::DATA;

const SECTION: &str =
    "Extension Context Status in mstatus Register; hypervisor: Virtual Supervisor Status (vsstatus) Register";

/// mstatus with nothing but the widths, which software must not change here.
const XLEN: u64 = 2 << mstatus::UXL_SHIFT | 2 << mstatus::SXL_SHIFT;
/// The same of vsstatus.
const GUEST_XLEN: u64 = 2 << mstatus::UXL_SHIFT;
/// FS is Initial.
const INITIAL: u64 = 1 << mstatus::FS_SHIFT;

/// The registers whose FS is off, for each mode: with V=1 either is enough.
fn switches(mode: Mode) -> &'static [(&'static str, u16, u64)] {
    const ALL: [(&str, u16, u64); 2] = [("mstatus.FS", csr::MSTATUS, XLEN), ("vsstatus.FS", csr::VSSTATUS, GUEST_XLEN)];
    if mode.virt() { &ALL } else { &ALL[..1] }
}

/// `insn` is illegal while FS is off, in all modes. It is never a virtual instruction, whichever FS it is.
fn illegal(name: &str, insn: u32) -> Vec<Case> {
    let mut cases = Vec::new();
    for mode in Mode::ALL {
        for (switch, number, value) in switches(mode) {
            let case = case(format!("{name} with {switch} off is illegal"), SECTION, mode)
                .set(*number, *value)
                .x(A0, DATA)
                .x(A1, 0x1234)
                .run(insn)
                .traps(Level::M, ILLEGAL_INSTRUCTION)
                .tval_one_of(&[insn.into(), 0])
                .reg(A1, 0x1234);
            cases.push(case);
        }
    }
    cases
}

/// An instruction while FS is off.
pub fn off(op: Op) -> Vec<Case> {
    let row = op.row();
    let float = op.float_operands();
    let memory = matches!(row.class, Class::FpLoad | Class::FpStore);
    let rd = if float.rd { FA1 } else { A1 };
    let rs1 = if float.rs1 && !memory { FA0 } else { A0 };
    let insn = encode(op, Fields { rd, rs1, rs2: FA0, rs3: FA0, rm: 0, ..Fields::default() });
    illegal(row.mnemonic, insn).into_iter().map(|case| case.needs_all(row.isa)).collect()
}

/// The CSRs while FS is off; and the same trap, taken by the guest itself.
pub fn csrs() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, number) in [("fflags", csr::FFLAGS), ("frm", csr::FRM), ("fcsr", csr::FCSR)] {
        cases.extend(illegal(&format!("read of {name}"), asm::csrrs(A1, number, ZERO)));
        cases.extend(illegal(&format!("write of {name}"), asm::csrrw(ZERO, number, A0)));
        cases.extend(illegal(&format!("csrrci of {name}"), asm::csrrci(A1, number, 0)));
    }
    let insn = asm::fmv_w_x(FA0, A0);
    for mode in [Mode::VS, Mode::VU] {
        for (switch, number, value) in switches(mode) {
            cases.push(
                case(format!("with {switch} off, delegated to the guest"), SECTION, mode)
                    .set(csr::MEDELEG, 1 << ILLEGAL_INSTRUCTION)
                    .set(csr::HEDELEG, 1 << ILLEGAL_INSTRUCTION)
                    .set(*number, *value)
                    .run(insn)
                    .traps(Level::VS, ILLEGAL_INSTRUCTION)
                    .tval_one_of(&[insn.into(), 0]),
            );
        }
    }
    cases.into_iter().map(|case| case.needs(Isa::F)).collect()
}

/// What writes a floating-point register or fcsr makes FS dirty, and SD shows it: with V=1 in both registers, else in mstatus only.
pub fn dirty() -> Vec<Case> {
    let changes = [
        ("a move to a register", vec![asm::fmv_w_x(FA0, A0)]),
        ("a load", vec![asm::flw(FA0, A0, 0)]),
        ("arithmetic", vec![asm::fadd_s(FA0, FA0, FA1)]),
        ("a conversion", vec![asm::fcvt_s_l(FA0, A0)]),
        ("a write of fflags", vec![asm::csrrwi(ZERO, csr::FFLAGS, 1)]),
        ("a write of frm", vec![asm::csrrwi(ZERO, csr::FRM, 1)]),
        ("a write of fcsr", vec![asm::csrrsi(ZERO, csr::FCSR, 1)]),
    ];
    let dirty = mstatus::FS | mstatus::SD;
    let mut cases = Vec::new();
    for (name, insns) in changes {
        for mode in Mode::ALL {
            for state in [1, 2] {
                let fs = state * INITIAL;
                let word = if state == 1 { "initial" } else { "clean" };
                let mut case = case(format!("{name} makes an {word} FS dirty"), SECTION, mode)
                    .set(csr::MSTATUS, XLEN | fs)
                    .x(A0, DATA)
                    .runs(&insns)
                    .completes()
                    .status(dirty, dirty)
                    .expect_masked(What::Csr(csr::SSTATUS), dirty, &[dirty]);
                if mode.virt() {
                    case = case.set(csr::VSSTATUS, GUEST_XLEN | fs).expect_masked(
                        What::Csr(csr::VSSTATUS),
                        dirty,
                        &[dirty],
                    );
                }
                cases.push(case);
            }
        }
    }
    cases.extend(of_one_level());
    cases.into_iter().map(|case| case.needs(Isa::F)).collect()
}

/// Flags alone; and the guest's FS while the guest doesn't run.
fn of_one_level() -> Vec<Case> {
    let dirty = mstatus::FS | mstatus::SD;
    let flags_only = case("a flag makes FS dirty", SECTION, Mode::M)
        .x(A0, mstatus::FS)
        .x(A1, INITIAL)
        .x(A2, 0x7f80_0001)
        .runs(&[asm::fmv_w_x(FA0, A2), asm::csrrc(ZERO, csr::SSTATUS, A0), asm::csrrs(ZERO, csr::SSTATUS, A1)])
        .runs(&[asm::csrrs(A1, csr::SSTATUS, ZERO), asm::feq_s(A2, FA0, FA0), asm::csrrs(A0, csr::SSTATUS, ZERO)])
        .runs(&[asm::slli(A1, A1, 64 - 15), asm::srli(A1, A1, 62), asm::slli(A0, A0, 64 - 15), asm::srli(A0, A0, 62)])
        .completes()
        .reg(A0, 3)
        .reg(A1, 1)
        .reg(A2, 0)
        .csr(csr::FFLAGS, 16);
    let mut cases = flags_only.in_modes(&[Mode::M, Mode::HS, Mode::VS]);
    for mode in [Mode::M, Mode::HS, Mode::U] {
        cases.push(
            case("with V=0 vsstatus.FS stays as it is, and may be off", SECTION, mode)
                .needs(Isa::H)
                .set(csr::VSSTATUS, GUEST_XLEN)
                .set(csr::MSTATUS, XLEN | INITIAL)
                .run(asm::fmv_w_x(FA0, A0))
                .completes()
                .status(dirty, dirty)
                .expect_masked(What::Csr(csr::VSSTATUS), dirty, &[0]),
        );
    }
    cases
}
