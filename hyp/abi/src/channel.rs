//! Channels: pairs of ends, with a bounded queue of messages in each direction.
//!
//! # Handles that travel
//! A message carries up to eight handles, as file descriptors travel: the sender
//! keeps its own, the receiver gets new ones for the same objects. Events,
//! shared memory and channel ends may travel; what belongs to one process (VMs,
//! vCPUs, child processes) may not, and is refused with `PermissionDenied`.
//!
//! A channel one of whose ends has travelled carries no channel ends itself, and
//! the other way round (`PermissionDenied`): so no ring of queues keeps itself
//! alive, and no queue is deep.

/// Most bytes of a message.
pub const MESSAGE_BYTES_MAX: usize = 256;
/// Most handles of a message.
pub const MESSAGE_HANDLES_MAX: usize = 8;
/// Messages that wait in one direction; the next is refused with `TryAgain`.
pub const CHANNEL_QUEUE_MAX: usize = 16;

/// A message, as `CHANNEL_SEND` reads and `CHANNEL_RECEIVE` writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Message {
    /// Bytes that count.
    pub len: u32,
    /// Handles that count.
    pub handle_count: u32,
    /// The bytes; zero after `len`.
    pub bytes: [u8; MESSAGE_BYTES_MAX],
    /// The handles; zero after `handle_count`.
    pub handles: [u32; MESSAGE_HANDLES_MAX],
}

impl Message {
    /// Nothing.
    pub const EMPTY: Self =
        Self { len: 0, handle_count: 0, bytes: [0; MESSAGE_BYTES_MAX], handles: [0; MESSAGE_HANDLES_MAX] };

    /// A message of these bytes and handles, if they are not too many.
    pub fn new(bytes: &[u8], handles: &[u32]) -> Option<Self> {
        let mut message = Self { len: bytes.len() as u32, handle_count: handles.len() as u32, ..Self::EMPTY };
        message.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        message.handles.get_mut(..handles.len())?.copy_from_slice(handles);
        Some(message)
    }

    /// The bytes that count.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..(self.len as usize).min(MESSAGE_BYTES_MAX)]
    }

    /// The handles that count.
    pub fn handles(&self) -> &[u32] {
        &self.handles[..(self.handle_count as usize).min(MESSAGE_HANDLES_MAX)]
    }
}

impl Default for Message {
    fn default() -> Self {
        Self::EMPTY
    }
}

/// What `CHANNEL_CREATE` answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct ChannelPair {
    /// Handles of the two ends.
    pub ends: [u64; 2],
}

#[cfg(test)]
mod tests {
    use super::Message;

    #[test]
    fn a_message_gives_back_what_it_was_made_of() {
        let message = Message::new(b"kick", &[3, 4]).unwrap();
        assert_eq!((message.bytes(), message.handles()), (&b"kick"[..], &[3, 4][..]));
        assert_eq!(Message::new(&[0; 257], &[]), None);
        assert_eq!(Message::new(&[], &[0; 9]), None);
    }

    #[test]
    fn lengths_that_lie_are_cut() {
        let message = Message { len: u32::MAX, handle_count: 9, ..Message::EMPTY };
        assert_eq!((message.bytes().len(), message.handles().len()), (256, 8));
    }
}
