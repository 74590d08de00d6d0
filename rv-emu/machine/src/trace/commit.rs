//! The commit log that Spike made common: a line for each instruction that retires.
//!
//! `core`, the hart in four columns, privilege, pc, bits; then registers in ascending order of their numbers (x before f before CSR), then
//! loads by address, then stores by address and value. `docs/TRACING.md` describes it in full.

use rv_hart::Step;

use super::filter::{Category, Shown};
use super::names::Names;

/// A register in the line's order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    X,
    F,
    Csr,
}

/// Writes the line for a step. An instruction that traps, and an interrupt, have none.
pub(super) fn line(out: &mut Vec<u8>, step: &Step, shown: Shown, names: &Names) -> bool {
    let Some(raw) = step.raw.filter(|_| step.retired()) else { return false };
    out.extend_from_slice(b"core");
    padded(out, step.hart, 4, true);
    out.extend_from_slice(b": ");
    out.push(b'0' + step.mode.privilege());
    out.push(b' ');
    hex(out, step.pc, 8);
    out.extend_from_slice(b" (");
    hex(out, raw.into(), if raw & 3 == 3 { 4 } else { 2 });
    out.push(b')');
    registers(out, step, shown, names);
    if shown.has(Category::Mem) {
        for load in &step.loads {
            out.extend_from_slice(b" mem ");
            hex(out, load.addr, 8);
        }
        for store in &step.stores {
            out.extend_from_slice(b" mem ");
            hex(out, store.addr, 8);
            out.push(b' ');
            hex(out, store.value, store.size);
        }
    }
    out.push(b'\n');
    true
}

fn registers(out: &mut Vec<u8>, step: &Step, shown: Shown, names: &Names) {
    let x = step.x.iter().map(|write| (write.register.into(), Kind::X, write.value));
    let f = step.f.iter().map(|write| (write.register.into(), Kind::F, write.value));
    let csr = step.csrs.iter().map(|write| (write.number, Kind::Csr, write.value));
    let x = x.filter(|_| shown.has(Category::Gpr));
    let f = f.filter(|_| shown.has(Category::Fpr));
    let mut writes: Vec<(u16, Kind, u64)> = x.chain(f).chain(csr.filter(|_| shown.has(Category::Csr))).collect();
    writes.sort_unstable();
    for (number, kind, value) in writes {
        out.push(b' ');
        match kind {
            Kind::X => out.push(b'x'),
            Kind::F => out.push(b'f'),
            Kind::Csr => out.push(b'c'),
        }
        if kind == Kind::Csr {
            padded(out, number.into(), 1, false);
            out.push(b'_');
            out.extend_from_slice(names.get(number).unwrap_or("unknown").as_bytes());
        } else {
            padded(out, number.into(), 2, false);
        }
        out.push(b' ');
        hex(out, value, 8);
    }
}

/// `0x` and all digits of `bytes` bytes.
fn hex(out: &mut Vec<u8>, value: u64, bytes: u8) {
    out.extend_from_slice(b"0x");
    for shift in (0..2 * bytes).rev() {
        out.push(b"0123456789abcdef"[(value >> (4 * shift) & 15) as usize]);
    }
}

/// A decimal number in at least `width` columns.
fn padded(out: &mut Vec<u8>, value: u64, width: usize, right: bool) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = value;
    while rest != 0 || at == digits.len() {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let blanks = width.saturating_sub(digits.len() - at);
    if right {
        out.extend(std::iter::repeat_n(b' ', blanks));
    }
    out.extend_from_slice(&digits[at..]);
    if !right {
        out.extend(std::iter::repeat_n(b' ', blanks));
    }
}
