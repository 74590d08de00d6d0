//! A hart and a little memory, on which single rules of the specification can be tried.
//!
//! Tests are under `tests/`, a file for each part of the specification. They state rules in the specification's words and cite its section.

pub mod campaign;
pub mod elf;
pub mod foreign;
pub mod protocol;
pub mod suite;

use rv_hart::ext::Extension;
use rv_hart::{Bus, BusError, Costs, Hart, Mode, Ram, StepEvent, Wires};
use rv_isa::fields::{mstatus, pmpcfg};
use rv_isa::{IsaSet, csr};

/// Where code is put, unless a test says otherwise.
pub const CODE: u64 = 0x8010_0000;
/// Free for data and tables.
pub const DATA: u64 = 0x8040_0000;
/// Trap handler of M-mode.
pub const M_HANDLER: u64 = 0x8020_0000;
/// Trap handler of HS-mode.
pub const HS_HANDLER: u64 = 0x8020_1000;
/// Trap handler of VS-mode.
pub const VS_HANDLER: u64 = 0x8020_2000;
/// First address of memory.
pub const RAM: u64 = 0x8000_0000;
const RAM_SIZE: u64 = 16 << 20;

/// Memory without devices.
pub struct Memory(pub Ram);

impl Bus for Memory {
    fn ram(&mut self) -> &mut Ram {
        &mut self.0
    }
    fn read(&mut self, _: usize, addr: u64, _: u8, _: u64) -> Result<u64, BusError> {
        Err(BusError::Unmapped(addr))
    }
    fn write(&mut self, _: usize, addr: u64, _: u8, _: u64, _: u64) -> Result<(), BusError> {
        Err(BusError::Unmapped(addr))
    }
    fn wires(&mut self, _: usize, _: u64) -> Wires {
        Wires::default()
    }
}

/// A hart with memory.
pub struct Rig {
    /// The hart.
    pub hart: Hart,
    /// Its memory.
    pub memory: Memory,
}

impl Default for Rig {
    fn default() -> Self {
        Rig::new(Costs::FLAT, Vec::new())
    }
}

impl Rig {
    /// PMP open, all exceptions delegated that can be, floating point on, handlers in place.
    ///
    /// # Panics
    /// If the host has no memory for it.
    pub fn new(costs: Costs, extensions: Vec<Box<dyn Extension>>) -> Rig {
        let ram = Ram::new(&[(RAM, RAM_SIZE)]).expect("a little memory");
        let hart = Hart::new(0, CODE, IsaSet::standard(), costs, extensions).expect("extensions that don't clash");
        let mut rig = Rig { hart, memory: Memory(ram) };
        rig.set(csr::PMPADDR0, u64::MAX);
        rig.set(csr::PMPCFG0, (pmpcfg::A_NAPOT | pmpcfg::R | pmpcfg::W | pmpcfg::X).into());
        rig.set(csr::MTVEC, M_HANDLER);
        rig.set(csr::STVEC, HS_HANDLER);
        rig.set(csr::VSTVEC, VS_HANDLER);
        rig.set(csr::MEDELEG, u64::MAX);
        rig.set(csr::MSTATUS, mstatus::FS);
        rig.set(csr::VSSTATUS, mstatus::FS);
        rig
    }

    /// Writes a CSR as M-mode would.
    ///
    /// # Panics
    /// If there is none of this number.
    pub fn set(&mut self, number: u16, value: u64) {
        assert!(self.hart.csr_poke_on(&mut self.memory, number, value), "no CSR {number:#x}");
    }

    /// Reads a CSR as M-mode would.
    ///
    /// # Panics
    /// If there is none of this number.
    pub fn get(&self, number: u16) -> u64 {
        self.hart.csr_peek(number).unwrap_or_else(|| panic!("no CSR {number:#x}"))
    }

    /// Writes a doubleword of memory.
    ///
    /// # Panics
    /// Outside of memory.
    pub fn store(&mut self, at: u64, value: u64) {
        assert!(self.memory.0.store(at, 8, value), "{at:#x} is not in memory");
    }

    /// Reads a doubleword of memory.
    ///
    /// # Panics
    /// Outside of memory.
    pub fn load(&self, at: u64) -> u64 {
        self.memory.0.load(at, 8).unwrap_or_else(|| panic!("{at:#x} is not in memory"))
    }

    /// Puts instructions at `at`.
    ///
    /// # Panics
    /// Outside of memory.
    pub fn program(&mut self, at: u64, words: &[u32]) {
        for (word, place) in words.iter().zip((at..).step_by(4)) {
            assert!(self.memory.0.store(place, 4, (*word).into()), "{place:#x} is not in memory");
        }
    }

    /// Executes `raw` in `mode`, at [`CODE`].
    pub fn run(&mut self, mode: Mode, raw: u32) -> StepEvent {
        self.program(CODE, &[raw]);
        self.resume(mode, CODE)
    }

    /// Executes the instruction at `pc` in `mode`.
    pub fn resume(&mut self, mode: Mode, pc: u64) -> StepEvent {
        self.hart.state.mode = mode;
        self.hart.state.pc = pc;
        self.hart.refresh();
        self.hart.step(&mut self.memory)
    }

    /// Executes `raw` in `mode`; the mode that took a trap and its cause, or `None`.
    pub fn raises(&mut self, mode: Mode, raw: u32) -> Option<(Mode, u64)> {
        self.run(mode, raw);
        self.outcome()
    }

    /// The mode whose handler was just entered, and the cause it sees.
    pub fn outcome(&self) -> Option<(Mode, u64)> {
        match self.hart.state.pc {
            M_HANDLER => Some((Mode::M, self.get(csr::MCAUSE))),
            HS_HANDLER => Some((Mode::HS, self.get(csr::SCAUSE))),
            VS_HANDLER => Some((Mode::VS, self.get(csr::VSCAUSE))),
            _ => None,
        }
    }
}
