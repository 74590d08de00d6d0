//! Results and flags of corner values under all rounding modes, and what happens to operands that are not properly boxed.

use rustc_apfloat::Round;
use rv_hart::Mode;
use rv_isa::asm::{self, A1, A3, A4, A5, A6, FA0, FA3, S0, ZERO};
use rv_isa::{Fields, Isa, IsaSet, Op, csr, encode};

use super::arithmetic::{D, H, S, near};
use super::operands::{boxed_or_not, layout, operands};
use super::selection::Layout;
use super::subject::{Subject, Width};
use crate::suite::case::{Case, case};
use crate::suite::chapters::table::{Step, column, walk};

const SECTION: &str =
    "Instruction's own description; \"Floating-Point Control and Status Register\"; \"NaN Generation and Propagation\"";
const BOXING: &str = "D: NaN Boxing of Narrower Values";

/// The rounding modes in the order of their encodings.
const MODES: [Round; 5] = [
    Round::NearestTiesToEven,
    Round::TowardZero,
    Round::TowardNegative,
    Round::TowardPositive,
    Round::NearestTiesToAway,
];
/// rm of instructions that round as frm says.
const DYNAMIC: u8 = 7;

/// The instruction on fa0, fa1 and fa2 or a1, with its result in fa3 or a3.
fn instruction(op: Op, rm: u8) -> u32 {
    let float = op.float_operands();
    let rs1 = if float.rs1 { FA0 } else { A1 };
    let rd = if float.rd { FA3 } else { A3 };
    encode(op, Fields { rd, rs1, rs2: FA0 + 1, rs3: FA0 + 2, rm, ..Fields::default() })
}

/// Reads the operand in column `index`.
fn load(width: Width, index: i32) -> Step {
    let (register, offset) = (FA0 + index as u8, 8 * index);
    match width {
        Width::X => column(A1 + index as u8, index),
        Width::H => Step::Do(asm::flh(register, S0, offset)),
        Width::S => Step::Do(asm::flw(register, S0, offset)),
        Width::D => Step::Do(asm::fld(register, S0, offset)),
    }
}

/// Moves the result to a3.
fn result(width: Width) -> Option<Step> {
    match width {
        Width::X => None,
        Width::H => Some(Step::Do(asm::fmv_x_h(A3, FA3))),
        Width::S => Some(Step::Do(asm::fmv_x_w(A3, FA3))),
        Width::D => Some(Step::Do(asm::fmv_x_d(A3, FA3))),
    }
}

/// The bits of a result as [`result`] shows them.
fn shown(width: Width, bits: u64) -> u64 {
    match width {
        Width::H => i64::from(bits as i16) as u64,
        Width::S => i64::from(bits as i32) as u64,
        Width::X | Width::D => bits,
    }
}

/// Clears the flags, sets frm, runs the instruction, and compares result and flags, which are in these columns and bytes.
fn check(frm: usize, insn: u32, moved: Option<Step>, value: i32, flags: i32) -> Vec<Step> {
    let mut steps = vec![
        Step::Do(asm::csrrwi(ZERO, csr::FCSR, 0)),
        Step::Do(asm::csrrwi(ZERO, csr::FRM, frm as u8)),
        Step::Do(insn),
    ];
    steps.extend(moved);
    steps.extend([
        Step::Do(asm::csrrs(A4, csr::FFLAGS, ZERO)),
        column(A5, value),
        Step::LeaveUnlessEqual(A3, A5),
        Step::Do(asm::lbu(A6, S0, flags)),
        Step::LeaveUnlessEqual(A4, A6),
    ]);
    steps
}

/// All operands under all modes: those of the instruction, and dynamically. A static mode ignores frm, even a reserved one.
pub fn values(subject: &Subject) -> Case {
    let Subject { op, operands: count, rounds, .. } = *subject;
    let modes = if rounds { &MODES[..] } else { &MODES[..1] };
    let width = count + modes.len() + 1;
    let mut rows = Vec::new();
    for inputs in operands(subject.from, count) {
        let answers: Vec<_> = modes.iter().map(|mode| (subject.reference)(inputs, *mode)).collect();
        rows.extend(&inputs[..count]);
        rows.extend(answers.iter().map(|(bits, _)| shown(subject.to, *bits)));
        rows.push((0..).zip(&answers).fold(0, |all, (index, (_, flags))| all | u64::from(*flags) << (8 * index)));
    }
    let mut body: Vec<Step> = (0..count as i32).map(|index| load(subject.from, index)).collect();
    for index in 0..modes.len() {
        let (value, flags) = (count + index, 8 * (width - 1) + index);
        let mut add = |frm, rm| {
            body.extend(check(frm, instruction(op, rm), result(subject.to), value as i32, flags as i32));
        };
        if rounds {
            add(index, DYNAMIC);
        }
        add(7 - index, index as u8);
    }
    walk(of(op, "of corner values", SECTION), width, &rows, &body)
}

