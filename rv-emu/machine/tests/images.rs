//! Program files that are damaged, absurd or hostile: each is refused with a message that names it, or loads and runs without harm.

mod common;

use std::io::Write;

use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, Strategy, any, prop_oneof};
use proptest::sample::{Index, select};
use proptest::{prop_assert, proptest};
use rv_machine::map::RAM_BASE;
use rv_machine::{Image, Limits, Machine, MachineConfig, Software};

const MEMORY: u64 = 4 << 20;
const NAME: &str = "damaged.elf";
/// Sizes in ELF files of 64 bits: file header, program header, section header, symbol.
const EHDR: usize = 64;
const PHDR: usize = 56;
const SHDR: usize = 64;
const SYM: usize = 24;

/// A file in the making: fields are appended, little-endian.
#[derive(Default)]
struct File(Vec<u8>);

impl File {
    fn half(&mut self, values: &[u16]) -> &mut File {
        self.0.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        self
    }

    fn word(&mut self, values: &[u32]) -> &mut File {
        self.0.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        self
    }

    fn long(&mut self, values: &[usize]) -> &mut File {
        self.0.extend(values.iter().flat_map(|value| (*value as u64).to_le_bytes()));
        self
    }
}

/// What a linker would write: two segments of `base`, the second with more memory than bytes, and symbols, HTIF's among them.
fn elf(kind: u16, base: u64) -> Vec<u8> {
    let base = base as usize;
    // li t0, 0x5555 ; li t1, 0x100000 ; sw t0, 0(t1)
    let code = [0x0000_52b7u32, 0x5552_8293, 0x0010_0337, 0x0053_2023];
    let names = b"\0tohost\0fromhost\0_start\0";
    let code_at = EHDR + 2 * PHDR;
    let symbols_at = code_at + 16;
    let names_at = symbols_at + 4 * SYM;
    let sections_at = names_at + names.len();
    let mut file = File(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec());
    file.half(&[kind, 243]).word(&[1]).long(&[base, EHDR, sections_at]).word(&[5]);
    file.half(&[EHDR as u16, PHDR as u16, 2, SHDR as u16, 3, 2]);
    file.word(&[1, 5]).long(&[code_at, base, base, 16, 16, 4096]);
    file.word(&[1, 6]).long(&[code_at, base + 0x2000, base + 0x2000, 8, 0x1000, 4096]);
    file.word(&code);
    file.word(&[0, 0]).long(&[0, 0]);
    for (name, value) in [(1, base + 0x2000), (8, base + 0x2040), (17, base)] {
        file.word(&[name]).half(&[0x10, 1]).long(&[value, 8]);
    }
    file.0.extend(names);
    // No section, symbols, names.
    file.word(&[0; 16]);
    file.word(&[0, 2]).long(&[0, 0, symbols_at, 4 * SYM]).word(&[2, 1]).long(&[8, SYM]);
    file.word(&[0, 3]).long(&[0, 0, names_at, names.len()]).word(&[0, 0]).long(&[1, 0]);
    file.0
}

fn files() -> [Vec<u8>; 3] {
    [elf(2, RAM_BASE), elf(3, 0), elf(2, RAM_BASE + 0x1ff000)]
}

