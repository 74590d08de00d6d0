//! The guest's device tree.

use crate::aia::Ids;
use crate::isa::Isa;
use crate::map;
use crate::plic::Plic;
use crate::sys::Error;
use crate::writer::Writer;

/// What there is to describe.
pub struct Machine<'a> {
    /// Harts, numbered from 0.
    pub vcpus: usize,
    /// Bytes of memory.
    pub memory: u64,
    /// What the harts can do.
    pub isa: Isa,
    /// The harts' widest address translation: 8, 9 or 10 as in `satp`.
    pub satp_mode: u64,
    /// Bytes of a block of Zicbom and of Zicboz.
    pub blocks: [u32; 2],
    /// Ticks in a second.
    pub frequency: u32,
    /// The AIA's identities; `None` if there is a PLIC in its place.
    pub aia: Option<Ids>,
    /// The kernel's command line.
    pub append: &'a str,
    /// Start and end of the initial archive.
    pub initrd: Option<(u64, u64)>,
}

/// The serial port's input clock; nothing depends on it.
const UART_CLOCK: u32 = 3_686_400;
/// The supervisor's external interrupt at a hart's own controller.
const EXTERNAL: u32 = 9;
/// A line whose level is high (`interrupts` of an APLIC).
const LEVEL_HIGH: u32 = 4;

/// Handles of nodes.
mod handle {
    /// PLIC or APLIC: what the lines of devices end in.
    pub const LINES: u32 = 1;
    pub const IMSIC: u32 = 2;
    /// The controllers inside of harts, from here on.
    pub const HARTS: u32 = 0x10;
}

