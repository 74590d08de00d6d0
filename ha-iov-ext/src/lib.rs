//! HA-IOV, hardware-assisted I/O virtualization for RISC-V: its names and numbers, and its hardware.
//!
//! Without features the crate is `no_std` definitions for hypervisors and their user processes: [`csr`] numbers, [`fields`], [`cause`]
//! codes, the G-stage [`pte`] bit, the [`insn`] encoding, the [`utinst`] decoder, and the tables of [`vei`] in memory. With the feature
//! `model` it is also the hardware (`model::Haiov`), an extension of `rv-hart`.
//!
//! The normative text is `MANUAL.md` beside this crate's sources.

#![cfg_attr(not(feature = "model"), no_std)]

pub mod cause;
pub mod csr;
pub mod fields;
pub mod insn;
#[cfg(feature = "model")]
pub mod model;
pub mod pte;
pub mod utinst;
pub mod vei;
