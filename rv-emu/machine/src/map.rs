//! The address map: one table from which the bus and the device tree are both made.
//!
//! Addresses and interrupt numbers are those of QEMU's `virt` board, so that programs built for it
//! run here.

use rv_devices::{aclint, aplic, finisher, goldfish_rtc, imsic, plic, sswi, uart16550, virtio};

use crate::interrupts::Aia;

/// Where memory begins.
pub const RAM_BASE: u64 = 0x8000_0000;

/// A part of the board that answers to addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The reset vector.
    Rom,
    /// The test finisher.
    Finisher,
    /// Timer and software interrupts.
    Aclint,
    /// Software interrupts for kernels.
    Sswi,
    /// The interrupt controller, without the Advanced Interrupt Architecture.
    Plic,
    /// The APLIC's machine-level domain.
    AplicMachine,
    /// The APLIC's supervisor-level domain.
    AplicSupervisor,
    /// The harts' machine-level interrupt files.
    ImsicMachine,
    /// The harts' supervisor-level interrupt files, and those of guests.
    ImsicSupervisor,
    /// The serial port.
    Uart,
    /// The real-time clock.
    Rtc,
    /// A virtio-mmio slot, by number.
    Virtio(u8),
    /// Memory.
    Ram,
}

/// One row of the map.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// What is there.
    pub part: Part,
    /// Name of its device-tree node, without the address.
    pub name: &'static str,
    /// First address.
    pub base: u64,
    /// Bytes.
    pub len: u64,
    /// The node's `compatible` strings; none for what has no node under `/soc`.
    pub compatible: &'static [&'static str],
    /// The source of the interrupt controller that its interrupt line drives.
    pub irq: Option<u32>,
}

/// The reset vector's row.
pub const ROM: Row = Row { part: Part::Rom, name: "rom", base: 0x1000, len: 0xf000, compatible: &[], irq: None };

/// The real-time clock's row: a board has one if it is asked for.
pub const RTC: Row = Row {
    part: Part::Rtc,
    name: "rtc",
    base: 0x10_1000,
    len: goldfish_rtc::SIZE,
    compatible: &["google,goldfish-rtc"],
    irq: Some(RTC_IRQ),
};

/// The devices of every machine, and the PLIC. [`devices`] has those of one machine.
pub const DEVICES: [Row; 5 + virtio::SLOTS] = [
    Row {
        part: Part::Finisher,
        name: "test",
        base: 0x10_0000,
        len: finisher::SIZE,
        compatible: &["sifive,test1", "sifive,test0", "syscon"],
        irq: None,
    },
    Row {
        part: Part::Aclint,
        name: "clint",
        base: 0x200_0000,
        len: aclint::SIZE,
        compatible: &["sifive,clint0", "riscv,clint0"],
        irq: None,
    },
    Row {
        part: Part::Sswi,
        name: "sswi",
        base: 0x2f0_0000,
        len: sswi::SIZE,
        compatible: &["riscv,aclint-sswi"],
        irq: None,
    },
    Row {
        part: Part::Plic,
        name: "plic",
        base: 0xc00_0000,
        len: plic::SIZE,
        compatible: &["sifive,plic-1.0.0", "riscv,plic0"],
        irq: None,
    },
    Row {
        part: Part::Uart,
        name: "serial",
        base: 0x1000_0000,
        len: uart16550::SIZE,
        compatible: &["ns16550a"],
        irq: Some(10),
    },
    virtio_slot(0),
    virtio_slot(1),
    virtio_slot(2),
    virtio_slot(3),
    virtio_slot(4),
    virtio_slot(5),
    virtio_slot(6),
    virtio_slot(7),
];

/// The harts' machine-level interrupt files: as on QEMU's `virt`.
pub const IMSIC_MACHINE_BASE: u64 = 0x2400_0000;
/// Their supervisor-level ones, each followed by those of guests.
pub const IMSIC_SUPERVISOR_BASE: u64 = 0x2800_0000;

const _: () = assert!(imsic::size(crate::machine::HARTS_MAX, imsic::GUESTS_MAX) <= 1 << 26);

