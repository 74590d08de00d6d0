//! Legality and text of many words against GNU binutils, if these are installed; else the test says so.
//!
//! Where the two differ, [`DIFFERENCES`] says why; an entry that explains nothing fails the test.

mod sample;

use std::fs;
use std::path::Path;
use std::process::Command;

use rv_isa::{Insn, IsaSet, asm, decode, disassemble};
use sample::{Difference, check, length, words};

const TOOLS: &str = "riscv64-unknown-elf-";

/// Other versions differ in other ways.
const VERSION: &str = "2.40";

/// What both sides know. Binutils 2.40 has no Zfa, Zicond, Zimop, Zacas, Zabha, Zcb and Zcmop.
const ARCH: &str = "rv64gch_zba_zbb_zbc_zbs_zicbom_zicbop_zicboz_zihintpause_zawrs_zfh_svinval";

/// See [`words`].
const WORDS_PER_ROW: usize = 60;

const DIFFERENCES: &[Difference] = &[
    Difference {
        why: "registers and fm of fences, and the immediate of fence.i, are reserved: base implementations ignore them",
        applies: |raw, ours, theirs| raw & 0x7f == 0x0f && ours.is_some() && theirs.is_none(),
    },
    Difference {
        why: "rounding modes 5 and 6 are reserved",
        applies: |_, ours, theirs| ours.is_none() && theirs.is_some_and(|text| text.ends_with(",unknown")),
    },
    Difference {
        why: "a conversion that is exact has a rounding mode all the same",
        applies: |_, ours, theirs| {
            let exact = ["fcvt.d.w\t", "fcvt.d.wu\t", "fcvt.d.s\t", "fcvt.s.h\t", "fcvt.d.h\t"];
            let rounds = |text: &str| ["rtz", "rdn", "rup", "rmm", "dyn"].iter().any(|mode| text.ends_with(mode));
            theirs.is_none() && ours.is_some_and(|text| rounds(text) && exact.iter().any(|name| text.starts_with(name)))
        },
    },
    Difference {
        why: "shifts by 0 are shifts by 64 of RV128 to binutils, and hints on RV64",
        applies: |_, ours, theirs| {
            let name = |text: &str| text.strip_suffix(",0x0").map(|text| text.replacen('\t', "64\t", 1));
            ours.and_then(name).as_deref() == theirs
        },
    },
    Difference {
        why: "uret is of extension N, which the base has not; hret was before the hypervisor extension",
        applies: |_, ours, theirs| ours.is_none() && matches!(theirs, Some("uret" | "hret")),
    },
    Difference {
        why: "the illegal instruction has a name, and c.addi16sp by 0 is reserved (\"Zca\")",
        applies: |raw, ours, _| matches!(raw, 0x0000 | 0x6101) && ours.is_none(),
    },
    Difference { why: "CSRs of RV32, of withdrawn specifications, and of later ones", applies: only_the_csr_differs },
];

/// Both are the same access, to a CSR that only one side has a name for.
fn only_the_csr_differs(raw: u32, ours: Option<&str>, theirs: Option<&str>) -> bool {
    let (Some(ours), Some(theirs)) = (ours, theirs) else { return false };
    let number = format!("{:#x}", raw >> 20);
    let parts = |text: &str| Some((text.split_once(',')?.0.to_owned(), text.rsplit_once(',')?.1.to_owned()));
    let named = [ours, theirs].map(|text| !text.contains(&format!(",{number},")));
    ours.starts_with("csrr") && parts(ours) == parts(theirs) && named[0] != named[1]
}

fn run(tool: &str, arguments: &[&str], folder: &Path) -> Option<Vec<u8>> {
    let output = Command::new(format!("{TOOLS}{tool}")).args(arguments).current_dir(folder).output().ok()?;
    assert!(output.status.success(), "{tool}: {}", String::from_utf8_lossy(&output.stderr));
    Some(output.stdout)
}

/// What objdump says of each word: its text, or `None` if it knows no such instruction. `None` in all without the tools.
fn disassemble_by_binutils(words: &[u32]) -> Option<Vec<Option<String>>> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("objdump");
    fs::create_dir_all(&folder).unwrap();
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()[..length(*word)].to_vec()).collect();
    fs::write(folder.join("words.bin"), bytes).unwrap();
    fs::write(folder.join("words.s"), ".text\n.incbin \"words.bin\"\n").unwrap();
    let version = run("objdump", &["--version"], &folder)?;
    if !String::from_utf8_lossy(&version).lines().next()?.contains(VERSION) {
        return None;
    }
    run("as", &[&format!("-march={ARCH}"), "-o", "words.o", "words.s"], &folder)?;
    // Without symbols nothing says that these are data.
    run("strip", &["--strip-all", "words.o"], &folder)?;
    let listing = run("objdump", &["-d", "-z", "-M", "no-aliases", "words.o"], &folder)?;
    let listing = String::from_utf8(listing).unwrap();
    let lines = listing.lines().filter_map(|line| line.split_once(":\t")?.1.split_once('\t'));
    let texts = lines.map(|(_, text)| {
        // Comments: symbols, addresses that are made in two steps.
        let text = text.split(" #").next().unwrap().split(" <").next().unwrap().trim_end();
        (!text.starts_with('.')).then(|| text.to_owned())
    });
    Some(texts.collect())
}

#[test]
fn words_mean_the_same_to_binutils() {
    let words = words(WORDS_PER_ROW);
    let words: Vec<u32> = words.into_iter().chain((0..4096).map(|csr| asm::csrrs(10, csr, 0))).collect();
    let Some(theirs) = disassemble_by_binutils(&words) else {
        eprintln!(
            "SKIPPED: there is no {TOOLS}objdump {VERSION}; Debian 12 has it in package binutils-riscv64-unknown-elf"
        );
        return;
    };
    assert_eq!(words.len(), theirs.len());
    let known = IsaSet::parse(ARCH).unwrap();
    let mut pc = 0;
    let compared = words.iter().zip(theirs).map(|(raw, theirs)| {
        let insn = decode(*raw).filter(|insn: &Insn| known.contains(insn.isa()));
        let ours = insn.map(|insn| disassemble(insn, pc).to_string());
        pc += length(*raw) as u64;
        (*raw, ours, theirs)
    });
    check(DIFFERENCES, compared);
}
