//! Rules of the privileged architecture that emulators usually get wrong. Section names are those of the ratified text.

use conformance::{CODE, DATA, HS_HANDLER, Rig};
use rv_hart::Mode::{self, HS, M, U, VS, VU};
use rv_hart::StepEvent;
use rv_isa::asm::{self, A0, A1, ZERO};
use rv_isa::csr;
use rv_isa::fields::{hstatus, menvcfg, mhpmevent, mip, mseccfg, mstatus, pmpcfg, pte, satp};

const ILLEGAL: u64 = 2;
const VIRTUAL: u64 = 22;
/// Root of the G-stage, 16 KiB.
const G_ROOT: u64 = DATA;
/// Root of the first stage.
const ROOT: u64 = DATA + 0x4000;
const MIDDLE: u64 = DATA + 0x5000;
const LAST: u64 = DATA + 0x6000;
/// A virtual address whose page is mapped through all three levels.
const VA: u64 = 0x4000_0000;
const PAGE: u64 = DATA + 0x10_0000;
const FULL: u64 = pte::V | pte::R | pte::W | pte::X | pte::A | pte::D;

fn entry(at: u64, flags: u64) -> u64 {
    at >> 12 << 10 | flags
}

/// Code and tables identity-mapped by gigapages in both stages; [`VA`] maps to [`PAGE`] with `flags` in the first stage.
fn translated(flags: u64) -> Rig {
    let mut rig = Rig::default();
    rig.store(G_ROOT + 2 * 8, entry(0x8000_0000, FULL | pte::U));
    rig.store(ROOT + 2 * 8, entry(0x8000_0000, FULL));
    rig.store(ROOT + 8, entry(MIDDLE, pte::V));
    rig.store(MIDDLE, entry(LAST, pte::V));
    rig.store(LAST, entry(PAGE, flags));
    rig.set(csr::HGATP, satp::SV39 | G_ROOT >> 12);
    rig.set(csr::VSATP, satp::SV39 | ROOT >> 12);
    rig.set(csr::SATP, satp::SV39 | ROOT >> 12);
    rig.hart.state.x[10] = VA;
    rig
}

fn code_of(outcome: Option<(Mode, u64)>) -> Option<u64> {
    outcome.map(|(_, code)| code)
}

/// "htval": zero on every trap into HS that is not a guest-page fault, so that nothing stale stays.
#[test]
fn htval_is_written_by_every_trap() {
    let mut rig = translated(FULL);
    rig.hart.state.x[10] = 0x1000;
    rig.set(csr::VSATP, 0);
    assert_eq!(rig.raises(VS, asm::lw(A1, A0, 0)), Some((HS, 21)));
    assert_eq!((rig.get(csr::HTVAL), rig.get(csr::STVAL)), (0x1000 >> 2, 0x1000));
    assert_eq!(rig.raises(VS, asm::ecall()), Some((HS, 10)));
    assert_eq!((rig.get(csr::HTVAL), rig.get(csr::HTINST)), (0, 0));
}

/// "Guest Physical Address Translation": a fault of the walk itself keeps the original access type, and needs a pseudoinstruction.
#[test]
fn faults_of_the_walk_are_pseudoinstructions() {
    for (raw, code) in [(asm::lw(A1, A0, 0), 21), (asm::sw(A1, A0, 0), 23), (asm::jalr(ZERO, A0, 0), 20)] {
        let mut rig = translated(FULL);
        rig.store(ROOT + 8, entry(0x1000, pte::V));
        rig.run(VS, raw);
        if code == 20 {
            rig.hart.step(&mut rig.memory);
        }
        assert_eq!(rig.outcome(), Some((HS, code)));
        assert_eq!((rig.get(csr::HTVAL), rig.get(csr::STVAL)), (0x1000 >> 2, VA));
        assert_eq!(rig.get(csr::HTINST), 0x3000, "a read, even for a store");
    }
}

