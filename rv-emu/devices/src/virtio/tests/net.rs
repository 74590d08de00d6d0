//! The network card: frames out and in, their bounds, and their checksums.

use rv_virtio::device::net::{self, features};
use rv_virtio::transport::mmio::offsets as at;

use super::super::{FRAME_MAX, FRAMES_MAX, FrameError, Kind, PlugState, SIZE, VirtioSlot};
use super::driver::{Buffer, Driver};
use crate::testing::device_conformance;
use crate::{Device, Persist, Width};

const MAC: [u8; 6] = [2, 1, 2, 3, 4, 5];
const RECEIVE: usize = net::RECEIVE as usize;
const TRANSMIT: usize = net::TRANSMIT as usize;
const HEADER: usize = 12;

device_conformance!(
    VirtioSlot,
    new: || VirtioSlot::with_net(MAC),
    disturb: |slot: &mut VirtioSlot| {
        let driver = started(slot);
        slot.push_frame(&[7; 60]).unwrap();
        slot.advance(5, &driver.memory);
    },
    readable: [
        (at::DEVICE_ID, Width::Word),
        (at::STATUS, Width::Word),
        (at::INTERRUPT_STATUS, Width::Word),
        (at::CONFIG, Width::Double),
    ],
    bad_offsets: [SIZE, SIZE + 4, u64::MAX],
    bad_widths: [(at::MAGIC_VALUE, Width::Byte), (at::STATUS, Width::Half), (at::STATUS, Width::Double)],
);

fn started(slot: &mut VirtioSlot) -> Driver {
    let driver = Driver::new();
    driver.start(slot, 2, (features::MAC | features::CSUM | features::GUEST_CSUM) as u32);
    driver
}

fn card() -> (VirtioSlot, Driver) {
    let mut slot = VirtioSlot::with_net(MAC);
    let driver = started(&mut slot);
    (slot, driver)
}

fn send(driver: &mut Driver, header: [u8; HEADER], frame: &[u8]) {
    driver.offer(TRANSMIT, &[&header[..], frame].concat(), 0);
}

/// What is in a buffer that a frame of this length was received into.
fn received(driver: &Driver, buffer: Buffer, len: usize) -> Vec<u8> {
    driver.bytes(buffer)[HEADER..HEADER + len].to_vec()
}

#[test]
fn the_card_says_what_it_is() {
    let (mut slot, _) = card();
    assert_eq!((slot.kind(), slot.mac()), (Kind::Net, Some(MAC)));
    assert_eq!(slot.read(at::DEVICE_ID, Width::Word, 0), Ok(1));
    let config = slot.read(at::CONFIG, Width::Double, 0).unwrap().to_le_bytes();
    assert_eq!(config[..6], MAC);
    assert_eq!(config[6], 1, "the link is up");
}

#[test]
fn frames_go_out_in_order_and_at_once() {
    let (mut slot, mut driver) = card();
    for byte in 0..3 {
        send(&mut driver, [0; HEADER], &[byte; 60]);
    }
    driver.kick(&mut slot, TRANSMIT, 100);
    assert_eq!((driver.used(TRANSMIT), slot.next_event()), (3, None));
    let frames: Vec<_> = std::iter::from_fn(|| slot.take_frame()).collect();
    assert_eq!(frames, [vec![0; 60], vec![1; 60], vec![2; 60]]);
}

#[test]
fn frames_come_in_with_an_interrupt() {
    let (mut slot, mut driver) = card();
    let buffers = [driver.offer(RECEIVE, &[], 1600), driver.offer(RECEIVE, &[], 1600)];
    driver.kick(&mut slot, RECEIVE, 0);
    assert!(!slot.is_pending() && !Driver::interrupted(&mut slot));
    slot.push_frame(&[9; 77]).unwrap();
    assert!(slot.is_pending() && driver.used(RECEIVE) == 0, "until the owner lets it work");
    slot.advance(500, &driver.memory);
    assert_eq!((driver.used(RECEIVE), driver.written(RECEIVE, 0)), (1, 12 + 77));
    assert!(Driver::interrupted(&mut slot));
    assert_eq!(received(&driver, buffers[0], 77), [9; 77]);
    slot.push_frame(&[8; FRAME_MAX]).unwrap();
    slot.advance(501, &driver.memory);
    assert_eq!(received(&driver, buffers[1], FRAME_MAX), [8; FRAME_MAX]);
}

#[test]
fn frames_wait_for_buffers() {
    let (mut slot, mut driver) = card();
    slot.push_frame(&[1; 60]).unwrap();
    slot.advance(0, &driver.memory);
    assert_eq!((driver.used(RECEIVE), slot.is_pending(), slot.next_event()), (0, false, None));
    let buffer = driver.offer(RECEIVE, &[], 1600);
    driver.kick(&mut slot, RECEIVE, 10);
    assert_eq!(received(&driver, buffer, 60), [1; 60]);
}

#[test]
fn both_directions_have_a_bound() {
    let (mut slot, mut driver) = card();
    for number in 0..FRAMES_MAX {
        assert_eq!(slot.frame_room(), FRAMES_MAX - number);
        slot.push_frame(&[0; 60]).unwrap();
    }
    assert_eq!((slot.push_frame(&[0; 60]), slot.frame_room()), (Err(FrameError::Full), 0));
    let mut sent = 0;
    while sent < FRAMES_MAX + 20 {
        (0..20).for_each(|_| send(&mut driver, [0; HEADER], &[1; 60]));
        sent += 20;
        driver.kick(&mut slot, TRANSMIT, 0);
    }
    assert_eq!(usize::from(driver.used(TRANSMIT)), FRAMES_MAX, "the rest stays with the driver");
    let mut taken = 0;
    while slot.take_frame().is_some() {
        taken += 1;
        assert!(taken > 1 || slot.is_pending(), "the driver waits for the room");
        slot.advance(1, &driver.memory);
    }
    assert_eq!((taken, usize::from(driver.used(TRANSMIT))), (sent, sent));
    assert!(!slot.is_pending());
}

