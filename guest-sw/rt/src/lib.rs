//! What every bare-metal program here needs and the language doesn't have:
//! control registers, the two devices that a program talks and ends through,
//! page tables, and for kernels their address space and the SBI.
#![no_std]
#![cfg(target_arch = "riscv64")]

pub mod csr;
pub mod finisher;
pub mod image;
pub mod paging;
pub mod sbi;
pub mod uart;
