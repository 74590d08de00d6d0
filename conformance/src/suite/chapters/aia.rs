//! The Advanced Interrupt Architecture's CSRs: selection by priority numbers, virtual interrupts, and who may access what (chapters
//! "Control and Status Registers", "Interrupts for Machine and Supervisor Levels", "Interrupts for Virtual Machines").

use rv_hart::Mode;
use rv_isa::asm::{self, A1, A2, ZERO};
use rv_isa::cause::{ILLEGAL_INSTRUCTION, VIRTUAL_INSTRUCTION};
use rv_isa::fields::{hvictl, menvcfg, mip, mstatus, stateen};
use rv_isa::{Isa, csr};

use crate::suite::case::{Case, Level, What, case};

const INTERRUPT: u64 = 1 << 63;
const GUEST: u64 = mip::VSSIP | mip::VSTIP | mip::VSEIP;
const SUPERVISOR: u64 = mip::SSIP | mip::STIP | mip::SEIP;

/// All cases: they hold with an IMSIC and without.
pub fn cases() -> Vec<Case> {
    let mut cases = tops();
    cases.extend(priorities());
    cases.extend(guest_tops());
    cases.extend(given());
    cases.extend(filtered());
    cases.extend(windows());
    cases.extend(enables());
    cases
}

/// What is true without an IMSIC: xtopei don't exist, and windows show nothing of interrupt files.
pub fn without_imsic() -> Vec<Case> {
    let section = "AIA: CSRs; Hypervisor and VS CSRs";
    let read = |number: u16, mode: Mode| {
        let name = format!("{} without an IMSIC", csr::name(number).unwrap_or_default());
        of(name, section, mode).run(asm::csrrs(A1, number, ZERO))
    };
    let mut cases = vec![
        read(csr::MTOPEI, Mode::M).traps(Level::M, ILLEGAL_INSTRUCTION),
        read(csr::STOPEI, Mode::M).traps(Level::M, ILLEGAL_INSTRUCTION),
        read(csr::STOPEI, Mode::HS).traps(Level::M, ILLEGAL_INSTRUCTION),
        read(csr::STOPEI, Mode::VS).traps(Level::M, VIRTUAL_INSTRUCTION),
        read(csr::VSTOPEI, Mode::HS).needs(Isa::H).traps(Level::M, ILLEGAL_INSTRUCTION),
        read(csr::VSTOPEI, Mode::VS).traps(Level::M, VIRTUAL_INSTRUCTION),
    ];
    for select in [0x70, 0x72, 0x80, 0xc0] {
        cases.push(read(csr::MIREG, Mode::M).set(csr::MISELECT, select).traps(Level::M, ILLEGAL_INSTRUCTION));
        cases.push(read(csr::SIREG, Mode::HS).set(csr::SISELECT, select).traps(Level::M, ILLEGAL_INSTRUCTION));
        cases.push(read(csr::SIREG, Mode::VS).set(csr::VSISELECT, select).traps(Level::M, VIRTUAL_INSTRUCTION));
    }
    cases
}

/// A case on a hart with Smaia.
fn of(name: impl Into<String>, section: &'static str, mode: Mode) -> Case {
    case(name, section, mode).needs(Isa::Smaia)
}

/// A snippet over whose first instruction an interrupt may come.
fn nops(case: Case) -> Case {
    case.run(asm::addi(ZERO, ZERO, 0)).run(asm::addi(ZERO, ZERO, 0))
}

fn at_once(case: Case, level: Level, code: u64) -> Case {
    nops(case).traps_at(0, level, INTERRUPT | code)
}

