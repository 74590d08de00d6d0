//! The RISC-V instruction set as data: one row per instruction and per CSR, and what follows from the rows.
//!
//! Decoding, encoding, disassembly and names all come from the same tables, so that they cannot drift apart. The crate is `no_std`, has no
//! dependencies, and is used by the emulator, by guest software and by test generators alike.
//!
//! Reading order: `extension.rs`, `insn/rows.rs`, [`insn`], [`decode`], `insn/compressed.rs`, [`asm`], [`csr`], [`fields`].

#![no_std]

pub mod asm;
pub mod cause;
pub mod csr;
mod csr_rows;
mod extension;
pub mod fields;
pub mod insn;
mod isa_string;

pub use extension::{ExtensionRow, Isa, IsaSet, extension_rows};
pub use insn::compressed::{CompressedFormat, CompressedRow, Needs, compressed_rows};
pub use insn::decode::decode;
pub use insn::disasm::{disassemble, float_register_name, register_name};
pub use insn::encode::{Fields, encode};
pub use insn::{Class, FloatOperands, Format, Insn, Op, Row, is_hypervisor_memory};
pub use isa_string::IsaError;
