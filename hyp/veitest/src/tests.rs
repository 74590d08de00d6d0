//! The tests. Guests that send are on hart 1, what they send to on hart 2, and
//! the thread that runs the tests anywhere.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use hyp_abi::Error;
use hyp_abi::vei::{FIXED, LAST_RAN, LEAST_LOADED, ROUND_ROBIN, TO_CONTEXT, TO_EVENT, VeiInfo, VeiRoute};
use hyp_rt::event::Event;
use hyp_rt::vei::UserContext;
use hyp_rt::{println, stats, sys, thread, vei};

use crate::child::Child;
use crate::guest::{DEVICE, End, Machine, Program, Task, content};
use crate::{Result, nap, uer};

/// Name, the profile (banked registers or not) if it needs one, and the test.
type Test = (&'static str, Option<bool>, fn() -> Result);

/// All tests.
pub const ALL: &[Test] = &[
    ("event", None, event),
    ("policies", None, policies),
    ("plain", None, plain),
    ("idle", None, idle),
    ("asleep", None, asleep),
    ("hcs", None, hcs),
    ("hcs-counted", None, hcs_counted),
    ("foreign-domain", None, foreign_domain),
    ("uer", None, uer_guest),
    ("budget", Some(true), budget),
    ("blocking", Some(true), blocking),
    ("changes", None, changes),
    ("destroy", None, destroy),
    ("orphan", None, orphan),
    ("closed", None, closed),
    ("evictions", Some(true), evictions),
    ("refused", Some(false), refused_calls),
    ("process", Some(true), process),
    ("crash", Some(true), crash),
    ("crash-in-domain", Some(false), crash_in_domain),
    ("budget-in-domain", Some(false), budget_in_domain),
];

pub const SENDER_HART: usize = 1;
pub const TARGET_HART: usize = 2;
const STACK: usize = 16 << 10;

pub fn refused(what: &'static str) -> impl Fn(Error) -> String {
    move |error| format!("{what}: {error}")
}

pub fn check(condition: bool, what: &str) -> Result {
    if condition { Ok(()) } else { Err(String::from(what)) }
}

pub fn info() -> VeiInfo {
    vei::info().unwrap_or_default()
}

/// Waits for something, not for ever.
pub fn until(what: &str, mut condition: impl FnMut() -> bool) -> Result {
    for _ in 0..2000 {
        if condition() {
            return Ok(());
        }
        nap();
    }
    Err(format!("waited in vain: {what}"))
}

pub fn sender(count: u64, numbers: u64, delay: u64) -> Result<Arc<Machine>> {
    Machine::new(Program::Send { count, first: 1, numbers, delay })
}

fn to_event(machine: &Machine, veirq: u32, event: &Event, policy: u32) -> Result {
    let route = VeiRoute {
        veirq,
        kind: TO_EVENT,
        target: event.handle().raw(),
        bits: 1 << veirq,
        policy,
        hart: TARGET_HART as u32,
        ..VeiRoute::default()
    };
    machine.vm.add_route(&route).map_err(refused("a route to an event"))
}

pub fn to_context(machine: &Machine, veirq: u32, context: usize, vector: u32) -> Result {
    let route = VeiRoute {
        veirq,
        kind: TO_CONTEXT,
        target: context as u32,
        bits: vector,
        policy: FIXED,
        ..VeiRoute::default()
    };
    machine.vm.add_route(&route).map_err(refused("a route to a context"))
}

/// What a thread with a context does until it is told to end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Waits for doorbells.
    Wait,
    /// Runs, open.
    Spin,
    /// Sleeps in another call, open.
    Sleep,
}

/// What handler, thread and test share.
struct Target {
    handle: AtomicUsize,
    vectors: AtomicU64,
    calls: AtomicU64,
    runs: AtomicU64,
    waits: AtomicU64,
    end: AtomicBool,
}

