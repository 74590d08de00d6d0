//! Threads: a kernel stack each, and for those of a process the way to user
//! mode and back.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::cell::{Cell, UnsafeCell};
use core::ops::Deref;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use hyp_abi::Error;
use hyp_kernel::addr::Phys;

use crate::arch::csr::SSTATUS_SIE;
use crate::csr_set;
use crate::mm::frame::OwnedFrames;
use crate::proc::process::Process;
use crate::sched::hart::{Hart, harts};
use crate::sched::switch::{Context, kernel_thread_start, user_thread_start};
use crate::sched::{self, timer};
use crate::stats::{Counted, Kind};
use crate::sync::SpinLock;
use crate::trap::{EntryRecord, TrapFrame};
use crate::vei::{self, ThreadVei};
use crate::vm::uer::UserTrapState;
use crate::vm::vcpu::Vcpu;

/// Kernel stacks are 2^3 pages: VHOST_CREATE takes up to half of one, maybe in a
/// UER handler, hence below the frames of VCPU_RUN; other calls less than a fifth.
const STACK_ORDER: usize = 3;
/// Lowest word of each stack; gone when the stack overflowed.
const CANARY: usize = 0x7374_6163_6b20_656e;

/// "May run anywhere".
pub const ANY_HART: usize = usize::MAX;

static NEXT_ID: AtomicUsize = AtomicUsize::new(1);

/// Whether a thread can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not started yet, or blocked.
    Parked,
    /// Runs or could run.
    Ready,
    /// The activity of a user context, while the kernel has no use for it:
    /// nobody can wake it.
    Dormant,
    /// Has ended.
    Dead,
}

/// What the scheduler knows about a thread.
#[derive(Debug)]
pub struct SchedState {
    /// See [`State`].
    pub state: State,
    /// An `unpark` that came while the thread was not parked.
    pub token: bool,
    /// Is ending itself.
    pub exiting: bool,
}

/// The body of a kernel thread.
pub type KernelMain = extern "C" fn(usize);

/// How a user thread begins.
#[derive(Clone, Copy, Debug)]
pub struct UserStart {
    /// First instruction.
    pub pc: usize,
    /// Stack pointer.
    pub sp: usize,
    /// `a0` and `a1`.
    pub args: [usize; 2],
}

/// A thread. Fields in cells are used by the thread itself, or by the scheduler
/// of its hart while the thread is switched.
#[repr(C)]
pub struct Thread {
    /// First, because `Hart::current` serves the entry code as its address.
    entry: UnsafeCell<EntryRecord>,
    /// Its number.
    pub id: usize,
    /// Where it goes on in the kernel.
    pub context: UnsafeCell<Context>,
    /// Its kernel stack, as long as it lives.
    stack: Lasting<Option<OwnedFrames>>,
    /// Its upper end, from which it grows.
    stack_top: usize,
    /// State and tokens.
    pub sched: SpinLock<SchedState>,
    /// A hart runs it, or has not yet finished to switch it out.
    pub on_cpu: AtomicBool,
    /// The hart that runs it or ran it last.
    pub last_hart: AtomicUsize,
    /// The only hart that may run it, or [`ANY_HART`]. Set by the thread itself.
    pinned: AtomicUsize,
    /// The next in the queue that it is in; see [`crate::sched::queue`].
    pub next: Cell<*const Thread>,
    /// Cycles that harts spent on it, up to its last switch.
    pub run_cycles: AtomicU64,
    /// What of it counts for its turn: see [`crate::sched::fair`].
    pub virtual_time: AtomicU64,
    /// How often it was switched to.
    pub switches: AtomicU64,
    /// State of the N extension, for threads that use it.
    user_traps: UnsafeCell<UserTrapState>,
    /// User contexts.
    pub vei: ThreadVei,
    vcpu: Cell<*mut Vcpu>,
    /// `VCPU_RUN` is under way.
    in_guest: Cell<bool>,
    live: Lasting<Option<Counted>>,
    /// Its process; none for kernel threads, and for threads that have ended.
    pub process: Lasting<Option<Arc<Process>>>,
}

