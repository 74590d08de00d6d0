//! A hart with the extension, a little memory and a loaded guest: what the rules are tested on.

#![allow(dead_code)] // Each test file uses its own part.

pub mod vei;
pub mod world;

use std::ops::{Deref, DerefMut};

pub use conformance::{CODE, Rig};
use ha_iov_ext::model::{Config, Haiov};
use ha_iov_ext::{cause, csr, fields, pte};
use rv_hart::{Costs, Mode, StepEvent};
use rv_isa::csr as standard;
use rv_isa::fields::{pte as bits, satp};

/// Guest physical address of the page under test.
pub const DEVICE: u64 = 0x1000_0000;
/// The user's handler.
pub const U_HANDLER: u64 = 0x8020_3000;

const ROOT: u64 = 0x8001_0000;
const MIDDLE: u64 = 0x8001_4000;
const LAST: u64 = 0x8001_5000;
/// A leaf with every right of an ordinary user page.
pub const ORDINARY: u64 = bits::V | bits::R | bits::W | bits::X | bits::U | bits::A | bits::D;

/// A conformance rig with the extension and a loaded guest.
pub struct Bench(Rig);

impl Deref for Bench {
    type Target = Rig;
    fn deref(&self) -> &Rig {
        &self.0
    }
}

impl DerefMut for Bench {
    fn deref_mut(&mut self) -> &mut Rig {
        &mut self.0
    }
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
        let mut bench = Bench(Rig::new(Costs::FLAT, vec![Box::new(Haiov::new(config))]));
        bench.store(ROOT + (DEVICE >> 30) * 8, table(MIDDLE));
        bench.store(ROOT + 2 * 8, 0x8000_0000 >> 12 << 10 | ORDINARY);
        bench.store(MIDDLE + (DEVICE >> 21 & 511) * 8, table(LAST));
        bench.device(pte::DEVICE);
        bench.set(standard::HGATP, satp::SV39 | ROOT >> 12);
        bench.set(csr::UTVEC, U_HANDLER);
        bench.set(standard::HSTATUS, fields::hstatus::HUR);
        bench.set(csr::HUEDELEG, cause::REDIRECTABLE);
        bench.set(csr::HUECTL, fields::huectl::NE);
        bench
    }

    /// Sets the G-stage entry of the device page, without a page number unless given.
    pub fn device(&mut self, entry: u64) {
        self.store(LAST + (DEVICE >> 12 & 511) * 8, entry);
        self.hart.refresh();
    }

    /// Executes `raw` in `mode`, at `pc`.
    pub fn run_at(&mut self, mode: Mode, pc: u64, raw: u32) -> StepEvent {
        self.program(pc, &[raw]);
        self.resume(mode, pc)
    }

    /// The mode entered and the exception, told by the handler reached: U's too.
    pub fn outcome(&self) -> Option<(Mode, u64)> {
        match self.hart.state.pc {
            U_HANDLER => Some((Mode::U, self.get(csr::UCAUSE))),
            _ => self.0.outcome(),
        }
        .inspect(|(mode, _)| assert_eq!(*mode, self.hart.state.mode))
    }

    /// Executes `raw` in `mode` and tells the exception.
    pub fn raises(&mut self, mode: Mode, raw: u32) -> Option<(Mode, u64)> {
        self.run(mode, raw);
        self.outcome()
    }
}