/// A thread with a context on the target hart.
pub struct Owner {
    target: Arc<Target>,
    task: Task<Result>,
}

impl Owner {
    /// Starts it; `handler` gets the vectors.
    pub fn start(mode: Mode, handler: fn(u64)) -> Result<Self> {
        let target = Arc::new(Target {
            handle: AtomicUsize::new(usize::MAX),
            vectors: AtomicU64::new(0),
            calls: AtomicU64::new(0),
            runs: AtomicU64::new(0),
            waits: AtomicU64::new(0),
            end: AtomicBool::new(false),
        });
        let shared = Arc::clone(&target);
        let task = Task::spawn(move || own(&shared, mode, handler));
        let owner = Self { target, task };
        until("a context", || owner.handle() != usize::MAX)?;
        Ok(owner)
    }

    /// Its context's handle.
    pub fn handle(&self) -> usize {
        self.target.handle.load(Ordering::Acquire)
    }

    /// Calls of the handler so far.
    pub fn calls(&self) -> u64 {
        self.target.calls.load(Ordering::Acquire)
    }

    /// Vectors that it was called for.
    pub fn vectors(&self) -> u64 {
        self.target.vectors.load(Ordering::Acquire)
    }

    /// Ends the thread, and the context with it.
    pub fn stop(self) -> Result {
        self.target.end.store(true, Ordering::Release);
        self.task.join()
    }
}

fn own(shared: &Arc<Target>, mode: Mode, handler: fn(u64)) -> Result {
    let seen = Arc::clone(shared);
    let serve = move |vectors| {
        handler(vectors);
        seen.vectors.fetch_or(vectors, Ordering::AcqRel);
        seen.calls.fetch_add(1, Ordering::AcqRel);
    };
    let context = UserContext::new(TARGET_HART, STACK, serve).map_err(refused("a context"))?;
    context.open();
    shared.handle.store(context.handle().number(), Ordering::Release);
    while !shared.end.load(Ordering::Acquire) {
        shared.runs.store(context.runs(), Ordering::Release);
        match mode {
            Mode::Spin => core::hint::spin_loop(),
            Mode::Sleep => sys::sleep_until(sys::time() + sys::timebase() / 20),
            Mode::Wait => {
                let deadline = sys::time() + sys::timebase() / 50;
                match context.wait_until(deadline as usize) {
                    Ok(_) => drop(shared.waits.fetch_add(1, Ordering::AcqRel)),
                    Err(Error::TryAgain) => {}
                    Err(error) => return Err(format!("a wait: {error}")),
                }
            }
        }
    }
    Ok(())
}

pub fn nothing(_: u64) {}

/// Without banked registers only guests of the same domain are interrupted.
pub fn trust(guest: &Machine, owner: &Owner) -> Result {
    vei::join_domain(guest.vm.handle(), owner.handle()).map_err(refused("a domain")).map(drop)
}

/// Supervisor VEI to an event on another hart.
fn event() -> Result {
    let machine = sender(500, 4, 200)?;
    let event = Event::new().map_err(refused("an event"))?;
    (1..5).try_for_each(|veirq| to_event(&machine, veirq, &event, FIXED))?;
    let before = info();
    let task = machine.start(SENDER_HART);
    let mut bits = 0;
    until("all bits", || {
        bits |= event.take().unwrap_or(0);
        bits == 0b11110 && machine.progress() == 500
    })?;
    content(task.join())?;
    let after = info();
    check(after.claimed > before.claimed + 100, "too few claims")?;
    check(after.slow_sends == before.slow_sends, "sends through the kernel")?;
    (1..5).try_for_each(|veirq| machine.vm.remove_route(veirq)).map_err(refused("taking a route away"))?;
    check(machine.vm.remove_route(1) == Err(Error::NotFound), "a route was there twice")
}

