//! Operands: by an instruction's format and kind of work, never by its name.

use rv_isa::asm::{LI_MAX, T5, ZERO, auipc, fence_i, jalr, li, sw};
use rv_isa::{Class, Fields, Format, Insn, Op, Row, encode};

use super::Recipe;
use super::context::{POINTERS, pointer};
use crate::campaign::random::Random;

/// Register that holds the address of code that programs write.
const PATCH_POINTER: u8 = 16;

/// It computes an address from rs1.
pub fn is_memory(row: &Row) -> bool {
    let class = matches!(row.class, Class::Load | Class::Store | Class::FpLoad | Class::FpStore | Class::Amo);
    let cache = row.mnemonic.starts_with("cbo") || row.mnemonic.starts_with("prefetch");
    class || cache || matches!(row.format, Format::Hlv | Format::Hsv)
}

/// It destroys an address.
pub fn writes_pointer(insn: &Insn) -> bool {
    !insn.op.float_operands().rd && POINTERS.contains(&insn.rd)
}

/// A register to write: seldom one with an address.
pub fn destination(random: &mut Random) -> u8 {
    let register = random.register();
    if POINTERS.contains(&register) && !random.once_in(24) { 31 } else { register }
}

fn base(random: &mut Random) -> u8 {
    if random.once_in(32) { random.register() } else { random.pick(&POINTERS) }
}

/// Operands for `op`.
pub fn fields(random: &mut Random, op: Op) -> Fields {
    let row = op.row();
    let float = op.float_operands();
    let rd = if float.rd { random.register() } else { destination(random) };
    let memory = is_memory(row);
    let imm = match row.class {
        Class::Branch | Class::Jump => 4 + 2 * random.below(24) as i32,
        _ if memory => offset(random),
        _ => random.integer() as i32,
    };
    Fields {
        rd,
        rs1: if memory { base(random) } else { random.register() },
        rs2: random.register(),
        rs3: random.register(),
        rm: if random.once_in(3) { 7 } else { random.below(8) as u8 },
        imm,
        aq: random.once_in(2),
        rl: random.once_in(2),
    }
}

/// From a pointer, mostly aligned and near.
fn offset(random: &mut Random) -> i32 {
    match random.below(8) {
        0 => random.below(4096) as i32 - 2048,
        1 => random.below(64) as i32 - 32,
        2 => 0,
        _ => 8 * (random.below(64) as i32 - 32),
    }
}

/// LR and SC of one size, mostly to the same place.
pub fn reservation(random: &mut Random) -> Vec<u16> {
    let (load, store) = random.pick(&[(Op::LrW, Op::ScW), (Op::LrD, Op::ScD), (Op::LrD, Op::ScW)]);
    let rs1 = random.pick(&POINTERS);
    let other = if random.once_in(6) { random.pick(&POINTERS) } else { rs1 };
    let between = fields(random, Op::Addi);
    let mut fields = |op, rs1| encode(op, Fields { rs1, ..fields(random, op) });
    let words = [fields(load, rs1), encode(Op::Addi, between), fields(store, other)];
    words.iter().flat_map(|word| [*word as u16, (*word >> 16) as u16]).collect()
}

/// Code that writes an instruction, and calls it.
pub fn patch(recipe: &Recipe, random: &mut Random) -> Vec<u32> {
    let arithmetic = |row: &&Row| matches!(row.class, Class::Int | Class::Mul | Class::Fp);
    let rows: Vec<&Row> = recipe.rows.iter().copied().filter(arithmetic).collect();
    if rows.is_empty() {
        return vec![fence_i(0)];
    }
    let op = random.pick(&rows).op;
    let mut fields = fields(random, op);
    if fields.rd == 1 || fields.rd == PATCH_POINTER {
        fields.rd = 0;
    }
    let mut words = li(T5, encode(op, fields).into(), &mut [0; LI_MAX]).to_vec();
    words.push(sw(T5, PATCH_POINTER, 0));
    words.extend(li(T5, jalr(ZERO, 1, 0).into(), &mut [0; LI_MAX]));
    words.extend([sw(T5, PATCH_POINTER, 4), fence_i(0), jalr(1, PATCH_POINTER, 0)]);
    words
}

/// An indirect jump, mostly a little forward.
pub fn jump(random: &mut Random) -> Vec<u32> {
    if random.once_in(16) {
        return vec![jalr(random.register(), random.register(), random.integer() as i32)];
    }
    let rd = destination(random);
    vec![auipc(1, 0), jalr(rd, 1, 8 + random.below(32) as i32)]
}

/// A new pointer or number.
pub fn constant(random: &mut Random) -> Vec<u32> {
    let (rd, value) = if random.once_in(3) {
        (random.register(), random.integer())
    } else {
        (random.pick(&POINTERS), pointer(random))
    };
    li(rd, value, &mut [0; LI_MAX]).to_vec()
}
