//! Experiment `uer`: a guest prints lines to an emulated UART, once by trap and emulate, once by user-level exception redirection.
//!
//! Machine and sizes are those of the HA-IOV slides: a host with 4 harts and 2,048 MiB, a guest with one vCPU and 1,024 MiB, 1K to 100K
//! lines of "hello,world". Both mechanisms run on the same machine, with the extension, and differ in one word of the command line. The
//! third row is the same guest in S-mode on the board's own UART.

use crate::lab::case::Case;
use crate::lab::compose;
use crate::lab::experiment::{Experiment, Metric, Slice, Workload};
use crate::lab::mechanism::{BARE, EMULATE, UER as UER_MECHANISM};
use crate::lab::results::{Outcome, tail};
use crate::lab::row::Work;

/// A line.
pub const LINE: &[u8] = b"hello,world\n";

/// The experiment.
pub static UER: Experiment = Experiment {
    name: "uer",
    about: "a guest prints to an emulated UART: trap and emulate against user-level exception redirection",
    headline: "HA-IOV achieves nearly 2x faster than the original one (1K to 100K lines of \"hello,world\")",
    size_is: "lines",
    mechanisms: &[&BARE, &EMULATE, &UER_MECHANISM],
    classic: Some(&EMULATE),
    subject: Some(&UER_MECHANISM),
    workloads: &[Workload { name: "print", about: "lines of \"hello,world\" to a 16550 UART", metric: Metric::Time }],
    quantum: 1000,
    full: &[Slice { workloads: &["print"], sizes: &[1_000, 10_000, 50_000, 100_000], ..NOTHING }],
    quick: &[Slice { workloads: &["print"], sizes: &[1_000], ..NOTHING }],
    probe: Slice { workloads: &["print"], sizes: &[1_000], ..NOTHING },
    images: &["hyp", "vmm", "console"],
    needs: || Ok(()),
    compose: compose::console,
    check,
};

const NOTHING: Slice =
    Slice { workloads: &[], sizes: &[], suppression: &[], queue_depth: &[], sharing: &[], banks: &[] };

/// Every byte that the guest printed must be in the host's output, in one piece, and nothing of it twice.
fn check(case: &Case, output: &[u8]) -> Result<Outcome, String> {
    lines(output, case.size)?;
    let work = Work { ops: case.size, messages: None, bytes: case.size * LINE.len() as u64 };
    Ok(Outcome { work, ..Outcome::default() })
}

/// Whether so many lines have arrived, in one piece and once.
pub fn lines(output: &[u8], size: u64) -> Result<(), String> {
    // The host's console may return the carriage; the guest does not.
    let text: Vec<u8> = output.iter().copied().filter(|byte| *byte != b'\r').collect();
    let first = text.windows(LINE.len()).position(|window| window == LINE);
    let first = first.ok_or_else(|| format!("not one line arrived; the host's last words: {}", tail(output)))?;
    let lines = text[first..].chunks(LINE.len()).take_while(|chunk| *chunk == LINE).count() as u64;
    let rest = &text[first + lines as usize * LINE.len()..];
    let again = rest.windows(LINE.len()).any(|window| window == LINE);
    if lines == size && !again { Ok(()) } else { Err(format!("{lines} lines of {size} arrived in one piece")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_finds_what_is_missing() {
        let text = |n: usize| [b"boot\n".to_vec(), LINE.repeat(n), b"done\n".to_vec()].concat();
        assert_eq!(lines(&text(3), 3), Ok(()));
        assert!(lines(&text(2), 3).is_err());
        assert!(lines(&text(4), 3).is_err());
        assert!(lines(b"nothing", 1).is_err());
        let mut broken = text(3);
        broken[20] ^= 1;
        assert!(lines(&broken, 3).is_err());
    }
}