/// One way to damage a file.
#[derive(Clone, Debug)]
enum Damage {
    Byte(Index, u8),
    Bit(Index, u8),
    /// Eight bytes at a multiple of four, where sizes, offsets and addresses are.
    Long(Index, u64),
    Cut(Index),
    Append(Vec<u8>),
    /// One header over another: segments that overlap, sections that are segments.
    Copy(Index, Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    // Near to the limits of memory, of the file, of the address space.
    let near = [0, 1, 1 << 12, 1 << 31, 1 << 32, 1 << 40, RAM_BASE, RAM_BASE + MEMORY, 0x100, u64::MAX / 2, u64::MAX];
    let absurd = (select(near.to_vec()), -64i64..64).prop_map(|(value, by)| value.wrapping_add_signed(by));
    let long = prop_oneof![3 => absurd, 1 => any::<u64>()];
    prop_oneof![
        4 => (any::<Index>(), long).prop_map(|(at, value)| Damage::Long(at, value)),
        3 => (any::<Index>(), any::<u8>()).prop_map(|(at, value)| Damage::Byte(at, value)),
        2 => (any::<Index>(), 0u8..8).prop_map(|(at, bit)| Damage::Bit(at, bit)),
        1 => any::<Index>().prop_map(Damage::Cut),
        1 => vec(any::<u8>(), 1..64).prop_map(Damage::Append),
        1 => (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Damage::Copy(from, to)),
    ]
}

fn apply(file: &mut Vec<u8>, damage: &Damage) {
    if file.len() < EHDR + PHDR {
        return;
    }
    let len = file.len();
    match damage {
        Damage::Byte(at, value) => file[at.index(len)] = *value,
        Damage::Bit(at, bit) => file[at.index(len)] ^= 1 << bit,
        Damage::Long(at, value) => {
            let at = at.index((len - 8) / 4) * 4;
            file[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        Damage::Cut(at) => file.truncate(at.index(len)),
        Damage::Append(bytes) => file.extend(bytes),
        Damage::Copy(from, to) => {
            let (from, to) = (from.index(len - PHDR), to.index(len - PHDR));
            file.copy_within(from..from + PHDR, to);
        }
    }
}

/// Loads and runs a little, in both roles; a message of refusal.
fn load(image: Image, kernel: bool) -> Option<String> {
    let mut machine = Machine::new(MachineConfig { memory: MEMORY, ..MachineConfig::default() }).unwrap();
    let software = match kernel {
        true => Software { kernel: Some(image), ..Software::default() },
        false => Software::bare(image),
    };
    if let Err(error) = machine.load(&software) {
        return Some(error.to_string());
    }
    machine.run(&Limits { max_insns: Some(200), slice: Some(10_000) });
    None
}

/// What the file came to: a message, or nothing.
fn try_file(bytes: Vec<u8>, kernel: bool) -> Option<String> {
    match Image::parse(NAME, bytes) {
        Err(error) => Some(error.to_string()),
        Ok(image) => {
            let sound =
                image.segments.iter().all(|s| s.bytes.len() as u64 <= s.len && s.addr.checked_add(s.len).is_some());
            assert!(sound && image.extent() > 0, "{image:?}");
            load(image, kernel)
        }
    }
}

#[test]
fn undamaged_files_load() {
    for file in files() {
        assert_eq!(try_file(file, false), None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn damaged_files_do_no_harm(which in 0usize..3, damages in vec(damage(), 1..6), kernel in any::<bool>()) {
        let mut file = files()[which].clone();
        damages.iter().for_each(|damage| apply(&mut file, damage));
        if let Some(message) = try_file(file, kernel) {
            // The device tree may find no room because of the file.
            prop_assert!(message.contains(NAME) || message.contains("device tree"), "{}", message);
        }
    }

    #[test]
    fn any_bytes_behind_the_magic_do_no_harm(mut rest in vec(any::<u8>(), 0..400), kernel in any::<bool>(), good in 0usize..20) {
        // With some of the identification, and the machine, as they ought to be.
        let head = &files()[0][..EHDR];
        let good = good.min(rest.len());
        rest[..good].copy_from_slice(&head[4..4 + good]);
        let message = try_file([b"\x7fELF", &rest[..]].concat(), kernel);
        prop_assert!(message.is_none_or(|message| message.contains(NAME)));
    }

    #[test]
    fn raw_bytes_run(bytes in vec(any::<u8>(), 1..400), kernel in any::<bool>()) {
        try_file(bytes, kernel);
    }

}

// As many cases as `PROPTEST_CASES` says.
proptest! {
    /// Packed files and kernels: any bytes behind their magic numbers, and good ones with damage.
    #[test]
    fn damaged_kernels_do_no_harm(
        which in 0usize..8,
        rest in vec(any::<u8>(), 0..200),
        damages in vec(damage(), 0..4),
        kernel in any::<bool>(),
    ) {
        let mut file = match which {
            0 => [&b"\x1f\x8b\x08\0\0\0\0\0\0\x03"[..], &rest].concat(),
            1 => [b"\x28\xb5\x2f\xfd", &rest[..]].concat(),
            2 => [b"MZ\0\0zimg", &rest[..]].concat(),
            3 => gzip(&linux(&rest)),
            4 => zstd::encode_all(&linux(&rest)[..], 1).unwrap(),
            5 => zboot(b"gzip", &gzip(&linux(&rest))),
            6 => zboot(b"zstd22", &zstd::encode_all(&linux(&rest)[..], 1).unwrap()),
            _ => linux(&rest),
        };
        damages.iter().for_each(|damage| apply(&mut file, damage));
        if let Some(message) = try_file(file, kernel) {
            prop_assert!(message.contains(NAME) || message.contains("device tree"), "{}", message);
        }
    }
}

/// A kernel with Linux's header, and these bytes behind it.
fn linux(rest: &[u8]) -> Vec<u8> {
    let mut file = vec![0; 64];
    file[8..16].copy_from_slice(&(2u64 << 20).to_le_bytes());
    file[16..24].copy_from_slice(&4096u64.to_le_bytes());
    file[56..60].copy_from_slice(b"RSC\x05");
    file.extend(rest);
    file
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A self-extracting EFI program around a packed kernel.
fn zboot(format: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut file = File(b"MZ\0\0zimg".to_vec());
    file.word(&[64, payload.len() as u32, 0, 0]);
    file.0.extend(format);
    file.0.resize(64, 0);
    file.0.extend(payload);
    file.0
}
