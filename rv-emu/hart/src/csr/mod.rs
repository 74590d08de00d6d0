//! Control and status registers: one row each, with who may access it, how it reads, and how a write is legalised.
//!
//! Reading has no side effects. Access is checked before, never inside. Rows follow the chapters of the specification: [`machine`],
//! [`supervisor`], [`hypervisor`] with the VS registers, [`stateen`], [`aia`], [`counters`], [`pmp`], [`float`].

mod aia;
mod counters;
mod float;
mod hypervisor;
mod machine;
mod pmp;
mod stateen;
mod supervisor;

use std::sync::LazyLock;

use rv_isa::csr as number;
use rv_isa::fields::{menvcfg, mip};
use rv_isa::{Isa, IsaSet};

use crate::bus::{Bus, File, FileRegister};
use crate::ext::View;
use crate::hart::Hart;
use crate::mode::Mode;
use crate::state::HartState;
use crate::trap::{Refusal, Trap};

/// Bits of mideleg that are read-only ones: the VS-level interrupts ("mideleg", H extension).
pub(crate) const MIDELEG_ONES: u64 = mip::VSSIP | mip::VSTIP | mip::VSEIP;

pub(crate) use counters::Pmu;

/// Who may access a CSR beyond what its number says.
type Gate = fn(&HartState) -> Result<(), Refusal>;

/// The register of an interrupt file that a CSR stands for.
type FileOf = fn(&HartState) -> Option<(File, FileRegister)>;

/// One CSR.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    number: u16,
    /// The extensions that bring it.
    isa: IsaSet,
    /// Whether M-mode lets lower modes access it; `None` if that is no question.
    machine_gate: Option<fn(&HartState) -> bool>,
    gate: Option<Gate>,
    /// A further gate, for writes.
    write_gate: Option<Gate>,
    /// The register of an interrupt file that it is at the moment, if it isn't the hart's own.
    file: Option<FileOf>,
    read: fn(&Hart) -> u64,
    write: fn(&mut Hart, u64),
}

impl Row {
    const fn new(number: u16, read: fn(&Hart) -> u64, write: fn(&mut Hart, u64)) -> Row {
        Row { number, isa: IsaSet::EMPTY, machine_gate: None, gate: None, write_gate: None, file: None, read, write }
    }

    /// A CSR without writable bits, or one that its number makes read-only.
    const fn constant(number: u16, read: fn(&Hart) -> u64) -> Row {
        Row::new(number, read, |_, _| {})
    }

    const fn gated(self, gate: Gate) -> Row {
        Row { gate: Some(gate), ..self }
    }

    const fn writes_gated(self, gate: Gate) -> Row {
        Row { write_gate: Some(gate), ..self }
    }

    /// It may be a register of an interrupt file.
    const fn in_file(self, file: FileOf) -> Row {
        Row { file: Some(file), ..self }
    }

    /// M-mode decides whether lower modes may access it.
    const fn opened_by_machine(self, machine_gate: fn(&HartState) -> bool) -> Row {
        Row { machine_gate: Some(machine_gate), ..self }
    }

    /// It comes with `isa`.
    const fn of(self, isa: Isa) -> Row {
        Row { isa: self.isa.with(isa), ..self }
    }
}

/// A row for the field of the same meaning in [`crate::state::Csrs`], all of whose bits are writable, or those in a mask.
macro_rules! field {
    ($number:ident, $field:ident) => {
        Row::new($crate::csr::number::$number, |h| h.state.csr.$field, |h, v| h.state.csr.$field = v)
    };
    ($number:ident, $field:ident, $mask:expr) => {
        Row::new($crate::csr::number::$number, |h| h.state.csr.$field, |h, v| h.state.csr.$field = v & $mask)
    };
}
use field;

static ROWS: LazyLock<Rows> = LazyLock::new(|| {
    let mut rows = [None; 4096];
    let chapters = [
        machine::ROWS,
        supervisor::ROWS,
        hypervisor::ROWS,
        stateen::ROWS,
        aia::ROWS,
        counters::FIXED,
        counters::PROGRAMMABLE,
        pmp::CONFIGS,
        pmp::ADDRESSES,
        float::ROWS,
    ];
    for row in chapters.into_iter().flatten() {
        let slot: &mut Option<&Row> = &mut rows[usize::from(row.number)];
        assert!(slot.is_none(), "CSR {:#x} has two rows", row.number);
        *slot = Some(row);
    }
    rows
});

