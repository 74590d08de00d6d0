//! The guest's device tree.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use monitor::plic;
use vm_fdt::{Error, FdtWriter};

use crate::aia::{self, Ids};
use crate::isa::Isa;
use crate::map;

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
    /// The tree.
    ///
    /// # Errors
    /// A text of the machine's has a NUL in it.
    pub fn build(&self) -> Result<Vec<u8>, Error> {
        let mut fdt = FdtWriter::new()?;
        let root = fdt.begin_node("")?;
        fdt.property_u32("#address-cells", 2)?;
        fdt.property_u32("#size-cells", 2)?;
        fdt.property_string("compatible", "linux,dummy-virt")?;
        fdt.property_string("model", "lightkvm")?;
        self.chosen(&mut fdt)?;
        let memory = fdt.begin_node(&format!("memory@{:x}", map::RAM))?;
        fdt.property_string("device_type", "memory")?;
        fdt.property_array_u64("reg", &[map::RAM, self.memory])?;
        fdt.end_node(memory)?;
        self.harts(&mut fdt)?;
        let soc = fdt.begin_node("soc")?;
        fdt.property_string("compatible", "simple-bus")?;
        fdt.property_u32("#address-cells", 2)?;
        fdt.property_u32("#size-cells", 2)?;
        fdt.property_null("ranges")?;
        match self.aia {
            Some(ids) => self.message_controllers(&mut fdt, ids)?,
            None => self.line_controller(&mut fdt)?,
        }
        self.uart(&mut fdt)?;
        fdt.end_node(soc)?;
        fdt.end_node(root)?;
        fdt.finish()
    }

    fn chosen(&self, fdt: &mut FdtWriter) -> Result<(), Error> {
        let chosen = fdt.begin_node("chosen")?;
        fdt.property_string("bootargs", self.append)?;
        fdt.property_string("stdout-path", &format!("/soc/serial@{:x}", map::UART))?;
        if let Some((start, end)) = self.initrd {
            fdt.property_u64("linux,initrd-start", start)?;
            fdt.property_u64("linux,initrd-end", end)?;
        }
        fdt.end_node(chosen)
    }

    fn harts(&self, fdt: &mut FdtWriter) -> Result<(), Error> {
        let cpus = fdt.begin_node("cpus")?;
        fdt.property_u32("#address-cells", 1)?;
        fdt.property_u32("#size-cells", 0)?;
        fdt.property_u32("timebase-frequency", self.frequency)?;
        for hart in 0..self.vcpus as u32 {
            let cpu = fdt.begin_node(&format!("cpu@{hart:x}"))?;
            fdt.property_string("device_type", "cpu")?;
            fdt.property_string("compatible", "riscv")?;
            fdt.property_string("status", "okay")?;
            fdt.property_u32("reg", hart)?;
            self.abilities(fdt)?;
            let controller = fdt.begin_node("interrupt-controller")?;
            fdt.property_string("compatible", "riscv,cpu-intc")?;
            fdt.property_u32("#interrupt-cells", 1)?;
            fdt.property_null("interrupt-controller")?;
            fdt.property_phandle(handle::HARTS + hart)?;
            fdt.end_node(controller)?;
            fdt.end_node(cpu)?;
        }
        fdt.end_node(cpus)
    }

    /// What each hart can do.
    fn abilities(&self, fdt: &mut FdtWriter) -> Result<(), Error> {
        fdt.property_string("riscv,isa", &self.isa.pieces().collect::<String>())?;
        fdt.property_string("riscv,isa-base", "rv64i")?;
        fdt.property_string_list("riscv,isa-extensions", self.isa.names().map(ToString::to_string).collect())?;
        let mmu = match self.satp_mode {
            10 => "riscv,sv57",
            9 => "riscv,sv48",
            _ => "riscv,sv39",
        };
        fdt.property_string("mmu-type", mmu)?;
        for (name, size) in ["riscv,cbom-block-size", "riscv,cboz-block-size"].iter().zip(self.blocks) {
            if size != 0 {
                fdt.property_u32(name, size)?;
            }
        }
        Ok(())
    }

    /// The external interrupt of every hart.
    fn external_interrupts(&self) -> Vec<u32> {
        (0..self.vcpus as u32).flat_map(|hart| [handle::HARTS + hart, EXTERNAL]).collect()
    }

    fn line_controller(&self, fdt: &mut FdtWriter) -> Result<(), Error> {
        let node = fdt.begin_node(&format!("interrupt-controller@{:x}", map::PLIC))?;
        fdt.property_string_list("compatible", ["sifive,plic-1.0.0", "riscv,plic0"].map(String::from).to_vec())?;
        fdt.property_array_u64("reg", &[map::PLIC, plic::SIZE])?;
        fdt.property_u32("#interrupt-cells", 1)?;
        fdt.property_u32("#address-cells", 0)?;
        fdt.property_null("interrupt-controller")?;
        fdt.property_u32("riscv,ndev", plic::SOURCES)?;
        fdt.property_array_u32("interrupts-extended", &self.external_interrupts())?;
        fdt.property_phandle(handle::LINES)?;
        fdt.end_node(node)
    }

    fn message_controllers(&self, fdt: &mut FdtWriter, ids: Ids) -> Result<(), Error> {
        let imsic = fdt.begin_node(&format!("interrupt-controller@{:x}", map::IMSIC))?;
        fdt.property_string("compatible", "riscv,imsics")?;
        fdt.property_array_u64("reg", &[map::IMSIC, map::IMSIC_SIZE * self.vcpus as u64])?;
        fdt.property_u32("#interrupt-cells", 0)?;
        fdt.property_null("interrupt-controller")?;
        fdt.property_null("msi-controller")?;
        fdt.property_u32("#msi-cells", 0)?;
        fdt.property_u32("riscv,num-ids", ids.0)?;
        fdt.property_array_u32("interrupts-extended", &self.external_interrupts())?;
        fdt.property_phandle(handle::IMSIC)?;
        fdt.end_node(imsic)?;
        let aplic = fdt.begin_node(&format!("interrupt-controller@{:x}", map::APLIC))?;
        fdt.property_string("compatible", "riscv,aplic")?;
        fdt.property_array_u64("reg", &[map::APLIC, map::APLIC_SIZE])?;
        fdt.property_u32("#interrupt-cells", 2)?;
        fdt.property_u32("#address-cells", 0)?;
        fdt.property_null("interrupt-controller")?;
        fdt.property_u32("riscv,num-sources", aia::SOURCES)?;
        fdt.property_u32("msi-parent", handle::IMSIC)?;
        fdt.property_phandle(handle::LINES)?;
        fdt.end_node(aplic)
    }

    fn uart(&self, fdt: &mut FdtWriter) -> Result<(), Error> {
        let node = fdt.begin_node(&format!("serial@{:x}", map::UART))?;
        fdt.property_string("compatible", "ns16550a")?;
        fdt.property_array_u64("reg", &[map::UART, 0x100])?;
        fdt.property_u32("clock-frequency", UART_CLOCK)?;
        fdt.property_u32("interrupt-parent", handle::LINES)?;
        match self.aia {
            Some(_) => fdt.property_array_u32("interrupts", &[map::UART_IRQ, LEVEL_HIGH])?,
            None => fdt.property_u32("interrupts", map::UART_IRQ)?,
        }
        fdt.end_node(node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_finds_what_was_written() {
        let machine = Machine {
            vcpus: 2,
            memory: 1 << 28,
            isa: Isa::from_bits(0b110_1111),
            satp_mode: 9,
            blocks: [64, 0],
            frequency: 10_000_000,
            aia: None,
            append: "a=b",
            initrd: Some((0x8800_0000, 0x8800_1000)),
        };
        let bytes = machine.build().unwrap();
        let tree = fdt::Fdt::new(&bytes).unwrap();
        let node = |path: &str| tree.find(path).unwrap_or_else(|| panic!("{path}"));
        assert_eq!(node("/chosen").property("bootargs"), Some(&b"a=b\0"[..]));
        assert_eq!(node("/cpus/cpu@1").property("mmu-type"), Some(&b"riscv,sv48\0"[..]));
        assert_eq!(node("/cpus/cpu@1").property("riscv,isa"), Some(&b"rv64imafdc\0"[..]));
        assert_eq!(node("/cpus/cpu@0").property("riscv,cboz-block-size"), None);
        let lines = node("/soc/interrupt-controller@c000000").property("interrupts-extended").unwrap();
        assert_eq!(lines, [0, 0, 0, 0x10, 0, 0, 0, 9, 0, 0, 0, 0x11, 0, 0, 0, 9]);
        let with_aia = Machine { aia: Some(Ids(63)), ..machine }.build().unwrap();
        let tree = fdt::Fdt::new(&with_aia).unwrap();
        assert!(tree.find("/soc/interrupt-controller@c000000").is_none());
        assert_eq!(tree.find("/soc/serial@10000000").unwrap().property("interrupts").unwrap().len(), 8);
    }
}
