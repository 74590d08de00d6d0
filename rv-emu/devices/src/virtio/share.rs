//! Files of the host behind a 9P transport: whoever serves them is a handle of the host's, and no part of the state.

use rv_virtio::device::p9::{MESSAGE_MIN, Server};

/// Bytes of the longest message, with its header: more than Linux ever asks for over virtio (its `msize` is limited by the
/// 128 descriptors of the queue to 500 KiB).
pub const MESSAGE_MAX: usize = 512 << 10;

/// Type of an error reply in 9P2000.L.
const RLERROR: u8 = 7;
/// Linux's EIO.
const EIO: u32 = 5;

/// Who serves a share.
pub(super) enum Files {
    /// Somebody of the owner's.
    Served(Box<dyn Server>),
    /// Nobody: the share of a restored state, until one is attached. All requests fail.
    Absent,
}

impl Server for Files {
    fn message(&mut self, request: &[u8], reply: &mut [u8]) -> usize {
        match self {
            Self::Served(server) => server.message(request, reply),
            Self::Absent => refuse(request, reply),
        }
    }

    fn reset(&mut self) {
        if let Self::Served(server) = self {
            server.reset();
        }
    }
}

/// Answers any request with an I/O error: size, type, the request's tag, number.
fn refuse(request: &[u8], reply: &mut [u8]) -> usize {
    const LEN: usize = MESSAGE_MIN + 4;
    let (Some(tag), Some(reply)) = (request.get(5..MESSAGE_MIN), reply.get_mut(..LEN)) else { return 0 };
    reply[..4].copy_from_slice(&(LEN as u32).to_le_bytes());
    reply[4] = RLERROR;
    reply[5..MESSAGE_MIN].copy_from_slice(tag);
    reply[MESSAGE_MIN..].copy_from_slice(&EIO.to_le_bytes());
    LEN
}
