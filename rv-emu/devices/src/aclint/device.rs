//! Behaviour of the ACLINT.
//!
//! Time is not advanced here: `mtime` is derived from the cycle count of whoever asks, so that no
//! tick has to be simulated and an idle board can jump.

use super::registers::{HARTS_MAX, Register, decode};
use super::state::{AclintState, SoftwareInterrupt};
use crate::{AccessError, Cycles, Device, Persist, RestoreError, Width};

/// Timer and software interrupts of all harts.
#[derive(Debug, Clone)]
pub struct Aclint {
    state: AclintState,
}

impl Aclint {
    /// A device for `harts` harts, whose `mtime` ticks once in `cycles_per_tick` cycles and whose
    /// software interrupts need `wire_cycles` to arrive. `None` when the layout has no room for so
    /// many harts, or time would stand still.
    pub fn new(harts: usize, cycles_per_tick: u64, wire_cycles: u64) -> Option<Self> {
        let valid = harts <= HARTS_MAX && cycles_per_tick > 0;
        valid.then(|| Self { state: power_on(harts, cycles_per_tick, wire_cycles) })
    }

    /// `mtime` at cycle `now`.
    pub fn mtime(&self, now: Cycles) -> u64 {
        (now / self.state.cycles_per_tick).wrapping_add(self.state.mtime_offset)
    }

    /// What is added to the elapsed ticks to get `mtime`.
    pub fn mtime_offset(&self) -> u64 {
        self.state.mtime_offset
    }

    /// `mtimecmp` of a hart; never reached for a hart that does not exist.
    pub fn mtimecmp(&self, hart: usize) -> u64 {
        self.state.mtimecmp.get(hart).copied().unwrap_or(u64::MAX)
    }

    /// Whether the hart sees its software interrupt at cycle `now`.
    pub fn msip(&self, hart: usize, now: Cycles) -> bool {
        self.msip_arrival(hart).is_some_and(|arrives| arrives <= now)
    }

    /// The cycle from which on the hart sees its software interrupt, if one is pending.
    pub fn msip_arrival(&self, hart: usize) -> Option<Cycles> {
        self.state.msip.get(hart).filter(|line| line.pending).map(|line| line.arrives)
    }

    fn write_msip(&mut self, hart: usize, pending: bool, now: Cycles) {
        let line = &mut self.state.msip[hart];
        // Setting a bit that is set sends nothing: the first write's arrival counts.
        if pending != line.pending {
            let arrives = if pending { now.saturating_add(self.state.wire_cycles) } else { 0 };
            *line = SoftwareInterrupt { pending, arrives };
        }
    }
}

fn power_on(harts: usize, cycles_per_tick: u64, wire_cycles: u64) -> AclintState {
    AclintState {
        cycles_per_tick,
        wire_cycles,
        mtime_offset: 0,
        msip: vec![SoftwareInterrupt::default(); harts],
        // The specification leaves the reset value open; this one raises no interrupt.
        mtimecmp: vec![u64::MAX; harts],
    }
}

/// `old` with `width` bytes from bit `shift` on replaced by `value`.
fn merge(old: u64, shift: u32, width: Width, value: u64) -> u64 {
    match width {
        Width::Double => value,
        _ => (old & !(0xffff_ffff << shift)) | ((value & 0xffff_ffff) << shift),
    }
}

/// `width` bytes of `value` from bit `shift` on.
fn extract(value: u64, shift: u32, width: Width) -> u64 {
    match width {
        Width::Double => value,
        _ => (value >> shift) & 0xffff_ffff,
    }
}

impl Device for Aclint {
    fn read(&mut self, offset: u64, width: Width, now: Cycles) -> Result<u64, AccessError> {
        Ok(match decode(offset, width, self.state.msip.len())? {
            Register::Msip(hart) => self.state.msip[hart].pending.into(),
            Register::Mtimecmp { hart, shift } => extract(self.state.mtimecmp[hart], shift, width),
            Register::Mtime { shift } => extract(self.mtime(now), shift, width),
        })
    }

    fn write(&mut self, offset: u64, width: Width, value: u64, now: Cycles) -> Result<(), AccessError> {
        match decode(offset, width, self.state.msip.len())? {
            // Only bit 0 is writable (ACLINT 2.2).
            Register::Msip(hart) => self.write_msip(hart, value & 1 != 0, now),
            Register::Mtimecmp { hart, shift } => {
                let register = &mut self.state.mtimecmp[hart];
                *register = merge(*register, shift, width, value);
            }
            Register::Mtime { shift } => {
                let mtime = merge(self.mtime(now), shift, width, value);
                let elapsed = now / self.state.cycles_per_tick;
                self.state.mtime_offset = mtime.wrapping_sub(elapsed);
            }
        }
        Ok(())
    }

    fn reset(&mut self) {
        let AclintState { cycles_per_tick, wire_cycles, ref msip, .. } = self.state;
        self.state = power_on(msip.len(), cycles_per_tick, wire_cycles);
    }
}

impl Persist for Aclint {
    type State = AclintState;

    fn save(&self) -> AclintState {
        self.state.clone()
    }

    fn restore(state: AclintState) -> Result<Self, RestoreError> {
        let invalid = |reason| Err(RestoreError { device: "aclint", reason });
        if state.cycles_per_tick == 0 {
            return invalid("a tick of zero cycles");
        }
        if state.msip.len() != state.mtimecmp.len() {
            return invalid("msip and mtimecmp for different numbers of harts");
        }
        if state.msip.len() > HARTS_MAX {
            return invalid("more harts than the layout has room for");
        }
        Ok(Self { state })
    }
}