/// mtopi and stopi name what is pending and enabled, whatever is enabled globally.
fn tops() -> Vec<Case> {
    let section = "AIA: Machine top interrupt CSR; Supervisor top interrupt CSR";
    let top = |name: &str, mideleg: u64, mie: u64, number: u16, expected: u64| {
        let case = of(name, section, Mode::M).set(csr::MIDELEG, mideleg).set(csr::MIE, mie).set(csr::MIP, SUPERVISOR);
        nops(case).completes().csr(number, expected)
    };
    let external = |name: &str, mideleg: u64, number: u16| {
        let case = of(name, section, Mode::M).set(csr::MIDELEG, mideleg).set(csr::MIE, SUPERVISOR);
        let case = nops(case.set(csr::MIP, SUPERVISOR)).completes();
        case.expect_masked(What::Csr(number), 0xfff << 16, &[9 << 16])
    };
    vec![
        top("mtopi is 0 if nothing is enabled", 0, 0, csr::MTOPI, 0),
        top("mtopi is 0 for what is delegated", SUPERVISOR, SUPERVISOR, csr::MTOPI, 0),
        top("mtopi by default order", 0, mip::SSIP | mip::STIP, csr::MTOPI, 1 << 16 | 255),
        top("mtopi of one", 0, mip::STIP, csr::MTOPI, 5 << 16 | 255),
        external("mtopi of an external interrupt", 0, csr::MTOPI),
        top("stopi is 0 for what is M's", 0, SUPERVISOR, csr::STOPI, 0),
        top("stopi by default order", SUPERVISOR, mip::SSIP | mip::STIP, csr::STOPI, 1 << 16 | 255),
        external("stopi of an external interrupt that software made has the last number", SUPERVISOR, csr::STOPI)
            .csr(csr::STOPI, 9 << 16 | 255),
        of("stopi shows VS-level interrupts for HS", section, Mode::M)
            .needs(Isa::H)
            .set(csr::HIE, GUEST)
            .set(csr::HVIP, GUEST)
            .run(asm::addi(ZERO, ZERO, 0))
            .completes()
            .csr(csr::STOPI, 10 << 16 | 255),
    ]
}

/// Priority numbers of major interrupts: kept, shown, and obeyed when interrupts are taken.
fn priorities() -> Vec<Case> {
    let section = "AIA: Configuring priorities of major interrupts at machine level, at supervisor level";
    let mut cases = Vec::new();
    for (select, window, top, mideleg, level) in [
        (csr::MISELECT, csr::MIREG, csr::MTOPI, 0, Level::M),
        (csr::SISELECT, csr::SIREG, csr::STOPI, SUPERVISOR, Level::HS),
    ] {
        let name = csr::name(window).unwrap_or_default();
        let numbered = |name: String, software: u64, timer: u64, mode: Mode| {
            of(name, section, mode)
                .set(select, 0x30)
                .set(window, timer << 40 | software << 8)
                .set(csr::MIDELEG, mideleg)
                .set(csr::MIE, mip::SSIP | mip::STIP)
                .set(csr::MIP, mip::SSIP | mip::STIP)
        };
        for (software, timer, code, number) in
            [(2, 1, 5, 1), (1, 2, 1, 1), (7, 7, 1, 7), (0, 9, 5, 9), (255, 0, 1, 255)]
        {
            let what = |what: &str| format!("{name}: numbers {software} and {timer}, {what}");
            let shown = nops(numbered(what("shown"), software, timer, Mode::M));
            cases.push(shown.completes().csr(top, code << 16 | number));
            cases.push(at_once(numbered(what("taken"), software, timer, Mode::U), level, code));
        }
        // The level's own external interrupt has its number from the controller.
        let own = if level == Level::M { 0xff << 24 } else { 0xff << 8 };
        let external = of(format!("{name}: none for the own external interrupt"), section, Mode::M);
        let external = external.set(select, 0x32).set(window, u64::MAX).run(asm::addi(ZERO, ZERO, 0)).completes();
        cases.push(external.expect_masked(What::Csr(window), own, &[0]));
        for odd in [0x31, 0x3f] {
            let absent = of(format!("{name}: {odd:#x} isn't there on RV64"), section, Mode::M).set(select, odd);
            cases.push(absent.run(asm::csrrs(A1, window, ZERO)).traps(Level::M, ILLEGAL_INSTRUCTION));
        }
    }
    cases
}

