//! The NAT as its two sides see it: a guest's stack on one, threads with plain sockets on the other.

mod guest;
mod hostile;
mod local;
mod tcp;
mod udp;
