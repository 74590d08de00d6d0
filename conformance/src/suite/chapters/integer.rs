//! Integer instructions on registers, against reference functions.

use rv_hart::Mode;
use rv_isa::asm::{A1, A2, A3, A4, ZERO};
use rv_isa::{Fields, Op, encode};

use super::table::{CORNERS, Step, column, pairs, walk};
use crate::suite::case::{Case, case};

const SECTION: &str = "Instruction's own description, and its extension's chapter";

/// Immediates at the ends of their range.
const IMMEDIATES: [i32; 8] = [0, 1, -1, 2047, -2048, 0x555, -0x556, 64];

fn instruction(op: Op, rd: u8, imm: i32) -> u32 {
    encode(op, Fields { rd, rs1: A1, rs2: A2, imm, ..Fields::default() })
}

fn of(op: Op, what: &str) -> Case {
    case(format!("{} {what}", op.row().mnemonic), SECTION, Mode::M)
}

/// rd = f(rs1, rs2) for all pairs of corners.
pub fn binary(op: Op, f: fn(u64, u64) -> u64) -> Case {
    let rows: Vec<u64> = pairs().flat_map(|(a, b)| [a, b, f(a, b)]).collect();
    let body =
        [column(A1, 0), column(A2, 1), column(A4, 2), Step::Do(instruction(op, A3, 0)), Step::LeaveUnlessEqual(A3, A4)];
    walk(of(op, "of corner values"), 3, &rows, &body)
}

/// A destination x0 stays 0, and nothing else changes.
pub fn to_x0(op: Op) -> Case {
    of(op, "to x0")
        .x(A1, 5)
        .x(A2, 3)
        .run(instruction(op, ZERO, 0))
        .run(rv_isa::asm::addi(A3, ZERO, 0))
        .reg(A3, 0)
        .reg(A1, 5)
        .completes()
}

/// rd = f(rs1) for all corners.
pub fn unary(op: Op, f: fn(u64) -> u64) -> Case {
    let rows: Vec<u64> = (0..64).map(|bit| 1 << bit).chain(CORNERS).flat_map(|a| [a, f(a)]).collect();
    let body = [column(A1, 0), column(A4, 1), Step::Do(instruction(op, A3, 0)), Step::LeaveUnlessEqual(A3, A4)];
    walk(of(op, "of corner values"), 2, &rows, &body)
}

/// rd = f(rs1, imm): all immediates in one row.
pub fn immediate(op: Op, f: fn(u64, u64) -> u64) -> Case {
    with_constants(op, &IMMEDIATES, f)
}

/// rd = f(rs1, shamt) for amounts of `bits` bits.
pub fn shift(op: Op, bits: u32, f: fn(u64, u64) -> u64) -> Case {
    let all: &[i32] = if bits == 5 { &[0, 1, 7, 15, 16, 31] } else { &[0, 1, 31, 32, 33, 63] };
    with_constants(op, all, f)
}

fn with_constants(op: Op, constants: &[i32], f: fn(u64, u64) -> u64) -> Case {
    let row = |a: u64| std::iter::once(a).chain(constants.iter().map(move |imm| f(a, i64::from(*imm) as u64)));
    let rows: Vec<u64> = CORNERS.into_iter().flat_map(row).collect();
    let mut body = vec![column(A1, 0)];
    for (index, imm) in (1..).zip(constants) {
        body.push(column(A4, index));
        body.push(Step::Do(instruction(op, A3, *imm)));
        body.push(Step::LeaveUnlessEqual(A3, A4));
    }
    walk(of(op, "of corner values and constants"), 1 + constants.len(), &rows, &body)
}