/// The update of a VS-stage entry is a store to guest memory: 0x3020 when the G-stage denies it.
#[test]
fn denied_updates_are_writes() {
    let mut rig = translated(pte::V | pte::R | pte::W | pte::D);
    rig.set(csr::MENVCFG, menvcfg::ADUE);
    rig.set(csr::HENVCFG, menvcfg::ADUE);
    rig.store(G_ROOT + 2 * 8, entry(0x8000_0000, FULL & !pte::W | pte::U));
    assert_eq!(rig.raises(VS, asm::lw(A1, A0, 0)), Some((HS, 21)));
    assert_eq!((rig.get(csr::HTINST), rig.get(csr::HTVAL)), (0x3020, LAST >> 2));
}

/// Svade and Svadu ("menvcfg", "henvcfg"): four combinations, and D only for stores.
#[test]
fn accessed_and_dirty_bits() {
    for (machine, hypervisor) in [(false, false), (true, false), (true, true)] {
        let bit = |on| if on { menvcfg::ADUE } else { 0 };
        for (raw, marked) in [(asm::lw(A1, A0, 0), pte::A), (asm::sw(A1, A0, 0), pte::A | pte::D)] {
            let mut rig = translated(pte::V | pte::R | pte::W);
            rig.set(csr::MENVCFG, bit(machine));
            rig.set(csr::HENVCFG, bit(hypervisor));
            let faults = rig.raises(VS, raw).is_some();
            assert_eq!(faults, !(machine && hypervisor));
            let expected = if faults { 0 } else { marked };
            assert_eq!(rig.load(LAST) & (pte::A | pte::D), expected);
        }
    }
    let mut rig = Rig::default();
    rig.set(csr::HENVCFG, menvcfg::ADUE | menvcfg::STCE);
    assert_eq!(rig.get(csr::HENVCFG), 0, "read-only 0 while menvcfg has them 0");
}

/// "hstatus": GVA exactly when stval is a guest virtual address.
#[test]
fn gva() {
    let mut rig = translated(0);
    assert_eq!(rig.raises(HS, asm::hlv_w(A1, A0)), Some((HS, 13)));
    assert_eq!(rig.get(csr::HSTATUS) & (hstatus::GVA | hstatus::SPV), hstatus::GVA);
    assert_eq!(rig.raises(VS, asm::ecall()), Some((HS, 10)));
    assert_eq!(rig.get(csr::HSTATUS) & (hstatus::GVA | hstatus::SPV | hstatus::SPVP), hstatus::SPV | hstatus::SPVP);
    assert_eq!(rig.raises(VS, 0), Some((HS, ILLEGAL)));
    assert_eq!(rig.get(csr::HSTATUS) & hstatus::GVA, 0);
}

/// "Guest-Page Faults": a straddling access reports the page boundary, and the offset in the transformed instruction.
#[test]
fn straddling_accesses_report_the_boundary() {
    let mut rig = translated(FULL);
    rig.hart.state.x[10] = VA + 0xffc;
    assert_eq!(rig.raises(VS, asm::ld(A1, A0, 0)), Some((HS, 13)));
    assert_eq!(rig.get(csr::STVAL), VA + 0x1000);
    assert_eq!(rig.get(csr::HTINST) >> 15 & 31, 4);
}

/// "HLV…": HLVX needs X in place of R, and its faults are load faults.
#[test]
fn hlvx_reads_what_is_executable() {
    let user = pte::V | pte::A | pte::U;
    let mut rig = translated(user | pte::X);
    assert_eq!(rig.raises(HS, asm::hlvx_wu(A1, A0)), None);
    assert_eq!(rig.raises(HS, asm::hlv_w(A1, A0)), Some((HS, 13)));
    let mut rig = translated(user | pte::R | pte::W | pte::D);
    assert_eq!(rig.raises(HS, asm::hlvx_wu(A1, A0)), Some((HS, 13)));
}

