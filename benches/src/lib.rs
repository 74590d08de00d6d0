//! The lab: the same guest, the same device, the same machine, once per I/O virtualization mechanism.
//!
//! An experiment is data, in a file of its own under [`lab::experiments`]; running it gives rows, and tables, files, plots and a report are made
//! from rows. Guest images
//! are built ahead and part of the program ([`images`]), so that an experiment needs nothing but this crate.

pub mod archive;
pub mod images;
pub mod lab;
pub mod linux;
