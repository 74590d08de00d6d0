//! The parts of the kernel that are pure computation: formats, encodings and
//! decoding, apart from the machine so that the host's `cargo test` runs them.
#![cfg_attr(not(test), no_std)]

pub mod addr;
pub mod cpio;
pub mod elf;
pub mod insn;
pub mod pte;