/// "Two-Stage Address Translation": vsstatus.MXR opens X-only pages in the VS-stage only, sstatus.MXR in both.
#[test]
fn mxr_reaches_its_own_stages() {
    let x_only = pte::V | pte::X | pte::A;
    for (stage_g, host, guest, fault) in [
        (false, false, false, Some(13)),
        (false, false, true, None),
        (false, true, false, None),
        (true, false, true, Some(21)),
        (true, true, false, None),
    ] {
        let mut rig = translated(if stage_g { FULL } else { x_only });
        if stage_g {
            // The page itself through a G-stage leaf of its own, outside the gigapage.
            rig.store(LAST, entry(0x1000, FULL));
            rig.store(G_ROOT, entry(DATA + 0x7000, pte::V));
            rig.store(DATA + 0x7000, entry(DATA + 0x8000, pte::V));
            rig.store(DATA + 0x8008, entry(PAGE, x_only | pte::U));
        }
        rig.set(csr::MSTATUS, mstatus::FS | if host { mstatus::MXR } else { 0 });
        rig.set(csr::VSSTATUS, if guest { mstatus::MXR } else { 0 });
        assert_eq!(code_of(rig.raises(VS, asm::lw(A1, A0, 0))), fault, "{stage_g} {host} {guest}");
    }
}

/// "hgatp": PPN[1:0] read 0; an unsupported MODE leaves the other fields writable. "satp": it voids the whole write.
#[test]
fn translation_registers_are_warl() {
    let mut rig = Rig::default();
    rig.set(csr::HGATP, satp::SV39 | 7);
    assert_eq!(rig.get(csr::HGATP), satp::SV39 | 4);
    rig.set(csr::HGATP, 5 << 60 | 0x40);
    assert_eq!(rig.get(csr::HGATP), satp::SV39 | 0x40);
    rig.set(csr::SATP, satp::SV39 | 7);
    rig.set(csr::SATP, 5 << 60 | 8);
    assert_eq!(rig.get(csr::SATP), satp::SV39 | 7);
}

/// "Trap Cause Codes" and "CSR Address Mapping Conventions": which exception a CSR access from each mode gets.
#[test]
fn csr_access_by_mode() {
    let cases: [(u16, [Option<u64>; 5]); 7] = [
        // M, HS, U, VS, VU
        (csr::MSTATUS, [None, Some(ILLEGAL), Some(ILLEGAL), Some(ILLEGAL), Some(ILLEGAL)]),
        (csr::SSCRATCH, [None, None, Some(ILLEGAL), None, Some(VIRTUAL)]),
        (csr::HTVAL, [None, None, Some(ILLEGAL), Some(VIRTUAL), Some(VIRTUAL)]),
        (csr::VSSCRATCH, [None, None, Some(ILLEGAL), Some(VIRTUAL), Some(VIRTUAL)]),
        (csr::HGEIP, [None, None, Some(ILLEGAL), Some(VIRTUAL), Some(VIRTUAL)]),
        (csr::FCSR, [None; 5]),
        (0x7ff, [Some(ILLEGAL); 5]),
    ];
    for (number, outcomes) in cases {
        for (mode, outcome) in Mode::ALL.into_iter().zip(outcomes) {
            let raised = Rig::default().raises(mode, asm::csrrs(A0, number, ZERO));
            assert_eq!(code_of(raised), outcome, "{number:#x} from {mode:?}");
        }
    }
    let write = Rig::default().raises(VS, asm::csrrw(ZERO, csr::HGEIP, A0));
    assert_eq!(code_of(write), Some(ILLEGAL), "a write to a read-only CSR is illegal in every mode");
}

/// "Trap Cause Codes": what menvcfg or mcounteren keep from HS-mode too is not HS-qualified, so it is illegal in a guest, not virtual.
#[test]
fn timers_that_are_shut_by_machine_mode_are_illegal_in_a_guest() {
    for (stce, tm) in [(false, false), (true, false), (false, true), (true, true)] {
        for (mode, number) in [(VU, csr::STIMECMP), (VS, csr::VSTIMECMP), (VU, csr::VSTIMECMP)] {
            let mut rig = Rig::default();
            rig.set(csr::MENVCFG, if stce { menvcfg::STCE } else { 0 });
            rig.set(csr::MCOUNTEREN, if tm { 2 } else { 0 });
            let expected = if stce && tm { VIRTUAL } else { ILLEGAL };
            let raised = rig.raises(mode, asm::csrrs(A0, number, ZERO));
            assert_eq!(code_of(raised), Some(expected), "{number:#x} from {mode:?}");
        }
    }
    let mut rig = Rig::default();
    rig.set(csr::MSTATUS, mstatus::TVM);
    assert_eq!(code_of(rig.raises(VU, asm::csrrs(A0, csr::SATP, ZERO))), Some(VIRTUAL), "TVM is taken to be clear");
}

