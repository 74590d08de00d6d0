//! Linux as a guest: Debian's kernel and programs, which are no part of the project.
//!
//! `cargo xtask debian` fetches them into a folder; [`Debian`] finds it there, [`Initramfs`] makes initial archives of it. Whoever
//! needs it and finds none says so and does without.

mod debian;
mod initramfs;

pub use debian::{Debian, Missing};
pub use initramfs::Initramfs;
