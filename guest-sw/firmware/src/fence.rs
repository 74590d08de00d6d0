//! Remote fences: one hart asks, all named harts execute, the asker waits.
//!
//! One request is under way at a time. Whoever waits for its turn goes on
//! serving messages, or two askers would wait for each other for ever.

use core::arch::asm;
use core::cell::UnsafeCell;
use core::hint;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rt::{csr_read, csr_write};
use rustsbi::{HartMask, SbiRet};

use crate::harts::{MESSAGE_FENCE, running_harts, send_message, serve_messages};

const PAGE_SIZE: usize = 4096;
/// Beyond so many pages one fence for everything is cheaper.
const PAGES_MAX: usize = 64;

/// What is fenced. An absent identifier means all address spaces.
#[derive(Clone, Copy, Debug)]
pub enum Fence {
    /// FENCE.I.
    Instructions,
    /// SFENCE.VMA.
    Supervisor { range: Range, asid: Option<usize> },
    /// HFENCE.GVMA: guest-physical addresses.
    GuestPhysical { range: Range, vmid: Option<usize> },
    /// HFENCE.VVMA: guest-virtual addresses of the asking hart's guest, whose
    /// VMID is in its `hgatp`.
    GuestVirtual { range: Range, asid: Option<usize>, hgatp: usize },
}

/// The addresses that a fence is about.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    start: usize,
    size: usize,
}

impl Range {
    /// As the SBI says it: everything if both are zero or the size is maximal.
    pub const fn new(start: usize, size: usize) -> Self {
        Self { start, size }
    }

    /// The pages, or `None` where one fence for everything does.
    fn pages(self) -> Option<impl Iterator<Item = usize>> {
        let first = self.start & !(PAGE_SIZE - 1);
        let end = self.start.checked_add(self.size)?;
        let few = self.size != 0 && end - first <= PAGES_MAX * PAGE_SIZE;
        few.then(|| (first..end).step_by(PAGE_SIZE))
    }
}

/// One of the three address fences, for an optional address and an optional
/// address space. The hypervisor's are spelled by their encodings, since not
/// every assembler knows them without being told of the extension.
macro_rules! address_fence {
    ($($template:literal),+; $address:expr, $space:expr) => {
        match ($address, $space) {
            (None, None) => asm!(address_fence!(@ $($template),+; "zero", "zero"), options(nostack)),
            (None, Some(space)) => asm!(
                address_fence!(@ $($template),+; "zero", "{space}"),
                space = in(reg) space, options(nostack)
            ),
            (Some(address), None) => asm!(
                address_fence!(@ $($template),+; "{address}", "zero"),
                address = in(reg) address, options(nostack)
            ),
            (Some(address), Some(space)) => asm!(
                address_fence!(@ $($template),+; "{address}", "{space}"),
                address = in(reg) address, space = in(reg) space, options(nostack)
            ),
        }
    };
    (@ $template:literal; $address:literal, $space:literal) => {
        concat!($template, $address, ", ", $space)
    };
}

fn sfence_vma(address: Option<usize>, asid: Option<usize>) {
    // SAFETY: a fence only orders; it costs the supervisor nothing but time.
    unsafe { address_fence!("sfence.vma "; address, asid) }
}

fn hfence_gvma(address: Option<usize>, vmid: Option<usize>) {
    // The address is given shifted ("HFENCE.GVMA": bits 2 and up).
    let address = address.map(|address| address >> 2);
    // SAFETY: as above, and the hart has the H extension.
    unsafe { address_fence!(".insn r 0x73, 0, 0x31, x0, "; address, vmid) }
}

fn hfence_vvma(address: Option<usize>, asid: Option<usize>) {
    // SAFETY: as above.
    unsafe { address_fence!(".insn r 0x73, 0, 0x11, x0, "; address, asid) }
}

/// Executes one kind of fence for all of a range.
fn each(range: Range, space: Option<usize>, fence: fn(Option<usize>, Option<usize>)) {
    match range.pages() {
        Some(pages) => pages.for_each(|page| fence(Some(page), space)),
        None => fence(None, space),
    }
}

impl Fence {
    fn execute(self) {
        match self {
            // SAFETY: a fence only orders.
            Self::Instructions => unsafe { asm!("fence.i", options(nostack)) },
            Self::Supervisor { range, asid } => each(range, asid, sfence_vma),
            Self::GuestPhysical { range, vmid } => each(range, vmid, hfence_gvma),
            Self::GuestVirtual { range, asid, hgatp } => {
                // HFENCE.VVMA is about the VMID in hgatp: borrow the asker's.
                let own = csr_read!(hgatp);
                // SAFETY: no guest runs while the firmware does, and the
                // hart's own value comes back.
                unsafe { csr_write!(hgatp, hgatp) };
                each(range, asid, hfence_vvma);
                // SAFETY: as above.
                unsafe { csr_write!(hgatp, own) };
            }
        }
    }

    const fn needs_hypervisor(self) -> bool {
        matches!(self, Self::GuestPhysical { .. } | Self::GuestVirtual { .. })
    }
}

static TAKEN: AtomicBool = AtomicBool::new(false);
/// Harts that have yet to execute the request.
static REMAINING: AtomicU64 = AtomicU64::new(0);
static REQUEST: Request = Request(UnsafeCell::new(Fence::Instructions));

struct Request(UnsafeCell<Fence>);

// SAFETY: written by the one hart that holds `TAKEN`, and read by others only
// while they are in `REMAINING`, which the writer waits for.
unsafe impl Sync for Request {}

const MISA_H: usize = 1 << 7;

/// Makes all harts in a mask execute a fence, and waits until they have.
pub fn remote(mask: HartMask, fence: Fence) -> SbiRet {
    if fence.needs_hypervisor() && csr_read!(misa) & MISA_H == 0 {
        return SbiRet::not_supported();
    }
    let harts = match running_harts(mask) {
        Ok(harts) => harts,
        Err(error) => return error,
    };
    let this = csr_read!(mhartid);
    let others = harts & !(1 << this);
    if harts != others {
        fence.execute();
    }
    if others != 0 {
        while TAKEN.swap(true, Ordering::Acquire) {
            serve_messages(this);
        }
        // SAFETY: see `Request`.
        unsafe { *REQUEST.0.get() = fence };
        REMAINING.store(others, Ordering::Release);
        send_message(others, MESSAGE_FENCE);
        while REMAINING.load(Ordering::Acquire) != 0 {
            hint::spin_loop();
        }
        TAKEN.store(false, Ordering::Release);
    }
    SbiRet::success(0)
}

/// Executes what another hart asked for.
pub fn serve_fence(hart: usize) {
    debug_assert!(REMAINING.load(Ordering::Acquire) >> hart & 1 != 0);
    // SAFETY: see `Request`; the message came after the request.
    unsafe { *REQUEST.0.get() }.execute();
    REMAINING.fetch_and(!(1 << hart), Ordering::AcqRel);
}