/// Interrupts of a guest: hviprio1 sets their priorities, vstopi names the first.
fn guest_tops() -> Vec<Case> {
    let section = "AIA: Configuring priorities of major interrupts at VS level; Virtual supervisor top interrupt CSR";
    let pending = |name: String, bits: u64, mode: Mode| {
        let case = of(name, section, mode).needs(Isa::H).set(csr::HIDELEG, GUEST).set(csr::HIE, GUEST);
        case.set(csr::HVIP, bits)
    };
    let mut cases = Vec::new();
    let shown = |case: Case, value: u64| nops(case).completes().csr(csr::VSTOPI, value);
    let both = mip::VSSIP | mip::VSTIP;
    cases.push(shown(pending("vstopi has number 1 unless IPRIOM is set".into(), both, Mode::M), 1 << 16 | 1));
    cases.push(shown(
        pending("vstopi by default order".into(), both, Mode::M).set(csr::HVICTL, hvictl::IPRIOM),
        1 << 16 | 255,
    ));
    cases.push(shown(
        pending("an external interrupt without a file has the last number".into(), GUEST, Mode::M)
            .set(csr::HVICTL, hvictl::IPRIOM),
        9 << 16 | 255,
    ));
    cases.push(shown(pending("vstopi is 0 for what hideleg keeps".into(), GUEST, Mode::M).set(csr::HIDELEG, 0), 0));
    for (software, timer, code, number) in [(2u64, 1u64, 5u64, 1u64), (1, 2, 1, 1), (7, 7, 1, 7), (0, 9, 5, 9)] {
        let numbered = |what: &str, mode: Mode| {
            pending(format!("hviprio1: numbers {software} and {timer}, {what}"), both, mode)
                .set(csr::HVIPRIO1, timer << 24 | software << 8)
                .set(csr::HVICTL, hvictl::IPRIOM)
        };
        cases.push(shown(numbered("shown", Mode::M), code << 16 | number));
        cases.push(at_once(numbered("taken", Mode::VU), Level::VS, code));
    }
    let read = pending("a guest's stopi is vstopi".into(), both, Mode::VS).run(asm::csrrs(A2, csr::STOPI, ZERO));
    cases.push(read.completes().reg(A2, 1 << 16 | 1));
    cases
}

/// hvictl: an interrupt that isn't in vsip, and what it keeps from the guest.
fn given() -> Vec<Case> {
    let section = "AIA: Virtual interrupts for VS level";
    let with = |name: &str, mode: Mode, fields: u64| {
        of(name.to_owned(), section, mode).needs(Isa::H).set(csr::HVICTL, hvictl::VTI | fields)
    };
    let number = |code: u64| code << hvictl::IID_SHIFT;
    let external = |case: Case| case.set(csr::HIDELEG, GUEST).set(csr::HIE, GUEST).set(csr::HVIP, mip::VSEIP);
    let shown = |case: Case, value: u64| nops(case).completes().csr(csr::VSTOPI, value);
    let mut cases = vec![
        at_once(with("any number is taken as it is", Mode::VU, number(13)), Level::VS, 13),
        at_once(with("number 2 is no VSSI", Mode::VU, number(2)), Level::VS, 2),
        at_once(with("number 1", Mode::VU, number(1)), Level::VS, 1),
        at_once(with("the largest of six bits", Mode::VU, number(63)), Level::VS, 63),
        nops(with("9 stands for none", Mode::VU, number(9))).completes(),
        nops(with("the guest has interrupts disabled", Mode::VS, number(5))).completes(),
        at_once(with("VS with interrupts", Mode::VS, number(5)).set(csr::VSSTATUS, mstatus::FS | 2), Level::VS, 5),
        nops(with("not outside of the guest", Mode::U, number(5))).completes(),
        with("hvictl ends WFI", Mode::VS, number(5)).run(asm::wfi()).completes(),
        shown(with("its number is shown", Mode::M, number(5) | hvictl::IPRIOM | 77), 5 << 16 | 77),
        shown(external(with("DPR 0 ranks above", Mode::M, number(5))), 5 << 16 | 1),
        shown(external(with("DPR 1 ranks below", Mode::M, number(5) | hvictl::DPR)), 9 << 16 | 1),
        shown(external(with("a number beats DPR", Mode::M, number(5) | hvictl::DPR | 255)), 5 << 16 | 1),
        shown(
            with("interrupts of vsip don't count", Mode::M, number(9))
                .set(csr::HIDELEG, GUEST)
                .set(csr::HIE, GUEST)
                .set(csr::HVIP, mip::VSSIP),
            0,
        ),
        shown(
            external(of("9 with a number gives it to the external interrupt", section, Mode::M).needs(Isa::H))
                .set(csr::HVICTL, number(9) | hvictl::IPRIOM | 40),
            9 << 16 | 40,
        ),
    ];
    for register in [csr::SIP, csr::SIE] {
        for raw in [asm::csrrs(A1, register, ZERO), asm::csrrw(ZERO, register, ZERO)] {
            cases
                .push(with("VTI keeps sip and sie", Mode::VS, number(9)).run(raw).traps(Level::M, VIRTUAL_INSTRUCTION));
            cases.push(with("HS has its own", Mode::HS, number(9)).run(raw).completes());
        }
    }
    let timer = |name: &str| {
        let case = with(name, Mode::VS, number(9)).needs(Isa::Sstc);
        case.set(csr::MENVCFG, menvcfg::STCE).set(csr::HENVCFG, menvcfg::STCE)
    };
    cases.push(timer("VTI lets stimecmp be read").run(asm::csrrs(A1, csr::STIMECMP, ZERO)).completes());
    let write = timer("VTI keeps stimecmp from writes").run(asm::csrrw(ZERO, csr::STIMECMP, ZERO));
    cases.push(write.traps(Level::M, VIRTUAL_INSTRUCTION));
    cases
}

