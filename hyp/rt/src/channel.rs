//! Channels: messages with handles between processes.

use core::ptr;

use hyp_abi::channel::{ChannelPair, Message};
use hyp_abi::event::FOREVER;
use hyp_abi::syscall::{CHANNEL_CREATE, CHANNEL_EVENT, CHANNEL_RECEIVE, CHANNEL_SEND};

use crate::event::Event;
use crate::handle::Handle;
use crate::sys::{Result, syscall};

/// One end of a channel.
#[derive(Debug, PartialEq, Eq)]
pub struct Channel(Handle);

impl Channel {
    /// Both ends of a new channel.
    pub fn pair() -> Result<(Self, Self)> {
        let mut pair = ChannelPair::default();
        // SAFETY: the kernel fills `pair`, which is alive here.
        unsafe { syscall(CHANNEL_CREATE, [&raw mut pair as usize, 0, 0]) }?;
        let [left, right] = pair.ends.map(|end| Self(Handle::from_raw(end as usize)));
        Ok((left, right))
    }

    /// The end that a child got from its parent.
    pub const fn from_parent() -> Self {
        Self(Handle::from_raw(0))
    }

    /// An end that a message brought.
    pub const fn from_handle(handle: Handle) -> Self {
        Self(handle)
    }

    /// Its handle.
    pub const fn handle(&self) -> &Handle {
        &self.0
    }

    /// Sends a message; `TryAgain` when the queue is full.
    pub fn send(&self, message: &Message) -> Result<()> {
        let args = [self.0.number(), ptr::from_ref(message) as usize, 0];
        // SAFETY: the kernel reads the message.
        unsafe { syscall(CHANNEL_SEND, args) }.map(drop)
    }

    /// Takes the oldest message, and waits for one if there is none.
    pub fn receive(&self) -> Result<Message> {
        self.receive_until(FOREVER)
    }

    /// The same until `time` reaches `deadline`: then `TryAgain`.
    pub fn receive_until(&self, deadline: usize) -> Result<Message> {
        let mut message = Message::EMPTY;
        let args = [self.0.number(), &raw mut message as usize, deadline];
        // SAFETY: the kernel fills `message`, which is alive here.
        unsafe { syscall(CHANNEL_RECEIVE, args) }?;
        Ok(message)
    }

    /// Signals `bits` of an event whenever there is something to receive.
    pub fn notify(&self, event: &Event, bits: u32) -> Result<()> {
        let args = [self.0.number(), event.handle().number(), bits as usize];
        // SAFETY: no pointers.
        unsafe { syscall(CHANNEL_EVENT, args) }.map(drop)
    }
}
