//! What every bare-metal program here needs and the language doesn't have:
//! control registers, the two devices that a program talks and ends through,
//! and page tables.
#![no_std]
#![cfg(target_arch = "riscv64")]

pub mod csr;
pub mod finisher;
pub mod paging;
pub mod uart;
