//! Translation by satp and by vsatp: permissions, malformed entries, accessed and dirty bits, memory types, ranges.

use rv_hart::Mode;
use rv_isa::asm::{self, A0, A1, A2, A3, A4, ZERO};
use rv_isa::cause::{INSTRUCTION_PAGE_FAULT, LOAD_PAGE_FAULT, STORE_PAGE_FAULT};
use rv_isa::fields::{menvcfg, mstatus, pte};
use rv_isa::{Isa, csr};

use super::attempt::{ALL, Try, VALUE, call};
use super::pages::{FIRST_LEAVES, PAGE, RWX, VA, entry, paged, superpage};
use crate::suite::case::{Case, Level, What};
use crate::suite::layout::{DATA, record};

const SECTION: &str = "Virtual Address Translation Process; Sv39";
const SVADU: &str = "Svadu, Svade: accessed and dirty bits";
const SVPBMT: &str = "Svpbmt";
const SVNAPOT: &str = "Svnapot";

/// The fault of each access.
const FAULTS: [u64; 3] = [LOAD_PAGE_FAULT, STORE_PAGE_FAULT, INSTRUCTION_PAGE_FAULT];

/// Adds the access to `addr`, and that it succeeds or faults.
fn tried(prepared: Case, what: Try, addr: u64, allowed: bool) -> Case {
    let mode = prepared.mode;
    let prepared = prepared.store(DATA, VALUE).x(A0, addr).x(A1, 0x55);
    let fault = what.cause(FAULTS);
    let done = prepared.run(what.instruction());
    match (what, allowed) {
        (Try::Load, true) => done.completes().reg(A1, VALUE),
        (Try::Store, true) => done.completes().mem(DATA, 0x55),
        (Try::Fetch, true) => at(done, call(mode), addr),
        (Try::Fetch, false) => at(done, fault, addr).tval(addr),
        (_, false) => {
            let gva = if mode.virt() { mstatus::GVA } else { 0 };
            done.traps(Level::M, fault).tval(addr).status(mstatus::GVA, gva).mem(DATA, VALUE)
        }
    }
}

/// A trap with xepc `epc`.
fn at(case: Case, cause: u64, epc: u64) -> Case {
    case.expect(What::Record(record::CAUSE), cause).expect(What::Record(record::EPC), epc)
}

/// All cases.
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for mode in [Mode::HS, Mode::U, Mode::VS, Mode::VU] {
        cases.extend(permissions(mode));
        cases.extend(malformed(mode));
        cases.extend(marks(mode));
        cases.extend(memory_types(mode));
        cases.extend(ranges(mode));
        cases.extend(crossing(mode));
    }
    cases.extend(privilege());
    cases.extend(changes());
    cases
}

/// U where the mode is a user's.
fn user(mode: Mode) -> u64 {
    if mode.privilege() == 0 { pte::U } else { 0 }
}

fn status_of(mode: Mode) -> u16 {
    if mode.virt() { csr::VSSTATUS } else { csr::SSTATUS }
}

/// R, W and X in all combinations, with and without MXR.
fn permissions(mode: Mode) -> Vec<Case> {
    let mut cases = Vec::new();
    for flags in 0..8 {
        let rwx = flags << 1;
        for mxr in [false, true] {
            for what in ALL {
                let allowed = what.permitted(rwx, mxr);
                let name =
                    format!("{what:?} on a page with RWX {flags:03b} (XWR){}", if mxr { " under MXR" } else { "" });
                let leaf = entry(DATA, pte::V | pte::A | pte::D | user(mode) | rwx);
                let status = mstatus::FS | if mxr { mstatus::MXR } else { 0 };
                let case = paged(name, SECTION, mode, leaf).set(status_of(mode), status);
                cases.push(tried(case, what, VA, allowed));
            }
        }
    }
    cases
}

