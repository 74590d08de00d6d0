//! SBI calls that the kernel hands on: the guest's report, and the consoles (debug console and legacy), which go past the serial port
//! straight to the machine's console.

use hyp_abi::vm::SbiExit;
use proto::guest_call;

const BASE: u64 = 0x10;
const BASE_PROBE: u64 = 3;
const LEGACY_PUTCHAR: u64 = 1;
const LEGACY_GETCHAR: u64 = 2;
const DEBUG_CONSOLE: u64 = 0x4442_434e;
const DEBUG_CONSOLE_WRITE: u64 = 0;
const DEBUG_CONSOLE_READ: u64 = 1;
const DEBUG_CONSOLE_WRITE_BYTE: u64 = 2;
const GUEST_CALL: u64 = guest_call::EXTENSION as u64;
const GUEST_CALL_READY: u64 = guest_call::READY as u64;
const GUEST_CALL_DONE: u64 = guest_call::DONE as u64;

/// Most bytes that one call of the debug console moves.
pub const PIECE: usize = 256;

const FAILED: u64 = -1i64 as u64;
const NOT_SUPPORTED: u64 = -2i64 as u64;
const INVALID_PARAM: u64 = -3i64 as u64;

/// What the guest says that it has printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// Lines.
    pub lines: u64,
    /// Bytes of all lines.
    pub bytes: u64,
    /// Their checksum.
    pub checksum: u64,
}

/// What calls reach beyond their registers.
pub trait Host {
    /// The guest is done; whether that is what arrived.
    fn done(&mut self, done: Done) -> bool;
    /// The guest waits for others that are measured together with it.
    fn ready(&mut self);
    /// Writes to the machine's console.
    fn write(&mut self, bytes: &[u8]);
    /// Reads what was typed so far; how many bytes.
    fn read(&mut self, bytes: &mut [u8]) -> usize;
    /// Copies out of guest memory; `None` if it isn't all memory.
    fn fetch(&mut self, gpa: u64, bytes: &mut [u8]) -> Option<()>;
    /// Copies into guest memory.
    fn store(&mut self, gpa: u64, bytes: &[u8]) -> Option<()>;
}

/// Serves a call and fills in the answer.
pub fn serve(call: &mut SbiExit, host: &mut impl Host) {
    let [a0, a1, a2, ..] = call.args;
    call.ret = match (call.extension, call.function) {
        (GUEST_CALL, GUEST_CALL_DONE) => {
            let agreed = host.done(Done { lines: a0, bytes: a1, checksum: a2 });
            [if agreed { 0 } else { FAILED }, 0]
        }
        (GUEST_CALL, GUEST_CALL_READY) => {
            host.ready();
            [0, 0]
        }
        (DEBUG_CONSOLE, function) => {
            debug_console(function, [a0, a1, a2], host).map_or_else(|error| [error, 0], |n| [0, n])
        }
        // Legacy calls have no function number, and change a0 only.
        (LEGACY_PUTCHAR, _) => {
            host.write(&[a0 as u8]);
            [0, a1]
        }
        (LEGACY_GETCHAR, _) => {
            let mut byte = [0];
            let came = host.read(&mut byte) == 1;
            [if came { byte[0].into() } else { FAILED }, a1]
        }
        (BASE, BASE_PROBE) => {
            let here = [GUEST_CALL, DEBUG_CONSOLE, LEGACY_PUTCHAR, LEGACY_GETCHAR].contains(&a0);
            [0, here.into()]
        }
        _ => [NOT_SUPPORTED, 0],
    };
}

