//! Writes little ELF files, as a linker would.

#![allow(dead_code)] // Each test file uses its part.

use std::fs;
use std::path::{Path, PathBuf};

use conformance::elf::{Segment, executable};

/// Where a program is linked to.
pub const BASE: u64 = 0x8000_0000;
/// Bytes of memory that a program has.
const SIZE: u64 = 0x20_0000;

/// An executable with one segment that starts with `code`, and with symbols.
pub fn elf(code: &[u8], symbols: &[(&str, u64)]) -> Vec<u8> {
    executable(BASE, &[Segment { addr: BASE, bytes: code, size: SIZE }], symbols)
}

/// An empty folder for one test.
pub fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Writes a file, and the folders that it needs.
pub fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let file = folder.join(name);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, bytes).unwrap();
    file
}
