//! The guest's device tree: one hart, memory, and the serial port.

use alloc::format;
use alloc::vec::Vec;

use vm_fdt::{Error, FdtWriter};

use crate::device::{UART, UART_SIZE};
use crate::image::MEMORY;

const ISA: &str = "rv64imafdc_zicntr_zicsr_zifencei_sstc";

/// The tree of a guest with `memory` bytes whose `time` counts `timebase` ticks a second.
pub fn build(memory: u64, timebase: u32, bootargs: &str) -> Result<Vec<u8>, Error> {
    let mut fdt = FdtWriter::new()?;
    let root = fdt.begin_node("")?;
    fdt.property_u32("#address-cells", 2)?;
    fdt.property_u32("#size-cells", 2)?;
    fdt.property_string("compatible", "hyp,guest")?;
    let uart_name = format!("serial@{UART:x}");
    let chosen = fdt.begin_node("chosen")?;
    fdt.property_string("bootargs", bootargs)?;
    fdt.property_string("stdout-path", &format!("/soc/{uart_name}"))?;
    fdt.end_node(chosen)?;
    let node = fdt.begin_node(&format!("memory@{MEMORY:x}"))?;
    fdt.property_string("device_type", "memory")?;
    fdt.property_array_u64("reg", &[MEMORY, memory])?;
    fdt.end_node(node)?;
    cpus(&mut fdt, timebase)?;
    let soc = fdt.begin_node("soc")?;
    fdt.property_u32("#address-cells", 2)?;
    fdt.property_u32("#size-cells", 2)?;
    fdt.property_string("compatible", "simple-bus")?;
    fdt.property_null("ranges")?;
    let uart = fdt.begin_node(&uart_name)?;
    fdt.property_string("compatible", "ns16550a")?;
    fdt.property_array_u64("reg", &[UART, UART_SIZE])?;
    fdt.property_u32("clock-frequency", 3_686_400)?;
    fdt.end_node(uart)?;
    fdt.end_node(soc)?;
    fdt.end_node(root)?;
    fdt.finish()
}

fn cpus(fdt: &mut FdtWriter, timebase: u32) -> Result<(), Error> {
    let cpus = fdt.begin_node("cpus")?;
    fdt.property_u32("#address-cells", 1)?;
    fdt.property_u32("#size-cells", 0)?;
    fdt.property_u32("timebase-frequency", timebase)?;
    let cpu = fdt.begin_node("cpu@0")?;
    fdt.property_string("device_type", "cpu")?;
    fdt.property_u32("reg", 0)?;
    fdt.property_string("status", "okay")?;
    fdt.property_string("compatible", "riscv")?;
    fdt.property_string("riscv,isa", ISA)?;
    fdt.property_string("mmu-type", "riscv,sv39")?;
    fdt.end_node(cpu)?;
    fdt.end_node(cpus)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_tree_is_flat() {
        let tree = super::build(1 << 30, 10_000_000, "lines=3").unwrap();
        assert_eq!(tree[..4], [0xd0, 0x0d, 0xfe, 0xed]);
    }
}
