//! The device side of virtio 1.2, for everyone who plays a device: a board, a VMM, a worker in a
//! kernel, a process that serves the devices of others.
//!
//! The parts know as little of each other as can be:
//!
//! - [`memory`]: what is needed of guest memory; implemented by whoever has some.
//! - [`queue`]: virtqueues, split and packed, seen from the device.
//! - [`transport::mmio`]: the registers, without a data path.
//! - [`device`]: block, network, console, entropy and 9P: requests, and what to do about them.
//! - [`whole`]: all of it put together, for those who need no more than a device.
//!
//! # A device whole
//!
//! ```
//! use rv_virtio::device::block::{Block, BlockOptions, MemoryDisk};
//! use rv_virtio::memory::{GuestAddress, VecMemory};
//! use rv_virtio::transport::mmio::offsets;
//! use rv_virtio::whole::MmioDevice;
//!
//! let memory = VecMemory::new(GuestAddress(0x8000_0000), 1 << 20);
//! let disk = Block::new(MemoryDisk::new(vec![0; 1 << 16]), BlockOptions::default());
//! let mut device = MmioDevice::new(disk, 0);
//!
//! // A driver's accesses come in as offset, width and value.
//! assert_eq!(device.read(offsets::DEVICE_ID, 4), Ok(2));
//! let pending = device.write(offsets::STATUS, 4, 1, &memory)?;
//! // A notification makes a queue pending; serving it can be put off.
//! let (progress, left) = device.serve(pending, &memory);
//! assert!(progress.served == 0 && left.is_empty());
//! // Then the interrupt line may have another level.
//! assert!(!device.interrupt_line());
//! # Ok::<(), rv_virtio::transport::mmio::Violation>(())
//! ```
//!
//! # A device in parts
//!
//! Who owns the registers keeps a [`Registers`](transport::mmio::Registers). On
//! [`Effect::QueueReady`](transport::mmio::Effect::QueueReady) it hands the
//! [`QueueConfig`](queue::QueueConfig) and the features to whoever serves the queue, who needs the
//! guest's memory and nothing else:
//!
//! ```
//! use rv_virtio::device::{Device, Progress, turn};
//! use rv_virtio::memory::GuestMemory;
//! use rv_virtio::queue::{Queue, QueueConfig, QueueError};
//!
//! /// What a worker does when it is woken; it sleeps when nothing is left.
//! fn work<D: Device, M: GuestMemory>(
//!     device: &mut D,
//!     queue: &mut Queue<M>,
//!     memory: &M,
//!     mut interrupt: impl FnMut(),
//! ) -> Result<(), QueueError> {
//!     loop {
//!         let progress = turn(device, 0, queue, memory, 64, &mut interrupt)?;
//!         if !progress.more {
//!             return Ok(());
//!         }
//!     }
//! }
//! ```
//!
//! An error goes back to the owner of the registers, who calls
//! [`Registers::fail`](transport::mmio::Registers::fail). A poller calls
//! [`disable_notifications`](queue::Queue::disable_notifications) once and
//! [`Device::serve`](device::Device::serve) again and again.
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