/// "VS CSRs": at V=1 the S-level numbers mean the VS-level registers, all of them.
#[test]
fn supervisor_numbers_mean_vs_registers_in_a_guest() {
    for (number, actual) in [
        (csr::SSCRATCH, csr::VSSCRATCH),
        (csr::STVEC, csr::VSTVEC),
        (csr::SEPC, csr::VSEPC),
        (csr::SCAUSE, csr::VSCAUSE),
        (csr::STVAL, csr::VSTVAL),
    ] {
        let mut rig = Rig::default();
        let before = rig.get(number);
        rig.hart.state.x[10] = 0x1234_5678;
        assert_eq!(rig.raises(VS, asm::csrrw(ZERO, number, A0)), None);
        assert_eq!((rig.get(number), rig.get(actual)), (before, 0x1234_5678), "{number:#x}");
    }
}

/// "Wait for Interrupt": TW wins over everything; then the mode; then VTW.
#[test]
fn wfi() {
    let outcome = |mode, tw, vtw| {
        let mut rig = Rig::default();
        rig.set(csr::MSTATUS, if tw { mstatus::TW } else { 0 });
        rig.set(csr::HSTATUS, if vtw { hstatus::VTW } else { 0 });
        code_of(rig.raises(mode, asm::wfi()))
    };
    for vtw in [false, true] {
        for mode in [HS, U, VS, VU] {
            assert_eq!(outcome(mode, true, vtw), Some(ILLEGAL), "{mode:?}");
        }
        assert_eq!(outcome(U, false, vtw), Some(ILLEGAL));
        assert_eq!(outcome(VU, false, vtw), Some(VIRTUAL));
    }
    assert_eq!((outcome(VS, false, true), outcome(VS, false, false)), (Some(VIRTUAL), None));
    assert_eq!((outcome(HS, false, true), outcome(M, true, true)), (None, None));
}

/// "Trap Return": MPV counts only when MPP is not M; both are reset; MPRV goes when the mode gets below M.
#[test]
fn mret() {
    for (mpp, mpv, mode) in [(3, true, M), (1, true, VS), (0, true, VU), (1, false, HS), (0, false, U)] {
        let mut rig = Rig::default();
        let mpv = if mpv { mstatus::MPV } else { 0 };
        rig.set(csr::MSTATUS, mpp << mstatus::MPP_SHIFT | mpv | mstatus::MPRV | mstatus::MPIE);
        rig.set(csr::MEPC, CODE + 0x100);
        assert_eq!(rig.raises(M, asm::mret()), None);
        assert_eq!((rig.hart.state.mode, rig.hart.state.pc), (mode, CODE + 0x100));
        let status = rig.get(csr::MSTATUS);
        assert_eq!(status & (mstatus::MPP | mstatus::MPV), 0);
        assert_eq!(status & mstatus::MPRV != 0, mode == M);
        assert_eq!(status & (mstatus::MIE | mstatus::MPIE), mstatus::MIE | mstatus::MPIE);
    }
}

/// "mip and mie", "hvip, hip, hie": VSSIP is one bit; VSTIP and VSEIP are read-only outside of hvip; vsip shows them shifted.
#[test]
fn interrupt_aliases() {
    let mut rig = Rig::default();
    rig.set(csr::MIP, u64::MAX);
    assert_eq!(rig.get(csr::MIP), mip::SSIP | mip::VSSIP | mip::STIP | mip::SEIP | mip::LCOFIP);
    assert_eq!((rig.get(csr::HVIP), rig.get(csr::HIP)), (mip::VSSIP, mip::VSSIP));
    rig.set(csr::HVIP, u64::MAX);
    assert_eq!(rig.get(csr::HIP), mip::VSSIP | mip::VSTIP | mip::VSEIP);
    assert_eq!((rig.get(csr::VSIP), rig.get(csr::SIP)), (0, 0), "nothing is delegated");
    rig.set(csr::HIDELEG, u64::MAX);
    assert_eq!((rig.get(csr::HIDELEG), rig.get(csr::VSIP)), (0x444, 0x222));
    rig.set(csr::MIDELEG, 0);
    assert_eq!(rig.get(csr::MIDELEG), 0x444, "VS-level interrupts are always delegated by M");
}

