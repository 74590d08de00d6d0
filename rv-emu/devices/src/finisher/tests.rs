//! Tests of the finisher.

use super::{FAIL, Finish, Finisher, PASS, RESET};
use crate::testing::device_conformance;
use crate::{Device, Width};

device_conformance!(
    Finisher,
    new: Finisher::new,
    disturb: |device: &mut Finisher| write(device, Width::Word, PASS.into()),
    readable: [(0, Width::Word), (0, Width::Half)],
    bad_offsets: [2, 4, 8, 0xfff],
    bad_widths: [(0, Width::Byte), (0, Width::Double)],
);

fn write(device: &mut Finisher, width: Width, value: u64) {
    device.write(0, width, value, 0).unwrap();
}

#[test]
fn commands_become_verdicts_once() {
    let mut device = Finisher::new();
    let cases = [
        (u64::from(PASS), Finish::Pass),
        (u64::from(FAIL) | 42 << 16, Finish::Fail(42)),
        (u64::from(FAIL), Finish::Fail(0)),
        (u64::from(RESET), Finish::Reset),
    ];
    for (value, finish) in cases {
        write(&mut device, Width::Word, value);
        assert_eq!(device.take_finish(), Some(finish));
        assert_eq!(device.take_finish(), None);
    }
}

#[test]
fn a_half_word_carries_no_exit_code() {
    let mut device = Finisher::new();
    write(&mut device, Width::Half, u64::from(FAIL) | 42 << 16);
    assert_eq!(device.take_finish(), Some(Finish::Fail(0)));
}

#[test]
fn unknown_commands_are_ignored() {
    let mut device = Finisher::new();
    for value in [0, 1, 0x5554, 0x1_0000, u64::from(u32::MAX)] {
        write(&mut device, Width::Word, value);
        assert_eq!(device.take_finish(), None, "{value:#x}");
    }
    assert_eq!(device.read(0, Width::Word, 0), Ok(0));
}
