//! The reset vector: the first instructions of every hart, in ROM, as on QEMU's `virt`.
//!
//! Firmware finds a0 = hart number, a1 = device tree, and a2 = what OpenSBI's `fw_dynamic` calls its info structure.

use rv_isa::asm::{A0, A1, A2, T0, ZERO, addi, auipc, csrrs, jalr, ld};
use rv_isa::csr::MHARTID;

use super::place::Placed;

/// "OSBI".
const MAGIC: u64 = 0x4942_534f;
const VERSION: u64 = 2;
const SUPERVISOR: u64 = 1;
/// Offset of the data behind the code.
const DATA: i32 = 24;

/// The contents of the ROM.
pub(crate) fn reset_vector(placed: &Placed) -> Vec<u8> {
    let code = [
        auipc(T0, 0),
        addi(A2, T0, DATA + 16),
        csrrs(A0, MHARTID, ZERO),
        ld(A1, T0, DATA + 8),
        ld(T0, T0, DATA),
        jalr(ZERO, T0, 0),
    ];
    let data = [placed.entry, placed.tree, MAGIC, VERSION, placed.next, SUPERVISOR, 0, 0];
    let code = code.iter().flat_map(|word| word.to_le_bytes());
    code.chain(data.iter().flat_map(|word| word.to_le_bytes())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_follows_the_code() {
        let placed = Placed {
            entry: 0x8000_0000,
            next: 0x8020_0000,
            tree: 0x8700_0000,
            layout: Vec::new(),
            symbols: Default::default(),
        };
        let rom = reset_vector(&placed);
        let word = |at: usize| u64::from_le_bytes(rom[at..at + 8].try_into().unwrap());
        assert_eq!((word(24), word(32), word(40), word(56)), (0x8000_0000, 0x8700_0000, MAGIC, 0x8020_0000));
    }
}
