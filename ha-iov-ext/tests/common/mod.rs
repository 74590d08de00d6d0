//! A hart with the extension, a little memory and a loaded guest: what the rules are tested on.

#![allow(dead_code)] // Each test file uses its own part.

use ha_iov_ext::model::{Config, Haiov};
use ha_iov_ext::{cause, csr, fields, pte};
use rv_hart::{Bus, BusError, Costs, Hart, Mode, Ram, StepEvent, Wires};
use rv_isa::csr as standard;
use rv_isa::fields::{pmpcfg, pte as bits, satp};

/// Where code of any mode lies; identity-mapped by the G-stage, executable from everywhere.
pub const CODE: u64 = 0x8010_0000;
/// Guest physical address of the page under test.
pub const DEVICE: u64 = 0x1000_0000;
/// Handlers.
pub const M_HANDLER: u64 = 0x8020_0000;
pub const HS_HANDLER: u64 = 0x8020_1000;
pub const VS_HANDLER: u64 = 0x8020_2000;
pub const U_HANDLER: u64 = 0x8020_3000;

const RAM: (u64, u64) = (0x8000_0000, 16 << 20);
const ROOT: u64 = 0x8001_0000;
const MIDDLE: u64 = 0x8001_4000;
const LAST: u64 = 0x8001_5000;
/// A leaf with every right of an ordinary user page.
pub const ORDINARY: u64 = bits::V | bits::R | bits::W | bits::X | bits::U | bits::A | bits::D;

pub struct Memory(Ram);

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

pub struct Bench {
    pub hart: Hart,
    pub memory: Memory,
}

fn table(at: u64) -> u64 {
    at >> 12 << 10 | bits::V
}

impl Bench {
    /// All that lets a guest's access reach U: delegation, HUR, NE, and a device page marked MMIO.
    pub fn new() -> Bench {
        Bench::with(Config::default())
    }

    pub fn with(config: Config) -> Bench {
        let ram = Ram::new(&[RAM]).unwrap();
        let hart = Hart::new(0, CODE, Costs::FLAT, vec![Box::new(Haiov::new(config))]).unwrap();
        let mut bench = Bench { hart, memory: Memory(ram) };
        bench.word(ROOT + (DEVICE >> 30) * 8, table(MIDDLE));
        bench.word(ROOT + 2 * 8, 0x8000_0000 >> 12 << 10 | ORDINARY);
        bench.word(MIDDLE + (DEVICE >> 21 & 511) * 8, table(LAST));
        bench.device(pte::DEVICE);
        bench.set(standard::HGATP, satp::SV39 | ROOT >> 12);
        bench.set(standard::PMPADDR0, u64::MAX);
        bench.set(standard::PMPCFG0, (pmpcfg::A_NAPOT | pmpcfg::R | pmpcfg::W | pmpcfg::X).into());
        bench.set(standard::MTVEC, M_HANDLER);
        bench.set(standard::STVEC, HS_HANDLER);
        bench.set(standard::VSTVEC, VS_HANDLER);
        bench.set(csr::UTVEC, U_HANDLER);
        bench.set(standard::MEDELEG, u64::MAX);
        bench.set(standard::HSTATUS, fields::hstatus::HUR);
        bench.set(csr::HUEDELEG, cause::REDIRECTABLE);
        bench.set(csr::HUECTL, fields::huectl::NE);
        bench.set(standard::MSTATUS, 3 << 13);
        bench.set(standard::VSSTATUS, 3 << 13);
        bench
    }

    pub fn set(&mut self, number: u16, value: u64) {
        assert!(self.hart.csr_poke(number, value), "CSR {number:#x}");
    }

    pub fn get(&self, number: u16) -> u64 {
        self.hart.csr_peek(number).unwrap()
    }

    pub fn word(&mut self, at: u64, value: u64) {
        assert!(self.memory.0.store(at, 8, value));
    }

    /// Sets the G-stage entry of the device page, without a page number unless given.
    pub fn device(&mut self, entry: u64) {
        self.word(LAST + (DEVICE >> 12 & 511) * 8, entry);
        self.hart.refresh();
    }

    /// Executes `raw` in `mode`, at [`CODE`].
    pub fn run(&mut self, mode: Mode, raw: u32) -> StepEvent {
        self.run_at(mode, CODE, raw)
    }

    pub fn run_at(&mut self, mode: Mode, pc: u64, raw: u32) -> StepEvent {
        self.word(pc, raw.into());
        self.hart.state.mode = mode;
        self.hart.state.pc = pc;
        self.hart.refresh();
        self.hart.step(&mut self.memory)
    }

    /// The mode entered and the exception, told by the handler reached. `None` if nothing was raised.
    pub fn outcome(&self) -> Option<(Mode, u64)> {
        match self.hart.state.pc {
            M_HANDLER => Some((Mode::M, self.get(standard::MCAUSE))),
            HS_HANDLER => Some((Mode::HS, self.get(standard::SCAUSE))),
            VS_HANDLER => Some((Mode::VS, self.get(standard::VSCAUSE))),
            U_HANDLER => Some((Mode::U, self.get(csr::UCAUSE))),
            _ => None,
        }
        .inspect(|(mode, _)| assert_eq!(*mode, self.hart.state.mode))
    }

    /// Executes `raw` in `mode` and tells the exception.
    pub fn raises(&mut self, mode: Mode, raw: u32) -> Option<(Mode, u64)> {
        self.run(mode, raw);
        self.outcome()
    }
}