/// Routes that the balancer moves, under fire: no bit of the last send is lost.
fn policies() -> Result {
    for policy in [ROUND_ROBIN, LEAST_LOADED, LAST_RAN] {
        let machine = sender(u64::MAX, 2, 50)?;
        let event = Event::new().map_err(refused("an event"))?;
        to_event(&machine, 1, &event, policy)?;
        to_event(&machine, 2, &event, policy)?;
        let moves = info().moves;
        let task = machine.start(SENDER_HART);
        for _ in 0..20 {
            let mut bits = 0;
            until("both bits", || {
                bits |= event.take().unwrap_or(0);
                bits == 0b110
            })?;
            nap();
        }
        machine.stop();
        content(task.join())?;
        check(machine.misses.load(Ordering::Relaxed) == 0, "a route was missing while it moved")?;
        check(policy != ROUND_ROBIN || info().moves > moves, "nothing was moved")?;
    }
    Ok(())
}

/// User VEI to a thread that runs.
fn plain() -> Result {
    let owner = Owner::start(Mode::Spin, nothing)?;
    let machine = sender(400, 8, 100)?;
    (1..9).try_for_each(|veirq| to_context(&machine, veirq, owner.handle(), veirq - 1))?;
    content(machine.start(SENDER_HART).join())?;
    until("all vectors", || owner.vectors() == 0xff)?;
    let calls = owner.calls();
    owner.stop()?;
    check(calls > 50, "too few calls")
}

/// User VEI to a thread that waits on an idle hart: doorbells.
fn idle() -> Result {
    let owner = Owner::start(Mode::Wait, nothing)?;
    let machine = sender(20, 2, 200_000)?;
    to_context(&machine, 1, owner.handle(), 0)?;
    to_context(&machine, 2, owner.handle(), 63)?;
    let before = info();
    content(machine.start(SENDER_HART).join())?;
    until("both vectors", || owner.vectors() == 1 << 63 | 1)?;
    let waits = owner.target.waits.load(Ordering::Acquire);
    owner.stop()?;
    check(info().doorbells > before.doorbells, "no doorbell")?;
    check(waits > 0, "the thread was not scheduled")
}

/// User VEI to a thread that sleeps in another call: an activity runs.
fn asleep() -> Result {
    let owner = Owner::start(Mode::Sleep, nothing)?;
    let machine = sender(20, 1, 200_000)?;
    to_context(&machine, 1, owner.handle(), 5)?;
    let before = info();
    content(machine.start(SENDER_HART).join())?;
    until("the vector", || owner.vectors() == 1 << 5)?;
    owner.stop()?;
    check(info().activities > before.activities, "no activity")
}

/// A guest that computes on the target hart, interrupted by HCS.
fn over_guest(count: u64, delay: u64) -> Result<(VeiInfo, VeiInfo, u64)> {
    let owner = Owner::start(Mode::Wait, nothing)?;
    let spinner = Machine::new(Program::Spin { device: 0 })?;
    trust(&spinner, &owner)?;
    let spinning = spinner.start(TARGET_HART);
    until("the guest", || spinner.progress() > 1000)?;
    // The handler's code is paged in before anything is counted.
    let first = sender(1, 1, 1)?;
    to_context(&first, 1, owner.handle(), 0)?;
    content(first.start(SENDER_HART).join())?;
    until("the first vector", || owner.vectors() == 1)?;
    let machine = sender(count, 4, delay)?;
    (1..5).try_for_each(|veirq| to_context(&machine, veirq, owner.handle(), veirq))?;
    let before = info();
    content(machine.start(SENDER_HART).join())?;
    until("all vectors", || owner.vectors() == 0b11111)?;
    nap();
    let after = info();
    let calls = owner.calls() - 1;
    spinner.stop();
    content(spinning.join())?;
    owner.stop()?;
    Ok((before, after, calls))
}

