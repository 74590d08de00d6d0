//! Guest programs: ELF or raw bytes.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use goblin::elf::Elf;
use goblin::elf::header::EM_RISCV;
use goblin::elf::program_header::{PT_LOAD, ProgramHeader};

/// Guest physical address of the start of memory.
pub const MEMORY: u64 = 0x8000_0000;
/// Where a raw program goes, and where ELF programs are linked to.
pub const ENTRY: u64 = MEMORY + (2 << 20);

/// A program to be copied into guest memory.
#[derive(Debug, PartialEq, Eq)]
pub struct Image<'a> {
    /// Guest physical address of its first instruction.
    pub entry: u64,
    /// Bytes, and their offset from the start of guest memory.
    pub segments: Vec<(u64, &'a [u8])>,
}

impl<'a> Image<'a> {
    /// Takes a program apart; all of it must lie within `memory` bytes of guest memory.
    pub fn parse(file: &'a [u8], memory: u64) -> Result<Image<'a>, String> {
        if file.is_empty() {
            return Err("it is empty".to_string());
        }
        if !file.starts_with(b"\x7fELF") {
            let offset = offset(ENTRY, file.len() as u64, memory)?;
            return Ok(Image { entry: ENTRY, segments: [(offset, file)].to_vec() });
        }
        let elf = Elf::parse(file).map_err(|error| error.to_string())?;
        if elf.header.e_machine != EM_RISCV || !elf.is_64 || !elf.little_endian {
            return Err("not a program for 64-bit RISC-V".to_string());
        }
        let mut segments = Vec::new();
        let mut entry = None;
        for header in elf.program_headers.iter().filter(|header| header.p_type == PT_LOAD) {
            segments.push(segment(header, file, memory)?);
            entry = entry.or(physical(header, elf.entry));
        }
        if segments.is_empty() {
            return Err("nothing to load".to_string());
        }
        let entry = entry.ok_or_else(|| format!("the entry point {:#x} is in no segment", elf.entry))?;
        Ok(Image { entry, segments })
    }
}

/// A segment's bytes, and their offset in guest memory. What it has in memory beyond them is zero, as all of guest memory is.
fn segment<'a>(header: &ProgramHeader, file: &'a [u8], memory: u64) -> Result<(u64, &'a [u8]), String> {
    let at = header.p_paddr;
    if header.p_filesz > header.p_memsz {
        return Err(format!("the segment at {at:#x} is larger in the file than in memory"));
    }
    let offset = offset(at, header.p_memsz, memory)?;
    let from = header.p_offset as usize;
    let data = from.checked_add(header.p_filesz as usize).and_then(|to| file.get(from..to));
    Ok((offset, data.ok_or_else(|| format!("the segment at {at:#x} is cut off"))?))
}

/// Where a virtual address of a segment is in physical memory: a program starts without translation.
fn physical(header: &ProgramHeader, address: u64) -> Option<u64> {
    let offset = address.checked_sub(header.p_vaddr).filter(|offset| *offset < header.p_memsz)?;
    header.p_paddr.checked_add(offset)
}

