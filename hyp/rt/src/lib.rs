//! What a user program of `hyp` stands on: its start code, typed system calls,
//! `print!`, a heap and threads.
//!
//! A program is `#![no_std] #![no_main]` and says
//! ```ignore
//! fn main(args: hyp_rt::Args) -> i32 { .. }
//! hyp_rt::entry!(main);
//! ```
//! What `main` returns is the exit code of the process.
#![no_std]

extern crate alloc;

pub mod channel;
pub mod console;
pub mod disk;
pub mod event;
pub mod handle;
pub mod heap;
pub mod memory;
pub mod process;
pub mod shared;
pub mod start;
pub mod stats;
pub mod sync;
pub mod sys;
pub mod thread;
pub mod vei;
pub mod vhost;
pub mod vm;

pub use hyp_abi as abi;
pub use start::Args;
