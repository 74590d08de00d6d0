//! Interrupts: pending and enable bits, delegation, priorities, and when they are taken.

use rv_hart::Mode;
use rv_isa::asm::{self, A0, A1, A2, ZERO};
use rv_isa::fields::{menvcfg, mip, mstatus};
use rv_isa::{Isa, csr};

use crate::suite::case::{Case, Level, What, case};
use crate::suite::layout::record;

const SECTION: &str = "Machine Interrupt Registers; H extension, Interrupts";
const INTERRUPT: u64 = 1 << 63;
const GUEST: u64 = mip::VSSIP | mip::VSTIP | mip::VSEIP;

/// All cases.
pub fn cases() -> Vec<Case> {
    let mut cases = taken();
    cases.extend(priorities());
    cases.extend(aliases());
    cases.extend(timers());
    cases.extend(vectors());
    cases
}

/// A snippet over whose first instruction the interrupt comes.
fn interrupted(name: impl Into<String>, mode: Mode) -> Case {
    case(name, SECTION, mode).run(asm::addi(ZERO, ZERO, 0)).run(asm::addi(ZERO, ZERO, 0))
}

fn at_once(case: Case, level: Level, code: u64) -> Case {
    case.traps_at(0, level, INTERRUPT | code).tval(0)
}

/// Whether software interrupts of S and VS are taken in each mode, by delegation and enables.
fn taken() -> Vec<Case> {
    let mut cases = Vec::new();
    for mode in Mode::ALL {
        for enabled in [false, true] {
            let what = if enabled { "globally enabled" } else { "globally disabled" };
            let global = if enabled { mstatus::MIE | mstatus::SIE } else { 0 };
            // mret puts MPIE into MIE; in M-mode the snippet itself decides.
            let stacked = if enabled { mstatus::MPIE | mstatus::SIE } else { 0 };
            let of = |name: String| interrupted(name, mode).set(csr::MIE, mip::SSIP).set(csr::MIP, mip::SSIP);
            let machine = of(format!("SSI for M, {what}")).set(csr::MSTATUS, mstatus::FS | stacked);
            cases.push(if mode == Mode::M && global == 0 {
                machine.completes()
            } else {
                at_once(machine, Level::M, 1)
            });
            let delegated =
                of(format!("SSI for HS, {what}")).set(csr::MSTATUS, mstatus::FS | stacked).set(csr::MIDELEG, mip::SSIP);
            let hs = match mode {
                Mode::M => false,
                Mode::HS => enabled,
                Mode::U | Mode::VS | Mode::VU => true,
            };
            cases.push(if hs { at_once(delegated, Level::HS, 1) } else { delegated.completes() });
            let guest_global = if enabled { mstatus::SIE } else { 0 };
            for hideleg in [0, GUEST] {
                let guest = interrupted(format!("VSSI with hideleg {hideleg:#x}, {what}"), mode)
                    .needs(Isa::H)
                    .set(csr::HIDELEG, hideleg)
                    .set(csr::HIE, mip::VSSIP)
                    .set(csr::HVIP, mip::VSSIP)
                    .set(csr::MSTATUS, mstatus::FS | stacked)
                    .set(csr::VSSTATUS, mstatus::FS | guest_global);
                cases.push(virtual_interrupt(guest, mode, hideleg != 0, enabled));
            }
        }
    }
    cases
}

/// VSSI: for HS under its own number, for VS under that of SSI, and never in a mode above.
fn virtual_interrupt(case: Case, mode: Mode, for_guest: bool, enabled: bool) -> Case {
    match (for_guest, mode) {
        (true, Mode::VU) => at_once(case, Level::VS, 1),
        (true, Mode::VS) if enabled => at_once(case, Level::VS, 1),
        (true, _) => case.completes(),
        (false, Mode::M) => case.completes(),
        (false, Mode::HS) if !enabled => case.completes(),
        (false, _) => at_once(case, Level::HS, 2),
    }
}

