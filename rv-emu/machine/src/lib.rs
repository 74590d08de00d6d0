//! A RISC-V board as a library: build one, load software, run it, read its state.
//!
//! Memory map and devices are those of QEMU's `virt` board. Runs are deterministic: virtual time is counted, harts take turns on one thread,
//! and the same inputs give the same run on every host.
//!
//! ```
//! use rv_machine::{Limits, Machine, MachineConfig, Software, Stop};
//!
//! // li t0, 0x5555 ; li t1, 0x100000 ; sw t0, 0(t1): tell the finisher that all is well.
//! let words = [0x0000_52b7u32, 0x5552_8293, 0x0010_0337, 0x0053_2023];
//! let program: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
//! let mut machine = Machine::new(MachineConfig::default())?;
//! machine.load(&Software::raw("tiny", program))?;
//! assert_eq!(machine.run(&Limits::default()), Stop::Exit(0));
//! # Ok::<(), rv_machine::MachineError>(())
//! ```
//!
//! Reading order: [`map`], [`board`], [`ports`], [`machine`], [`boot`], [`image`].

pub mod board;
pub mod boot;
pub mod cost;
mod dma;
pub mod htif;
pub mod image;
pub mod interrupts;
pub mod machine;
pub mod map;
pub mod ports;
pub mod report;
pub mod trace;

pub use boot::Software;
pub use cost::CostModel;
pub use image::{Image, ImageError};
pub use interrupts::Aia;
pub use machine::{ExitBy, Limits, Machine, MachineConfig, MachineError, Stop, Watch};
pub use report::Report;