/// The devices of a machine with `harts` harts, the interrupt controllers of `aia` and, if it has `rtc`, a clock.
pub fn devices(aia: Aia, harts: usize, rtc: bool) -> Vec<Row> {
    let controller = |part, name, base, len, compatible| Row { part, name, base, len, compatible, irq: None };
    let aplic = |part, base| controller(part, "aplic", base, aplic::SIZE, &["qemu,aplic", "riscv,aplic"]);
    let imsic = |part, base, guests| {
        controller(part, "imsics", base, imsic::size(harts, guests), &["qemu,imsics", "riscv,imsics"])
    };
    let mut rows = Vec::new();
    for row in &DEVICES {
        if row.part != Part::Plic || aia == Aia::None {
            rows.push(*row);
            continue;
        }
        rows.push(aplic(Part::AplicMachine, row.base));
        rows.push(aplic(Part::AplicSupervisor, row.base + 0x100_0000));
    }
    if let Aia::AplicImsic { guests } = aia {
        rows.push(imsic(Part::ImsicMachine, IMSIC_MACHINE_BASE, 0));
        rows.push(imsic(Part::ImsicSupervisor, IMSIC_SUPERVISOR_BASE, guests));
    }
    rows.extend(rtc.then_some(RTC));
    rows
}

/// The serial port's interrupt source.
pub const UART_IRQ: u32 = 10;
/// The real-time clock's PLIC source.
pub const RTC_IRQ: u32 = 11;

/// The first virtio slot; the others follow, each with a window of its own.
const VIRTIO_BASE: u64 = 0x1000_1000;

const _: () = assert!(virtio_irq(virtio::SLOTS as u8 - 1) < UART_IRQ);

const fn virtio_slot(slot: u8) -> Row {
    Row {
        part: Part::Virtio(slot),
        name: "virtio_mmio",
        base: VIRTIO_BASE + slot as u64 * virtio::SIZE,
        len: virtio::SIZE,
        compatible: &["virtio,mmio"],
        irq: Some(virtio_irq(slot)),
    }
}

/// The interrupt source of a virtio slot.
pub const fn virtio_irq(slot: u8) -> u32 {
    1 + slot as u32
}

/// A range of physical addresses that is not empty and does not wrap around.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    base: u64,
    len: u64,
}

impl Range {
    /// `len` bytes from `base` on; `None` if that is nothing, or goes beyond the address space.
    pub fn new(base: u64, len: u64) -> Option<Self> {
        let last = base.checked_add(len.checked_sub(1)?)?;
        // The end must be representable too: `end()` is used everywhere.
        (last < u64::MAX).then_some(Self { base, len })
    }

    /// First address.
    pub fn base(self) -> u64 {
        self.base
    }

    /// Bytes, at least one.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(self) -> u64 {
        self.len
    }

    /// The address behind the last.
    pub fn end(self) -> u64 {
        self.base + self.len
    }

    /// Whether all of `other` lies in this range.
    pub fn contains(self, other: Range) -> bool {
        self.base <= other.base && other.end() <= self.end()
    }

    /// Whether the two share an address.
    pub fn overlaps(self, other: Range) -> bool {
        self.base < other.end() && other.base < self.end()
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#x}..{:#x}", self.base, self.end())
    }
}

/// Why a part can't be put on the bus.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    /// The range is empty or wraps around.
    #[error("{part:?} at {base:#x} with {len:#x} bytes is empty or beyond the address space")]
    Range {
        /// The part.
        part: Part,
        /// Its first address.
        base: u64,
        /// Its length.
        len: u64,
    },
    /// Something else is there already.
    #[error("{part:?} at {range} overlaps {other:?} at {other_range}")]
    Overlap {
        /// The part that was to be added.
        part: Part,
        /// Its range.
        range: Range,
        /// The part that is there.
        other: Part,
        /// The range of that.
        other_range: Range,
    },
}

/// Which part answers at an address.
#[derive(Debug, Clone, Default)]
pub struct AddressMap {
    ranges: Vec<(Range, Part)>,
}

impl AddressMap {
    /// The board's map with `memory` bytes of RAM.
    ///
    /// # Errors
    /// If so much memory does not fit.
    pub fn board(memory: u64) -> Result<Self, MapError> {
        Self::of(&DEVICES, memory)
    }

    /// The map of a board with `devices`, and `memory` bytes of RAM.
    ///
    /// # Errors
    /// If so much memory does not fit.
    pub fn of(devices: &[Row], memory: u64) -> Result<Self, MapError> {
        let mut map = Self::default();
        for row in devices.iter().chain([&ROM]) {
            map.insert(row.part, row.base, row.len)?;
        }
        map.insert(Part::Ram, RAM_BASE, memory)?;
        Ok(map)
    }

