//! What the data path works with: the device, the guest's memory, and the events that tell others.

use alloc::boxed::Box;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};

use hyp_rt::disk::RealDisk;
use hyp_rt::event::Event;
use hyp_rt::println;
use hyp_rt::sync::{Mutex, MutexGuard};
use hyp_service::{Any, Disk, Mapped, Port, Service};
use rv_virtio::device::Device;

/// The device on memory of this process.
pub type LocalDevice = Any<Disk<Mapped, RealDisk>, Port<Box<dyn FnMut() + Send>>>;

/// The device as it is served, once the guest's memory is known.
pub struct Live {
    /// The device with its queues.
    pub service: Service<LocalDevice, Mapped>,
    /// Tells the driver of used buffers, with these bits.
    pub call: Option<(Event, u32)>,
}

/// Shared by both threads, and the handler.
#[derive(Default)]
pub struct Data {
    /// The device, when there is one.
    pub live: Mutex<Option<Live>>,
    /// Control waits for the lock: a data path that never sleeps lets it have it.
    pub wanted: AtomicBool,
    /// A handler was called while another thread had the lock: that one looks again after it has let go.
    missed: AtomicBool,
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
    /// Changes the device, from the control thread.
    pub fn change<T>(&self, change: impl FnOnce(&mut Option<Live>) -> T) -> T {
        self.wanted.store(true, Ordering::Relaxed);
        let result = change(&mut self.live.lock());
        self.wanted.store(false, Ordering::Relaxed);
        while self.take_missed() {
            if let Some(live) = &mut *self.live.lock() {
                live.drain(u32::MAX);
            }
        }
        result
    }

    /// The device, for a handler: handlers never wait for a lock. Who has it looks again when it has let go.
    pub fn try_live(&self) -> Option<MutexGuard<'_, Option<Live>>> {
        self.live.try_lock().or_else(|| {
            self.missed.store(true, Ordering::Release);
            // Either that one sees the mark, or the lock is free by now.
            fence(Ordering::SeqCst);
            self.live.try_lock()
        })
    }

    /// Whether a handler has not got the lock since the last time; asked after it was let go.
    pub fn take_missed(&self) -> bool {
        fence(Ordering::SeqCst);
        self.missed.load(Ordering::Relaxed) && self.missed.swap(false, Ordering::Acquire)
    }

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
        let Some(counters) = self.change(|live| live.as_ref().map(|live| *live.service.device().counters())) else {
            return;
        };
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
