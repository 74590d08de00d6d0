//! What of the block workload needs no device: its options, the order of its requests, and what sectors hold.
#![no_std]

pub mod config;
pub mod order;
pub mod pattern;
