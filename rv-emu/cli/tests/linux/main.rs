//! Debian's Linux on the machine: unmodified kernel, programs and firmware, which `cargo xtask debian` fetches.
//!
//! Without those files each test says loudly that it is skipped.

mod boot;
#[path = "../common/mod.rs"]
mod common;
mod disk;
mod fat;
mod kvm;
mod network;
mod packed;
mod session;
mod smp;
mod u_boot;
