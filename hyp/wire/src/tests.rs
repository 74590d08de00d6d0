//! Frames go through in order and whole; nonsense in the ring does no harm.

use super::{End, FRAME_MAX, SIZE, Side};

/// A cable in memory of our own.
struct Cable(Box<[Line]>);

#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line(#[allow(dead_code, reason = "room")] [u8; 64]);

impl Cable {
    fn new() -> Cable {
        Cable(vec![Line([0; 64]); SIZE / 64].into_boxed_slice())
    }

    fn memory(&mut self) -> *mut u8 {
        self.0.as_mut_ptr().cast()
    }

    fn ends(&mut self) -> (End, End) {
        let memory = self.memory();
        // SAFETY: the memory is as large and aligned as it must be, and lives in `self`.
        unsafe { (End::new(memory, Side::Backend), End::new(memory, Side::Peer)) }
    }
}

fn send(end: &mut End, bytes: &[u8]) -> Option<bool> {
    let fill = |to: *mut u8| {
        // SAFETY: the place of as many bytes.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
        Ok::<(), ()>(())
    };
    end.sender.send(bytes.len(), bytes.len() / 3, fill).unwrap()
}

fn receive(end: &mut End) -> Option<Vec<u8>> {
    let frame = end.receiver.receive()?;
    let mut bytes = vec![0; frame.len()];
    assert!(frame.copy(0, &mut bytes));
    let _ = frame.release();
    Some(bytes)
}

#[test]
fn frames_of_all_lengths_arrive_in_order_many_times_around() {
    let mut cable = Cable::new();
    let (mut backend, mut peer) = cable.ends();
    let frame = |n: usize| (0..n * 37 % FRAME_MAX).map(|i| (i * 7 + n) as u8).collect::<Vec<u8>>();
    for n in 0..2000 {
        assert_eq!(send(&mut backend, &frame(n)), Some(false));
        assert_eq!(send(&mut peer, &frame(n + 1)), Some(false));
        assert_eq!(receive(&mut peer), Some(frame(n)));
        assert_eq!(receive(&mut backend), Some(frame(n + 1)));
    }
    assert_eq!(receive(&mut peer), None);
}

#[test]
fn a_full_ring_takes_no_more_and_loses_nothing() {
    let mut cable = Cable::new();
    let (mut backend, mut peer) = cable.ends();
    let mut sent = 0u32;
    while send(&mut backend, &[&sent.to_le_bytes()[..], &[0xa5; 1000]].concat()).is_some() {
        sent += 1;
    }
    assert!(sent > 500, "{sent} frames of a kilobyte fit into half of {SIZE} bytes");
    for n in 0..sent {
        assert_eq!(receive(&mut peer).unwrap()[..4], n.to_le_bytes());
    }
    assert_eq!(receive(&mut peer), None);
    assert!(send(&mut backend, &[1]).is_some());
    assert_eq!(send(&mut backend, &vec![0; FRAME_MAX + 1]), None, "too long, however empty the ring is");
}

#[test]
fn who_sleeps_is_woken_and_who_has_work_does_not_sleep() {
    let mut cable = Cable::new();
    let (mut backend, mut peer) = cable.ends();
    assert!(peer.receiver.prepare_to_wait());
    assert_eq!(send(&mut backend, b"x"), Some(true));
    assert!(!peer.receiver.prepare_to_wait(), "a frame is there");
    assert_eq!(send(&mut backend, b"y"), Some(false), "it looks by itself again");
    assert_eq!(receive(&mut peer), Some(b"x".to_vec()));
    assert_eq!(receive(&mut peer), Some(b"y".to_vec()));
}

#[test]
fn a_frame_that_cannot_be_filled_is_not_sent() {
    let mut cable = Cable::new();
    let (mut backend, mut peer) = cable.ends();
    assert_eq!(backend.sender.send(10, 0, |_| Err("no")), Err("no"));
    assert_eq!(receive(&mut peer), None);
    assert_eq!(send(&mut backend, b"z"), Some(false));
    assert_eq!(receive(&mut peer), Some(b"z".to_vec()));
}