/// Offset of a range in guest memory.
fn offset(gpa: u64, len: u64, memory: u64) -> Result<u64, String> {
    let offset = gpa.checked_sub(MEMORY).filter(|offset| offset.checked_add(len).is_some_and(|end| end <= memory));
    offset.ok_or_else(|| format!("{gpa:#x} with {len:#x} bytes is outside of guest memory"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMORY_SIZE: u64 = 16 << 20;
    /// Bytes of the file headers; the segment's four bytes follow.
    const HEADERS: usize = 64 + 56;
    // Places in the file: fields of the header, and of the one program header.
    const MACHINE: usize = 18;
    const START: usize = 24;
    const TYPE: usize = 64;
    const OFFSET: usize = 64 + 8;
    const VADDR: usize = 64 + 16;
    const PADDR: usize = 64 + 24;
    const FILE_SIZE: usize = 64 + 32;
    const MEMORY_SPACE: usize = 64 + 40;

    fn set(file: &mut [u8], at: usize, value: u64) {
        file[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }

    /// A program of one segment: four bytes in the file, eight in memory, at `ENTRY`.
    fn program() -> Vec<u8> {
        let mut file = vec![0; HEADERS];
        file[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        file[16] = 2; // ET_EXEC
        file[MACHINE] = 243;
        file[20] = 1;
        set(&mut file, START, ENTRY);
        set(&mut file, 32, 64); // e_phoff
        file[52] = 64; // e_ehsize
        file[54] = 56; // e_phentsize
        file[56] = 1; // e_phnum
        file[TYPE] = PT_LOAD as u8;
        for (at, value) in [(OFFSET, HEADERS as u64), (VADDR, ENTRY), (PADDR, ENTRY), (FILE_SIZE, 4), (MEMORY_SPACE, 8)]
        {
            set(&mut file, at, value);
        }
        file.extend_from_slice(b"code");
        file
    }

    fn error_with(at: usize, value: u64) -> String {
        let mut file = program();
        set(&mut file, at, value);
        Image::parse(&file, MEMORY_SIZE).unwrap_err()
    }

    #[test]
    fn raw_programs_go_to_the_entry() {
        let image = Image::parse(b"abc", MEMORY_SIZE).unwrap();
        assert_eq!(image, Image { entry: ENTRY, segments: vec![(2 << 20, &b"abc"[..])] });
        assert!(Image::parse(b"abc", 2 << 20).is_err());
        assert!(Image::parse(b"abc", (2 << 20) + 3).is_ok());
        assert_eq!(Image::parse(b"", MEMORY_SIZE).unwrap_err(), "it is empty");
    }

    #[test]
    fn elf_programs_go_where_they_say() {
        let mut file = program();
        let expected = Image { entry: ENTRY, segments: vec![(2 << 20, &b"code"[..])] };
        assert_eq!(Image::parse(&file, MEMORY_SIZE).unwrap(), expected);
        // Linked to high addresses, as kernels are, but loaded low.
        set(&mut file, VADDR, 0xffff_ffff_8000_0000);
        set(&mut file, START, 0xffff_ffff_8000_0004);
        assert_eq!(Image::parse(&file, MEMORY_SIZE).unwrap(), Image { entry: ENTRY + 4, ..expected });
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(error_with(FILE_SIZE, 9).contains("larger in the file"));
        assert!(error_with(OFFSET, HEADERS as u64 + 1).contains("cut off"));
        assert!(error_with(OFFSET, u64::MAX - 1).contains("cut off"));
        assert!(error_with(START, ENTRY + 8).contains("entry point"));
        assert!(error_with(START, ENTRY - 1).contains("entry point"));
        assert!(error_with(TYPE, 0x7000_0003).contains("nothing to load"));
        for address in [0, MEMORY - 1, MEMORY + MEMORY_SIZE - 7, u64::MAX - 3] {
            assert!(error_with(PADDR, address).contains("outside of guest memory"), "{address:#x}");
        }
        assert!(error_with(MEMORY_SPACE, u64::MAX).contains("outside of guest memory"));
        let mut other = program();
        other[MACHINE] = 62; // x86-64
        assert!(Image::parse(&other, MEMORY_SIZE).unwrap_err().contains("RISC-V"));
    }

    #[test]
    fn no_cut_or_flipped_file_panics() {
        let whole = program();
        for len in 4..whole.len() {
            assert!(Image::parse(&whole[..len], MEMORY_SIZE).is_err(), "{len}");
        }
        for bit in 0..8 * HEADERS {
            let mut file = whole.clone();
            file[bit / 8] ^= 1 << (bit % 8);
            if let Ok(image) = Image::parse(&file, MEMORY_SIZE) {
                let inside = |(offset, bytes): &(u64, &[u8])| offset + bytes.len() as u64 <= MEMORY_SIZE;
                assert!(image.segments.iter().all(inside), "bit {bit}");
            }
        }
    }
}
