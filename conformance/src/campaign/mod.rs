//! Differential campaigns: random programs, executed in step by our hart and by models that others wrote.
//!
//! Reading order: [`layout`], [`boot`], `generate/`, [`lockstep`], [`spike`], [`allowed`], [`shrink`].

pub mod allowed;
mod asm;
pub mod blocks;
pub mod boot;
pub mod coverage;
pub mod elf;
pub mod generate;
pub mod layout;
pub mod lockstep;
pub mod ours;
pub mod peers;
pub mod process;
pub mod program;
pub mod qemu;
pub mod random;
pub mod regression;
pub mod report;
pub mod run;
pub mod shrink;
pub mod spike;
pub mod tables;