/// Entries that no access gets through.
fn malformed(mode: Mode) -> Vec<Case> {
    let good = entry(DATA, RWX | user(mode));
    let mut leaves =
        vec![("invalid".to_owned(), good & !pte::V), ("a pointer in the last level".to_owned(), entry(DATA, pte::V))];
    leaves.extend((54..61).map(|bit| (format!("with reserved bit {bit}"), good | 1 << bit)));
    leaves.extend((61..63).map(|bit| (format!("with memory type bit {bit} while PBMTE is 0"), good | 1 << bit)));
    let mut cases: Vec<Case> = Vec::new();
    for (name, leaf) in leaves {
        cases.extend(ALL.map(|what| tried(paged(format!("{what:?}: {name}"), SECTION, mode, leaf), what, VA, false)));
    }
    for (name, leaf) in [
        ("a superpage that is not aligned", entry(DATA + PAGE, RWX | user(mode))),
        ("a pointer with D", entry(FIRST_LEAVES, pte::V | pte::D)),
        ("a pointer with A", entry(FIRST_LEAVES, pte::V | pte::A)),
        ("a pointer with U", entry(FIRST_LEAVES, pte::V | pte::U)),
    ] {
        cases.extend(ALL.map(|what| {
            let (place, value) = superpage(leaf);
            tried(paged(format!("{what:?}: {name}"), SECTION, mode, good).store(place, value), what, VA, false)
        }));
    }
    for (name, addr) in
        [("too high", 1 << 38), ("not sign-extended", 1 << 39 | VA), ("with only the top bit", 1 << 63 | VA)]
    {
        cases.extend(ALL.map(|what| {
            tried(paged(format!("{what:?} at an address {name}"), SECTION, mode, good), what, addr, false)
        }));
    }
    let (place, value) = superpage(entry(DATA, RWX | user(mode)));
    cases.extend(ALL.map(|what| {
        tried(paged(format!("{what:?} through a superpage"), SECTION, mode, 0).store(place, value), what, VA, true)
    }));
    cases
}

/// Accessed and dirty bits: faults, or updates where ADUE is set.
fn marks(mode: Mode) -> Vec<Case> {
    let mut cases = Vec::new();
    for update in [false, true] {
        for (name, missing) in [("A", pte::A), ("D", pte::D), ("A and D", pte::A | pte::D)] {
            for what in ALL {
                let leaf = entry(DATA, (RWX | user(mode)) & !missing);
                let needed = pte::A | if what == Try::Store { pte::D } else { 0 };
                let lacks = missing & needed != 0;
                let name = format!("{what:?} without {name}{}", if update { ", updates enabled" } else { "" });
                let mut case = paged(name, SVADU, mode, leaf);
                if update {
                    case = case.needs(Isa::Svadu).set(csr::MENVCFG, menvcfg::ADUE);
                    case = if mode.virt() { case.set(csr::HENVCFG, menvcfg::ADUE) } else { case };
                }
                let after = if update && lacks { leaf | needed } else { leaf };
                let case = tried(case, what, VA, update || !lacks);
                // A D that is set although nothing was stored would be allowed, but not by Svadu's exact updates.
                cases.push(case.mem(FIRST_LEAVES, after));
            }
        }
    }
    if mode.virt() {
        let case = paged("a guest's updates need henvcfg.ADUE", SVADU, mode, entry(DATA, (RWX | user(mode)) & !pte::A));
        cases.push(tried(case.needs(Isa::Svadu).set(csr::MENVCFG, menvcfg::ADUE), Try::Load, VA, false));
    }
    let read_only = entry(DATA, pte::V | pte::R | pte::A | user(mode));
    let mut case = paged("a store that is not allowed sets no D", SVADU, mode, read_only).needs(Isa::Svadu);
    case = case.set(csr::MENVCFG, menvcfg::ADUE);
    case = if mode.virt() { case.set(csr::HENVCFG, menvcfg::ADUE) } else { case };
    cases.push(tried(case, Try::Store, VA, false).mem(FIRST_LEAVES, read_only));
    cases
}

