//! Runs test programs of others: ELF files that know nothing of this machine but its address map.
//!
//! A program's verdict is read from what it does by itself, in this order:
//!
//! 1. text on its console that must not appear ([`Options::fail_on`]) fails it at once;
//! 2. an exit code other than 0, through `tohost` or the test finisher, fails it;
//! 3. text that must appear ([`Options::expect`]) and doesn't, fails it;
//! 4. a signature is held against its reference, if one is asked for ([`Options::reference`]);
//! 5. an exit with code 0, or all expected text, passes it.
//!
//! Whatever else happens is no verdict, and the report says where the harts were. Each program has a machine of its own, on a thread of a
//! pool; a panic of the emulator fails that one program.
//!
//! Reading order: [`find`], `pool`, `execute`, `judge`, then the parts that they use.

mod console;
mod execute;
mod filter;
mod find;
mod judge;
mod outcome;
mod pool;
mod record;
mod reference;
mod table;
mod whereabouts;

use std::path::PathBuf;
use std::time::Duration;

use rv_machine::{Image, Machine};

pub use console::printable;
pub use filter::Filter;
pub use find::{Found, Program, find};
pub use outcome::{Outcome, Verdict};
pub use pool::run;
pub use record::{start_record, summary_record, test_record};
pub use table::{failures, table};

/// Makes a new machine for each program, on any thread; or says why there is none.
pub type Factory<'a> = dyn Fn() -> Result<Machine, String> + Sync + 'a;

/// How programs are run and judged.
#[derive(Clone, Debug)]
pub struct Options {
    /// Time that a program may take on the host's clock.
    pub timeout: Duration,
    /// Instructions that all of a program's harts together may retire.
    pub max_insns: u64,
    /// Programs that run at the same time.
    pub jobs: usize,
    /// Firmware that starts each program in S-mode. Without it, programs start in M-mode.
    pub firmware: Option<Image>,
    /// A file, or a folder with a file for each program, that signatures are compared with.
    pub reference: Option<PathBuf>,
    /// Where signatures are written.
    pub signature_dir: Option<PathBuf>,
    /// Bytes of a word of the signatures that are written.
    pub granularity: usize,
    /// Texts that must all appear on the console.
    pub expect: Vec<String>,
    /// Texts none of which may appear on the console.
    pub fail_on: Vec<String>,
    /// Programs of riscv-arch-test judge themselves: an exit with code 0 is enough.
    pub self_checking: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            timeout: Duration::from_secs(60),
            max_insns: 500_000_000,
            jobs: 1,
            firmware: None,
            reference: None,
            signature_dir: None,
            granularity: 4,
            expect: Vec::new(),
            fail_on: Vec::new(),
            self_checking: false,
        }
    }
}