/// The debug console: a0 bytes at a1, or the byte a0. It may do less than was asked for, and says how much.
fn debug_console(function: u64, [a0, a1, a2]: [u64; 3], host: &mut impl Host) -> Result<u64, u64> {
    let mut buffer = [0; PIECE];
    let len = a0.min(buffer.len() as u64) as usize;
    let bytes = &mut buffer[..len];
    // a2 is the address's upper half, of which nothing can be memory.
    let memory = if a2 == 0 { Ok(()) } else { Err(INVALID_PARAM) };
    match function {
        DEBUG_CONSOLE_WRITE => {
            memory?;
            host.fetch(a1, bytes).ok_or(INVALID_PARAM)?;
            host.write(bytes);
            Ok(len as u64)
        }
        DEBUG_CONSOLE_READ => {
            memory?;
            // The place is tried first: what was typed must not be lost.
            host.fetch(a1, bytes).ok_or(INVALID_PARAM)?;
            let count = host.read(bytes);
            host.store(a1, &bytes[..count]).ok_or(INVALID_PARAM)?;
            Ok(count as u64)
        }
        DEBUG_CONSOLE_WRITE_BYTE => {
            host.write(&[a0 as u8]);
            Ok(0)
        }
        _ => Err(NOT_SUPPORTED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Fake {
        is_ready: bool,
        done: Option<Done>,
        disagrees: bool,
        written: Vec<u8>,
        typed: Vec<u8>,
        memory: Vec<u8>,
    }

    impl Host for Fake {
        fn done(&mut self, done: Done) -> bool {
            self.done = Some(done);
            !self.disagrees
        }

        fn ready(&mut self) {
            self.is_ready = true;
        }

        fn write(&mut self, bytes: &[u8]) {
            self.written.extend_from_slice(bytes);
        }

        fn read(&mut self, bytes: &mut [u8]) -> usize {
            let count = bytes.len().min(self.typed.len());
            bytes[..count].copy_from_slice(&self.typed[..count]);
            self.typed.drain(..count);
            count
        }

        fn fetch(&mut self, gpa: u64, bytes: &mut [u8]) -> Option<()> {
            bytes.copy_from_slice(self.memory.get(gpa as usize..)?.get(..bytes.len())?);
            Some(())
        }

        fn store(&mut self, gpa: u64, bytes: &[u8]) -> Option<()> {
            self.memory.get_mut(gpa as usize..)?.get_mut(..bytes.len())?.copy_from_slice(bytes);
            Some(())
        }
    }

    /// The answer to a call.
    fn call(host: &mut Fake, extension: u64, function: u64, args: [u64; 3]) -> [u64; 2] {
        let [a0, a1, a2] = args;
        let mut call = SbiExit { extension, function, args: [a0, a1, a2, 0, 0, 0], ret: [7, 7] };
        serve(&mut call, host);
        call.ret
    }

    #[test]
    fn the_report_is_compared() {
        let mut host = Fake::default();
        assert_eq!(call(&mut host, GUEST_CALL, GUEST_CALL_DONE, [1, 2, 3]), [0, 0]);
        assert_eq!(host.done, Some(Done { lines: 1, bytes: 2, checksum: 3 }));
        host.disagrees = true;
        assert_eq!(call(&mut host, GUEST_CALL, GUEST_CALL_DONE, [1, 2, 3]), [FAILED, 0]);
        assert_eq!(call(&mut host, GUEST_CALL, 9, [0; 3]), [NOT_SUPPORTED, 0]);
    }

    #[test]
    fn the_debug_console_writes_memory() {
        let mut host = Fake { memory: b"..hello".to_vec(), ..Fake::default() };
        assert_eq!(call(&mut host, DEBUG_CONSOLE, DEBUG_CONSOLE_WRITE, [5, 2, 0]), [0, 5]);
        assert_eq!(call(&mut host, DEBUG_CONSOLE, DEBUG_CONSOLE_WRITE_BYTE, [0x121, 0, 0]), [0, 0]);
        assert_eq!(host.written, b"hello!");
        host.memory = vec![b'x'; 1000];
        assert_eq!(call(&mut host, DEBUG_CONSOLE, DEBUG_CONSOLE_WRITE, [1000, 0, 0]), [0, 256], "in parts");
        for args in [[6, 995, 0], [1, u64::MAX, 0], [1, 0, 1]] {
            assert_eq!(call(&mut host, DEBUG_CONSOLE, DEBUG_CONSOLE_WRITE, args), [INVALID_PARAM, 0]);
        }
        assert_eq!(host.written.len(), 6 + 256);
        assert_eq!(call(&mut host, DEBUG_CONSOLE, 3, [0; 3]), [NOT_SUPPORTED, 0]);
    }

    #[test]
    fn the_debug_console_reads_into_memory() {
        let mut host = Fake { typed: b"abc".to_vec(), memory: vec![0; 4], ..Fake::default() };
        assert_eq!(call(&mut host, DEBUG_CONSOLE, DEBUG_CONSOLE_READ, [9, 0, 0]), [INVALID_PARAM, 0]);
        assert_eq!(call(&mut host, DEBUG_CONSOLE, DEBUG_CONSOLE_READ, [2, 1, 0]), [0, 2]);
        assert_eq!(host.memory, b"\0ab\0");
        assert_eq!(call(&mut host, DEBUG_CONSOLE, DEBUG_CONSOLE_READ, [4, 0, 0]), [0, 1]);
        assert_eq!(host.memory, b"cab\0");
    }

    #[test]
    fn the_legacy_console_keeps_a1() {
        let mut host = Fake { typed: b"k".to_vec(), ..Fake::default() };
        assert_eq!(call(&mut host, LEGACY_PUTCHAR, 55, [b'p'.into(), 8, 9]), [0, 8]);
        assert_eq!(host.written, b"p");
        assert_eq!(call(&mut host, LEGACY_GETCHAR, 55, [0, 8, 9]), [b'k'.into(), 8]);
        assert_eq!(call(&mut host, LEGACY_GETCHAR, 55, [0, 8, 9]), [FAILED, 8]);
    }

    #[test]
    fn probing_tells_what_is_here() {
        let mut host = Fake::default();
        for (extension, here) in
            [(GUEST_CALL, 1), (DEBUG_CONSOLE, 1), (LEGACY_PUTCHAR, 1), (LEGACY_GETCHAR, 1), (0x504d55, 0)]
        {
            assert_eq!(call(&mut host, BASE, BASE_PROBE, [extension, 0, 0]), [0, here], "{extension:#x}");
        }
        assert_eq!(call(&mut host, 0x504d55, 0, [0; 3]), [NOT_SUPPORTED, 0]);
    }
}
