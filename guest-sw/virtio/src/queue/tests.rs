//! Queues against a device that is a few lines in memory. (Real ones are in `benches/tests/qemu_guests.rs`.)

extern crate std;

use std::collections::BTreeSet;
use std::vec::Vec;

use super::{Buffer, Queue, Rings, passed};
use crate::{Arena, Error, Layout};

fn arena() -> Arena {
    let memory = Vec::leak(std::vec![0u64; 1 << 14]);
    let range = memory.as_ptr_range();
    // SAFETY: leaked, so nobody else's.
    unsafe { Arena::new(range.start as usize, range.end as usize) }
}

/// A device of split rings: the heads that are available from `from` on.
fn available(rings: &Rings, from: u16) -> Vec<u16> {
    let driver = rings.driver as *const u16;
    // SAFETY: the queue's own memory.
    let at = |index: usize| unsafe { driver.add(index).read_volatile() };
    let mut heads = Vec::new();
    let mut index = from;
    while index != at(1) {
        heads.push(at(2 + usize::from(index % rings.size)));
        index = index.wrapping_add(1);
    }
    heads
}

/// The same device is done with a head.
fn put_used(rings: &Rings, index: u16, head: u32, len: u32) {
    let device = rings.device as *mut u16;
    // SAFETY: the queue's own memory.
    unsafe {
        let entry = device.add(2).cast::<u32>().add(2 * usize::from(index % rings.size));
        entry.write_volatile(head);
        entry.add(1).write_volatile(len);
        device.add(1).write_volatile(index.wrapping_add(1));
    }
}

const READ: Buffer = Buffer { address: 0x1000, len: 16, written: false };
const WRITTEN: Buffer = Buffer { address: 0x2000, len: 1, written: true };

fn layout(packed: bool, indirect: bool, event_idx: bool) -> Layout {
    Layout { packed, indirect, event_idx, size: 8 }
}

#[test]
fn split_requests_come_back_in_any_order() {
    for indirect in [false, true] {
        let (mut queue, rings) = Queue::in_memory(&layout(false, indirect, true), &mut arena()).unwrap();
        let (mut index, mut lens) = (0u16, 0);
        for _ in 0..30_000 {
            let mut tokens = BTreeSet::new();
            while let Some(token) = queue.add(&[READ, READ, WRITTEN]) {
                assert!(tokens.insert(token));
            }
            assert_eq!(tokens.len(), if indirect { 8 } else { 2 });
            let heads = available(&rings, index);
            assert_eq!(heads.iter().copied().collect::<BTreeSet<_>>(), tokens);
            for head in heads.iter().rev() {
                put_used(&rings, index, u32::from(*head), lens);
                index = index.wrapping_add(1);
                assert!(queue.has_used());
                assert_eq!(queue.pop(), Ok(Some((*head, lens))));
                lens += 1;
            }
            assert_eq!(queue.pop(), Ok(None));
        }
    }
}

#[test]
fn what_was_never_available_is_an_error() {
    for head in [0, 3, 8, 9, u32::MAX] {
        let (mut queue, rings) = Queue::in_memory(&layout(false, false, false), &mut arena()).unwrap();
        assert_eq!(queue.add(&[READ]), Some(0));
        put_used(&rings, 0, head, 0);
        assert_eq!(queue.pop().is_ok(), head == 0);
        put_used(&rings, 1, head, 0);
        assert_eq!(queue.pop(), Err(Error::BadUsed), "twice, or never");
    }
}

#[test]
fn packed_requests_go_round_the_ring() {
    let (mut queue, rings) = Queue::in_memory(&layout(true, false, false), &mut arena()).unwrap();
    let ring = rings.descriptors as *mut u16;
    let (mut place, mut wrap) = (0usize, true);
    for round in 0..1000u32 {
        let token = queue.add(&[READ, WRITTEN, WRITTEN]).unwrap();
        // SAFETY: the queue's own memory: descriptors of eight half-words, id and flags last.
        let entry = |index: usize| unsafe { ring.add(index % 8 * 8) };
        for part in 0..3 {
            // SAFETY: as above.
            let flags = unsafe { entry(place + part).add(7).read_volatile() };
            let wrap = wrap ^ (place + part >= 8);
            assert_eq!((flags >> 7 & 1 == 1, flags >> 15 == 1), (wrap, !wrap), "available");
            assert_eq!(flags & 3, [1, 3, 2][part], "chained, and who writes");
        }
        assert!(!queue.has_used());
        // SAFETY: as above.
        unsafe {
            entry(place).add(4).cast::<u32>().write_volatile(round);
            entry(place).add(6).write_volatile(token);
            entry(place).add(7).write_volatile(if wrap { 1 << 7 | 1 << 15 } else { 0 });
        }
        assert_eq!(queue.pop(), Ok(Some((token, round))));
        assert_eq!(queue.pop(), Ok(None));
        wrap ^= place + 3 >= 8;
        place = (place + 3) % 8;
    }
}

#[test]
fn notifications_are_suppressed_as_asked() {
    // By index: the device wants to know when the third becomes available.
    let (mut queue, rings) = Queue::in_memory(&layout(false, false, true), &mut arena()).unwrap();
    // SAFETY: avail_event lies behind the used ring.
    unsafe { (rings.device as *mut u16).add(2 + 4 * 8).write_volatile(2) };
    let kicks = [(); 5].map(|()| {
        queue.add(&[READ]);
        queue.wants_kick()
    });
    assert_eq!(kicks, [false, false, true, false, false]);
    assert!(!queue.wants_kick(), "nothing new");
    // By flag.
    for packed in [false, true] {
        let (mut queue, rings) = Queue::in_memory(&layout(packed, false, false), &mut arena()).unwrap();
        queue.add(&[READ]);
        assert!(queue.wants_kick() && !queue.wants_kick());
        queue.add(&[READ]);
        let flags = rings.device as *mut u16;
        // SAFETY: the used ring's flags, or those of the device's event suppression.
        unsafe { flags.add(usize::from(packed)).write_volatile(1) };
        assert!(!queue.wants_kick());
    }
}

#[test]
fn events_wrap_around() {
    assert!(passed(5, 6, 5) && !passed(6, 6, 5) && !passed(4, 6, 5));
    assert!(passed(0xffff, 0, 0xffff) && passed(0xffff, 1, 0xfffe) && !passed(1, 1, 0xfffe));
    assert!(!passed(3, 3, 3));
}