/// HCS onto a hart that runs another guest, whose registers stay what they are.
fn hcs() -> Result {
    let (before, after, calls) = over_guest(2000, 100)?;
    check(calls > 200, "too few calls")?;
    check(after.slow_sends == before.slow_sends, "sends through the kernel")?;
    check(after.doorbells < before.doorbells + 100, "HCS hardly ever")
}

/// The same, slow enough that each send is served by itself, for the counters
/// that the machine keeps between the guest's marks.
fn hcs_counted() -> Result {
    let (_, _, calls) = over_guest(1000, 500)?;
    check(calls == 1000, &format!("{calls} calls for 1000 sends that were far apart"))
}

/// A guest of another domain: HCS with banked registers only, else a doorbell.
fn foreign_domain() -> Result {
    let owner = Owner::start(Mode::Wait, nothing)?;
    let spinner = Machine::new(Program::Spin { device: 0 })?;
    let spinning = spinner.start(TARGET_HART);
    until("the guest", || spinner.progress() > 1000)?;
    let machine = sender(20, 1, 100_000)?;
    to_context(&machine, 1, owner.handle(), 0)?;
    let before = info();
    content(machine.start(SENDER_HART).join())?;
    until("the vector", || owner.vectors() == 1)?;
    let after = info();
    spinner.stop();
    content(spinning.join())?;
    owner.stop()?;
    check(after.bank != 0 || after.doorbells > before.doorbells, "no doorbell")
}

/// A guest with redirected accesses, interrupted by HCS (ha-iov 8.13, 9).
fn uer_guest() -> Result {
    let owner = Owner::start(Mode::Wait, nothing)?;
    let spinner = Machine::new(Program::Spin { device: DEVICE })?;
    trust(&spinner, &owner)?;
    let other = Arc::clone(&spinner);
    let spinning = Task::spawn(move || {
        thread::pin(TARGET_HART).map_err(refused("pin"))?;
        let mut vcpu = other.vcpu()?;
        let frame = uer::install(&other, &mut vcpu)?;
        let end = other.run(&mut vcpu)?;
        check(uer::is_intact(frame), "utvec or uscratch have changed")?;
        // SAFETY: the guest, and with it the handler, has ended.
        let count = unsafe { (*frame).count };
        check(count == other.progress(), "accesses were lost or done twice")?;
        check(end == End::Off(0), "the guest's registers have changed")
    });
    until("the guest", || spinner.progress() > 1000)?;
    let machine = sender(2000, 4, 77)?;
    (1..5).try_for_each(|veirq| to_context(&machine, veirq, owner.handle(), veirq))?;
    content(machine.start(SENDER_HART).join())?;
    until("all vectors", || owner.vectors() == 0b11110)?;
    let calls = owner.calls();
    spinner.stop();
    spinning.join()?;
    owner.stop()?;
    check(calls > 200, "too few calls")
}

/// Takes its time: much more than a budget.
pub fn slow(_: u64) {
    let end = sys::time() + sys::timebase() / 20;
    while sys::time() < end {}
}

/// A handler that does not end soon is evicted, and the guest goes on.
fn budget() -> Result {
    let owner = Owner::start(Mode::Wait, slow)?;
    let spinner = Machine::new(Program::Spin { device: 0 })?;
    let spinning = spinner.start(TARGET_HART);
    until("the guest", || spinner.progress() > 1000)?;
    let machine = sender(1, 1, 1)?;
    to_context(&machine, 1, owner.handle(), 0)?;
    let before = info();
    content(machine.start(SENDER_HART).join())?;
    until("the handler's end", || owner.calls() == 1)?;
    let after = info();
    let progress = spinner.progress();
    until("more of the guest", || spinner.progress() > progress + 1000)?;
    spinner.stop();
    content(spinning.join())?;
    owner.stop()?;
    // For its budget, or because the guest's time slice was over before that.
    check(after.evictions > before.evictions, "no eviction")
}

fn sleeps(_: u64) {
    sys::sleep_until(sys::time() + sys::timebase() / 200);
}

