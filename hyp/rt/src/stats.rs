//! What the kernel counts.

use hyp_abi::stats::{HartStats, HostStats, ThreadStats};
use hyp_abi::syscall::{HOST_STATS, THREAD_STATS};

use crate::sys::{Result, syscall};

/// Counters of a thread of this process; 0 is the calling one.
pub fn thread(id: usize) -> Result<ThreadStats> {
    let mut stats = ThreadStats::default();
    // SAFETY: the kernel fills `stats`, which is alive here.
    unsafe { syscall(THREAD_STATS, [&raw mut stats as usize, id, 0]) }?;
    Ok(stats)
}

/// Counters of the host.
pub fn host() -> Result<HostStats> {
    host_and_harts(&mut [])
}

/// Counters of the host and of its harts, as many as fit.
pub fn host_and_harts(harts: &mut [HartStats]) -> Result<HostStats> {
    let mut stats = HostStats::default();
    let args = [&raw mut stats as usize, harts.as_mut_ptr() as usize, harts.len()];
    // SAFETY: the kernel fills both, which are alive here.
    unsafe { syscall(HOST_STATS, args) }?;
    Ok(stats)
}
