//! Extensions: one row for each that is implemented, and sets of them.
//!
//! `misa`, the device tree's ISA strings, what decodes and which CSRs exist all follow from an [`IsaSet`], which is made from a string such
//! as `rv64gch_zba_zbb` ("ISA Extension Naming Conventions").

use core::fmt;

use crate::fields::misa;

macro_rules! extensions {
    ($($variant:ident, $name:literal, $version:literal, $default:ident, [$($implied:ident)*], $adds:literal;)*) => {
        /// An extension, in the canonical order of names.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Isa {
            $(#[doc = concat!("`", $name, "`: ", $adds, ".")] $variant,)*
        }

        static ROWS: &[ExtensionRow] = &[$(ExtensionRow {
            isa: Isa::$variant,
            name: $name,
            version: $version,
            default: Default::$default as u8 == Default::On as u8,
            implies: IsaSet::EMPTY$(.with(Isa::$implied))*,
            adds: $adds,
        },)*];
    };
}

/// Whether a hart has an extension unless told otherwise.
enum Default {
    On,
    Off,
}

/// A row of the table of extensions.
#[derive(Clone, Copy, Debug)]
pub struct ExtensionRow {
    /// The extension.
    pub isa: Isa,
    /// Its name in lower case; single letters are those of `misa`.
    pub name: &'static str,
    /// The ratified version that is implemented, as "major.minor".
    pub version: &'static str,
    /// A hart has it unless told otherwise.
    pub default: bool,
    /// Extensions that it contains or depends on.
    pub implies: IsaSet,
    /// What it adds, or which property it promises.
    pub adds: &'static str,
}