    /// Adds a part.
    ///
    /// # Errors
    /// If its range is empty, wraps around, or overlaps another's.
    pub fn insert(&mut self, part: Part, base: u64, len: u64) -> Result<(), MapError> {
        let range = Range::new(base, len).ok_or(MapError::Range { part, base, len })?;
        if let Some(&(other_range, other)) = self.ranges.iter().find(|(r, _)| r.overlaps(range)) {
            return Err(MapError::Overlap { part, range, other, other_range });
        }
        self.ranges.push((range, part));
        Ok(())
    }

    /// The part at `addr`, and the offset in it.
    pub fn find(&self, addr: u64) -> Option<(Part, u64)> {
        let within = |(range, _): &&(Range, Part)| addr.wrapping_sub(range.base) < range.len;
        self.ranges.iter().find(within).map(|(range, part)| (*part, addr - range.base))
    }

    /// The range of a part.
    pub fn range(&self, part: Part) -> Option<Range> {
        self.ranges.iter().find(|(_, other)| *other == part).map(|(range, _)| *range)
    }
}

#[cfg(test)]
mod tests {
    use super::{AddressMap, DEVICES, MapError, Part, RAM_BASE, ROM, Range, UART_IRQ};

    #[test]
    fn the_board_is_laid_out_like_virt() {
        let map = AddressMap::board(64 << 20).unwrap();
        let expected = [
            (0x1000, Some((Part::Rom, 0))),
            (0xffff, Some((Part::Rom, 0xefff))),
            (0x10_0000, Some((Part::Finisher, 0))),
            (0x200_bff8, Some((Part::Aclint, 0xbff8))),
            (0x2f0_0004, Some((Part::Sswi, 4))),
            (0xc20_0004, Some((Part::Plic, 0x20_0004))),
            (0x1000_0005, Some((Part::Uart, 5))),
            (0x1000_0100, None),
            (0x1000_1000, Some((Part::Virtio(0), 0))),
            (0x1000_8ffc, Some((Part::Virtio(7), 0xffc))),
            (0x1000_9000, None),
            (0, None),
            (u64::MAX, None),
            (RAM_BASE, Some((Part::Ram, 0))),
            (RAM_BASE + (64 << 20) - 1, Some((Part::Ram, (64 << 20) - 1))),
            (RAM_BASE + (64 << 20), None),
        ];
        for (addr, found) in expected {
            assert_eq!(map.find(addr), found, "{addr:#x}");
        }
        assert_eq!(map.range(Part::Ram), Range::new(RAM_BASE, 64 << 20));
        assert_eq!(DEVICES.iter().find_map(|row| row.irq), Some(UART_IRQ));
        assert_eq!(ROM.base + ROM.len, 0x1_0000);
    }

    #[test]
    fn empty_and_wrapping_ranges_are_refused() {
        assert_eq!(Range::new(5, 0), None);
        assert_eq!(Range::new(u64::MAX, 2), None);
        assert_eq!(Range::new(u64::MAX, 1), None, "the end must be an address");
        assert!(Range::new(u64::MAX - 1, 1).is_some());
        let mut map = AddressMap::default();
        let refused = |part, base, len| Err(MapError::Range { part, base, len });
        assert_eq!(map.insert(Part::Uart, 5, 0), refused(Part::Uart, 5, 0));
        assert_eq!(map.insert(Part::Ram, 1, u64::MAX), refused(Part::Ram, 1, u64::MAX));
        assert!(AddressMap::board(0).is_err());
        assert!(AddressMap::board(u64::MAX).is_err());
    }

    #[test]
    fn overlaps_are_refused_and_neighbours_are_not() {
        let mut map = AddressMap::default();
        map.insert(Part::Uart, 0x1000, 0x100).unwrap();
        for (base, len) in [(0x1000, 1), (0x10ff, 1), (0xfff, 2), (0, 0x10_0000), (0x1080, 0x100)] {
            let error = map.insert(Part::Plic, base, len).unwrap_err();
            assert!(matches!(error, MapError::Overlap { other: Part::Uart, .. }), "{error}");
        }
        map.insert(Part::Plic, 0xf00, 0x100).unwrap();
        map.insert(Part::Aclint, 0x1100, 0x100).unwrap();
        assert_eq!(map.find(0xfff), Some((Part::Plic, 0xff)));
    }

    #[test]
    fn containment() {
        let range = |base, len| Range::new(base, len).unwrap();
        assert!(range(10, 10).contains(range(10, 10)));
        assert!(!range(10, 10).contains(range(9, 2)));
        assert!(!range(10, 10).contains(range(19, 2)));
        assert_eq!(range(0x10, 0x10).to_string(), "0x10..0x20");
    }
}
