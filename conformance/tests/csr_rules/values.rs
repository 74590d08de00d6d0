//! Which values a CSR may hold: fields that are read-only zero, fixed, or without some value. One line per register or group.

use conformance::Rig;
use rv_isa::{Isa, IsaSet, csr};

/// A run of bits.
fn field(value: u64, low: u32, width: u32) -> u64 {
    value >> low & ((1 << width) - 1)
}

/// The interrupts of the VS level, and SGEI.
const VS_LEVEL: u64 = 1 << 2 | 1 << 6 | 1 << 10;
const SGEI: u64 = 1 << 12;
const S_LEVEL: u64 = 1 << 1 | 1 << 5 | 1 << 9;
const M_LEVEL: u64 = 1 << 3 | 1 << 7 | 1 << 11;
const OVERFLOW: u64 = 1 << 13;
/// Interrupts that the Advanced Interrupt Architecture lets software make up.
const LOCAL: u64 = !0 << 13;
/// Fields of sstatus that aren't WPRI: SIE, SPIE, SPP, FS, SUM, MXR, UXL, SD. There is no vector state nor other state, and data are
/// little-endian.
const SSTATUS: u64 = 1 << 1 | 1 << 5 | 1 << 8 | 3 << 13 | 1 << 18 | 1 << 19 | 3 << 32 | 1 << 63;
/// What mstatus has besides: MIE, MPIE, MPP, MPRV, TVM, TW, TSR, SXL, GVA, MPV.
const MSTATUS: u64 = SSTATUS | 1 << 3 | 1 << 7 | 3 << 11 | 1 << 17 | 7 << 20 | 3 << 34 | 3 << 38;
/// Fields of menvcfg: FIOM, CBIE, CBCFE, CBZE, PMM, ADUE, PBMTE, STCE.
const ENVCFG: u64 = 0xf1 | 3 << 32 | 7 << 61;
/// Those that senvcfg has too.
const SENVCFG: u64 = 0xf1 | 3 << 32;

/// Why `value` can't be that of CSR `number` on the hart of `rig`; `None` if it can.
pub fn illegal(rig: &Rig, number: u16, value: u64) -> Option<&'static str> {
    let reads = |number: u16| rig.hart.csr_peek(number).unwrap_or(0);
    let within = |bits: u64| value & !bits == 0;
    let isa = rig.hart.state.isa;
    let filters = if isa.has(Isa::H) { 0x1f << 58 } else { 7 << 60 };
    let (legal, rule) = match number {
        0x001 => (within(0x1f), "five flags"),
        0x002 => (within(7), "frm has three bits"),
        0x003 => (within(0xff), "fcsr has eight bits"),
        csr::MSTATUS => {
            let widths = field(value, 32, 2) == 2 && field(value, 34, 2) == 2;
            (within(MSTATUS) && status(value) && widths && field(value, 11, 2) != 2, "mstatus")
        }
        csr::SSTATUS | csr::VSSTATUS => {
            (within(SSTATUS) && status(value) && field(value, 32, 2) == 2, "sstatus, vsstatus")
        }
        csr::HSTATUS => {
            // GVA, SPV, SPVP, HU, VTVM, VTW, VTSR, VSXL, HUPMM; GEILEN is 0.
            let bits = 0xf << 6 | 7 << 20 | 3 << 32 | 3 << 48;
            (within(bits) && field(value, 32, 2) == 2 && field(value, 48, 2) != 1, "hstatus")
        }
        csr::MTVEC | csr::STVEC | csr::VSTVEC => (value & 3 < 2, "xtvec.MODE is 0 or 1"),
        csr::MEPC | csr::SEPC | csr::VSEPC => (value & 1 == 0, "xepc is even"),
        csr::SATP | csr::VSATP => (translation_mode(rig, value), "MODE"),
        csr::HGATP => (translation_mode(rig, value) && value & 3 == 0 && field(value, 58, 2) == 0, "hgatp"),
        csr::MENVCFG => (within(ENVCFG) && envcfg(value), "menvcfg"),
        csr::HENVCFG => {
            let guarded = reads(csr::MENVCFG) & 7 << 61;
            (within(SENVCFG | guarded) && envcfg(value), "henvcfg, within menvcfg")
        }
        csr::SENVCFG => (within(SENVCFG) && envcfg(value), "senvcfg"),
        // No call from M-mode (11), no reserved cause (10 is H's), no double trap (16).
        csr::MEDELEG => (within(0xb7ff | 0xf << 20), "medeleg"),
        csr::HEDELEG => (within(0xb1ff | 3 << 18), "hedeleg: nothing that a guest can't cause, no calls of VS-mode"),
        csr::HGEIE | csr::HGEIP => (value == 0, "GEILEN is 0"),
        csr::MCOUNTEREN | csr::SCOUNTEREN | csr::HCOUNTEREN => (within(0xffff_ffff), "32 counters"),
        csr::MCOUNTINHIBIT => (within(0xffff_fffd), "time can't stand still"),
        csr::MCYCLECFG | csr::MINSTRETCFG => (within(filters), "filters"),
        0x323..=0x33f => (within(1 << 63 | filters | 0xff), "mhpmevent"),
        csr::PMPCFG0 | csr::PMPCFG2 => (pmp(reads(csr::MSECCFG), value), "pmpcfg"),
        csr::PMPADDR0..=csr::PMPADDR63 => (within((1 << 54) - 1), "pmpaddr has 54 bits"),
        csr::MSECCFG => (within(7), "mseccfg"),
        csr::MSTATEEN0..=csr::MSTATEEN3 => (within(guarded_state(number, isa)), "mstateen"),
        // Without Smstateen nothing is kept from hstateen.
        csr::HSTATEEN0..=csr::HSTATEEN3 => {
            let machine = rig.hart.csr_peek(number - csr::HSTATEEN0 + csr::MSTATEEN0).unwrap_or(u64::MAX);
            (within(guarded_state(number, isa) & machine), "hstateen, within mstateen")
        }
        csr::SSTATEEN0..=csr::SSTATEEN3 => (value == 0, "sstateen"),
        csr::MISA => (value == isa.misa(), "misa is fixed"),
        _ => interrupts(rig, number, value),
    };
    (!legal).then_some(rule)
}

