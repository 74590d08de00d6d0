//! What each hart has for VEI: its VEIIDs, its context table, the area for
//! banked registers; and how all harts are made to forget map entries.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::Cell;
use core::hint::spin_loop;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};

use ha_iov_ext::cause::{DOORBELL, SUPERVISOR_VEI};
use ha_iov_ext::csr::{USTATUS, UTVAL};
use ha_iov_ext::fields::{huct, hveictl as ctl, hveifence, hvslot, sip, topvei, ustatus};
use ha_iov_ext::vei::Context;
use hyp_abi::Error;

use crate::arch::time;
use crate::mm::frame::OwnedFrames;
use crate::sched::hart::{harts, this_hart};
use crate::sched::{self, timer};
use crate::sync::{Once, SpinLock, disable_interrupts, restore_interrupts};
use crate::vei::context::UserContext;
use crate::vei::regs::{self, HUCPEND, HUCT, HUCUR, HUSAVE, HVEICTL, HVEIDIR, HVEIFENCE, HVSLOT, STOPVEI};
use crate::vei::route::Route;
use crate::vei::{has_hcs, is_banked, is_supported, map, stats};
use crate::vm::Vm;
use crate::{csr_clear, csr_read, csr_set};

/// Supervisor VEI, in `scause`, `sie` and `sip`.
pub const IRQ_SVEI: u64 = SUPERVISOR_VEI;
/// The doorbell.
pub const IRQ_SVDB: u64 = DOORBELL;

/// VEIIDs of a hart, and contexts.
const IDS: usize = 64;
/// Most claims on behalf of a fence. Enough for what was sent before it, unless
/// there is a flood; then a number that is used again may begin with one signal
/// too many, which events allow.
const DRAIN_MAX: usize = 4 * IDS;
/// Claims are counted in windows of this length,
const WINDOWS_PER_SECOND: u64 = 10_000;
/// in each of which so many are served at once: about half of a hart.
const CLAIMS_PER_WINDOW: u64 = 128;
/// Budget ticks per second: a handler that is found running by two of them in a
/// row is evicted.
const BUDGET_TICKS_PER_SECOND: u64 = 500;
/// What marks a handler that ran at a budget tick: no address.
const MARK: u64 = u64::MAX;

/// Whether the hart looks away from its doorbell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Away {
    /// It does not.
    No,
    /// It does, until the timer rings.
    Yes,
    /// It did, in vain.
    Over,
}

/// A hart's part. Cells are touched by the hart itself alone.
pub struct HartVei {
    online: AtomicBool,
    contexts: OwnedFrames,
    save: OwnedFrames,
    users: SpinLock<[Option<Arc<UserContext>>; IDS]>,
    user_count: AtomicU64,
    receivers: SpinLock<[Option<Arc<Route>>; IDS]>,
    /// The last fence that this hart made.
    fenced: AtomicU64,
    /// Contexts that other harts want in `hucpend`.
    pending: AtomicU64,
    /// When the next budget tick is.
    tick: Cell<u64>,
    /// Doorbells are off for a moment.
    away: Cell<Away>,
    /// Claims since then; too many turn supervisor VEIs off for a moment.
    window: Cell<(u64, u64)>,
    flooded: Cell<bool>,
    /// When whatever is turned off is to be turned on again: the timer must not be set later meanwhile, whoever sets it.
    again: Cell<u64>,
    /// Who serves what they tell of looks by itself for the time being.
    held: Cell<bool>,
}

// SAFETY: cells are used by the hart that they belong to only, in the kernel
// and with interrupts off, but for `held`, whose order says why not; the rest is atomic or locked.
unsafe impl Sync for HartVei {}
// SAFETY: as above.
unsafe impl Send for HartVei {}

/// `time` between two budget ticks; 0 is the usual.
static BUDGET: AtomicU64 = AtomicU64::new(0);
static ALL: Once<Vec<HartVei>> = Once::new();
/// Fences asked for so far.
static TICKET: AtomicU64 = AtomicU64::new(0);
/// One change of maps at a time.
static CHANGING: AtomicBool = AtomicBool::new(false);

