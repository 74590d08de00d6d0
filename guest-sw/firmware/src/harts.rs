//! What each hart is doing, and how harts reach each other: a word of message
//! bits for each, and a machine software interrupt to make it look.

use core::arch::asm;
use core::sync::atomic::{AtomicUsize, Ordering, fence};

use rt::{csr_read, csr_set, csr_write};
use rustsbi::{HartMask, SbiRet};
use sbi_spec::hsm::hart_state;

use crate::board::board;
use crate::fence::serve_fence;
use crate::setup::{self, MIE_MSIE, MIE_MTIE, pending_interrupts};
use crate::trap::pass_timer_on;

/// Harts of higher numbers sleep for ever.
pub const HARTS_MAX: usize = 64;

/// Message: the supervisor of another hart sent an interrupt.
pub const MESSAGE_INTERRUPT: usize = 1;
/// Message: there is a fence to execute.
pub const MESSAGE_FENCE: usize = 2;

const MIP_SSIP: usize = 1 << 1;

/// Somebody is about to start the hart and hasn't yet said where. To
/// supervisors it reads as `START_PENDING`.
const CLAIMED: usize = usize::MAX;

struct Hart {
    state: AtomicUsize,
    /// Where to start and with what, valid in state `START_PENDING`.
    entry: AtomicUsize,
    opaque: AtomicUsize,
    messages: AtomicUsize,
}

static HARTS: [Hart; HARTS_MAX] = [const {
    Hart {
        state: AtomicUsize::new(hart_state::STOPPED),
        entry: AtomicUsize::new(0),
        opaque: AtomicUsize::new(0),
        messages: AtomicUsize::new(0),
    }
}; HARTS_MAX];

/// Notes that the first hart runs a supervisor without having been asked.
pub fn claim_boot_hart(hart: usize) {
    HARTS[hart].state.store(hart_state::STARTED, Ordering::Release);
}

/// What a hart that nobody has started does.
pub extern "C" fn wait_for_start() -> ! {
    let hart = csr_read!(mhartid);
    let this = &HARTS[hart];
    // SAFETY: this hart runs the firmware alone.
    unsafe { csr_write!(mie, MIE_MSIE) };
    loop {
        // A fence may still be on its way to a hart that has just stopped.
        serve_messages(hart);
        if this.state.load(Ordering::Acquire) == hart_state::START_PENDING {
            break;
        }
        wait_for_interrupt();
    }
    setup::this_hart();
    let entry = this.entry.load(Ordering::Relaxed);
    let opaque = this.opaque.load(Ordering::Relaxed);
    this.state.store(hart_state::STARTED, Ordering::Release);
    setup::enter_supervisor(entry, hart, opaque)
}

fn wait_for_interrupt() {
    // SAFETY: waiting has no effect on memory of this program.
    unsafe { asm!("wfi", options(nostack)) };
}

/// SBI "HART start".
pub fn start(hart: usize, entry: usize, opaque: usize) -> SbiRet {
    if !board().has_hart(hart) {
        return SbiRet::invalid_param();
    }
    if !board().memory.contains(&entry) {
        return SbiRet::invalid_address();
    }
    let target = &HARTS[hart];
    let claim = target.state.compare_exchange(hart_state::STOPPED, CLAIMED, Ordering::AcqRel, Ordering::Relaxed);
    if claim.is_err() {
        return SbiRet::already_available();
    }
    target.entry.store(entry, Ordering::Relaxed);
    target.opaque.store(opaque, Ordering::Relaxed);
    let state = &target.state;
    state.store(hart_state::START_PENDING, Ordering::Release);
    board().clint.set_software_interrupt(hart, true);
    SbiRet::success(0)
}

/// SBI "HART stop": doesn't return.
pub fn stop() -> ! {
    let this = &HARTS[csr_read!(mhartid)];
    this.state.store(hart_state::STOPPED, Ordering::Release);
    wait_for_start()
}

/// SBI "HART get status".
pub fn status(hart: usize) -> SbiRet {
    if !board().has_hart(hart) {
        return SbiRet::invalid_param();
    }
    SbiRet::success(match HARTS[hart].state.load(Ordering::Acquire) {
        CLAIMED => hart_state::START_PENDING,
        state => state,
    })
}

/// SBI "HART suspend", retentive: returns when the supervisor has an interrupt
/// that it enabled, whether or not it takes it.
pub fn suspend() -> SbiRet {
    let hart = csr_read!(mhartid);
    let this = &HARTS[hart];
    this.state.store(hart_state::SUSPENDED, Ordering::Release);
    loop {
        let pending = pending_interrupts();
        if pending & !(MIE_MSIE | MIE_MTIE) != 0 {
            break;
        }
        if pending & MIE_MSIE != 0 {
            serve_messages(hart);
        } else if pending & MIE_MTIE != 0 {
            pass_timer_on();
        } else {
            wait_for_interrupt();
        }
    }
    this.state.store(hart_state::STARTED, Ordering::Release);
    SbiRet::success(0)
}

/// The running harts in a mask, one bit for each. A mask that names a hart
/// that isn't there is an error.
pub fn running_harts(mask: HartMask) -> Result<u64, SbiRet> {
    let (bits, base) = mask.into_inner();
    let named = match base {
        HartMask::IGNORE_MASK => board().harts,
        base if bits == 0 || base < HARTS_MAX => (bits as u64).wrapping_shl(base as u32),
        _ => return Err(SbiRet::invalid_param()),
    };
    let lost = base < HARTS_MAX && named >> base != bits as u64;
    if lost || named & !board().harts != 0 {
        return Err(SbiRet::invalid_param());
    }
    let runs = |hart: usize| {
        let state = HARTS[hart].state.load(Ordering::Acquire);
        matches!(state, hart_state::STARTED | hart_state::SUSPENDED)
    };
    let running = bits_of(named).filter(|&hart| runs(hart));
    Ok(running.fold(0, |harts, hart| harts | 1 << hart))
}

/// The numbers of the bits that are set.
pub fn bits_of(bits: u64) -> impl Iterator<Item = usize> {
    (0..HARTS_MAX).filter(move |bit| bits >> bit & 1 != 0)
}

/// Leaves a message with each of `harts` and interrupts them.
pub fn send_message(harts: u64, message: usize) {
    for hart in bits_of(harts) {
        HARTS[hart].messages.fetch_or(message, Ordering::Release);
        board().clint.set_software_interrupt(hart, true);
    }
}

/// Does what the messages for this hart say.
pub fn serve_messages(hart: usize) {
    // Clear first, look then: a message that comes in between interrupts anew.
    board().clint.set_software_interrupt(hart, false);
    fence(Ordering::SeqCst);
    let messages = HARTS[hart].messages.swap(0, Ordering::AcqRel);
    if messages & MESSAGE_INTERRUPT != 0 {
        // SAFETY: the interrupt is the supervisor's, which asked for it.
        unsafe { csr_set!(mip, MIP_SSIP) };
    }
    if messages & MESSAGE_FENCE != 0 {
        serve_fence(hart);
    }
}