/// What a thread has until it ends; it is given back then, not when the last
/// reference to the thread goes: whoever wakes a thread has one for a moment,
/// and may be anywhere, with locks that the end of a process needs.
pub struct Lasting<T>(UnsafeCell<T>);

impl<T> Deref for Lasting<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: changed only by `take`, whose caller sees to it that no
        // reference is left.
        unsafe { &*self.0.get() }
    }
}

impl<T> Lasting<Option<T>> {
    const fn new(value: Option<T>) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// # Safety
    /// The thread has ended, and only the hart that ran it last calls this.
    /// Nobody looks at what other threads have.
    unsafe fn take(&self) -> Option<T> {
        // SAFETY: passed on to the caller.
        unsafe { (*self.0.get()).take() }
    }
}

// SAFETY: cells are not shared, see the type; the rest is atomic or locked.
unsafe impl Sync for Thread {}
// SAFETY: as above.
unsafe impl Send for Thread {}

impl Thread {
    fn new(process: Option<Arc<Process>>) -> Result<Self, Error> {
        let stack = OwnedFrames::zeroed(STACK_ORDER).ok_or(Error::OutOfMemory)?;
        let bottom: *mut usize = ptr::with_exposed_provenance_mut(stack.phys().direct());
        // SAFETY: the stack is ours and nobody runs on it yet.
        unsafe { bottom.write(CANARY) };
        let stack_top = stack.phys().direct() + stack.len();
        Ok(Self {
            entry: UnsafeCell::new(EntryRecord { kernel_sp: stack_top, hart: 0, user_sp: 0, guest: 0 }),
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            context: UnsafeCell::new(Context::default()),
            stack: Lasting::new(Some(stack)),
            stack_top,
            sched: SpinLock::new(SchedState { state: State::Parked, token: false, exiting: false }),
            on_cpu: AtomicBool::new(false),
            last_hart: AtomicUsize::new(0),
            pinned: AtomicUsize::new(ANY_HART),
            next: Cell::new(ptr::null()),
            run_cycles: AtomicU64::new(0),
            virtual_time: AtomicU64::new(0),
            switches: AtomicU64::new(0),
            user_traps: UnsafeCell::new(UserTrapState::default()),
            vei: ThreadVei::default(),
            vcpu: Cell::new(ptr::null_mut()),
            in_guest: Cell::new(false),
            live: Lasting::new(Some(Counted::new(Kind::Thread))),
            process: Lasting::new(process),
        })
    }

    /// Gives back what an ended thread had, its process last: so the end of the
    /// process is the end of everything.
    ///
    /// # Safety
    /// The thread is dead, and only the hart that ran it last calls this, on the
    /// stack of another and with no lock held.
    pub unsafe fn reap(&self) {
        // SAFETY: passed on to the caller.
        let (stack, live, process) = unsafe { (self.stack.take(), self.live.take(), self.process.take()) };
        drop((stack, live));
        drop(process);
    }

    /// A thread of a process, not started.
    pub fn new_user(process: &Arc<Process>, start: UserStart) -> Result<Arc<Self>, Error> {
        let thread = Self::new(Some(Arc::clone(process)))?;
        let mut frame = TrapFrame { pc: start.pc, ..TrapFrame::ZERO };
        frame.x[1] = start.sp;
        frame.x[9..11].copy_from_slice(&start.args);
        // SAFETY: the thread is new.
        unsafe { thread.restart_user(frame) };
        Ok(Arc::new(thread))
    }

    /// Makes the thread begin in user mode with these registers.
    ///
    /// # Safety
    /// It does not run, and nothing of its stack is in use.
    pub unsafe fn restart_user(&self, frame: TrapFrame) {
        assert!(self.stack.is_some(), "the thread has ended");
        let sp = self.stack_top - size_of::<TrapFrame>();
        // SAFETY: the frame lies in the thread's own, unused stack, and nobody
        // uses the context of a thread that does not run.
        unsafe {
            ptr::with_exposed_provenance_mut::<TrapFrame>(sp).write(frame);
            let context = &mut *self.context.get();
            context.ra = &raw const user_thread_start as usize;
            context.sp = sp;
            context.s[0] = begin_user_thread as *const () as usize;
        }
    }

