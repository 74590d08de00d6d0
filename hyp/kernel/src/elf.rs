//! Static ELF programs: checks everything that a loader will rely on, and says
//! what is wrong with a file that it refuses.

use core::fmt;

use crate::addr::USER_LIMIT;

const EHDR_LEN: usize = 64;
const PHDR_LEN: usize = 56;
const EM_RISCV: u16 = 243;
const ET_EXEC: u16 = 2;
const PT_LOAD: u32 = 1;
const PT_INTERP: u32 = 3;
/// Most program headers a program may have.
const PHDRS_MAX: usize = 32;

/// Segment permission: execute.
pub const PF_X: u32 = 1;
/// Segment permission: write.
pub const PF_W: u32 = 2;
/// Segment permission: read.
pub const PF_R: u32 = 4;

/// Why a file is not a program that can be run here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElfError {
    /// Shorter than an ELF header.
    TooShort,
    /// No ELF magic.
    NotElf,
    /// Not ELF64, little endian, version 1.
    WrongClass,
    /// Made for another machine (`e_machine`).
    WrongMachine(u16),
    /// Not a statically linked executable (`e_type`).
    NotExecutable(u16),
    /// Needs a dynamic linker.
    Dynamic,
    /// The program headers are outside of the file, of the wrong size or too many.
    BadProgramHeaders,
    /// A segment (by index) whose file range is outside of the file, or larger
    /// than its memory range.
    SegmentOutsideFile(usize),
    /// A segment (by index) outside of user addresses.
    SegmentOutsideUser(usize),
    /// A segment (by index) that begins before the end of the one before.
    SegmentOrder(usize),
    /// Nothing to load.
    NoSegments,
    /// The entry point is in no executable segment.
    BadEntry(u64),
}

impl fmt::Display for ElfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TooShort => write!(f, "shorter than an ELF header"),
            Self::NotElf => write!(f, "not an ELF file (bad magic)"),
            Self::WrongClass => write!(f, "not a 64-bit little-endian ELF file"),
            Self::WrongMachine(m) => write!(f, "made for machine {m}, not RISC-V ({EM_RISCV})"),
            Self::NotExecutable(t) => write!(f, "ELF type {t} is not a static executable"),
            Self::Dynamic => write!(f, "needs a dynamic linker"),
            Self::BadProgramHeaders => write!(f, "program headers are outside of the file"),
            Self::SegmentOutsideFile(i) => write!(f, "segment {i} is outside of the file"),
            Self::SegmentOutsideUser(i) => write!(f, "segment {i} is not at user addresses"),
            Self::SegmentOrder(i) => write!(f, "segment {i} overlaps or precedes another"),
            Self::NoSegments => write!(f, "nothing to load"),
            Self::BadEntry(a) => write!(f, "entry point {a:#x} is in no executable segment"),
        }
    }
}

/// A part of the program to be loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// First address.
    pub start: usize,
    /// Bytes of memory.
    pub mem_len: usize,
    /// Where its content begins in the file.
    pub file_offset: usize,
    /// Bytes of content; the rest is zero.
    pub file_len: usize,
    /// `PF_*` bits.
    pub flags: u32,
}

impl Segment {
    /// First address after the segment.
    pub const fn end(&self) -> usize {
        self.start + self.mem_len
    }
}

/// A checked program.
#[derive(Clone, Copy, Debug)]
pub struct Program<'a> {
    /// Where it starts.
    pub entry: usize,
    file: &'a [u8],
    phoff: usize,
    phnum: usize,
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

impl<'a> Program<'a> {
    /// Checks a file. What is returned can be loaded without further checks.
    pub fn parse(file: &'a [u8]) -> Result<Self, ElfError> {
        check_header(file)?;
        let entry = u64_at(file, 24);
        let phoff = usize::try_from(u64_at(file, 32)).map_err(|_| ElfError::BadProgramHeaders)?;
        let phnum = usize::from(u16_at(file, 56));
        let table_end = phoff.checked_add(phnum * PHDR_LEN);
        let fits = table_end.is_some_and(|end| end <= file.len());
        if usize::from(u16_at(file, 54)) != PHDR_LEN || phnum > PHDRS_MAX || !fits {
            return Err(ElfError::BadProgramHeaders);
        }
        let program = Self { entry: entry as usize, file, phoff, phnum };
        program.check_segments()?;
        Ok(program)
    }

