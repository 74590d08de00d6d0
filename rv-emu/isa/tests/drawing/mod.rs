//! Reads instructions by the manual's drawings of them, to compare with the decoder. It shares nothing with that: a wrong bit would have to
//! be wrong twice.
//!
//! A drawing is a line of fields from left to right. Digits stand for themselves; `imm[..]` is signed, `uimm[..]`, `shamt` and `csr` are not;
//! `nz` means that 0 is reserved; a prime, that a register is one of x8 to x15; `!n`, that register `n` is excluded, being reserved or
//! another instruction; `!odd`, that odd registers are reserved. `n[..]` are bits of a number that is a part of the name; `mop` is such a
//! number that tells nothing apart.

use rv_isa::Insn;

/// What is left of an encoding when it is read from the top.
struct Reader {
    word: u32,
    left: u32,
}

impl Reader {
    fn take(&mut self, width: u32) -> u32 {
        self.left -= width;
        (u64::from(self.word) >> self.left & ((1 << width) - 1)) as u32
    }
}

/// Width of a field; `None` of `shamt`, which takes what is left by the others.
fn width(field: &str) -> Option<u32> {
    Some(match field {
        "shamt" => return None,
        "csr" => 12,
        "fm" | "pred" | "succ" => 4,
        "rm" | "mop" => 3,
        "aq" | "rl" => 1,
        _ if field.contains('[') => bit_numbers(field).len() as u32,
        _ if field.ends_with('\'') => 3,
        _ if field.starts_with(['0', '1']) => field.len() as u32,
        _ => 5,
    })
}

/// The bit numbers of `[5:4|9:6|2|3]`, from left to right.
fn bit_numbers(field: &str) -> Vec<u32> {
    let inside = field.split_once('[').unwrap().1.trim_end_matches(']');
    let runs = inside.split('|').map(|run| run.split_once(':').unwrap_or((run, run)));
    runs.flat_map(|(high, low)| (low.parse().unwrap()..=high.parse().unwrap()).rev()).collect()
}

/// The fields of a drawing of `bits` bits, with their widths.
fn fields(drawing: &str, bits: u32) -> Vec<(&str, u32)> {
    let known: u32 = drawing.split_whitespace().filter_map(width).sum();
    let fields: Vec<_> =
        drawing.split_whitespace().map(|field| (field, width(field).unwrap_or_else(|| bits - known))).collect();
    assert_eq!(fields.iter().map(|field| field.1).sum::<u32>(), bits, "{drawing}");
    fields
}

/// The fixed bits of a drawing: their values, and which they are.
#[allow(dead_code, reason = "each test is a crate of its own, and not all use everything")]
pub fn fixed(drawing: &str, bits: u32) -> (u32, u32) {
    fields(drawing, bits).into_iter().fold((0, 0), |(matches, mask), (field, width)| {
        let digits = u32::from_str_radix(field, 2).ok();
        let ones = ((1u64 << width) - 1) as u32;
        let shift = |value: u32| (u64::from(value) << width) as u32;
        let fixed = if field.ends_with("!odd") { 1 } else { digits.map_or(0, |_| ones) };
        (shift(matches) | digits.unwrap_or(0), shift(mask) | fixed)
    })
}

/// Sets the operands that `r`, like `rs2` or `rd/rs1`, names.
pub fn set_register(insn: &mut Insn, name: &str, value: u32) {
    for part in name.split('/') {
        *match part {
            "rd" => &mut insn.rd,
            "rs1" => &mut insn.rs1,
            "rs2" => &mut insn.rs2,
            "rs3" => &mut insn.rs3,
            _ => panic!("a register {part}"),
        } = value as u8;
    }
}

/// Adds to `insn` the operands of its encoding `insn.raw`; `None` if the drawing is not of such an encoding.
pub fn read(mut insn: Insn, drawing: &str) -> Option<Insn> {
    let bits = u32::from(insn.len) * 8;
    let mut reader = Reader { word: insn.raw, left: bits };
    let mut sign = None;
    for (field, width) in fields(drawing, bits) {
        if field.contains('[') {
            for number in bit_numbers(field) {
                insn.imm |= (reader.take(1) << number) as i32;
                sign = sign.max(Some(number).filter(|_| field.starts_with("imm") || field.starts_with("nzimm")));
            }
            continue;
        }
        let value = reader.take(width);
        match field {
            "shamt" | "csr" | "constant" => insn.imm = value as i32,
            "fm" | "pred" | "succ" => insn.imm = insn.imm << 4 | value as i32,
            "uimm" => insn.rs1 = value as u8,
            "rm" => insn.rm = value as u8,
            "aq" | "rl" | "mop" => {}
            _ if field.starts_with('r') => {
                let (name, excluded) = field.split_once('!').unwrap_or((field, "none"));
                if excluded == value.to_string() || excluded == "odd" && value & 1 == 1 {
                    return None;
                }
                let low = if name.ends_with('\'') { 8 } else { 0 };
                set_register(&mut insn, name.trim_end_matches('\''), low + value);
            }
            digits if value == u32::from_str_radix(digits, 2).unwrap() => {}
            _ => return None,
        }
    }
    if let Some(sign) = sign {
        insn.imm = insn.imm << (31 - sign) >> (31 - sign);
    }
    if drawing.contains("nz") && insn.imm == 0 { None } else { Some(insn) }
}
