//! Atomics: AMOs of all sizes, LR and SC, compare-and-swap.

use rv_hart::Mode;
use rv_isa::asm::{self, A0, A1, A2, A3, A4, A5, A6, A7, S2, S3, S4, S5};
use rv_isa::cause::{LOAD_ACCESS_FAULT, LOAD_ADDRESS_MISALIGNED, STORE_ACCESS_FAULT, STORE_ADDRESS_MISALIGNED};
use rv_isa::{Fields, Isa, Op, encode};

use super::table::{CORNERS, Step, column, walk};
use crate::suite::case::{Case, What, case};
use crate::suite::layout::{DATA, record};

const AMO: &str = "Zaamo, Zabha: atomic memory operations";
const LRSC: &str = "Zalrsc: load-reserved/store-conditional";

fn sign_extended(value: u64, size: u8) -> u64 {
    let unused = 64 - 8 * u32::from(size);
    ((value << unused) as i64 >> unused) as u64
}

/// Puts the low `size` bytes of `new` into `word` at byte `offset`.
fn placed(word: u64, new: u64, offset: u32, size: u8) -> u64 {
    let mask = if size == 8 { u64::MAX } else { (1 << (8 * u32::from(size))) - 1 };
    word & !(mask << (8 * offset)) | (new & mask) << (8 * offset)
}

/// Old value and new one over pairs of corners, in the last aligned place of a doubleword; and what a misaligned address does.
pub fn amo(op: Op, size: u8, f: fn(u64, u64) -> u64) -> Vec<Case> {
    let insn = encode(op, Fields { rd: A3, rs1: A5, rs2: A2, ..Fields::default() });
    let offset = 8 - u32::from(size);
    let word = |value: u64| placed(0xa5a5_a5a5_a5a5_a5a5, value, offset, size);
    let row = |a: u64, b: u64| {
        let (old, operand) = (sign_extended(a, size), sign_extended(b, size));
        [word(a), b, word(f(old, operand)), old]
    };
    let rows: Vec<u64> = CORNERS.into_iter().flat_map(|a| CORNERS[4..].iter().flat_map(move |b| row(a, *b))).collect();
    let back = -(offset as i32);
    let body = [
        column(A1, 0),
        column(A2, 1),
        Step::Do(asm::sd(A1, A5, back)),
        Step::Do(insn),
        Step::Do(asm::ld(A6, A5, back)),
        column(A4, 2),
        Step::LeaveUnlessEqual(A6, A4),
        column(A4, 3),
        Step::LeaveUnlessEqual(A3, A4),
    ];
    let name = |what: &str| format!("{} {what}", op.row().mnemonic);
    let values = case(name("of corner values"), AMO, Mode::M).x(A5, DATA + u64::from(offset));
    let mut cases = vec![walk(values, 4, &rows, &body)];
    if size > 1 {
        cases.push(
            case(name("misaligned traps and writes nothing"), AMO, Mode::M)
                .store(DATA, 0x77)
                .x(A5, DATA + 1)
                .x(A2, 1)
                .x(A3, 99)
                .run(insn)
                .expect_masked(What::Record(record::CAUSE), u64::MAX, &[STORE_ADDRESS_MISALIGNED, STORE_ACCESS_FAULT])
                .expect(What::Place, 0)
                .tval(DATA + 1)
                .reg(A3, 99)
                .mem(DATA, 0x77),
        );
    }
    cases
}

/// LR and SC, with 4 and 8 bytes.
pub fn reservations() -> Vec<Case> {
    let mut cases = Vec::new();
    for (lr, sc, size) in [(Op::LrW, Op::ScW, 4u8), (Op::LrD, Op::ScD, 8)] {
        let load = |rd, rs1| encode(lr, Fields { rd, rs1, ..Fields::default() });
        let store = |rd, rs1, rs2| encode(sc, Fields { rd, rs1, rs2, ..Fields::default() });
        let old = 0xfedc_ba98_8765_4321;
        let named =
            |what: &str| case(format!("{what}, {size} bytes"), LRSC, Mode::M).store(DATA, old).x(A0, DATA).x(A1, 5);
        let new = placed(old, 5, 0, size);
        cases.extend([
            named("lr and sc to the same place succeed")
                .runs(&[load(A2, A0), store(A3, A0, A1)])
                .completes()
                .reg(A2, sign_extended(old, size))
                .reg(A3, 0)
                .mem(DATA, new),
            named("sc without a reservation fails and writes nothing")
                .x(A4, DATA + 64)
                // The first sc ends whatever reservation there may be.
                .runs(&[store(A3, A4, A1), store(A3, A0, A1), asm::sltu(A3, 0, A3)])
                .completes()
                .reg(A3, 1)
                .mem(DATA, old),
            named("a second sc fails")
                .x(A5, 9)
                .runs(&[load(A2, A0), store(A3, A0, A1), store(A4, A0, A5), asm::sltu(A4, 0, A4)])
                .completes()
                .reg(A3, 0)
                .reg(A4, 1)
                .mem(DATA, new),
            named("sc to another place fails and ends the reservation")
                .x(A4, DATA + 4096)
                .store(DATA + 4096, 3)
                .runs(&[load(A2, A0), store(A3, A4, A1), asm::sltu(A3, 0, A3), store(A5, A0, A1), asm::sltu(A5, 0, A5)])
                .completes()
                .reg(A3, 1)
                .reg(A5, 1)
                .mem(DATA + 4096, 3)
                .mem(DATA, old),
            named("lr misaligned traps")
                .x(A0, DATA + 2)
                .run(load(A2, A0))
                .expect_masked(What::Record(record::CAUSE), u64::MAX, &[LOAD_ADDRESS_MISALIGNED, LOAD_ACCESS_FAULT])
                .tval(DATA + 2),
            named("sc misaligned traps")
                .x(A0, DATA + 2)
                .run(store(A2, A0, A1))
                .expect_masked(What::Record(record::CAUSE), u64::MAX, &[STORE_ADDRESS_MISALIGNED, STORE_ACCESS_FAULT])
                .tval(DATA + 2)
                .mem(DATA, old),
        ]);
    }
    let all = cases.into_iter().map(|case| case.needs(Isa::Zalrsc));
    all.flat_map(|case| case.in_modes(&Mode::ALL)).collect()
}

