//! Tests of the IMSICs, from the Advanced Interrupt Architecture 1.0, chapter "Incoming MSI Controller (IMSIC)".

use super::{GUESTS_MAX, IDENTITIES, Imsic, ImsicState, Message, guest_index_bits, size};
use crate::testing::device_conformance;
use crate::{Device, Persist, Width};

const WIRE: u64 = 50;
const DELIVERY: u8 = 0x70;
const THRESHOLD: u8 = 0x72;
const PENDING: u8 = 0x80;
const ENABLE: u8 = 0xc0;
/// With three guests a hart's files take four pages.
const HART: u64 = 4 << 12;

device_conformance!(
    Imsic,
    new: two_harts,
    disturb: |device: &mut Imsic| {
        open(device, 1, 2);
        device.write(HART + (2 << 12), Width::Word, 9, 7).unwrap();
        device.deliver(1, 100);
        device.write(0, Width::Word, 3, 200).unwrap();
    },
    readable: [(0, Width::Word), (4, Width::Word), (8, Width::Word), (HART + 0xffc, Width::Word)],
    bad_offsets: [1, 2, 6, 2 * HART, u64::MAX - 3],
    bad_widths: [(0, Width::Byte), (0, Width::Half), (0, Width::Double), (4, Width::Byte)],
);

fn two_harts() -> Imsic {
    Imsic::new(2, 3, WIRE).unwrap()
}

/// Enables delivery and all identities of a file.
fn open(device: &mut Imsic, hart: usize, file: usize) {
    device.write_selected(hart, file, DELIVERY, 1);
    for word in 0..4 {
        device.write_selected(hart, file, ENABLE + 2 * word, u64::MAX);
    }
}

/// Sends and lets it arrive.
fn send(device: &mut Imsic, offset: u64, identity: u64) {
    device.write(offset, Width::Word, identity, 0).unwrap();
    (0..2).for_each(|hart| device.deliver(hart, WIRE));
}

#[test]
fn addresses_have_room_for_so_many() {
    assert!(Imsic::new(64, GUESTS_MAX, 0).is_some());
    assert!(Imsic::new(1, GUESTS_MAX + 1, 0).is_none());
    assert!(Imsic::new((1 << 14) + 1, 0, 0).is_none());
    assert_eq!([0, 1, 2, 3, 4, 63].map(guest_index_bits), [0, 1, 2, 2, 3, 6]);
    assert_eq!((size(4, 0), size(4, 3), size(1, 4)), (0x4000, 0x1_0000, 0x8000));
}

#[test]
fn every_page_is_its_own_file() {
    for page in 0..8 {
        let mut device = two_harts();
        send(&mut device, page << 12, 5);
        for hart in 0..2 {
            for file in 0..4 {
                let expected = u64::from((4 * hart + file) as u64 == page) << 5;
                assert_eq!(
                    device.read_selected(hart, file, PENDING),
                    expected,
                    "page {page}, hart {hart}, file {file}"
                );
            }
        }
    }
}

/// "Arrangement of the memory regions": pages that are not occupied by a file are read-only zeros; so are reserved bytes.
#[test]
fn other_pages_and_bytes_are_read_only_zeros() {
    let mut device = Imsic::new(1, 2, WIRE).unwrap();
    let before = device.save();
    for offset in [0x3000, 0x3004, 8, 0xffc, 0x1008] {
        assert_eq!(device.write(offset, Width::Word, 1, 0), Ok(()));
        assert_eq!(device.read(offset, Width::Word, 0), Ok(0));
    }
    assert_eq!(device.save(), before);
}

#[test]
fn identities_that_are_not_implemented_are_ignored() {
    let mut device = two_harts();
    for value in [0, 256, 0x101, 0x8000_0001, u64::from(u32::MAX)] {
        send(&mut device, 0, value);
        send(&mut device, 4, u64::from((value as u32).swap_bytes()));
    }
    assert_eq!(device.save(), two_harts().save());
    send(&mut device, 0, IDENTITIES.into());
    send(&mut device, 4, u64::from(64u32.swap_bytes()));
    assert_eq!([0, 1, 2, 3].map(|word| device.read_selected(0, 0, PENDING + 2 * word)), [0, 1, 0, 1 << 63]);
}