/// mvien and mvip, hvien and hvip: interrupts that software passes on, or makes up.
fn filtered() -> Vec<Case> {
    let section =
        "AIA: Interrupt filtering and virtual interrupts for supervisor level; Virtual interrupts for VS level";
    let local = mip::LCOFIP;
    let of = |name: &str, mode: Mode| of(name.to_owned(), section, mode);
    let read = |case: Case, number: u16, mask: u64, value: u64| {
        case.run(asm::addi(ZERO, ZERO, 0)).completes().expect_masked(What::Csr(number), mask, &[value])
    };
    vec![
        read(of("mvien has no other bits below 13", Mode::M).set(csr::MVIEN, u64::MAX), csr::MVIEN, 0x1dfd, 0),
        read(of("mvip.SSIP is mip's", Mode::M).set(csr::MVIP, mip::SSIP), csr::MIP, mip::SSIP, mip::SSIP),
        read(of("mvip.STIP is mip's", Mode::M).set(csr::MVIP, mip::STIP), csr::MIP, mip::STIP, mip::STIP),
        read(of("mvip.SEIP is mip's", Mode::M).set(csr::MVIP, mip::SEIP), csr::MIP, mip::SEIP, mip::SEIP),
        read(
            of("mvip.STIP is 0 where stimecmp drives it", Mode::M)
                .needs(Isa::Sstc)
                .set(csr::MENVCFG, menvcfg::STCE)
                .set(csr::MVIP, u64::MAX),
            csr::MVIP,
            mip::STIP,
            0,
        ),
        read(of("filtered SEIP", Mode::M).set(csr::MVIEN, mip::SEIP).set(csr::MVIP, mip::SEIP), csr::MIP, mip::SEIP, 0),
        read(
            of("filtered SEIP, in sip", Mode::M).set(csr::MVIEN, mip::SEIP).set(csr::MVIP, mip::SEIP),
            csr::SIP,
            mip::SEIP,
            mip::SEIP,
        ),
        at_once(
            of("filtered SEI for HS", Mode::U)
                .set(csr::MVIEN, mip::SEIP)
                .set(csr::MVIP, mip::SEIP)
                .set(csr::SIE, mip::SEIP),
            Level::HS,
            9,
        ),
        nops(
            of("filtered SEI, not enabled", Mode::U)
                .set(csr::MVIEN, mip::SEIP)
                .set(csr::MVIP, mip::SEIP)
                .set(csr::SIE, 0),
        )
        .completes(),
        at_once(
            of("a made-up interrupt for HS", Mode::U).set(csr::MVIEN, local).set(csr::MVIP, local).set(csr::SIE, local),
            Level::HS,
            13,
        ),
        at_once(
            of("a made-up interrupt for a guest", Mode::VU)
                .set(csr::HVIEN, local)
                .set(csr::HVIP, local)
                .set(csr::VSIE, local),
            Level::VS,
            13,
        ),
        nops(
            of("and not where it isn't enabled", Mode::VU)
                .set(csr::HVIEN, local)
                .set(csr::HVIP, local)
                .set(csr::VSIE, 0),
        )
        .completes(),
        read(of("hvip is not mip", Mode::M).needs(Isa::H).set(csr::HVIP, local), csr::MIP, local, 0),
        read(of("hvien has no bits below 13", Mode::M).needs(Isa::H).set(csr::HVIEN, u64::MAX), csr::HVIEN, 0x1fff, 0),
    ]
}

