//! All words: what decodes encodes to the same bits and has a text, and nothing panics.
//!
//! By default every [`STRIDE`]th word is tried; with `RV_ISA_ALL_WORDS=1` every one, which is for `--release`.

use std::fmt::{self, Write};
use std::thread;

use rv_isa::{Fields, Format, Insn, Op, decode, disassemble, encode};

/// Odd, so that all low bits come round.
const STRIDE: u32 = 1021;

/// Text that was written, without memory for it: its first bytes, and how many there were.
#[derive(Default)]
struct Text {
    start: [u8; 16],
    len: usize,
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = &mut self.start[self.len.min(16)..];
        let count = text.len().min(room.len());
        room[..count].copy_from_slice(&text.as_bytes()[..count]);
        self.len += text.len();
        Ok(())
    }
}

/// Hints that go by names of their own, and the row that each is an encoding of.
const HINTS: [(&str, Op); 4] =
    [("pause", Op::Fence), ("prefetch.i", Op::Ori), ("prefetch.r", Op::Ori), ("prefetch.w", Op::Ori)];

/// The text begins with the instruction's name, and is of a reasonable length.
fn check_text(insn: Insn) {
    let mut text = Text::default();
    write!(text, "{}", disassemble(insn, 0x8000_0000)).unwrap_or_else(|_| panic!("{:#010x} has no text", insn.raw));
    assert!(text.len < 48, "{:#010x}: {} bytes of text", insn.raw, text.len);
    let starts_with = |name: &str| text.start.starts_with(&name.as_bytes()[..name.len().min(16)]);
    let named = starts_with(insn.op.row().mnemonic)
        || HINTS.iter().any(|(hint, op)| *op == insn.op && starts_with(hint))
        || insn.len == 2 && starts_with("c.");
    assert!(named, "{:#010x}: {}", insn.raw, disassemble(insn, 0));
}

/// 1 if `raw` decodes.
fn check(raw: u32) -> u64 {
    let Some(insn) = decode(raw) else { return 0 };
    check_text(insn);
    if insn.len == 2 {
        assert_eq!(insn.raw, raw & 0xffff);
        return 1;
    }
    let Insn { op, rd, rs1, rs2, rs3, rm, imm, .. } = insn;
    let row = op.row();
    let (aq, rl) = (raw >> 26 & 1 == 1, raw >> 25 & 1 == 1);
    // Registers of fences are reserved, and ignored.
    let ignored = if row.format == Format::Fence { 0x000f_8f80 } else { 0 };
    assert_eq!((insn.raw, insn.len, raw & row.mask), (raw, 4, row.matches), "{raw:#010x}");
    assert_eq!(encode(op, Fields { rd, rs1, rs2, rs3, rm, imm, aq, rl }), raw & !ignored, "{raw:#010x}");
    1
}

#[test]
fn words_of_32_bits() {
    let all = std::env::var_os("RV_ISA_ALL_WORDS").is_some_and(|value| value == "1");
    let stride = if all { 1 } else { STRIDE };
    if !all {
        eprintln!("every {STRIDE}th word; RV_ISA_ALL_WORDS=1 tries all of them");
    }
    // The low two bits are 3: the upper half of others is ignored, which `compressed.rs` tests.
    let threads = thread::available_parallelism().map_or(1, |count| count.get() as u32);
    let legal: u64 = thread::scope(|scope| {
        let count = |first: u32| {
            (first..1 << 30).step_by((stride * threads) as usize).map(|word| check(word << 2 | 3)).sum::<u64>()
        };
        let workers: Vec<_> = (0..threads).map(|thread| scope.spawn(move || count(thread * stride))).collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(|_| panic!("see above"))).sum::<u64>()
    });
    if all {
        // How many there are follows from the rows, which don't overlap: 2 to the power of their free bits, and of eight rounding modes two
        // are reserved.
        let encodings = |row: &rv_isa::Row| {
            let words = 1u64 << row.mask.count_zeros();
            if matches!(row.format, Format::RRm | Format::R2Rm | Format::R4) { words / 8 * 6 } else { words }
        };
        assert_eq!(legal, Op::rows().iter().map(encodings).sum::<u64>());
    }
    assert!(legal > 0);
}

#[test]
fn words_of_16_bits() {
    assert!((0..=0xffff).filter(|half| half & 3 != 3).map(check).sum::<u64>() > 0);
}
