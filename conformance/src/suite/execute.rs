//! Runs the suite's programs on machines of this project.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rv_machine::{Image, Limits, Machine, MachineError, Software, Stop};

use super::Group;
use super::case::{Expect, What};
use super::layout::RESULTS;

/// How one case ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything was as expected.
    Passed,
    /// An expectation was not met.
    Failed {
        /// Position of the expectation in [`super::case::Case::expect`].
        expectation: usize,
        /// The value found, under the expectation's mask.
        found: u64,
    },
    /// The program ended or hung before.
    NotRun,
}

/// What stands in the results for a case.
pub fn verdict(code: u64, found: u64) -> Verdict {
    match code {
        0 => Verdict::NotRun,
        1 => Verdict::Passed,
        code => Verdict::Failed { expectation: (code - 2) as usize, found },
    }
}

/// Why a group could not be run to its end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The machine can't be built or loaded.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// The program can't be read back: a mistake of the writer.
    #[error(transparent)]
    Image(#[from] rv_machine::ImageError),
    /// The emulator panicked.
    #[error("the emulator panicked")]
    Panicked,
}

/// Instructions that a program may retire: the longest takes a few million.
const INSNS_MAX: u64 = 200_000_000;

/// Runs a group's program on the machine that `machine` makes. One verdict for each case.
///
/// # Errors
/// [`RunError`] if nothing could be run.
pub fn run(group: &Group, machine: &dyn Fn() -> Result<Machine, MachineError>) -> Result<Vec<Verdict>, RunError> {
    let image = Image::parse(&group.name(), group.elf())?;
    let run = || -> Result<Vec<Verdict>, RunError> {
        let mut machine = machine()?;
        machine.load(&Software { bios: Some(image), ..Software::default() })?;
        let limits = Limits { max_insns: Some(INSNS_MAX), slice: Some(10_000_000) };
        loop {
            let retired = machine.retired();
            match machine.run(&limits) {
                // A loop of traps takes time, but retires nothing.
                Stop::Slice if machine.retired() > retired => {}
                _ => return Ok(results(&machine, group)),
            }
        }
    };
    catch_unwind(AssertUnwindSafe(run)).unwrap_or(Err(RunError::Panicked))
}

fn results(machine: &Machine, group: &Group) -> Vec<Verdict> {
    let load = |at: u64| machine.board.ram.load(at, 8).unwrap_or(0);
    let at = (RESULTS..).step_by(16).take(group.cases.len());
    at.map(|at| verdict(load(at), load(at + 8))).collect()
}

/// An expectation in words.
pub fn describe(expect: &Expect) -> String {
    use super::layout::record;
    let what = match expect.what {
        What::Record(record::LEVEL) => "level that took the trap (1 M, 2 HS, 3 VS)".to_owned(),
        What::Record(record::CAUSE) => "cause".to_owned(),
        What::Record(record::EPC) => "epc".to_owned(),
        What::Record(record::TVAL) => "tval".to_owned(),
        What::Record(record::TVAL2) => "mtval2/htval".to_owned(),
        What::Record(record::TINST) => "mtinst/htinst".to_owned(),
        What::Record(record::STATUS) => "mstatus/sstatus after the trap".to_owned(),
        What::Record(record::HSTATUS) => "hstatus after the trap".to_owned(),
        What::Record(offset) => format!("record at {offset}"),
        What::Place => "place in the snippet".to_owned(),
        What::X(register) => rv_isa::register_name(register).to_owned(),
        What::Csr(number) => {
            let name = rv_isa::csr::name(number).or_else(|| super::chapters::haiov::register_name(number));
            name.map_or_else(|| format!("CSR {number:#x}"), str::to_owned)
        }
        What::Memory(addr) => format!("memory at {addr:#x}"),
    };
    let mask = if expect.mask == u64::MAX { String::new() } else { format!(" & {:#x}", expect.mask) };
    let values: Vec<String> = expect.values.iter().map(|value| format!("{value:#x}")).collect();
    format!("{what}{mask} must be {}", values.join(" or "))
}
