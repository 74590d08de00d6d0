//! Branches and jumps of RV64I.

use rv_hart::Mode;
use rv_isa::asm::{self, A1, A2, A3, A4, A5, RA, T2, ZERO};
use rv_isa::{Fields, Op, encode};

use super::table::{Step, column, pairs, walk};
use crate::suite::case::{Case, case};

/// Taken or not for all pairs of corners.
pub fn branch(op: Op, f: fn(u64, u64) -> bool) -> Case {
    let rows: Vec<u64> = pairs().flat_map(|(a, b)| [a, b, f(a, b).into()]).collect();
    let body = [
        column(A1, 0),
        column(A2, 1),
        column(A4, 2),
        Step::Do(asm::addi(A3, ZERO, 1)),
        Step::Do(encode(op, Fields { rs1: A1, rs2: A2, imm: 8, ..Fields::default() })),
        Step::Do(asm::addi(A3, ZERO, 0)),
        Step::LeaveUnlessEqual(A3, A4),
    ];
    walk(case(op.row().mnemonic, "Conditional Branches", Mode::M), 3, &rows, &body)
}

/// Jumps, and addresses relative to pc.
pub fn jumps() -> Vec<Case> {
    let cases = [
        case("jal skips and links", "Unconditional Jumps", Mode::M)
            .x(A1, 0)
            .runs(&[asm::auipc(A2, 0), asm::jal(RA, 8), asm::addi(A1, A1, 1), asm::sub(A3, RA, A2)])
            .completes()
            .reg(A1, 0)
            .reg(A3, 8),
        case("jal backward", "Unconditional Jumps", Mode::M)
            .x(A1, 0)
            .runs(&[asm::jal(ZERO, 12), asm::addi(A1, A1, 1), asm::jal(ZERO, 8), asm::jal(ZERO, -8)])
            .completes()
            .reg(A1, 1),
        case("jalr clears bit 0 and links", "Unconditional Jumps", Mode::M)
            .x(A1, 0)
            .runs(&[asm::auipc(A2, 0), asm::jalr(T2, A2, 13), asm::addi(A1, A1, 1), asm::sub(A3, T2, A2)])
            .completes()
            .reg(A1, 0)
            .reg(A3, 8),
        case("jalr with rd = rs1 jumps to the old value", "Unconditional Jumps", Mode::M)
            .x(A1, 0)
            .runs(&[asm::auipc(A2, 0), asm::addi(A4, A2, 0), asm::jalr(A2, A2, 16), asm::addi(A1, A1, 1)])
            .run(asm::sub(A3, A2, A4))
            .completes()
            .reg(A1, 0)
            .reg(A3, 12),
        case("lui sign-extends", "Integer Register-Immediate Instructions", Mode::M)
            .runs(&[asm::lui(A1, i32::MIN), asm::lui(A2, 0x7fff_f000), asm::lui(A3, 0)])
            .completes()
            .reg(A1, 0xffff_ffff_8000_0000)
            .reg(A2, 0x7fff_f000)
            .reg(A3, 0),
        case("auipc adds to its own address", "Integer Register-Immediate Instructions", Mode::M)
            .runs(&[asm::auipc(A1, 0), asm::auipc(A2, 0x1000), asm::auipc(A3, -0x1000), asm::sub(A4, A2, A1)])
            .run(asm::sub(A5, A3, A1))
            .completes()
            .reg(A4, 0x1004)
            .reg(A5, (-0xff8i64) as u64),
        case("fence and its reserved forms do nothing", "Memory Ordering Instructions", Mode::M)
            .runs(&[asm::fence(0xff), 0x0100_000f, 0x8330_000f, 0xfff9_8f8f])
            .completes(),
        case("hints do nothing", "HINT Instructions", Mode::M)
            .x(A1, 7)
            .runs(&[0x0020_0033, 0x0030_0033, 0x0040_0033, 0x0050_0033, 0x0000_1037, 0x0015_8013, 0x0005_e013])
            .runs(&[0x0015_e013, 0x0035_e013])
            .completes()
            .reg(A1, 7),
    ];
    cases.into_iter().flat_map(|case| case.in_modes(&Mode::ALL)).collect()
}