/// sireg and vsireg for guests.
fn windows() -> Vec<Case> {
    let section = "AIA: Hypervisor and VS CSRs";
    let read = |number: u16, select: u64, mode: Mode| {
        let name = format!("{} with vsiselect {select:#x}", csr::name(number).unwrap_or_default());
        of(name, section, mode).needs(Isa::H).set(csr::VSISELECT, select).run(asm::csrrs(A1, number, ZERO))
    };
    let mut cases = Vec::new();
    for select in [0x30, 0x31, 0x3e, 0x70, 0x80, 0xc0] {
        cases.push(read(csr::SIREG, select, Mode::VS).traps(Level::M, VIRTUAL_INSTRUCTION));
        cases.push(read(csr::SIREG, select, Mode::VU).traps(Level::M, VIRTUAL_INSTRUCTION));
        cases.push(read(csr::VSIREG, select, Mode::VS).traps(Level::M, VIRTUAL_INSTRUCTION));
        cases.push(read(csr::VSIREG, select, Mode::VU).traps(Level::M, VIRTUAL_INSTRUCTION));
        cases.push(read(csr::VSIREG, select, Mode::HS).traps(Level::M, ILLEGAL_INSTRUCTION));
        cases.push(read(csr::VSIREG, select, Mode::M).traps(Level::M, ILLEGAL_INSTRUCTION));
        cases.push(read(csr::SIREG, select, Mode::U).traps(Level::M, ILLEGAL_INSTRUCTION));
    }
    let held = of("vsiselect holds nine bits", section, Mode::M).needs(Isa::H).set(csr::VSISELECT, 0x1ff);
    cases.push(held.run(asm::addi(ZERO, ZERO, 0)).completes().csr(csr::VSISELECT, 0x1ff));
    let own = of("a guest's siselect is vsiselect", section, Mode::VS).set(csr::VSISELECT, 0x123);
    cases.push(own.run(asm::csrrs(A1, csr::SISELECT, ZERO)).completes().reg(A1, 0x123));
    cases
}

/// Bits AIA and CSRIND of mstateen0 and hstateen0.
fn enables() -> Vec<Case> {
    let section = "AIA: Access control by the state-enable CSRs";
    let mut cases = Vec::new();
    let registers = [
        (csr::STOPI, stateen::AIA),
        (csr::SISELECT, stateen::CSRIND),
        (csr::HVIEN, stateen::AIA),
        (csr::HVICTL, stateen::AIA),
        (csr::HVIPRIO1, stateen::AIA),
        (csr::HVIPRIO2, stateen::AIA),
        (csr::VSTOPI, stateen::AIA),
        (csr::VSISELECT, stateen::CSRIND),
    ];
    for (number, bit) in registers {
        let raw = asm::csrrs(A1, number, ZERO);
        let of = |what: &str, mode: Mode| {
            let name = format!("{} {what}", csr::name(number).unwrap_or_default());
            of(name, section, mode).needs(Isa::Smstateen).needs(Isa::H).run(raw)
        };
        let shut = of("shut by mstateen0, for HS", Mode::HS).set(csr::MSTATEEN0, !bit);
        cases.push(shut.traps(Level::M, ILLEGAL_INSTRUCTION));
        let shut = of("shut by mstateen0, for VS", Mode::VS).set(csr::MSTATEEN0, !bit);
        cases.push(shut.traps(Level::M, ILLEGAL_INSTRUCTION));
        if matches!(number, csr::STOPI | csr::SISELECT) {
            let shut = of("shut by hstateen0", Mode::VS).set(csr::HSTATEEN0, !bit);
            cases.push(shut.traps(Level::M, VIRTUAL_INSTRUCTION));
            cases.push(of("open beside it", Mode::VS).set(csr::HSTATEEN0, bit).completes());
        }
    }
    cases
}
