//! Console, random bytes and shares in a slot.

use std::cell::RefCell;
use std::rc::Rc;

use rv_virtio::transport::mmio::offsets as at;

use super::super::{Kind, Server, Tag, VirtioSlot};
use super::driver::Driver;
use crate::{Device, Persist, Width};

const RECEIVE: usize = 0;
const TRANSMIT: usize = 1;

/// Registers that every device has.
macro_rules! conformance_of {
    ($name:ident, $new:expr, $disturb:expr) => {
        mod $name {
            use super::super::super::SIZE;
            use super::*;
            use crate::testing::device_conformance;

            device_conformance!(
                VirtioSlot,
                new: $new,
                disturb: $disturb,
                readable: [
                    (at::DEVICE_ID, Width::Word),
                    (at::STATUS, Width::Word),
                    (at::INTERRUPT_STATUS, Width::Word),
                    (at::CONFIG, Width::Double),
                ],
                bad_offsets: [SIZE, SIZE + 4, u64::MAX],
                bad_widths: [(at::MAGIC_VALUE, Width::Byte), (at::STATUS, Width::Half), (at::STATUS, Width::Double)],
            );
        }
    };
}

conformance_of!(console_slot, VirtioSlot::with_console, |slot: &mut VirtioSlot| {
    let mut driver = Driver::new();
    driver.start(slot, 2, 0);
    driver.offer(RECEIVE, &[], 8);
    driver.kick(slot, RECEIVE, 3);
});

conformance_of!(rng_slot, || VirtioSlot::with_rng(1), |slot: &mut VirtioSlot| Driver::new().start(slot, 1, 0));

conformance_of!(share_slot, || share(&Rc::default()), |slot: &mut VirtioSlot| {
    let mut driver = Driver::new();
    driver.start(slot, 1, 1);
    driver.offer(0, &request(5, b"x"), 64);
    driver.kick(slot, 0, 3);
});

#[test]
fn a_console_prints_and_is_typed_at() {
    let mut slot = VirtioSlot::with_console();
    let mut driver = Driver::new();
    slot.push_input(b"early ");
    driver.start(&mut slot, 2, 0);
    let first = driver.offer(RECEIVE, &[], 16);
    let second = driver.offer(RECEIVE, &[], 16);
    driver.kick(&mut slot, RECEIVE, 0);
    assert_eq!((&driver.bytes(first)[..6], driver.written(RECEIVE, 0)), (&b"early "[..], 6));
    assert!(Driver::interrupted(&mut slot));
    slot.push_input(b"late");
    assert!(slot.is_pending());
    slot.advance(50, &driver.memory);
    assert_eq!((&driver.bytes(second)[..4], slot.unread_input()), (&b"late"[..], 0));
    driver.offer(TRANSMIT, b"hello, ", 0);
    driver.offer(TRANSMIT, b"world", 0);
    driver.kick(&mut slot, TRANSMIT, 60);
    // A character in an emergency goes the same way.
    slot.write(at::CONFIG + 8, Width::Word, u64::from(b'!'), 61).unwrap();
    let mut output = Vec::new();
    slot.drain_output(&mut output);
    assert_eq!((output, driver.used(TRANSMIT), slot.kind()), (b"hello, world!".to_vec(), 2, Kind::Console));
}

#[test]
fn a_restored_console_has_what_was_typed_and_printed() {
    let mut slot = VirtioSlot::with_console();
    let mut driver = Driver::new();
    driver.start(&mut slot, 2, 0);
    driver.offer(TRANSMIT, b"out", 0);
    driver.kick(&mut slot, TRANSMIT, 0);
    slot.push_input(b"in");
    let mut copy = VirtioSlot::restore(slot.save()).unwrap();
    let mut output = Vec::new();
    copy.drain_output(&mut output);
    assert_eq!((output, copy.unread_input()), (b"out".to_vec(), 2));
    let buffer = driver.offer(RECEIVE, &[], 2);
    driver.kick(&mut copy, RECEIVE, 0);
    assert_eq!(driver.bytes(buffer), b"in");
}

fn random(seed: u64, lens: &[u32]) -> Vec<u8> {
    let mut slot = VirtioSlot::with_rng(seed);
    let mut driver = Driver::new();
    driver.start(&mut slot, 1, 0);
    let buffers: Vec<_> = lens.iter().map(|len| driver.offer(0, &[], *len)).collect();
    driver.kick(&mut slot, 0, 0);
    assert_eq!(usize::from(driver.used(0)), lens.len());
    let written = (0..).zip(lens).all(|(index, len)| driver.written(0, index) == (*len).min(4096));
    assert!(written && slot.interrupt());
    buffers.into_iter().flat_map(|buffer| driver.bytes(buffer)).collect()
}

#[test]
fn random_bytes_hang_on_the_seed_alone() {
    let bytes = random(7, &[64, 100]);
    assert_eq!(random(7, &[64, 100]), bytes);
    assert_ne!(random(8, &[64, 100]), bytes);
    assert!(bytes.chunks(8).all(|chunk| chunk.iter().any(|byte| *byte != 0)));
    // More than a request may have: the rest of the buffer stays.
    let long = random(7, &[5000]);
    assert!(long[4096..].iter().all(|byte| *byte == 0) && long[4000..4096].iter().any(|byte| *byte != 0));
}

