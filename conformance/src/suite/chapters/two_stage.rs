//! The G-stage, and both stages together.

use rv_hart::Mode;
use rv_isa::asm::{self, A0, A1};
use rv_isa::cause::{
    INSTRUCTION_GUEST_PAGE_FAULT, INSTRUCTION_PAGE_FAULT, LOAD_GUEST_PAGE_FAULT, LOAD_PAGE_FAULT,
    STORE_GUEST_PAGE_FAULT, STORE_PAGE_FAULT,
};
use rv_isa::fields::{hstatus, menvcfg, mstatus, pte, satp};
use rv_isa::{Isa, csr};

use super::attempt::{ALL, Try, VALUE, call};
use super::pages::{FIRST, GPA, PAGE, RWX, SECOND, SECOND_LEAVES, VA, entry, first_stage, guest, paged, second_stage};
use crate::suite::case::{Case, Level, What, case};
use crate::suite::layout::{DATA, PAGE_TABLES, record};

const SECTION: &str = "Two-Stage Address Translation; Guest-Page Faults";
const TINST: &str = "Transformed Instruction or Pseudoinstruction for mtinst or htinst";
/// The fault of each access.
const FAULTS: [u64; 3] = [LOAD_GUEST_PAGE_FAULT, STORE_GUEST_PAGE_FAULT, INSTRUCTION_GUEST_PAGE_FAULT];
const PSEUDO_READ: u64 = 0x3000;
const PSEUDO_WRITE: u64 = 0x3020;

/// The instruction as mtinst shows it if it doesn't show 0: without its immediate and rs1.
fn transformed(what: Try, offset: u32) -> u64 {
    match what {
        Try::Load => u64::from(0x3003 | u32::from(A1) << 7 | offset << 15),
        Try::Store => u64::from(0x3023 | u32::from(A1) << 20 | offset << 15),
        Try::Fetch => 0,
    }
}

/// Adds the access to guest virtual address `addr`, which is guest physical address `gpa`: it succeeds or faults in the G-stage.
fn tried(prepared: Case, what: Try, addr: u64, gpa: u64, allowed: bool) -> Case {
    let mode = prepared.mode;
    let done = prepared.store(DATA, VALUE).x(A0, addr).x(A1, 0x55).run(what.instruction());
    match (what, allowed) {
        (Try::Load, true) => done.completes().reg(A1, VALUE),
        (Try::Store, true) => done.completes().mem(DATA, 0x55),
        (Try::Fetch, true) => {
            done.expect(What::Record(record::CAUSE), call(mode)).expect(What::Record(record::EPC), addr)
        }
        (_, false) => faulted(done, what, addr, gpa, &[0, transformed(what, 0)]),
    }
}

/// A guest-page fault taken by M-mode.
fn faulted(case: Case, what: Try, addr: u64, gpa: u64, tinst: &[u64]) -> Case {
    let epc =
        if what == Try::Fetch { case.expect(What::Record(record::EPC), addr) } else { case.expect(What::Place, 0) };
    epc.expect(What::Record(record::CAUSE), what.cause(FAULTS))
        .tval(addr)
        .tval2(gpa >> 2)
        .tinst_one_of(tinst)
        .status(mstatus::GVA | mstatus::MPV, mstatus::GVA | mstatus::MPV)
}

/// All cases.
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for mode in [Mode::VS, Mode::VU] {
        cases.extend(permissions(mode));
        cases.extend(malformed(mode));
        cases.extend(marks(mode));
        cases.extend(implicit(mode));
        cases.extend(both(mode));
    }
    cases.extend(widths());
    cases.extend(destinations());
    cases.extend(transformations());
    cases
}

/// The G-stage treats every access as a user's, and MXR of HS opens executable pages to loads; that of the guest doesn't.
fn permissions(mode: Mode) -> Vec<Case> {
    let mut cases = Vec::new();
    for flags in 0..8u64 {
        let rwx = flags << 1;
        for (status, register, mxr) in
            [(0, csr::SSTATUS, false), (mstatus::MXR, csr::SSTATUS, true), (mstatus::MXR, csr::VSSTATUS, false)]
        {
            for what in ALL {
                let allowed = what.permitted(rwx, mxr);
                let by = csr::name(register).unwrap_or("?");
                let name = format!("{what:?} on a G-stage page with RWX {flags:03b} (XWR), {by}.MXR {}", status >> 19);
                let leaf = entry(DATA, pte::V | pte::U | pte::A | pte::D | rwx);
                cases.push(tried(
                    guest(name, SECTION, mode, leaf).set(register, mstatus::FS | status),
                    what,
                    GPA,
                    GPA,
                    allowed,
                ));
            }
        }
    }
    cases
}

