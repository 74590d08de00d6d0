//! User-level exception redirection (ha-iov 8.3, 8.4, 8.10): the device entries
//! of the G-stage, and what is switched with a vCPU and with a thread.

use core::arch::asm;
use core::sync::atomic::{AtomicBool, Ordering};

use hyp_kernel::pte::{A, D, Pte, R, U, V, W};

use crate::vm::world_switch;

/// CSR `huectl`.
pub const HUECTL: u16 = 0x6c3;
const HUEDELEG: u16 = 0x6c2;
const HUECTL_NE: u64 = 1;
/// `hstatus.HUR`.
pub const HSTATUS_HUR: u64 = 1 << 10;
/// `PTE.MMIO` of a G-stage leaf.
const PTE_MMIO: u64 = 1 << 54;

const USTATUS: u16 = 0x000;
const UTVEC: u16 = 0x005;
const USCRATCH: u16 = 0x040;
const UEPC: u16 = 0x041;
const UCAUSE: u16 = 0x042;
const UTVAL: u16 = 0x043;
const UTINST: u16 = 0x84a;
/// `ustatus.UPV`: the handler was entered from V=1.
const USTATUS_UPV: u64 = 1 << 7;
/// `ustatus.UPP`.
const USTATUS_UPP: u64 = 1 << 8;

static SUPPORTED: AtomicBool = AtomicBool::new(false);

fn read<const CSR: u16>() -> u64 {
    let value;
    // SAFETY: only used for CSRs of an HA-IOV machine that have no side effects.
    unsafe { asm!("csrr {}, {}", out(reg) value, const CSR, options(nostack)) };
    value
}

fn write<const CSR: u16>(value: u64) {
    // SAFETY: as above; the kernel decides about them.
    unsafe { asm!("csrw {}, {}", const CSR, in(reg) value, options(nostack)) };
}

/// Whether the machine has HA-IOV.
#[inline]
pub fn is_supported() -> bool {
    SUPPORTED.load(Ordering::Relaxed)
}

/// Finds out whether it has, on the boot hart.
pub fn probe() {
    SUPPORTED.store(world_switch::has_huectl(), Ordering::Relaxed);
}

/// Nothing redirected, no N extension for user code.
pub fn init_hart() {
    if is_supported() {
        write::<HUEDELEG>(0);
        write::<HUECTL>(0);
    }
}

/// G-stage leaf of a device page: rule G3 wants R=1, X=0, U=1 and nothing else
/// in the upper bits; W=1 redirects stores too. The page number is ignored (G5).
pub const fn device_pte() -> Pte {
    Pte(PTE_MMIO | V | R | W | U | A | D)
}

/// With the vCPU, into the hart.
pub fn load(causes: u64) {
    if is_supported() {
        write::<HUEDELEG>(causes);
    }
}

/// With the vCPU, out of the hart.
pub fn unload() {
    if is_supported() {
        write::<HUEDELEG>(0);
    }
}

/// The N extension's CSRs of a thread that uses them (8.10.2); other threads
/// skip all of it.
#[derive(Clone, Debug, Default)]
pub struct UserTrapState {
    enabled: bool,
    ustatus: u64,
    utvec: u64,
    uscratch: u64,
    uepc: u64,
    ucause: u64,
    utval: u64,
    utinst: u64,
}

impl UserTrapState {
    /// Lets the calling thread use them, or not any more. They begin as zero,
    /// whatever another thread left in the hart.
    pub fn enable(&mut self, enabled: bool) {
        if enabled == self.enabled {
            return;
        }
        *self = Self { enabled: true, ..Self::default() };
        self.restore();
        self.enabled = enabled;
        write::<HUECTL>(if enabled { HUECTL_NE } else { 0 });
    }

    /// Out of the hart, when the thread is switched out.
    pub fn save(&mut self) {
        if !self.enabled {
            return;
        }
        self.ustatus = read::<USTATUS>();
        self.utvec = read::<UTVEC>();
        self.uscratch = read::<USCRATCH>();
        self.uepc = read::<UEPC>();
        self.ucause = read::<UCAUSE>();
        self.utval = read::<UTVAL>();
        self.utinst = read::<UTINST>();
        write::<HUECTL>(0);
    }

    /// Into the hart, when the thread is switched in.
    pub fn restore(&mut self) {
        if !self.enabled {
            return;
        }
        write::<USTATUS>(self.ustatus);
        write::<UTVEC>(self.utvec);
        write::<USCRATCH>(self.uscratch);
        write::<UEPC>(self.uepc);
        write::<UCAUSE>(self.ucause);
        write::<UTVAL>(self.utval);
        write::<UTINST>(self.utinst);
        write::<HUECTL>(HUECTL_NE);
    }

    /// Whether the thread uses them.
    pub fn is_enabled(&self) -> bool {
        self.enabled
    }
}

/// What the hardware told a UER handler.
#[derive(Clone, Copy, Debug)]
pub struct Redirected {
    /// 24 or 25.
    pub cause: u64,
    /// The guest's pc at the access.
    pub pc: u64,
    /// Guest physical address.
    pub gpa: u64,
    /// Transformed instruction.
    pub tinst: u64,
    /// Whether it came from VS (else VU).
    pub from_supervisor: bool,
}

/// Takes the redirection that the calling thread's handler is serving, if it is
/// serving one, and ends it: UPV = UPP = 0.
pub fn take_redirected() -> Option<Redirected> {
    let ustatus = read::<USTATUS>();
    if ustatus & USTATUS_UPV == 0 {
        return None;
    }
    write::<USTATUS>(ustatus & !(USTATUS_UPV | USTATUS_UPP));
    Some(Redirected {
        cause: read::<UCAUSE>(),
        pc: read::<UEPC>(),
        gpa: read::<UTVAL>(),
        tinst: read::<UTINST>(),
        from_supervisor: ustatus & USTATUS_UPP != 0,
    })
}
