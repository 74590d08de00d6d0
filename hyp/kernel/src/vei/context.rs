//! User contexts: a handler of one thread, on the hart to which that is pinned.
//!
//! `SN` in the table says that the handler must not be started by the hardware.
//! The kernel sets it with a doorbell, at eviction, and when the thread is
//! switched out with user interrupts off (then it is in its plain handler, or
//! keeps the handler away); it clears it when the thread is switched in, or an
//! activity is done. Clearing always looks at PIR afterwards, so that nothing is
//! lost between (ha-iov 8.6).

use alloc::sync::{Arc, Weak};
use core::cell::{Cell, UnsafeCell};
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};

use ha_iov_ext::csr::{UIE, USCRATCH, USTATUS, UTVEC};
use ha_iov_ext::fields::{hvslot, uip, ustatus};
use ha_iov_ext::vei::Context;
use hyp_abi::Error;
use hyp_abi::vei::{UserContextSpec, wait};
use hyp_kernel::addr::{PAGE_SIZE, Phys, USER_LIMIT};

use crate::arch::csr::ATP_MODE_SV39;
use crate::arch::time;
use crate::sched::hart::this_hart;
use crate::sched::thread::{State, Thread};
use crate::sched::{self, current};
use crate::stats::{Counted, Kind};
use crate::sync::SpinLock;
use crate::trap::TrapFrame;
use crate::vei::hart::{self, Change, HartVei};
use crate::vei::regs::{self, HUCPEND, HUCUR, HVSLOT};
use crate::vei::route::{self, RouteList};
use crate::vei::stats;
use crate::vm::Vm;

/// Vectored: a plain user VEI enters at BASE + 4 * 26.
const TVEC_VECTORED: u64 = 1;

const WAKE_DOORBELL: u32 = 1;
const WAKE_ACTIVITY: u32 = 2;

/// A user context.
pub struct UserContext {
    hart: usize,
    index: u32,
    /// Its entry in the hart's table.
    words: usize,
    owner: Weak<Thread>,
    /// Runs handlers that cannot be run by the hardware. Its entry record and
    /// its kernel stack serve the handler's traps in HCS too.
    activity: Arc<Thread>,
    entry: u64,
    scratch: u64,
    /// The activity was made a thread and is not done.
    active: AtomicBool,
    /// The owner was switched out with user interrupts off.
    closed: AtomicBool,
    dead: AtomicBool,
    /// The owner is in `USER_CONTEXT_WAIT`.
    waiting: AtomicBool,
    wakes: AtomicU32,
    routes: SpinLock<RouteList>,
    _live: Counted,
}

/// What a handle of a context stands for: it does not keep it alive.
pub struct ContextRef(Weak<UserContext>);

impl ContextRef {
    /// A reference.
    pub fn new(context: &Arc<UserContext>) -> Self {
        Self(Arc::downgrade(context))
    }

    /// The context, if its thread has not ended.
    pub fn get(&self) -> Result<Arc<UserContext>, Error> {
        self.0.upgrade().filter(|context| !context.is_dead()).ok_or(Error::NotFound)
    }
}

/// What a thread has to do with contexts. Cells are used by the thread itself,
/// and by the scheduler of its hart.
#[derive(Default)]
pub struct ThreadVei {
    has_context: Cell<bool>,
    context: UnsafeCell<Option<Arc<UserContext>>>,
    is_activity: Cell<bool>,
    activity_of: UnsafeCell<Weak<UserContext>>,
    /// `uscratch` of an activity, which must not use the register.
    pub scratch: Cell<u64>,
}

impl ThreadVei {
    /// The thread's own context. It lives as long as the thread.
    #[inline]
    pub fn context(&self) -> Option<&UserContext> {
        if !self.has_context.get() {
            return None;
        }
        // SAFETY: set once, before `has_context`, and taken by `thread_exits`.
        unsafe { (*self.context.get()).as_deref() }
    }

    /// Whether the thread runs the handler of a context.
    #[inline]
    pub fn is_activity(&self) -> bool {
        self.is_activity.get()
    }

    /// The context that it does it for; none if that is gone.
    pub fn activity_of(&self) -> Option<Arc<UserContext>> {
        // SAFETY: set once, before the thread is known to anybody.
        unsafe { (*self.activity_of.get()).upgrade() }
    }

    /// The same during HCS on this hart: then the context's owner, which keeps
    /// it, is pinned to this hart and does not run.
    pub fn active_handler(&self) -> &UserContext {
        // SAFETY: see above; set once.
        unsafe { &*(*self.activity_of.get()).as_ptr() }
    }

    /// Whether the thread must end, because what it runs for is gone.
    #[inline]
    pub fn must_end(&self) -> bool {
        self.is_activity.get() && self.activity_of().is_none_or(|context| context.is_dead())
    }
}