    /// The activity of a user context (see `vei::activity`): dormant until
    /// that makes it a thread.
    pub fn new_activity(process: &Arc<Process>, hart: usize) -> Result<Arc<Self>, Error> {
        let mut thread = Self::new(Some(Arc::clone(process)))?;
        thread.sched.get_mut().state = State::Dormant;
        thread.set_pinned(hart);
        thread.set_hart(harts()[hart]);
        Ok(Arc::new(thread))
    }

    /// A kernel thread that calls `main(argument)`, not started.
    pub fn new_kernel(main: KernelMain, argument: usize) -> Result<Arc<Self>, Error> {
        let mut thread = Self::new(None)?;
        let sp = thread.stack_top;
        let context = thread.context.get_mut();
        context.ra = &raw const kernel_thread_start as usize;
        context.sp = sp;
        context.s[0] = main as *const () as usize;
        context.s[1] = argument;
        Ok(Arc::new(thread))
    }

    /// The idle thread of the hart that calls, on the stack that it runs on.
    pub fn new_idle(hart: &Hart) -> Arc<Self> {
        let mut thread = Self::new(None).expect("no memory for an idle thread");
        thread.sched.get_mut().state = State::Ready;
        thread.on_cpu = AtomicBool::new(true);
        thread.last_hart = AtomicUsize::new(hart.index);
        thread.set_hart(hart);
        Arc::new(thread)
    }

    /// What of its time counts for its turn.
    #[inline]
    pub fn virtual_time(&self) -> u64 {
        self.virtual_time.load(Ordering::Relaxed)
    }

    /// Another reference to this thread, which must be in an `Arc` (all are).
    pub fn to_arc(&self) -> Arc<Self> {
        // SAFETY: every thread is made by the functions above, in an `Arc`, and
        // `self` shows that it is still alive.
        unsafe {
            Arc::increment_strong_count(self);
            Arc::from_raw(self)
        }
    }

    /// Tells the entry code which hart runs the thread.
    pub fn set_hart(&self, hart: &Hart) {
        // SAFETY: the thread does not run while it is being switched in.
        unsafe { (*self.entry.get()).hart = ptr::from_ref(hart) as usize };
    }

    /// Its entry record.
    pub fn entry(&self) -> *mut EntryRecord {
        self.entry.get()
    }

    /// Lets traps begin at the top of the kernel stack again.
    #[inline]
    pub fn reset_kernel_stack(&self) {
        // SAFETY: called by the thread itself, which is in the kernel.
        unsafe { (*self.entry.get()).kernel_sp = self.stack_top };
    }

    /// Panics if the stack has overflowed.
    pub fn check_stack(&self) {
        let stack = self.stack.as_ref().expect("the thread has ended");
        let bottom: *const usize = ptr::with_exposed_provenance(stack.phys().direct());
        // SAFETY: the stack is alive as long as the thread.
        let word = unsafe { bottom.read_volatile() };
        assert_eq!(word, CANARY, "kernel stack of thread {} overflowed", self.id);
    }

    /// The only hart that may run it, if there is one.
    #[inline]
    pub fn pinned(&self) -> Option<usize> {
        let hart = self.pinned.load(Ordering::Relaxed);
        (hart != ANY_HART).then_some(hart)
    }

    /// Names the only hart that may run it, or [`ANY_HART`]. For a thread that
    /// was not started yet; a running one calls `sched::pin`.
    pub fn set_pinned(&self, hart: usize) {
        self.pinned.store(hart, Ordering::Relaxed);
    }

    /// Whether it has ended.
    pub fn is_dead(&self) -> bool {
        self.sched.lock().state == State::Dead
    }

    /// Root of the address space that it needs.
    pub fn space_root(&self) -> Option<Phys> {
        self.process.as_ref().map(|process| process.space.lock().root())
    }

    /// State of the N extension.
    ///
    /// # Safety
    /// The caller is the thread itself or its hart's scheduler, and no other
    /// reference is alive.
    #[allow(clippy::mut_from_ref, reason = "a cell that the caller owns, see Safety")]
    pub unsafe fn user_traps(&self) -> &mut UserTrapState {
        // SAFETY: passed on to the caller.
        unsafe { &mut *self.user_traps.get() }
    }

