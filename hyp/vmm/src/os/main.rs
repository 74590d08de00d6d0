//! The monitor of operating systems: a user process that runs a kernel which knows nothing of this host, on a board that it has drivers for.
//!
//! Accesses to devices come in one of two ways, as with the lab's own guests: as exits of the vCPU-run call, or redirected to a handler in
//! this process. The functions that emulate the devices are the same.
#![no_std]
#![no_main]

extern crate alloc;

mod disk;
mod input;
mod load;
mod machine;
mod vcpu;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec;

use hyp_rt::eprintln;
use hyp_vmm::board::args::{Args, USAGE};
use hyp_vmm::device::sink::{Capture, Lines};

hyp_rt::entry!(main);

/// Exit code when the arguments are bad.
const USAGE_ERROR: i32 = 2;
/// Exit code when the guest failed.
const FAILED: i32 = 1;
/// Bytes that a capture has room for.
const CAPTURE: usize = 1 << 20;

/// What something ends with, or a message.
type Result<T> = core::result::Result<T, String>;

fn main(words: hyp_rt::Args) -> i32 {
    let args = match Args::parse(words) {
        Ok(args) => args,
        Err(word) => {
            eprintln!("vmm: bad argument `{word}`; arguments are: {USAGE}");
            return USAGE_ERROR;
        }
    };
    let outcome = if args.capture {
        // Written once, so that no page fault of the host falls into what is measured.
        let memory = Box::leak(vec![0xff; CAPTURE].into_boxed_slice());
        machine::run(args, Capture::new(memory), |sink| console(sink.bytes()))
    } else {
        machine::run(args, Lines::new(console as fn(&[u8])), Lines::flush)
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("vmm: {error}");
        FAILED
    })
}

/// Writes to the machine's console. One that refuses bytes can't be told of it.
fn console(bytes: &[u8]) {
    let _ = hyp_rt::sys::console_write(bytes);
}