impl UserContext {
    fn word(&self, offset: u64) -> &AtomicU64 {
        let pointer: *const AtomicU64 = ptr::with_exposed_provenance(self.words + offset as usize);
        // SAFETY: in the hart's table, which lives for ever; all accesses are atomic.
        unsafe { &*pointer }
    }

    fn status(&self) -> &AtomicU64 {
        self.word(Context::STATUS)
    }

    fn posted(&self) -> &AtomicU64 {
        self.word(Context::PIR)
    }

    /// Index of its hart.
    pub fn hart(&self) -> usize {
        self.hart
    }

    /// Its place in the hart's table.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// Its handler cannot run any more.
    pub fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Acquire)
    }

    /// Its activity is a thread now.
    #[inline]
    pub fn is_active(&self) -> bool {
        self.active.load(Ordering::Acquire)
    }

    fn part(&self) -> &'static HartVei {
        hart::get(self.hart).expect("contexts are made on harts that run")
    }

    /// Sends only post from now on.
    pub fn suppress(&self) {
        self.status().fetch_or(Context::SN, Ordering::AcqRel);
    }

    /// Sends notify again; SN and ON change in one step (ha-iov 8.6).
    fn open(&self) {
        self.status().fetch_and(!(Context::SN | Context::ON), Ordering::AcqRel);
        fence(Ordering::SeqCst);
    }

    /// Posts in software what the hardware had no entry for (ha-iov 8.5, S5).
    pub fn post(&self, vector: u32) {
        self.posted().fetch_or(1 << vector, Ordering::AcqRel);
        let old = self.status().fetch_or(Context::ON, Ordering::AcqRel);
        if old & (Context::ON | Context::SN) == 0 {
            self.part().pend(self.index, self.hart);
        }
    }

    /// The lowest vector that is posted, as `utopvei` shows it.
    pub fn top(&self, claim: bool) -> u64 {
        let posted = self.posted().load(Ordering::Acquire);
        if posted == 0 {
            return 0;
        }
        let vector = posted.trailing_zeros();
        if claim {
            self.posted().fetch_and(!(1 << vector), Ordering::AcqRel);
        }
        ha_iov_ext::fields::topvei::V | u64::from(vector)
    }

    /// Notes a route to it.
    pub fn add_route(&self, vm: &Arc<Vm>, veirq: u32) {
        self.routes.lock().push((Arc::downgrade(vm), veirq));
    }

    /// A route to it is gone: nothing of its vector is left.
    pub fn remove_route(&self, vm: &Vm, veirq: u32, vector: u32) {
        // By its address, since the VM may be on its way out, and no longer be found.
        self.routes.lock().retain(|(other, number)| *number != veirq || !ptr::eq(other.as_ptr(), vm));
        self.posted().fetch_and(!(1 << vector), Ordering::AcqRel);
    }

    /// Sets the trust domain.
    pub fn set_domain(&self, domain: u64) {
        const SHIFT: u32 = 16;
        let mask = 0xffff << SHIFT;
        let change = |old: u64| Some(old & !mask | domain << SHIFT & mask);
        let _ = self.status().fetch_update(Ordering::AcqRel, Ordering::Relaxed, change);
    }

    /// The trust domain.
    pub fn domain(&self) -> u64 {
        self.status().load(Ordering::Relaxed) >> 16 & 0xffff
    }

    /// On its hart, after a doorbell, with SN set: whoever can run the handler
    /// is made to.
    pub fn schedule(&self) {
        let Some(owner) = self.owner.upgrade() else { return };
        let is_current = ptr::eq(Arc::as_ptr(&owner), current());
        let state = owner.sched.lock().state;
        match state {
            // It comes to user mode, where the handler runs (plain).
            State::Ready if !is_current => {}
            State::Parked if self.waiting.load(Ordering::Acquire) => self.wake(WAKE_DOORBELL, &owner),
            State::Dormant | State::Dead => {}
            // It sleeps in some other call.
            _ => self.start_activity(),
        }
    }

    fn wake(&self, reason: u32, owner: &Arc<Thread>) {
        self.wakes.fetch_or(reason, Ordering::AcqRel);
        sched::unpark(owner);
    }

    /// Runs the handler from its beginning, as a thread.
    fn start_activity(&self) {
        let Some(process) = self.activity.process.as_ref() else { return };
        if self.is_dead() || self.is_active() || process.add_thread(&self.activity).is_err() {
            return;
        }
        stats::ACTIVITIES.add();
        self.active.store(true, Ordering::Release);
        self.activity.vei.scratch.set(self.scratch);
        let mut frame = TrapFrame { pc: self.entry as usize, ..TrapFrame::ZERO };
        frame.x[1] = if super::is_banked() { self.scratch as usize } else { 0 };
        // SAFETY: the activity is not under way, so nobody uses its stack.
        unsafe { self.activity.restart_user(frame) };
        self.activity.sched.lock().state = State::Ready;
        self.activity.last_hart.store(self.hart, Ordering::Relaxed);
        sched::enqueue(Arc::clone(&self.activity));
    }

    /// The hardware's handler is to become a thread: nothing starts it again
    /// until that is done. Tells whether there may be such a thread.
    pub fn begin_activity(&self) -> bool {
        self.suppress();
        self.activity.vei.scratch.set(self.scratch);
        let process = self.activity.process.as_ref();
        let allowed = !self.is_dead() && process.is_some_and(|process| process.add_thread(&self.activity).is_ok());
        self.active.store(allowed, Ordering::Release);
        if !allowed {
            self.dead.store(true, Ordering::Release);
        }
        let state = if allowed { State::Ready } else { State::Dead };
        self.activity.sched.lock().state = state;
        self.activity.last_hart.store(self.hart, Ordering::Relaxed);
        allowed
    }

    /// The activity is done, or ends: the owner may go on, and the hardware.
    fn end_activity(&self) {
        self.active.store(false, Ordering::Release);
        if !self.closed.load(Ordering::Relaxed) && !self.is_dead() {
            self.open();
            self.reevaluate();
        }
        if let Some(owner) = self.owner.upgrade() {
            self.wake(WAKE_ACTIVITY, &owner);
        }
    }

    fn reevaluate(&self) {
        if self.posted().load(Ordering::Acquire) != 0 {
            self.part().pend(self.index, self.hart);
        }
    }
}