/// Makes the tables of all harts.
pub fn init() {
    let pages = || OwnedFrames::zeroed(0).expect("no memory for a hart's contexts");
    let make = |_| HartVei {
        online: AtomicBool::new(false),
        contexts: pages(),
        save: pages(),
        users: SpinLock::new([const { None }; IDS]),
        user_count: AtomicU64::new(0),
        receivers: SpinLock::new([const { None }; IDS]),
        fenced: AtomicU64::new(0),
        pending: AtomicU64::new(0),
        tick: Cell::new(timer::NEVER),
        away: Cell::new(Away::No),
        window: Cell::new((0, 0)),
        flooded: Cell::new(false),
        again: Cell::new(timer::NEVER),
        held: Cell::new(false),
    };
    ALL.set(harts().iter().map(make).collect());
}

/// Sets up the hart that calls, after its `sie` is written.
pub fn init_hart() {
    if !is_supported() {
        return;
    }
    let hart = this();
    regs::write::<HVEICTL>(if is_banked() { ctl::BANK } else { 0 });
    regs::write::<HVSLOT>(0);
    regs::write::<HUCUR>(0);
    regs::write::<HUCPEND>(0);
    if has_hcs() {
        regs::write::<HUSAVE>(hart.save.phys().0 as u64);
    }
    regs::write::<HUCT>(huct::of(hart.contexts.phys().0 as u64));
    regs::write::<HVEIDIR>(map::directory_register());
    regs::write::<HVEIFENCE>(hveifence::ALL);
    csr_set!("sie", sip::ALL);
    hart.fenced.store(TICKET.load(Ordering::Acquire), Ordering::Release);
    hart.online.store(true, Ordering::Release);
}

/// The part of the hart that calls.
#[inline]
pub fn this() -> &'static HartVei {
    &ALL.get()[this_hart().index]
}

/// The part of a hart.
pub fn get(index: usize) -> Option<&'static HartVei> {
    ALL.get().get(index).filter(|hart| hart.online.load(Ordering::Acquire))
}

/// The right to change maps, contexts and who receives what. Held with
/// interrupts off and without any lock; who waits for it serves its own hart's
/// requests meanwhile, so that the holder's fences end.
pub struct Change {
    restore: bool,
}

impl Change {
    /// Waits for it.
    pub fn begin() -> Self {
        let restore = disable_interrupts();
        while CHANGING.swap(true, Ordering::Acquire) {
            serve_requests();
            spin_loop();
        }
        Self { restore }
    }

    /// All harts forget what they know of maps, and claim what arrived (ha-iov
    /// 8.5, S7). Two of these in a row, and nothing of a number that was taken
    /// out of the map before is left anywhere: what a hart sent before its first
    /// fence is claimed at the second.
    pub fn fence_all_harts(&self) {
        stats::FENCES.add();
        fence(Ordering::SeqCst);
        let ticket = TICKET.fetch_add(1, Ordering::AcqRel) + 1;
        serve_requests();
        let waits =
            |hart: &HartVei| hart.online.load(Ordering::Acquire) && hart.fenced.load(Ordering::Acquire) < ticket;
        for (hart, part) in harts().iter().zip(ALL.get()) {
            if waits(part) {
                hart.kick();
            }
        }
        for part in ALL.get() {
            while waits(part) {
                serve_requests();
                spin_loop();
            }
        }
    }
}

impl Drop for Change {
    fn drop(&mut self) {
        CHANGING.store(false, Ordering::Release);
        restore_interrupts(self.restore);
    }
}

/// Does what other harts asked of this one. Called wherever a software
/// interrupt is answered, with interrupts off and without locks.
#[inline]
pub fn serve_requests() {
    if is_supported() {
        this().serve();
    }
}

/// The supervisor VEI interrupt.
pub fn claim() {
    let hart = this();
    let claims = hart.claim(IDS);
    hart.mitigate(claims);
}

/// Supervisor VEIs stay pending on this hart, where they merge, while a worker serves what they tell of anyway: from now to
/// [`release`], or until the timer interrupts the worker or another thread runs. So a busy worker isn't told again and again, as it isn't by the events
/// that exits signal.
#[inline]
pub fn hold() {
    if is_supported() {
        csr_clear!("sie", sip::SVEIP);
        // In this order: a timer interrupt in between changes nothing, and the release undoes both.
        this().held.set(true);
    }
}

/// The end of that.
#[inline]
pub fn release() {
    if is_supported() {
        this().let_go();
    }
}

/// The doorbell interrupt.
pub fn doorbell() {
    this().doorbell();
}

