//! The device tree of the board: harts, memory, interrupt controller, serial port, disks, and what the boot loader tells the kernel.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use monitor::plic;
use vm_fdt::{Error, FdtWriter};

use super::{PLIC, UART_SOURCE, VIRTIO_SOURCE};
use crate::device::{UART, UART_SIZE, VIRTIO, VIRTIO_SIZE};
use crate::image::MEMORY;

/// The controller's handle in the tree; the harts' own follow.
const PLIC_HANDLE: u32 = 1;
const FIRST_HART_HANDLE: u32 = 2;
/// A supervisor's external interrupt, at its hart.
const EXTERNAL: u32 = 9;
/// Of the serial port's oscillator, as on QEMU's board.
const UART_HZ: u32 = 3_686_400;
/// Bytes of a cache block.
const CACHE_BLOCK: u32 = 64;

/// What the tree says beyond what all boards have.
#[derive(Clone, Copy, Debug)]
pub struct Spec<'a> {
    /// Bytes of memory.
    pub memory: u64,
    /// Ticks of `time` in a second.
    pub timebase: u32,
    /// Harts.
    pub harts: usize,
    /// What the harts have beyond the base, by the names that device trees have for it.
    pub extensions: &'a [&'a str],
    /// Virtio slots with a device.
    pub slots: usize,
    /// The kernel's command line.
    pub bootargs: &'a str,
    /// Guest physical address and end of the initial archive, if there is one.
    pub initrd: Option<(u64, u64)>,
}

/// Makes the tree.
///
/// # Errors
/// A name or text has a NUL in it.
pub fn build(spec: &Spec<'_>) -> Result<Vec<u8>, Error> {
    let mut fdt = FdtWriter::new()?;
    let root = fdt.begin_node("")?;
    fdt.property_u32("#address-cells", 2)?;
    fdt.property_u32("#size-cells", 2)?;
    fdt.property_string("compatible", "hyp,board")?;
    fdt.property_string("model", "hyp,board")?;
    chosen(&mut fdt, spec)?;
    let memory = fdt.begin_node(&format!("memory@{MEMORY:x}"))?;
    fdt.property_string("device_type", "memory")?;
    fdt.property_array_u64("reg", &[MEMORY, spec.memory])?;
    fdt.end_node(memory)?;
    cpus(&mut fdt, spec)?;
    let soc = fdt.begin_node("soc")?;
    fdt.property_u32("#address-cells", 2)?;
    fdt.property_u32("#size-cells", 2)?;
    fdt.property_string("compatible", "simple-bus")?;
    fdt.property_null("ranges")?;
    controller(&mut fdt, spec.harts)?;
    let uart = fdt.begin_node(&format!("serial@{UART:x}"))?;
    fdt.property_string("compatible", "ns16550a")?;
    fdt.property_array_u64("reg", &[UART, UART_SIZE])?;
    fdt.property_u32("clock-frequency", UART_HZ)?;
    interrupt(&mut fdt, UART_SOURCE)?;
    fdt.end_node(uart)?;
    for slot in 0..spec.slots as u64 {
        let address = VIRTIO + slot * VIRTIO_SIZE;
        let node = fdt.begin_node(&format!("virtio_mmio@{address:x}"))?;
        fdt.property_string("compatible", "virtio,mmio")?;
        fdt.property_array_u64("reg", &[address, VIRTIO_SIZE])?;
        interrupt(&mut fdt, VIRTIO_SOURCE + slot as u32)?;
        fdt.end_node(node)?;
    }
    fdt.end_node(soc)?;
    fdt.end_node(root)?;
    fdt.finish()
}

fn chosen(fdt: &mut FdtWriter, spec: &Spec<'_>) -> Result<(), Error> {
    let chosen = fdt.begin_node("chosen")?;
    fdt.property_string("bootargs", spec.bootargs)?;
    fdt.property_string("stdout-path", &format!("/soc/serial@{UART:x}"))?;
    if let Some((start, end)) = spec.initrd {
        fdt.property_u64("linux,initrd-start", start)?;
        fdt.property_u64("linux,initrd-end", end)?;
    }
    fdt.end_node(chosen)
}

