//! From a seed to a program.

mod code;
mod context;
mod operands;

use rv_hart::{Costs, Hart};
use rv_isa::fields::{menvcfg, pmpcfg};
use rv_isa::{CompressedRow, IsaSet, Op, Row, compressed_rows, csr};

use super::allowed::{untouchable, unwritten};
use super::layout::{BOOT, CODE, CONTEXTS, DATA, DATA_PAGES, PAGE, PATCH, RAM, RAM_SIZE};
use super::program::Program;
use super::random::Random;
use super::tables::Tables;
use rv_hart::Mode;

/// What programs are made of.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// Instructions to choose from.
    pub rows: Vec<&'static Row>,
    /// Compressed ones.
    pub compressed: Vec<&'static CompressedRow>,
    /// CSRs that our hart has.
    pub csrs: Vec<u16>,
    /// Modes to start in.
    pub modes: Vec<Mode>,
    /// Parts of a program.
    pub contexts: usize,
    /// Units of code.
    pub units: usize,
}

impl Recipe {
    /// All instructions that `wanted` lets pass, in programs of about the given size.
    pub fn new(wanted: impl Fn(IsaSet) -> bool, modes: &[Mode]) -> Recipe {
        let hart = Hart::new(0, 0, crate::campaign::isa(), Costs::FLAT, Vec::new()).expect("a hart");
        let isa = crate::campaign::isa();
        let rows: Vec<&Row> = Op::rows().iter().filter(|row| isa.contains(row.isa) && wanted(row.isa)).collect();
        let whole = |row: &CompressedRow| row.isa.union(row.op.row().isa);
        let compressed =
            compressed_rows().iter().filter(|row| isa.contains(whole(row)) && wanted(whole(row))).collect();
        let ours = |number: &u16| hart.csr_peek(*number).is_some() && !untouchable(*number);
        let csrs = csr::ROWS.iter().map(|row| row.0).filter(ours).collect();
        Recipe { rows, compressed, csrs, modes: modes.to_vec(), contexts: 48, units: 6000 }
    }

    /// The program of a seed.
    pub fn program(&self, seed: u64) -> Program {
        let mut random = Random::new(seed);
        let mut tables = Tables::default();
        let first: Vec<u64> = (0..3).map(|_| tables.first_stage(&mut random)).collect();
        let guest: Vec<u64> = (0..3).map(|_| tables.first_stage(&mut random)).collect();
        let second: Vec<u64> = (0..3).map(|_| tables.second_stage(&mut random)).collect();
        let mut program = Program {
            seed,
            setup: setup(&mut random),
            probes: self.probes(&mut random),
            entries: tables.entries(),
            floats: (0..32).map(|_| random.float()).collect(),
            by_ebreak: random.once_in(2),
            patience: random.pick(&[3, 7, 15]),
            ..Program::default()
        };
        program.data = (0..DATA_PAGES * PAGE / 8).map(|_| random.float()).collect();
        let spaces = context::Spaces { first, guest, second, loose: tables.loose().to_vec() };
        program.code = code::units(self, &mut random, &spaces);
        let offsets = program.offsets();
        let constants = context::Constants {
            by_ebreak: program.by_ebreak,
            menvcfg: random.pick(&[0, menvcfg::STCE]),
            stimecmp: random.pick(&[0, !0, !0, !0]),
        };
        program.contexts =
            (0..self.contexts).map(|_| context::context(self, &mut random, &spaces, &offsets, &constants)).collect();
        program
    }

    /// Writes and reads back of what software may set to anything.
    fn probes(&self, random: &mut Random) -> Vec<(u16, u64)> {
        let probed = |number: &u16| !csr::read_only(*number) && !unwritten(*number);
        let numbers: Vec<u16> = self.csrs.iter().copied().filter(probed).collect();
        (0..24).map(|_| (random.pick(&numbers), random.integer())).collect()
    }
}

const fn napot(base: u64, size: u64) -> u64 {
    (base >> 2) | ((size >> 3) - 1)
}

/// Locked: code, tables of contexts, all of memory without execution, and nothing else. Open: some entries on data.
fn setup(random: &mut Random) -> Vec<(u16, u64)> {
    const LOCKED: u8 = pmpcfg::L | pmpcfg::A_NAPOT;
    const READ_WRITE: u8 = pmpcfg::R | pmpcfg::W;
    let mut entries = [(0, 0); 16];
    entries[0] = (napot(CODE, 0x2_0000), LOCKED | pmpcfg::R | pmpcfg::X);
    entries[1] = (napot(BOOT, 0x1_0000), LOCKED | pmpcfg::R | pmpcfg::X);
    entries[2] = (napot(CONTEXTS, 0x4_0000), LOCKED | pmpcfg::R);
    entries[3] = (napot(PATCH, PAGE), LOCKED | READ_WRITE | pmpcfg::X);
    for entry in &mut entries[4..14] {
        if random.once_in(5) {
            *entry = random_entry(random);
        }
    }
    entries[14] = (napot(RAM, RAM_SIZE), LOCKED | READ_WRITE);
    entries[15] = (u64::MAX >> 10, LOCKED);
    let addresses = (0..).zip(&entries).map(|(index, entry)| (csr::PMPADDR0 + index, entry.0));
    let config = |eight: &[(u64, u8)]| eight.iter().rev().fold(0, |all, entry| all << 8 | u64::from(entry.1));
    addresses.chain([(csr::PMPCFG0, config(&entries[..8])), (csr::PMPCFG2, config(&entries[8..]))]).collect()
}

/// An entry for a part of the data.
fn random_entry(random: &mut Random) -> (u64, u8) {
    let page = DATA + random.below(DATA_PAGES as usize) as u64 * PAGE;
    let permissions = random.pick(&[0, pmpcfg::R, READ_WRITE, READ_WRITE | pmpcfg::X, pmpcfg::X]);
    const READ_WRITE: u8 = pmpcfg::R | pmpcfg::W;
    match random.below(3) {
        0 => ((page + 8 * random.below(512) as u64) >> 2, permissions | pmpcfg::A_NA4),
        1 => ((page + 4 * random.below(1024) as u64) >> 2, permissions | pmpcfg::A_OFF),
        _ => {
            let size = 8 << random.below(8);
            (napot((page + random.below(4096) as u64) & !(size - 1), size), permissions | pmpcfg::A_NAPOT)
        }
    }
}
