//! Decoding of the guest's loads and stores, from the transformed instruction
//! of `htinst` (or `utinst`), or from the instruction itself when the hardware
//! does not give one. Only explicit integer accesses are recognised: whatever
//! else touches a device address is the guest's mistake.

/// What a load does with the bytes that it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extend {
    /// Sign extension (LB, LH, LW, LD).
    Sign,
    /// Zero extension (LBU, LHU, LWU).
    Zero,
}

/// An integer load or store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// Load or store with its register.
    pub kind: Kind,
    /// log2 of the bytes accessed.
    pub size_log2: u32,
    /// Length of the instruction, 2 or 4.
    pub insn_len: usize,
}

/// Direction of an access, with the register that is written or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `rd` gets the value, extended.
    Load {
        /// Destination register.
        rd: usize,
        /// How narrow values are extended.
        extend: Extend,
    },
    /// `rs2` is stored.
    Store {
        /// Source register.
        rs2: usize,
    },
}

impl Access {
    /// Bytes accessed.
    pub const fn len(&self) -> u32 {
        1 << self.size_log2
    }

    /// Never: an access has at least one byte.
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// The value of `rd` for a load that found `data`.
    pub const fn extend(size_log2: u32, extend: Extend, data: u64) -> u64 {
        let unused = 64 - (8 << size_log2);
        match extend {
            Extend::Sign => (((data << unused) as i64) >> unused) as u64,
            Extend::Zero => (data << unused) >> unused,
        }
    }
}

const OPCODE_LOAD: u32 = 0x03;
const OPCODE_STORE: u32 = 0x23;

const fn bits(word: u32, low: u32, count: u32) -> u32 {
    (word >> low) & ((1 << count) - 1)
}

/// Decodes a transformed instruction. Bit 1 tells the length of the original:
/// 0 for a compressed one (hypervisor extension, "Transformed Instruction").
/// The pseudoinstructions of implicit accesses (bit 0 clear) give `None`.
#[inline]
pub const fn decode_transformed(tinst: u64) -> Option<Access> {
    if tinst & 1 == 0 || tinst >> 32 != 0 {
        return None;
    }
    let insn_len = if tinst & 2 != 0 { 4 } else { 2 };
    decode_wide(tinst as u32 | 2, insn_len)
}

/// Decodes an instruction as fetched; `raw` holds at least its own parcels.
pub const fn decode(raw: u32) -> Option<Access> {
    if raw & 3 == 3 { decode_wide(raw, 4) } else { decode_compressed(raw) }
}

#[inline]
const fn decode_wide(word: u32, insn_len: usize) -> Option<Access> {
    let funct3 = bits(word, 12, 3);
    let kind = match word & 0x7f {
        OPCODE_LOAD if funct3 != 7 => Kind::Load {
            rd: bits(word, 7, 5) as usize,
            extend: if funct3 & 4 == 0 { Extend::Sign } else { Extend::Zero },
        },
        OPCODE_STORE if funct3 < 4 => Kind::Store { rs2: bits(word, 20, 5) as usize },
        _ => return None,
    };
    Some(Access { kind, size_log2: funct3 & 3, insn_len })
}

/// Quadrants 0 and 2: C.LW, C.LD, C.SW, C.SD, their sp forms, and Zcb's bytes
/// and halfwords.
const fn decode_compressed(raw: u32) -> Option<Access> {
    let narrow = 8 + bits(raw, 2, 3) as usize;
    let sp_rd = bits(raw, 7, 5) as usize;
    let sp_rs2 = bits(raw, 2, 5) as usize;
    let (kind, size_log2) = match (raw & 3, bits(raw, 13, 3)) {
        (0, 0b010) => (load(narrow), 2),
        (0, 0b011) => (load(narrow), 3),
        (0, 0b110) => (Kind::Store { rs2: narrow }, 2),
        (0, 0b111) => (Kind::Store { rs2: narrow }, 3),
        (0, 0b100) => return decode_zcb(raw, narrow),
        (2, 0b010) if sp_rd != 0 => (load(sp_rd), 2),
        (2, 0b011) if sp_rd != 0 => (load(sp_rd), 3),
        (2, 0b110) => (Kind::Store { rs2: sp_rs2 }, 2),
        (2, 0b111) => (Kind::Store { rs2: sp_rs2 }, 3),
        _ => return None,
    };
    Some(Access { kind, size_log2, insn_len: 2 })
}