/// The published test vector of xoshiro256** with the state 1, 2, 3, 4, as in its authors' and other implementations.
#[test]
fn the_generator_is_the_one_that_it_is_said_to_be() {
    let mut generator: super::super::Generator = serde_json::from_str(r#"{"state":[1,2,3,4]}"#).unwrap();
    let mut bytes = [0; 40];
    rv_virtio::device::rng::Source::fill(&mut generator, &mut bytes);
    let numbers: Vec<u64> = bytes.chunks(8).map(|word| u64::from_le_bytes(word.try_into().unwrap())).collect();
    assert_eq!(numbers, [11520, 0, 1509978240, 1215971899390074240, 1216172134540287360]);
}

#[test]
fn a_restored_source_goes_on_where_it_was() {
    let mut slot = VirtioSlot::with_rng(3);
    let mut driver = Driver::new();
    driver.start(&mut slot, 1, 0);
    driver.offer(0, &[], 24);
    driver.kick(&mut slot, 0, 0);
    let mut copy = VirtioSlot::restore(slot.save()).unwrap();
    let here = driver.offer(0, &[], 24);
    driver.kick(&mut slot, 0, 0);
    let expected = driver.bytes(here);
    driver.kick(&mut copy, 0, 0);
    assert_eq!(driver.bytes(here), expected);
}

/// What a server was asked, and how often it was reset.
type Log = Rc<RefCell<(Vec<Vec<u8>>, u32)>>;

/// A server that answers with what it was asked.
struct Echo(Log);

impl Server for Echo {
    fn message(&mut self, request: &[u8], reply: &mut [u8]) -> usize {
        self.0.borrow_mut().0.push(request.to_vec());
        let len = request.len().min(reply.len());
        reply[..len].copy_from_slice(&request[..len]);
        len
    }

    fn reset(&mut self) {
        self.0.borrow_mut().1 += 1;
    }
}

fn share(log: &Log) -> VirtioSlot {
    VirtioSlot::with_share(Tag::new("files").unwrap(), Box::new(Echo(Rc::clone(log))))
}

/// A message: size, type, tag, and what follows.
fn request(tag: u16, body: &[u8]) -> Vec<u8> {
    let size = (7 + body.len()) as u32;
    [&size.to_le_bytes()[..], &[100], &tag.to_le_bytes(), body].concat()
}

#[test]
fn a_share_carries_messages() {
    let log = Rc::default();
    let mut slot = share(&log);
    let mut driver = Driver::new();
    driver.start(&mut slot, 1, 1);
    assert_eq!(slot.read(at::DEVICE_ID, Width::Word, 0), Ok(9));
    assert_eq!(slot.read(at::CONFIG, Width::Half, 0), Ok(5));
    assert_eq!(slot.read(at::CONFIG + 2, Width::Half, 0), Ok(u64::from(u16::from_le_bytes(*b"fi"))));
    let message = request(1, &[0xab; 5000]);
    let whole = driver.offer(0, &message, 8192);
    let cut = driver.offer(0, &message, 100);
    driver.kick(&mut slot, 0, 0);
    assert_eq!((driver.written(0, 0), driver.written(0, 1)), (5007, 100));
    assert_eq!((&driver.bytes(whole)[..5007], driver.bytes(cut)), (&message[..], message[..100].to_vec()));
    assert_eq!(log.borrow().0, [message.clone(), message]);
    let before = log.borrow().1;
    slot.write(at::STATUS, Width::Word, 0, 0).unwrap();
    assert_eq!(log.borrow().1, before + 1, "the session is over");
}

#[test]
fn messages_that_are_none_break_the_share() {
    for bytes in [vec![0; 6], vec![0; (512 << 10) + 1]] {
        let mut slot = share(&Rc::default());
        let mut driver = Driver::new();
        driver.start(&mut slot, 1, 1);
        driver.offer(0, &bytes, 100);
        driver.kick(&mut slot, 0, 0);
        assert!(slot.last_error().is_some() && driver.used(0) == 0);
    }
}

#[test]
fn a_restored_share_fails_until_it_is_served_again() {
    let mut slot = share(&Rc::default());
    let mut driver = Driver::new();
    driver.start(&mut slot, 1, 1);
    let mut copy = VirtioSlot::restore(slot.save()).unwrap();
    let reply = driver.offer(0, &request(0x1234, b"anything"), 64);
    driver.kick(&mut copy, 0, 0);
    // Rlerror with EIO.
    assert_eq!(driver.bytes(reply)[..11], [11, 0, 0, 0, 7, 0x34, 0x12, 5, 0, 0, 0]);
    let log = Rc::default();
    copy.attach_share(Box::new(Echo(Rc::clone(&log)))).unwrap();
    driver.offer(0, &request(2, b"x"), 64);
    driver.kick(&mut copy, 0, 0);
    assert_eq!(log.borrow().0.len(), 1);
    assert!(VirtioSlot::empty().attach_share(Box::new(Echo(log))).is_err());
}

#[test]
fn names_of_shares() {
    assert_eq!(Tag::new("host").unwrap().as_bytes(), b"host");
    assert!(Tag::new(&"x".repeat(32)).is_some());
    for name in ["", "a\0b", &"x".repeat(33)] {
        assert!(Tag::new(name).is_none(), "{name:?}");
    }
}
