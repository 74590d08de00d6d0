//! The parts of the monitor that need no machine: arguments, loading, device tree, devices.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

pub mod args;
pub mod device;
pub mod image;
pub mod tree;