/// "hedeleg": what can't go to a guest is read-only 0.
#[test]
fn hedeleg_bits() {
    let mut rig = Rig::default();
    rig.set(csr::HEDELEG, u64::MAX);
    let value = rig.get(csr::HEDELEG);
    assert_eq!(value & (7 << 9 | 1 << 16 | 0xf << 20), 0);
    assert_eq!(value & 0xb1fe, 0xb1fe);
}

/// "vsstatus": FS off in either register is an illegal instruction, never a virtual one; a change marks both.
#[test]
fn floating_point_state_of_a_guest() {
    for (host, guest) in [(0, mstatus::FS), (mstatus::FS, 0)] {
        let mut rig = Rig::default();
        rig.set(csr::MSTATUS, host);
        rig.set(csr::VSSTATUS, guest);
        assert_eq!(code_of(rig.raises(VS, asm::fadd_d(0, 1, 2))), Some(ILLEGAL));
    }
    let mut rig = Rig::default();
    rig.set(csr::MSTATUS, 1 << 13);
    rig.set(csr::VSSTATUS, 1 << 13);
    assert_eq!(rig.raises(VS, asm::fadd_d(0, 1, 2)), None);
    assert_eq!((rig.get(csr::MSTATUS) & mstatus::FS, rig.get(csr::VSSTATUS) & mstatus::FS), (3 << 13, 3 << 13));
}

/// "hcounteren": mcounteren refuses with 2, hcounteren with 22, scounteren by the kind of user.
#[test]
fn counters_are_opened_level_by_level() {
    for bits in 0..8u64 {
        let (m, h, s) = (bits & 1 != 0, bits & 2 != 0, bits & 4 != 0);
        let outcome = |mode| {
            let mut rig = Rig::default();
            rig.set(csr::MCOUNTEREN, m.into());
            rig.set(csr::HCOUNTEREN, h.into());
            rig.set(csr::SCOUNTEREN, s.into());
            code_of(rig.raises(mode, asm::csrrs(A0, csr::CYCLE, ZERO)))
        };
        let unless = |open: bool, code| if open { None } else { Some(code) };
        assert_eq!(outcome(HS), unless(m, ILLEGAL));
        assert_eq!(outcome(U), unless(m && s, ILLEGAL));
        assert_eq!(outcome(VS), if m { unless(h, VIRTUAL) } else { Some(ILLEGAL) });
        assert_eq!(outcome(VU), if m { unless(h && s, VIRTUAL) } else { Some(ILLEGAL) });
    }
}

/// "Hardware Performance Monitor": a write to minstret takes the place of its own increment; a trap doesn't count.
#[test]
fn minstret() {
    let mut rig = Rig::default();
    rig.hart.state.x[10] = 100;
    assert!(matches!(rig.run(M, asm::csrrw(ZERO, csr::MINSTRET, A0)), StepEvent::Retired { .. }));
    assert_eq!(rig.get(csr::MINSTRET), 100);
    rig.run(M, asm::addi(0, 0, 0));
    assert_eq!(rig.get(csr::MINSTRET), 101);
    rig.raises(HS, asm::ecall());
    assert_eq!(rig.get(csr::MINSTRET), 101);
}

