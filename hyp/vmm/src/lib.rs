//! The parts of the monitor that need no machine: arguments, loading, device tree, devices, and what a guest's calls and redirected
//! accesses mean.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

pub mod args;
pub mod device;
pub mod image;
pub mod redirect;
pub mod sbi;
pub mod tree;