#[test]
fn frames_that_are_none_are_refused() {
    let (mut slot, mut driver) = card();
    for len in [0, 13, FRAME_MAX + 1, 1 << 20] {
        assert_eq!(slot.push_frame(&vec![0; len]), Err(FrameError::Length(len)));
    }
    assert_eq!(VirtioSlot::empty().push_frame(&[0; 60]), Err(FrameError::NoDevice));
    // The guest's are dropped; it goes on.
    send(&mut driver, [0; HEADER], &[0; 13]);
    send(&mut driver, [0; HEADER], &[0; FRAME_MAX + 1]);
    send(&mut driver, [0; HEADER], &[5; 14]);
    driver.kick(&mut slot, TRANSMIT, 0);
    assert_eq!(driver.used(TRANSMIT), 3);
    assert_eq!((slot.take_frame(), slot.take_frame()), (Some(vec![5; 14]), None));
}

/// RFC 1071, written by itself: the complement of the ones' complement sum.
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)));
    let sum = words.sum::<u32>();
    let folded = (sum & 0xffff) + (sum >> 16);
    !(((folded & 0xffff) + (folded >> 16)) as u16)
}

#[test]
fn checksums_are_complete_when_frames_leave() {
    let (mut slot, mut driver) = card();
    let mut frame: Vec<u8> = (0..101).collect();
    // The sum of a pseudo header stands where the checksum goes.
    frame[40..42].copy_from_slice(&[0x12, 0x34]);
    // NEEDS_CSUM, from byte 34 on, at byte 34 + 6.
    let header = [1, 0, 0, 0, 0, 0, 34, 0, 6, 0, 0, 0];
    send(&mut driver, header, &frame);
    send(&mut driver, [0; HEADER], &frame);
    // A checksum beyond the frame's end is no frame's.
    send(&mut driver, [1, 0, 0, 0, 0, 0, 34, 0, 66, 0, 0, 0], &frame);
    driver.kick(&mut slot, TRANSMIT, 0);
    let expected = checksum(&frame[34..]);
    let sent = slot.take_frame().unwrap();
    assert_eq!(sent[40..42], expected.to_be_bytes());
    assert_eq!((&sent[..40], &sent[42..]), (&frame[..40], &frame[42..]));
    assert_eq!(slot.take_frame(), Some(frame), "what is whole isn't touched");
    assert_eq!(slot.take_frame(), None);
}

#[test]
fn without_a_driver_frames_are_lost() {
    let mut slot = VirtioSlot::with_net(MAC);
    assert_eq!(slot.push_frame(&[0; 60]), Ok(()));
    assert_eq!(slot.push_frame(&[0; 6]), Err(FrameError::Length(6)));
    let mut driver = started(&mut slot);
    slot.push_frame(&[1; 60]).unwrap();
    slot.write(at::STATUS, Width::Word, 0, 0).unwrap();
    driver.start(&mut slot, 2, 0);
    let buffer = driver.offer(RECEIVE, &[], 1600);
    driver.kick(&mut slot, RECEIVE, 0);
    assert_eq!(driver.used(RECEIVE), 0, "what was for the driver before is lost");
    driver.start(&mut slot, 2, 0);
    slot.push_frame(&[2; 60]).unwrap();
    slot.advance(0, &driver.memory);
    assert_eq!(received(&driver, buffer, 60), [2; 60]);
}

#[test]
fn a_restored_card_has_the_frames_that_were_on_their_way() {
    let (mut slot, mut driver) = card();
    send(&mut driver, [0; HEADER], &[3; 60]);
    driver.kick(&mut slot, TRANSMIT, 0);
    slot.push_frame(&[4; 60]).unwrap();
    let text = serde_json::to_string(&slot.save()).unwrap();
    let mut copy = VirtioSlot::restore(serde_json::from_str(&text).unwrap()).unwrap();
    assert_eq!((copy.take_frame(), copy.mac()), (Some(vec![3; 60]), Some(MAC)));
    let buffer = driver.offer(RECEIVE, &[], 1600);
    driver.kick(&mut copy, RECEIVE, 0);
    assert_eq!(received(&driver, buffer, 60), [4; 60]);
    // Frames that no cable can have.
    let mut state = slot.save();
    let long = format!(r#"{{"outgoing":[],"incoming":[{:?}],"refused":false}}"#, vec![0; FRAME_MAX + 1]);
    state.plug = PlugState::Net { mac: MAC, link: serde_json::from_str(&long).unwrap() };
    assert!(VirtioSlot::restore(state).is_err());
}

#[test]
fn a_broken_ring_breaks_the_card_and_no_more() {
    let (mut slot, mut driver) = card();
    // A buffer without room for a header.
    driver.offer(RECEIVE, &[], 4);
    slot.push_frame(&[0; 60]).unwrap();
    driver.kick(&mut slot, RECEIVE, 0);
    assert!(slot.last_error().is_some() && slot.interrupt());
    assert_eq!(slot.read(at::STATUS, Width::Word, 0), Ok(15 | 64));
    let mut driver = started(&mut slot);
    assert!(slot.last_error().is_none());
    send(&mut driver, [0; HEADER], &[1; 60]);
    driver.kick(&mut slot, TRANSMIT, 0);
    assert!(slot.take_frame().is_some());
}
