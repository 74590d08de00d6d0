//! What is typed at the machine's console goes to the guest's serial port.

use alloc::format;

use hyp_rt::{sys, thread};
use hyp_vmm::device::sink::Sink;

use crate::Result;
use crate::machine::Machine;

/// Looks at the console so often in a second.
const LOOKS: u64 = 100;
/// Bytes of the thread's stack.
const STACK: usize = 16 << 10;

/// Starts the thread that looks.
pub fn start<S: Sink + Send + 'static>(machine: &'static Machine<S>) -> Result<()> {
    let look = move || {
        let pause = sys::timebase() / LOOKS;
        let mut bytes = [0; 16];
        loop {
            let room = machine.board.lock().receive_room().min(bytes.len());
            match sys::console_read(&mut bytes[..room]) {
                Ok(count) if count > 0 => machine.board.lock().receive(&bytes[..count]),
                _ => sys::sleep_until(sys::time() + pause),
            }
        }
    };
    thread::spawn(STACK, look).map(drop).map_err(|error| format!("the thread that reads the console: {error}"))
}