/// Makes a context for the calling thread.
pub fn create(spec: &UserContextSpec) -> Result<Arc<UserContext>, Error> {
    let thread = current();
    let process = thread.process.as_ref().ok_or(Error::PermissionDenied)?;
    let valid = spec.entry.is_multiple_of(4) && spec.entry < USER_LIMIT as u64 && spec.scratch < USER_LIMIT as u64;
    let part = hart::get(spec.hart as usize).filter(|_| valid).ok_or(Error::InvalidArgument)?;
    if thread.vei.has_context.get() || thread.vei.is_activity() || !thread.vcpu().is_null() {
        return Err(Error::Busy);
    }
    process.vei.take_asid()?;
    sched::pin(spec.hart as usize);
    let activity = Thread::new_activity(process, spec.hart as usize)?;
    let context = part.add_user(|index, words| {
        Arc::new(UserContext {
            hart: spec.hart as usize,
            index,
            words,
            owner: Arc::downgrade(&thread.to_arc()),
            activity: Arc::clone(&activity),
            entry: spec.entry,
            scratch: spec.scratch,
            active: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            dead: AtomicBool::new(false),
            waiting: AtomicBool::new(false),
            wakes: AtomicU32::new(0),
            routes: SpinLock::new(RouteList::new()),
            _live: Counted::new(Kind::UserContext),
        })
    })?;
    // SAFETY: nobody else knows the activity yet, and the thread is the caller.
    unsafe {
        *activity.vei.activity_of.get() = Arc::downgrade(&context);
        *thread.vei.context.get() = Some(Arc::clone(&context));
    }
    activity.vei.is_activity.set(true);
    thread.vei.has_context.set(true);
    context.publish(process.space.lock().root(), process.vei.satp_bits());
    begin_user_interrupts(thread, &context);
    Ok(context)
}

impl UserContext {
    /// Fills the table's entry, V last.
    fn publish(&self, root: Phys, asid: u64) {
        assert!(asid != 0);
        let words = Context {
            dom: 0,
            utvec: self.entry,
            uscratch: self.scratch,
            suscratch: self.activity.entry() as u64,
            suatp: ATP_MODE_SV39 | asid | (root.0 / PAGE_SIZE) as u64,
        }
        .encode();
        for (index, word) in words.iter().enumerate().rev() {
            self.word(8 * index as u64).store(*word, Ordering::Release);
        }
    }
}

/// The calling thread, which is on the context's hart, may use N from now on.
fn begin_user_interrupts(thread: &Thread, context: &UserContext) {
    // SAFETY: the thread itself; no other reference is alive.
    unsafe { thread.user_traps() }.enable(true);
    regs::write::<USTATUS>(0);
    regs::write::<UTVEC>(context.entry | TVEC_VECTORED);
    regs::write::<USCRATCH>(context.scratch);
    regs::write::<UIE>(uip::UVEIP);
    regs::write::<HUCUR>(hvslot::V | u64::from(context.index));
}

