//! A vCPU's thread: run the guest, do what it came out for, run it again.

use crate::board::Board;
use crate::kvm::{Exit, Vcpu};
use crate::lock::Lock;
use crate::memory::Memory;
use crate::sys::{EAGAIN, EINTR, Error, File};

/// SBI, "Debug Console Extension".
const DEBUG_CONSOLE: u64 = 0x4442_434e;
const CONSOLE_WRITE: u64 = 0;
const CONSOLE_READ: u64 = 1;
const CONSOLE_WRITE_BYTE: u64 = 2;
/// SBI, "Standard SBI Error Codes".
const NOT_SUPPORTED: i64 = -2;
const INVALID_PARAMETER: i64 = -3;

const SYSTEM_SHUTDOWN: u32 = 1;
const SYSTEM_RESET: u32 = 2;

/// How often the guest came out to us, and why.
#[derive(Clone, Copy, Debug)]
pub struct Exits {
    mmio: u64,
    sbi: u64,
    other: u64,
}

impl Exits {
    /// None yet.
    pub const NONE: Exits = Exits { mmio: 0, sbi: 0, other: 0 };
}

/// How a guest ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It powered itself off.
    PowerOff,
    /// It wants to start anew, which is as far as we go.
    Reset,
    /// It said that it crashed, or something that we don't know (`KVM_SYSTEM_EVENT_*`).
    Event(u32),
    /// KVM came back for a reason that we don't serve (`KVM_EXIT_*`).
    Exit(u32),
}

/// Runs the vCPU until the guest ends.
///
/// # Errors
/// KVM can't run it.
pub fn run(vcpu: Vcpu, board: &Board, memory: Memory, exits: &Lock<Exits>) -> Result<End, Error> {
    loop {
        match vcpu.run() {
            Ok(()) => {}
            Err(Error { errno: EINTR | EAGAIN, .. }) => continue,
            Err(error) => return Err(error),
        }
        match vcpu.run.exit() {
            Exit::Mmio { address, size, write } => {
                exits.lock().mmio += 1;
                match write {
                    Some(value) => board.write(address, size, value),
                    None => vcpu.run.answer_mmio(board.read(address, size)),
                }
            }
            Exit::Sbi { extension, function, arguments } => {
                exits.lock().sbi += 1;
                let (error, value) = match extension {
                    DEBUG_CONSOLE => console(memory, function, arguments),
                    _ => (NOT_SUPPORTED, 0),
                };
                vcpu.run.answer_sbi(error, value);
            }
            Exit::System(SYSTEM_SHUTDOWN) => return Ok(End::PowerOff),
            Exit::System(SYSTEM_RESET) => return Ok(End::Reset),
            Exit::System(event) => return Ok(End::Event(event)),
            Exit::Nothing => exits.lock().other += 1,
            Exit::Other(reason) => return Ok(End::Exit(reason)),
        }
    }
}

/// Calls to the debug console. Nothing is ever typed there: the serial port has the input.
fn console(memory: Memory, function: u64, [first, low, high]: [u64; 3]) -> (i64, u64) {
    match function {
        CONSOLE_WRITE => {
            let last = low.checked_add(first.max(1) - 1).filter(|last| high == 0 && memory.byte(*last).is_some());
            if memory.byte(low).is_none() || last.is_none() {
                return (INVALID_PARAMETER, 0);
            }
            let mut buffer = [0; 64];
            let mut count = 0;
            // A part may be written: software goes on with the rest.
            while count < first.min(buffer.len() as u64) {
                buffer[count as usize] = memory.byte(low + count).unwrap_or_default();
                count += 1;
            }
            File::STDOUT.write_all(&buffer[..count as usize]);
            (0, count)
        }
        CONSOLE_READ => (0, 0),
        CONSOLE_WRITE_BYTE => {
            File::STDOUT.write_all(&[first as u8]);
            (0, 0)
        }
        _ => (NOT_SUPPORTED, 0),
    }
}

/// Says how often which exits came.
pub fn report(hart: usize, exits: &Exits) {
    let Exits { mmio, sbi, other } = exits;
    File::STDERR.print(format_args!("lightkvm: vcpu {hart}: {mmio} mmio, {sbi} sbi, {other} other exits\n"));
}
