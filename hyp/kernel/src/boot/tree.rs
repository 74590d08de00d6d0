//! What the kernel needs to know about the board, from its device tree.

use hyp_kernel::addr::Phys;
use hyp_kernel::fdt::{Fdt, Node};

/// Most memory banks.
pub const BANKS_MAX: usize = 4;
/// Most harts.
pub const HARTS_MAX: usize = 64;
const HEADER_LEN: usize = 8;

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
    /// The initial archive, as (start, end).
    pub initrd: Option<(Phys, Phys)>,
    /// Command line.
    pub arguments: &'a str,
}

/// The device tree blob at a physical address, seen through the boot table.
pub fn blob(start: Phys) -> Option<&'static [u8]> {
    if start.0 == 0 || !start.is_aligned(8) {
        return None;
    }
    let pointer: *const u8 = core::ptr::with_exposed_provenance(start.direct());
    // SAFETY: the firmware passed this address as that of a device tree; memory
    // is there at least for its header, and then for the length it tells.
    unsafe {
        let header = core::slice::from_raw_parts(pointer, HEADER_LEN);
        Some(core::slice::from_raw_parts(pointer, Fdt::blob_len(header)?))
    }
}

impl<'a> Board<'a> {
    /// Reads it; the error is the name of what is missing.
    pub fn read(fdt: &Fdt<'a>) -> Result<Self, &'static str> {
        let cpus = fdt.node(&["cpus"]).ok_or("no /cpus")?;
        let chosen = fdt.node(&["chosen"]);
        let mut board = Self {
            banks: banks(fdt),
            hartids: [None; HARTS_MAX],
            timebase: cpus.number("timebase-frequency").ok_or("no timebase-frequency")?,
            has_sstc: true,
            has_hypervisor: true,
            uart: uart(fdt),
            finisher: fdt.compatible("sifive,test0").and_then(|node| first_reg(&node)),
            initrd: chosen.and_then(|chosen| initrd(&chosen)),
            arguments: chosen.and_then(|chosen| chosen.string("bootargs")).unwrap_or(""),
        };
        let harts = cpus.children().filter(|cpu| cpu.base_name() == "cpu" && is_usable(cpu));
        for (slot, cpu) in board.hartids.iter_mut().zip(harts) {
            *slot = Some(cpu.number("reg").ok_or("a cpu without reg")? as usize);
            board.has_sstc &= has_extension(&cpu, "sstc");
            board.has_hypervisor &= has_extension(&cpu, "h");
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
        let devices = [self.uart.map(|uart| uart.0), self.finisher];
        self.banks.into_iter().flatten().chain(devices.into_iter().flatten().map(page))
    }
}

fn banks(fdt: &Fdt<'_>) -> [Option<(Phys, Phys)>; BANKS_MAX] {
    let mut banks = [None; BANKS_MAX];
    let Some(root) = fdt.root() else { return banks };
    let memory = root.children().filter(|node| node.base_name() == "memory");
    let found = memory.flat_map(|node| node.reg()).filter(|(_, size)| *size > 0);
    for (slot, (start, size)) in banks.iter_mut().zip(found) {
        *slot = Some((Phys(start as usize), Phys((start + size) as usize)));
    }
    banks
}

fn is_usable(cpu: &Node<'_>) -> bool {
    cpu.string("status").is_none_or(|status| status == "okay")
}

/// Whether a cpu has an extension: by the list of names, or by the older
/// `riscv,isa` string, where single letters come first.
fn has_extension(cpu: &Node<'_>, name: &str) -> bool {
    if let Some(list) = cpu.property("riscv,isa-extensions") {
        return list.split(|&byte| byte == 0).any(|entry| entry == name.as_bytes());
    }
    let isa = cpu.string("riscv,isa").unwrap_or("");
    let mut parts = isa.split('_');
    let letters = parts.next().unwrap_or("").get(4..).unwrap_or("");
    if name.len() == 1 { letters.contains(name) } else { parts.any(|part| part == name) }
}

fn first_reg(node: &Node<'_>) -> Option<Phys> {
    node.reg().next().map(|(start, _)| Phys(start as usize))
}

fn uart(fdt: &Fdt<'_>) -> Option<(Phys, usize)> {
    let node = fdt.compatible("ns16550a")?;
    Some((first_reg(&node)?, node.number("reg-shift").unwrap_or(0) as usize))
}

fn initrd(chosen: &Node<'_>) -> Option<(Phys, Phys)> {
    let start = chosen.number("linux,initrd-start")? as usize;
    let end = chosen.number("linux,initrd-end")? as usize;
    (start < end).then_some((Phys(start), Phys(end)))
}
