//! A device that is served in this process: a notification is served before the guest goes on. What comes from the network is served by a
//! thread of its own.

use alloc::format;
use alloc::sync::Arc;

use hyp_rt::event::Event;
use hyp_rt::sync::Mutex;
use hyp_rt::thread;
use hyp_rt::vm::InterruptLine;
use hyp_service::{Mapped, Service};
use hyp_vmm::args::{Args, Device};
use hyp_vmm::device::slot::{Backing, Broken};
use hyp_vmm::image::MEMORY;
use rv_virtio::device::net::{RECEIVE, TRANSMIT};
use rv_virtio::queue::{Position, QueueConfig};

use super::{CALL, LocalDevice, Parts, device};
use crate::Result;
use crate::guest::Guest;

/// Bytes of the receiving thread's stack.
const STACK_SIZE: usize = 64 << 10;

/// The device, and how its driver is interrupted.
pub struct Local {
    service: Arc<Mutex<Service<LocalDevice, Mapped>>>,
    call: Arc<Event>,
    line: InterruptLine,
}

/// Connects the device, and starts the thread that waits for frames.
pub fn connect(args: &Args, guest: &Guest, parts: Parts) -> Result<Local> {
    let service =
        Service::new(device(args, &parts)?, guest.memory.mapped(MEMORY)).silencing(args.suppression.silences());
    let service = Arc::new(Mutex::new(service));
    if args.device == Device::Net {
        let (service, kick, call) = (Arc::clone(&service), Arc::clone(&parts.kick), Arc::clone(&parts.call));
        let hart = args.backend_hart;
        thread::spawn(STACK_SIZE, move || {
            // Anywhere, if there is no such hart.
            let _ = thread::pin(hart);
            receive(&service, &kick, &call);
        })
        .map_err(|error| format!("the receiving thread: {error}"))?;
    }
    Ok(Local { service, call: parts.call, line: parts.line })
}

/// Serves the queues whenever frames have come, or there is room again for those that go.
fn receive(service: &Mutex<Service<LocalDevice, Mapped>>, kick: &Event, call: &Event) {
    loop {
        let sleeps = {
            let mut service = service.lock();
            // A broken queue is reported to the driver by its next access.
            let _ = service.drain(1 << RECEIVE | 1 << TRANSMIT, || {
                // The event is ours: this can't fail.
                let _ = call.signal(CALL);
            });
            service.device_mut().may_sleep()
        };
        if sleeps && kick.wait().is_err() {
            return;
        }
    }
}

impl Backing for Local {
    fn start(&mut self, index: u16, config: &QueueConfig, features: u64) -> core::result::Result<(), Broken> {
        let mut service = self.service.lock();
        service.negotiated(features);
        service.start(index, config, features, Position::START).map_err(|_| Broken)
    }

    fn stop(&mut self) {
        self.service.lock().reset();
    }

    fn kick(&mut self, index: u16) -> core::result::Result<(), Broken> {
        let turn = self.service.lock().answer(index).map_err(|_| Broken)?;
        if turn.interrupt {
            // The event is ours: this can't fail.
            let _ = self.call.signal(CALL);
        }
        Ok(())
    }

    fn is_broken(&mut self) -> bool {
        self.service.lock().is_broken()
    }

    fn acknowledged(&mut self) {
        let _ = self.line.set(false);
    }
}
