//! The rules of CSRs, from the text of the specification and independent of the hart's tables: which numbers exist, who may access them,
//! which values they hold.

#![allow(dead_code)] // Each test file uses its part.

mod interrupts;
pub mod values;

use rv_hart::{HartState, Mode};
use rv_isa::{Isa, IsaSet, csr};

/// What comes of an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is carried out.
    Allowed,
    /// Illegal-instruction exception.
    Illegal,
    /// Virtual-instruction exception.
    Virtual,
}

impl Outcome {
    /// The cause of the exception.
    pub fn cause(self) -> Option<u64> {
        match self {
            Outcome::Allowed => None,
            Outcome::Illegal => Some(2),
            Outcome::Virtual => Some(22),
        }
    }
}

/// Whether a hart with `isa` has CSR `number` ("CSR Listing", and each extension's chapter). What the specification leaves open: 16 PMP
/// entries, triggers that are not there but can be asked for.
pub fn exists(number: u16, isa: IsaSet) -> bool {
    let has = |extension| isa.has(extension);
    match number {
        0x001..=0x003 => has(Isa::F),
        0xc00..=0xc02 => has(Isa::Zicntr),
        0xc03..=0xc1f => has(Isa::Zihpm),
        // Supervisor.
        0x100 | 0x104..=0x106 | 0x10a | 0x140..=0x144 | 0x180 => true,
        0x10c..=0x10f => has(Isa::Ssstateen),
        0x14d => has(Isa::Sstc),
        0xda0 => has(Isa::Sscofpmf),
        // Hypervisor and VS.
        0x600 | 0x602..=0x607 | 0x60a | 0x643..=0x645 | 0x64a | 0x680 | 0xe12 => has(Isa::H),
        0x60c..=0x60f => has(Isa::H) && has(Isa::Ssstateen),
        0x200 | 0x204 | 0x205 | 0x240..=0x244 | 0x280 => has(Isa::H),
        0x24d => has(Isa::H) && has(Isa::Sstc),
        // Machine.
        0xf11..=0xf15 | 0x300..=0x306 | 0x30a | 0x340..=0x344 => true,
        0x30c..=0x30f => has(Isa::Smstateen),
        0x34a | 0x34b => has(Isa::H),
        0x320 | 0x323..=0x33f | 0xb00 | 0xb02..=0xb1f => true,
        0x321 | 0x322 => has(Isa::Smcntrpmf),
        0x3a0 | 0x3a2 | 0x3b0..=0x3bf => true,
        // Advanced Interrupt Architecture: tables of CSRs for M, S, and H with VS.
        0x308 | 0x309 | 0x350 | 0x351 | 0x35c | 0xfb0 => has(Isa::Smaia),
        0x150 | 0x151 | 0x15c | 0xdb0 => has(Isa::Ssaia),
        0x250 | 0x251 | 0x25c | 0x608 | 0x609 | 0x646 | 0x647 | 0xeb0 => has(Isa::H) && has(Isa::Ssaia),
        0x747 => has(Isa::Smepmp),
        0x7a0..=0x7a3 => true,
        _ => false,
    }
}

/// The register that an S-level number means at V=1 ("Hypervisor and Virtual Supervisor CSRs": each has a VS CSR that takes its place).
pub fn substituted(number: u16) -> u16 {
    match number {
        0x100 | 0x104 | 0x105 | 0x140..=0x144 | 0x14d | 0x150 | 0x151 | 0x15c | 0x180 | 0xdb0 => number + 0x100,
        _ => number,
    }
}

/// What comes of accessing `number` in `mode`.
pub fn outcome(state: &HartState, mode: Mode, number: u16, write: bool) -> Outcome {
    // "CSR Address Mapping Conventions": what isn't there, and writes to what is read-only.
    if !exists(number, state.isa) || write && number >> 10 == 3 {
        return Outcome::Illegal;
    }
    if floating_point_is_off(state, mode, number) {
        return Outcome::Illegal;
    }
    if let Some(outcome) = interrupts::outcome(state, mode, number) {
        return outcome;
    }
    if mode == Mode::M {
        return Outcome::Allowed;
    }
    let lowest = number >> 8 & 3;
    if mode.virt() {
        return virtual_outcome(state, mode, number, lowest, write);
    }
    let privileged = match mode {
        Mode::HS => lowest <= 2,
        _ => lowest == 0,
    };
    let trapped = match mode {
        // "mstatus.TVM": satp and hgatp.
        Mode::HS => matches!(number, csr::SATP | csr::HGATP) && state.csr.mstatus >> 20 & 1 == 1,
        // "scounteren": U-mode.
        _ => counter(number).is_some_and(|index| state.csr.scounteren >> index & 1 == 0),
    };
    match privileged && !trapped && machine_allows(state, number) {
        true => Outcome::Allowed,
        false => Outcome::Illegal,
    }
}

