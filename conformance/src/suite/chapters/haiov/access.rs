//! The CSRs of HA-IOV: who may access which, what each holds, and what a send is (manual 1.1, 1.4, 1.5).

use ha_iov_ext::fields::{hstatus, huectl, hveictl, misa, sip, uip, ustatus};
use ha_iov_ext::{cause, csr, insn};
use rv_hart::Mode;
use rv_isa::asm::{self, A0, A1, ZERO};
use rv_isa::cause::{ILLEGAL_INSTRUCTION, VIRTUAL_INSTRUCTION};
use rv_isa::{Isa, csr as standard};

use super::super::pages::FIRST;
use super::guest::{SUPERVISOR, cites, sender};
use crate::suite::case::{Case, Level, What, case};

/// A register.
pub struct Row {
    /// Its number.
    pub number: u16,
    /// Its name.
    pub name: &'static str,
    /// What can be written, and reads back.
    holds: u64,
    /// N state, that rule A1 hides from guests.
    hidden: bool,
}

const fn row(number: u16, name: &'static str, holds: u64) -> Row {
    Row { number, name, holds, hidden: false }
}

const fn hidden(number: u16, name: &'static str, holds: u64) -> Row {
    Row { hidden: true, ..row(number, name, holds) }
}

const ALL: u64 = u64::MAX;
const PPN: u64 = ((1 << 44) - 1) << 10;

/// All registers, as the manual's table has them.
pub const ROWS: &[Row] = &[
    hidden(0x000, "ustatus", 1 << 0 | 1 << 4 | 1 << 7 | 1 << 8),
    hidden(0x004, "uie", 1 << 26),
    hidden(0x005, "utvec", ALL & !2),
    hidden(0x040, "uscratch", ALL),
    hidden(0x041, "uepc", ALL & !1),
    hidden(0x042, "ucause", ALL),
    hidden(0x043, "utval", ALL),
    hidden(0x044, "uip", 0),
    hidden(0x84a, "utinst", ALL),
    hidden(0x85c, "utopvei", 0),
    hidden(0x102, "sedeleg", 0xb1ff),
    hidden(0x103, "sideleg", 1 << 0 | 1 << 4 | 1 << 8),
    row(0x9f0, "veisend", 0),
    row(0x6c2, "huedeleg", 1 << 24 | 1 << 25),
    row(0x6c3, "huectl", 1),
    row(0x6c4, "hveictl", 1 << 0 | 1 << 1 | 1 << 2 | 1 << 8 | 0xffff << 16),
    row(0x6c5, "hveidir", 1 | 0x1f << 4 | PPN),
    row(0x6c6, "huct", 1 | PPN),
    row(0x6c7, "hucpend", ALL),
    row(0x6c8, "hvslot", 0),
    row(0x6c9, "hucur", 1 << 63 | 0x3f),
    row(0x6cc, "hveifence", 0),
    row(0x6d0, "suscratch", ALL),
    row(0x6d1, "sutvec", ALL & !2),
    row(0x6d2, "suuscratch", ALL),
    row(0x6d4, "suepc", ALL & !1),
    row(0x6d5, "suestat", 1 << 0 | 1 << 7 | 1 << 8),
    row(0x6d6, "husave", ((1 << 56) - 1) & !0xff),
    row(0x6d8, "suatp", FIRST),
    row(0x6dc, "stopvei", 0),
];

/// All cases.
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for row in ROWS {
        cases.extend(access(row));
        cases.extend(value(row));
    }
    cases.extend(visible_interrupts());
    cases.extend(standard_registers());
    cases.extend(sends());
    cases.extend(state_enable());
    cases.extend(nested());
    cases
}

/// What an access does, with every enable open.
fn refusal(row: &Row, mode: Mode) -> Option<u64> {
    let lowest = row.number >> 8 & 3;
    match mode {
        Mode::M | Mode::HS => None,
        Mode::U => (lowest > 0).then_some(ILLEGAL_INSTRUCTION),
        Mode::VS | Mode::VU if row.hidden => Some(VIRTUAL_INSTRUCTION),
        Mode::VS => (lowest > 1).then_some(VIRTUAL_INSTRUCTION),
        Mode::VU => (lowest > 0).then_some(VIRTUAL_INSTRUCTION),
    }
}

