//! Page tables: mostly right, so that programs get somewhere, with hostile corners that pointers are made to hit.

use std::collections::BTreeMap;

use rv_isa::fields::{pte, satp};

use super::layout::{CODE, CODE_SIZE, DATA, DATA_PAGES, HANDLERS, PAGE, PATCH, TABLES, USER_ALIAS};
use super::random::Random;

/// Virtual pages of the first stage, and guest-physical ones of the second, where nothing can be relied on.
pub const HOSTILE: u64 = 0x8060_0000;
/// How many.
pub const HOSTILE_PAGES: u64 = 16;
/// A range of 2 MiB pages where nothing can be relied on.
pub const HOSTILE_MEGA: u64 = 0x80a0_0000;
/// A gigapage.
pub const GIGA: u64 = 0x1_0000_0000;
/// A page of 512 GiB, where there is one.
pub const TERA: u64 = 0x80_0000_0000;
/// Tables for what is hostile; in the second stage their pages are hostile too.
const SHAKY_TABLES: u64 = TABLES + 0x20_0000;

/// A translation: the value of satp, vsatp or hgatp.
#[derive(Clone, Copy, Debug)]
struct Space {
    root: u64,
    levels: u32,
    second: bool,
}

/// All tables of a program.
#[derive(Default)]
pub struct Tables {
    entries: BTreeMap<u64, u64>,
    loose: Vec<u64>,
    used: u64,
    shaky: u64,
}

const LEAF: u64 = pte::V | pte::A | pte::D;

fn to(address: u64) -> u64 {
    address >> 12 << pte::PPN_SHIFT
}

impl Tables {
    /// Entries, by address.
    pub fn entries(&self) -> Vec<(u64, u64)> {
        self.entries.iter().filter(|entry| *entry.1 != 0).map(|(address, value)| (*address, *value)).collect()
    }

    /// Places of entries that code may change.
    pub fn loose(&self) -> &[u64] {
        &self.loose
    }

    fn table(&mut self, shaky: bool, pages: u64) -> u64 {
        let (base, used) = if shaky { (SHAKY_TABLES, &mut self.shaky) } else { (TABLES, &mut self.used) };
        *used = used.next_multiple_of(pages);
        let at = base + *used * PAGE;
        *used += pages;
        at
    }

    fn space(&mut self, random: &mut Random, second: bool) -> Space {
        let levels = 3 + random.below(3) as u32;
        Space { root: self.table(false, if second { 4 } else { 1 }), levels, second }
    }

    /// Puts an entry for `va` into the table of `level`.
    fn map(&mut self, space: Space, va: u64, level: u32, entry: u64) {
        let shaky = (HOSTILE..HOSTILE + 0x20_0000).contains(&va);
        let mut table = space.root;
        for at in (level + 1..space.levels).rev() {
            let place = slot(space, table, va, at);
            table = match self.entries.get(&place) {
                Some(next) if next & (pte::R | pte::W | pte::X) != 0 => return,
                Some(next) => next >> pte::PPN_SHIFT << 12,
                None => {
                    let next = self.table(shaky && at == 1, 1);
                    self.entries.insert(place, to(next) | pte::V);
                    next
                }
            };
        }
        let place = slot(space, table, va, level);
        self.entries.insert(place, entry);
        if shaky {
            self.loose.push(place);
        }
    }

    /// A first stage, for HS-mode and U-mode or their guest twins.
    pub fn first_stage(&mut self, random: &mut Random) -> u64 {
        let space = self.space(random, false);
        let readable = if random.once_in(4) { 0 } else { pte::R };
        for page in 0..CODE_SIZE / PAGE {
            let (va, code) = (CODE + page * PAGE, readable | pte::X | LEAF & !pte::D);
            self.map(space, va, 0, to(va) | code);
            self.map(space, va | USER_ALIAS, 0, to(va) | code | pte::U);
        }
        for page in 0..3 {
            let va = HANDLERS + page * PAGE;
            self.map(space, va, 0, to(va) | pte::R | pte::X | LEAF);
        }
        self.map(space, HANDLERS | USER_ALIAS, 0, to(HANDLERS) | pte::R | pte::X | LEAF | pte::U);
        let all = pte::R | pte::W | pte::X | LEAF;
        self.map(space, PATCH, 0, to(PATCH) | all);
        self.map(space, PATCH | USER_ALIAS, 0, to(PATCH) | all | pte::U);
        let user = random.pick(&[0, pte::U]);
        for page in 0..DATA_PAGES {
            let user = if random.once_in(3) { user ^ pte::U } else { user };
            let va = DATA + page * PAGE;
            self.map(space, va, 0, to(va) | pte::R | pte::W | LEAF | user);
            self.map(space, va | !0 << 32, 0, to(va) | pte::R | pte::W | LEAF | user);
        }
        self.hostile(random, space);
        space.register(random)
    }

