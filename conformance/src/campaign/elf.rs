//! Memory images as ELF executables, for models that load those.

use anyhow::Result;
use object::elf;
use object::write::elf::{FileHeader, ProgramHeader, Sym, Writer};
use object::{Endianness, write};

use super::layout::{RAM_SIZE, TOHOST};

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
///
/// # Errors
/// If it does not fit the format.
pub fn executable(image: &Image) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(Endianness::Little, true, &mut bytes);
    writer.reserve_file_header();
    writer.reserve_program_headers(image.segments.len() as u32);
    let offsets: Vec<u64> = image.segments.iter().map(|(_, data)| writer.reserve(data.len() as u64, 8)).collect();
    writer.reserve_null_section_index();
    writer.reserve_null_symbol_index();
    let symbols = [(b"tohost".as_slice(), TOHOST), (b"fromhost", TOHOST + 8)];
    let names = symbols.map(|(name, _)| writer.add_string(name));
    symbols.iter().for_each(|_| {
        writer.reserve_symbol_index(None);
    });
    writer.reserve_symtab_section_index();
    writer.reserve_symtab();
    writer.reserve_strtab_section_index();
    writer.reserve_strtab()?;
    writer.reserve_shstrtab_section_index();
    writer.reserve_shstrtab()?;
    writer.reserve_section_headers();
    write_headers(&mut writer, image, &offsets)?;
    for ((_, data), offset) in image.segments.iter().zip(&offsets) {
        writer.pad_until(*offset);
        writer.write(data);
    }
    writer.write_null_symbol();
    for ((_, value), name) in symbols.iter().zip(names) {
        let st_name = writer.string_offset(Some(name));
        writer.write_symbol(&symbol(st_name, *value));
    }
    writer.write_strtab();
    writer.write_shstrtab();
    writer.write_null_section_header();
    writer.write_symtab_section_header(1);
    writer.write_strtab_section_header();
    writer.write_shstrtab_section_header();
    debug_assert!((bytes.len() as u64) < RAM_SIZE, "a small file");
    Ok(bytes)
}

fn write_headers(writer: &mut Writer<'_>, image: &Image, offsets: &[u64]) -> write::Result<()> {
    writer.write_file_header(&FileHeader {
        os_abi: elf::ELFOSABI_NONE,
        abi_version: 0,
        e_type: elf::ET_EXEC,
        e_machine: elf::EM_RISCV,
        e_entry: image.entry,
        e_flags: Default::default(),
    })?;
    writer.write_align_program_headers();
    for ((address, data), offset) in image.segments.iter().zip(offsets) {
        writer.write_program_header(&ProgramHeader {
            p_type: elf::PT_LOAD,
            p_flags: elf::PF_R | elf::PF_W | elf::PF_X,
            p_offset: *offset,
            p_vaddr: *address,
            p_paddr: *address,
            p_filesz: data.len() as u64,
            p_memsz: data.len() as u64,
            p_align: 8,
        });
    }
    Ok(())
}

fn symbol(st_name: u32, st_value: u64) -> Sym {
    Sym {
        section: None,
        st_name,
        st_info: elf::SymbolInfo::new(elf::STB_GLOBAL, elf::STT_NOTYPE),
        st_other: Default::default(),
        st_shndx: elf::SHN_ABS,
        st_value,
        st_size: 8,
    }
}
