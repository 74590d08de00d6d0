//! An Ethernet cable in memory between two ports: two machines in one process, or a machine and a test.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Frames that a direction holds; what comes when there are so many is lost, as on a switch.
const FRAMES_MAX: usize = 1024;
/// Bytes of a frame at most: what goes through virtio without segmentation, with room for a VLAN tag.
pub const FRAME_MAX: usize = 65_535 + 18;

/// One direction.
#[derive(Debug, Default)]
struct Lane {
    frames: VecDeque<Vec<u8>>,
    lost: u64,
}

/// One end of the cable. It may be moved to another thread; then the frames' order between the ends is the threads'.
#[derive(Debug)]
pub struct Port {
    out: Arc<Mutex<Lane>>,
    into: Arc<Mutex<Lane>>,
}

/// A cable: what is sent into one port comes out of the other.
pub fn pair() -> (Port, Port) {
    let (left, right) = (Arc::new(Mutex::default()), Arc::new(Mutex::default()));
    (Port { out: Arc::clone(&left), into: Arc::clone(&right) }, Port { out: right, into: left })
}

/// A lane is whole whatever its other user was doing when it panicked.
fn lock(lane: &Mutex<Lane>) -> MutexGuard<'_, Lane> {
    lane.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Port {
    /// Sends a frame; `false` if it was lost: too many wait, or it is longer than [`FRAME_MAX`].
    pub fn send(&self, frame: &[u8]) -> bool {
        let mut lane = lock(&self.out);
        let fits = lane.frames.len() < FRAMES_MAX && frame.len() <= FRAME_MAX;
        if fits {
            lane.frames.push_back(frame.to_vec());
        } else {
            lane.lost += 1;
        }
        fits
    }

    /// Offers what has come, in order, until `take` refuses one: that stays the next.
    pub fn receive(&self, take: &mut impl FnMut(&[u8]) -> bool) {
        loop {
            // Not held while `take` runs, which may send on the same cable.
            let Some(frame) = lock(&self.into).frames.pop_front() else { return };
            if !take(&frame) {
                lock(&self.into).frames.push_front(frame);
                return;
            }
        }
    }

    /// Frames that this port has sent and the cable has lost.
    pub fn lost(&self) -> u64 {
        lock(&self.out).lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(port: &Port) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        port.receive(&mut |frame| {
            frames.push(frame.to_vec());
            true
        });
        frames
    }

    #[test]
    fn frames_come_out_of_the_other_end_in_order() {
        let (a, b) = pair();
        assert!(a.send(b"one") && a.send(b"two") && b.send(b"back"));
        assert_eq!(all(&b), [b"one", b"two"]);
        assert_eq!(all(&a), [b"back"]);
        assert_eq!((all(&a), all(&b)), (vec![], vec![]), "each comes once");
    }

    #[test]
    fn a_frame_that_is_refused_waits() {
        let (a, b) = pair();
        assert!(a.send(b"one") && a.send(b"two"));
        b.receive(&mut |_| false);
        assert_eq!(all(&b), [b"one", b"two"]);
    }

    #[test]
    fn what_is_too_much_is_lost_and_counted() {
        let (a, b) = pair();
        assert_eq!((0..FRAMES_MAX + 7).filter(|_| a.send(b"x")).count(), FRAMES_MAX);
        assert!(!b.send(&vec![0; FRAME_MAX + 1]));
        assert_eq!((a.lost(), b.lost()), (7, 1));
        assert_eq!(all(&b).len(), FRAMES_MAX);
    }
}
