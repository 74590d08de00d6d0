//! What a vCPU's hart can do, and how device trees call it.

use crate::kvm::{Register, Vcpu};

/// KVM's extensions (`enum KVM_RISCV_ISA_EXT_ID`) by number: their names, and nothing for those that a guest of ours isn't told of.
const NAMES: [&str; 64] = [
    "a",
    "c",
    "d",
    "f",
    "h",
    "i",
    "m",
    "svpbmt",
    "sstc",
    "svinval",
    "zihintpause",
    "zicbom",
    "zicboz",
    "zbb",
    "ssaia",
    "v",
    "svnapot",
    "zba",
    "zbs",
    "zicntr",
    "zicsr",
    "zifencei",
    "zihpm",
    "smstateen",
    "zicond",
    "zbc",
    "zbkb",
    "zbkc",
    "zbkx",
    "zknd",
    "zkne",
    "zknh",
    "zkr",
    "zksed",
    "zksh",
    "zkt",
    "zvbb",
    "zvbc",
    "zvkb",
    "zvkg",
    "zvkned",
    "zvknha",
    "zvknhb",
    "zvksed",
    "zvksh",
    "zvkt",
    "zfh",
    "zfhmin",
    "zihintntl",
    "zvfh",
    "zvfhmin",
    "zfa",
    "ztso",
    "zacas",
    "sscofpmf",
    "zimop",
    "zca",
    "zcb",
    "zcd",
    "zcf",
    "zcmop",
    "zawrs",
    "",
    "",
];

/// Single letters in the order of ISA strings.
const LETTERS: &str = "imafdcvh";

/// A set of extensions, by KVM's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Isa(u64);

impl Isa {
    /// The extensions whose bits are set.
    pub const fn from_bits(bits: u64) -> Isa {
        Isa(bits)
    }

    /// What the vCPU has.
    pub fn of(vcpu: Vcpu) -> Isa {
        let has = |number: &u64| vcpu.get(Register::isa_extension(*number)) == Ok(1);
        Isa((0..64).filter(has).fold(0, |set, number| set | 1 << number))
    }

    fn all(self) -> impl Iterator<Item = &'static str> + Clone {
        (0..64)
            .filter(move |number| self.0 >> number & 1 != 0)
            .map(|number| NAMES[number])
            .filter(|name| !name.is_empty())
    }

    fn letters(self) -> impl Iterator<Item = &'static str> + Clone {
        let letters = (0..LETTERS.len()).map(|at| &LETTERS[at..at + 1]);
        letters.filter(move |letter| self.all().any(|name| name == *letter))
    }

    fn words(self) -> impl Iterator<Item = &'static str> + Clone {
        self.all().filter(|name| name.len() > 1)
    }

    /// The names one by one, as `riscv,isa-extensions` wants them.
    pub fn names(self) -> impl Iterator<Item = &'static str> + Clone {
        self.letters().chain(self.words())
    }

    /// The pieces of the string that `riscv,isa` wants.
    pub fn pieces(self) -> impl Iterator<Item = &'static str> + Clone {
        let words = self.words().flat_map(|word| ["_", word]);
        core::iter::once("rv64").chain(self.letters()).chain(words)
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn letters_come_in_their_order_and_words_after_them() {
        let isa = Isa(0b111_1111 & !(1 << 4) | 1 << 8 | 1 << 61);
        let text: Vec<&str> = isa.pieces().collect();
        assert_eq!(text.concat(), "rv64imafdc_sstc_zawrs");
        assert_eq!(isa.names().collect::<Vec<_>>(), ["i", "m", "a", "f", "d", "c", "sstc", "zawrs"]);
    }
}