fn malformed(mode: Mode) -> Vec<Case> {
    let good = entry(DATA, RWX | pte::U);
    let mut leaves = vec![
        ("invalid".to_owned(), good & !pte::V),
        ("without U".to_owned(), good & !pte::U),
        ("a pointer in the last level".to_owned(), entry(DATA, pte::V)),
        ("without A".to_owned(), good & !pte::A),
    ];
    leaves.extend((54..61).map(|bit| (format!("with reserved bit {bit}"), good | 1 << bit)));
    let mut cases: Vec<Case> = Vec::new();
    for (name, leaf) in leaves {
        cases.extend(ALL.map(|what| {
            tried(guest(format!("{what:?}: G-stage entry {name}"), SECTION, mode, leaf), what, GPA, GPA, false)
        }));
    }
    cases.push(tried(
        guest("Store: G-stage entry without D", SECTION, mode, good & !pte::D),
        Try::Store,
        GPA,
        GPA,
        false,
    ));
    cases.push(tried(guest("Load: G-stage entry without D", SECTION, mode, good & !pte::D), Try::Load, GPA, GPA, true));
    cases.push(tried(
        guest("Load: G-stage entry with G, which is ignored", SECTION, mode, good | pte::G),
        Try::Load,
        GPA,
        GPA,
        true,
    ));
    let place = GPA + PAGE - 4;
    let crossing =
        guest("a load across guest pages reports the second", SECTION, mode, good).needs(Isa::Zicclsm).x(A0, place);
    cases.push(faulted(
        crossing.run(Try::Load.instruction()),
        Try::Load,
        GPA + PAGE,
        GPA + PAGE,
        &[0, transformed(Try::Load, 4)],
    ));
    cases
}

/// menvcfg.ADUE rules the G-stage, whatever henvcfg says.
fn marks(mode: Mode) -> Vec<Case> {
    let section = "Svadu; henvcfg";
    ALL.into_iter()
        .map(|what| {
            let leaf = entry(DATA, pte::V | pte::R | pte::W | pte::X | pte::U);
            let after = leaf | pte::A | if what == Try::Store { pte::D } else { 0 };
            let case =
                guest(format!("{what:?}: G-stage updates under menvcfg.ADUE"), section, mode, leaf).needs(Isa::Svadu);
            tried(case.set(csr::MENVCFG, menvcfg::ADUE), what, GPA, GPA, true).mem(SECOND_LEAVES, after)
        })
        .collect()
}

/// Accesses to the guest's own page tables are subject to the G-stage: the fault is that of the original access, with a pseudoinstruction.
fn implicit(mode: Mode) -> Vec<Case> {
    // The guest's root table lies on the page under test of the G-stage.
    let root = satp::SV39 | GPA >> 12;
    let mut cases = Vec::new();
    for (name, leaf) in
        [("missing", 0), ("executable only", entry(PAGE_TABLES, pte::V | pte::X | pte::U | pte::A | pte::D))]
    {
        for what in ALL {
            let case = case(format!("{what:?}: the guest's table is on a page that is {name}"), SECTION, mode)
                .needs(Isa::Sv39)
                .stores(second_stage(leaf))
                .set(csr::HGATP, SECOND)
                // MXR is for explicit loads only.
                .set(csr::SSTATUS, mstatus::FS | mstatus::MXR);
            // The program itself must be reachable: it is translated by the same root, so only the first access matters: the fetch.
            let case = case.set(csr::VSATP, root).run(what.instruction());
            let place =
                case.expect(What::Record(record::CAUSE), INSTRUCTION_GUEST_PAGE_FAULT).tinst_one_of(&[PSEUDO_READ]);
            cases.push(place.status(mstatus::GVA | mstatus::MPV, mstatus::GVA | mstatus::MPV));
        }
    }
    // Only the last table of the page under test is out of reach: fetches of the program go through others.
    for (name, leaf, tinst) in [
        ("missing", 0, PSEUDO_READ),
        ("executable only", entry(PAGE_TABLES + 3 * PAGE, pte::V | pte::X | pte::U | pte::A | pte::D), PSEUDO_READ),
    ] {
        for what in ALL {
            let case = paged(format!("{what:?}: the guest's last table is on a page that is {name}"), TINST, mode, 0)
                .stores(second_stage(leaf))
                .store(PAGE_TABLES + 2 * PAGE, entry(GPA, pte::V))
                .set(csr::HGATP, SECOND);
            let case = case.x(A0, VA).x(A1, 0x55).run(what.instruction());
            cases.push(faulted(case, what, VA, GPA, &[tinst]));
        }
    }
    cases.extend(implicit_updates(mode));
    cases
}

