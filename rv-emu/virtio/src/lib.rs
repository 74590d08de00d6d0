//! The device side of virtio 1.2, for everyone who plays a device: a board, a VMM, a worker in a
//! kernel, a process that serves the devices of others.
//!
//! The parts know as little of each other as can be:
//!
//! - [`memory`]: what is needed of guest memory; implemented by whoever has some.
//! - [`queue`]: virtqueues, split and packed, seen from the device.
//! - [`transport::mmio`]: the registers, without a data path.
//! - [`device`]: block, network and console: requests, and what to do about them.
//! - [`whole`]: all of it put together, for those who need no more than a device.
//!
//! # Invariants
//!
//! *A guest can't make this panic, allocate or work without bound.* All that a driver writes is
//! checked where it is read, and read once. What is wrong breaks the device, as the specification
//! has it, until the driver resets it.
//!
//! *Nothing here knows who calls.* No interrupts, no threads, no waiting: results say what is to be
//! done ([`device::Progress`], [`transport::mmio::Effect`]).
//!
//! Deliberately absent: the legacy interface, PCI, live migration.
#![no_std]
#![forbid(unsafe_code)]

pub mod device;
pub mod features;
pub mod memory;
pub mod queue;
pub mod transport;
pub mod whole;
