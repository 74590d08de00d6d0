//! The board's disk, served as part of its guest's notification. Its interrupt is a wire.

use alloc::boxed::Box;
use alloc::format;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};

use hyp_rt::disk::RealDisk;
use hyp_service::{Any, Disk as Storage, Mapped, Port, Service};
use hyp_vmm::board::args::Disk;
use hyp_vmm::device::slot::{Backing, Broken, Slot};
use hyp_vmm::image::MEMORY;
use hyp_vmm::shared_memory::SharedMemory;
use rv_virtio::device::Device as _;
use rv_virtio::queue::{Position, QueueConfig};

use crate::Result;
use crate::machine::no_memory;

/// A disk as the device crate knows it.
type Device = Any<Storage<Mapped, RealDisk>, Port<Box<dyn FnMut() + Send>>>;

/// The disk's queues, and its wire.
struct Served {
    service: Service<Device, Mapped>,
    call: Arc<AtomicBool>,
}

/// The slot with the disk that is asked for; `call` is set when its driver is to be interrupted.
pub fn slot(disk: Disk, memory: &SharedMemory, call: Arc<AtomicBool>) -> Result<Slot> {
    let device: Device = match disk {
        Disk::Memory(size) => {
            let contents = SharedMemory::new(size as usize).map_err(no_memory("a disk", size as usize))?;
            Any::ram_disk(contents.mapped(0), size)
        }
        _ => Any::real_disk(RealDisk::open().map_err(|error| format!("the machine's disk: {error}"))?),
    };
    let identity = device.identity();
    let service = Service::new(device, memory.mapped(MEMORY));
    Ok(Slot::new(identity, Box::new(Served { service, call }), false))
}

impl Backing for Served {
    fn start(&mut self, index: u16, config: &QueueConfig, features: u64) -> core::result::Result<(), Broken> {
        self.service.negotiated(features);
        self.service.start(index, config, features, Position::START).map_err(|_| Broken)
    }

    fn stop(&mut self) {
        self.service.reset();
    }

    fn kick(&mut self, index: u16) -> core::result::Result<(), Broken> {
        let turn = self.service.answer(index).map_err(|_| Broken)?;
        if turn.interrupt {
            self.call.store(true, Ordering::Release);
        }
        Ok(())
    }

    fn is_broken(&mut self) -> bool {
        self.service.is_broken()
    }

    // The registers keep the wire's level.
    fn acknowledged(&mut self) {}
}
