//! The lab: the same guest, the same device, the same machine, once per I/O virtualization mechanism.
//!
//! An experiment is defined once, in its own file under [`lab`]; running it gives rows, and tables and JSON are made from rows. Guest images
//! are built ahead and part of the program ([`images`]), so that an experiment needs nothing but this crate.

pub mod archive;
pub mod images;
pub mod lab;
