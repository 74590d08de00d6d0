//! Random code, unit by unit.

use rv_isa::asm::{LI_MAX, li};
use rv_isa::asm::{
    T5, T6, ZERO, addi, auipc, csrrc, csrrs, csrrsi, csrrw, hfence_gvma, hfence_vvma, mret, sd, sfence_vma, sret, wfi,
};
use rv_isa::fields::{mstatus, satp};
use rv_isa::{CompressedFormat, CompressedRow, Fields, Op, csr, encode};

use super::Recipe;
use super::context::Spaces;
use super::operands::{self, is_memory};
use crate::campaign::allowed::{untouchable, unwritten};
use crate::campaign::layout::{CODE, CODE_SIZE, HANDLERS};
use crate::campaign::random::Random;
use crate::campaign::tables::hostile_entry;

/// CSRs that hold a different value on other models with reason: nothing is made of what is read from them.
fn seen_differently(number: u16) -> bool {
    let causes = matches!(number, csr::MCAUSE | csr::SCAUSE | csr::VSCAUSE);
    causes || matches!(number, csr::MTINST | csr::HTINST)
}

/// The code of a program, which ends with a jump to the end.
pub fn units(recipe: &Recipe, random: &mut Random, spaces: &Spaces) -> Vec<Vec<u16>> {
    let mut units = Vec::new();
    let mut length = 0;
    while units.len() < recipe.units && length < CODE_SIZE - 256 {
        let unit = unit(recipe, random, spaces);
        length += 2 * unit.len() as u64;
        units.push(unit);
    }
    if length % 4 != 0 {
        units.push(vec![crate::campaign::program::NOP]);
        length += 2;
    }
    let to_end = HANDLERS.wrapping_sub(CODE + length) as i32;
    units.push(parcels(&[rv_isa::asm::jal(ZERO, to_end)]));
    units
}

fn parcels(words: &[u32]) -> Vec<u16> {
    words.iter().flat_map(|word| [*word as u16, (*word >> 16) as u16]).collect()
}

fn unit(recipe: &Recipe, random: &mut Random, spaces: &Spaces) -> Vec<u16> {
    match random.below(100) {
        0..=57 => {
            let row = random.pick(&recipe.rows);
            row_unit(recipe, random, row.op)
        }
        58..=77 if !recipe.compressed.is_empty() => {
            let row = random.pick(&recipe.compressed);
            vec![compressed(random, row)]
        }
        78..=89 => csr_unit(recipe, random),
        90 => vec![tame(random.bits() as u32 & 0xffff) as u16],
        91 => parcels(&[tame(random.bits() as u32 | 3)]),
        92 => parcels(&[nearly(recipe, random)]),
        93 => match random.below(3) {
            0 => parcels(&edit(random, spaces)),
            1 => parcels(&other_privilege(random)),
            _ => translation_unit(random, spaces),
        },
        94..=95 => operands::reservation(random),
        96 => parcels(&operands::patch(recipe, random)),
        97..=98 => parcels(&operands::jump(random)),
        _ => parcels(&operands::constant(random)),
    }
}

/// One instruction of the table, with what it needs for going on.
fn row_unit(recipe: &Recipe, random: &mut Random, op: Op) -> Vec<u16> {
    let next = [auipc(T6, 0), addi(T6, T6, 16)];
    match op {
        Op::Mret => parcels(&[next[0], next[1], csrrw(ZERO, csr::MEPC, T6), mret()]),
        Op::Sret => parcels(&[next[0], next[1], csrrw(ZERO, csr::SEPC, T6), sret()]),
        Op::Wfi if !random.once_in(40) => parcels(&[addi(T6, T6, 1)]),
        Op::Wfi => parcels(&[csrrsi(ZERO, csr::SIE, 2), csrrsi(ZERO, csr::SIP, 2), wfi()]),
        Op::Csrrw | Op::Csrrs | Op::Csrrc | Op::Csrrwi | Op::Csrrsi | Op::Csrrci => csr_unit(recipe, random),
        _ => parcels(&[encode(op, operands::fields(random, op))]),
    }
}

/// An instruction with one bit wrong.
fn nearly(recipe: &Recipe, random: &mut Random) -> u32 {
    let op = random.pick(&recipe.rows).op;
    if matches!(op, Op::Wfi | Op::Mret | Op::Sret) || is_memory(op.row()) {
        return encode(Op::Ecall, Fields::default()) | 1 << (7 + random.below(13));
    }
    tame(encode(op, operands::fields(random, op)) ^ 1 << random.below(32))
}