const fn load(rd: usize) -> Kind {
    Kind::Load { rd, extend: Extend::Sign }
}

/// Zcb: C.LBU, C.LHU, C.LH, C.SB, C.SH.
const fn decode_zcb(raw: u32, reg: usize) -> Option<Access> {
    let zero = Kind::Load { rd: reg, extend: Extend::Zero };
    let (kind, size_log2) = match (bits(raw, 10, 3), bits(raw, 6, 1)) {
        (0, _) => (zero, 0),
        (1, 0) => (zero, 1),
        (1, _) => (load(reg), 1),
        (2, _) => (Kind::Store { rs2: reg }, 0),
        (3, 0) => (Kind::Store { rs2: reg }, 1),
        _ => return None,
    };
    Some(Access { kind, size_log2, insn_len: 2 })
}

#[cfg(test)]
mod tests {
    use super::{Access, Extend, Kind, decode, decode_transformed};

    fn load(rd: usize, extend: Extend, size_log2: u32, insn_len: usize) -> Option<Access> {
        Some(Access { kind: Kind::Load { rd, extend }, size_log2, insn_len })
    }

    fn store(rs2: usize, size_log2: u32, insn_len: usize) -> Option<Access> {
        Some(Access { kind: Kind::Store { rs2 }, size_log2, insn_len })
    }

    #[test]
    fn wide_forms() {
        assert_eq!(decode(0x0005_4503), load(10, Extend::Zero, 0, 4)); // lbu a0,0(a0)
        assert_eq!(decode(0x0005_0503), load(10, Extend::Sign, 0, 4)); // lb a0,0(a0)
        assert_eq!(decode(0x0005_6503), load(10, Extend::Zero, 2, 4)); // lwu a0,0(a0)
        assert_eq!(decode(0x00b5_0023), store(11, 0, 4)); // sb a1,0(a0)
        assert_eq!(decode(0x00b5_3023), store(11, 3, 4)); // sd a1,0(a0)
        assert_eq!(decode(0x0005_7503), None); // funct3 7 is reserved
        assert_eq!(decode(0x00b5_4023), None);
        assert_eq!(decode(0x0005_2507), None); // flw
        assert_eq!(decode(0x1005_252f), None); // lr.w
    }

    #[test]
    fn compressed_forms() {
        assert_eq!(decode(0x4108), load(10, Extend::Sign, 2, 2)); // c.lw a0,0(a0)
        assert_eq!(decode(0x6108), load(10, Extend::Sign, 3, 2)); // c.ld a0,0(a0)
        assert_eq!(decode(0xc10c), store(11, 2, 2)); // c.sw a1,0(a0)
        assert_eq!(decode(0xe10c), store(11, 3, 2)); // c.sd a1,0(a0)
        assert_eq!(decode(0x4502), load(10, Extend::Sign, 2, 2)); // c.lwsp a0,0(sp)
        assert_eq!(decode(0xe02e), store(11, 3, 2)); // c.sdsp a1,0(sp)
        assert_eq!(decode(0x6002), None); // c.ldsp x0 is reserved
        assert_eq!(decode(0x8108), load(10, Extend::Zero, 0, 2)); // c.lbu a0,0(a0)
        assert_eq!(decode(0x2108), None); // c.fld
    }

    #[test]
    fn the_transformed_instruction_tells_the_length() {
        assert_eq!(decode_transformed(0x4503), load(10, Extend::Zero, 0, 4));
        assert_eq!(decode_transformed(0x2501), load(10, Extend::Sign, 2, 2));
        assert_eq!(decode_transformed(0x00b0_0023), store(11, 0, 4));
        assert_eq!(decode_transformed(0), None);
        assert_eq!(decode_transformed(0x3000), None); // implicit access
        assert_eq!(decode_transformed(0x3020), None);
    }

    #[test]
    fn narrow_values_are_extended() {
        assert_eq!(Access::extend(0, Extend::Sign, 0xabcd_0080), 0xffff_ffff_ffff_ff80);
        assert_eq!(Access::extend(0, Extend::Zero, 0xabcd_0080), 0x80);
        assert_eq!(Access::extend(2, Extend::Sign, 0x8000_0000), 0xffff_ffff_8000_0000);
        assert_eq!(Access::extend(3, Extend::Sign, u64::MAX), u64::MAX);
    }
}
