//! Memory images as ELF executables, for models that load those.

use super::layout::TOHOST;
use crate::elf::Segment;

/// What a model loads.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Image {
    /// Address and bytes.
    pub segments: Vec<(u64, Vec<u8>)>,
    /// Where it starts, in M-mode.
    pub entry: u64,
    /// Where it stays at its end.
    pub exit: u64,
}

/// The image as an executable file with the symbols `tohost` and `fromhost`.
pub fn executable(image: &Image) -> Vec<u8> {
    let segments = image.segments.iter().map(|(addr, bytes)| Segment { addr: *addr, bytes, size: bytes.len() as u64 });
    let segments: Vec<Segment<'_>> = segments.collect();
    crate::elf::executable(image.entry, &segments, &[("tohost", TOHOST), ("fromhost", TOHOST + 8)])
}