/// PBMT values while they are enabled.
fn memory_types(mode: Mode) -> Vec<Case> {
    let mut cases = Vec::new();
    for value in 0..4u64 {
        for what in ALL {
            let leaf = entry(DATA, RWX | user(mode)) | value << 61;
            let mut case = paged(format!("{what:?} with memory type {value}"), SVPBMT, mode, leaf).needs(Isa::Svpbmt);
            case = case.set(csr::MENVCFG, menvcfg::PBMTE);
            case = if mode.virt() { case.set(csr::HENVCFG, menvcfg::PBMTE) } else { case };
            cases.push(tried(case, what, VA, value != 3));
        }
    }
    if mode.virt() {
        let leaf = entry(DATA, RWX | user(mode)) | 1 << 61;
        let case = paged("a guest's memory types need henvcfg.PBMTE", SVPBMT, mode, leaf).needs(Isa::Svpbmt);
        cases.push(tried(case.set(csr::MENVCFG, menvcfg::PBMTE), Try::Load, VA, false));
    }
    cases
}

/// 64 KiB ranges: the low page number bits come from the address.
fn ranges(mode: Mode) -> Vec<Case> {
    let flags = RWX | user(mode) | pte::N;
    let mut cases = Vec::new();
    for what in ALL {
        let of = |name: &str, leaf: u64| paged(format!("{what:?}: {name}"), SVNAPOT, mode, leaf).needs(Isa::Svnapot);
        let range = entry(DATA + 0x8000, flags);
        // The page before the one that is used maps the same range, so that the address's own bits matter.
        cases.push(tried(of("the first page of a 64 KiB range", range), what, VA, true));
        cases.push(tried(of("a range of a reserved size", entry(DATA + 0x4000, flags)), what, VA, false));
        cases.push(tried(of("a range without size bits", entry(DATA, flags)), what, VA, false));
        let (place, value) = superpage(entry(DATA, flags));
        cases.push(tried(of("a range at a higher level", 0).store(place, value), what, VA, false));
    }
    let case = paged("Load from the second page of a 64 KiB range", SVNAPOT, mode, 0)
        .needs(Isa::Svnapot)
        .store(FIRST_LEAVES + 8, entry(DATA + 0x8000, flags))
        .store(DATA + PAGE, 0x1357)
        .x(A0, VA + PAGE)
        .run(asm::ld(A1, A0, 0));
    cases.push(case.completes().reg(A1, 0x1357));
    cases
}

/// An access across two pages, the second of which is missing, reports the boundary.
fn crossing(mode: Mode) -> Vec<Case> {
    let leaf = entry(DATA, RWX | user(mode));
    let of = |name: &str| {
        paged(name, "Page-Fault Exceptions: misaligned accesses across pages", mode, leaf).needs(Isa::Zicclsm)
    };
    let place = VA + PAGE - 4;
    vec![
        of("a load across pages reports the second")
            .x(A0, place)
            .run(asm::ld(A1, A0, 0))
            .traps(Level::M, LOAD_PAGE_FAULT)
            .tval(VA + PAGE),
        of("a store across pages reports the second")
            .x(A0, place)
            .run(asm::sd(A1, A0, 0))
            .traps(Level::M, STORE_PAGE_FAULT)
            .tval(VA + PAGE),
        at(
            // The first half of an instruction of 32 bits, whose other half is on the missing page.
            of("an instruction across pages reports the second")
                .needs(Isa::Zca)
                .store(DATA + PAGE - 8, 0x0073_0000_0000_0000)
                .x(A0, VA + PAGE - 2)
                .run(asm::jalr(ZERO, A0, 0)),
            INSTRUCTION_PAGE_FAULT,
            VA + PAGE - 2,
        )
        .tval(VA + PAGE),
        of("a load across pages that are both there")
            .store(FIRST_LEAVES + 8, entry(DATA + 4 * PAGE, RWX | user(mode)))
            .store(DATA + PAGE - 8, 0x1122_3344_5566_7788)
            .store(DATA + 4 * PAGE, 0x99aa_bbcc_ddee_ff00)
            .x(A0, place)
            .run(asm::ld(A1, A0, 0))
            .completes()
            .reg(A1, 0xddee_ff00_1122_3344),
    ]
}

