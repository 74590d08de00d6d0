//! What the kernel needs to know about the board, from its device tree.

use fdt::{Fdt, Node};
use hyp_kernel::addr::Phys;

/// Most memory banks.
pub const BANKS_MAX: usize = 4;
/// Most slots for virtio devices.
pub const SLOTS_MAX: usize = 8;
/// Most harts.
pub const HARTS_MAX: usize = 64;

/// The board.
#[derive(Clone, Copy, Debug)]
pub struct Board<'a> {
    /// Memory, as (start, end).
    pub banks: [Option<(Phys, Phys)>; BANKS_MAX],
    /// Ids of the harts that are there.
    pub hartids: [Option<usize>; HARTS_MAX],
    /// Frequency of `time`.
    pub timebase: u64,
    /// All harts have Sstc.
    pub has_sstc: bool,
    /// All harts have H.
    pub has_hypervisor: bool,
    /// A 16550: address, and log2 of the distance between registers.
    pub uart: Option<(Phys, usize)>,
    /// A `sifive,test0` finisher.
    pub finisher: Option<Phys>,
    /// An ACLINT SSWI, by which harts interrupt one another without the firmware.
    pub sswi: Option<Phys>,
    /// Slots for virtio devices, most of them empty.
    pub virtio: [Option<Phys>; SLOTS_MAX],
    /// The initial archive, as (start, end).
    pub initrd: Option<(Phys, Phys)>,
    /// Command line.
    pub arguments: &'a str,
}

/// The device tree at a physical address, seen through the boot table.
pub fn find(start: Phys) -> Result<Fdt<'static>, fdt::Error> {
    assert!(start.0 != 0 && start.is_aligned(8), "no device tree at {start:?} (a1)");
    // SAFETY: the firmware passed this address as that of a device tree. It is
    // excluded from the free memory.
    unsafe { Fdt::at(core::ptr::with_exposed_provenance(start.direct())) }
}

impl<'a> Board<'a> {
    /// Reads it; the error is the name of what is missing.
    pub fn read(fdt: &Fdt<'a>) -> Result<Self, &'static str> {
        let cpus = fdt.find("/cpus").ok_or("no /cpus")?;
        let mut board = Self {
            banks: [None; BANKS_MAX],
            hartids: [None; HARTS_MAX],
            timebase: cpus.number("timebase-frequency").ok_or("no timebase-frequency")?,
            has_sstc: all_harts_have(fdt, "sstc"),
            has_hypervisor: all_harts_have(fdt, "h"),
            uart: uart(fdt),
            finisher: fdt.compatible("sifive,test0").next().and_then(|node| first_region(&node)),
            sswi: fdt.compatible("riscv,aclint-sswi").next().and_then(|node| first_region(&node)),
            virtio: [None; SLOTS_MAX],
            initrd: fdt.initrd().map(|(start, end)| (Phys(start as usize), Phys(end as usize))),
            arguments: fdt.bootargs(),
        };
        for (slot, (start, size)) in board.banks.iter_mut().zip(fdt.memory()) {
            *slot = Some((Phys(start as usize), Phys((start + size) as usize)));
        }
        for (slot, node) in board.virtio.iter_mut().zip(fdt.compatible("virtio,mmio")) {
            *slot = first_region(&node);
        }
        for (slot, hartid) in board.hartids.iter_mut().zip(fdt.harts()) {
            *slot = Some(hartid as usize);
        }
        match (board.banks[0], board.hartids[0]) {
            (None, _) => Err("no memory"),
            (_, None) => Err("no cpu"),
            _ => Ok(board),
        }
    }

    /// Physical ranges that the kernel's map must show.
    pub fn ranges(&self) -> impl Iterator<Item = (Phys, Phys)> {
        let page = |phys: Phys| (phys, phys.add(1));
        let devices = [self.uart.map(|uart| uart.0), self.finisher, self.sswi];
        let devices = devices.into_iter().chain(self.virtio).flatten();
        self.banks.into_iter().flatten().chain(devices.map(page))
    }
}

fn all_harts_have(fdt: &Fdt<'_>, extension: &str) -> bool {
    let mut harts = fdt.nodes().filter(|node| node.text("device_type") == Some("cpu"));
    harts.all(|hart| has_extension(&hart, extension))
}

/// Whether a hart has an extension: by the list of names, or by the older
/// `riscv,isa` string, where single letters come first.
fn has_extension(hart: &Node<'_>, name: &str) -> bool {
    if hart.strings("riscv,isa-extensions").any(|entry| entry == name) {
        return true;
    }
    let isa = hart.text("riscv,isa").unwrap_or("");
    let mut parts = isa.split('_');
    let letters = parts.next().unwrap_or("").get(4..).unwrap_or("");
    if name.len() == 1 { letters.contains(name) } else { parts.any(|part| part == name) }
}

fn first_region(node: &Node<'_>) -> Option<Phys> {
    node.regions().next().map(|(start, _)| Phys(start as usize))
}

fn uart(fdt: &Fdt<'_>) -> Option<(Phys, usize)> {
    let node = fdt.compatible("ns16550a").next()?;
    Some((first_region(&node)?, node.number("reg-shift").unwrap_or(0) as usize))
}
