//! What each instruction does, once, for every engine. One function per row of `rv_isa`, named as the row says.
//!
//! Files follow the chapters of the specification.

pub mod amo;
pub mod bits;
pub mod block;
pub mod fp;
pub mod hypervisor;
pub mod int;
pub mod mem;
pub mod muldiv;
pub mod system;

use crate::engine::{Engine, Flow};

/// The outcome of one instruction on engine `E`.
pub type Outcome<E> = Result<Flow, <E as Engine>::Stop>;