/// Takes some thousand cycles, and notices when its registers change.
fn computes(_: u64) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..3000 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
    }
    let first = EXPECTED.load(Ordering::Relaxed);
    if first == 0 {
        EXPECTED.store(state, Ordering::Relaxed);
    } else if first != state {
        WRONG.fetch_add(1, Ordering::Relaxed);
    }
}

static EXPECTED: AtomicU64 = AtomicU64::new(0);
static WRONG: AtomicU64 = AtomicU64::new(0);

/// With a small budget (`budget=` on the kernel's command line), handlers are
/// evicted wherever they are. Neither they nor the guest may notice.
fn evictions() -> Result {
    computes(0);
    let owner = Owner::start(Mode::Wait, computes)?;
    let spinner = Machine::new(Program::Spin { device: 0 })?;
    let spinning = spinner.start(TARGET_HART);
    until("the guest", || spinner.progress() > 100)?;
    let machine = sender(200, 4, 30_000)?;
    (1..5).try_for_each(|veirq| to_context(&machine, veirq, owner.handle(), veirq))?;
    let before = info();
    content(machine.start(SENDER_HART).join())?;
    until("all vectors", || owner.vectors() == 0b11110)?;
    let evictions = info().evictions - before.evictions;
    spinner.stop();
    content(spinning.join())?;
    let calls = owner.calls();
    owner.stop()?;
    println!("veitest: {evictions} evictions in {calls} calls");
    check(WRONG.load(Ordering::Relaxed) == 0, "a handler's registers have changed")
}

/// A handler that makes blocking system calls, again and again.
fn blocking() -> Result {
    let owner = Owner::start(Mode::Wait, sleeps)?;
    let spinner = Machine::new(Program::Spin { device: 0 })?;
    let spinning = spinner.start(TARGET_HART);
    until("the guest", || spinner.progress() > 1000)?;
    let machine = sender(40, 4, 10_000)?;
    (1..5).try_for_each(|veirq| to_context(&machine, veirq, owner.handle(), veirq))?;
    let before = info();
    content(machine.start(SENDER_HART).join())?;
    until("all vectors", || owner.vectors() == 0b11110)?;
    let after = info();
    spinner.stop();
    content(spinning.join())?;
    owner.stop()?;
    check(after.evictions > before.evictions, "no eviction")
}

/// Routes that come and go leave nothing behind. Least of all for the end of the
/// context: what was its VEIRQ may be another's by then.
fn comings() -> Result {
    const ROUNDS: usize = 2000;
    let owner = Owner::start(Mode::Wait, nothing)?;
    let event = Event::new().map_err(refused("an event"))?;
    let machine = sender(20, 1, 1000)?;
    let free_pages = || stats::host().map(|host| host.free_pages).map_err(refused("counters"));
    let mut before = 0;
    for round in 0..ROUNDS {
        to_context(&machine, 1, owner.handle(), 0)?;
        machine.vm.remove_route(1).map_err(refused("a route"))?;
        if round == 0 {
            before = free_pages()?;
        }
    }
    check(free_pages()? + 2 >= before, "routes that are gone take memory")?;
    to_event(&machine, 1, &event, FIXED)?;
    owner.stop()?;
    let before = info();
    content(machine.start(SENDER_HART).join())?;
    check(event.take() == Ok(1 << 1), "the route to the event is gone")?;
    check(info().slow_sends == before.slow_sends, "the hardware has forgotten another's route")
}