/// "sstatus": SUM lets S reach user data, never user code; it takes effect without a fence.
#[test]
fn sum() {
    let mut rig = translated(FULL | pte::U);
    assert_eq!(code_of(rig.raises(HS, asm::lw(A1, A0, 0))), Some(13));
    rig.set(csr::MSTATUS, mstatus::SUM);
    assert_eq!(rig.raises(HS, asm::lw(A1, A0, 0)), None);
    rig.run(HS, asm::jalr(ZERO, A0, 0));
    rig.hart.step(&mut rig.memory);
    assert_eq!(rig.outcome(), Some((HS, 12)));
    rig.set(csr::MSTATUS, 0);
    assert_eq!(code_of(rig.raises(HS, asm::lw(A1, A0, 0))), Some(13));
}

/// "Memory Privilege in mstatus": MPRV redirects loads and stores of M-mode, with both stages if MPV is set and MPP is not M.
#[test]
fn mprv() {
    let mut rig = translated(FULL);
    rig.store(PAGE, 0x1234);
    rig.set(csr::MSTATUS, mstatus::MPRV | mstatus::MPV | 1 << mstatus::MPP_SHIFT);
    assert_eq!(rig.raises(M, asm::ld(A1, A0, 0)), None);
    assert_eq!(rig.hart.state.x[11], 0x1234);
    rig.set(csr::MSTATUS, mstatus::MPRV | mstatus::MPV | 3 << mstatus::MPP_SHIFT);
    assert_eq!(rig.raises(M, asm::ld(A1, A0, 0)), Some((M, 5)), "MPP = M: the address is physical");
}

/// "Zicsr": CSRRS and CSRRC with x0 never write; a register that holds 0 does.
#[test]
fn csr_instructions_write_by_their_operand() {
    let mut rig = Rig::default();
    assert_eq!(rig.raises(M, asm::csrrs(A0, csr::CYCLE, ZERO)), None);
    rig.hart.state.x[11] = 0;
    assert_eq!(rig.raises(M, asm::csrrs(A0, csr::CYCLE, A1)), Some((M, ILLEGAL)));
    assert_eq!(rig.raises(M, asm::csrrci(A0, csr::CYCLE, 0)), None);
    assert_eq!(rig.get(csr::MTVAL), u64::from(asm::csrrs(A0, csr::CYCLE, A1)));
}

/// "stval" of a handler in HS is reached with SPP and SIE stacked.
#[test]
fn the_supervisor_stack() {
    let mut rig = Rig::default();
    rig.set(csr::MSTATUS, mstatus::SIE);
    assert_eq!(rig.raises(U, asm::ecall()), Some((HS, 8)));
    assert_eq!(rig.get(csr::SSTATUS) & (mstatus::SIE | mstatus::SPIE | mstatus::SPP), mstatus::SPIE);
    rig.set(csr::SEPC, CODE + 4);
    rig.program(HS_HANDLER, &[asm::sret()]);
    rig.resume(HS, HS_HANDLER);
    assert_eq!((rig.hart.state.mode, rig.hart.state.pc), (U, CODE + 4));
    assert_eq!(rig.get(csr::SSTATUS) & (mstatus::SIE | mstatus::SPIE), mstatus::SIE | mstatus::SPIE);
}

/// "mseccfg" (Smepmp): MML and MMWP stay; in lockdown no rule that lets M-mode execute can be added; RLB opens locked entries, and can't be
/// set any more once it is clear and an entry is locked.
#[test]
fn lockdown_can_not_be_undone() {
    let (open, locked) = (pmpcfg::A_NAPOT | pmpcfg::R | pmpcfg::W | pmpcfg::X, pmpcfg::L | pmpcfg::A_NAPOT | pmpcfg::R);
    let mut rig = Rig::default();
    rig.set(csr::MSECCFG, mseccfg::RLB);
    rig.set(csr::PMPCFG0, u64::from(open) | u64::from(locked) << 8);
    rig.set(csr::PMPCFG0, u64::from(open));
    assert_eq!(rig.get(csr::PMPCFG0), u64::from(open), "RLB opens locked entries");
    rig.set(csr::PMPCFG0, u64::from(open) | u64::from(locked) << 8);
    rig.set(csr::MSECCFG, mseccfg::MML | mseccfg::MMWP);
    rig.set(csr::MSECCFG, mseccfg::RLB);
    assert_eq!(rig.get(csr::MSECCFG), mseccfg::MML | mseccfg::MMWP);
    let before = rig.get(csr::PMPCFG0);
    for executable in [pmpcfg::X, pmpcfg::R | pmpcfg::X, pmpcfg::W, pmpcfg::W | pmpcfg::X] {
        rig.set(csr::PMPCFG0, before | u64::from(pmpcfg::L | pmpcfg::A_NAPOT | executable) << 16);
        assert_eq!(rig.get(csr::PMPCFG0), before, "{executable:#x}");
    }
    rig.set(csr::PMPCFG0, 0);
    assert_eq!(rig.get(csr::PMPCFG0) >> 8 & 0xff, u64::from(locked), "a locked entry stays");
}

