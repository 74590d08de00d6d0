//! What a redirected access does, once the guest's registers are in memory (HA-IOV manual 2.3).

use ha_iov_ext::utinst;

use crate::device::Bus;

/// Does the access that `utinst` tells of, at guest physical address `gpa`, between the devices and the guest's registers `x`. The result is
/// by how much the guest's pc advances; `None` if no device answers, and then nothing has changed.
#[inline]
pub fn serve<B: Bus>(devices: &mut B, x: &mut [u64; 32], utinst: u64, gpa: u64) -> Option<u64> {
    if utinst::is_store(utinst) {
        devices.write(gpa, 1 << utinst::size_log2(utinst), x[utinst::store_register(utinst)])?;
    } else {
        load(devices, x, utinst, gpa)?;
    }
    Some(utinst::length(utinst))
}

// Apart, since it needs more registers kept than a store, which would have to save them too.
#[inline(never)]
fn load<B: Bus>(devices: &mut B, x: &mut [u64; 32], utinst: u64, gpa: u64) -> Option<()> {
    let value = devices.read(gpa, 1 << utinst::size_log2(utinst))?;
    x[utinst::load_register(utinst)] = utinst::extended(utinst, value);
    // The load may have gone to the place of x0, which a store reads.
    x[0] = 0;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::{Devices, UART, uart16550::Uart16550};

    const SCR: u64 = UART + 7;
    /// funct3 of the loads: mnemonic, bytes, whether they extend the sign.
    const LOADS: [(u64, &str, u32, bool); 7] = [
        (0, "lb", 1, true),
        (1, "lh", 2, true),
        (2, "lw", 4, true),
        (3, "ld", 8, false),
        (4, "lbu", 1, false),
        (5, "lhu", 2, false),
        (6, "lwu", 4, false),
    ];

    fn devices() -> Devices<Vec<u8>> {
        Devices { uart: Uart16550::new(Vec::new()), virtio: None }
    }

    fn registers() -> [u64; 32] {
        core::array::from_fn(|n| if n == 0 { 0 } else { 0x8080_8080_8080_8080 + n as u64 })
    }

    /// Low bits of `utinst`, and the length that they stand for.
    fn lengths(opcode: u64) -> [(u64, u64); 2] {
        [(opcode, 4), (opcode & !2, 2)]
    }

    #[test]
    fn loads_of_every_kind_into_every_register() {
        for (funct3, name, bytes, signed) in LOADS {
            for (opcode, length) in lengths(0x03) {
                for rd in 0..32 {
                    let (mut devices, mut x) = (devices(), registers());
                    devices.write(SCR, 1, 0xa5);
                    let utinst = opcode | (rd as u64) << 7 | funct3 << 12;
                    assert_eq!(serve(&mut devices, &mut x, utinst, SCR), Some(length), "{name} x{rd}");
                    let mut expected = registers();
                    expected[rd] = if signed && bytes == 1 { 0xffff_ffff_ffff_ffa5 } else { 0xa5 };
                    expected[0] = 0;
                    assert_eq!(x, expected, "{name} x{rd}");
                }
            }
        }
    }

    #[test]
    fn stores_of_every_width_from_every_register() {
        for funct3 in 0..4 {
            for (opcode, length) in lengths(0x23) {
                for rs2 in 0..32 {
                    let (mut devices, mut x) = (devices(), registers());
                    let utinst = opcode | (rs2 as u64) << 20 | funct3 << 12;
                    assert_eq!(serve(&mut devices, &mut x, utinst, SCR), Some(length));
                    assert_eq!(x, registers(), "a store changes no register");
                    let expected = if rs2 == 0 { 0 } else { 0x80 + rs2 as u64 };
                    assert_eq!(devices.read(SCR, 1), Some(expected), "x{rs2}, width {funct3}");
                }
            }
        }
    }

    #[test]
    fn a_load_to_x0_is_not_seen_by_a_store_of_x0() {
        let (mut devices, mut x) = (devices(), registers());
        devices.write(SCR, 1, 0xa5);
        assert_eq!(serve(&mut devices, &mut x, 0x4003, SCR), Some(4), "lbu x0");
        assert_eq!(serve(&mut devices, &mut x, 0x0023, SCR), Some(4), "sb x0");
        assert_eq!(devices.read(SCR, 1), Some(0));
    }

    /// The registers here are a byte wide; what wider devices would need is checked by itself.
    #[test]
    fn wide_values_are_cut_and_extended() {
        for (funct3, name, bytes, signed) in LOADS {
            let bits = 8 * bytes;
            for value in [0, 1, u64::MAX, 1 << (bits - 1), 0x8182_8384_8586_8788] {
                let low = if bits == 64 { value } else { value % (1 << bits) };
                let negative = signed && low >> (bits - 1) == 1;
                let expected = if negative { low | (u64::MAX << (bits - 1)) } else { low };
                assert_eq!(utinst::extended(0x03 | funct3 << 12, value), expected, "{name} {value:#x}");
            }
        }
    }

    #[test]
    fn where_no_device_is_nothing_changes() {
        for utinst in [0x4283, 0x0050_0023] {
            let (mut devices, mut x) = (devices(), registers());
            assert_eq!(serve(&mut devices, &mut x, utinst, UART + 0x1000), None);
            assert_eq!(x, registers());
            assert!(devices.uart.sink().is_empty());
        }
    }
}
