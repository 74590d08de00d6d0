//! What monitors of operating systems share, whoever runs them: `hyp`'s `osvmm`, and `lightkvm` on Linux's KVM.
//!
//! Nothing here allocates or knows where it is mapped.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod linux;
pub mod plic;
