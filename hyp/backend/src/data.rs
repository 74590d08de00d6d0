//! What the data path works with: the device, the guest's memory, and the events that tell others.

use alloc::boxed::Box;
use core::sync::atomic::{AtomicU64, Ordering};

use hyp_rt::event::Event;
use hyp_rt::println;
use hyp_rt::sync::Mutex;
use hyp_service::{Any, Mapped, Port, RamDisk, Service};
use rv_virtio::device::Device;

/// The device on memory of this process.
pub type LocalDevice = Any<RamDisk<Mapped>, Port<Box<dyn FnMut() + Send>>>;

/// The device as it is served, once the guest's memory is known.
pub struct Live {
    /// The device with its queues.
    pub service: Service<LocalDevice, Mapped>,
    /// Tells the driver of used buffers, with these bits.
    pub call: Option<(Event, u32)>,
}

/// Shared by both threads, and the handler. Control holds the lock only while it changes queues.
#[derive(Default)]
pub struct Data {
    /// The device, when there is one.
    pub live: Mutex<Option<Live>>,
    /// How often the data path was woken.
    pub wakes: AtomicU64,
    /// How often it has looked in vain.
    pub vain: AtomicU64,
}

impl Live {
    /// Serves the queues in `bits` until nothing is left. How many buffers.
    pub fn drain(&mut self, bits: u32) -> u64 {
        let call = &self.call;
        let served = self.service.drain(bits, || signal(call));
        // A queue that the driver has broken is not served any more: nothing else is to be done here.
        served.unwrap_or(0)
    }

    /// Looks at all queues once, and does not ask for notifications.
    pub fn poll(&mut self) -> u64 {
        let Ok(turn) = self.service.poll() else { return 0 };
        if turn.interrupt {
            signal(&self.call);
        }
        turn.served.into()
    }
}

fn signal(call: &Option<(Event, u32)>) {
    if let Some((event, bits)) = call {
        // A driver whose monitor is gone needs no telling.
        let _ = event.signal(*bits);
    }
}

impl Data {
    /// Counts a wake, and whether it found anything.
    pub fn count(&self, served: u64) {
        // The data path alone counts, so that no atomic addition is needed.
        let add = |counter: &AtomicU64| counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        add(&self.wakes);
        if served == 0 {
            add(&self.vain);
        }
    }

    /// Prints what the data path has done.
    pub fn report(&self) {
        let live = self.live.lock();
        let Some(live) = &*live else { return };
        let counters = live.service.device().counters();
        println!(
            "#result {{\"who\":\"backend\",\"requests\":{},\"bytes_in\":{},\"bytes_out\":{},\"errors\":{},\"batches\":{},\"interrupts\":{},\"wakes\":{},\"vain\":{}}}",
            counters.requests,
            counters.bytes_in,
            counters.bytes_out,
            counters.errors,
            counters.batches,
            counters.interrupts,
            self.wakes.load(Ordering::Relaxed),
            self.vain.load(Ordering::Relaxed),
        );
    }
}
