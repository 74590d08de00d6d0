//! HTIF: how bare test programs exit and print through the words `tohost` and `fromhost`.
//!
//! The protocol is that of the RISC-V front-end server: an odd value ends the run with exit code `value >> 1`; device 1, command 1 prints a
//! character; device 0 with an even value points at a system call block, of which `write` and `exit` are served.

use rv_hart::Ram;

const SYS_WRITE: u64 = 64;
const SYS_EXIT: u64 = 93;
/// A single `write` prints no more than this.
const WRITE_MAX: u64 = 1 << 20;

/// Where a program's two words are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Htif {
    /// Requests of the program.
    pub tohost: u64,
    /// Answers, if the program has a place for them.
    pub fromhost: Option<u64>,
}

impl Htif {
    /// Looks at `tohost` after a store to its page. `Some` ends the run with that exit code; printed bytes go to `output`.
    pub(crate) fn serve(&self, ram: &mut Ram, output: &mut Vec<u8>) -> Option<u64> {
        let request = ram.load(self.tohost, 8).filter(|request| *request != 0)?;
        let (device, command, payload) = (request >> 56, request >> 48 & 0xff, request & ((1 << 48) - 1));
        if device == 0 && request & 1 != 0 {
            return Some(request >> 1);
        }
        let exit = match (device, command) {
            (0, _) => system_call(ram, payload, output),
            (1, 1) => {
                output.push(payload as u8);
                None
            }
            _ => None,
        };
        ram.store(self.tohost, 8, 0);
        if let Some(fromhost) = self.fromhost {
            // The console acknowledges with device and command; a system call with anything but 0.
            let answer = if device == 0 { 1 } else { request & !((1 << 48) - 1) };
            ram.store(fromhost, 8, answer);
        }
        exit
    }
}

/// Serves the block at `at`: number, then arguments; the result replaces the number.
fn system_call(ram: &mut Ram, at: u64, output: &mut Vec<u8>) -> Option<u64> {
    let word = |index: u64| ram.load(at + 8 * index, 8).unwrap_or(0);
    let (number, arguments) = (word(0), [word(1), word(2), word(3)]);
    match number {
        SYS_EXIT => return Some(arguments[0]),
        SYS_WRITE => {
            let len = arguments[2].min(WRITE_MAX);
            let mut bytes = vec![0; len as usize];
            let result = match ram.read_bytes(arguments[1], &mut bytes) {
                Ok(()) => {
                    output.extend(bytes);
                    len
                }
                Err(_) => u64::MAX,
            };
            ram.store(at, 8, result);
        }
        _ => {
            const ENOSYS: i64 = 38;
            ram.store(at, 8, (-ENOSYS) as u64);
        }
    }
    None
}