// Off by default is what would stop software that doesn't know of it (Smstateen makes mstateen0 guard CSRs that were open before), and what
// is little without devices (Smaia, Ssaia).
extensions! {
    I, "i", "2.1", On, [Sm Ss Zicntr Zihpm Svbare Sv39], "the base integer instructions";
    M, "m", "2.0", On, [Zmmul], "multiplication and division";
    A, "a", "2.1", On, [Zaamo Zalrsc], "atomic instructions";
    F, "f", "2.2", On, [Zicsr], "single-precision floating point";
    D, "d", "2.2", On, [F], "double-precision floating point";
    C, "c", "2.0", On, [Zca], "compressed instructions";
    B, "b", "1.0", On, [Zba Zbb Zbs], "bit manipulation: Zba, Zbb and Zbs";
    H, "h", "1.0", On, [Zicsr], "hypervisor: two-stage translation, VS and VU modes";
    Zic64b, "zic64b", "1.0", On, [], "cache blocks are 64 bytes";
    Zicbom, "zicbom", "1.0", On, [Zicsr], "cache-block management";
    Zicbop, "zicbop", "1.0", On, [], "prefetch hints";
    Zicboz, "zicboz", "1.0", On, [Zicsr], "zeroing of cache blocks";
    Ziccamoa, "ziccamoa", "1.0", On, [], "main memory supports all atomics of A";
    Ziccif, "ziccif", "1.0", On, [], "fetches from main memory are atomic";
    Zicclsm, "zicclsm", "1.0", On, [], "misaligned loads and stores to main memory";
    Ziccrse, "ziccrse", "1.0", On, [], "main memory supports forward progress of LR/SC";
    Zicntr, "zicntr", "2.0", On, [Zicsr], "cycle, time and instret";
    Zicond, "zicond", "1.0", On, [], "conditional zeroing";
    Zicsr, "zicsr", "2.0", On, [], "CSR instructions";
    Zifencei, "zifencei", "2.0", On, [], "the instruction-fetch fence";
    Zihintntl, "zihintntl", "1.0", On, [], "non-temporal locality hints";
    Zihintpause, "zihintpause", "2.0", On, [], "the pause hint";
    Zihpm, "zihpm", "2.0", On, [Zicsr], "performance counters";
    Zimop, "zimop", "1.0", On, [], "may-be-operations";
    Zmmul, "zmmul", "1.0", On, [], "multiplication";
    Za64rs, "za64rs", "1.0", On, [], "reservation sets of at most 64 bytes";
    Zaamo, "zaamo", "1.0", On, [], "atomic memory operations";
    Zabha, "zabha", "1.0", On, [Zaamo], "atomic memory operations on bytes and halfwords";
    Zacas, "zacas", "1.0", On, [Zaamo], "atomic compare-and-swap";
    Zalrsc, "zalrsc", "1.0", On, [], "load-reserved and store-conditional";
    Zawrs, "zawrs", "1.01", On, [Zalrsc], "waiting on a reservation set";
    Zfa, "zfa", "1.0", On, [F], "additional floating-point instructions";
    Zfh, "zfh", "1.0", On, [Zfhmin], "half-precision floating point";
    Zfhmin, "zfhmin", "1.0", On, [F], "half-precision loads, stores and conversions";
    Zca, "zca", "1.0", On, [], "compressed integer instructions";
    Zcb, "zcb", "1.0", On, [Zca], "further compressed instructions";
    Zcd, "zcd", "1.0", On, [Zca D], "compressed double-precision loads and stores";
    Zcmop, "zcmop", "1.0", On, [Zca], "compressed may-be-operations";
    Zba, "zba", "1.0", On, [], "address generation";
    Zbb, "zbb", "1.0", On, [], "basic bit manipulation";
    Zbc, "zbc", "1.0", On, [], "carry-less multiplication";
    Zbs, "zbs", "1.0", On, [], "single-bit instructions";
    Zkt, "zkt", "1.0", On, [], "modelled latency that depends on no data";
    Sha, "sha", "1.0", On, [H Shcounterenw Shgatpa Shtvala Shvsatpa Shvstvala Shvstvecd Ssstateen], "the augmented hypervisor extension";
    Shcounterenw, "shcounterenw", "1.0", On, [H], "hcounteren is writable for every counter there is";
    Shgatpa, "shgatpa", "1.0", On, [H], "hgatp has the schemes that satp has";
    Shtvala, "shtvala", "1.0", On, [H], "htval holds the faulting guest physical address";
    Shvsatpa, "shvsatpa", "1.0", On, [H], "vsatp has the schemes that satp has";
    Shvstvala, "shvstvala", "1.0", On, [H], "vstval holds what stval would";
    Shvstvecd, "shvstvecd", "1.0", On, [H], "vstvec holds any aligned address in Direct mode";
    Sm, "sm1p13", "1.13", On, [Zicsr], "the machine-level architecture";
    Smaia, "smaia", "1.0", Off, [Ssaia], "the Advanced Interrupt Architecture for M-mode";
    Smcntrpmf, "smcntrpmf", "1.0", On, [Zicntr], "filters of cycle and instret by mode";
    Smepmp, "smepmp", "1.0", On, [Zicsr], "mseccfg and its PMP rules";
    Smnpm, "smnpm", "1.0", On, [Zicsr], "pointer masking for S-mode, set by M-mode";
    Smstateen, "smstateen", "1.0", Off, [Ssstateen], "M-mode's control of what state lower modes reach";
    Ss, "ss1p13", "1.13", On, [Zicsr], "the supervisor-level architecture";
    Ssaia, "ssaia", "1.0", Off, [Zicsr], "the Advanced Interrupt Architecture for S-mode and guests";
    Ssccptr, "ssccptr", "1.0", On, [], "main memory supports page-table reads";
    Sscofpmf, "sscofpmf", "1.0", On, [Zihpm], "counter overflow interrupts, and filters by mode";
    Sscounterenw, "sscounterenw", "1.0", On, [], "scounteren is writable for every counter there is";
    Ssnpm, "ssnpm", "1.0", On, [Zicsr], "pointer masking for U-mode and guests";
    Ssstateen, "ssstateen", "1.0", On, [Zicsr], "control of what state guests and users reach";
    Sstc, "sstc", "1.0", On, [Zicsr], "supervisor timer comparators";
    Sstvala, "sstvala", "1.0", On, [], "stval holds the faulting address or instruction";
    Sstvecd, "sstvecd", "1.0", On, [], "stvec holds any aligned address in Direct mode";
    Ssu64xl, "ssu64xl", "1.0", On, [], "UXL of 64 bits";
    Supm, "supm", "1.0", On, [Ssnpm], "pointer masking is there for user software to ask for";
    Svade, "svade", "1.0", On, [], "page faults where accessed or dirty bits are missing";
    Svadu, "svadu", "1.0", On, [Zicsr], "hardware updates of accessed and dirty bits, where enabled";
    Svbare, "svbare", "1.0", On, [], "no translation";
    Svinval, "svinval", "1.0", On, [], "fine-grained invalidation of translations";
    Svnapot, "svnapot", "1.0", On, [Sv39], "64 KiB translations";
    Svpbmt, "svpbmt", "1.0", On, [Sv39], "memory types in page-table entries, where enabled";
    Svvptc, "svvptc", "1.0", On, [], "entries made valid are seen without a fence";
    Sv39, "sv39", "1.0", On, [Svbare], "39-bit virtual addresses";
    Sv48, "sv48", "1.0", On, [Sv39], "48-bit virtual addresses";
    Sv57, "sv57", "1.0", On, [Sv48], "57-bit virtual addresses";
}

