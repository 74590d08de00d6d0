//! The kernel of `hyp`, in HS-mode: user processes with threads on all harts,
//! and virtual machines in the shape of KVM for them.
//!
//! The way of a guest's exit: `trap::entry` (one vector) -> `vm::run` (the loop)
//! -> `vm::exit` (by cause) -> back into the guest, or through `syscall` to the
//! VMM. With UER a device access goes from the guest to the VMM's handler and
//! back without any of this.
//!
//! Deliberately absent: device drivers (but of a console and a disk), file systems,
//! and anything that a VMM can do.
#![no_std]
#![no_main]

extern crate alloc;

mod arch;
mod boot;
mod console;
mod disk;
mod init;
mod ipc;
mod mm;
mod power;
mod proc;
mod sched;
mod stats;
mod sync;
mod syscall;
mod trap;
mod vei;
mod vhost;
mod vm;
