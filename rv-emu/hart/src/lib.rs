//! One RISC-V hart: RV64GC with the hypervisor extension, as a library.
//!
//! The way of an instruction: [`interp`] decodes a block once and runs its handlers; each calls the instruction's one meaning in
//! [`sem`], written against the [`engine`]; memory goes through [`mmu`] and out by the [`bus`]; what goes wrong becomes a [`trap`], and
//! `hart/enter.rs` decides which mode takes it. CSRs are rows in [`csr`]. Extensions join at [`ext`] without a line changed here.
//!
//! Reading order: [`mode`], [`state`], [`engine`], `sem/int.rs`, `hart/run.rs`, `hart/memory.rs`, `mmu/walk.rs`, `hart/enter.rs`.

pub mod bus;
pub mod cost;
pub mod counters;
mod csr;
pub mod engine;
pub mod ext;
pub mod hart;
mod interp;
pub mod marker;
pub mod mmu;
pub mod mode;
pub mod ram;
pub mod record;
pub mod sem;
pub mod state;
mod transform;
pub mod trap;

pub use bus::{Bus, BusError, External, File, FileRegister, TimeBase, Wires};
pub use cost::Costs;
pub use counters::{Counters, TrapCount};
pub use hart::{Hart, HartError, StepEvent, Stop};
pub use mode::Mode;
pub use ram::{Ram, RamError};
pub use record::{Observer, Step};
pub use state::HartState;
pub use trap::Trap;
