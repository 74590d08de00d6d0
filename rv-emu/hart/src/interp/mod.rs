//! The interpreter: blocks of pre-decoded instructions whose handlers call one another in turn.
//!
//! Each row of `rv_isa` yields two kinds of handler from the one function in [`crate::sem`]: a *fast* one that gives up, without having
//! changed anything, as soon as something is not plain (a TLB miss, a device, a CSR), and a *slow* one that does everything. The fast
//! handler then simply calls the slow one.

pub(crate) mod arithmetic;
pub(crate) mod block;
pub(crate) mod cache;
pub(crate) mod fast;
pub(crate) mod handlers;
pub(crate) mod slow;
pub(crate) mod watched;