/// 0 in place of what would go elsewhere, wait, write a CSR or reach memory.
fn tame(word: u32) -> u32 {
    let wild = rv_isa::decode(word).is_some_and(|insn| insn.op.row().class.ends_block() || is_memory(insn.op.row()));
    if wild { 0 } else { word }
}

fn csr_unit(recipe: &Recipe, random: &mut Random) -> Vec<u16> {
    let number = match random.below(16) {
        0 => random.below(4096) as u16,
        1 => random.pick(csr::ROWS).0,
        _ => random.pick(&recipe.csrs),
    };
    let number = if untouchable(number) { csr::FCSR } else { number };
    let op = random.pick(&[Op::Csrrw, Op::Csrrs, Op::Csrrs, Op::Csrrc, Op::Csrrwi, Op::Csrrsi, Op::Csrrci]);
    let op = if seen_differently(number) { random.pick(&[Op::Csrrw, Op::Csrrwi]) } else { op };
    let read = unwritten(number) || random.once_in(3);
    let (op, rs1) = if read { (random.pick(&[Op::Csrrs, Op::Csrrc]), ZERO) } else { (op, random.register()) };
    let rd = operands::destination(random);
    parcels(&[encode(op, Fields { rd, rs1, imm: i32::from(number), ..Fields::default() })])
}

/// Another address space, with the fences that it needs; or a value that is not supported.
fn translation_unit(random: &mut Random, spaces: &Spaces) -> Vec<u16> {
    let (number, values) = random.pick(&[
        (csr::SATP, &spaces.first),
        (csr::SATP, &spaces.guest),
        (csr::VSATP, &spaces.guest),
        (csr::HGATP, &spaces.second),
    ]);
    let value = random.pick(values) ^ if random.once_in(6) { (random.below(16) as u64) << satp::MODE_SHIFT } else { 0 };
    let mut words = li(T5, value, &mut [0; LI_MAX]).to_vec();
    words.push(csrrw(T6, number, T5));
    words.extend([sfence_vma(ZERO, ZERO), hfence_vvma(ZERO, ZERO), hfence_gvma(ZERO, ZERO)]);
    parcels(&words)
}

/// A new page-table entry, with the fences that it needs. Below M-mode its address means something else.
fn edit(random: &mut Random, spaces: &Spaces) -> Vec<u32> {
    let mut words = li(T5, random.pick(&spaces.loose), &mut [0; LI_MAX]).to_vec();
    words.extend(li(T6, hostile_entry(random), &mut [0; LI_MAX]));
    words.extend([sd(T6, T5, 0), sfence_vma(ZERO, ZERO), hfence_vvma(ZERO, ZERO), hfence_gvma(ZERO, ZERO)]);
    words
}

/// M-mode looks at memory as another mode does ("Memory Privilege in mstatus").
fn other_privilege(random: &mut Random) -> Vec<u32> {
    let fields = mstatus::MPP | mstatus::MPV | mstatus::MPRV;
    let mode = (random.pick(&[0, 1, 3]) << mstatus::MPP_SHIFT) | random.pick(&[0, mstatus::MPV]);
    let mut words = li(T5, fields, &mut [0; LI_MAX]).to_vec();
    words.push(csrrc(ZERO, csr::MSTATUS, T5));
    words.extend(li(T5, mode | mstatus::MPRV, &mut [0; LI_MAX]));
    words.push(csrrs(ZERO, csr::MSTATUS, T5));
    for _ in 0..3 {
        let op = random.pick(&[Op::Ld, Op::Lw, Op::Sd, Op::Sb, Op::AmoaddD, Op::LrW, Op::Fld]);
        words.push(encode(op, operands::fields(random, op)));
    }
    words
}

/// A compressed instruction with random operands; jumps go forward.
fn compressed(random: &mut Random, row: &CompressedRow) -> u16 {
    loop {
        let half = row.matches | random.bits() as u16 & !row.mask;
        let Some(insn) = rv_isa::decode(half.into()) else { return half };
        let jumps = matches!(row.format, CompressedFormat::Jump | CompressedFormat::Branch);
        let pointer = matches!(row.format, CompressedFormat::JumpRegister) || operands::writes_pointer(&insn);
        let wild = if jumps { !(2..=64).contains(&insn.imm) } else { pointer && !random.once_in(16) };
        if !wild {
            return half;
        }
        if matches!(row.format, CompressedFormat::StackAdjust) {
            return crate::campaign::program::NOP;
        }
    }
}
