//! Legality of many words against QEMU, if it is installed; else the test says so.
//!
//! A program of M-mode puts each word into a slot, runs it, and prints the cause of the trap that ends it: a breakpoint behind the word, an
//! access to where nothing is, or an illegal instruction. What would leave the slot or change modes isn't tried.

mod sample;

use std::fs;
use std::path::Path;
use std::process::Command;

use rv_isa::asm::{self, A0, A1, RA, T0, T1, T2, T3, T4, ZERO};
use rv_isa::{Class, IsaSet, csr, decode};
use sample::{Difference, check, length, words};

const QEMU: &str = "qemu-system-riscv64";

/// Other versions know other extensions.
const VERSION: &str = "version 7.2";

/// QEMU's options, and the same as an ISA string.
const CPU: &str = "rv64,h=true,zba=true,zbb=true,zbc=true,zbs=true,Zfh=true,svinval=true";
const ARCH: &str = "rv64gch_zba_zbb_zbc_zbs_zfh_svinval";

const WORDS_PER_ROW: usize = 12;

const DIFFERENCES: &[Difference] = &[];

const BASE: u64 = 0x8000_0000;
/// Next word, and the end of the words.
const CONTEXT: u64 = BASE + 0x1000;
const SLOT: u64 = BASE + 0x2000;
/// In the middle of memory that words may load from and store to.
const SCRATCH: u64 = BASE + 0x8000;
const TABLE: u64 = BASE + 0x1_0000;
const UART: u64 = 0x1000_0000;
const FINISHER: u64 = 0x10_0000;
const BREAKPOINT: u32 = 0x0010_0073;
const BREAKPOINT_SHORT: u32 = 0x9002;

/// The program, up to the words.
fn program(count: usize) -> Vec<u8> {
    let mut code = Vec::new();
    code.extend(asm::li64(A1, CONTEXT));
    code.extend([asm::csrrw(ZERO, csr::MSCRATCH, A1), asm::lui(T0, 0x6000), asm::csrrs(ZERO, csr::MSTATUS, T0)]);
    let handler = BASE + 4 * (code.len() as u64 + 8 + 2);
    code.extend(asm::li64(T0, handler));
    code.extend([asm::csrrw(ZERO, csr::MTVEC, T0), asm::jal(ZERO, 4 * 13)]);
    // The handler prints a letter.
    code.extend([asm::csrrs(A0, csr::MCAUSE, ZERO), asm::csrrs(A1, csr::MSCRATCH, ZERO)]);
    code.extend(asm::li64(T0, UART));
    code.extend([asm::addi(A0, A0, i32::from(b'A')), asm::sb(A0, T0, 0)]);
    // The next word goes to the slot, all registers to the middle of memory.
    code.extend([asm::ld(T0, A1, 0), asm::ld(T1, A1, 8), asm::bne(T0, T1, 4 * 13)]);
    code.extend(asm::li64(T0, FINISHER));
    code.extend([asm::lui(T1, 0x5000), asm::addi(T1, T1, 0x555), asm::sw(T1, T0, 0), asm::jal(ZERO, 0)]);
    code.extend([asm::addi(T2, T0, 4), asm::sd(T2, A1, 0), asm::lw(T3, T0, 0)]);
    code.extend(asm::li64(T4, SLOT));
    code.extend([asm::sw(T3, T4, 0), asm::fence_i(0)]);
    code.extend(asm::li64(RA, SCRATCH));
    code.extend((2..32).map(|register| asm::addi(register, RA, 0)));
    let here = BASE + 4 * code.len() as u64;
    code.push(asm::jal(ZERO, (SLOT - here) as i32));
    let mut image: Vec<u8> = code.iter().flat_map(|word| word.to_le_bytes()).collect();
    image.resize((TABLE - BASE) as usize, 0);
    let mut put = |at: u64, bytes: &[u8]| image[(at - BASE) as usize..][..bytes.len()].copy_from_slice(bytes);
    put(CONTEXT, &TABLE.to_le_bytes());
    put(CONTEXT + 8, &(TABLE + 4 * count as u64).to_le_bytes());
    put(SLOT + 4, &BREAKPOINT.to_le_bytes());
    image
}

/// What each word ends with; `None` without QEMU.
fn run_by_qemu(words: &[u32]) -> Option<Vec<u8>> {
    let version = Command::new(QEMU).arg("--version").output().ok()?;
    if !String::from_utf8_lossy(&version.stdout).contains(VERSION) {
        return None;
    }
    let mut image = program(words.len());
    for word in words {
        let padded = if length(*word) == 2 { word | BREAKPOINT_SHORT << 16 } else { *word };
        image.extend(padded.to_le_bytes());
    }
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("words-for-qemu.bin");
    fs::write(&file, image).unwrap();
    let mut qemu = Command::new("timeout");
    qemu.args(["120", QEMU, "-M", "virt", "-cpu", CPU, "-display", "none", "-monitor", "none", "-serial", "stdio"]);
    let output = qemu.arg("-bios").arg(&file).output().ok()?;
    assert!(output.status.success(), "{}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    Some(output.stdout)
}

/// Whether the word stays in the slot, whoever decodes it.
fn stays(raw: u32) -> bool {
    match decode(raw) {
        Some(insn) => !matches!(
            insn.op.row().class,
            Class::Branch | Class::Jump | Class::JumpIndirect | Class::Csr | Class::System
        ),
        // Returns and waits of other extensions.
        None => raw & 0x707f != 0x73,
    }
}

#[test]
fn words_are_legal_to_qemu_too() {
    let words: Vec<u32> = words(WORDS_PER_ROW).into_iter().filter(|raw| stays(*raw)).collect();
    let Some(causes) = run_by_qemu(&words) else {
        eprintln!("SKIPPED: there is no {QEMU}, {VERSION}; Debian 12 has it in package qemu-system-misc");
        return;
    };
    assert_eq!(words.len(), causes.len());
    let known = IsaSet::parse(ARCH).unwrap();
    let compared = words.into_iter().zip(causes).map(|(raw, cause)| {
        // Breakpoint; misaligned accesses and those to nowhere, which begin with a legal instruction.
        let theirs = match cause - b'A' {
            2 => None,
            3..=7 => Some("legal".to_owned()),
            other => Some(format!("cause {other}")),
        };
        let ours = decode(raw).filter(|insn| known.contains(insn.isa())).map(|_| "legal".to_owned());
        (raw, ours, theirs)
    });
    check(DIFFERENCES, compared);
}