/// The update of A and D in a guest's entry is a store to a guest physical address.
fn implicit_updates(mode: Mode) -> Vec<Case> {
    let mut cases = Vec::new();
    let user = if mode == Mode::VU { pte::U } else { 0 };
    for what in ALL {
        // Reading the entry is fine; the update of A (and D) needs permission to write.
        let leaf = entry(PAGE_TABLES + 3 * PAGE, pte::V | pte::R | pte::U | pte::A);
        let case = paged(
            format!("{what:?}: the update of the guest's entry is not allowed"),
            TINST,
            mode,
            entry(DATA, (RWX | user) & !pte::A),
        )
        .needs(Isa::Svadu)
        .stores(second_stage(leaf))
        .store(PAGE_TABLES + 2 * PAGE, entry(GPA, pte::V))
        .set(csr::MENVCFG, menvcfg::ADUE)
        .set(csr::HENVCFG, menvcfg::ADUE)
        .set(csr::HGATP, SECOND)
        .x(A0, VA)
        .x(A1, 0x55)
        .run(what.instruction());
        cases.push(faulted(case, what, VA, GPA, &[PSEUDO_WRITE]));
        let case = paged(
            format!("{what:?}: the update of the guest's entry sets D of its page"),
            TINST,
            mode,
            entry(DATA, (RWX | user) & !pte::A),
        )
        .needs(Isa::Svadu)
        .stores(second_stage(entry(PAGE_TABLES + 3 * PAGE, pte::V | pte::R | pte::W | pte::U | pte::A)))
        .store(PAGE_TABLES + 2 * PAGE, entry(GPA, pte::V))
        .set(csr::MENVCFG, menvcfg::ADUE)
        .set(csr::HENVCFG, menvcfg::ADUE)
        .set(csr::HGATP, SECOND);
        let marked = entry(PAGE_TABLES + 3 * PAGE, pte::V | pte::R | pte::W | pte::U | pte::A | pte::D);
        cases.push(tried(case, what, VA, GPA, true).mem(SECOND_LEAVES, marked));
    }
    cases
}

/// Both stages: the first decides first.
fn both(mode: Mode) -> Vec<Case> {
    let user = if mode == Mode::VU { pte::U } else { 0 };
    let mut cases = Vec::new();
    for what in ALL {
        let prepared = |name: &str, first: u64, second: u64| {
            let name = format!("{what:?}: {name}");
            paged(name, SECTION, mode, first).stores(second_stage(second)).set(csr::HGATP, SECOND)
        };
        let fine = entry(GPA, RWX | user);
        cases.push(tried(prepared("both stages allow it", fine, entry(DATA, RWX | pte::U)), what, VA, GPA, true));
        cases.push(tried(prepared("the G-stage page is missing", fine, 0), what, VA, GPA, false));
        let both_missing =
            prepared("the first stage faults before the G-stage", 0, 0).x(A0, VA).run(what.instruction());
        let code = what.cause([LOAD_PAGE_FAULT, STORE_PAGE_FAULT, INSTRUCTION_PAGE_FAULT]);
        cases.push(
            both_missing.expect(What::Record(record::CAUSE), code).tval(VA).tval2(0).status(mstatus::GVA, mstatus::GVA),
        );
    }
    cases
}

/// Guest physical addresses of Sv39x4 have 41 bits, and are zero-extended.
fn widths() -> Vec<Case> {
    let fine = entry(DATA, RWX | pte::U);
    let mut cases = Vec::new();
    for (name, addr) in [("beyond 41 bits", 1 << 41 | GPA), ("with the top bit", 1 << 63 | GPA)] {
        cases.extend(ALL.map(|what| {
            tried(
                guest(format!("{what:?} at a guest physical address {name}"), SECTION, Mode::VS, fine),
                what,
                addr,
                addr,
                false,
            )
        }));
    }
    // The upper half of the root table: index 512 + 3.
    let high = 1 << 39 | GPA;
    let root = PAGE_TABLES + 0x10_000;
    cases.extend(ALL.map(|what| {
        let case = guest(format!("{what:?} through the second page of the root table"), SECTION, Mode::VS, fine);
        tried(case.store(root + 8 * (high >> 30), entry(PAGE_TABLES + 0x14_000, pte::V)), what, high, high, true)
    }));
    cases
}