/// Adds that the last instruction, `raw`, runs, or is refused.
fn outcome(case: Case, raw: u32, refusal: Option<u64>) -> Case {
    match refusal {
        None => case.completes(),
        Some(cause) => case.traps(Level::M, cause).tval_one_of(&[raw.into(), 0]),
    }
}

fn access(row: &Row) -> Vec<Case> {
    let mut cases = Vec::new();
    let section = match (row.hidden, row.number) {
        (true, _) => cites!("1.4": "8.1 numbers" "A1" "P5" "threat 3" "threat 4" "item 2"),
        (_, 0x6c2) => cites!("1.4": "8.1 numbers" "A3" "threat 12"),
        (_, 0x6d0..=0x6d8) => cites!("1.4": "8.1 numbers" "A3" "threat 14"),
        _ => cites!("1.4": "8.1 numbers" "A3" "P2" "threat 32"),
    };
    let open = hveictl::VSE;
    for mode in Mode::ALL {
        let ways = [("read", asm::csrrs(A1, row.number, ZERO)), ("write", asm::csrrw(A1, row.number, A0))];
        for (what, raw) in ways {
            if row.number == csr::VEISEND && what == "write" {
                continue; // A send: below.
            }
            let prepared = case(format!("{} {what}", row.name), section, mode).needs(Isa::H);
            let prepared = prepared.set(csr::HUECTL, huectl::NE).set(csr::HVEICTL, open).x(A0, 0).x(A1, 0x5a).run(raw);
            let refused = refusal(row, mode);
            let case = outcome(prepared, raw, refused);
            cases.push(if refused.is_some() { case.reg(A1, 0x5a) } else { case });
        }
    }
    if row.number & 0x300 == 0 {
        let section = cites!("1.4": "A2" "threat 29" "item 15");
        let raw = asm::csrrs(A1, row.number, ZERO);
        let closed = case(format!("{} without NE", row.name), section, Mode::U).run(raw);
        cases.push(outcome(closed, raw, Some(ILLEGAL_INSTRUCTION)));
        cases.push(case(format!("{} without NE", row.name), section, Mode::HS).run(raw).completes());
    }
    cases
}

/// What is written reads back where there are fields, and nowhere else; the value before is that of reset.
fn value(row: &Row) -> Vec<Case> {
    let prepared = |name: String| case(name, cites!("1.1": "8.1 fields"), Mode::M).needs(Isa::H);
    // suatp takes what satp takes: a mode that there is.
    let ones = if row.number == csr::SUATP { FIRST } else { ALL };
    let write = |value: u64| [asm::csrrw(ZERO, row.number, A0)].map(|raw| (raw, value))[0];
    if row.number == csr::VEISEND {
        let read = asm::csrrs(A1, row.number, ZERO);
        return vec![prepared("veisend reads 0".into()).x(A1, 9).run(read).completes().reg(A1, 0)];
    }
    [(ones, row.holds), (0, 0)]
        .map(|(value, holds)| {
            let (raw, _) = write(value);
            let case = prepared(format!("{} holds {holds:#x} of {value:#x}", row.name));
            case.x(A0, value).runs(&[raw, asm::csrrs(A1, row.number, ZERO)]).completes().reg(A1, holds)
        })
        .to_vec()
}

