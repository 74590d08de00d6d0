//! What the kernel of `hyp` and its user programs agree on: system call
//! numbers, error codes, and the KVM-shaped interface to virtual machines.
//!
//! A system call is `ecall` with the number in `a7` and up to six arguments in
//! `a0`–`a5`. The result is in `a0`: zero or positive when it went well, minus
//! an [`Error`] code when not. `s0`–`s11`, `sp`, `gp`, `tp` and `ra` are kept;
//! `a1`–`a7` and `t0`–`t6` are zero afterwards, so callers list them as
//! clobbered.
//!
//! A process starts at its ELF entry point with `a0` = argc, `a1` = argv (an
//! array of argc pointers to NUL-terminated strings, then a null pointer) and
//! `sp` 16-byte aligned at the top of an 1 MiB stack that is backed on demand.
#![no_std]

pub mod channel;
pub mod error;
pub mod event;
pub mod process;
pub mod stats;
pub mod syscall;
pub mod vei;
pub mod vm;

pub use error::Error;

/// Size of a page, which is the unit of every mapping.
pub const PAGE_SIZE: usize = 4096;

/// Size of a large page, the unit of mappings with [`syscall::MAP_HUGE`].
pub const HUGE_PAGE_SIZE: usize = 2 << 20;
