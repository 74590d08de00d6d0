//! Address space numbers of one process's own, for those that have user
//! contexts: the hardware swaps `satp` without a fence, so what it swaps to must
//! not be mistaken for anybody else's (ha-iov 8.7). All other processes share
//! ASID 0, with fences.

use core::sync::atomic::{AtomicU64, Ordering};

use hyp_abi::Error;

use crate::arch::sbi;
use crate::sync::SpinLock;
use crate::{csr_read, csr_write};

const SHIFT: u32 = 44;
const WORDS: usize = 4;

static MAX: AtomicU64 = AtomicU64::new(0);
/// Numbers in use, one bit each; 0 is everybody's.
static TAKEN: SpinLock<[u64; WORDS]> = SpinLock::new([1, 0, 0, 0]);

/// Finds out how many there are, on the boot hart.
pub fn probe() {
    let satp = csr_read!("satp");
    csr_write!("satp", satp | 0xffff << SHIFT);
    let implemented = csr_read!("satp") >> SHIFT & 0xffff;
    csr_write!("satp", satp);
    crate::arch::sfence_vma_all();
    MAX.store(implemented.min(64 * WORDS as u64 - 1), Ordering::Relaxed);
}

/// What a process has for its contexts.
#[derive(Debug, Default)]
pub struct ProcessVei {
    asid: AtomicU64,
}

impl ProcessVei {
    /// Its number, in its place in `satp`; 0 when it has none of its own.
    #[inline]
    pub fn satp_bits(&self) -> u64 {
        self.asid.load(Ordering::Relaxed) << SHIFT
    }

    /// Whether it has a number of its own.
    #[inline]
    pub fn has_asid(&self) -> bool {
        self.asid.load(Ordering::Relaxed) != 0
    }

    /// Takes a number, if it has none yet.
    pub fn take_asid(&self) -> Result<(), Error> {
        let mut taken = TAKEN.lock();
        if self.has_asid() {
            return Ok(());
        }
        let max = MAX.load(Ordering::Relaxed);
        let free = (1..=max).find(|id| taken[(id / 64) as usize] >> (id % 64) & 1 == 0).ok_or(Error::OutOfMemory)?;
        taken[(free / 64) as usize] |= 1 << (free % 64);
        self.asid.store(free, Ordering::Relaxed);
        Ok(())
    }
}

impl Drop for ProcessVei {
    /// Before the number can be used again, no hart knows translations of it.
    fn drop(&mut self) {
        let asid = *self.asid.get_mut();
        if asid != 0 {
            sbi::remote_sfence_vma(0, usize::MAX).expect("the firmware has no remote fences");
            TAKEN.lock()[(asid / 64) as usize] &= !(1 << (asid % 64));
        }
    }
}
