//! The device tree, made from the board's own map.

use rv_hart::sem::block::BLOCK_SIZE;
use rv_isa::{Isa, IsaSet};
use vm_fdt::{Error, FdtWriter};

use crate::board::TIMEBASE_HZ;
use crate::interrupts::Aia;
use crate::map::{DEVICES, Part, RAM_BASE, Range, Row, devices};

const TEST_PHANDLE: u32 = 0x1001;
/// Interrupt numbers at a hart: M and S software, timer.
const S_SOFTWARE: u32 = 1;
const M_SOFTWARE: u32 = 3;
const M_TIMER: u32 = 7;

/// What the tree says of the machine.
#[derive(Clone, Debug)]
pub struct Tree {
    /// Harts.
    pub harts: u32,
    /// Bytes of memory.
    pub memory: u64,
    /// The harts' extensions.
    pub isa: IsaSet,
    /// Names of further extensions.
    pub further: Vec<String>,
    /// Interrupt controllers.
    pub aia: Aia,
    /// Whether there is a real-time clock.
    pub rtc: bool,
}

/// What boot software is told.
#[derive(Clone, Debug, Default)]
pub struct Chosen {
    /// Command line.
    pub append: Option<String>,
    /// Where the initial archive is.
    pub initrd: Option<Range>,
}

impl Tree {
    /// The flattened tree.
    pub fn build(&self, chosen: &Chosen) -> Vec<u8> {
        self.write(chosen).expect("names and properties are fixed and legal")
    }

    fn write(&self, chosen: &Chosen) -> Result<Vec<u8>, Error> {
        let mut fdt = FdtWriter::new()?;
        let root = fdt.begin_node("")?;
        fdt.property_u32("#address-cells", 2)?;
        fdt.property_u32("#size-cells", 2)?;
        fdt.property_string("compatible", "riscv-virtio")?;
        fdt.property_string("model", "riscv-virtio,qemu")?;
        write_chosen(&mut fdt, chosen)?;
        let memory = fdt.begin_node(&format!("memory@{RAM_BASE:x}"))?;
        fdt.property_string("device_type", "memory")?;
        fdt.property_array_u64("reg", &[RAM_BASE, self.memory])?;
        fdt.end_node(memory)?;
        self.write_cpus(&mut fdt)?;
        self.write_soc(&mut fdt)?;
        write_power(&mut fdt)?;
        fdt.end_node(root)?;
        fdt.finish()
    }

    fn write_cpus(&self, fdt: &mut FdtWriter) -> Result<(), Error> {
        let cpus = fdt.begin_node("cpus")?;
        fdt.property_u32("#address-cells", 1)?;
        fdt.property_u32("#size-cells", 0)?;
        fdt.property_u32("timebase-frequency", TIMEBASE_HZ)?;
        for hart in 0..self.harts {
            let cpu = fdt.begin_node(&format!("cpu@{hart:x}"))?;
            fdt.property_string("device_type", "cpu")?;
            fdt.property_u32("reg", hart)?;
            fdt.property_string("status", "okay")?;
            fdt.property_string("compatible", "riscv")?;
            self.write_isa(fdt)?;
            let intc = fdt.begin_node("interrupt-controller")?;
            fdt.property_u32("#address-cells", 0)?;
            fdt.property_u32("#interrupt-cells", 1)?;
            fdt.property_null("interrupt-controller")?;
            fdt.property_string("compatible", "riscv,cpu-intc")?;
            fdt.property_phandle(intc_phandle(hart))?;
            fdt.end_node(intc)?;
            fdt.end_node(cpu)?;
        }
        fdt.end_node(cpus)
    }

    fn write_isa(&self, fdt: &mut FdtWriter) -> Result<(), Error> {
        let further: String = self.further.iter().map(|name| format!("_{name}")).collect();
        fdt.property_string("riscv,isa", &format!("{}{further}", self.isa))?;
        fdt.property_string("riscv,isa-base", "rv64i")?;
        let names = self.isa.rows().map(|row| row.name.to_owned()).chain(self.further.iter().cloned());
        fdt.property_string_list("riscv,isa-extensions", names.collect())?;
        let schemes = [(Isa::Sv57, "riscv,sv57"), (Isa::Sv48, "riscv,sv48"), (Isa::Sv39, "riscv,sv39")];
        let largest = schemes.into_iter().find(|(scheme, _)| self.isa.has(*scheme));
        fdt.property_string("mmu-type", largest.map_or("riscv,none", |(_, name)| name))?;
        let block = [
            (Isa::Zicbom, "riscv,cbom-block-size"),
            (Isa::Zicbop, "riscv,cbop-block-size"),
            (Isa::Zicboz, "riscv,cboz-block-size"),
        ];
        for (_, property) in block.into_iter().filter(|(isa, _)| self.isa.has(*isa)) {
            fdt.property_u32(property, BLOCK_SIZE as u32)?;
        }
        Ok(())
    }

