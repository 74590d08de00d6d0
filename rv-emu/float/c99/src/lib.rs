//! Stands in for the crate `c99` 0.1.1, which `softfloat-sys` takes five type names from.
//!
//! The published crate runs CMake and make to learn the widths of these types from the C
//! compiler, so that a plain `cargo test` would need both. The widths are fixed by the C library,
//! and the oracle is only built for x86-64 Linux, so this crate just states them. It is put in
//! place by `[patch.crates-io]` in the workspace manifest.

#![no_std]
#![allow(non_camel_case_types)]

/// C `uint_fast8_t`.
pub type uint_fast8_t = u8;

/// C `int_fast32_t`: a machine word in glibc.
#[cfg(not(target_env = "musl"))]
pub type int_fast32_t = i64;
/// C `uint_fast32_t`: a machine word in glibc.
#[cfg(not(target_env = "musl"))]
pub type uint_fast32_t = u64;

/// C `int_fast32_t`: 32 bits in musl.
#[cfg(target_env = "musl")]
pub type int_fast32_t = i32;
/// C `uint_fast32_t`: 32 bits in musl.
#[cfg(target_env = "musl")]
pub type uint_fast32_t = u32;

/// C `int_fast64_t`.
pub type int_fast64_t = i64;
/// C `uint_fast64_t`.
pub type uint_fast64_t = u64;
