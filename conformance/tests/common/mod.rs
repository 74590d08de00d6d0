//! Writes little ELF files, as a linker would.

#![allow(dead_code)] // Each test file uses its part.

use std::fs;
use std::path::{Path, PathBuf};

use object::Endianness;
use object::elf::{
    EM_RISCV, ET_EXEC, FileFlags, OsAbi, PF_R, PF_W, PF_X, PT_LOAD, SHN_ABS, STB_GLOBAL, STT_NOTYPE, SymbolInfo,
    SymbolOther,
};
use object::write::elf::{FileHeader, ProgramHeader, Sym, Writer};

/// Where a program is linked to.
pub const BASE: u64 = 0x8000_0000;
/// Bytes of memory that a program has.
const SIZE: u64 = 0x20_0000;
const PAGE: u64 = 0x1000;

/// An executable with one segment that starts with `code`, and with symbols.
pub fn elf(code: &[u8], symbols: &[(&str, u64)]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut writer = Writer::new(Endianness::Little, true, &mut file);
    writer.reserve_file_header();
    writer.reserve_program_headers(1);
    let offset = writer.reserve(code.len() as u64, PAGE);
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
    writer.reserve_strtab().unwrap();
    writer.reserve_shstrtab().unwrap();
    writer.reserve_section_headers();

    let header = FileHeader {
        os_abi: OsAbi(0),
        abi_version: 0,
        e_type: ET_EXEC,
        e_machine: EM_RISCV,
        e_entry: BASE,
        e_flags: FileFlags(0),
    };
    writer.write_file_header(&header).unwrap();
    writer.write_align_program_headers();
    writer.write_program_header(&ProgramHeader {
        p_type: PT_LOAD,
        p_flags: PF_R | PF_W | PF_X,
        p_offset: offset,
        p_vaddr: BASE,
        p_paddr: BASE,
        p_filesz: code.len() as u64,
        p_memsz: SIZE,
        p_align: PAGE,
    });
    writer.pad_until(offset);
    writer.write(code);
    writer.write_null_symbol();
    for (name, (_, value)) in names.into_iter().zip(symbols) {
        let st_name = writer.string_offset(Some(name));
        writer.write_symbol(&Sym {
            st_name,
            section: None,
            st_info: SymbolInfo::new(STB_GLOBAL, STT_NOTYPE),
            st_other: SymbolOther(0),
            st_shndx: SHN_ABS,
            st_value: *value,
            st_size: 0,
        });
    }
    writer.write_strtab();
    writer.write_shstrtab();
    writer.write_null_section_header();
    writer.write_symtab_section_header(1);
    writer.write_strtab_section_header();
    writer.write_shstrtab_section_header();
    file
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
