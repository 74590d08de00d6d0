//! What every instruction computes, said once more and in another way than the emulator says it: by 128-bit arithmetic and loops over bits,
//! from the words of the specification. The match has no default: a new instruction doesn't compile until it is here.

use rv_isa::Op;

use super::Spec;

fn sext(value: u64, bits: u32) -> u64 {
    let sign = 1u128 << (bits - 1);
    let low = u128::from(value) & ((1 << bits) - 1);
    ((low ^ sign).wrapping_sub(sign)) as u64
}

fn signed(value: u64) -> i128 {
    i128::from(value as i64)
}

fn word(value: i128) -> u64 {
    sext(value as u64, 32)
}

fn bits(value: u64, count: u32) -> impl DoubleEndedIterator<Item = bool> {
    (0..count).map(move |bit| value >> bit & 1 == 1)
}

/// Integer division: quotient and remainder as the M extension defines them at the edges.
fn division(a: i128, b: i128) -> (i128, i128) {
    if b == 0 { (-1, a) } else { (a / b, a % b) }
}

fn low_word(value: u64) -> i128 {
    i128::from(value as i32)
}

fn low_word_unsigned(value: u64) -> i128 {
    i128::from(value as u32)
}

/// The product of polynomials, term by term.
fn polynomial(a: u64, b: u64) -> u128 {
    let mut product = 0;
    for (i, x) in bits(a, 64).enumerate() {
        for (j, y) in bits(b, 64).enumerate() {
            product ^= u128::from(x && y) << (i + j);
        }
    }
    product
}

fn rotated(value: u64, left: u64, width: u32) -> u64 {
    (0..u64::from(width))
        .filter(|bit| value >> bit & 1 == 1)
        .fold(0, |all, bit| all | 1 << ((bit + left) % u64::from(width)))
}