/// What the idle loop found pending, apart from what every kernel knows.
pub fn serve_pending(pending: u64) {
    if pending & sip::SVEIP != 0 {
        claim();
    }
    if pending & sip::SVDBP != 0 {
        doorbell();
    }
}

/// With a vCPU, into the hart.
pub fn load(vm: &Vm) {
    let hart = this();
    let has_users = has_hcs() && hart.user_count.load(Ordering::Relaxed) != 0;
    let flag = |condition, bit| if condition { bit } else { 0 };
    let domain = vm.vei.domain().load(Ordering::Relaxed);
    let bits = flag(vm.vei.may_send(), ctl::VSE) | flag(has_users, ctl::UVE) | flag(is_banked(), ctl::BANK);
    regs::write::<HVEICTL>(bits | domain << ctl::DOM_SHIFT);
    hart.tick.set(if has_users { time() + tick_length() } else { timer::NEVER });
    if has_users {
        timer::rearm();
    }
}

/// With a vCPU, out of the hart.
pub fn unload() {
    regs::write::<HVEICTL>(if is_banked() { ctl::BANK } else { 0 });
    let hart = this();
    hart.tick.set(timer::NEVER);
    hart.look_again();
}

/// The loaded vCPU may send from now on.
pub fn let_send() {
    regs::set::<HVEICTL>(ctl::VSE);
}

fn tick_length() -> u64 {
    match BUDGET.load(Ordering::Relaxed) {
        0 => timer::timebase() / BUDGET_TICKS_PER_SECOND,
        ticks => ticks,
    }
}

/// Sets the time between two budget ticks, for tests.
pub fn set_budget(ticks: u64) {
    BUDGET.store(ticks, Ordering::Relaxed);
}

/// When the timer must ring for the handlers' budget, or for interrupts that are turned off.
#[inline]
pub fn deadline() -> u64 {
    if is_supported() { this().tick.get().min(this().again.get()) } else { timer::NEVER }
}

/// Whether a budget tick is due, and the handler that runs has used its budget
/// up: it ran at the tick before, without having been left meanwhile. The mark of
/// that is in `utval`, which every entry by HCS clears, and which the handler can
/// neither see nor change (ha-iov 8.7, A5). `handler` tells whether one runs.
pub fn budget_is_over(now: u64, handler: bool) -> bool {
    let hart = this();
    hart.look_again();
    if hart.tick.get() > now {
        return false;
    }
    hart.tick.set(now + tick_length());
    if !handler {
        return false;
    }
    let marked = regs::read::<UTVAL>() == MARK;
    regs::write::<UTVAL>(MARK);
    marked
}

/// A timer interrupt outside of handlers.
#[inline]
pub fn ticked(now: u64) {
    if is_supported() {
        budget_is_over(now, false);
    }
}

impl HartVei {
    fn serve(&self) {
        let ticket = TICKET.load(Ordering::Acquire);
        if self.fenced.load(Ordering::Relaxed) < ticket {
            regs::write::<HVEIFENCE>(hveifence::ALL);
            self.claim(DRAIN_MAX);
            self.fenced.store(ticket, Ordering::Release);
        }
        let pending = self.pending.swap(0, Ordering::AcqRel);
        if pending != 0 {
            regs::set::<HUCPEND>(pending);
        }
    }

    /// Claims what is pending, at most `limit` of it: guests may send faster than
    /// anybody claims. Tells how much.
    fn claim(&self, limit: usize) -> u64 {
        for claims in 0..limit as u64 {
            let top = regs::swap::<STOPVEI>(0);
            if top & topvei::V == 0 {
                return claims;
            }
            stats::CLAIMED.add();
            let route = self.receivers.lock()[(top & topvei::NUMBER) as usize].clone();
            if let Some(route) = route {
                route.arrived();
            }
        }
        limit as u64
    }

    /// Guests that flood the hart with interrupts do not get all of it.
    fn mitigate(&self, claims: u64) {
        let now = time();
        let (since, before) = self.window.get();
        if now.saturating_sub(since) > timer::timebase() / WINDOWS_PER_SECOND {
            self.window.set((now, claims));
            return;
        }
        self.window.set((since, before + claims));
        if before + claims > CLAIMS_PER_WINDOW {
            self.flooded.set(true);
            csr_clear!("sie", sip::SVEIP);
            self.again.set(timer::retry_soon());
        }
    }