#[test]
fn an_end_goes_on_where_it_was() {
    let mut cable = Cable::new();
    let (mut backend, _) = cable.ends();
    send(&mut backend, b"one");
    let (mut backend, mut peer) = cable.ends();
    send(&mut backend, b"two");
    // The consumer of before had seen nothing.
    assert_eq!(receive(&mut peer), Some(b"one".to_vec()));
    assert_eq!(receive(&mut peer), Some(b"two".to_vec()));
}

#[test]
fn nonsense_in_the_ring_ends_in_nothing() {
    for seed in 0..200u64 {
        let mut cable = Cable::new();
        let memory = cable.memory();
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        for offset in (0..SIZE / 64).map(|line| line * 64) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let word = if seed % 2 == 0 { random as u32 } else { (random % 3 * 0x1_0000) as u32 };
            // SAFETY: inside the memory.
            unsafe { memory.add(offset).cast::<u32>().write(word) };
        }
        let (mut backend, mut peer) = cable.ends();
        for _ in 0..100 {
            let _ = receive(&mut peer);
            let _ = send(&mut backend, &[7; 100]);
        }
    }
}

/// A cable whose peer has put words into the backend's ring by itself: offsets in the ring, and what is there.
fn forged(words: &[(usize, u32)]) -> Cable {
    let mut cable = Cable::new();
    // The ring that the backend receives from.
    let ring = cable.memory().wrapping_add(SIZE / 2);
    for (offset, word) in words {
        // SAFETY: inside the memory, and aligned.
        unsafe { ring.add(*offset).cast::<u32>().write(*word) };
    }
    cable
}

const PRODUCED: usize = 0;
const FIRST: usize = 192;

#[test]
fn positions_that_are_none_do_no_harm() {
    // More than the ring has room for, at odd places, with a length that nobody sends; then other ones.
    for produced in [1, 4, 0x7_ffff, u32::MAX] {
        let mut cable = forged(&[(PRODUCED, produced), (FIRST, 0xffff)]);
        let (mut backend, _) = cable.ends();
        assert_eq!(receive(&mut backend), None);
        let ring = cable.memory().wrapping_add(SIZE / 2);
        for produced in (0..64).map(|step| produced.wrapping_add(3 * step)) {
            // SAFETY: as in `forged`.
            unsafe { ring.cast::<u32>().write(produced) };
            let _ = receive(&mut backend);
        }
    }
}

#[test]
fn a_ring_of_skips_ends() {
    let mut cable = forged(&[(PRODUCED, 8), (FIRST, u32::MAX)]);
    let (mut backend, _) = cable.ends();
    assert_eq!(receive(&mut backend), None);
}

#[test]
fn frames_that_go_past_the_end_of_what_was_sent_end() {
    // Each takes 16 bytes, of which 8 were sent.
    let mut words: Vec<(usize, u32)> = (FIRST..SIZE / 2).step_by(16).map(|offset| (offset, 8)).collect();
    words.push((PRODUCED, 8));
    let mut cable = forged(&words);
    let (mut backend, _) = cable.ends();
    assert_eq!((0..SIZE).filter(|_| receive(&mut backend).is_some()).count(), 0);
}

#[test]
fn who_waits_for_room_is_told_once_when_half_is_free() {
    let mut cable = Cable::new();
    let (mut backend, mut peer) = cable.ends();
    let frame = vec![7; 16 << 10];
    let mut sent = 0;
    while send(&mut backend, &frame).is_some() {
        sent += 1;
    }
    let told: Vec<bool> = (0..sent).map(|_| peer.receiver.receive().expect("it was sent").release()).collect();
    assert_eq!(told.iter().filter(|told| **told).count(), 1);
    let first = told.iter().position(|told| *told).expect("one");
    assert!((sent / 2 - 1..=sent / 2 + 1).contains(&first), "{first} of {sent}");
    // Who hasn't asked isn't told.
    assert!(send(&mut backend, &frame).is_some());
    assert!(!peer.receiver.receive().expect("it was sent").release());
}
