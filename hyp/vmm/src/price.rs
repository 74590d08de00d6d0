//! What a guest that does one operation over and over needs of the host, so that the operation's price can be measured (`price=NAME`).
//!
//! Prices that the guest pays itself come out of its own time. For all others, whoever is reached reads the clock, which all harts share,
//! and takes off what the sender has left in guest memory: see [`Words`].

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::arch::asm;
use core::hint::spin_loop;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use hyp_abi::Error;
use hyp_abi::event::{IO_EVENT_DATAMATCH, IoEvent};
use hyp_abi::vei::{BY_KERNEL, FIXED, TO_CONTEXT, TO_EVENT, VeiRoute};
use hyp_abi::vm::{MemoryRegion, exit, reg};
use hyp_rt::event::Event;
use hyp_rt::sync::Mutex;
use hyp_rt::vei::{self, UserContext};
use hyp_rt::vm::Vm;
use hyp_rt::{eprintln, println, sys, thread};
use hyp_vmm::args::{Args, Price};
use hyp_vmm::device::VIRTIO;
use hyp_vmm::image::{ENTRY, MEMORY};
use rv_virtio::transport::mmio::offsets::QUEUE_NOTIFY;

use crate::Result;
use crate::guest::{Guest, SUPERVISOR};
use crate::virtio::FIRST_VEIRQ;

/// Bytes of the stacks of threads and handlers.
const STACK: usize = 32 << 10;
/// Latencies that are kept; a guest that sends more often loses the rest.
const KEPT: usize = 1 << 16;
/// VEIRQs that have a route: enough to be too many for a small cache of the map.
const VEIRQS: u32 = 8;
/// What the guest that only sends finds in a0, where a guest finds its hart id.
const SENDER: u64 = 1;

/// What guests and host share: the first words of guest memory. The lab's guests know them by their offsets.
#[repr(C)]
struct Words {
    /// The clock right before a guest sent; 0 while it only warms up.
    sent: AtomicU64,
    /// Sends that have arrived.
    arrived: AtomicU64,
    /// Sends that the guest has asked of the other.
    asked: AtomicU64,
    /// Of these, those that the other has made.
    made: AtomicU64,
}

/// Whoever is reached notes it here.
struct Watch {
    words: &'static Words,
    latencies: Vec<AtomicU64>,
    count: AtomicUsize,
}

/// What must stay as long as the guest runs.
pub struct Rig {
    watch: &'static Watch,
    /// How often the handler ran that all sends should have reached.
    runs: Option<&'static AtomicU64>,
    _event: Event,
}

/// The clock that all harts share.
#[inline(always)]
fn cycle() -> u64 {
    let cycles;
    // SAFETY: the kernel lets programs read counters, and guests of the lab let handlers read them.
    unsafe { asm!("csrr {}, cycle", out(reg) cycles, options(nostack)) };
    cycles
}

impl Watch {
    fn new(guest: &Guest) -> &'static Watch {
        // SAFETY: guest memory stays mapped as long as this process, is aligned and zeroed, and these words are only accessed as atomics.
        let words = unsafe { &*guest.memory.pointer(0).cast::<Words>() };
        // All of it is touched before anything is measured.
        let latencies = (0..KEPT).map(|_| AtomicU64::new(0)).collect();
        Box::leak(Box::new(Watch { words, latencies, count: AtomicUsize::new(0) }))
    }

    /// The send that has come is one that was sent before `now`. Called by one thread or its handler.
    fn note(&self, now: u64) {
        let sent = self.words.sent.load(Ordering::Relaxed);
        let count = self.count.load(Ordering::Relaxed);
        if let Some(place) = self.latencies.get(count).filter(|_| sent != 0) {
            place.store(now.saturating_sub(sent), Ordering::Relaxed);
            self.count.store(count + 1, Ordering::Relaxed);
        }
        self.words.arrived.store(self.words.arrived.load(Ordering::Relaxed) + 1, Ordering::Release);
    }
}

/// Sets up what `price` asks for, if it is there.
#[inline(never)]
pub fn start(args: &Args, guest: &Guest) -> Result<Option<Rig>> {
    let Some(price) = args.price else { return Ok(None) };
    let refused = |error: Error| format!("what a price needs: {error}");
    let watch = Watch::new(guest);
    let event = Event::new().map_err(refused)?;
    let to_event = |veirq| VeiRoute {
        veirq,
        kind: TO_EVENT,
        target: event.handle().raw(),
        bits: 1,
        policy: FIXED,
        hart: args.backend_hart as u32,
        ..VeiRoute::default()
    };
    let to_context = |context: Context| VeiRoute {
        kind: TO_CONTEXT,
        target: context.handle as u32,
        bits: 0,
        ..to_event(FIRST_VEIRQ)
    };
    let note = move |_| watch.note(cycle());
    let mut runs = None;
    let hart = args.hart.unwrap_or(0);
    match price {
        Price::IoEvent => guest.vm.io_event(&store_to(&event)),
        Price::Send => (0..VEIRQS).try_for_each(|number| guest.vm.add_route(&to_event(FIRST_VEIRQ + number))),
        Price::SendTrap => guest.vm.add_route(&VeiRoute { flags: BY_KERNEL, ..to_event(FIRST_VEIRQ) }),
        Price::Bystander => send_from_another(args, guest, &to_event(FIRST_VEIRQ)),
        Price::Hcs | Price::HcsLatency => {
            let context = match price {
                Price::Hcs => own(hart, true, |_| ())?,
                _ => own(hart, true, note)?,
            };
            runs = Some(context.runs);
            vei::join_domain(context.handle, guest.vm.handle()).map_err(refused)?;
            send_from_another(args, guest, &to_context(context))
        }
        Price::Plain => guest.vm.add_route(&to_context(own(args.backend_hart, false, note)?)),
        Price::Doorbell => guest.vm.add_route(&to_context(own(args.backend_hart, true, note)?)),
        Price::WakeByVei => {
            wait(args.backend_hart, &event, watch).and_then(|()| guest.vm.add_route(&to_event(FIRST_VEIRQ)))
        }
        Price::WakeByStore => {
            wait(args.backend_hart, &event, watch).and_then(|()| guest.vm.io_event(&store_to(&event)))
        }
    }
    .map_err(refused)?;
    Ok(Some(Rig { watch, runs, _event: event }))
}

