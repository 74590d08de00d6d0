//! Physical memory protection, and what Smepmp makes of it.

use rv_hart::Mode;
use rv_isa::asm::{self, A0, A1, A2, RA, ZERO};
use rv_isa::cause::{INSTRUCTION_ACCESS_FAULT, LOAD_ACCESS_FAULT, STORE_ACCESS_FAULT};
use rv_isa::csr;
use rv_isa::fields::{mstatus, pmpcfg};

use super::attempt::{ALL, Try, VALUE, call};
use super::pages::{RWX, VA, entry, paged};
use crate::suite::case::{Case, Level, What, case};
use crate::suite::layout::{DATA, PAGE_TABLES, record};

const SECTION: &str = "Physical Memory Protection";
/// The fault of each access.
const FAULTS: [u64; 3] = [LOAD_ACCESS_FAULT, STORE_ACCESS_FAULT, INSTRUCTION_ACCESS_FAULT];
/// Entry 0 for the page at [`DATA`].
const NAPOT: u64 = DATA >> 2 | 0x1ff;

/// All cases.
pub fn cases() -> Vec<Case> {
    let mut cases = permissions();
    cases.extend(matching());
    cases.extend(implicit());
    cases
}

fn tried(prepared: Case, what: Try, addr: u64, allowed: bool) -> Case {
    let mode = prepared.mode;
    let code = match what {
        Try::Load => asm::lw(A1, A0, 0),
        Try::Store => asm::sw(A1, A0, 0),
        Try::Fetch => asm::jalr(RA, A0, 0),
    };
    let done = prepared.store(addr & !7, VALUE | VALUE << 32).x(A0, addr).x(A1, 0x55).run(code);
    match (what, allowed) {
        (Try::Load, true) => done.completes().reg(A1, VALUE),
        (Try::Store, true) => done.completes(),
        (Try::Fetch, true) => {
            done.expect(What::Record(record::CAUSE), call(mode)).expect(What::Record(record::EPC), addr)
        }
        (Try::Fetch, false) => done
            .expect(What::Record(record::CAUSE), what.cause(FAULTS))
            .expect(What::Record(record::EPC), addr)
            .tval(addr),
        (_, false) => done.traps(Level::M, what.cause(FAULTS)).tval(addr),
    }
}

/// R, W and X, for every mode. M-mode is bound by locked entries only, which would outlive the case.
fn permissions() -> Vec<Case> {
    let mut cases = Vec::new();
    for mode in Mode::ALL {
        for flags in
            [0, pmpcfg::R, pmpcfg::R | pmpcfg::W, pmpcfg::X, pmpcfg::R | pmpcfg::X, pmpcfg::R | pmpcfg::W | pmpcfg::X]
        {
            for what in ALL {
                let bit = match what {
                    Try::Load => pmpcfg::R,
                    Try::Store => pmpcfg::W,
                    Try::Fetch => pmpcfg::X,
                };
                let case = case(format!("{what:?} with PMP {flags:03b} (XWR)"), SECTION, mode)
                    .set(csr::PMPADDR0, NAPOT)
                    .set(csr::PMPCFG0, u64::from(pmpcfg::A_NAPOT | flags));
                cases.push(tried(case, what, DATA, mode == Mode::M || flags & bit != 0));
            }
        }
    }
    // MPRV: a load of M-mode is one of U-mode.
    cases.push(
        case("a load under MPRV is checked as a user's", SECTION, Mode::M)
            .set(csr::PMPADDR0, NAPOT)
            .set(csr::PMPCFG0, pmpcfg::A_NAPOT.into())
            .x(A0, DATA)
            .li(A1, mstatus::MPP)
            .run(asm::csrrc(ZERO, csr::MSTATUS, A1))
            .li(A1, mstatus::MPRV)
            .runs(&[asm::csrrs(ZERO, csr::MSTATUS, A1), asm::lw(A2, A0, 0)])
            .traps(Level::M, LOAD_ACCESS_FAULT)
            .tval(DATA),
    );
    cases
}

