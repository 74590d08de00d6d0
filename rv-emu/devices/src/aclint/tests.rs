//! Tests of the ACLINT, from the RISC-V ACLINT specification 1.0, chapters 2 and 3.

use super::{Aclint, HARTS_MAX, MTIME, MTIMECMP};
use crate::testing::device_conformance;
use crate::{AccessError, Device, Persist, Width};

const TICK: u64 = 100;
const WIRE: u64 = 50;

device_conformance!(
    Aclint,
    new: two_harts,
    disturb: |device: &mut Aclint| {
        device.write(4, Width::Word, 1, 7).unwrap();
        device.write(MTIMECMP + 8, Width::Double, 99, 7).unwrap();
        device.write(MTIME, Width::Double, 1 << 40, 7).unwrap();
    },
    readable: [
        (0, Width::Word),
        (4, Width::Word),
        (MTIMECMP, Width::Double),
        (MTIMECMP + 8, Width::Double),
        (MTIME, Width::Double),
        (MTIME + 4, Width::Word),
    ],
    bad_offsets: [2, 8, 0x3ffc, MTIMECMP + 2, MTIMECMP + 16, MTIME - 8, MTIME + 1, 0xc000, 0xfff8],
    bad_widths: [
        (0, Width::Byte),
        (0, Width::Half),
        (0, Width::Double),
        (MTIMECMP, Width::Byte),
        (MTIMECMP + 4, Width::Double),
        (MTIME, Width::Half),
        (MTIME + 4, Width::Double),
    ],
);

fn two_harts() -> Aclint {
    Aclint::new(2, TICK, WIRE).unwrap()
}

#[test]
fn impossible_boards_are_refused() {
    assert!(Aclint::new(HARTS_MAX, 1, 0).is_some());
    assert!(Aclint::new(HARTS_MAX + 1, 1, 0).is_none());
    assert!(Aclint::new(1, 0, 0).is_none());
}

#[test]
fn mtime_follows_cycles_and_is_writable() {
    let mut device = two_harts();
    assert_eq!(device.read(MTIME, Width::Double, 99), Ok(0));
    assert_eq!(device.read(MTIME, Width::Double, 100), Ok(1));
    device.write(MTIME, Width::Double, 5, 1000).unwrap();
    assert_eq!(device.mtime(1000), 5);
    assert_eq!(device.mtime(1000 + 3 * TICK), 8);
    // Time set so that it wraps: arithmetic is modulo 2^64, no overflow.
    device.write(MTIME, Width::Double, u64::MAX, 1000).unwrap();
    assert_eq!(device.mtime(1000 + TICK), 0);
}

#[test]
fn sixty_four_bit_registers_take_halves() {
    let mut device = two_harts();
    device.write(MTIMECMP + 12, Width::Word, 0x1234_5678, 0).unwrap();
    device.write(MTIMECMP + 8, Width::Word, 0xffff_ffff_9abc_def0, 0).unwrap();
    assert_eq!(device.mtimecmp(1), 0x1234_5678_9abc_def0);
    assert_eq!(device.read(MTIMECMP + 12, Width::Word, 0), Ok(0x1234_5678));
    device.write(MTIME + 4, Width::Word, 7, 300).unwrap();
    assert_eq!(device.mtime(300), (7 << 32) | 3);
    assert_eq!(device.read(MTIME, Width::Word, 300), Ok(3));
}

#[test]
fn software_interrupt_travels_and_is_cleared() {
    let mut device = two_harts();
    device.write(4, Width::Word, 0xffff_ffff, 1000).unwrap();
    assert_eq!(device.read(4, Width::Word, 1000), Ok(1), "only bit 0 is writable");
    assert!(!device.msip(1, 1000 + WIRE - 1));
    assert!(device.msip(1, 1000 + WIRE));
    assert!(!device.msip(0, 5000), "the other hart is not meant");
    // A second write of 1 neither delays the first nor sends another.
    device.write(4, Width::Word, 1, 1040).unwrap();
    assert_eq!(device.msip_arrival(1), Some(1000 + WIRE));
    device.write(4, Width::Word, 2, 2000).unwrap();
    assert_eq!(device.msip_arrival(1), None);
}

#[test]
fn harts_that_do_not_exist_have_no_lines() {
    let device = two_harts();
    assert!(!device.msip(2, u64::MAX));
    assert_eq!(device.mtimecmp(usize::MAX), u64::MAX);
    assert_eq!(device.mtimecmp(0), u64::MAX, "no timer interrupt after reset");
    assert_eq!(two_harts().read(8, Width::Word, 0), Err(AccessError::Offset(8)));
}

#[test]
fn contradictory_states_are_refused() {
    let good = two_harts().save();
    for damage in [
        |state: &mut super::AclintState| state.cycles_per_tick = 0,
        |state: &mut super::AclintState| state.mtimecmp.truncate(1),
        |state: &mut super::AclintState| {
            state.mtimecmp.resize(HARTS_MAX + 1, 0);
            state.msip.resize(HARTS_MAX + 1, Default::default());
        },
    ] {
        let mut state = good.clone();
        damage(&mut state);
        assert!(Aclint::restore(state).is_err());
    }
}