/// How the value tests of `op` are made.
#[rustfmt::skip]
pub fn spec(op: Op) -> Spec {
    use Op::*;
    use Spec::{Amo, Binary, Branch, Directed, Float, Immediate, Load, Shift, Store, Unary};
    match op {
        // RV64I.
        Lui | Auipc | Jal | Jalr | Fence => Directed,
        Beq => Branch(|a, b| signed(a) - signed(b) == 0),
        Bne => Branch(|a, b| signed(a) - signed(b) != 0),
        Blt => Branch(|a, b| signed(a) - signed(b) < 0),
        Bge => Branch(|a, b| signed(a) - signed(b) >= 0),
        Bltu => Branch(|a, b| i128::from(a) - i128::from(b) < 0),
        Bgeu => Branch(|a, b| i128::from(a) - i128::from(b) >= 0),
        Lb => Load(1, true), Lh => Load(2, true), Lw => Load(4, true), Ld => Load(8, true),
        Lbu => Load(1, false), Lhu => Load(2, false), Lwu => Load(4, false),
        Sb => Store(1), Sh => Store(2), Sw => Store(4), Sd => Store(8),
        Addi => Immediate(|a, b| (signed(a) + signed(b)) as u64),
        Slti => Immediate(|a, b| (signed(a) < signed(b)).into()),
        Sltiu => Immediate(|a, b| (i128::from(a) < i128::from(b)).into()),
        Xori => Immediate(|a, b| (a | b) - (a & b)),
        Ori => Immediate(|a, b| !(!a & !b)),
        Andi => Immediate(|a, b| !(!a | !b)),
        Addiw => Immediate(|a, b| word(signed(a) + signed(b))),
        Slli => Shift(6, |a, b| (u128::from(a) << b) as u64),
        Srli => Shift(6, |a, b| (u128::from(a) >> b) as u64),
        Srai => Shift(6, |a, b| (signed(a) >> b) as u64),
        Slliw => Shift(5, |a, b| word(signed(a) << b)),
        Srliw => Shift(5, |a, b| word(low_word_unsigned(a) >> b)),
        Sraiw => Shift(5, |a, b| word(low_word(a) >> b)),
        Add => Binary(|a, b| (signed(a) + signed(b)) as u64),
        Sub => Binary(|a, b| (signed(a) - signed(b)) as u64),
        Sll => Binary(|a, b| (u128::from(a) << (b % 64)) as u64),
        Slt => Binary(|a, b| (signed(a) < signed(b)).into()),
        Sltu => Binary(|a, b| (i128::from(a) < i128::from(b)).into()),
        Xor => Binary(|a, b| (a | b) - (a & b)),
        Srl => Binary(|a, b| (u128::from(a) >> (b % 64)) as u64),
        Sra => Binary(|a, b| (signed(a) >> (b % 64)) as u64),
        Or => Binary(|a, b| !(!a & !b)),
        And => Binary(|a, b| !(!a | !b)),
        Addw => Binary(|a, b| word(signed(a) + signed(b))),
        Subw => Binary(|a, b| word(signed(a) - signed(b))),
        Sllw => Binary(|a, b| word(signed(a) << (b % 32))),
        Srlw => Binary(|a, b| word(low_word_unsigned(a) >> (b % 32))),
        Sraw => Binary(|a, b| word(low_word(a) >> (b % 32))),
        // M.
        Mul => Binary(|a, b| (signed(a).wrapping_mul(signed(b))) as u64),
        Mulh => Binary(|a, b| ((signed(a) * signed(b)) >> 64) as u64),
        Mulhsu => Binary(|a, b| ((signed(a) * i128::from(b)) >> 64) as u64),
        Mulhu => Binary(|a, b| ((u128::from(a) * u128::from(b)) >> 64) as u64),
        Mulw => Binary(|a, b| word(low_word(a) * low_word(b))),
        Div => Binary(|a, b| division(signed(a), signed(b)).0 as u64),
        Divu => Binary(|a, b| division(i128::from(a), i128::from(b)).0 as u64),
        Rem => Binary(|a, b| division(signed(a), signed(b)).1 as u64),
        Remu => Binary(|a, b| division(i128::from(a), i128::from(b)).1 as u64),
        Divw => Binary(|a, b| word(division(low_word(a), low_word(b)).0)),
        Divuw => Binary(|a, b| word(division(low_word_unsigned(a), low_word_unsigned(b)).0)),
        Remw => Binary(|a, b| word(division(low_word(a), low_word(b)).1)),
        Remuw => Binary(|a, b| word(division(low_word_unsigned(a), low_word_unsigned(b)).1)),
        // A, Zabha: operands are sign-extended, results cut to the size.
        AmoswapB => Amo(1, |_, b| b), AmoswapH => Amo(2, |_, b| b), AmoswapW => Amo(4, |_, b| b), AmoswapD => Amo(8, |_, b| b),
        AmoaddB => Amo(1, sum), AmoaddH => Amo(2, sum), AmoaddW => Amo(4, sum), AmoaddD => Amo(8, sum),
        AmoxorB => Amo(1, |a, b| a ^ b), AmoxorH => Amo(2, |a, b| a ^ b), AmoxorW => Amo(4, |a, b| a ^ b), AmoxorD => Amo(8, |a, b| a ^ b),
        AmoandB => Amo(1, |a, b| a & b), AmoandH => Amo(2, |a, b| a & b), AmoandW => Amo(4, |a, b| a & b), AmoandD => Amo(8, |a, b| a & b),
        AmoorB => Amo(1, |a, b| a | b), AmoorH => Amo(2, |a, b| a | b), AmoorW => Amo(4, |a, b| a | b), AmoorD => Amo(8, |a, b| a | b),
        AmominB => Amo(1, smaller), AmominH => Amo(2, smaller), AmominW => Amo(4, smaller), AmominD => Amo(8, smaller),
        AmomaxB => Amo(1, larger), AmomaxH => Amo(2, larger), AmomaxW => Amo(4, larger), AmomaxD => Amo(8, larger),
        AmominuB => Amo(1, |a, b| smaller_unsigned(a, b, 8)), AmominuH => Amo(2, |a, b| smaller_unsigned(a, b, 16)),
        AmominuW => Amo(4, |a, b| smaller_unsigned(a, b, 32)), AmominuD => Amo(8, |a, b| smaller_unsigned(a, b, 64)),
        AmomaxuB => Amo(1, |a, b| larger_unsigned(a, b, 8)), AmomaxuH => Amo(2, |a, b| larger_unsigned(a, b, 16)),
        AmomaxuW => Amo(4, |a, b| larger_unsigned(a, b, 32)), AmomaxuD => Amo(8, |a, b| larger_unsigned(a, b, 64)),
        LrW | LrD | ScW | ScD | AmocasB | AmocasH | AmocasW | AmocasD | AmocasQ => Directed,
        // Zba.
        AddUw => Binary(|a, b| (u128::from(a as u32) + u128::from(b)) as u64),
        Sh1add => Binary(|a, b| (2 * u128::from(a) + u128::from(b)) as u64),
        Sh2add => Binary(|a, b| (4 * u128::from(a) + u128::from(b)) as u64),
        Sh3add => Binary(|a, b| (8 * u128::from(a) + u128::from(b)) as u64),
        Sh1addUw => Binary(|a, b| (2 * u128::from(a as u32) + u128::from(b)) as u64),
        Sh2addUw => Binary(|a, b| (4 * u128::from(a as u32) + u128::from(b)) as u64),
        Sh3addUw => Binary(|a, b| (8 * u128::from(a as u32) + u128::from(b)) as u64),
        SlliUw => Shift(6, |a, b| (u128::from(a as u32) << b) as u64),
        // Zbb.
        Andn => Binary(|a, b| a - (a & b)),
        Orn => Binary(|a, b| !(b - (a & b))),
        Xnor => Binary(|a, b| (a & b) + !(a | b)),
        Max => Binary(larger), Min => Binary(smaller),
        Maxu => Binary(|a, b| larger_unsigned(a, b, 64)), Minu => Binary(|a, b| smaller_unsigned(a, b, 64)),
        Rol => Binary(|a, b| rotated(a, b % 64, 64)),
        Ror => Binary(|a, b| rotated(a, 64 - b % 64, 64)),
        Rolw => Binary(|a, b| sext(rotated(a, b % 32, 32), 32)),
        Rorw => Binary(|a, b| sext(rotated(a, 32 - b % 32, 32), 32)),
        Rori => Shift(6, |a, b| rotated(a, 64 - b, 64)),
        Roriw => Shift(5, |a, b| sext(rotated(a, 32 - b, 32), 32)),
        Clz => Unary(|a| bits(a, 64).rev().take_while(|bit| !bit).count() as u64),
        Clzw => Unary(|a| bits(a, 32).rev().take_while(|bit| !bit).count() as u64),
        Ctz => Unary(|a| bits(a, 64).take_while(|bit| !bit).count() as u64),
        Ctzw => Unary(|a| bits(a, 32).take_while(|bit| !bit).count() as u64),
        Cpop => Unary(|a| bits(a, 64).filter(|bit| *bit).count() as u64),
        Cpopw => Unary(|a| bits(a, 32).filter(|bit| *bit).count() as u64),
        SextB => Unary(|a| sext(a, 8)), SextH => Unary(|a| sext(a, 16)), ZextH => Unary(|a| a % 0x1_0000),
        OrcB => Unary(|a| (0..8).filter(|byte| a >> (8 * byte) & 0xff != 0).fold(0, |all, byte| all | 0xff << (8 * byte))),
        Rev8 => Unary(|a| (0..8).fold(0, |all, byte| all << 8 | (a >> (8 * byte) & 0xff))),
        // Zbc.
        Clmul => Binary(|a, b| polynomial(a, b) as u64),
        Clmulh => Binary(|a, b| (polynomial(a, b) >> 64) as u64),
        Clmulr => Binary(|a, b| (polynomial(a, b) >> 63) as u64),
        // Zbs.
        Bclr => Binary(|a, b| a - (a & 1 << (b % 64))), Bclri => Shift(6, |a, b| a - (a & 1 << b)),
        Bext => Binary(|a, b| a >> (b % 64) & 1), Bexti => Shift(6, |a, b| a >> b & 1),
        Binv => Binary(|a, b| a ^ 1 << (b % 64)), Binvi => Shift(6, |a, b| a ^ 1 << b),
        Bset => Binary(|a, b| a | 1 << (b % 64)), Bseti => Shift(6, |a, b| a | 1 << b),
        // Zicond.
        CzeroEqz => Binary(|a, b| if b == 0 { 0 } else { a }),
        CzeroNez => Binary(|a, b| if b != 0 { 0 } else { a }),
        // Zimop.
        MopR | MopRr => Directed,
        // System, by chapters of their own.
        FenceI | Ecall | Ebreak | Mret | Sret | Wfi | Csrrw | Csrrs | Csrrc | Csrrwi | Csrrsi | Csrrci => Directed,
        CboInval | CboClean | CboFlush | CboZero | WrsNto | WrsSto => Directed,
        SfenceVma | HfenceVvma | HfenceGvma | SinvalVma | SfenceWInval | SfenceInvalIr | HinvalVvma | HinvalGvma => Directed,
        HlvB | HlvBu | HlvH | HlvHu | HlvW | HlvWu | HlvD | HlvxHu | HlvxWu | HsvB | HsvH | HsvW | HsvD => Directed,
        // Floating point.
        Flw | Fsw | FmaddS | FmsubS | FnmsubS | FnmaddS | FaddS | FsubS | FmulS | FdivS | FsqrtS | FsgnjS | FsgnjnS | FsgnjxS => Float,
        FminS | FmaxS | FeqS | FltS | FleS | FcvtWS | FcvtWuS | FcvtLS | FcvtLuS | FcvtSW | FcvtSWu | FcvtSL | FcvtSLu | FclassS => Float,
        Fld | Fsd | FmaddD | FmsubD | FnmsubD | FnmaddD | FaddD | FsubD | FmulD | FdivD | FsqrtD | FsgnjD | FsgnjnD | FsgnjxD => Float,
        FminD | FmaxD | FeqD | FltD | FleD | FcvtWD | FcvtWuD | FcvtLD | FcvtLuD | FcvtDW | FcvtDWu | FcvtDL | FcvtDLu | FclassD => Float,
        FmvXW | FmvWX | FmvXD | FmvDX | FcvtSD | FcvtDS => Float,
        Flh | Fsh | FmvXH | FmvHX | FcvtSH | FcvtHS | FcvtDH | FcvtHD => Float,
        FmaddH | FmsubH | FnmsubH | FnmaddH | FaddH | FsubH | FmulH | FdivH | FsqrtH | FsgnjH | FsgnjnH | FsgnjxH => Float,
        FminH | FmaxH | FeqH | FltH | FleH | FcvtWH | FcvtWuH | FcvtLH | FcvtLuH | FcvtHW | FcvtHWu | FcvtHL | FcvtHLu | FclassH => Float,
        FliS | FminmS | FmaxmS | FleqS | FltqS | FroundS | FroundnxS => Float,
        FliD | FminmD | FmaxmD | FleqD | FltqD | FroundD | FroundnxD | FcvtmodWD => Float,
        FliH | FminmH | FmaxmH | FleqH | FltqH | FroundH | FroundnxH => Float,
    }
}

fn sum(a: u64, b: u64) -> u64 {
    (signed(a) + signed(b)) as u64
}

fn smaller(a: u64, b: u64) -> u64 {
    if signed(a) < signed(b) { a } else { b }
}

fn larger(a: u64, b: u64) -> u64 {
    if signed(a) < signed(b) { b } else { a }
}

fn unsigned(value: u64, bits: u32) -> u128 {
    u128::from(value) % (1 << bits)
}

fn smaller_unsigned(a: u64, b: u64, bits: u32) -> u64 {
    if unsigned(a, bits) < unsigned(b, bits) { a } else { b }
}

fn larger_unsigned(a: u64, b: u64, bits: u32) -> u64 {
    if unsigned(a, bits) < unsigned(b, bits) { b } else { a }
}