/// Of several the most urgent is taken: external, software, timer; M before HS before VS.
fn priorities() -> Vec<Case> {
    let mut cases = Vec::new();
    let order = [(9u64, mip::SEIP), (1, mip::SSIP), (5, mip::STIP)];
    for (index, (code, _)) in order.iter().enumerate() {
        let pending = order[index..].iter().fold(0, |bits, (_, bit)| bits | bit);
        for (level, mideleg) in [(Level::M, 0), (Level::HS, mip::SEIP | mip::SSIP | mip::STIP)] {
            let case = interrupted(format!("of {pending:#x} interrupt {code} comes first"), Mode::U);
            let case = case.set(csr::MIDELEG, mideleg).set(csr::MIE, pending).set(csr::MIP, pending);
            cases.push(at_once(case, level, *code));
        }
    }
    let order = [(10u64, mip::VSEIP), (2, mip::VSSIP), (6, mip::VSTIP)];
    for (index, (code, _)) in order.iter().enumerate() {
        let pending = order[index..].iter().fold(0, |bits, (_, bit)| bits | bit);
        for (level, hideleg) in [(Level::HS, 0), (Level::VS, GUEST)] {
            let case = interrupted(format!("of {pending:#x} virtual interrupt {code} comes first"), Mode::VU);
            let case = case.set(csr::HIDELEG, hideleg).set(csr::HIE, pending).set(csr::HVIP, pending);
            let seen = if level == Level::VS { code - 1 } else { *code };
            cases.push(at_once(case, level, seen));
        }
    }
    let both = |name: &str, mideleg| {
        interrupted(name, Mode::VU)
            .set(csr::MIDELEG, mideleg)
            .set(csr::HIDELEG, GUEST)
            .set(csr::MIE, mip::SSIP | mip::VSEIP)
            .set(csr::MIP, mip::SSIP)
            .set(csr::HVIP, mip::VSEIP)
    };
    cases.push(at_once(both("an interrupt for HS comes before one for VS", mip::SSIP), Level::HS, 1));
    cases.push(at_once(both("an interrupt for M comes before one for VS", 0), Level::M, 1));
    let machine = interrupted("an interrupt for M comes before a more urgent one for HS", Mode::U)
        .set(csr::MIDELEG, mip::SEIP)
        .set(csr::MIE, mip::SEIP | mip::STIP)
        .set(csr::MIP, mip::SEIP | mip::STIP);
    cases.push(at_once(machine, Level::M, 5));
    // Enabling takes effect at the next instruction.
    let enable = case("an interrupt is taken right after it is enabled", SECTION, Mode::HS)
        .set(csr::MIDELEG, mip::SSIP)
        .set(csr::MIE, mip::SSIP)
        .set(csr::MIP, mip::SSIP)
        .runs(&[asm::csrrsi(ZERO, csr::SSTATUS, 2), asm::addi(ZERO, ZERO, 0)]);
    cases.push(enable.traps_at(4, Level::HS, INTERRUPT | 1));
    let own = case("an interrupt is taken right after it is made pending", SECTION, Mode::HS)
        .set(csr::MIDELEG, mip::SSIP)
        .set(csr::MIE, mip::SSIP)
        .set(csr::MSTATUS, mstatus::FS | mstatus::SIE)
        .runs(&[asm::csrrsi(ZERO, csr::SIP, 2), asm::addi(ZERO, ZERO, 0)]);
    cases.push(own.traps_at(4, Level::HS, INTERRUPT | 1));
    cases
}

/// Which registers show a bit under which number.
fn aliases() -> Vec<Case> {
    let section = "hvip, hip, hie; vsip and vsie; mip and mie";
    let read = |name: &str| case(name.to_owned(), section, Mode::M).needs(Isa::H);
    let show = |case: Case, register: u16, mask: u64, value: u64| {
        case.run(asm::csrrs(A2, register, ZERO)).completes().expect_masked(What::X(A2), mask, &[value])
    };
    let mut cases = Vec::new();
    for (name, bits) in [("VSSIP", mip::VSSIP), ("VSTIP", mip::VSTIP), ("VSEIP", mip::VSEIP)] {
        let set = |what: &str| read(&format!("hvip.{name} {what}")).set(csr::HVIP, bits);
        cases.push(show(set("shows in hip"), csr::HIP, GUEST, bits));
        cases.push(show(set("shows in mip"), csr::MIP, GUEST, bits));
        cases.push(show(set("shows in vsip only if delegated"), csr::VSIP, u64::MAX, 0));
        cases.push(show(set("shows in vsip, shifted").set(csr::HIDELEG, GUEST), csr::VSIP, u64::MAX, bits >> 1));
        cases.push(show(set("doesn't show in sip").set(csr::MIDELEG, u64::MAX), csr::SIP, GUEST, 0));
        let enable = |what: &str| read(&format!("hie.{name} {what}")).set(csr::HIE, bits);
        cases.push(show(enable("shows in mie"), csr::MIE, GUEST, bits));
        cases.push(show(enable("shows in vsie, shifted").set(csr::HIDELEG, GUEST), csr::VSIE, u64::MAX, bits >> 1));
        cases.push(show(enable("doesn't show in sie").set(csr::MIDELEG, u64::MAX), csr::SIE, GUEST, 0));
    }
    cases.push(show(
        read("vsip.SSIP writes hvip.VSSIP").set(csr::HIDELEG, GUEST).run(asm::csrrsi(ZERO, csr::VSIP, 2)),
        csr::HVIP,
        GUEST,
        mip::VSSIP,
    ));
    cases.push(show(
        read("hip.VSSIP writes hvip.VSSIP").run(asm::csrrsi(ZERO, csr::HIP, 4)),
        csr::HVIP,
        GUEST,
        mip::VSSIP,
    ));
    cases.push(show(
        read("mip.VSSIP writes hvip.VSSIP").run(asm::csrrsi(ZERO, csr::MIP, 4)),
        csr::HVIP,
        GUEST,
        mip::VSSIP,
    ));
    cases.push(show(
        read("vsie writes hie").set(csr::HIDELEG, GUEST).run(asm::csrrsi(ZERO, csr::VSIE, 2)),
        csr::HIE,
        GUEST,
        mip::VSSIP,
    ));
    let guest = case("a guest's sip is vsip", section, Mode::VS).set(csr::HIDELEG, GUEST).set(csr::HVIP, mip::VSSIP);
    cases.push(show(guest, csr::SIP, u64::MAX, mip::SSIP));
    let undelegated = case("sip shows delegated interrupts only", section, Mode::HS).set(csr::MIP, mip::SSIP);
    cases.push(show(undelegated, csr::SIP, u64::MAX, 0));
    let delegated =
        case("sip shows delegated interrupts", section, Mode::HS).set(csr::MIDELEG, mip::SSIP).set(csr::MIP, mip::SSIP);
    cases.push(show(delegated, csr::SIP, mip::SSIP, mip::SSIP));
    // The software bit of SEIP: set and clear leave no trace.
    let software = case("mip.SEIP is set and cleared by M-mode", section, Mode::M).li(A0, mip::SEIP);
    cases.push(
        software
            .runs(&[asm::csrrs(ZERO, csr::MIP, A0), asm::csrrc(A1, csr::MIP, A0), asm::csrrs(A2, csr::MIP, ZERO)])
            .completes()
            .expect_masked(What::X(A1), mip::SEIP, &[mip::SEIP])
            .expect_masked(What::X(A2), mip::SEIP, &[0]),
    );
    cases
}