/// What was translated before doesn't outlive a fence, nor a change of what rules it.
fn changes() -> Vec<Case> {
    let section = "Supervisor Memory-Management Fence Instruction; satp; Memory Privilege in sstatus Register";
    let (first, second) = (entry(DATA, RWX), entry(DATA + 4 * PAGE, RWX));
    let mut cases = Vec::new();
    for mode in [Mode::HS, Mode::VS] {
        let of = |name: &str, leaf| {
            paged(name, section, mode, leaf).store(DATA, 1).store(DATA + 4 * PAGE, 2).x(A0, VA).run(asm::ld(A1, A0, 0))
        };
        let change = [asm::sd(A3, A2, 0), asm::sfence_vma(ZERO, ZERO), asm::ld(A4, A0, 0)];
        cases.push(
            of("a changed entry is seen after a fence", first)
                .x(A2, FIRST_LEAVES)
                .x(A3, second)
                .runs(&change)
                .completes()
                .reg(A1, 1)
                .reg(A4, 2),
        );
        cases.push(
            of("an entry that is taken away is gone after a fence", first)
                .x(A2, FIRST_LEAVES)
                .x(A3, 0)
                .runs(&change)
                .traps(Level::M, LOAD_PAGE_FAULT)
                .tval(VA)
                .reg(A1, 1),
        );
        cases.push(
            of("SUM takes effect at once", first | pte::U)
                .set(status_of(mode), mstatus::FS | mstatus::SUM)
                .x(A2, mstatus::SUM)
                .runs(&[asm::csrrc(ZERO, csr::SSTATUS, A2), asm::ld(A4, A0, 0)])
                .traps(Level::M, LOAD_PAGE_FAULT)
                .tval(VA)
                .reg(A1, 1),
        );
        cases.push(
            of("MXR takes effect at once", entry(DATA, pte::V | pte::X | pte::A | pte::D))
                .set(status_of(mode), mstatus::FS | mstatus::MXR)
                .x(A2, mstatus::MXR)
                .runs(&[asm::csrrc(ZERO, csr::SSTATUS, A2), asm::ld(A4, A0, 0)])
                .traps(Level::M, LOAD_PAGE_FAULT)
                .tval(VA)
                .reg(A1, 1),
        );
    }
    cases
}

/// U pages and SUM; supervisor pages and users.
fn privilege() -> Vec<Case> {
    let section = "Memory Privilege in sstatus Register";
    let mut cases = Vec::new();
    for mode in [Mode::HS, Mode::VS] {
        let leaf = entry(DATA, RWX | pte::U);
        for what in ALL {
            let case = paged(format!("{what:?} by S-mode on a user page"), section, mode, leaf);
            cases.push(tried(case, what, VA, false));
            let case = paged(format!("{what:?} by S-mode on a user page under SUM"), section, mode, leaf);
            cases.push(tried(case.set(status_of(mode), mstatus::FS | mstatus::SUM), what, VA, what != Try::Fetch));
        }
    }
    for mode in [Mode::U, Mode::VU] {
        cases.extend(ALL.map(|what| {
            tried(
                paged(format!("{what:?} by U-mode on a supervisor page"), section, mode, entry(DATA, RWX)),
                what,
                VA,
                false,
            )
        }));
    }
    // SUM of the other level means nothing.
    let case =
        paged("vsstatus.SUM means nothing to HS-mode", section, Mode::HS, entry(DATA, RWX | pte::U)).needs(Isa::H);
    cases.push(tried(case.set(csr::VSSTATUS, mstatus::FS | mstatus::SUM), Try::Load, VA, false));
    let case = paged("sstatus.SUM means nothing to VS-mode", section, Mode::VS, entry(DATA, RWX | pte::U));
    cases.push(tried(case.set(csr::SSTATUS, mstatus::FS | mstatus::SUM), Try::Load, VA, false));
    let case = paged(
        "sstatus.MXR opens executable pages of VS-mode too",
        "Two-Stage Address Translation",
        Mode::VS,
        entry(DATA, pte::V | pte::X | pte::A | pte::D),
    );
    cases.push(tried(case.set(csr::SSTATUS, mstatus::FS | mstatus::MXR), Try::Load, VA, true));
    cases
}
