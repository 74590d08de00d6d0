//! What the machine has for guests, found once at boot, and the CSRs that are
//! the same for every guest.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ha_iov_ext::fields::stateen;

use crate::arch::csr::{
    ATP_MODE_SV39, HENVCFG_ADUE, HENVCFG_CBO, HENVCFG_PBMTE, HENVCFG_STCE, HGATP_VMID_MASK, HGATP_VMID_SHIFT,
    HSTATUS_VSXL_64, HSTATUS_VTW, INT_VSEI, INT_VSSI, INT_VSTI, cause,
};
use crate::sync::SpinLock;
use crate::vm::{uer, world_switch};
use crate::{arch, csr_read, csr_write};

/// `hstatus` outside of guests: what holds for V=1 may stay, SPV and HUR not.
/// WFI of a guest traps, so that its thread can sleep.
pub const HOST_HSTATUS: u64 = HSTATUS_VSXL_64 | HSTATUS_VTW;

/// Exceptions that are the guest's own.
const HEDELEG: u64 = 1 << 0
    | 1 << cause::ILLEGAL
    | 1 << cause::BREAKPOINT
    | 1 << cause::LOAD_MISALIGNED
    | 1 << cause::STORE_MISALIGNED
    | 1 << cause::ECALL_U
    | 1 << cause::FETCH_PAGE
    | 1 << cause::LOAD_PAGE
    | 1 << cause::STORE_PAGE;

/// cycle, time and instret, for the guest's kernel; its `scounteren` decides
/// about its users.
const COUNTERS: u64 = 7;

/// `hstateen0`: guests have `senvcfg` (bit ENVCFG), which is switched, and HA-IOV's registers, as far as `hveictl` lets them. Nothing else that
/// this register is about is theirs.
const HSTATEEN: u64 = 1 << 62 | stateen::C;

/// Whether the harts have `hstateen0` (Smstateen).
static HAS_HSTATEEN: AtomicBool = AtomicBool::new(false);
/// What `henvcfg` keeps of what was written.
static HENVCFG: AtomicU64 = AtomicU64::new(0);
static GUEST_HAS_SSTC: AtomicBool = AtomicBool::new(false);
static VMID_MAX: AtomicU64 = AtomicU64::new(0);
/// VMIDs in use, one bit each. 0 is never given to a VM.
static VMIDS: SpinLock<[u64; VMID_WORDS]> = SpinLock::new([0; VMID_WORDS]);
const VMID_WORDS: usize = 4;

/// Sets up the CSRs of the hart that calls.
pub fn init_hart() {
    csr_write!("hstatus", HOST_HSTATUS);
    csr_write!("hedeleg", HEDELEG);
    csr_write!("hideleg", INT_VSSI | INT_VSTI | INT_VSEI);
    csr_write!("hcounteren", COUNTERS);
    csr_write!("scounteren", COUNTERS);
    csr_write!("htimedelta", 0);
    csr_write!("henvcfg", HENVCFG_STCE | HENVCFG_PBMTE | HENVCFG_ADUE | HENVCFG_CBO);
    if HAS_HSTATEEN.load(Ordering::Relaxed) {
        csr_write!("0x60c", HSTATEEN); // hstateen0
    }
    csr_write!("hvip", 0);
    csr_write!("hgatp", 0);
    uer::init_hart();
}

/// Finds out what the boot hart has; all harts are taken to be alike.
pub fn probe() {
    uer::probe();
    HAS_HSTATEEN.store(world_switch::has_hstateen(), Ordering::Relaxed);
    init_hart();
    HENVCFG.store(csr_read!("henvcfg"), Ordering::Relaxed);
    GUEST_HAS_SSTC.store(csr_read!("henvcfg") & HENVCFG_STCE != 0, Ordering::Relaxed);
    csr_write!("hgatp", ATP_MODE_SV39 | HGATP_VMID_MASK << HGATP_VMID_SHIFT);
    VMID_MAX.store(csr_read!("hgatp") >> HGATP_VMID_SHIFT & HGATP_VMID_MASK, Ordering::Relaxed);
    csr_write!("hgatp", 0);
    arch::hfence_gvma_all();
}

/// Whether guests have `stimecmp`.
#[inline]
pub fn guest_has_sstc() -> bool {
    GUEST_HAS_SSTC.load(Ordering::Relaxed)
}

/// Whether the hardware sets accessed and dirty bits of guests' page tables.
pub fn guest_has_svadu() -> bool {
    HENVCFG.load(Ordering::Relaxed) & HENVCFG_ADUE != 0
}

/// Whether guests' page tables may say what kind of memory pages are.
pub fn guest_has_svpbmt() -> bool {
    HENVCFG.load(Ordering::Relaxed) & HENVCFG_PBMTE != 0
}

/// Whether VMIDs tell the translations of VMs apart.
pub fn has_vmids() -> bool {
    VMID_MAX.load(Ordering::Relaxed) > 0
}

/// How many VMIDs are taken.
pub fn vmids_taken() -> usize {
    VMIDS.lock().iter().map(|word| word.count_ones() as usize).sum()
}

/// A VMID of one VM's own. On machines without VMIDs it is 0, and every load of
/// a vCPU fences.
#[derive(Debug)]
pub struct Vmid(pub u64);

impl Vmid {
    /// Takes a free one, if there is one.
    pub fn take() -> Option<Self> {
        if !has_vmids() {
            return Some(Self(0));
        }
        let mut words = VMIDS.lock();
        let limit = VMID_MAX.load(Ordering::Relaxed).min(64 * VMID_WORDS as u64 - 1);
        let free = (1..=limit).find(|id| words[(id / 64) as usize] >> (id % 64) & 1 == 0)?;
        words[(free / 64) as usize] |= 1 << (free % 64);
        Some(Self(free))
    }
}

impl Drop for Vmid {
    /// Before the number can be used again, no hart knows translations of it.
    fn drop(&mut self) {
        arch::sbi::remote_hfence_gvma(0, u64::MAX).expect("the firmware has no remote fences");
        if self.0 != 0 {
            VMIDS.lock()[(self.0 / 64) as usize] &= !(1 << (self.0 % 64));
        }
    }
}
