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

/// Decodes the value of `utinst`. `None` if it is not the transformed form of an integer load or store.
#[inline]
pub const fn decode(utinst: u64) -> Option<Access> {
    let length = if utinst & 2 != 0 { 4 } else { 2 };
    let funct3 = utinst >> 12 & 7;
    let size = 1 << (funct3 & 3);
    match utinst & 0x7d | 2 {
        opcode if opcode == LOAD && funct3 != 7 => {
            let register = (utinst >> 7 & 31) as u8;
            Some(Access { store: false, size, signed: funct3 < 4, register, length })
        }
        opcode if opcode == STORE && funct3 < 4 => {
            let register = (utinst >> 20 & 31) as u8;
            Some(Access { store: true, size, signed: false, register, length })
        }
        _ => None,
    }
}

impl Access {
    /// What the register gets for the low `size` bytes of `value`.
    #[inline]
    pub const fn extend(&self, value: u64) -> u64 {
        let unused = 64 - 8 * self.size as u32;
        if self.signed { ((value << unused) as i64 >> unused) as u64 } else { value << unused >> unused }
    }
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
        let byte = Access { store: false, size: 1, signed: true, register: 1, length: 4 };
        assert_eq!(byte.extend(0x1ff), u64::MAX);
        assert_eq!(Access { signed: false, ..byte }.extend(0x1ff), 0xff);
    }
}