/// uie and uip show what M and S delegate, and UVEI.
fn visible_interrupts() -> Vec<Case> {
    let section = cites!("1.1": "8.1 fields");
    let mut cases = Vec::new();
    for (mideleg, sideleg) in [(0, uip::ALL), (uip::ALL, 0), (uip::ALL, uip::ALL), (1 << 4, uip::ALL), (uip::ALL, 1)] {
        let shown = mideleg & sideleg & uip::ALL;
        let delegated = |name: &str| {
            case(format!("{name} under mideleg {mideleg:#x}, sideleg {sideleg:#x}"), section, Mode::M)
                .set(standard::MIDELEG, mideleg)
                .set(csr::SIDELEG, sideleg)
        };
        let enable =
            delegated("uie").x(A0, ALL).runs(&[asm::csrrw(ZERO, csr::UIE, A0), asm::csrrs(A1, csr::UIE, ZERO)]);
        cases.push(enable.completes().reg(A1, shown | uip::UVEIP));
        let pending = delegated("uip").set(standard::MIP, uip::ALL).run(asm::csrrs(A1, csr::UIP, ZERO));
        cases.push(pending.completes().reg(A1, shown));
        let software = delegated("uip's writable part").x(A0, ALL).run(asm::csrrw(ZERO, csr::UIP, A0));
        let software = software.run(asm::csrrs(A1, csr::UIP, ZERO));
        cases.push(software.completes().reg(A1, shown & uip::USIP));
    }
    let both = [asm::csrrw(ZERO, csr::USTATUS, A0), asm::csrrs(A1, standard::SSTATUS, ZERO)];
    let mirrored = ustatus::UIE | ustatus::UPIE;
    let all = mirrored | ustatus::UPV | ustatus::UPP;
    let status = case("UIE and UPIE show in sstatus, UPV and UPP don't", section, Mode::M).x(A0, all).runs(&both);
    cases.push(status.completes().expect_masked(What::X(A1), all, &[mirrored]));
    cases
}

fn standard_registers() -> Vec<Case> {
    let section = cites!("1.5": "8.1 standard" "P5");
    let holds = |number: u16, name: &str, mask: u64, value: u64| {
        let case = case(format!("{name} holds {value:#x} of {mask:#x}"), section, Mode::M).needs(Isa::H).li(A0, mask);
        case.runs(&[asm::csrrs(ZERO, number, A0), asm::csrrs(A1, number, ZERO)]).completes().expect_masked(
            What::X(A1),
            mask,
            &[value],
        )
    };
    let custom = cause::MEDELEG;
    let mut cases = vec![
        holds(standard::MISA, "misa", misa::N, misa::N),
        holds(standard::HSTATUS, "hstatus", hstatus::HUR, hstatus::HUR),
        holds(standard::MEDELEG, "medeleg", custom, custom),
        holds(standard::HEDELEG, "hedeleg", custom, 0),
        holds(standard::HIDELEG, "hideleg", custom, 0),
        holds(standard::MIDELEG, "mideleg", uip::ALL | sip::ALL, uip::ALL | sip::ALL),
        holds(standard::MIE, "mie", uip::ALL | sip::ALL, uip::ALL | sip::ALL),
        holds(standard::MIP, "mip", uip::ALL | sip::ALL, uip::ALL),
    ];
    let delegated = case("sie shows what is delegated", section, Mode::M).set(standard::MIDELEG, sip::SVEIP);
    cases.push(
        delegated.set(standard::MIE, sip::ALL).run(asm::csrrs(A1, standard::SIE, ZERO)).completes().expect_masked(
            What::X(A1),
            sip::ALL,
            &[sip::SVEIP],
        ),
    );
    cases
}

