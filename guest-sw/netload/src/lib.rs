//! Network workloads in netperf's shape: UDP_STREAM, TCP_STREAM, UDP_RR and TCP_RR between a client and a server.
//!
//! Neither side knows what carries its frames: each is driven by [`poll`](Client::poll) with a `smoltcp` device and
//! the time, so the same code runs in a guest, in a process of the host, and in a test. There is no control
//! connection: the first datagram or segment says what comes, and the last tells the client what arrived. Every
//! payload byte is checked.
//!
//! What is sent is what was asked for: a message is a datagram (`UDP_*`), or a write (`TCP_*`; TCP may put several
//! writes into a segment, as it does for netperf).
#![no_std]

mod client;
mod flow;
pub mod payload;
mod server;
mod stack;
mod view;
pub mod wire;

pub use client::{Client, Outcome};
pub use flow::{Flow, Link, Partial, Tap};
pub use server::{Report, Server};
pub use smoltcp;
pub use stack::{Address, Memory};
pub use view::View;
pub use wire::{Summary, Test};

/// Where servers listen: netperf's own port.
pub const PORT: u16 = 12865;

/// The guest's side of the lab's network.
pub const GUEST: Address = Address { mac: [2, 0, 0, 0, 0, 2], ip: [10, 0, 0, 2] };
/// The host's side of it.
pub const PEER: Address = Address { mac: [2, 0, 0, 0, 0, 1], ip: [10, 0, 0, 1] };

/// The largest message.
pub const SIZE_MAX: usize = 65536;

/// What a client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The test.
    pub test: Test,
    /// Bytes of a message.
    pub size: usize,
    /// Messages.
    pub count: u64,
    /// Whether small segments are sent at once, as by netperf's `-D`.
    pub nodelay: bool,
    /// Whether `UDP_STREAM` sends by a [`Flow`], where the device completes checksums; else through a socket.
    pub flow: bool,
    /// What payload is made from.
    pub seed: u64,
}

/// What a poll came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Poll {
    /// It did something, and there may be more: poll again.
    Busy,
    /// Nothing to do until a frame arrives, the device has room for one, or, if there is one, the time in
    /// microseconds comes.
    Waiting(Option<u64>),
    /// The server is ready: the measured part begins with the next poll.
    Ready,
    /// The measured part is over: of streams all has arrived, of exchanges all answers.
    Measured,
    /// All is done.
    Done,
    /// The test can't go on.
    Failed(&'static str),
}