const _: () = assert!(ROWS.len() <= 128, "a set has 128 bits");

/// All extensions, in canonical order.
pub fn extension_rows() -> &'static [ExtensionRow] {
    ROWS
}

impl Isa {
    /// The extension's row.
    pub fn row(self) -> &'static ExtensionRow {
        &ROWS[self as usize]
    }
}

/// A set of extensions.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct IsaSet(u128);

impl IsaSet {
    /// No extension.
    pub const EMPTY: IsaSet = IsaSet(0);

    /// This set and `isa`.
    pub const fn with(self, isa: Isa) -> IsaSet {
        IsaSet(self.0 | 1 << isa as u8)
    }

    /// This set without `isa`.
    pub const fn without(self, isa: Isa) -> IsaSet {
        IsaSet(self.0 & !(1 << isa as u8))
    }

    /// The members of either set.
    pub const fn union(self, other: IsaSet) -> IsaSet {
        IsaSet(self.0 | other.0)
    }

    /// Whether `isa` is in it.
    pub const fn has(self, isa: Isa) -> bool {
        self.0 >> isa as u8 & 1 != 0
    }

    /// Whether all of `other` is in it.
    pub const fn contains(self, other: IsaSet) -> bool {
        other.0 & !self.0 == 0
    }

    /// What a hart has unless told otherwise.
    pub fn standard() -> IsaSet {
        ROWS.iter().filter(|row| row.default).fold(IsaSet::EMPTY, |set, row| set.with(row.isa)).closed()
    }

    /// Everything that is implemented.
    pub fn all() -> IsaSet {
        ROWS.iter().fold(IsaSet::EMPTY, |set, row| set.with(row.isa))
    }

    /// The rows of its members, in canonical order.
    pub fn rows(self) -> impl Iterator<Item = &'static ExtensionRow> {
        ROWS.iter().filter(move |row| self.has(row.isa))
    }

    /// With everything that its members imply, and the names of what they make up together.
    pub fn closed(self) -> IsaSet {
        let mut set = self;
        loop {
            let implied = set.rows().fold(set, |all, row| all.union(row.implies));
            // What makes up A, B or Sha is them; C with D contains Zcd ("Zc* Overview").
            let wholes = [Isa::A, Isa::B, Isa::Sha].into_iter().filter(|whole| implied.contains(whole.row().implies));
            let mut next = wholes.fold(implied, IsaSet::with);
            if next.has(Isa::C) && next.has(Isa::D) {
                next = next.with(Isa::Zcd);
            }
            let whole_c = next.has(Isa::Zca) && (!next.has(Isa::D) || next.has(Isa::Zcd));
            if whole_c {
                next = next.with(Isa::C);
            }
            if next == set {
                return set;
            }
            set = next;
        }
    }

    /// The value of `misa`.
    pub fn misa(self) -> u64 {
        let letters = self.rows().filter(|row| row.name.len() == 1);
        letters.fold(misa::RV64 | misa::letters("su"), |bits, row| bits | misa::letters(row.name))
    }
}

/// The ISA string in its canonical form, as `riscv,isa` of a device tree has it.
impl fmt::Display for IsaSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rv64")?;
        self.rows().filter(|row| row.name.len() == 1).try_for_each(|row| f.write_str(row.name))?;
        self.rows().filter(|row| row.name.len() > 1).try_for_each(|row| write!(f, "_{}", row.name))
    }
}

impl fmt::Debug for IsaSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sets_are_closed() {
        assert_eq!(IsaSet::standard(), IsaSet::standard().closed());
        assert_eq!(IsaSet::all(), IsaSet::all().closed());
    }

    #[test]
    fn misa_has_a_letter_for_each_single_letter_extension() {
        assert_eq!(IsaSet::all().misa(), misa::RV64 | misa::letters("abcdfhimsu"));
        assert_eq!(IsaSet::EMPTY.with(Isa::I).closed().misa(), misa::RV64 | misa::letters("isu"));
    }

    /// "Subset Naming Convention": single letters, Z by the letter after it, then S, each group in alphabetical order.
    #[test]
    fn rows_are_in_canonical_order() {
        let category = |name: &str| {
            let second = name.as_bytes().get(1).copied().unwrap_or(0);
            match (name.len(), name.as_bytes()[0]) {
                (1, letter) => (0, "imafdcbh".find(letter as char)),
                (_, b'z') => (1, "imafdcbk".find(second as char)),
                _ => (2, Some(0)),
            }
        };
        assert!(ROWS.is_sorted_by_key(|row| category(row.name)));
        assert!(ROWS.iter().all(|row| category(row.name).1.is_some()));
    }
}