fn cpus(fdt: &mut FdtWriter, spec: &Spec<'_>) -> Result<(), Error> {
    let cpus = fdt.begin_node("cpus")?;
    fdt.property_u32("#address-cells", 1)?;
    fdt.property_u32("#size-cells", 0)?;
    fdt.property_u32("timebase-frequency", spec.timebase)?;
    for hart in 0..spec.harts as u32 {
        let cpu = fdt.begin_node(&format!("cpu@{hart:x}"))?;
        fdt.property_string("device_type", "cpu")?;
        fdt.property_u32("reg", hart)?;
        fdt.property_string("status", "okay")?;
        fdt.property_string("compatible", "riscv")?;
        fdt.property_string("riscv,isa", &isa_string(spec.extensions))?;
        fdt.property_string("riscv,isa-base", "rv64i")?;
        let names = spec.extensions.iter().map(|name| String::from(*name)).collect();
        fdt.property_string_list("riscv,isa-extensions", names)?;
        for blocks in ["riscv,cbom-block-size", "riscv,cbop-block-size", "riscv,cboz-block-size"] {
            fdt.property_u32(blocks, CACHE_BLOCK)?;
        }
        let own = fdt.begin_node("interrupt-controller")?;
        fdt.property_string("compatible", "riscv,cpu-intc")?;
        fdt.property_u32("#address-cells", 0)?;
        fdt.property_u32("#interrupt-cells", 1)?;
        fdt.property_null("interrupt-controller")?;
        fdt.property_phandle(FIRST_HART_HANDLE + hart)?;
        fdt.end_node(own)?;
        fdt.end_node(cpu)?;
    }
    fdt.end_node(cpus)
}

/// The older way to say what a hart has: single letters first.
fn isa_string(extensions: &[&str]) -> String {
    let mut text = String::from("rv64");
    let (letters, names): (Vec<&str>, Vec<&str>) = extensions.iter().partition(|name| name.len() == 1);
    letters.into_iter().for_each(|letter| text.push_str(letter));
    for name in names {
        text.push('_');
        text.push_str(name);
    }
    text
}

fn controller(fdt: &mut FdtWriter, harts: usize) -> Result<(), Error> {
    let node = fdt.begin_node(&format!("plic@{PLIC:x}"))?;
    fdt.property_string_list("compatible", ["sifive,plic-1.0.0", "riscv,plic0"].map(String::from).to_vec())?;
    fdt.property_array_u64("reg", &[PLIC, plic::SIZE])?;
    fdt.property_u32("#address-cells", 0)?;
    fdt.property_u32("#interrupt-cells", 1)?;
    fdt.property_null("interrupt-controller")?;
    fdt.property_u32("riscv,ndev", plic::SOURCES)?;
    let outputs: Vec<u32> = (0..harts as u32).flat_map(|hart| [FIRST_HART_HANDLE + hart, EXTERNAL]).collect();
    fdt.property_array_u32("interrupts-extended", &outputs)?;
    fdt.property_phandle(PLIC_HANDLE)?;
    fdt.end_node(node)
}

fn interrupt(fdt: &mut FdtWriter, source: u32) -> Result<(), Error> {
    fdt.property_u32("interrupts", source)?;
    fdt.property_u32("interrupt-parent", PLIC_HANDLE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::tests::{cells, properties};

    #[test]
    fn a_kernel_finds_all_that_it_needs() {
        let spec = Spec {
            memory: 1 << 30,
            timebase: 10_000_000,
            harts: 2,
            extensions: &["i", "m", "zicsr"],
            slots: 2,
            bootargs: "console=ttyS0 quiet",
            initrd: Some((0x8400_0000, 0x8400_1234)),
        };
        let properties = properties(&build(&spec).unwrap());
        let expected: [(&str, Vec<u8>); 14] = [
            ("/chosen/bootargs", b"console=ttyS0 quiet\0".to_vec()),
            ("/chosen/linux,initrd-start", cells(&[0, 0x8400_0000])),
            ("/chosen/linux,initrd-end", cells(&[0, 0x8400_1234])),
            ("/memory@80000000/reg", cells(&[0, 0x8000_0000, 0, 0x4000_0000])),
            ("/cpus/cpu@1/reg", cells(&[1])),
            ("/cpus/cpu@0/riscv,isa", b"rv64im_zicsr\0".to_vec()),
            ("/cpus/cpu@0/riscv,isa-extensions", b"i\0m\0zicsr\0".to_vec()),
            ("/cpus/cpu@0/interrupt-controller/phandle", cells(&[2])),
            ("/cpus/cpu@1/interrupt-controller/phandle", cells(&[3])),
            ("/soc/plic@c000000/interrupts-extended", cells(&[2, 9, 3, 9])),
            ("/soc/plic@c000000/phandle", cells(&[1])),
            ("/soc/serial@10000000/interrupts", cells(&[10])),
            ("/soc/virtio_mmio@10002000/reg", cells(&[0, 0x1000_2000, 0, 0x1000])),
            ("/soc/virtio_mmio@10002000/interrupts", cells(&[2])),
        ];
        for (path, value) in expected {
            assert_eq!(properties.get(path), Some(&value), "{path}");
        }
    }
}
