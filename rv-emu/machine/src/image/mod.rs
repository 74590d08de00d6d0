//! Program files: ELF, Linux kernels or raw bytes, packed or not, checked before anything is loaded.

mod linux;
mod packed;

use std::collections::BTreeMap;
use std::path::Path;

use goblin::elf::Elf;
use goblin::elf::header::{EI_CLASS, EI_DATA, ELFCLASS64, ELFDATA2LSB, EM_RISCV, ET_DYN, ET_EXEC};
use goblin::elf::program_header::{PT_LOAD, ProgramHeader};
use goblin::elf::section_header::SHF_EXECINSTR;
use goblin::elf::sym::{STT_FUNC, STT_NOTYPE, Sym};

/// A file larger than this is taken for a mistake.
const FILE_MAX: u64 = 2 << 30;
/// A self-extracting kernel may be packed once more.
const UNPACKINGS_MAX: usize = 2;

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
    /// It is packed, and nothing here unpacks it.
    #[error("{file}: this is a {format} file: unpack it first")]
    Packed {
        /// The file.
        file: String,
        /// How it is packed.
        format: String,
    },
    /// It is packed, and can't be unpacked.
    #[error("{file}: a packed file that is damaged: {reason}")]
    Damaged {
        /// The file.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// It is packed, and would take too much memory.
    #[error("{file}: unpacked, it has more than {} MiB", limit >> 20)]
    UnpackedTooLarge {
        /// The file.
        file: String,
        /// Most bytes.
        limit: u64,
    },
    /// It is packed, and what is in it is packed, and so on.
    #[error("{file}: packed more than {UNPACKINGS_MAX} times")]
    PackedOften {
        /// The file.
        file: String,
    },
    /// It has a Linux kernel's header, but not one that can be used.
    #[error("{file}: not a kernel that can be started: {reason}")]
    Kernel {
        /// The file.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// It isn't a device tree that can be used.
    #[error("{file}: not a device tree that can be used: {reason}")]
    Tree {
        /// The file.
        file: String,
        /// What is wrong, and where.
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
    /// Physical address; relative to the load address in a movable image.
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
    /// May lie anywhere: addresses are relative to where the loader puts it. Raw bytes, and position-independent ELF linked at 0.
    pub movable: bool,
    /// Bytes from the start of memory to where it wants to lie, for a Linux kernel with a header that says so.
    pub text_offset: Option<u64>,
    /// What goes where.
    pub segments: Vec<Segment>,
    /// Symbols by name, for ELF with a symbol table.
    pub symbols: BTreeMap<String, u64>,
    /// Functions, and labels in code, for ELF with a symbol table.
    pub labels: Vec<Label>,
}

/// A name in code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Its address, virtual if the program is linked so.
    pub addr: u64,
    /// Bytes of the function; 0 if the file doesn't say.
    pub len: u64,
    /// The name; several places may share it.
    pub name: String,
}

impl Image {
    /// Reads a file; ELF, Linux kernels and packed files are told by their magic numbers, anything else is raw.
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
        let mut bytes = bytes;
        for _ in 0..UNPACKINGS_MAX {
            match packed::unpack(name, &bytes)? {
                Some(unpacked) => bytes = unpacked,
                None => return Image::unpacked(name, bytes),
            }
        }
        if packed::unpack(name, &bytes)?.is_some() {
            return Err(ImageError::PackedOften { file: name.to_owned() });
        }
        Image::unpacked(name, bytes)
    }

    /// Takes bytes that are not packed.
    fn unpacked(name: &str, bytes: Vec<u8>) -> Result<Image, ImageError> {
        if bytes.is_empty() {
            return Err(ImageError::Empty { file: name.to_owned() });
        }
        if bytes.starts_with(b"\x7fELF") {
            return elf(name, &bytes);
        }
        let kernel = |reason| ImageError::Kernel { file: name.to_owned(), reason };
        let header = linux::Header::of(&bytes).map_err(kernel)?;
        let mut image = Image::raw(name, bytes);
        if let Some(header) = header {
            image.text_offset = Some(header.text_offset);
            for segment in &mut image.segments {
                segment.len = segment.len.max(header.image_size);
            }
        }
        Ok(image)
    }

    /// Raw bytes that go to wherever the loader puts them.
    pub fn raw(name: &str, bytes: Vec<u8>) -> Image {
        let len = bytes.len() as u64;
        let segments = vec![Segment { addr: 0, bytes, len }];
        Image {
            name: name.to_owned(),
            entry: None,
            movable: true,
            text_offset: None,
            segments,
            symbols: BTreeMap::new(),
            labels: Vec::new(),
        }
    }

    /// Whether it came with an entry point and, perhaps, symbols.
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

/// Loadable segments, entry and symbols, all checked against the file and one another.
fn elf(name: &str, bytes: &[u8]) -> Result<Image, ImageError> {
    let malformed = |reason: String| ImageError::Malformed { file: name.to_owned(), reason };
    let other = |reason: &str| ImageError::OtherMachine { file: name.to_owned(), reason: reason.to_owned() };
    // Class and byte order first: goblin would read the other ones too.
    if bytes.get(EI_CLASS).is_some_and(|class| *class != ELFCLASS64) {
        return Err(other("32-bit"));
    }
    if bytes.get(EI_DATA).is_some_and(|data| *data != ELFDATA2LSB) {
        return Err(other("big-endian"));
    }
    let elf = Elf::parse(bytes).map_err(|error| malformed(error.to_string()))?;
    if elf.header.e_machine != EM_RISCV {
        return Err(other(&format!("machine {}", elf.header.e_machine)));
    }
    if !matches!(elf.header.e_type, ET_EXEC | ET_DYN) {
        return Err(malformed(format!("type {} is not an executable; was it linked?", elf.header.e_type)));
    }
    let segments = segments(&elf, bytes).map_err(malformed)?;
    let entry = entry(&elf).ok_or_else(|| malformed(format!("no code at the entry point {:#x}", elf.entry)))?;
    let movable = elf.header.e_type == ET_DYN && segments.iter().any(|segment| segment.addr == 0);
    let symbols = elf
        .syms
        .iter()
        .filter_map(|symbol| Some((elf.strtab.get_at(symbol.st_name)?.to_owned(), symbol.st_value)))
        .filter(|(symbol, _)| !symbol.is_empty())
        .collect();
    let labels = labels(&elf);
    Ok(Image { name: name.to_owned(), entry: Some(entry), movable, text_offset: None, segments, symbols, labels })
}

/// Functions, and what has no type but lies in code: labels of assembly. Names that only mark the kind of code (`$x`) or are a compiler's own
/// (`.L1`) are left out.
fn labels(elf: &Elf<'_>) -> Vec<Label> {
    let in_code = |symbol: &Sym| {
        let section = elf.section_headers.get(symbol.st_shndx);
        section.is_some_and(|section| section.sh_flags & u64::from(SHF_EXECINSTR) != 0)
    };
    let of_code = |symbol: &Sym| symbol.st_type() == STT_FUNC || symbol.st_type() == STT_NOTYPE && in_code(symbol);
    let label = |symbol: Sym| {
        let name = elf.strtab.get_at(symbol.st_name)?;
        let meant = !name.is_empty() && !name.starts_with(['$', '.']) && symbol.st_shndx != 0;
        meant.then(|| Label { addr: symbol.st_value, len: symbol.st_size, name: name.to_owned() })
    };
    elf.syms.iter().filter(of_code).filter_map(label).collect()
}

/// Physical address of the entry point: harts start untranslated. A kernel that is linked to virtual addresses may give its entry point
/// as either.
fn entry(elf: &Elf<'_>) -> Option<u64> {
    let offset_in = |base: u64, header: &ProgramHeader| {
        elf.entry.checked_sub(base).filter(|offset| *offset < header.p_memsz)?.checked_add(header.p_paddr)
    };
    let mut loaded = elf.program_headers.iter().filter(|header| header.p_type == PT_LOAD);
    let linked = loaded.clone().find_map(|header| offset_in(header.p_vaddr, header));
    let entry = linked.or_else(|| loaded.find_map(|header| offset_in(header.p_paddr, header)))?;
    entry.is_multiple_of(2).then_some(entry)
}

fn segments(elf: &Elf<'_>, bytes: &[u8]) -> Result<Vec<Segment>, String> {
    let mut segments = Vec::new();
    for header in elf.program_headers.iter().filter(|h| h.p_type == PT_LOAD && h.p_memsz != 0) {
        let addr = header.p_paddr;
        let from = header.p_offset;
        let data = from
            .checked_add(header.p_filesz)
            .and_then(|to| bytes.get(from as usize..to as usize))
            .ok_or_else(|| format!("the segment at {addr:#x} goes beyond the end of the file"))?;
        if header.p_filesz > header.p_memsz || addr.checked_add(header.p_memsz).is_none() {
            return Err(format!("the segment at {addr:#x} has an impossible size"));
        }
        segments.push(Segment { addr, bytes: data.to_vec(), len: header.p_memsz });
    }
    if segments.is_empty() {
        return Err("nothing to load".to_owned());
    }
    Ok(segments)
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
    fn other_formats_are_refused_by_name() {
        let text = |change: fn(&mut Vec<u8>)| header(change).unwrap_err().to_string();
        assert!(text(|b| b[5] = 2).contains("big-endian"));
        assert!(text(|b| b[16] = 1).contains("was it linked?"));
        assert!(text(|b| b[24] = 16).contains("no code at the entry point 0x80000010"));
        assert!(text(|b| b[24] = 1).contains("no code at the entry point 0x80000001"));
    }

    #[test]
    fn the_entry_point_may_be_virtual_or_physical() {
        for entry in [0xffff_ffff_8000_0004u64, 0x8000_0004] {
            let high = |bytes: &mut Vec<u8>| {
                bytes[24..32].copy_from_slice(&entry.to_le_bytes());
                bytes[64 + 16..64 + 24].copy_from_slice(&0xffff_ffff_8000_0000u64.to_le_bytes());
            };
            assert_eq!(header(high).unwrap().entry, Some(0x8000_0004), "{entry:#x}");
        }
    }

    #[test]
    fn only_independent_files_linked_at_zero_are_movable() {
        assert!(!header(|_| {}).unwrap().movable);
        assert!(!header(|b| b[16] = 3).unwrap().movable);
        let at_zero = header(|b| {
            b[16] = 3;
            b[24..32].fill(0);
            b[64 + 16..64 + 32].fill(0);
        });
        assert!(at_zero.unwrap().movable);
        assert!(Image::raw("raw", vec![1]).movable);
    }

    /// Every byte of the headers set to every value: each file is refused with a message or has segments that are in order.
    #[test]
    fn damaged_files_do_no_harm() {
        for at in 4..120 {
            for value in 0..=u8::MAX {
                if let Ok(image) = header(|bytes| bytes[at] = value) {
                    assert!(image.segments.iter().all(|s| s.addr.checked_add(s.len).is_some()));
                    assert!(image.segments.iter().all(|s| s.bytes.len() as u64 <= s.len));
                }
            }
        }
    }

    #[test]
    fn cut_off_files_are_refused() {
        for len in 4..120 {
            assert!(header(|bytes| bytes.truncate(len)).is_err(), "{len} bytes");
        }
    }
}
