//! Tests of the SSWI, from the RISC-V ACLINT specification 1.0, chapter 4.

use super::{HARTS_MAX, SIZE, Sswi};
use crate::testing::device_conformance;
use crate::{Device, Width};

const WIRE: u64 = 50;

device_conformance!(
    Sswi,
    new: two_harts,
    disturb: |device: &mut Sswi| device.write(4, Width::Word, 1, 7).unwrap(),
    readable: [(0, Width::Word), (4, Width::Word)],
    bad_offsets: [1, 2, 8, SIZE - 4],
    bad_widths: [(0, Width::Byte), (0, Width::Half), (0, Width::Double), (4, Width::Double)],
);

fn two_harts() -> Sswi {
    Sswi::new(2, WIRE).unwrap()
}

#[test]
fn the_window_has_room_for_so_many_harts() {
    assert!(Sswi::new(HARTS_MAX, 0).is_some());
    assert!(Sswi::new(HARTS_MAX + 1, 0).is_none());
}

#[test]
fn an_edge_arrives_once_after_its_way() {
    let mut device = two_harts();
    device.write(4, Width::Word, 1, 1000).unwrap();
    assert_eq!(device.read(4, Width::Word, 1000), Ok(0), "SETSSIP reads 0");
    assert_eq!((device.arrival(0), device.arrival(1)), (None, Some(1050)));
    assert!(!device.take_edge(1, 1049));
    assert!(device.take_edge(1, 1050));
    assert!(!device.take_edge(1, 2000), "an edge, no level");
}

#[test]
fn edges_merge_and_zeroes_send_nothing() {
    let mut device = two_harts();
    device.write(0, Width::Word, 0, 0).unwrap();
    device.write(0, Width::Word, 0xffff_fffe, 0).unwrap();
    assert_eq!(device.arrival(0), None);
    device.write(0, Width::Word, 1, 100).unwrap();
    device.write(0, Width::Word, u64::MAX, 120).unwrap();
    assert_eq!(device.arrival(0), Some(150));
    assert!(device.take_edge(0, 200) && !device.take_edge(0, 300));
    assert!(!device.take_edge(9, 300), "a hart that isn't there");
}
