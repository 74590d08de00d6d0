//! What the two monitors share, the lab's and that of operating systems: arguments, loading, device trees, devices, and what a guest's calls
//! and redirected accesses mean. What needs the machine is there on riscv64 only; everything else is tested on any host.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

pub mod args;
pub mod board;
pub mod device;
#[cfg(target_arch = "riscv64")]
pub mod handler;
pub mod image;
#[cfg(target_arch = "riscv64")]
pub mod marker;
pub mod redirect;
pub mod sbi;
#[cfg(target_arch = "riscv64")]
pub mod shared_memory;
pub mod tree;
