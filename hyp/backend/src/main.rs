//! The backend process: serves the queues of a monitor's virtio device, which is told over a channel in the shape of vhost-user.
//!
//! One thread talks with the monitor ([`control`]). The data path is another thread's, pinned to the hart that it is given, and woken in one
//! of three ways ([`wake`]): by an event, not at all (it polls), or by user virtual event interrupts.
#![no_std]
#![no_main]

extern crate alloc;

mod args;
mod control;
mod data;
mod wake;

use hyp_rt::channel::Channel;
use hyp_rt::eprintln;

hyp_rt::entry!(main);

/// Exit code when the arguments are bad.
const USAGE: i32 = 2;
/// Exit code when the monitor can't be served.
const FAILED: i32 = 1;

/// What goes wrong, for the reader.
type Result<T> = core::result::Result<T, alloc::string::String>;

fn main(words: hyp_rt::Args) -> i32 {
    let args = match args::Args::parse(words) {
        Ok(args) => args,
        Err(message) => {
            eprintln!("backend: {message}");
            return USAGE;
        }
    };
    match control::run(&args, &Channel::from_parent()) {
        Ok(()) => 0,
        Err(message) => {
            eprintln!("backend: {message}");
            FAILED
        }
    }
}