/// Which entry matches: the lowest; all of the access or nothing; ends of ranges.
fn matching() -> Vec<Case> {
    let (r, none) = (u64::from(pmpcfg::R), 0u64);
    let tor = u64::from(pmpcfg::A_TOR);
    let na4 = u64::from(pmpcfg::A_NA4);
    let napot = u64::from(pmpcfg::A_NAPOT);
    let of = |name: &str| case(name.to_owned(), SECTION, Mode::HS);
    let load = |case: Case, addr, allowed| tried(case, Try::Load, addr, allowed);
    let two = |name: &str, low: u64, high: u64| {
        of(name).set(csr::PMPADDR0, DATA >> 2).set(csr::PMPADDR0 + 1, NAPOT).set(csr::PMPCFG0, low | high << 8)
    };
    let range = |name: &str, from: u64, to: u64| {
        of(name).set(csr::PMPADDR0, from >> 2).set(csr::PMPADDR0 + 1, to >> 2).set(csr::PMPCFG0, tor << 8)
    };
    let wide = |case: Case| {
        case.store(DATA, 7).x(A0, DATA).run(asm::ld(A1, A0, 0)).traps(Level::M, LOAD_ACCESS_FAULT).tval(DATA)
    };
    vec![
        load(two("the lowest entry decides: allowed", na4 | r, napot | none), DATA, true),
        load(two("the lowest entry decides: the next word", na4 | r, napot | none), DATA + 4, false),
        load(two("the lowest entry decides: denied", na4 | none, napot | r), DATA, false),
        load(two("the lowest entry decides: the word after", na4 | none, napot | r), DATA + 4, true),
        wide(two("an access that an entry covers in part fails", na4 | r, napot | r)),
        load(range("inside a range", DATA, DATA + 0x100), DATA + 0xfc, false),
        load(range("just below a range", DATA + 8, DATA + 0x100), DATA + 4, true),
        load(range("just above a range", DATA, DATA + 0x100), DATA + 0x100, true),
        load(range("a range that ends before it starts matches nothing", DATA + 0x100, DATA), DATA, true),
        load(range("an empty range matches nothing", DATA, DATA), DATA, true),
        load(
            of("entry 0 as the end of a range starts at 0")
                .set(csr::PMPADDR0, (DATA + 8) >> 2)
                .set(csr::PMPCFG0, u64::from(pmpcfg::R | pmpcfg::W | pmpcfg::X) | tor),
            DATA,
            true,
        ),
        of("where no entry matches S-mode fails").set(csr::PMPCFG2, 0).run(asm::addi(ZERO, ZERO, 0)).traps_at(
            0,
            Level::M,
            INSTRUCTION_ACCESS_FAULT,
        ),
        load(of("an entry that is off matches nothing").set(csr::PMPADDR0, NAPOT).set(csr::PMPCFG0, none), DATA, true),
    ]
}

/// Page-table reads are S-mode's: they need R of PMP; the fault is that of the original access.
fn implicit() -> Vec<Case> {
    let mut cases = Vec::new();
    for mode in [Mode::HS, Mode::U, Mode::VS, Mode::VU] {
        let user = if mode.privilege() == 0 { rv_isa::fields::pte::U } else { 0 };
        for what in ALL {
            // The page with the last table of the page under test.
            let table = PAGE_TABLES + 0x3000;
            let case = paged(
                format!("{what:?}: the table is out of reach of PMP"),
                "PMP and Paging",
                mode,
                entry(DATA, RWX | user),
            )
            .set(csr::PMPADDR0, table >> 2 | 0x1ff)
            .set(csr::PMPCFG0, pmpcfg::A_NAPOT.into());
            let done =
                case.x(A0, VA).run(what.instruction()).expect(What::Record(record::CAUSE), what.cause(FAULTS)).tval(VA);
            cases.push(done);
        }
    }
    cases
}
