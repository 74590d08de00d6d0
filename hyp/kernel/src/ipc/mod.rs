//! What processes share: events, memory, channels.

pub mod channel;
pub mod event;
pub mod shared;