#[test]
fn a_message_takes_its_time_and_merges_with_its_like() {
    let mut device = two_harts();
    open(&mut device, 0, 0);
    device.write(0, Width::Word, 7, 1000).unwrap();
    device.write(0, Width::Word, 7, 1020).unwrap();
    assert_eq!(device.read(0, Width::Word, 1000), Ok(0));
    assert_eq!((device.arrival(0), device.arrival(1)), (Some(1050), None));
    device.deliver(0, 1049);
    assert_eq!((device.top(0, 0), device.lines(0)), (0, 0));
    device.deliver(0, 1050);
    assert_eq!((device.top(0, 0), device.lines(0), device.arrival(0)), (7, 1, None));
}

#[test]
fn the_lowest_identity_comes_first_and_a_claim_clears_it() {
    let mut device = two_harts();
    open(&mut device, 0, 1);
    for identity in [200, 63, 64, 1] {
        send(&mut device, 1 << 12, identity);
    }
    for identity in [1, 63, 64, 200] {
        assert_eq!((device.top(0, 1), device.lines(0)), (identity, 2));
        device.claim(0, 1);
    }
    let before = device.save();
    assert_eq!((device.top(0, 1), device.lines(0)), (0, 0));
    device.claim(0, 1);
    assert_eq!(device.save(), before, "nothing to claim");
}

/// "eithreshold": P and higher don't contribute. "eidelivery" affects the line only.
#[test]
fn threshold_and_delivery() {
    let mut device = two_harts();
    open(&mut device, 0, 0);
    send(&mut device, 0, 10);
    for (threshold, top) in [(0, 10), (11, 10), (10, 0), (1, 0), (255, 10)] {
        device.write_selected(0, 0, THRESHOLD, threshold);
        assert_eq!(device.read_selected(0, 0, THRESHOLD), threshold);
        assert_eq!((device.top(0, 0), device.lines(0)), (top, u64::from(top != 0)), "threshold {threshold}");
    }
    device.write_selected(0, 0, DELIVERY, 0);
    assert_eq!((device.top(0, 0), device.lines(0)), (10, 0));
    device.write_selected(0, 0, DELIVERY, 0x4000_0000);
    assert_eq!(device.read_selected(0, 0, DELIVERY), 0, "delivery from an APLIC is not supported");
}

#[test]
fn registers_hold_what_is_implemented() {
    let mut device = two_harts();
    for number in 0x70..=0xff {
        device.write_selected(1, 3, number, u64::MAX);
        let expected = match number {
            DELIVERY => 1,
            THRESHOLD => 255,
            0x80 | 0xc0 => !1,
            0x82 | 0x84 | 0x86 | 0xc2 | 0xc4 | 0xc6 => u64::MAX,
            // On RV64 a hart doesn't let odd numbers through: they are the same words.
            0x81 | 0xc1 => !1,
            0x83 | 0x85 | 0x87 | 0xc3 | 0xc5 | 0xc7 => u64::MAX,
            _ => 0,
        };
        assert_eq!(device.read_selected(1, 3, number), expected, "{number:#x}");
    }
    device.write_selected(2, 0, DELIVERY, 1);
    device.write_selected(0, 4, DELIVERY, 1);
    assert_eq!((device.read_selected(2, 0, DELIVERY), device.lines(9), device.top(0, 4)), (0, 0, 0));
}

#[test]
fn damaged_states_are_refused() {
    let damage: [fn(&mut ImsicState); 6] = [
        |state| state.harts[0].files.truncate(1),
        |state| state.guests = GUESTS_MAX + 1,
        |state| state.harts[0].files[0].pending[0] = 1,
        |state| state.harts[0].files[3].enable[0] = 1,
        |state| state.harts[1].files[0].threshold = 256,
        |state| state.harts[1].coming.push(Message { at: 0, file: 4, identity: 1 }),
    ];
    for damage in damage {
        let mut state = two_harts().save();
        damage(&mut state);
        assert!(Imsic::restore(state).is_err());
    }
}