/// The map changes under fire, from a context to an event and back; and at rest.
fn changes() -> Result {
    let owner = Owner::start(Mode::Wait, nothing)?;
    let event = Event::new().map_err(refused("an event"))?;
    let machine = sender(u64::MAX, 1, 20)?;
    to_context(&machine, 1, owner.handle(), 0)?;
    let task = machine.start(SENDER_HART);
    for round in 0..30 {
        let calls = owner.calls();
        until("a call", || owner.calls() > calls)?;
        machine.vm.remove_route(1).map_err(refused("taking a route away"))?;
        to_event(&machine, 1, &event, FIXED)?;
        until("the event", || event.take().is_ok())?;
        machine.vm.remove_route(1).map_err(refused("taking a route away"))?;
        let _ = event.take();
        nap();
        check(event.take().is_err(), &format!("round {round}: an event after its route was gone"))?;
        to_context(&machine, 1, owner.handle(), 0)?;
    }
    machine.stop();
    content(task.join())?;
    owner.stop()?;
    comings()
}

/// VMs end while their guests send; their VMIDs are used again at once.
fn destroy() -> Result {
    let owner = Owner::start(Mode::Wait, nothing)?;
    let event = Event::new().map_err(refused("an event"))?;
    for round in 0..20 {
        let machine = sender(u64::MAX, 2, round)?;
        to_context(&machine, 1, owner.handle(), 7)?;
        to_event(&machine, 2, &event, FIXED)?;
        let handle = Arc::clone(&machine);
        let task = Task::spawn(move || {
            thread::pin(SENDER_HART).map_err(refused("pin"))?;
            let mut vcpu = handle.vcpu()?;
            handle.run(&mut vcpu)
        });
        until("sends", || machine.progress() > 50)?;
        machine.stop();
        drop(machine);
        content(task.join())?;
        let _ = event.take();
        nap();
        check(event.take().is_err(), "something came from a VM that is gone")?;
    }
    owner.stop()
}

/// The thread of a context ends while a guest sends to it.
fn orphan() -> Result {
    for _ in 0..5 {
        let owner = Owner::start(Mode::Wait, nothing)?;
        let mut machine = sender(u64::MAX, 1, 30)?;
        Arc::get_mut(&mut machine).ok_or("a new machine is shared")?.misses_max = 0;
        to_context(&machine, 1, owner.handle(), 0)?;
        let task = machine.start(SENDER_HART);
        until("calls", || owner.calls() > 0)?;
        owner.stop()?;
        let end = task.join()?;
        check(end == End::Exit(hyp_abi::vm::exit::VEI_MISS), "the guest's sends went nowhere")?;
    }
    Ok(())
}

static INSIDE: AtomicBool = AtomicBool::new(false);
static BROKEN: AtomicU64 = AtomicU64::new(0);

fn sees(_: u64) {
    if INSIDE.load(Ordering::Relaxed) {
        BROKEN.fetch_add(1, Ordering::Relaxed);
    }
}

/// While the thread is closed, its handler runs nowhere: not in it, not by HCS
/// while it is preempted, not as an activity.
fn closed() -> Result {
    let spinner = Machine::new(Program::Spin { device: 0 })?;
    let done = Arc::new((AtomicUsize::new(usize::MAX), AtomicBool::new(false), AtomicU64::new(0)));
    let shared = Arc::clone(&done);
    let task = Task::spawn(move || {
        let context = UserContext::new(TARGET_HART, STACK, sees).map_err(refused("a context"))?;
        context.open();
        shared.0.store(context.handle().number(), Ordering::Release);
        while !shared.1.load(Ordering::Acquire) {
            context.closed(|| {
                INSIDE.store(true, Ordering::SeqCst);
                sys::yield_now();
                sys::sleep_until(sys::time() + sys::timebase() / 2000);
                INSIDE.store(false, Ordering::SeqCst);
            });
            sys::yield_now();
            shared.2.store(context.runs(), Ordering::Release);
        }
        Ok(())
    });
    until("a context", || done.0.load(Ordering::Acquire) != usize::MAX)?;
    vei::join_domain(spinner.vm.handle(), done.0.load(Ordering::Acquire)).map_err(refused("a domain"))?;
    let spinning = spinner.start(TARGET_HART);
    let machine = sender(3000, 1, 100)?;
    to_context(&machine, 1, done.0.load(Ordering::Acquire), 0)?;
    content(machine.start(SENDER_HART).join())?;
    until("the handler", || done.2.load(Ordering::Acquire) > 0)?;
    done.1.store(true, Ordering::Release);
    let ended: Result = task.join();
    ended?;
    spinner.stop();
    content(spinning.join())?;
    check(BROKEN.load(Ordering::Relaxed) == 0, "the handler ran while its thread was closed")
}

