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