    fn header(&self, index: usize) -> &'a [u8] {
        let start = self.phoff + index * PHDR_LEN;
        &self.file[start..start + PHDR_LEN]
    }

    fn segment(&self, index: usize) -> Option<Segment> {
        let header = self.header(index);
        (u32_at(header, 0) == PT_LOAD && u64_at(header, 40) != 0).then(|| Segment {
            flags: u32_at(header, 4),
            file_offset: u64_at(header, 8) as usize,
            start: u64_at(header, 16) as usize,
            file_len: u64_at(header, 32) as usize,
            mem_len: u64_at(header, 40) as usize,
        })
    }

    /// The segments to load, in order of address.
    pub fn segments(&self) -> impl Iterator<Item = Segment> {
        let program = *self;
        (0..self.phnum).filter_map(move |index| program.segment(index))
    }

    fn check_segments(&self) -> Result<(), ElfError> {
        let mut last_end = 0;
        for index in 0..self.phnum {
            if u32_at(self.header(index), 0) == PT_INTERP {
                return Err(ElfError::Dynamic);
            }
            let Some(segment) = self.segment(index) else { continue };
            let file_end = segment.file_offset.checked_add(segment.file_len);
            if segment.file_len > segment.mem_len || file_end.is_none_or(|e| e > self.file.len()) {
                return Err(ElfError::SegmentOutsideFile(index));
            }
            let end = segment.start.checked_add(segment.mem_len);
            if segment.start == 0 || end.is_none_or(|end| end > USER_LIMIT / 2) {
                return Err(ElfError::SegmentOutsideUser(index));
            }
            if segment.start < last_end {
                return Err(ElfError::SegmentOrder(index));
            }
            last_end = segment.end();
        }
        if last_end == 0 {
            return Err(ElfError::NoSegments);
        }
        let holds_entry = |s: Segment| s.flags & PF_X != 0 && (s.start..s.end()).contains(&self.entry);
        if self.segments().any(holds_entry) { Ok(()) } else { Err(ElfError::BadEntry(self.entry as u64)) }
    }
}

fn check_header(file: &[u8]) -> Result<(), ElfError> {
    if file.len() < EHDR_LEN {
        return Err(ElfError::TooShort);
    }
    if &file[..4] != b"\x7fELF" {
        return Err(ElfError::NotElf);
    }
    if file[4..7] != [2, 1, 1] {
        return Err(ElfError::WrongClass);
    }
    match (u16_at(file, 18), u16_at(file, 16)) {
        (EM_RISCV, ET_EXEC) => Ok(()),
        (EM_RISCV, kind) => Err(ElfError::NotExecutable(kind)),
        (machine, _) => Err(ElfError::WrongMachine(machine)),
    }
}

#[cfg(test)]
mod tests {
    use super::{ElfError, Program};

    /// An ELF file with one executable segment at 0x10000 with 16 bytes.
    fn sample() -> Vec<u8> {
        let mut file = vec![0u8; 64 + 56 + 16];
        file[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        file[16] = 2;
        file[18] = 243;
        put(&mut file, 24, 0x10004);
        put(&mut file, 32, 64);
        file[54] = 56;
        file[56] = 1;
        file[64] = 1;
        file[68] = 5;
        put(&mut file, 64 + 8, 120);
        put(&mut file, 64 + 16, 0x10000);
        put(&mut file, 64 + 32, 16);
        put(&mut file, 64 + 40, 4096);
        file
    }

    fn put(file: &mut [u8], at: usize, value: u64) {
        file[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }

    fn error(change: impl FnOnce(&mut Vec<u8>)) -> ElfError {
        let mut file = sample();
        change(&mut file);
        Program::parse(&file).unwrap_err()
    }

    #[test]
    fn a_good_program_is_taken() {
        let file = sample();
        let program = Program::parse(&file).unwrap();
        assert_eq!(program.entry, 0x10004);
        let segment = program.segments().next().unwrap();
        assert_eq!((segment.start, segment.file_len, segment.end()), (0x10000, 16, 0x11000));
    }

    #[test]
    fn bad_headers_are_refused_by_name() {
        assert_eq!(error(|f| f.truncate(63)), ElfError::TooShort);
        assert_eq!(error(|f| f[0] = 0), ElfError::NotElf);
        assert_eq!(error(|f| f[4] = 1), ElfError::WrongClass);
        assert_eq!(error(|f| f[18] = 62), ElfError::WrongMachine(62));
        assert_eq!(error(|f| f[16] = 3), ElfError::NotExecutable(3));
        assert_eq!(error(|f| f[64] = 3), ElfError::Dynamic);
        assert_eq!(error(|f| f[64] = 0), ElfError::NoSegments);
        assert_eq!(error(|f| put(f, 32, u64::MAX)), ElfError::BadProgramHeaders);
        assert_eq!(error(|f| put(f, 24, 4)), ElfError::BadEntry(4));
    }

    #[test]
    fn segments_stay_inside_file_and_user_space() {
        assert_eq!(error(|f| put(f, 64 + 32, 17)), ElfError::SegmentOutsideFile(0));
        assert_eq!(error(|f| put(f, 64 + 8, u64::MAX)), ElfError::SegmentOutsideFile(0));
        assert_eq!(error(|f| put(f, 64 + 16, 1 << 63)), ElfError::SegmentOutsideUser(0));
        assert_eq!(error(|f| put(f, 64 + 40, u64::MAX)), ElfError::SegmentOutsideUser(0));
    }
}