/// Sstc: comparators that are past are pending; those of the far future are not; and who may use them.
fn timers() -> Vec<Case> {
    let section = "Sstc; henvcfg.STCE; htimedelta";
    let of = |name: &str| case(name.to_owned(), section, Mode::M).needs(Isa::Sstc).set(csr::MENVCFG, menvcfg::STCE);
    // A comparator shows in mip in bounded time, not at once.
    let wait = [asm::lui(A1, 0x8000), asm::addi(A1, A1, -1), asm::bne(A1, ZERO, -4)];
    let pending = |case: Case, bit: u64, value: u64| {
        case.runs(&wait).run(asm::csrrs(A2, csr::MIP, ZERO)).completes().expect_masked(What::X(A2), bit, &[value])
    };
    let guest = |name: &str| of(name).needs(Isa::H).set(csr::HENVCFG, menvcfg::STCE);
    let far = u64::MAX;
    let mut cases = vec![
        pending(of("stimecmp 0 is past").set(csr::STIMECMP, 0), mip::STIP, mip::STIP),
        pending(of("stimecmp of the far future is not").set(csr::STIMECMP, far), mip::STIP, 0),
        pending(of("mip.STIP is read-only under STCE").set(csr::STIMECMP, far).set(csr::MIP, mip::STIP), mip::STIP, 0),
        pending(guest("vstimecmp 0 is past").set(csr::STIMECMP, far).set(csr::VSTIMECMP, 0), mip::VSTIP, mip::VSTIP),
        pending(
            guest("vstimecmp of the far future is not").set(csr::STIMECMP, far).set(csr::VSTIMECMP, far),
            mip::VSTIP,
            0,
        ),
        pending(
            guest("vstimecmp compares with the shifted time, modulo 2^64")
                .set(csr::HTIMEDELTA, u64::MAX << 40)
                .set(csr::VSTIMECMP, u64::MAX << 41),
            mip::VSTIP,
            mip::VSTIP,
        ),
        pending(
            guest("vstimecmp compares with the shifted time, not yet")
                .set(csr::HTIMEDELTA, 1 << 62)
                .set(csr::VSTIMECMP, 1 << 63),
            mip::VSTIP,
            0,
        ),
        pending(of("without henvcfg.STCE vstimecmp means nothing").needs(Isa::H).set(csr::VSTIMECMP, 0), mip::VSTIP, 0),
        pending(
            guest("hvip.VSTIP is or-ed in").set(csr::VSTIMECMP, far).set(csr::HVIP, mip::VSTIP),
            mip::VSTIP,
            mip::VSTIP,
        ),
    ];
    cases.extend(timer_access());
    cases
}

