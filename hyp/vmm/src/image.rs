//! Guest programs: ELF or raw bytes.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use goblin::elf::Elf;
use goblin::elf::header::EM_RISCV;
use goblin::elf::program_header::PT_LOAD;

/// Guest physical address of the start of memory.
pub const MEMORY: u64 = 0x8000_0000;
/// Where a raw program goes, and where ELF programs are linked to.
pub const ENTRY: u64 = MEMORY + (2 << 20);

/// A program to be copied into guest memory.
#[derive(Debug, PartialEq, Eq)]
pub struct Image<'a> {
    /// Its first instruction.
    pub entry: u64,
    /// Bytes, and their offset from the start of guest memory.
    pub segments: Vec<(u64, &'a [u8])>,
}

impl<'a> Image<'a> {
    /// Takes a program apart; all of it must lie within `memory` bytes of guest memory.
    pub fn parse(file: &'a [u8], memory: u64) -> Result<Image<'a>, String> {
        if !file.starts_with(b"\x7fELF") {
            let offset = offset(ENTRY, file.len() as u64, memory)?;
            return Ok(Image { entry: ENTRY, segments: [(offset, file)].to_vec() });
        }
        let elf = Elf::parse(file).map_err(|error| error.to_string())?;
        if elf.header.e_machine != EM_RISCV || !elf.is_64 || !elf.little_endian {
            return Err("not a program for 64-bit RISC-V".to_string());
        }
        let mut segments = Vec::new();
        for header in elf.program_headers.iter().filter(|header| header.p_type == PT_LOAD) {
            if header.p_filesz > header.p_memsz {
                return Err(format!("the segment at {:#x} is larger in the file than in memory", header.p_paddr));
            }
            let offset = offset(header.p_paddr, header.p_memsz, memory)?;
            let from = header.p_offset as usize;
            let data = from.checked_add(header.p_filesz as usize).and_then(|to| file.get(from..to));
            let data = data.ok_or_else(|| format!("the segment at {:#x} is cut off", header.p_paddr))?;
            segments.push((offset, data));
        }
        if segments.is_empty() {
            return Err("nothing to load".to_string());
        }
        Ok(Image { entry: elf.entry, segments })
    }
}

/// Offset of a range in guest memory.
fn offset(gpa: u64, len: u64, memory: u64) -> Result<u64, String> {
    let offset = gpa.checked_sub(MEMORY).filter(|offset| offset.checked_add(len).is_some_and(|end| end <= memory));
    offset.ok_or_else(|| format!("{gpa:#x} with {len:#x} bytes is outside of guest memory"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_programs_go_to_the_entry() {
        let image = Image::parse(b"abc", 16 << 20).unwrap();
        assert_eq!(image, Image { entry: ENTRY, segments: vec![(2 << 20, &b"abc"[..])] });
        assert!(Image::parse(b"abc", 2 << 20).is_err());
    }

    #[test]
    fn bad_elf_files_are_refused() {
        for len in 4..64 {
            let mut file = b"\x7fELF\x02\x01\x01".to_vec();
            file.resize(len.max(7), 0);
            assert!(Image::parse(&file, 16 << 20).is_err(), "{len}");
        }
    }
}