/// AMOCAS: equal and unequal, all sizes; register pairs.
pub fn compare_and_swap() -> Vec<Case> {
    let sizes = [(Op::AmocasB, 1u8), (Op::AmocasH, 2), (Op::AmocasW, 4), (Op::AmocasD, 8)];
    let mut cases = Vec::new();
    for (op, size) in sizes {
        let insn = encode(op, Fields { rd: A2, rs1: A0, rs2: A1, ..Fields::default() });
        let old = 0x8182_8384_8586_8788;
        let named = |what: &str| {
            case(format!("{} {what}", op.row().mnemonic), "Zacas", Mode::M)
                .needs_all(op.row().isa)
                .store(DATA, old)
                .x(A0, DATA)
                .x(A1, 0x5a)
        };
        cases.extend([
            // Bits of rd above the operand's size don't count.
            named("swaps if equal")
                .x(A2, if size == 8 { old } else { old ^ u64::MAX << (8 * u32::from(size)) })
                .run(insn)
                .completes()
                .reg(A2, sign_extended(old, size))
                .mem(DATA, placed(old, 0x5a, 0, size)),
            named("leaves memory alone if not equal")
                .x(A2, old ^ 1)
                .run(insn)
                .completes()
                .reg(A2, sign_extended(old, size))
                .mem(DATA, old),
        ]);
    }
    cases.extend(pairs());
    cases.into_iter().flat_map(|case| case.in_modes(&Mode::ALL)).collect()
}

/// AMOCAS.Q: pairs of registers, the low half first.
fn pairs() -> Vec<Case> {
    let insn = |rd, rs2| encode(Op::AmocasQ, Fields { rd, rs1: A0, rs2, ..Fields::default() });
    let named = |what: &str| {
        let memory = [(DATA, 0x11), (DATA + 8, 0x22)];
        case(format!("amocas.q {what}"), "Zacas", Mode::M)
            .needs(Isa::Zacas)
            .stores(memory)
            .x(A0, DATA)
            .x(S2, 0x33)
            .x(S3, 0x44)
    };
    vec![
        named("swaps if equal")
            .x(S4, 0x11)
            .x(S5, 0x22)
            .run(insn(S4, S2))
            .completes()
            .reg(S4, 0x11)
            .reg(S5, 0x22)
            .mem(DATA, 0x33)
            .mem(DATA + 8, 0x44),
        named("compares both halves")
            .x(S4, 0x11)
            .x(S5, 0x23)
            .run(insn(S4, S2))
            .completes()
            .reg(S4, 0x11)
            .reg(S5, 0x22)
            .mem(DATA, 0x11)
            .mem(DATA + 8, 0x22),
        named("with x0 for the new value writes zeros")
            .x(S4, 0x11)
            .x(S5, 0x22)
            .run(insn(S4, 0))
            .completes()
            .mem(DATA, 0)
            .mem(DATA + 8, 0),
        named("with x0 for rd compares with zeros and leaves x1 alone")
            .x(A7, 1)
            .run(insn(0, S2))
            .completes()
            .reg(A7, 1)
            .mem(DATA, 0x11)
            .mem(DATA + 8, 0x22),
        named("misaligned traps")
            .x(A0, DATA + 8)
            .x(S4, 1)
            .run(insn(S4, S2))
            .expect_masked(What::Record(record::CAUSE), u64::MAX, &[STORE_ADDRESS_MISALIGNED, STORE_ACCESS_FAULT])
            .tval(DATA + 8),
    ]
}