    /// In a UER handler the current thread is about to return to its guest, where
    /// the hardware switches by itself. That is worth a moment, but no more: who
    /// is in a handler for long is a thread like others.
    fn looks_away(&self) -> bool {
        let switches = regs::read::<HVEICTL>() & ctl::UVE != 0;
        let in_handler = sched::current().in_guest() && regs::read::<USTATUS>() & ustatus::UPV != 0;
        if !switches || !in_handler || self.away.replace(Away::No) != Away::No {
            return false;
        }
        self.away.set(Away::Yes);
        csr_clear!("sie", sip::SVDBP);
        self.again.set(timer::retry_soon());
        true
    }

    /// Supervisor VEIs interrupt again, if nothing else keeps them.
    #[inline]
    fn let_go(&self) {
        if self.held.replace(false) && !self.flooded.get() {
            csr_set!("sie", sip::SVEIP);
        }
    }

    /// The end of that, and of what else keeps interrupts from the hart.
    fn look_again(&self) {
        self.let_go();
        self.again.set(timer::NEVER);
        if self.away.get() == Away::Yes {
            let in_vain = csr_read!("sip") & sip::SVDBP != 0;
            self.away.set(if in_vain { Away::Over } else { Away::No });
            csr_set!("sie", sip::SVDBP);
        }
        if self.flooded.replace(false) && !self.held.get() {
            csr_set!("sie", sip::SVEIP);
        }
    }

    /// The doorbell interrupt (ha-iov 8.6): the context in the slot cannot be
    /// delivered while what runs now runs.
    pub fn doorbell(&self) {
        if self.looks_away() {
            return;
        }
        let slot = regs::read::<HVSLOT>();
        if slot & hvslot::V == 0 {
            return;
        }
        let user = self.users.lock()[(slot & hvslot::IDX) as usize].clone();
        if let Some(user) = &user {
            user.suppress();
        }
        regs::write::<HVSLOT>(0);
        stats::DOORBELLS.add();
        if let Some(user) = user {
            user.schedule();
        }
    }

    /// Gives a route a VEIID of this hart.
    pub fn add_receiver(&self, route: &Arc<Route>) -> Result<u32, Error> {
        let mut receivers = self.receivers.lock();
        let free = receivers.iter().position(Option::is_none).ok_or(Error::OutOfMemory)?;
        receivers[free] = Some(Arc::clone(route));
        Ok(free as u32)
    }

    /// Takes a VEIID back, of which nothing is pending any more.
    pub fn remove_receiver(&self, veiid: u32) {
        let route = self.receivers.lock()[veiid as usize].take();
        drop(route);
    }

    /// A place in the context table.
    pub fn add_user(&self, make: impl FnOnce(u32, usize) -> Arc<UserContext>) -> Result<Arc<UserContext>, Error> {
        let mut users = self.users.lock();
        let free = users.iter().position(Option::is_none).ok_or(Error::OutOfMemory)?;
        let context = make(free as u32, self.contexts.phys().direct() + free * Context::SIZE as usize);
        users[free] = Some(Arc::clone(&context));
        self.user_count.fetch_add(1, Ordering::Relaxed);
        Ok(context)
    }

    /// Gives the place back; the table's entry is not valid any more.
    pub fn remove_user(&self, index: u32) {
        let context = self.users.lock()[index as usize].take();
        self.user_count.fetch_sub(1, Ordering::Relaxed);
        drop(context);
    }

    /// Sets a context's bit in this hart's `hucpend`, from any hart.
    pub fn pend(&self, index: u32, hart: usize) {
        if hart == this_hart().index {
            regs::set::<HUCPEND>(1 << index);
        } else {
            self.pending.fetch_or(1 << index, Ordering::AcqRel);
            harts()[hart].kick();
        }
    }

    /// x1 to x31 of the guest that a handler interrupted, by number.
    pub fn banked_registers(&self) -> [u64; 32] {
        let area: *const [u64; 32] = core::ptr::with_exposed_provenance(self.save.phys().direct());
        // SAFETY: the area is this hart's own page, which the hardware wrote at
        // the take and leaves alone while its handler runs.
        let mut x = unsafe { area.read_volatile() };
        x[0] = 0;
        x
    }
}

/// Whether a handler by HCS is active on this hart.
#[inline]
pub fn handler_is_active() -> bool {
    is_supported() && regs::read::<HVEICTL>() & ctl::HCSA != 0
}
