//! Virtual machines in the shape of KVM. A VM is guest physical memory; its
//! vCPUs belong to the threads that made them.
//!
//! - `gstage`: guest physical memory, from the regions that the VMM sets
//! - `vcpu`: a vCPU's state and when it is in the hart; `context`: its CSRs
//! - `line`: what other threads may do with a vCPU; `io_event`: stores that
//!   signal events
//! - `world_switch`: in and out of the guest
//! - `run`: the run loop; `exit`: what is done with each exit; `mmio`, `sbi`
//! - `hardware`, `extensions`: what the machine has for guests
//! - `uer`: what HA-IOV's user-level exception redirection adds

pub mod context;
pub mod exit;
pub mod extensions;
pub mod gstage;
pub mod hardware;
pub mod io_event;
pub mod line;
pub mod mmio;
pub mod run;
pub mod sbi;
pub mod uer;
pub mod vcpu;
pub mod world_switch;

pub use gstage::Vm;