/// Without banked registers a handler cannot be evicted: calls that may sleep
/// are refused to it, and it goes on.
fn refused_calls() -> Result {
    let owner = Owner::start(Mode::Wait, sleeps)?;
    let spinner = Machine::new(Program::Spin { device: 0 })?;
    trust(&spinner, &owner)?;
    let spinning = spinner.start(TARGET_HART);
    until("the guest", || spinner.progress() > 1000)?;
    let machine = sender(100, 1, 1000)?;
    to_context(&machine, 1, owner.handle(), 0)?;
    let before = info();
    content(machine.start(SENDER_HART).join())?;
    until("the handler", || owner.calls() > 20)?;
    let after = info();
    spinner.stop();
    content(spinning.join())?;
    owner.stop()?;
    check(after.evictions == before.evictions, "an eviction")
}

/// A guest of this process, interrupted by the handler of another process, which
/// also ends in the middle of it.
fn process() -> Result {
    for _ in 0..3 {
        let child = Child::start("serve")?;
        let spinner = Machine::new(Program::Spin { device: 0 })?;
        let spinning = spinner.start(TARGET_HART);
        until("the guest", || spinner.progress() > 1000)?;
        let machine = sender(1000, 4, 500)?;
        (1..5).try_for_each(|veirq| to_context(&machine, veirq, child.context(), veirq))?;
        content(machine.start(SENDER_HART).join())?;
        nap();
        let calls = child.ask()?;
        // The first may meet while the handler's code is paged in.
        check(calls > 990, &format!("{calls} calls of 1000"))?;
        let mut endless = sender(u64::MAX, 1, 10)?;
        Arc::get_mut(&mut endless).ok_or("a new machine is shared")?.misses_max = 0;
        to_context(&endless, 1, child.context(), 0)?;
        let sending = endless.start(SENDER_HART);
        until("sends", || endless.progress() > 100)?;
        child.kill()?;
        check(sending.join()? == End::Exit(hyp_abi::vm::exit::VEI_MISS), "sends to a process that is gone")?;
        spinner.stop();
        content(spinning.join())?;
    }
    Ok(())
}

/// A handler of another process faults in the middle of a guest of this one:
/// that process ends, the guest goes on.
fn crash() -> Result {
    let child = Child::start("crash")?;
    let spinner = Machine::new(Program::Spin { device: 0 })?;
    let spinning = spinner.start(TARGET_HART);
    until("the guest", || spinner.progress() > 1000)?;
    let mut machine = sender(u64::MAX, 1, 100)?;
    Arc::get_mut(&mut machine).ok_or("a new machine is shared")?.misses_max = 0;
    to_context(&machine, 1, child.context(), 0)?;
    let sending = machine.start(SENDER_HART);
    check(child.wait()? == hyp_abi::process::EXIT_FAULT, "the child's exit code")?;
    sending.join()?;
    let progress = spinner.progress();
    until("more of the guest", || spinner.progress() > progress + 1000)?;
    spinner.stop();
    content(spinning.join())
}

/// Without banked registers handler and guest end together: all is in the child.
fn crash_in_domain() -> Result {
    let child = Child::start("crash-alone")?;
    check(child.wait()? == hyp_abi::process::EXIT_FAULT, "the child's exit code")
}

/// The same for a handler that does not end.
fn budget_in_domain() -> Result {
    let child = Child::start("slow-alone")?;
    check(child.wait()? == hyp_abi::process::EXIT_FAULT, "the child's exit code")
}