/// "Sscofpmf": a counter that wraps sets OF and the interrupt once; scountovf shows it where mcounteren lets the mode read it.
#[test]
fn counters_that_overflow_tell() {
    let mut rig = Rig::default();
    rig.set(csr::MHPMEVENT3, 1);
    rig.set(csr::MHPMCOUNTER3, (-3i64) as u64);
    rig.program(CODE, &[asm::addi(0, 0, 0); 8]);
    rig.hart.state.pc = CODE;
    rig.hart.refresh();
    rig.hart.run(&mut rig.memory, 2);
    assert_eq!((rig.get(csr::MHPMEVENT3), rig.get(csr::MIP) & mip::LCOFIP), (1, 0), "not yet");
    rig.hart.run(&mut rig.memory, 6);
    assert_eq!((rig.get(csr::MHPMEVENT3), rig.get(csr::MIP) & mip::LCOFIP), (mhpmevent::OF | 1, mip::LCOFIP));
    assert_eq!(rig.get(csr::SCOUNTOVF), 1 << 3);
    rig.hart.state.mode = HS;
    assert_eq!(rig.get(csr::SCOUNTOVF), 0, "mcounteren is 0");
    rig.set(csr::MCOUNTEREN, 1 << 3);
    assert_eq!(rig.get(csr::SCOUNTOVF), 1 << 3);
    // It raises no second interrupt until OF is cleared.
    rig.hart.state.mode = M;
    rig.set(csr::MIP, 0);
    rig.set(csr::MHPMCOUNTER3, (-1i64) as u64);
    rig.hart.run(&mut rig.memory, 8);
    assert_eq!(rig.get(csr::MIP) & mip::LCOFIP, 0);
}

/// "Sscofpmf", "Smcntrpmf": filters make counters stand still in modes.
#[test]
fn counters_are_filtered_by_mode() {
    for (mode, filter) in [
        (M, mhpmevent::MINH),
        (HS, mhpmevent::SINH),
        (U, mhpmevent::UINH),
        (VS, mhpmevent::VSINH),
        (VU, mhpmevent::VUINH),
    ] {
        for (counter, config) in
            [(csr::MCYCLE, csr::MCYCLECFG), (csr::MINSTRET, csr::MINSTRETCFG), (csr::MHPMCOUNTER3, csr::MHPMEVENT3)]
        {
            for counts in [true, false] {
                let mut rig = Rig::default();
                let event = if config == csr::MHPMEVENT3 { 2 } else { 0 };
                // mret, so that the mode changes as software changes it.
                rig.set(config, event | if counts { 0 } else { filter });
                let privilege = u64::from(mode.privilege()) << mstatus::MPP_SHIFT;
                rig.set(csr::MSTATUS, mstatus::FS | privilege | if mode.virt() { mstatus::MPV } else { 0 });
                rig.set(csr::MEPC, CODE + 4);
                rig.program(CODE, &[asm::mret(), asm::addi(0, 0, 0), asm::addi(0, 0, 0), asm::addi(0, 0, 0)]);
                rig.resume(M, CODE);
                let before = rig.get(counter);
                rig.hart.step(&mut rig.memory);
                rig.hart.step(&mut rig.memory);
                assert_eq!(rig.hart.state.mode, mode);
                assert_eq!(rig.get(counter) - before, if counts { 2 } else { 0 }, "{mode:?}, CSR {counter:#x}");
            }
        }
    }
}