/// A4, threat 5: who may send, and which instructions do.
fn sends() -> Vec<Case> {
    let mut cases = Vec::new();
    let entry = SUPERVISOR.encode();
    let write = asm::csrrw(ZERO, csr::VEISEND, A0);
    for (mode, vse, refused) in [
        (Mode::M, 0, None),
        (Mode::HS, 0, None),
        (Mode::VS, hveictl::VSE, None),
        (Mode::VS, 0, Some(VIRTUAL_INSTRUCTION)),
        (Mode::VU, hveictl::VSE, Some(VIRTUAL_INSTRUCTION)),
        (Mode::U, hveictl::VSE, Some(ILLEGAL_INSTRUCTION)),
    ] {
        let section = cites!("1.4": "A4" "A3" "threat 5" "duty 3" "item 15");
        let case = sender(format!("veisend with VSE={vse}"), section, mode, entry).set(csr::HVEICTL, vse).run(write);
        let sent = if refused.is_none() { super::guest::top(super::guest::VEIID) } else { 0 };
        let case = if refused.is_none() { case.runs(&super::guest::WAIT) } else { case };
        cases.push(outcome(case, write, refused).csr(csr::STOPVEI, sent));
    }
    let number = super::guest::VEIRQ as u8;
    for (name, raw, sent) in [
        ("csrrs from x0 sends nothing", asm::csrrs(A1, csr::VEISEND, ZERO), Some(false)),
        ("csrrc from x0 sends nothing", asm::csrrc(A1, csr::VEISEND, ZERO), Some(false)),
        ("csrrsi of 0 sends nothing", asm::csrrsi(A1, csr::VEISEND, 0), Some(false)),
        ("csrrci of 0 sends nothing", asm::csrrci(A1, csr::VEISEND, 0), Some(false)),
        ("csrrs sends its source", asm::csrrs(A1, csr::VEISEND, A0), Some(true)),
        ("csrrwi sends its immediate", asm::csrrwi(A1, csr::VEISEND, number), Some(true)),
        ("csrrsi sends its immediate", asm::csrrsi(A1, csr::VEISEND, number), Some(true)),
        ("csrrc sends 0, which is a miss", asm::csrrc(A1, csr::VEISEND, A0), None),
        ("csrrwi of 0 is a miss", asm::csrrwi(A1, csr::VEISEND, 0), None),
    ] {
        let case = sender(name, cites!("1.4": "A4"), Mode::VS, entry).x(A1, 7).run(raw);
        cases.push(match sent {
            None => case.traps(Level::M, cause::VEI_MAP_MISS).tval(0),
            Some(sent) => {
                let posted = if sent { super::guest::top(super::guest::VEIID) } else { 0 };
                case.run(asm::addi(asm::A3, A1, 0))
                    .runs(&super::guest::WAIT)
                    .completes()
                    .reg(asm::A3, 0)
                    .csr(csr::STOPVEI, posted)
            }
        });
    }
    cases
}

/// Smstateen's bit C covers all of it.
fn state_enable() -> Vec<Case> {
    const C: u64 = 1;
    let section = cites!("1.4": "A2" "item 15");
    let gated = |name: &str, mode: Mode, gate: u16, raw: u32, cause: u64| {
        let case = case(name, section, mode).needs(Isa::Smstateen).needs(Isa::Ssstateen).needs(Isa::H);
        let case = case.set(csr::HUECTL, huectl::NE).set(csr::HVEICTL, hveictl::VSE).set(gate, ALL & !C);
        outcome(case.run(raw), raw, Some(cause))
    };
    let mut cases = Vec::new();
    for row in ROWS.iter().filter(|row| row.number != csr::VEISEND) {
        let raw = asm::csrrs(A1, row.number, ZERO);
        let name = format!("{} under mstateen0.C=0", row.name);
        cases.push(gated(&name, Mode::HS, standard::MSTATEEN0, raw, ILLEGAL_INSTRUCTION));
        if row.number & 0x300 == 0 {
            let name = format!("{} under sstateen0.C=0", row.name);
            cases.push(gated(&name, Mode::U, standard::SSTATEEN0, raw, ILLEGAL_INSTRUCTION));
        }
    }
    let send = asm::csrrs(A1, csr::VEISEND, ZERO);
    cases.push(gated("veisend under hstateen0.C=0", Mode::VS, standard::HSTATEEN0, send, VIRTUAL_INSTRUCTION));
    cases.push(gated("veisend under mstateen0.C=0", Mode::VS, standard::MSTATEEN0, send, ILLEGAL_INSTRUCTION));
    cases.push(gated("uret under sstateen0.C=0", Mode::U, standard::SSTATEEN0, insn::URET, ILLEGAL_INSTRUCTION));
    cases
}

/// Threat 26: a guest that is a hypervisor is emulated: every access of HA-IOV's registers comes to its hypervisor.
fn nested() -> Vec<Case> {
    let section = cites!("8": "threat 26");
    let each = |row: &Row| {
        let raw = asm::csrrs(A1, row.number, ZERO);
        let case = case(format!("{} from a nested hypervisor", row.name), section, Mode::VS);
        case.set(standard::MEDELEG, 1 << VIRTUAL_INSTRUCTION).run(raw).traps(Level::HS, VIRTUAL_INSTRUCTION)
    };
    let mut cases: Vec<Case> = ROWS.iter().map(each).collect();
    let uret =
        case("uret from a nested hypervisor", section, Mode::VS).set(standard::MEDELEG, 1 << VIRTUAL_INSTRUCTION);
    cases.push(uret.run(insn::URET).traps(Level::HS, VIRTUAL_INSTRUCTION));
    cases
}
