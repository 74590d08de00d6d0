//! Waiting for the host's sockets, with poll(2).

use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Nat;
use super::tcp::Tcp;

impl Nat {
    /// Waits until the host has something for the guest, one of `others` has something to read, or the time is over.
    /// Whether it was the host or one of the others; then [`Nat::poll`] does something, or is to be called anyway.
    pub fn wait(&self, timeout: Duration, others: &[BorrowedFd<'_>]) -> bool {
        let mut sockets: Vec<PollFd<'_>> =
            self.tcp.sockets().map(|(socket, awaited)| PollFd::from_borrowed_fd(socket, awaited)).collect();
        let readable = self.udp.sockets().chain(others.iter().copied());
        sockets.extend(readable.map(|socket| PollFd::from_borrowed_fd(socket, PollFlags::IN)));
        wait(&mut sockets, timeout)
    }
}

/// What the host says of the sockets of [`Tcp::sockets`], in their order.
pub fn ready(tcp: &Tcp) -> Vec<PollFlags> {
    let mut sockets: Vec<PollFd<'_>> =
        tcp.sockets().map(|(socket, awaited)| PollFd::from_borrowed_fd(socket, awaited)).collect();
    if sockets.is_empty() || !wait(&mut sockets, Duration::ZERO) {
        return Vec::new();
    }
    sockets.iter().map(PollFd::revents).collect()
}

/// `false` when the time is over, or a signal came.
fn wait(sockets: &mut [PollFd<'_>], timeout: Duration) -> bool {
    let timeout = Timespec { tv_sec: timeout.as_secs().min(3600) as i64, tv_nsec: timeout.subsec_nanos().into() };
    poll(sockets, Some(&timeout)).is_ok_and(|ready| ready > 0)
}