    fn write_soc(&self, fdt: &mut FdtWriter) -> Result<(), Error> {
        let soc = fdt.begin_node("soc")?;
        fdt.property_u32("#address-cells", 2)?;
        fdt.property_u32("#size-cells", 2)?;
        fdt.property_string("compatible", "simple-bus")?;
        fdt.property_null("ranges")?;
        for row in &devices(self.aia, self.harts as usize, self.rtc) {
            let node = fdt.begin_node(&format!("{}@{:x}", row.name, row.base))?;
            let compatible = row.compatible.iter().map(|name| (*name).to_owned()).collect();
            fdt.property_string_list("compatible", compatible)?;
            fdt.property_array_u64("reg", &[row.base, row.len])?;
            self.write_device(fdt, row)?;
            fdt.end_node(node)?;
        }
        fdt.end_node(soc)
    }

    fn write_device(&self, fdt: &mut FdtWriter, row: &Row) -> Result<(), Error> {
        match row.part {
            Part::Aclint => fdt.property_array_u32("interrupts-extended", &self.lines(&[M_SOFTWARE, M_TIMER])),
            Part::Sswi => {
                fdt.property_u32("#interrupt-cells", 0)?;
                fdt.property_u32("#address-cells", 0)?;
                fdt.property_null("interrupt-controller")?;
                fdt.property_array_u32("interrupts-extended", &self.lines(&[S_SOFTWARE]))
            }
            Part::Plic | Part::AplicMachine | Part::AplicSupervisor | Part::ImsicMachine | Part::ImsicSupervisor => {
                self.write_controller(fdt, row.part)
            }
            Part::Uart => {
                self.write_interrupt(fdt, row)?;
                fdt.property_u32("clock-frequency", 3_686_400)
            }
            Part::Virtio(_) | Part::Rtc => self.write_interrupt(fdt, row),
            Part::Finisher => fdt.property_phandle(TEST_PHANDLE),
            Part::Rom | Part::Ram => Ok(()),
        }
    }

    /// These interrupts of every hart, as `interrupts-extended` has them.
    pub(super) fn lines(&self, interrupts: &[u32]) -> Vec<u32> {
        let of_hart = |hart| interrupts.iter().flat_map(move |number| [intc_phandle(hart), *number]);
        (0..self.harts).flat_map(of_hart).collect()
    }
}

fn intc_phandle(hart: u32) -> u32 {
    hart + 1
}

fn write_chosen(fdt: &mut FdtWriter, chosen: &Chosen) -> Result<(), Error> {
    let node = fdt.begin_node("chosen")?;
    if let Some(uart) = DEVICES.iter().find(|row| row.part == Part::Uart) {
        fdt.property_string("stdout-path", &format!("/soc/{}@{:x}", uart.name, uart.base))?;
    }
    if let Some(append) = &chosen.append {
        fdt.property_string("bootargs", append)?;
    }
    if let Some(initrd) = chosen.initrd {
        fdt.property_u64("linux,initrd-start", initrd.base())?;
        fdt.property_u64("linux,initrd-end", initrd.end())?;
    }
    fdt.end_node(node)
}

/// Power-off and reboot through the finisher, as Linux's syscon drivers want it.
fn write_power(fdt: &mut FdtWriter) -> Result<(), Error> {
    for (name, value) in [("poweroff", rv_devices::finisher::PASS), ("reboot", rv_devices::finisher::RESET)] {
        let node = fdt.begin_node(name)?;
        fdt.property_string("compatible", &format!("syscon-{name}"))?;
        fdt.property_u32("regmap", TEST_PHANDLE)?;
        fdt.property_u32("offset", 0)?;
        fdt.property_u32("value", value.into())?;
        fdt.end_node(node)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_has_its_magic_and_size() {
        let isa = IsaSet::standard();
        let tree = Tree { harts: 4, memory: 1 << 30, isa, further: Vec::new(), aia: Aia::None, rtc: true };
        let bytes = tree.build(&Chosen { append: Some("x".to_owned()), initrd: Range::new(0x8800_0000, 10) });
        assert_eq!(bytes[..4], [0xd0, 0x0d, 0xfe, 0xed]);
        assert_eq!(u32::from_be_bytes(bytes[4..8].try_into().unwrap()) as usize, bytes.len());
    }
}