/// Before a thread with a context leaves the hart.
pub fn switch_out(thread: &Thread) {
    let Some(context) = thread.vei.context() else { return };
    debug_assert_eq!(this_hart().index, context.hart);
    let closed = regs::read::<USTATUS>() & ustatus::UIE == 0;
    if closed && !context.is_active() {
        // In its handler, or wants none: nobody else runs it meanwhile.
        context.closed.store(true, Ordering::Relaxed);
        context.suppress();
        if regs::read::<HVSLOT>() & (hvslot::V | hvslot::IDX) == hvslot::V | u64::from(context.index) {
            regs::write::<HVSLOT>(0);
        }
    }
    regs::write::<HUCUR>(0);
}

/// After a thread with a context came into the hart.
pub fn switch_in(thread: &Thread) {
    let Some(context) = thread.vei.context() else { return };
    assert_eq!(this_hart().index, context.hart, "a thread with a user context was moved");
    if context.is_active() || context.is_dead() {
        // It will wait, see `yield_to_activity`.
        return;
    }
    context.closed.store(false, Ordering::Relaxed);
    context.open();
    if context.posted().load(Ordering::Relaxed) != 0 {
        stats::PLAIN.add();
    }
    regs::write::<HUCUR>(hvslot::V | u64::from(context.index));
}

/// Where threads notice what happened while they did not run: one whose handler
/// is under way as an activity lets that finish first.
#[inline]
pub fn yield_to_activity(thread: &Thread) {
    if thread.vei.has_context.get() {
        while thread.vei.context().is_some_and(UserContext::is_active) {
            sched::park(None);
        }
    }
}

/// `USER_CONTEXT_WAIT`. Holds nothing that would have to be dropped, since the
/// process may end meanwhile.
pub fn wait(deadline: usize) -> Result<usize, Error> {
    let thread = current();
    let context = thread.vei.context().ok_or(Error::BadHandle)?;
    if regs::read::<USTATUS>() & ustatus::UIE == 0 {
        return Err(Error::InvalidArgument);
    }
    loop {
        let wakes = context.wakes.swap(0, Ordering::AcqRel);
        if context.is_dead() {
            return Err(Error::NotFound);
        }
        if wakes & WAKE_ACTIVITY != 0 {
            return Ok(wait::ACTIVITY);
        }
        // The second: the slot has it already, and needs no doorbell.
        if wakes & WAKE_DOORBELL != 0 || context.posted().load(Ordering::Acquire) != 0 {
            return Ok(wait::DOORBELL);
        }
        if deadline != usize::MAX && time() >= deadline as u64 {
            return Err(Error::TryAgain);
        }
        context.waiting.store(true, Ordering::Release);
        sched::park((deadline != usize::MAX).then_some(deadline as u64));
        context.waiting.store(false, Ordering::Release);
    }
}

/// A thread ends: its context, or the activity that it was.
pub fn thread_exits(thread: &Thread) {
    if thread.vei.is_activity() {
        if let Some(context) = thread.vei.activity_of() {
            context.dead.store(true, Ordering::Release);
            context.suppress();
            context.end_activity();
        }
        return;
    }
    if !thread.vei.has_context.replace(false) {
        return;
    }
    // SAFETY: the thread itself; `context` gives nothing out any more.
    let Some(context) = (unsafe { (*thread.vei.context.get()).take() }) else { return };
    destroy(&context);
}

/// On the context's hart, by its owner's end.
fn destroy(context: &UserContext) {
    let change = Change::begin();
    context.dead.store(true, Ordering::Release);
    context.suppress();
    let routes = core::mem::take(&mut *context.routes.lock());
    let mut vms = alloc::vec::Vec::new();
    for (vm, veirq) in routes {
        if let Some(vm) = vm.upgrade() {
            route::forget(&vm, veirq);
            vms.push(vm);
        }
    }
    change.fence_all_harts();
    regs::write::<HUCUR>(0);
    if regs::read::<HVSLOT>() & (hvslot::V | hvslot::IDX) == hvslot::V | u64::from(context.index) {
        regs::write::<HVSLOT>(0);
    }
    for offset in [Context::STATUS, Context::PIR] {
        context.word(offset).store(0, Ordering::Release);
    }
    regs::clear::<HUCPEND>(1 << context.index);
    context.part().remove_user(context.index);
    if context.is_active() {
        sched::interrupt(&context.activity);
    }
    drop(change);
    // The last reference to a VM fences too.
    drop(vms);
}

/// The handler of an activity did URET: it is done. The thread sleeps until
/// there is another, with nothing of its stack in use.
pub fn activity_done(thread: &Thread) -> ! {
    let process = thread.process.as_ref().expect("activities belong to processes");
    process.remove_thread(thread.id);
    {
        let mut state = thread.sched.lock();
        // Not parked: nothing that still knows the thread must wake it.
        state.state = State::Dormant;
        state.token = false;
    }
    if let Some(context) = thread.vei.activity_of() {
        context.end_activity();
    }
    sched::leave()
}
