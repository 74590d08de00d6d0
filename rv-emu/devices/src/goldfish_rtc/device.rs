//! Behaviour of the clock.

use super::registers::{Register, decode};
use super::state::GoldfishRtcState;
use crate::{AccessError, Cycles, Device, Persist, RestoreError, Width};

const NANOSECONDS: u64 = 1_000_000_000;

/// A real-time clock with an alarm.
#[derive(Debug, Clone)]
pub struct GoldfishRtc {
    state: GoldfishRtcState,
}

impl GoldfishRtc {
    /// A clock that shows `start` nanoseconds since 1970 at cycle 0 of a time with `cycles_per_second`. `None` if those
    /// are none.
    pub fn new(start: u64, cycles_per_second: u64) -> Option<Self> {
        (cycles_per_second != 0).then(|| Self { state: power_on(start, cycles_per_second) })
    }

    /// The time at cycle `now`, in nanoseconds since 1970.
    pub fn time(&self, now: Cycles) -> u64 {
        let passed = u128::from(now) * u128::from(NANOSECONDS) / u128::from(self.state.cycles_per_second);
        self.state.offset.wrapping_add(passed as u64)
    }

    /// The level of the interrupt line.
    pub fn interrupt(&self) -> bool {
        self.state.irq_pending && self.state.irq_enabled
    }

    /// When the alarm goes off, if it is set.
    pub fn next_event(&self) -> Option<Cycles> {
        self.state.due
    }

    /// Lets the alarm go off, if it is due by cycle `now`.
    pub fn advance(&mut self, now: Cycles) {
        if self.state.due.is_some_and(|due| due <= now) {
            self.state.due = None;
            self.state.irq_pending = true;
        }
    }

    /// Sets the alarm; one in the past goes off at once.
    fn set_alarm(&mut self, now: Cycles) {
        let left = u128::from(self.state.alarm.saturating_sub(self.time(now)));
        let cycles = (left * u128::from(self.state.cycles_per_second)).div_ceil(u128::from(NANOSECONDS));
        self.state.due = Some(now.saturating_add(u64::try_from(cycles).unwrap_or(u64::MAX)));
        self.advance(now);
    }

    /// Software sets a half of the time. An alarm that is set stays where it is.
    fn set_time(&mut self, now: Cycles, change: impl FnOnce(u64) -> u64) {
        let time = self.time(now);
        self.state.offset = self.state.offset.wrapping_add(change(time).wrapping_sub(time));
    }
}

fn power_on(start: u64, cycles_per_second: u64) -> GoldfishRtcState {
    GoldfishRtcState {
        cycles_per_second,
        start,
        offset: start,
        time_high: 0,
        alarm: 0,
        due: None,
        irq_pending: false,
        irq_enabled: false,
    }
}

fn with_low(number: u64, low: u32) -> u64 {
    number & !0xffff_ffff | u64::from(low)
}

fn with_high(number: u64, high: u32) -> u64 {
    number & 0xffff_ffff | u64::from(high) << 32
}

impl Device for GoldfishRtc {
    fn read(&mut self, offset: u64, width: Width, now: Cycles) -> Result<u64, AccessError> {
        let register = decode(offset, width)?;
        self.advance(now);
        Ok(match register {
            Register::TimeLow => {
                let time = self.time(now);
                self.state.time_high = (time >> 32) as u32;
                time & 0xffff_ffff
            }
            Register::TimeHigh => self.state.time_high.into(),
            Register::AlarmLow => self.state.alarm & 0xffff_ffff,
            Register::AlarmHigh => self.state.alarm >> 32,
            Register::IrqEnabled => self.state.irq_enabled.into(),
            Register::AlarmStatus => self.state.due.is_some().into(),
            Register::ClearAlarm | Register::ClearInterrupt => 0,
        })
    }

    fn write(&mut self, offset: u64, width: Width, value: u64, now: Cycles) -> Result<(), AccessError> {
        let register = decode(offset, width)?;
        let value = value as u32;
        self.advance(now);
        match register {
            Register::TimeLow => self.set_time(now, |time| with_low(time, value)),
            Register::TimeHigh => self.set_time(now, |time| with_high(time, value)),
            Register::AlarmLow => {
                self.state.alarm = with_low(self.state.alarm, value);
                self.set_alarm(now);
            }
            Register::AlarmHigh => self.state.alarm = with_high(self.state.alarm, value),
            Register::IrqEnabled => self.state.irq_enabled = value & 1 != 0,
            Register::ClearAlarm => self.state.due = None,
            Register::ClearInterrupt => self.state.irq_pending = false,
            Register::AlarmStatus => {}
        }
        Ok(())
    }

    /// The time is that of the owner again, as if nobody had set it.
    fn reset(&mut self) {
        self.state = power_on(self.state.start, self.state.cycles_per_second);
    }
}

impl Persist for GoldfishRtc {
    type State = GoldfishRtcState;

    fn save(&self) -> GoldfishRtcState {
        self.state.clone()
    }

    fn restore(state: GoldfishRtcState) -> Result<Self, RestoreError> {
        if state.cycles_per_second == 0 {
            return Err(RestoreError { device: "goldfish rtc", reason: "a second without cycles" });
        }
        Ok(Self { state })
    }
}