/// The same faults delegated to HS: htval, htinst, hstatus.
fn destinations() -> Vec<Case> {
    let delegated = 1 << LOAD_GUEST_PAGE_FAULT | 1 << STORE_GUEST_PAGE_FAULT;
    let mut cases = Vec::new();
    for (mode, privilege) in [(Mode::VS, hstatus::SPVP), (Mode::VU, 0)] {
        for what in [Try::Load, Try::Store] {
            let case = guest(format!("{what:?}: a guest-page fault taken by HS"), "hstatus; htval; htinst", mode, 0)
                .set(csr::MEDELEG, delegated)
                .set(csr::HTVAL, 0x1234)
                .x(A0, GPA)
                .run(what.instruction());
            cases.push(
                case.traps(Level::HS, what.cause(FAULTS))
                    .tval(GPA)
                    .tval2(GPA >> 2)
                    .tinst_one_of(&[0, transformed(what, 0)])
                    .hstatus(hstatus::GVA | hstatus::SPV | hstatus::SPVP, hstatus::GVA | hstatus::SPV | privilege),
            );
        }
    }
    // Every other trap to HS clears htval and htinst.
    let stale = case("another trap to HS clears htval and htinst", "htval", Mode::VS)
        .set(csr::MEDELEG, 1 << rv_isa::cause::ECALL_FROM_VS)
        .set(csr::HTVAL, 0x1234)
        .set(csr::HTINST, 0x3000)
        .run(asm::ecall());
    cases.push(
        stale
            .traps(Level::HS, rv_isa::cause::ECALL_FROM_VS)
            .tval(0)
            .tval2(0)
            .tinst_one_of(&[0])
            .hstatus(hstatus::GVA | hstatus::SPV, hstatus::SPV),
    );
    // A trap to VS leaves them alone.
    let untouched = case("a trap to VS leaves htval and htinst alone", "Trap Entry", Mode::VU)
        .set(csr::MEDELEG, 1 << 8)
        .set(csr::HEDELEG, 1 << 8)
        .set(csr::HTVAL, 0x1234)
        .set(csr::HTINST, 0x3000)
        .run(asm::ecall());
    cases.push(untouched.traps(Level::VS, 8).csr(csr::HTVAL, 0x1234).csr(csr::HTINST, 0x3000));
    cases
}

/// Transformed instructions of every kind of access.
fn transformations() -> Vec<Case> {
    use asm::{A2, amoadd_d, fld, fsw, lbu, lh, lr_w, sb, sc_d, sh};
    let rd = u64::from(A1) << 7;
    let rs2 = u64::from(A1) << 20;
    let mut cases = Vec::new();
    let list = [
        ("lbu", lbu(A1, A0, 0), LOAD_GUEST_PAGE_FAULT, 0x4003 | rd),
        ("lh", lh(A1, A0, 0), LOAD_GUEST_PAGE_FAULT, 0x1003 | rd),
        ("sb", sb(A1, A0, 0), STORE_GUEST_PAGE_FAULT, 0x0023 | rs2),
        ("sh", sh(A1, A0, 0), STORE_GUEST_PAGE_FAULT, 0x1023 | rs2),
        ("fld", fld(A1, A0, 0), LOAD_GUEST_PAGE_FAULT, 0x3007 | rd),
        ("fsw", fsw(A1, A0, 0), STORE_GUEST_PAGE_FAULT, 0x2027 | rs2),
        ("amoadd.d", amoadd_d(A1, A2, A0), STORE_GUEST_PAGE_FAULT, 0x0000_302f | rd | u64::from(A2) << 20),
        ("lr.w", lr_w(A1, A0), LOAD_GUEST_PAGE_FAULT, 0x1000_202f | rd),
        ("sc.d", sc_d(A1, A2, A0), STORE_GUEST_PAGE_FAULT, 0x1800_302f | rd | u64::from(A2) << 20),
        // Compressed ones are expanded, and bit 1 is cleared.
        ("c.lw", 0x410c, LOAD_GUEST_PAGE_FAULT, 0x2001 | rd),
        ("c.ld", 0x610c, LOAD_GUEST_PAGE_FAULT, 0x3001 | rd),
        ("c.sw", 0xc10c, STORE_GUEST_PAGE_FAULT, 0x2021 | rs2),
        ("c.sd", 0xe10c, STORE_GUEST_PAGE_FAULT, 0x3021 | rs2),
    ];
    for (name, raw, cause, value) in list {
        let isa = rv_isa::decode(raw).map_or(rv_isa::IsaSet::EMPTY, |insn| insn.isa());
        let case = guest(format!("{name} as mtinst shows it"), TINST, Mode::VS, 0).needs_all(isa).x(A0, GPA).run(raw);
        cases.push(case.traps(Level::M, cause).tval(GPA).tval2(GPA >> 2).tinst_one_of(&[0, value]));
    }
    cases
}

/// A guest's two stages with `first` for [`VA`] and `second` for [`GPA`], run in `mode`: for HLV and HSV too.
pub fn stages(name: impl Into<String>, section: &'static str, mode: Mode, first: u64, second: u64) -> Case {
    case(name, section, mode)
        .needs(Isa::H)
        .needs(Isa::Sv39)
        .stores(first_stage(first))
        .stores(second_stage(second))
        .set(csr::VSATP, FIRST)
        .set(csr::HGATP, SECOND)
}
