//! Program files: ELF or raw bytes, checked before anything is loaded.

use std::collections::BTreeMap;
use std::path::Path;

use goblin::elf::Elf;
use goblin::elf::header::{EI_CLASS, ELFCLASS64, EM_RISCV};
use goblin::elf::program_header::PT_LOAD;

/// A file larger than this is taken for a mistake.
const FILE_MAX: u64 = 2 << 30;

/// Why a program file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The file can't be read.
    #[error("{file}: {source}")]
    Read {
        /// The file.
        file: String,
        /// The host's answer.
        source: std::io::Error,
    },
    /// There is nothing in it.
    #[error("{file}: the file is empty")]
    Empty {
        /// The file.
        file: String,
    },
    /// It is absurdly large.
    #[error("{file}: {len} bytes are more than the limit of 2 GiB")]
    TooLarge {
        /// The file.
        file: String,
        /// Its length.
        len: u64,
    },
    /// It says that it is ELF, but isn't well-formed.
    #[error("{file}: not a well-formed ELF file: {reason}")]
    Malformed {
        /// The file.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// It is ELF for another machine.
    #[error("{file}: an ELF file, but not for 64-bit little-endian RISC-V ({reason})")]
    OtherMachine {
        /// The file.
        file: String,
        /// What it is for.
        reason: String,
    },
    /// A segment does not lie in memory.
    #[error("{file}: {what} at {addr:#x} with {len:#x} bytes is outside of memory ({memory})")]
    Outside {
        /// The file.
        file: String,
        /// Which part of it.
        what: String,
        /// Where it shall go.
        addr: u64,
        /// How long it is in memory.
        len: u64,
        /// Where memory is.
        memory: String,
    },
    /// Two things shall go to the same place.
    #[error("{file}: {addr:#x} with {len:#x} bytes overlaps {other}")]
    Overlap {
        /// The file.
        file: String,
        /// Where it shall go.
        addr: u64,
        /// Its length.
        len: u64,
        /// What is there already.
        other: String,
    },
}

/// A part of a program that goes to one place in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Physical address; relative to the load address in a raw image.
    pub addr: u64,
    /// The bytes of the file.
    pub bytes: Vec<u8>,
    /// Bytes in memory, at least as many; the rest is zero.
    pub len: u64,
}

/// A program ready to be placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// For messages.
    pub name: String,
    /// Entry point, for ELF.
    pub entry: Option<u64>,
    /// What goes where.
    pub segments: Vec<Segment>,
    /// Symbols by name, for ELF with a symbol table.
    pub symbols: BTreeMap<String, u64>,
}

impl Image {
    /// Reads a file; ELF is told by its magic number, anything else is raw.
    ///
    /// # Errors
    /// [`ImageError`], with the file's name.
    pub fn open(path: &Path) -> Result<Image, ImageError> {
        let file = path.display().to_string();
        let read = |source| ImageError::Read { file: file.clone(), source };
        let len = std::fs::metadata(path).map_err(read)?.len();
        if len > FILE_MAX {
            return Err(ImageError::TooLarge { file, len });
        }
        Image::parse(&file, std::fs::read(path).map_err(read)?)
    }

    /// Takes the bytes of a file called `name`.
    ///
    /// # Errors
    /// [`ImageError`], with the file's name.
    pub fn parse(name: &str, bytes: Vec<u8>) -> Result<Image, ImageError> {
        if bytes.is_empty() {
            return Err(ImageError::Empty { file: name.to_owned() });
        }
        if bytes.starts_with(b"\x7fELF") { elf(name, &bytes) } else { Ok(Image::raw(name, bytes)) }
    }

    /// Raw bytes that go to wherever the loader puts them.
    pub fn raw(name: &str, bytes: Vec<u8>) -> Image {
        let len = bytes.len() as u64;
        let segments = vec![Segment { addr: 0, bytes, len }];
        Image { name: name.to_owned(), entry: None, segments, symbols: BTreeMap::new() }
    }

    /// Whether addresses are the file's own.
    pub fn is_elf(&self) -> bool {
        self.entry.is_some()
    }

