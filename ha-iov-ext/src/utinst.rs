//! What a handler learns from `utinst`: the access without looking at the guest's memory (manual 2.3; ha-iov 8.3).

/// A redirected access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// A store; else a load.
    pub store: bool,
    /// Bytes: 1, 2, 4 or 8.
    pub size: u8,
    /// A load that sign-extends.
    pub signed: bool,
    /// The register loaded or stored, 0 to 31.
    pub register: u8,
    /// Bytes of the instruction itself, by which `uepc` must advance: 2 or 4.
    pub length: u8,
}

const LOAD: u64 = 0x03;
const STORE: u64 = 0x23;

/// Whether `utinst` is of a store. This function and those below take the value of a redirected access, as hardware wrote it.
#[inline]
pub const fn is_store(utinst: u64) -> bool {
    utinst & (STORE ^ LOAD) != 0
}

/// log2 of the bytes that it moves.
#[inline]
pub const fn size_log2(utinst: u64) -> u32 {
    (utinst >> 12 & 3) as u32
}

/// Whether a load sign-extends.
#[inline]
pub const fn is_signed(utinst: u64) -> bool {
    utinst >> 14 & 1 == 0
}

/// The register that a load writes.
#[inline]
pub const fn load_register(utinst: u64) -> usize {
    (utinst >> 7 & 31) as usize
}

/// The register that a store reads.
#[inline]
pub const fn store_register(utinst: u64) -> usize {
    (utinst >> 20 & 31) as usize
}

/// Bytes of the instruction.
#[inline]
pub const fn length(utinst: u64) -> u64 {
    2 + (utinst & 2)
}

/// Decodes any value. `None` if it is not the transformed form of an integer load or store.
pub const fn decode(utinst: u64) -> Option<Access> {
    let funct3 = utinst >> 12 & 7;
    let store = is_store(utinst);
    let opcode = if store { STORE } else { LOAD };
    let legal = utinst & 0x7d | 2 == opcode && if store { funct3 < 4 } else { funct3 != 7 };
    if !legal {
        return None;
    }
    let register = if store { store_register(utinst) } else { load_register(utinst) } as u8;
    let signed = !store && is_signed(utinst);
    Some(Access { store, size: 1 << size_log2(utinst), signed, register, length: length(utinst) as u8 })
}

/// What a load's register gets for the low bytes of `value`.
#[inline]
pub const fn extended(utinst: u64, value: u64) -> u64 {
    let unused = 64 - (8 << size_log2(utinst));
    if is_signed(utinst) { ((value << unused) as i64 >> unused) as u64 } else { value << unused >> unused }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loads_and_stores() {
        let load = Access { store: false, size: 4, signed: true, register: 12, length: 4 };
        assert_eq!(decode(0x0000_2603), Some(load), "lw a2");
        assert_eq!(decode(0x0000_2601), Some(Access { length: 2, ..load }), "c.lw a2");
        assert_eq!(decode(0x0000_6603), Some(Access { signed: false, ..load }), "lwu a2");
        let store = Access { store: true, size: 8, signed: false, register: 11, length: 4 };
        assert_eq!(decode(0x00b0_3023), Some(store), "sd a1");
        assert_eq!(decode(0x00b0_3021), Some(Access { length: 2, ..store }), "c.sd a1");
    }

    #[test]
    fn anything_else_is_none() {
        for utinst in [0, 0x3000, 0x0000_7003, 0x0000_4023, 0x06b0_262f, 0x0000_2607, 0x13] {
            assert_eq!(decode(utinst), None, "{utinst:#x}");
        }
    }

    #[test]
    fn extension() {
        let load = |funct3: u64| funct3 << 12 | LOAD;
        assert_eq!(extended(load(0), 0x1ff), u64::MAX, "lb");
        assert_eq!(extended(load(4), 0x1ff), 0xff, "lbu");
        assert_eq!(extended(load(2), 0xffff_ffff), u64::MAX, "lw");
        assert_eq!(extended(load(3), 1 << 63), 1 << 63, "ld");
    }
}
