//! Debian's Linux on the machine: unmodified kernel, programs and firmware, which `cargo xtask debian` fetches.
//!
//! Without those files each test says loudly that it is skipped.

mod boot;
mod fat;
mod packed;
mod session;
mod u_boot;