    /// A second stage: guest-physical addresses are mostly physical ones.
    pub fn second_stage(&mut self, random: &mut Random) -> u64 {
        let space = self.space(random, true);
        for page in 0..(PATCH + PAGE - CODE) / PAGE {
            let va = CODE + page * PAGE;
            let write = if va == PATCH { pte::W } else { 0 };
            self.map(space, va, 0, to(va) | pte::R | pte::X | pte::U | LEAF | write);
        }
        let all = pte::R | pte::W | pte::U | LEAF;
        for page in 0..DATA_PAGES {
            let va = DATA + page * PAGE;
            let entry = if random.once_in(6) { hostile_entry(random) } else { to(va) | all };
            self.map(space, va, 0, entry);
        }
        self.map(space, TABLES, 1, to(TABLES) | all);
        for page in 0..64 {
            let va = SHAKY_TABLES + page * PAGE;
            let entry = match random.below(6) {
                0 => to(va) | random.bits() & 0xff,
                1 => to(va) | all & !random.pick(&[pte::V, pte::R, pte::W, pte::U, pte::A, pte::D]),
                _ => to(va) | all,
            };
            self.map(space, va, 0, entry);
        }
        self.hostile(random, space);
        space.register(random)
    }

    fn hostile(&mut self, random: &mut Random, space: Space) {
        for page in 0..HOSTILE_PAGES {
            let entry = hostile_entry(random);
            self.map(space, HOSTILE + page * PAGE, 0, entry);
        }
        for page in 0..3 {
            let misaligned = if random.once_in(3) { 1 << random.below(9) } else { 0 };
            let flags = hostile_entry(random) & !pte::PPN & !pte::X;
            let va = HOSTILE_MEGA + page * 0x20_0000;
            self.map(space, va, 1, to(DATA) | misaligned << pte::PPN_SHIFT | flags);
            let giga = GIGA + page * 0x4000_0000;
            let flags = hostile_entry(random) & !pte::PPN & !pte::X;
            self.map(space, giga, 2, to(0x8000_0000) | misaligned << pte::PPN_SHIFT | flags);
        }
        if space.levels > 3 {
            let flags = hostile_entry(random) & !pte::PPN & !pte::X;
            self.map(space, TERA, 3, flags);
        }
    }
}

/// A leaf for data, right or wrong in some way.
pub fn hostile_entry(random: &mut Random) -> u64 {
    let page = DATA + random.below(DATA_PAGES as usize) as u64 * PAGE;
    let all = pte::R | pte::W | pte::U | LEAF;
    match random.below(12) {
        0..=2 => to(page) | random.bits() & 0x3ff & !pte::X | pte::V,
        3 | 4 => to(page) | all & !random.pick(&[pte::A, pte::D, pte::A | pte::D]),
        5 => to(page) | all & !(pte::R | pte::W) | pte::X,
        6 => to(page) | all | 1 << (54 + random.below(10)),
        7 => to(page) | all & !random.pick(&[pte::V, pte::R, pte::W, pte::U]),
        8 => to(HOSTILE + random.below(HOSTILE_PAGES as usize) as u64 * PAGE) | all,
        9 => to(random.bits()) & pte::PPN | all,
        10 => to(page) | all ^ pte::U,
        _ => to(page) | all,
    }
}

/// Address of the entry for `va` in `table`.
fn slot(space: Space, table: u64, va: u64, level: u32) -> u64 {
    let bits = if space.second && level + 1 == space.levels { 11 } else { 9 };
    table + 8 * (va >> (12 + 9 * level) & ((1 << bits) - 1))
}

impl Space {
    fn register(self, random: &mut Random) -> u64 {
        let mode = [satp::SV39, satp::SV48, satp::SV57][self.levels as usize - 3];
        let id = (random.below(4) as u64) << satp::ASID_SHIFT;
        mode | id | self.root >> 12
    }
}