/// "Virtual Instruction Exceptions", one rule after the other: what HS-mode could do with TVM clear is virtual, all else is illegal.
fn virtual_outcome(state: &HartState, mode: Mode, number: u16, lowest: u16, write: bool) -> Outcome {
    if lowest == 3 || !machine_allows(state, number) {
        return Outcome::Illegal;
    }
    let user = mode == Mode::VU;
    let csr = &state.csr;
    // Hypervisor and VS CSRs; for VU-mode, supervisor CSRs too.
    if lowest == 2 || user && lowest == 1 {
        return Outcome::Virtual;
    }
    if let Some(index) = counter(number) {
        let closed = csr.hcounteren >> index & 1 == 0 || user && csr.scounteren >> index & 1 == 0;
        return if closed { Outcome::Virtual } else { Outcome::Allowed };
    }
    let closed = match number {
        // "hstatus.VTVM".
        csr::SATP => csr.hstatus >> 20 & 1 == 1,
        // Sstc: hcounteren.TM and henvcfg.STCE.
        csr::STIMECMP => {
            let trapped = write && csr.aia.hvictl >> 30 & 1 == 1;
            csr.hcounteren >> 1 & 1 == 0 || csr.henvcfg >> 63 == 0 || trapped
        }
        // "hvictl.VTI": accesses to sip and sie, and writes that may clear a bit of vsip.
        csr::SIP | csr::SIE => csr.aia.hvictl >> 30 & 1 == 1,
        // AIA, "Access control by the state-enable CSRs".
        csr::SISELECT => csr.hstateen[0] >> 60 & 1 == 0,
        csr::STOPI => csr.hstateen[0] >> 59 & 1 == 0,
        // Smstateen: ENVCFG (bit 62) of hstateen0, SE (bit 63) of each.
        csr::SENVCFG => csr.hstateen[0] >> 62 & 1 == 0,
        csr::SSTATEEN0..=csr::SSTATEEN3 => csr.hstateen[usize::from(number & 3)] >> 63 == 0,
        _ => false,
    };
    if closed { Outcome::Virtual } else { Outcome::Allowed }
}

/// The counter that an unprivileged number reads.
fn counter(number: u16) -> Option<u16> {
    (0xc00..=0xc1f).contains(&number).then_some(number & 31)
}

/// Whether M-mode lets lower modes access `number`: "mcounteren", Sstc, Smstateen.
fn machine_allows(state: &HartState, number: u16) -> bool {
    let csr = &state.csr;
    // Without Smstateen nothing is guarded, as if all bits were set.
    let stateen = |index: usize, bit: u32| !state.isa.has(Isa::Smstateen) || csr.mstateen[index] >> bit & 1 == 1;
    match number {
        0xc00..=0xc1f => csr.mcounteren >> (number & 31) & 1 == 1,
        csr::STIMECMP | csr::VSTIMECMP => csr.mcounteren >> 1 & 1 == 1 && csr.menvcfg >> 63 == 1,
        csr::SENVCFG | csr::HENVCFG => stateen(0, 62),
        csr::SISELECT | csr::VSISELECT => stateen(0, 60),
        csr::STOPI | csr::VSTOPI | csr::HVIEN | csr::HVICTL | csr::HVIPRIO1 | csr::HVIPRIO2 => stateen(0, 59),
        csr::SSTATEEN0..=csr::SSTATEEN3 | csr::HSTATEEN0..=csr::HSTATEEN3 => stateen(usize::from(number & 3), 63),
        _ => true,
    }
}

/// "mstatus.FS": off in mstatus, or at V=1 in vsstatus.
fn floating_point_is_off(state: &HartState, mode: Mode, number: u16) -> bool {
    let off = |status: u64| status >> 13 & 3 == 0;
    (0x001..=0x003).contains(&number) && (off(state.csr.mstatus) || mode.virt() && off(state.csr.vsstatus))
}