    /// Bytes from the lowest to the highest address.
    pub fn extent(&self) -> u64 {
        let low = self.segments.iter().map(|s| s.addr).min().unwrap_or(0);
        let high = self.segments.iter().map(|s| s.addr + s.len).max().unwrap_or(0);
        high - low
    }
}

fn elf(name: &str, bytes: &[u8]) -> Result<Image, ImageError> {
    let file = || name.to_owned();
    let malformed = |reason: String| ImageError::Malformed { file: file(), reason };
    let other = |reason: String| ImageError::OtherMachine { file: file(), reason };
    // The class first: goblin would read a 32-bit file too.
    if bytes.get(EI_CLASS).is_some_and(|class| *class != ELFCLASS64) {
        return Err(other("32-bit".to_owned()));
    }
    let elf = Elf::parse(bytes).map_err(|error| malformed(error.to_string()))?;
    if elf.header.e_machine != EM_RISCV || !elf.little_endian {
        return Err(other(format!("machine {}", elf.header.e_machine)));
    }
    let mut segments = Vec::new();
    for header in elf.program_headers.iter().filter(|h| h.p_type == PT_LOAD && h.p_memsz != 0) {
        let addr = header.p_paddr;
        let from = header.p_offset;
        let data = from
            .checked_add(header.p_filesz)
            .and_then(|to| bytes.get(from as usize..to as usize))
            .ok_or_else(|| malformed(format!("the segment at {addr:#x} goes beyond the end of the file")))?;
        if header.p_filesz > header.p_memsz || addr.checked_add(header.p_memsz).is_none() {
            return Err(malformed(format!("the segment at {addr:#x} has an impossible size")));
        }
        segments.push(Segment { addr, bytes: data.to_vec(), len: header.p_memsz });
    }
    if segments.is_empty() {
        return Err(malformed("nothing to load".to_owned()));
    }
    let symbols = elf
        .syms
        .iter()
        .filter_map(|symbol| Some((elf.strtab.get_at(symbol.st_name)?.to_owned(), symbol.st_value)))
        .filter(|(symbol, _)| !symbol.is_empty())
        .collect();
    Ok(Image { name: file(), entry: Some(elf.entry), segments, symbols })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(change: impl Fn(&mut Vec<u8>)) -> Result<Image, ImageError> {
        let mut bytes = vec![0; 64 + 56 + 8];
        bytes[..16].copy_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
        bytes[16] = 2;
        bytes[18] = 243;
        bytes[20] = 1;
        bytes[24..32].copy_from_slice(&0x8000_0000u64.to_le_bytes());
        bytes[32] = 64;
        bytes[52] = 64;
        bytes[54] = 56;
        bytes[56] = 1;
        let segment = &mut bytes[64..];
        segment[0] = 1;
        segment[8] = 120;
        segment[16..24].copy_from_slice(&0x8000_0000u64.to_le_bytes());
        segment[24..32].copy_from_slice(&0x8000_0000u64.to_le_bytes());
        segment[32] = 8;
        segment[40] = 16;
        change(&mut bytes);
        Image::parse("test", bytes)
    }

    #[test]
    fn a_good_file() {
        let image = header(|_| {}).unwrap();
        assert_eq!((image.entry, image.extent()), (Some(0x8000_0000), 16));
        assert_eq!(image.segments[0].bytes.len(), 8);
    }

    #[test]
    fn bad_files_say_what_is_wrong() {
        let text = |change: fn(&mut Vec<u8>)| header(change).unwrap_err().to_string();
        assert!(text(|b| b[4] = 1).contains("32-bit"));
        assert!(text(|b| b[18] = 62).contains("machine 62"));
        assert!(text(|b| b.truncate(70)).contains("well-formed"));
        assert!(text(|b| b[64 + 32 + 7] = 0xff).contains("beyond the end"));
        assert!(text(|b| b[64 + 40] = 4).contains("impossible size"));
        assert!(text(|b| b[64 + 24..64 + 32].fill(0xff)).contains("impossible size"));
        assert!(text(|b| b[64] = 2).contains("nothing to load"));
        assert!(matches!(Image::parse("e", vec![]), Err(ImageError::Empty { .. })));
    }

    #[test]
    fn cut_off_files_are_refused() {
        for len in 4..120 {
            assert!(header(|bytes| bytes.truncate(len)).is_err(), "{len} bytes");
        }
    }
}
