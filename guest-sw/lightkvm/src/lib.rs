//! A small virtual machine monitor for Linux on riscv64: it boots an unmodified kernel through KVM's real interface.
//!
//! It exists to show that KVM works on a machine, in seconds and with nothing else installed: one static program without a C library.
//! The guest has memory, harts, a serial port and an interrupt controller (the kernel's AIA, or a PLIC of ours); SBI is KVM's.
//! What can be tested without a kernel is in this library; the tests run anywhere.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod aia;
pub mod args;
pub mod board;
pub mod isa;
pub mod kvm;
pub mod lock;
pub mod map;
pub mod memory;
pub mod sys;
pub mod thread;
pub mod tree;
pub mod uart;
pub mod vcpu;