impl Machine<'_> {
    /// Writes the tree to `buffer`; its size in bytes.
    ///
    /// # Errors
    /// The buffer is too small.
    pub fn write(&self, buffer: &mut [u8]) -> Result<usize, Error> {
        let mut tree = Writer::new(buffer);
        tree.begin("", None);
        tree.cells("#address-cells", &[2]);
        tree.cells("#size-cells", &[2]);
        tree.strings("compatible", ["linux,dummy-virt"].into_iter());
        tree.strings("model", ["lightkvm"].into_iter());
        self.chosen(&mut tree);
        tree.begin("memory", Some(map::RAM));
        tree.strings("device_type", ["memory"].into_iter());
        tree.region("reg", map::RAM, self.memory);
        tree.end();
        self.harts(&mut tree);
        tree.begin("soc", None);
        tree.strings("compatible", ["simple-bus"].into_iter());
        tree.cells("#address-cells", &[2]);
        tree.cells("#size-cells", &[2]);
        tree.flag("ranges");
        match self.aia {
            Some(ids) => self.message_controllers(&mut tree, ids),
            None => self.line_controller(&mut tree),
        }
        self.uart(&mut tree);
        tree.end();
        tree.end();
        tree.finish()
    }

    fn chosen(&self, tree: &mut Writer) {
        tree.begin("chosen", None);
        tree.strings("bootargs", [self.append].into_iter());
        tree.strings("stdout-path", ["/soc/serial@10000000"].into_iter());
        if let Some((start, end)) = self.initrd {
            tree.cells("linux,initrd-start", &[(start >> 32) as u32, start as u32]);
            tree.cells("linux,initrd-end", &[(end >> 32) as u32, end as u32]);
        }
        tree.end();
    }

    fn harts(&self, tree: &mut Writer) {
        tree.begin("cpus", None);
        tree.cells("#address-cells", &[1]);
        tree.cells("#size-cells", &[0]);
        tree.cells("timebase-frequency", &[self.frequency]);
        for hart in 0..self.vcpus as u32 {
            tree.begin("cpu", Some(hart.into()));
            tree.strings("device_type", ["cpu"].into_iter());
            tree.strings("compatible", ["riscv"].into_iter());
            tree.strings("status", ["okay"].into_iter());
            tree.cells("reg", &[hart]);
            tree.text("riscv,isa", self.isa.pieces());
            tree.strings("riscv,isa-base", ["rv64i"].into_iter());
            tree.strings("riscv,isa-extensions", self.isa.names());
            let mmu = match self.satp_mode {
                10 => "riscv,sv57",
                9 => "riscv,sv48",
                _ => "riscv,sv39",
            };
            tree.strings("mmu-type", [mmu].into_iter());
            for (name, size) in ["riscv,cbom-block-size", "riscv,cboz-block-size"].iter().zip(self.blocks) {
                if size != 0 {
                    tree.cells(name, &[size]);
                }
            }
            tree.begin("interrupt-controller", None);
            tree.strings("compatible", ["riscv,cpu-intc"].into_iter());
            tree.cells("#interrupt-cells", &[1]);
            tree.flag("interrupt-controller");
            tree.cells("phandle", &[handle::HARTS + hart]);
            tree.end();
            tree.end();
        }
        tree.end();
    }

    /// The external interrupt of every hart.
    fn external_interrupts(&self, tree: &mut Writer) {
        let mut cells = [0; 2 * crate::kvm::VCPUS_MAX];
        for (hart, pair) in cells.chunks_mut(2).enumerate() {
            pair.copy_from_slice(&[handle::HARTS + hart as u32, EXTERNAL]);
        }
        tree.cells("interrupts-extended", &cells[..2 * self.vcpus]);
    }

    fn line_controller(&self, tree: &mut Writer) {
        tree.begin("interrupt-controller", Some(map::PLIC));
        tree.strings("compatible", ["sifive,plic-1.0.0", "riscv,plic0"].into_iter());
        tree.region("reg", map::PLIC, Plic::SIZE);
        tree.cells("#interrupt-cells", &[1]);
        tree.cells("#address-cells", &[0]);
        tree.flag("interrupt-controller");
        tree.cells("riscv,ndev", &[Plic::SOURCES]);
        self.external_interrupts(tree);
        tree.cells("phandle", &[handle::LINES]);
        tree.end();
    }

    fn message_controllers(&self, tree: &mut Writer, ids: Ids) {
        tree.begin("interrupt-controller", Some(map::IMSIC));
        tree.strings("compatible", ["riscv,imsics"].into_iter());
        tree.region("reg", map::IMSIC, map::IMSIC_SIZE * self.vcpus as u64);
        tree.cells("#interrupt-cells", &[0]);
        tree.flag("interrupt-controller");
        tree.flag("msi-controller");
        tree.cells("#msi-cells", &[0]);
        tree.cells("riscv,num-ids", &[ids.0]);
        self.external_interrupts(tree);
        tree.cells("phandle", &[handle::IMSIC]);
        tree.end();
        tree.begin("interrupt-controller", Some(map::APLIC));
        tree.strings("compatible", ["riscv,aplic"].into_iter());
        tree.region("reg", map::APLIC, map::APLIC_SIZE);
        tree.cells("#interrupt-cells", &[2]);
        tree.cells("#address-cells", &[0]);
        tree.flag("interrupt-controller");
        tree.cells("riscv,num-sources", &[crate::aia::SOURCES]);
        tree.cells("msi-parent", &[handle::IMSIC]);
        tree.cells("phandle", &[handle::LINES]);
        tree.end();
    }

    fn uart(&self, tree: &mut Writer) {
        tree.begin("serial", Some(map::UART));
        tree.strings("compatible", ["ns16550a"].into_iter());
        tree.region("reg", map::UART, 0x100);
        tree.cells("clock-frequency", &[UART_CLOCK]);
        tree.cells("interrupt-parent", &[handle::LINES]);
        match self.aia {
            Some(_) => tree.cells("interrupts", &[map::UART_IRQ, LEVEL_HIGH]),
            None => tree.cells("interrupts", &[map::UART_IRQ]),
        }
        tree.end();
    }
}