/// A store to the place where a virtio device has QueueNotify.
fn store_to(event: &Event) -> IoEvent {
    IoEvent {
        gpa: VIRTIO + QUEUE_NOTIFY,
        datamatch: 0,
        len: 4,
        flags: IO_EVENT_DATAMATCH,
        event: event.handle().raw(),
        bits: 1,
    }
}

/// A thread on `hart` that waits at the event.
fn wait(hart: usize, event: &Event, watch: &'static Watch) -> sys::Result<()> {
    let number = event.handle().number();
    let job = move || {
        // The handle is the rig's, which outlives the guest.
        let event = core::mem::ManuallyDrop::new(Event::from_handle(hyp_rt::handle::Handle::from_raw(number)));
        if thread::pin(hart).is_err() {
            return;
        }
        while event.wait().is_ok() {
            watch.note(cycle());
        }
    };
    thread::spawn(STACK, job).map(drop)
}

/// A handler.
#[derive(Clone, Copy)]
struct Context {
    handle: usize,
    runs: &'static AtomicU64,
}

/// A thread on `hart` with a handler, which sleeps or spins.
fn own(hart: usize, sleeps: bool, handler: impl Fn(u64) + Send + Sync + 'static) -> Result<Context> {
    static CONTEXT: Mutex<Option<Context>> = Mutex::new(None);
    let job = move || match UserContext::new(hart, STACK, handler) {
        Ok(context) => {
            context.open();
            *CONTEXT.lock() = Some(Context { handle: context.handle().number(), runs: context.counter() });
            if !sleeps {
                loop {
                    spin_loop();
                }
            }
            while context.wait().is_ok() {}
        }
        Err(error) => {
            eprintln!("vmm: a user context on hart {hart}: {error}");
            sys::exit(crate::FAILED);
        }
    };
    thread::spawn(STACK, job).map_err(|error| format!("a thread with a handler: {error}"))?;
    loop {
        if let Some(context) = CONTEXT.lock().take() {
            return Ok(context);
        }
        sys::yield_now();
    }
}

/// Another virtual machine with the same memory and program, on another hart, whose sends go where `route` says.
fn send_from_another(args: &Args, guest: &Guest, route: &VeiRoute) -> sys::Result<()> {
    let vm = Vm::new()?;
    let region =
        MemoryRegion { slot: 0, flags: 0, gpa: MEMORY, size: args.memory, userspace_addr: guest.memory.addr() as u64 };
    // SAFETY: as for the guest itself; what is shared is accessed as atomics only.
    unsafe { vm.set_memory_region(&region) }?;
    vm.add_route(route)?;
    let hart = args.peer_hart;
    let job = move || {
        if let Err(error) = send_for_ever(&vm, hart) {
            eprintln!("vmm: the guest that sends: {error}");
            sys::exit(crate::FAILED);
        }
    };
    thread::spawn(STACK, job).map(drop)
}

/// Runs the other machine until this process ends.
fn send_for_ever(vm: &Vm, hart: usize) -> Result<()> {
    let refused = |error: Error| format!("{error}");
    thread::pin(hart).map_err(refused)?;
    let mut vcpu = vm.create_vcpu().map_err(refused)?;
    for (id, value) in [(reg::PC, ENTRY), (reg::MODE, SUPERVISOR), (reg::x(10), SENDER)] {
        vcpu.set_reg(id, value).map_err(refused)?;
    }
    loop {
        vcpu.run().map_err(refused)?;
        match vcpu.run_page().exit_reason {
            exit::INTR => {}
            reason => return Err(format!("exit reason {reason}")),
        }
    }
}

/// What was noted, if anything was.
#[inline(never)]
pub fn report(rig: Option<&Rig>) -> Result<()> {
    rig.map_or(Ok(()), Rig::report)
}

impl Rig {
    /// Prints what was noted, and checks that nothing was lost.
    fn report(&self) -> Result<()> {
        let Words { arrived, asked, made, .. } = self.watch.words;
        let [arrived, asked, made] = [arrived, asked, made].map(|word| word.load(Ordering::Acquire));
        let count = self.watch.count.load(Ordering::Acquire);
        let mut latencies = BTreeMap::<u64, u64>::new();
        for latency in &self.watch.latencies[..count] {
            *latencies.entry(latency.load(Ordering::Relaxed)).or_default() += 1;
        }
        let pairs: Vec<String> = latencies.iter().map(|(latency, count)| format!("[{latency},{count}]")).collect();
        println!(r#"#result {{"who":"price","arrived":{arrived},"hist":[{}]}}"#, pairs.join(","));
        let runs = self.runs.map_or(made, |runs| runs.load(Ordering::Acquire));
        if (made, runs) != (asked, asked) {
            return Err(format!("{asked} sends were asked for, {made} made, and the handler ran {runs} times"));
        }
        Ok(())
    }
}