fn of(op: Op, what: &str, section: &'static str) -> Case {
    case(format!("{} {what}", op.row().mnemonic), section, Mode::M)
}

/// What an instruction reads from a register of 64 bits.
fn unboxed(layout: Layout, register: u64) -> u64 {
    let upper = u64::MAX.checked_shl(layout.bits).unwrap_or(0);
    if register & upper == upper { register & !upper } else { layout.nan() }
}

/// A narrower value in a register of 64 bits.
fn boxed(layout: Layout, bits: u64) -> u64 {
    bits | u64::MAX.checked_shl(layout.bits).unwrap_or(0)
}

/// Operands in registers of 64 bits, boxed properly or not, and results in such registers.
pub fn boxing(subject: &Subject) -> Option<Case> {
    let narrow = |width| matches!(width, Width::H | Width::S);
    if !narrow(subject.from) && !narrow(subject.to) {
        return None;
    }
    let mut rows = Vec::new();
    for registers in contents(subject) {
        let inputs = if subject.reads_raw() || !narrow(subject.from) {
            registers
        } else {
            registers.map(|register| unboxed(layout(subject.from), register))
        };
        let (bits, flags) = (subject.reference)(inputs, MODES[0]);
        let bits = if narrow(subject.to) { boxed(layout(subject.to), bits) } else { bits };
        rows.extend(&registers[..subject.operands]);
        rows.extend([bits, flags.into()]);
    }
    let load = |index| load(if subject.from == Width::X { Width::X } else { Width::D }, index);
    let moved = result(if subject.to == Width::X { Width::X } else { Width::D });
    let count = subject.operands as i32;
    let mut body: Vec<Step> = (0..count).map(load).collect();
    body.extend(check(0, instruction(subject.op, 0), moved, count, 8 * (count + 1)));
    let needs = IsaSet::EMPTY.with(Isa::D);
    Some(walk(
        of(subject.op, "of registers with and without boxes", BOXING).needs_all(needs),
        subject.operands + 2,
        &rows,
        &body,
    ))
}

/// All combinations of contents of the operands' registers.
fn contents(subject: &Subject) -> Vec<[u64; 3]> {
    if matches!(subject.from, Width::X | Width::D) {
        return operands(subject.from, subject.operands);
    }
    let all = boxed_or_not(subject.from);
    let later = |needed: usize| if subject.operands >= needed { &all[..] } else { &[0] };
    let pairs = all.iter().flat_map(|a| later(2).iter().map(move |b| [*a, *b]));
    pairs.flat_map(|[a, b]| later(3).iter().map(move |c| [a, b, *c])).collect()
}

/// FLI: the table "Immediate values loaded by the FLI.S instruction". Entries 1 and 31 are not numbers that all formats share.
const CONSTANTS: [f64; 32] = [
    -1.0,
    0.0,
    1.52587890625e-5,
    3.0517578125e-5,
    0.00390625,
    0.0078125,
    0.0625,
    0.125,
    0.25,
    0.3125,
    0.375,
    0.4375,
    0.5,
    0.625,
    0.75,
    0.875,
    1.0,
    1.25,
    1.5,
    1.75,
    2.0,
    2.5,
    3.0,
    4.0,
    8.0,
    16.0,
    128.0,
    256.0,
    32768.0,
    65536.0,
    f64::INFINITY,
    f64::NAN,
];

/// All constants of FLI; no flags.
pub fn constants(op: Op) -> Case {
    let (width, near): (Width, fn(f64) -> u64) = match op.row().mnemonic {
        "fli.h" => (Width::H, near::<H>),
        "fli.s" => (Width::S, near::<S>),
        _ => (Width::D, near::<D>),
    };
    let bits = |(index, number): (usize, &f64)| match index {
        1 => 1 << layout(width).fraction,
        // 65536 is above the largest half.
        29 if width == Width::H => layout(width).infinity(),
        _ => near(*number),
    };
    let row: Vec<u64> = CONSTANTS.iter().enumerate().map(|entry| shown(width, bits(entry))).collect();
    let mut body = Vec::new();
    for index in 0..32 {
        body.push(Step::Do(encode(op, Fields { rd: FA3, imm: index, ..Fields::default() })));
        body.extend(result(width));
        body.extend([column(A5, index), Step::LeaveUnlessEqual(A3, A5)]);
    }
    walk(of(op, "loads its constants", "Zfa: Load-Immediate Instructions"), row.len(), &row, &body).csr(csr::FFLAGS, 0)
}
