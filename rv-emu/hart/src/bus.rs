//! What a hart needs of the machine around it, as seen by the consumer.

use serde::{Deserialize, Serialize};

use crate::ram::Ram;

/// Why a device access failed; the hart raises an access fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BusError {
    /// Nothing answers at this address.
    #[error("no device at physical address {0:#x}")]
    Unmapped(u64),
    /// The device refuses this offset, width or direction.
    #[error("device refuses the access at physical address {0:#x}")]
    Refused(u64),
}

/// The machine as one hart sees it: memory, devices and incoming wires.
///
/// `now` is the hart's virtual time in cycles.
pub trait Bus {
    /// Physical memory.
    fn ram(&mut self) -> &mut Ram;

    /// Reads `size` (1, 2, 4, 8) bytes from a device, zero-extended; `addr` is aligned to `size`.
    ///
    /// # Errors
    /// [`BusError`] if no device answers or it refuses the access.
    fn read(&mut self, hart: usize, addr: u64, size: u8, now: u64) -> Result<u64, BusError>;

    /// Writes the low `size` (1, 2, 4, 8) bytes of `value` to a device; `addr` is aligned to `size`.
    ///
    /// # Errors
    /// [`BusError`] if no device answers or it refuses the access.
    fn write(&mut self, hart: usize, addr: u64, size: u8, value: u64, now: u64) -> Result<(), BusError>;

    /// The state of the wires into `hart` at `now`.
    fn wires(&mut self, hart: usize, now: u64) -> Wires;

    /// What the hart's external interrupt controller says beyond the wires, at `now`: asked for with [`Bus::wires`] where the hart has the
    /// Advanced Interrupt Architecture. `vgein` is the guest interrupt file that the hart looks at, 0 for none.
    fn external(&mut self, hart: usize, vgein: u8, now: u64) -> External {
        let _ = (hart, vgein, now);
        External::default()
    }

    /// Reads a register of one of the hart's interrupt files, without side effects. Asked only of harts with an IMSIC.
    fn file_read(&mut self, hart: usize, file: File, register: FileRegister, now: u64) -> u64 {
        let _ = (hart, file, register, now);
        0
    }

    /// Writes a register of one of the hart's interrupt files.
    fn file_write(&mut self, hart: usize, file: File, register: FileRegister, value: u64, now: u64) {
        let _ = (hart, file, register, value, now);
    }

    /// A device wants the machine to look at it before the next instruction (a power-off, say). Asked after every device access.
    fn attention(&mut self) -> bool {
        false
    }

    /// Software executed marker `number` (see [`crate::marker`]): returns cycles to charge for it.
    fn marker(&mut self, hart: usize, number: u16, counters: &crate::counters::Counters, now: u64) -> u64 {
        let _ = (hart, number, counters, now);
        0
    }
}

/// Interrupt lines and time as they arrive at one hart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wires {
    /// Machine external interrupt line.
    pub meip: bool,
    /// Supervisor external interrupt line.
    pub seip: bool,
    /// Machine software interrupt line.
    pub msip: bool,
    /// A supervisor software interrupt arrives: an edge, which the answer takes off the wire.
    pub ssip: bool,
    /// The hart's `mtimecmp`, compared by the hart itself so that it knows its next event.
    pub mtimecmp: u64,
    /// How `mtime` follows from cycles.
    pub time: TimeBase,
    /// The cycle at which a line changes by itself (a software interrupt on its way); `u64::MAX` if none will.
    pub changes_at: u64,
}

impl Default for Wires {
    fn default() -> Self {
        Wires {
            meip: false,
            seip: false,
            msip: false,
            ssip: false,
            mtimecmp: u64::MAX,
            time: TimeBase::default(),
            changes_at: u64::MAX,
        }
    }
}

/// What an external interrupt controller of the Advanced Interrupt Architecture tells a hart beside [`Wires`]. Priority numbers are 1 or
/// more, smaller ones being more urgent; 0 says that there is no interrupt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct External {
    /// The priority number of the most urgent machine-level external interrupt.
    pub machine: u16,
    /// The same for the supervisor level.
    pub supervisor: u16,
    /// The same for the guest interrupt file that `hstatus.VGEIN` selects, whether or not it delivers.
    pub guest: u16,
    /// The lines of guest external interrupts: hgeip.
    pub guest_lines: u64,
}

/// An interrupt file of a hart's IMSIC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum File {
    /// The machine-level one.
    Machine,
    /// The supervisor-level one.
    Supervisor,
    /// A guest's, from 1 on.
    Guest(u8),
}

/// A register of an interrupt file ("Indirectly accessed interrupt-file registers", "Top external interrupt CSRs").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileRegister {
    /// One that xiselect selects: 0x70 to 0xff, and from 0x80 on an even one.
    Selected(u8),
    /// xtopei: a write claims what a read shows.
    Top,
}

/// `mtime = cycles / cycles_per_tick + offset` (wrapping).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeBase {
    /// Cycles in a tick of `mtime`; never 0.
    pub cycles_per_tick: u64,
    /// Added to the tick count; changes when software writes `mtime`.
    pub offset: u64,
}

impl Default for TimeBase {
    /// A 1 GHz core beside a 10 MHz timer.
    fn default() -> Self {
        TimeBase { cycles_per_tick: 100, offset: 0 }
    }
}

impl TimeBase {
    /// `mtime` at `cycles`.
    pub fn at(&self, cycles: u64) -> u64 {
        (cycles / self.cycles_per_tick).wrapping_add(self.offset)
    }

    /// The first cycle at which `mtime` has advanced by `ticks` from its value at `cycles`; saturates.
    pub fn cycles_after(&self, cycles: u64, ticks: u64) -> u64 {
        (cycles / self.cycles_per_tick).saturating_add(ticks).saturating_mul(self.cycles_per_tick)
    }
}
