//! The guest's device tree: one hart, memory, the serial port, and the virtio slot if it has a device.

use alloc::format;
use alloc::vec::Vec;

use vm_fdt::{Error, FdtWriter};

use crate::device::{UART, UART_SIZE, VIRTIO, VIRTIO_SIZE};
use crate::image::MEMORY;

const ISA: &str = "rv64imafdc_zicntr_zicsr_zifencei_sstc";

/// What the tree says of the virtio device.
#[derive(Clone, Copy, Debug)]
pub struct Virtio {
    /// Used buffers come as a message, acknowledged without the device.
    pub message: bool,
    /// The number of queue 0's virtual event interrupt, by which the driver notifies; the others follow. Else it writes to the device.
    pub veirq: Option<u32>,
}

/// The tree of a guest with `memory` bytes whose `time` counts `timebase` ticks a second.
pub fn build(memory: u64, timebase: u32, bootargs: &str, virtio: Option<Virtio>) -> Result<Vec<u8>, Error> {
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
    if let Some(virtio) = virtio {
        slot(&mut fdt, virtio)?;
    }
    fdt.end_node(soc)?;
    fdt.end_node(root)?;
    fdt.finish()
}

fn slot(fdt: &mut FdtWriter, virtio: Virtio) -> Result<(), Error> {
    let node = fdt.begin_node(&format!("virtio_mmio@{VIRTIO:x}"))?;
    fdt.property_string("compatible", "virtio,mmio")?;
    fdt.property_array_u64("reg", &[VIRTIO, VIRTIO_SIZE])?;
    if virtio.message {
        fdt.property_null("hyp,message-interrupt")?;
    }
    if let Some(first) = virtio.veirq {
        fdt.property_u32("haiov,veirq", first)?;
    }
    fdt.end_node(node)
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
pub(crate) mod tests {
    use std::collections::BTreeMap;

    /// Properties by path, read as the Devicetree Specification (5.4) lays them out.
    pub(crate) fn properties(tree: &[u8]) -> BTreeMap<String, Vec<u8>> {
        let word = |at: usize| u32::from_be_bytes(tree[at..at + 4].try_into().unwrap()) as usize;
        let text = |at: usize| String::from_utf8(tree[at..].iter().copied().take_while(|c| *c != 0).collect()).unwrap();
        assert_eq!((word(0), word(4)), (0xd00d_feed, tree.len()));
        let (mut at, strings) = (word(8), word(12));
        let (mut path, mut found) = (Vec::new(), BTreeMap::new());
        loop {
            let token = word(at);
            at += 4;
            match token {
                1 => {
                    path.push(text(at));
                    at += path.last().unwrap().len() + 1;
                }
                2 => drop(path.pop()),
                3 => {
                    let (len, name) = (word(at), text(strings + word(at + 4)));
                    found.insert(format!("{}/{name}", path.join("/")), tree[at + 8..at + 8 + len].to_vec());
                    at += 8 + len;
                }
                9 => break,
                other => panic!("token {other}"),
            }
            at = at.next_multiple_of(4);
        }
        assert!(path.is_empty());
        found
    }

    pub(crate) fn cells(numbers: &[u32]) -> Vec<u8> {
        numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
    }

    #[test]
    fn a_guest_finds_all_that_it_has() {
        let virtio = super::Virtio { message: true, veirq: Some(1) };
        let tree = super::build(6 << 30, 10_000_000, "lines=3", Some(virtio)).unwrap();
        let properties = properties(&tree);
        let expected: [(&str, Vec<u8>); 14] = [
            ("/soc/virtio_mmio@10001000/reg", cells(&[0, 0x1000_1000, 0, 0x1000])),
            ("/soc/virtio_mmio@10001000/hyp,message-interrupt", Vec::new()),
            ("/soc/virtio_mmio@10001000/haiov,veirq", cells(&[1])),
            ("/#address-cells", cells(&[2])),
            ("/#size-cells", cells(&[2])),
            ("/chosen/bootargs", b"lines=3\0".to_vec()),
            ("/chosen/stdout-path", b"/soc/serial@10000000\0".to_vec()),
            ("/memory@80000000/device_type", b"memory\0".to_vec()),
            ("/memory@80000000/reg", cells(&[0, 0x8000_0000, 1, 0x8000_0000])),
            ("/cpus/timebase-frequency", cells(&[10_000_000])),
            ("/cpus/cpu@0/reg", cells(&[0])),
            ("/soc/ranges", Vec::new()),
            ("/soc/serial@10000000/compatible", b"ns16550a\0".to_vec()),
            ("/soc/serial@10000000/reg", cells(&[0, 0x1000_0000, 0, 0x1000])),
        ];
        for (path, value) in expected {
            assert_eq!(properties.get(path), Some(&value), "{path}");
        }
    }
}