/// The rows that a hart has, by number.
pub(crate) type Rows = [Option<&'static Row>; 4096];

/// Those of a hart with the extensions `isa`.
pub(crate) fn rows(isa: IsaSet) -> Box<Rows> {
    Box::new(ROWS.map(|row| row.filter(|row| isa.contains(row.isa))))
}

/// Some extension of the base has a CSR of this number.
pub(crate) fn is_standard(number: u16) -> bool {
    ROWS[usize::from(number & 0xfff)].is_some()
}

/// A CSR that may be accessed now.
#[derive(Clone, Copy)]
pub(crate) enum Handle {
    Standard(&'static Row),
    Extension { index: usize, number: u16 },
    File { row: &'static Row, file: File, register: FileRegister },
}

impl Handle {
    fn number(self) -> u16 {
        match self {
            Handle::Standard(row) | Handle::File { row, .. } => row.number,
            Handle::Extension { number, .. } => number,
        }
    }
}

/// At V=1 an S-level number means the VS-level register ("VS CSRs").
fn substituted(number: u16, mode: Mode) -> u16 {
    let substitutes = matches!(
        number,
        number::SSTATUS
            | number::SIE
            | number::STVEC
            | number::SSCRATCH
            | number::SEPC
            | number::SCAUSE
            | number::STVAL
            | number::SIP
            | number::SATP
            | number::STIMECMP
            | number::SISELECT
            | number::SIREG
            | number::STOPEI
            | number::STOPI
    );
    if mode.virt() && substitutes { number + 0x100 } else { number }
}

/// The address check: writability and the lowest privilege are part of the number ("CSR Address Mapping Conventions"). What V=1 alone
/// forbids is a virtual-instruction exception, if the same access would be fine in HS-mode.
fn check_number(number: u16, mode: Mode, write: bool) -> Result<(), Refusal> {
    if write && number >> 10 == 3 {
        return Err(Refusal::Illegal);
    }
    match (mode, number >> 8 & 3) {
        (Mode::M, _) | (_, 0) | (Mode::HS, 1 | 2) | (Mode::VS, 1) => Ok(()),
        (Mode::VS, 2) | (Mode::VU, 1 | 2) => Err(Refusal::Virtual),
        _ => Err(Refusal::Illegal),
    }
}

impl Hart {
    /// Whether the current mode may access a CSR, and how to.
    pub(crate) fn csr_access(&self, number: u16, write: bool) -> Result<Handle, Refusal> {
        let mode = self.state.mode;
        if let Some(row) = self.rows[usize::from(number & 0xfff)] {
            let by_number = check_number(number, mode, write);
            // What HS-mode may not do either is illegal for a guest too ("HS-qualified").
            let closed = mode != Mode::M && row.machine_gate.is_some_and(|open| !open(&self.state));
            if by_number == Err(Refusal::Illegal) || closed {
                return Err(Refusal::Illegal);
            }
            by_number?;
            if let Some(gate) = row.gate {
                gate(&self.state)?;
            }
            if let Some(gate) = row.write_gate.filter(|_| write) {
                gate(&self.state)?;
            }
            let actual = substituted(number, mode);
            return Ok(self.handle(self.rows[usize::from(actual)].unwrap_or(row)));
        }
        let index = self.extension_of(number).ok_or(Refusal::Illegal)?;
        self.extensions[index].csr_check(&self.state, number, write)?;
        check_number(number, mode, write)?;
        Ok(Handle::Extension { index, number })
    }

    /// What `row` stands for at the moment.
    fn handle(&self, row: &'static Row) -> Handle {
        let file = row.file.filter(|_| self.state.imsic.is_some()).and_then(|file| file(&self.state));
        file.map_or(Handle::Standard(row), |(file, register)| Handle::File { row, file, register })
    }

    fn extension_of(&self, number: u16) -> Option<usize> {
        self.extensions.iter().position(|extension| extension.csrs().iter().any(|csr| csr.number == number))
    }

    pub(crate) fn csr_read_row(&self, handle: Handle, bus: &mut dyn Bus) -> u64 {
        match handle {
            Handle::Standard(row) => (row.read)(self),
            Handle::File { file, register, .. } => {
                bus.file_read(self.state.hart_id as usize, file, register, self.state.cycles)
            }
            Handle::Extension { index, number } => {
                self.extensions[index].csr_read(&self.state, View(Some(bus.ram())), number)
            }
        }
    }

    /// What CSRRS and CSRRC modify, given what they read: for mip the software bit of SEIP without the line ("mip and mie").
    pub(crate) fn csr_modify_base(&self, handle: Handle, old: u64) -> u64 {
        match handle {
            Handle::Standard(row) if row.number == number::MIP => old & !mip::SEIP | self.state.csr.mip & mip::SEIP,
            _ => old,
        }
    }

    pub(crate) fn csr_write_row(&mut self, handle: Handle, value: u64, bus: Option<&mut dyn Bus>) -> Result<(), Trap> {
        if let Some(record) = self.record() {
            record.csr(handle.number());
        }
        match handle {
            Handle::Standard(row) => (row.write)(self, value),
            // An observer without the machine can't reach what isn't the hart's.
            Handle::File { file, register, .. } => {
                if let Some(bus) = bus {
                    bus.file_write(self.state.hart_id as usize, file, register, value, self.state.cycles);
                    self.attend();
                }
            }
            Handle::Extension { index, number } => {
                let done = self
                    .extend(index, bus, |extension, state, outside| extension.csr_write(state, outside, number, value));
                if self.extensions[index].csr_flushes(number) {
                    self.charge(self.costs().csr_flush);
                }
                self.refresh_mode();
                return done;
            }
        }
        Ok(())
    }

    /// Reads a CSR for an observer (debugger, trace): no access check, `None` if there is none of that number.
    pub fn csr_peek(&self, number: u16) -> Option<u64> {
        if let Some(row) = self.rows[usize::from(number & 0xfff)] {
            return Some((row.read)(self));
        }
        let index = self.extension_of(number)?;
        Some(self.extensions[index].csr_read(&self.state, View::default(), number))
    }

    /// Writes a CSR for an observer, legalised as a write by M-mode would be. `false` if there is none of that number, or the write would raise
    /// an exception. Memory is out of reach: what a CSR of an extension does there isn't done.
    pub fn csr_poke(&mut self, number: u16, value: u64) -> bool {
        self.poke(number, value, None)
    }

    /// As [`Hart::csr_poke`], with the machine's memory in reach.
    pub fn csr_poke_on(&mut self, bus: &mut dyn Bus, number: u16, value: u64) -> bool {
        self.poke(number, value, Some(bus))
    }

    fn poke(&mut self, number: u16, value: u64, bus: Option<&mut dyn Bus>) -> bool {
        let handle = match self.rows[usize::from(number & 0xfff)] {
            Some(row) => Some(self.handle(row)),
            None => self.extension_of(number).map(|index| Handle::Extension { index, number }),
        };
        handle.is_some_and(|handle| self.csr_write_row(handle, value, bus).is_ok())
    }

    /// `mip` with what extensions hold pending.
    pub(crate) fn mip(&self) -> u64 {
        let own = self.state.mip();
        self.extensions.iter().fold(own, |pending, extension| pending | extension.pending(&self.state))
    }
}

/// Trap vectors: Direct or Vectored; reserved modes lose their upper bit.
fn legal_tvec(value: u64) -> u64 {
    value & !2
}

/// xepc: instructions are aligned to 16 bits.
fn legal_epc(value: u64) -> u64 {
    value & !1
}

/// A supported mode of satp, vsatp or hgatp: Bare, Sv39, Sv48, Sv57.
fn atp_mode_supported(value: u64, isa: IsaSet) -> bool {
    match value >> 60 {
        0 => true,
        8 => isa.has(Isa::Sv39),
        9 => isa.has(Isa::Sv48),
        10 => isa.has(Isa::Sv57),
        _ => false,
    }
}

/// `bits` if the hart has `isa`.
fn bits_with(state: &HartState, isa: Isa, bits: u64) -> u64 {
    if state.isa.has(isa) { bits } else { 0 }
}

/// Replaces the fields in `mask` of an environment configuration. CBIE is WARL without the value 2, PMM without 1: those turn into 0.
fn legal_envcfg(old: u64, new: u64, mask: u64) -> u64 {
    let mut new = new;
    if new & menvcfg::CBIE == 2 << menvcfg::CBIE_SHIFT {
        new &= !menvcfg::CBIE;
    }
    if new & menvcfg::PMM == 1 << menvcfg::PMM_SHIFT {
        new &= !menvcfg::PMM;
    }
    old & !mask | new & mask
}

/// The fields of cache-block management in an environment configuration.
fn cache_block_fields(state: &HartState) -> u64 {
    bits_with(state, Isa::Zicbom, menvcfg::CBIE | menvcfg::CBCFE) | bits_with(state, Isa::Zicboz, menvcfg::CBZE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_name() {
        let nameless: Vec<_> = (0..4096).filter(|n| is_standard(*n) && rv_isa::csr::name(*n).is_none()).collect();
        assert!(nameless.is_empty(), "{nameless:x?}");
    }

    #[test]
    fn address_check_by_mode() {
        use Refusal::{Illegal, Virtual};
        let check = |n, mode| check_number(n, mode, false);
        assert_eq!(check(number::HSTATUS, Mode::VS), Err(Virtual));
        assert_eq!(check(number::HSTATUS, Mode::U), Err(Illegal));
        assert_eq!(check(number::SSTATUS, Mode::VU), Err(Virtual));
        assert_eq!(check(number::MSTATUS, Mode::VS), Err(Illegal));
        assert_eq!(check(number::VSATP, Mode::HS), Ok(()));
        assert_eq!(check_number(number::HGEIP, Mode::VS, true), Err(Illegal), "read-only comes first");
    }
}