/// Every gate of stimecmp and vstimecmp.
fn timer_access() -> Vec<Case> {
    use rv_isa::cause::{ILLEGAL_INSTRUCTION, VIRTUAL_INSTRUCTION};
    let mut cases = Vec::new();
    for bits in 0..16u64 {
        let on = |bit: u64| bits >> bit & 1 != 0;
        let (mcounteren, menv, hcounteren, henv) = (on(0), on(1), on(2), on(3));
        let machine = mcounteren && menv;
        let guest = machine && hcounteren && henv;
        for (mode, register, cause) in [
            (Mode::HS, csr::STIMECMP, (!machine).then_some(ILLEGAL_INSTRUCTION)),
            (Mode::HS, csr::VSTIMECMP, (!machine).then_some(ILLEGAL_INSTRUCTION)),
            (
                Mode::VS,
                csr::STIMECMP,
                if !machine { Some(ILLEGAL_INSTRUCTION) } else { (!guest).then_some(VIRTUAL_INSTRUCTION) },
            ),
        ] {
            let stce = |on: bool| if on { menvcfg::STCE } else { 0 };
            let prepared = case(
                format!(
                    "{} with gates {bits:04b} (henvcfg, hcounteren, menvcfg, mcounteren)",
                    csr::name(register).unwrap_or("?")
                ),
                "Sstc: access",
                mode,
            )
            .needs(Isa::Sstc)
            .needs(Isa::H)
            .set(csr::MCOUNTEREN, if mcounteren { 7 } else { 5 })
            // henvcfg can be set only while menvcfg is.
            .set(csr::MENVCFG, menvcfg::STCE)
            .set(csr::HENVCFG, stce(henv))
            .set(csr::MENVCFG, stce(menv))
            .set(csr::HCOUNTEREN, if hcounteren { 7 } else { 5 })
            .run(asm::csrrs(A1, register, ZERO));
            cases.push(match cause {
                None => prepared.completes(),
                Some(cause) => prepared.traps(Level::M, cause),
            });
        }
    }
    for bits in 0..8u64 {
        let (m, h, s) = (bits & 1 != 0, bits & 2 != 0, bits & 4 != 0);
        for (mode, cause) in [
            (Mode::HS, (!m).then_some(ILLEGAL_INSTRUCTION)),
            (Mode::U, (!m || !s).then_some(ILLEGAL_INSTRUCTION)),
            (Mode::VS, if !m { Some(ILLEGAL_INSTRUCTION) } else { (!h).then_some(VIRTUAL_INSTRUCTION) }),
            (Mode::VU, if !m { Some(ILLEGAL_INSTRUCTION) } else { (!h || !s).then_some(VIRTUAL_INSTRUCTION) }),
        ] {
            let value = |on: bool| if on { u64::MAX } else { 0 };
            let prepared = case(
                format!("instret with counter enables {bits:03b} (s, h, m)"),
                "mcounteren, hcounteren, scounteren",
                mode,
            )
            .needs(Isa::Zicntr)
            .needs(Isa::H)
            .set(csr::MCOUNTEREN, value(m))
            .set(csr::HCOUNTEREN, value(h))
            .set(csr::SCOUNTEREN, value(s))
            .run(asm::csrrs(A1, csr::INSTRET, ZERO));
            cases.push(match cause {
                None => prepared.completes(),
                Some(cause) => prepared.traps(Level::M, cause),
            });
        }
    }
    cases
}

/// Vectored mode: interrupts go to base + 4 * code, exceptions to base.
fn vectors() -> Vec<Case> {
    // The vector table lies where the handler of M-mode is: that of HS is moved by setting the low bit, so the trap lands past its start.
    let section = "stvec, mtvec: vectored mode";
    let plain = |name: &str, mode| case(name.to_owned(), section, mode);
    // stvec points 4 bytes before the last instruction but one of the snippet: code 1 is found there.
    let code = [
        asm::auipc(A0, 0),
        asm::addi(A0, A0, 0x41),
        asm::csrrw(ZERO, csr::STVEC, A0),
        asm::csrrsi(ZERO, csr::SSTATUS, 2),
    ];
    let mut snippet = plain("a vectored interrupt goes to its own entry", Mode::HS)
        .set(csr::MIDELEG, mip::SSIP)
        .set(csr::MIE, mip::SSIP)
        .set(csr::MIP, mip::SSIP)
        .x(A2, 0)
        .runs(&code);
    for step in 4..22 {
        // Offset 0x40 is the base, 0x44 the entry of code 1.
        snippet = snippet.run(match step {
            16 => asm::addi(A2, ZERO, 99),
            17 => asm::addi(A2, A2, 7),
            _ => asm::addi(ZERO, ZERO, 0),
        });
    }
    vec![snippet.completes().reg(A2, 7).expect(What::Record(record::LEVEL), Level::M as u64)]
}
