//! User-level exception redirection (ha-iov 8.3, 8.4, 8.10): the device entries
//! of the G-stage, and what is switched with a vCPU and with a thread.

use core::arch::asm;
use core::sync::atomic::{AtomicBool, Ordering};

use ha_iov_ext::csr::{self, HUEDELEG, UCAUSE, UEPC, UIE, USCRATCH, USTATUS, UTINST, UTVAL, UTVEC};
use ha_iov_ext::fields::{hstatus, huectl, ustatus};
use ha_iov_ext::pte;
use hyp_kernel::pte::Pte;

use crate::vm::world_switch;

/// Sign of HA-IOV, and whether user code may use the N extension.
pub const HUECTL: u16 = csr::HUECTL;
/// `hstatus.HUR`.
pub const HSTATUS_HUR: u64 = hstatus::HUR;

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

/// G-stage leaf of a device page whose loads and stores are redirected. The
/// page number is ignored (G5).
pub const fn device_pte() -> Pte {
    Pte(pte::DEVICE)
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
    uie: u64,
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
        write::<HUECTL>(if enabled { huectl::NE } else { 0 });
    }

    /// Out of the hart, when the thread is switched out.
    pub fn save(&mut self) {
        if !self.enabled {
            return;
        }
        self.ustatus = read::<USTATUS>();
        self.uie = read::<UIE>();
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
        write::<UIE>(self.uie);
        write::<UTVEC>(self.utvec);
        write::<USCRATCH>(self.uscratch);
        write::<UEPC>(self.uepc);
        write::<UCAUSE>(self.ucause);
        write::<UTVAL>(self.utval);
        write::<UTINST>(self.utinst);
        write::<HUECTL>(huectl::NE);
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
    let status = read::<USTATUS>();
    if status & ustatus::UPV == 0 {
        return None;
    }
    write::<USTATUS>(status & !(ustatus::UPV | ustatus::UPP));
    Some(Redirected {
        cause: read::<UCAUSE>(),
        pc: read::<UEPC>(),
        gpa: read::<UTVAL>(),
        tinst: read::<UTINST>(),
        from_supervisor: status & ustatus::UPP != 0,
    })
}
