//! Writes executable files, as a linker would.

use object::Endianness;
use object::elf::{
    EM_RISCV, ET_EXEC, FileFlags, OsAbi, PF_R, PF_W, PF_X, PT_LOAD, SHN_ABS, STB_GLOBAL, STT_NOTYPE, SymbolInfo,
    SymbolOther,
};
use object::write::elf::{FileHeader, ProgramHeader, Sym, Writer};

const PAGE: u64 = 0x1000;

/// A part of memory: its first `bytes` are given, the rest up to `size` is zeros.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// Physical address.
    pub addr: u64,
    /// Contents.
    pub bytes: &'a [u8],
    /// Bytes of memory.
    pub size: u64,
}

/// An executable for RV64 that starts at `entry`.
///
/// # Panics
/// If it has 4 GiB or more of names: they are few and short.
pub fn executable(entry: u64, segments: &[Segment<'_>], symbols: &[(&str, u64)]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut writer = Writer::new(Endianness::Little, true, &mut file);
    writer.reserve_file_header();
    writer.reserve_program_headers(segments.len() as u32);
    let offsets: Vec<u64> = segments.iter().map(|segment| writer.reserve(segment.bytes.len() as u64, PAGE)).collect();
    writer.reserve_null_section_index();
    writer.reserve_null_symbol_index();
    let names: Vec<_> = symbols.iter().map(|(name, _)| writer.add_string(name.as_bytes())).collect();
    for _ in symbols {
        writer.reserve_symbol_index(None);
    }
    writer.reserve_symtab_section_index();
    writer.reserve_strtab_section_index();
    writer.reserve_shstrtab_section_index();
    writer.reserve_symtab();
    writer.reserve_strtab().expect("few names");
    writer.reserve_shstrtab().expect("few names");
    writer.reserve_section_headers();

    writer.write_file_header(&file_header(entry)).expect("a header for 64 bits");
    writer.write_align_program_headers();
    for (segment, offset) in segments.iter().zip(&offsets) {
        writer.write_program_header(&program_header(segment, *offset));
    }
    for (segment, offset) in segments.iter().zip(&offsets) {
        writer.pad_until(*offset);
        writer.write(segment.bytes);
    }
    writer.write_null_symbol();
    for (name, (_, value)) in names.into_iter().zip(symbols) {
        let st_name = writer.string_offset(Some(name));
        writer.write_symbol(&symbol(st_name, *value));
    }
    writer.write_strtab();
    writer.write_shstrtab();
    writer.write_null_section_header();
    writer.write_symtab_section_header(1);
    writer.write_strtab_section_header();
    writer.write_shstrtab_section_header();
    file
}

fn file_header(entry: u64) -> FileHeader {
    FileHeader {
        os_abi: OsAbi(0),
        abi_version: 0,
        e_type: ET_EXEC,
        e_machine: EM_RISCV,
        e_entry: entry,
        e_flags: FileFlags(0),
    }
}

fn program_header(segment: &Segment<'_>, offset: u64) -> ProgramHeader {
    ProgramHeader {
        p_type: PT_LOAD,
        p_flags: PF_R | PF_W | PF_X,
        p_offset: offset,
        p_vaddr: segment.addr,
        p_paddr: segment.addr,
        p_filesz: segment.bytes.len() as u64,
        p_memsz: segment.size,
        p_align: PAGE,
    }
}

fn symbol(st_name: u32, value: u64) -> Sym {
    Sym {
        st_name,
        section: None,
        st_info: SymbolInfo::new(STB_GLOBAL, STT_NOTYPE),
        st_other: SymbolOther(0),
        st_shndx: SHN_ABS,
        st_value: value,
        st_size: 0,
    }
}
