//! HTIF: how bare test programs exit and print through the words `tohost` and `fromhost`.
//!
//! The protocol is that of the RISC-V front-end server: an odd value ends the run with exit code `value >> 1`; device 1 is the console, whose
//! command 1 prints a character and command 0 asks for one; device 0 with an even value points at a system call block, of which `write` and
//! `exit` are served.

use rv_hart::Ram;

const SYS_WRITE: u64 = 64;
const SYS_EXIT: u64 = 93;
const ENOSYS: i64 = 38;
const EFAULT: i64 = 14;
/// A single `write` prints no more than this.
const WRITE_MAX: u64 = 1 << 20;

const CONSOLE: u64 = 1;
const CONSOLE_READ: u64 = 0;
const CONSOLE_WRITE: u64 = 1;
/// Device and command of a request, or of the answer to it.
const ADDRESS: u64 = !PAYLOAD;
const PAYLOAD: u64 = (1 << 48) - 1;
/// Set in the answer to a read beside the character.
const CHARACTER: u64 = 0x100;

/// Where a program's two words are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Htif {
    /// Requests of the program.
    pub tohost: u64,
    /// Answers, if the program has a place for them.
    pub fromhost: Option<u64>,
    /// The program asked for a character, and none has come yet.
    pub reading: bool,
}

impl Htif {
    /// An interface that was not used yet.
    pub fn new(tohost: u64, fromhost: Option<u64>) -> Htif {
        Htif { tohost, fromhost, reading: false }
    }

    /// Looks at `tohost` after a store to its page. `Some` ends the run with that exit code; printed bytes go to `output`.
    pub(crate) fn serve(&mut self, ram: &mut Ram, output: &mut Vec<u8>) -> Option<u64> {
        let request = ram.load(self.tohost, 8).filter(|request| *request != 0)?;
        let (device, command, payload) = (request >> 56, request >> 48 & 0xff, request & PAYLOAD);
        if device == 0 && request & 1 != 0 {
            return Some(request >> 1);
        }
        ram.store(self.tohost, 8, 0);
        match (device, command) {
            (0, _) => {
                let exit = system_call(ram, payload, output);
                self.answer(ram, 1);
                exit
            }
            (CONSOLE, CONSOLE_READ) => {
                // Answered when a character is there.
                self.reading = true;
                None
            }
            (CONSOLE, CONSOLE_WRITE) => {
                output.push(payload as u8);
                self.answer(ram, request & ADDRESS);
                None
            }
            _ => {
                self.answer(ram, request & ADDRESS);
                None
            }
        }
    }

    /// Gives the program the character that it waits for.
    pub(crate) fn give(&mut self, ram: &mut Ram, character: u8) {
        self.reading = false;
        self.answer(ram, CONSOLE << 56 | CONSOLE_READ << 48 | CHARACTER | u64::from(character));
    }

    fn answer(&self, ram: &mut Ram, value: u64) {
        if let Some(fromhost) = self.fromhost {
            ram.store(fromhost, 8, value);
        }
    }
}

/// Serves the block at `at`: number, then arguments; the result replaces the number.
fn system_call(ram: &mut Ram, at: u64, output: &mut Vec<u8>) -> Option<u64> {
    let word = |index: u64| ram.load(at.wrapping_add(8 * index), 8).unwrap_or(0);
    let (number, [first, second, third]) = (word(0), [word(1), word(2), word(3)]);
    let result = match number {
        SYS_EXIT => return Some(first),
        SYS_WRITE => write(ram, second, third.min(WRITE_MAX), output),
        _ => -ENOSYS,
    };
    ram.store(at, 8, result as u64);
    None
}

fn write(ram: &Ram, from: u64, len: u64, output: &mut Vec<u8>) -> i64 {
    let mut bytes = vec![0; len as usize];
    if ram.read_bytes(from, &mut bytes).is_err() {
        return -EFAULT;
    }
    output.append(&mut bytes);
    len as i64
}

#[cfg(test)]
mod tests {
    use super::{CHARACTER, Htif, Ram};

    const TOHOST: u64 = 0x1000;
    const FROMHOST: u64 = 0x1040;
    const BLOCK: u64 = 0x2000;

    struct Bench {
        ram: Ram,
        htif: Htif,
        output: Vec<u8>,
    }

    impl Bench {
        fn new() -> Bench {
            let ram = Ram::new(&[(TOHOST, 0x4000)]).unwrap();
            Bench { ram, htif: Htif::new(TOHOST, Some(FROMHOST)), output: Vec::new() }
        }

        /// Makes a request, checks that it is taken, and gives the exit code and the answer.
        fn request(&mut self, value: u64) -> (Option<u64>, Option<u64>) {
            self.ram.store(FROMHOST, 8, 0);
            self.ram.store(TOHOST, 8, value);
            let exit = self.htif.serve(&mut self.ram, &mut self.output);
            if exit.is_none() {
                assert_eq!(self.ram.load(TOHOST, 8), Some(0));
            }
            (exit, self.ram.load(FROMHOST, 8))
        }

        fn call(&mut self, block: [u64; 4]) -> (Option<u64>, Option<u64>) {
            for (index, word) in (0..).zip(block) {
                self.ram.store(BLOCK + 8 * index, 8, word);
            }
            let (exit, answer) = self.request(BLOCK);
            assert_eq!(answer, Some(1));
            (exit, self.ram.load(BLOCK, 8))
        }
    }

    #[test]
    fn odd_values_exit() {
        assert_eq!(Bench::new().request(1).0, Some(0));
        assert_eq!(Bench::new().request(7).0, Some(3));
    }

    #[test]
    fn zero_is_no_request() {
        assert_eq!(Bench::new().request(0), (None, Some(0)));
    }

    #[test]
    fn the_console_prints_and_reads() {
        let mut bench = Bench::new();
        assert_eq!(bench.request(0x0101_0000_0000_0041), (None, Some(0x0101_0000_0000_0000)));
        assert_eq!(bench.output, b"A");
        assert_eq!(bench.request(0x0100_0000_0000_0000), (None, Some(0)), "not answered before a character came");
        assert!(bench.htif.reading);
        bench.htif.give(&mut bench.ram, b'x');
        assert!(!bench.htif.reading);
        assert_eq!(bench.ram.load(FROMHOST, 8), Some(1 << 56 | CHARACTER | u64::from(b'x')));
    }

    #[test]
    fn unknown_devices_are_acknowledged() {
        assert_eq!(Bench::new().request(0x0302_0000_0000_0005), (None, Some(0x0302_0000_0000_0000)));
    }

    #[test]
    fn system_calls() {
        let mut bench = Bench::new();
        bench.ram.write_bytes(BLOCK + 64, b"hello").unwrap();
        assert_eq!(bench.call([64, 1, BLOCK + 64, 5]), (None, Some(5)));
        assert_eq!(bench.output, b"hello");
        assert_eq!(bench.call([64, 1, 0xffff_ffff_ffff_fff0, 5]), (None, Some(-14i64 as u64)));
        assert_eq!(bench.call([64, 1, BLOCK, u64::MAX]), (None, Some(-14i64 as u64)));
        assert_eq!(bench.call([1234, 0, 0, 0]), (None, Some(-38i64 as u64)));
        assert_eq!(bench.call([93, 42, 0, 0]).0, Some(42));
    }

    #[test]
    fn a_block_outside_of_memory_is_an_unknown_call() {
        assert_eq!(Bench::new().request(0x8000_0000_0000), (None, Some(1)));
        assert_eq!(Bench::new().request(0x4ffe), (None, Some(1)));
    }
}