    /// Its vCPU, or null.
    #[inline]
    pub fn vcpu(&self) -> *mut Vcpu {
        self.vcpu.get()
    }

    /// Gives the thread its vCPU.
    pub fn set_vcpu(&self, vcpu: Box<Vcpu>) {
        assert!(self.vcpu.get().is_null());
        self.vcpu.set(Box::into_raw(vcpu));
    }

    /// Whether `VCPU_RUN` is under way.
    #[inline]
    pub fn in_guest(&self) -> bool {
        self.in_guest.get()
    }

    /// Notes that `VCPU_RUN` begins or ends.
    #[inline]
    pub fn set_in_guest(&self, in_guest: bool) {
        self.in_guest.set(in_guest);
    }

    /// Takes the thread's vCPU out of the hart and gives it back.
    pub fn release_vcpu(&self) {
        let vcpu = self.vcpu.replace(ptr::null_mut());
        let was_in_guest = self.in_guest.replace(false);
        if !vcpu.is_null() {
            // SAFETY: made by `set_vcpu` with `into_raw`; the thread is in the
            // kernel, outside of the run loop for good.
            let mut vcpu = unsafe { Box::from_raw(vcpu) };
            if was_in_guest {
                vcpu.swap_counter_enable();
            }
            vcpu.unload();
            vcpu.unmap_run_page(self.process.as_ref().expect("vCPUs belong to processes"));
        }
    }

    /// Before another thread runs on this hart.
    pub fn switch_out(&self) {
        vei::context::switch_out(self);
        let vcpu = self.vcpu.get();
        // SAFETY: the thread is being switched, so nobody else uses its cells.
        unsafe {
            if !vcpu.is_null() {
                if self.in_guest.get() {
                    (*vcpu).swap_counter_enable();
                }
                (*vcpu).unload();
            }
            self.user_traps().save();
        }
    }

    /// After the thread was switched in. Its vCPU comes back when a guest or a
    /// UER handler goes on; else `VCPU_RUN` will load it.
    pub fn switch_in(&self) {
        // SAFETY: as in `switch_out`.
        unsafe {
            self.user_traps().restore();
            vei::context::switch_in(self);
            if self.in_guest.get() {
                let vcpu = self.vcpu.get();
                (*vcpu).load();
                (*vcpu).swap_counter_enable();
                (*vcpu).set_handler_hstatus();
                self.flush_interrupts();
            }
        }
    }

    /// Before a UER handler goes on, which returns to the guest by itself, or the
    /// run loop: gives the guest the interrupts that came meanwhile.
    pub fn flush_interrupts(&self) {
        if self.in_guest.get() {
            // SAFETY: called by the thread itself, in the kernel; in the run
            // loop there is a vCPU, and it is loaded.
            let others = unsafe { (*self.vcpu.get()).line.flush() };
            if others != 0 {
                // The run loop must serve these. It is not under way here: try
                // again when the handler is through.
                timer::retry_soon();
            }
        }
    }

    /// When the guest that is loaded wants a timer interrupt (without Sstc).
    pub fn guest_deadline(&self) -> u64 {
        let vcpu = self.vcpu.get();
        // SAFETY: called by the thread itself, in the kernel.
        if vcpu.is_null() { timer::NEVER } else { unsafe { (*vcpu).timer_deadline() } }
    }

    /// Raises the guest's timer interrupt if it is due (without Sstc).
    pub fn guest_timer_tick(&self, now: u64) {
        let vcpu = self.vcpu.get();
        if !vcpu.is_null() {
            // SAFETY: called by the thread itself, in the kernel.
            unsafe { (*vcpu).timer_tick(now) };
        }
    }
}

/// Finishes the switch to a new user thread; the assembly that called it goes
/// to user mode.
extern "C" fn begin_user_thread() {
    sched::finish_switch();
    sched::end_if_dying();
}

/// The body of kernel threads: unlike user threads in the kernel, they run with
/// interrupts on.
pub extern "C" fn kernel_thread(main: KernelMain, argument: usize) -> ! {
    sched::finish_switch();
    csr_set!("sstatus", SSTATUS_SIE);
    main(argument);
    sched::exit_thread()
}
