//! Page tables for the tests: the program's own memory at its own addresses, and one page under test.

use rv_hart::Mode;
use rv_isa::fields::{pte, satp};
use rv_isa::{Isa, csr};

use crate::suite::case::{Case, case};
use crate::suite::layout::{DATA, PAGE_TABLES, RUNTIME, USER_TEXT};

/// Virtual address of the page under test; the page after it is not mapped unless a test does so.
pub const VA: u64 = 0x4000_0000;
/// Guest physical address of the page under test in the G-stage.
pub const GPA: u64 = 0xc000_0000;
/// Bytes of a page.
pub const PAGE: u64 = 0x1000;
/// All permissions of a leaf but U.
pub const RWX: u64 = pte::V | pte::R | pte::W | pte::X | pte::A | pte::D;

const FIRST_ROOT: u64 = PAGE_TABLES;
const FIRST_OWN: u64 = PAGE_TABLES + PAGE;
const FIRST_MIDDLE: u64 = PAGE_TABLES + 2 * PAGE;
/// The last-level table of the page under test in the first stage.
pub const FIRST_LEAVES: u64 = PAGE_TABLES + 3 * PAGE;
const SECOND_ROOT: u64 = PAGE_TABLES + 0x10_000;
const SECOND_MIDDLE: u64 = PAGE_TABLES + 0x14_000;
/// The last-level table of the page under test in the G-stage.
pub const SECOND_LEAVES: u64 = PAGE_TABLES + 0x15_000;

/// An entry for the page or table at `addr`.
pub const fn entry(addr: u64, flags: u64) -> u64 {
    addr >> 12 << 10 | flags
}

/// satp or vsatp for the tables of [`first_stage`].
pub const FIRST: u64 = satp::SV39 | FIRST_ROOT >> 12;
/// hgatp for the tables of [`second_stage`].
pub const SECOND: u64 = satp::SV39 | SECOND_ROOT >> 12;

/// Sv39 tables: 2 MiB pages for the program, those of user text and constants with U; and `leaf` for [`VA`].
pub fn first_stage(leaf: u64) -> Vec<(u64, u64)> {
    let mut words = vec![
        (FIRST_ROOT + 8 * (VA >> 30), entry(FIRST_MIDDLE, pte::V)),
        (FIRST_ROOT + 8 * (RUNTIME >> 30), entry(FIRST_OWN, pte::V)),
        (FIRST_MIDDLE, entry(FIRST_LEAVES, pte::V)),
        (FIRST_LEAVES, leaf),
        (FIRST_LEAVES + 8, 0),
    ];
    for index in 0..16 {
        let addr = RUNTIME + (index << 21);
        let user = if (USER_TEXT..DATA).contains(&addr) { pte::U } else { 0 };
        words.push((FIRST_OWN + 8 * index, entry(addr, RWX | user)));
    }
    words
}

/// Sv39x4 tables: a 1 GiB page for the program, and `leaf` for [`GPA`].
pub fn second_stage(leaf: u64) -> Vec<(u64, u64)> {
    vec![
        (SECOND_ROOT + 8 * (RUNTIME >> 30), entry(RUNTIME, RWX | pte::U)),
        (SECOND_ROOT + 8 * (GPA >> 30), entry(SECOND_MIDDLE, pte::V)),
        (SECOND_MIDDLE, entry(SECOND_LEAVES, pte::V)),
        (SECOND_LEAVES, leaf),
        (SECOND_LEAVES + 8, 0),
    ]
}

/// A leaf at level 1 for [`VA`], instead of that at level 0.
pub fn superpage(leaf: u64) -> (u64, u64) {
    (FIRST_MIDDLE, leaf)
}

/// A case in `mode` under the first stage of its own, with `leaf` for [`VA`].
pub fn paged(name: impl Into<String>, section: &'static str, mode: Mode, leaf: u64) -> Case {
    let register = if mode.virt() { csr::VSATP } else { csr::SATP };
    case(name, section, mode).needs(Isa::Sv39).stores(first_stage(leaf)).set(register, FIRST)
}

/// A case in `mode`, a guest's, under the G-stage alone, with `leaf` for [`GPA`].
pub fn guest(name: impl Into<String>, section: &'static str, mode: Mode, leaf: u64) -> Case {
    case(name, section, mode).needs(Isa::Sv39).stores(second_stage(leaf)).set(csr::HGATP, SECOND)
}
