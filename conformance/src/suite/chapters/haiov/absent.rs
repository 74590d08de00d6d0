//! A machine without HA-IOV: its numbers are nobody's, and its page-table bit is reserved.

use ha_iov_ext::{insn, pte};
use rv_hart::Mode;
use rv_isa::asm::{self, A0, A1, ZERO};
use rv_isa::cause::{ILLEGAL_INSTRUCTION, LOAD_GUEST_PAGE_FAULT, STORE_GUEST_PAGE_FAULT};
use rv_isa::{Isa, csr as standard};

use super::super::pages::{GPA, guest};
use super::access::{ROWS, Row};
use super::guest::cites;
use crate::suite::case::{Case, Level, What, case};

/// All cases.
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for Row { number, name, .. } in ROWS {
        for mode in Mode::ALL {
            for raw in [asm::csrrs(A1, *number, ZERO), asm::csrrw(ZERO, *number, A0)] {
                let what = if raw == asm::csrrs(A1, *number, ZERO) { "read" } else { "write" };
                let case = case(format!("{name} doesn't exist: {what}"), cites!("1.1": "8.1 parts"), mode);
                cases.push(case.run(raw).traps(Level::M, ILLEGAL_INSTRUCTION).tval_one_of(&[raw.into(), 0]));
            }
        }
    }
    let uret = case("uret is no instruction", cites!("1.3": "8.1 parts"), Mode::M).run(insn::URET);
    cases.extend(uret.traps(Level::M, ILLEGAL_INSTRUCTION).in_modes(&Mode::ALL));
    cases.extend(page_table_bit());
    cases.extend(standard_registers());
    cases
}

fn page_table_bit() -> Vec<Case> {
    let mut cases = Vec::new();
    let section = cites!("1.6": "8.1 parts" "G1");
    for mode in [Mode::VS, Mode::VU] {
        for (name, raw, cause) in
            [("load", asm::ld(A1, A0, 0), LOAD_GUEST_PAGE_FAULT), ("store", asm::sd(A1, A0, 0), STORE_GUEST_PAGE_FAULT)]
        {
            let case = guest(format!("a page marked MMIO: {name}"), section, mode, pte::DEVICE);
            let case = case.set(standard::HSTATUS, ha_iov_ext::fields::hstatus::HUR).x(A0, GPA).run(raw);
            cases.push(case.traps(Level::M, cause).tval(GPA).tval2(GPA >> 2));
        }
    }
    cases
}

fn standard_registers() -> Vec<Case> {
    let section = cites!("1.5": "8.1 parts");
    let zero = |number: u16, name: &str, mask: u64| {
        let case = case(format!("{name} has no bits of HA-IOV"), section, Mode::M).needs(Isa::H);
        case.li(A0, mask).runs(&[asm::csrrs(ZERO, number, A0), asm::csrrs(A1, number, ZERO)]).completes().expect_masked(
            What::X(A1),
            mask,
            &[0],
        )
    };
    vec![
        zero(standard::HSTATUS, "hstatus", ha_iov_ext::fields::hstatus::HUR),
        zero(standard::MEDELEG, "medeleg", ha_iov_ext::cause::MEDELEG),
        zero(standard::HEDELEG, "hedeleg", ha_iov_ext::cause::MEDELEG),
        zero(standard::MIDELEG, "mideleg", ha_iov_ext::fields::sip::ALL),
        zero(standard::MIE, "mie", ha_iov_ext::fields::sip::ALL),
        zero(standard::MISA, "misa", ha_iov_ext::fields::misa::N),
    ]
}