/// The same of registers about interrupts: whether the value is legal, and the rule.
fn interrupts(rig: &Rig, number: u16, value: u64) -> (bool, &'static str) {
    let reads = |number: u16| rig.hart.csr_peek(number).unwrap_or(0);
    let within = |bits: u64| value & !bits == 0;
    let isa = rig.hart.state.isa;
    match number {
        csr::MIDELEG => {
            let ones = if isa.has(Isa::H) { VS_LEVEL } else { 0 };
            (within(S_LEVEL | OVERFLOW | ones) && value & ones == ones, "mideleg: VS-level bits are 1")
        }
        csr::HIDELEG => {
            let reachable = LOCAL & (reads(csr::MIDELEG) | reads(csr::MVIEN));
            (within(VS_LEVEL | reachable), "hideleg")
        }
        csr::MIE | csr::MIP => (within(M_LEVEL | S_LEVEL | VS_LEVEL | SGEI | OVERFLOW), "mie, mip"),
        csr::SIE => {
            let (mideleg, own) = (reads(csr::MIDELEG), reads(csr::MVIEN) & !reads(csr::MIDELEG));
            (value & !own == reads(csr::MIE) & mideleg & (S_LEVEL | OVERFLOW), "sie is of mie")
        }
        csr::SIP => {
            let (mideleg, own) = (reads(csr::MIDELEG), reads(csr::MVIEN) & !reads(csr::MIDELEG));
            let real = reads(csr::MIP) & mideleg & (S_LEVEL | OVERFLOW);
            (value == real | reads(csr::MVIP) & own, "sip is of mip and mvip")
        }
        csr::HIE => (value == reads(csr::MIE) & (VS_LEVEL | SGEI), "hie is of mie"),
        csr::HIP => (value == reads(csr::MIP) & (VS_LEVEL | SGEI), "hip is of mip"),
        csr::VSIE => {
            let (passed, own) = (reads(csr::HIDELEG) & LOCAL, reads(csr::HVIEN) & !reads(csr::HIDELEG));
            let shifted = (reads(csr::HIE) & reads(csr::HIDELEG) & VS_LEVEL) >> 1;
            (value & !own == shifted | reads(csr::SIE) & passed, "vsie is of hie and sie")
        }
        csr::VSIP => {
            let (passed, own) = (reads(csr::HIDELEG) & LOCAL, reads(csr::HVIEN) & !reads(csr::HIDELEG));
            let shifted = (reads(csr::HIP) & reads(csr::HIDELEG) & VS_LEVEL) >> 1;
            (value == shifted | reads(csr::SIP) & passed | reads(csr::HVIP) & own, "vsip is of hip, sip and hvip")
        }
        csr::HVIP => (within(VS_LEVEL | if isa.has(Isa::Ssaia) { LOCAL } else { 0 }), "hvip"),
        csr::MVIEN => (within(1 << 1 | 1 << 9 | LOCAL), "mvien"),
        csr::MVIP => (within(S_LEVEL | LOCAL), "mvip"),
        csr::HVIEN => (within(LOCAL), "hvien"),
        csr::MISELECT | csr::SISELECT | csr::VSISELECT => (within(0x1ff), "xiselect has nine bits"),
        csr::HVICTL => (within(1 << 30 | 0xfff << 16 | 0x3ff), "hvictl"),
        csr::HVIPRIO1 => (within(0xffff_ff00_ff00_ff00), "hviprio1 has reserved bytes"),
        csr::MTOPI | csr::STOPI | csr::VSTOPI => (within(0xfff << 16 | 0xff), "xtopi"),
        _ => (true, ""),
    }
}

/// What a state-enable register can guard here: SE, and of register 0 ENVCFG, CSRIND and AIA. There is no IMSIC.
fn guarded_state(number: u16, isa: IsaSet) -> u64 {
    let interrupts = if isa.has(Isa::Ssaia) { 3 << 59 } else { 0 };
    if number & 3 == 0 { 3 << 62 | interrupts } else { 1 << 63 }
}

/// SD is set if and only if FS is dirty.
fn status(value: u64) -> bool {
    (value >> 63 == 1) == (field(value, 13, 2) == 3)
}

/// CBIE is not 2, PMM not 1.
fn envcfg(value: u64) -> bool {
    field(value, 4, 2) != 2 && field(value, 32, 2) != 1
}

/// Bare, or a scheme that the hart has.
fn translation_mode(rig: &Rig, value: u64) -> bool {
    let isa = rig.hart.state.isa;
    match value >> 60 {
        0 => true,
        8 => isa.has(Isa::Sv39),
        9 => isa.has(Isa::Sv48),
        10 => isa.has(Isa::Sv57),
        _ => false,
    }
}

/// Bits 5 and 6 are 0, and W without R is reserved unless mseccfg.MML gives it a meaning.
fn pmp(mseccfg: u64, value: u64) -> bool {
    let lockdown = mseccfg & 1 == 1;
    value.to_le_bytes().iter().all(|cfg| cfg & 0x60 == 0 && (lockdown || cfg & 3 != 2))
}
