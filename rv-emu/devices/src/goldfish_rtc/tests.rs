//! Tests of the clock: what the description of the goldfish platform says, and what Linux's driver counts on.

use super::{GoldfishRtc, SIZE};
use crate::testing::device_conformance;
use crate::{Device, Persist, Width};

const START: u64 = 1_767_225_600_000_000_000;
const HZ: u64 = 1_000_000_000;
const TIME_LOW: u64 = 0x00;
const TIME_HIGH: u64 = 0x04;
const ALARM_LOW: u64 = 0x08;
const ALARM_HIGH: u64 = 0x0c;
const IRQ_ENABLED: u64 = 0x10;
const CLEAR_ALARM: u64 = 0x14;
const ALARM_STATUS: u64 = 0x18;
const CLEAR_INTERRUPT: u64 = 0x1c;

device_conformance!(
    GoldfishRtc,
    new: clock,
    disturb: |clock: &mut GoldfishRtc| {
        set_alarm(clock, 1000, START + 50_000_000_000);
        put(clock, IRQ_ENABLED, 1, 1000);
        put(clock, TIME_LOW, 17, 1000);
    },
    readable: [
        (TIME_LOW, Width::Word),
        (TIME_HIGH, Width::Word),
        (ALARM_LOW, Width::Word),
        (ALARM_HIGH, Width::Word),
        (IRQ_ENABLED, Width::Word),
        (ALARM_STATUS, Width::Word),
    ],
    bad_offsets: [1, 2, 0x20, 0x24, SIZE - 4, SIZE, u64::MAX],
    bad_widths: [(TIME_LOW, Width::Byte), (TIME_LOW, Width::Double), (ALARM_STATUS, Width::Half)],
);

fn clock() -> GoldfishRtc {
    GoldfishRtc::new(START, HZ).unwrap()
}

fn get(clock: &mut GoldfishRtc, offset: u64, now: u64) -> u64 {
    clock.read(offset, Width::Word, now).unwrap()
}

fn put(clock: &mut GoldfishRtc, offset: u64, value: u64, now: u64) {
    clock.write(offset, Width::Word, value, now).unwrap();
}

/// As a driver reads it: the low half first.
fn time(clock: &mut GoldfishRtc, now: u64) -> u64 {
    let low = get(clock, TIME_LOW, now);
    low | get(clock, TIME_HIGH, now) << 32
}

fn set_alarm(clock: &mut GoldfishRtc, now: u64, at: u64) {
    put(clock, ALARM_HIGH, at >> 32, now);
    put(clock, ALARM_LOW, at & 0xffff_ffff, now);
}

#[test]
fn time_is_the_start_and_what_has_passed() {
    let mut clock = clock();
    assert_eq!(time(&mut clock, 0), START);
    assert_eq!(time(&mut clock, 12_345), START + 12_345);
    let mut slow = GoldfishRtc::new(5, 10_000_000).unwrap();
    assert_eq!((slow.time(3), time(&mut slow, 1 << 50)), (305, 5 + (100 << 50)));
    assert!(GoldfishRtc::new(0, 0).is_none());
}

#[test]
fn the_high_half_goes_with_the_low_half_read_before() {
    let mut clock = GoldfishRtc::new((7 << 32) - 1, HZ).unwrap();
    assert_eq!(get(&mut clock, TIME_LOW, 0), 0xffff_ffff);
    assert_eq!(get(&mut clock, TIME_HIGH, 100), 6, "the low half has overflown meanwhile");
    assert_eq!((get(&mut clock, TIME_LOW, 100), get(&mut clock, TIME_HIGH, 100)), (99, 7));
}

#[test]
fn software_sets_the_time() {
    let mut clock = clock();
    let new = 0x1234_5678_9abc_def0;
    put(&mut clock, TIME_HIGH, new >> 32, 10);
    put(&mut clock, TIME_LOW, new & 0xffff_ffff, 10);
    assert_eq!(time(&mut clock, 10), new);
    assert_eq!(time(&mut clock, 1010), new + 1000);
    clock.reset();
    assert_eq!(time(&mut clock, 10), START + 10);
}

#[test]
fn an_alarm_goes_off_at_its_time() {
    let mut clock = clock();
    put(&mut clock, IRQ_ENABLED, 1, 0);
    set_alarm(&mut clock, 100, START + 5000);
    assert_eq!((clock.next_event(), get(&mut clock, ALARM_STATUS, 100)), (Some(5000), 1));
    clock.advance(4999);
    assert!(!clock.interrupt());
    clock.advance(5000);
    assert!(clock.interrupt());
    assert_eq!((clock.next_event(), get(&mut clock, ALARM_STATUS, 5000)), (None, 0));
    put(&mut clock, CLEAR_INTERRUPT, 1, 6000);
    assert!(!clock.interrupt());
    let alarm = get(&mut clock, ALARM_LOW, 0) | get(&mut clock, ALARM_HIGH, 0) << 32;
    assert_eq!(alarm, START + 5000);
}

#[test]
fn an_alarm_in_the_past_goes_off_at_once() {
    let mut clock = clock();
    put(&mut clock, IRQ_ENABLED, 1, 0);
    set_alarm(&mut clock, 100, START);
    assert!(clock.interrupt() && clock.next_event().is_none());
}

#[test]
fn an_alarm_can_be_stopped_and_need_not_interrupt() {
    let mut clock = clock();
    put(&mut clock, IRQ_ENABLED, 1, 0);
    set_alarm(&mut clock, 0, START + 100);
    put(&mut clock, CLEAR_ALARM, 1, 50);
    clock.advance(1000);
    assert!(!clock.interrupt());
    put(&mut clock, IRQ_ENABLED, 0, 1000);
    set_alarm(&mut clock, 1000, START + 2000);
    clock.advance(3000);
    assert!(!clock.interrupt());
    put(&mut clock, IRQ_ENABLED, 1, 3000);
    assert!(clock.interrupt(), "it has gone off, and waits");
    put(&mut clock, IRQ_ENABLED, 0xfffe, 3000);
    assert_eq!((clock.interrupt(), get(&mut clock, IRQ_ENABLED, 3000)), (false, 0));
}

#[test]
fn times_beyond_all_measure_do_no_harm() {
    let mut clock = GoldfishRtc::new(0, u64::MAX).unwrap();
    set_alarm(&mut clock, u64::MAX - 5, u64::MAX);
    assert_eq!(clock.next_event(), Some(u64::MAX));
    put(&mut clock, TIME_HIGH, u64::MAX, u64::MAX);
    let _ = time(&mut clock, u64::MAX);
    assert!(GoldfishRtc::restore(super::GoldfishRtcState { cycles_per_second: 0, ..clock.save() }).is_err());
}
