//! The parts of a program that are not random: how it starts, its trap handlers, how it ends.
//!
//! Handlers use t5 and t6 and restore neither, so that they depend on nothing that random code may have changed. They read what a trap wrote,
//! which shows it to whoever compares, and go on behind the instruction. What can't go on so (a fetch that failed, a handler that trapped
//! itself, the end of the code) starts the next context, which M-mode's handler loads from a table.

use rv_hart::{Costs, Hart};
use rv_isa::asm::{T5, T6, ZERO};
use rv_isa::asm::{add, addi, andi, csrrc, csrrs, csrrw, fld, ld, mret, sd, slli, sltiu, sret, srl, srli};
use rv_isa::asm::{ebreak, ecall, hfence_gvma, hfence_vvma, sfence_vma};
use rv_isa::fields::mstatus;
use rv_isa::{Op, csr};

use super::allowed::{own_pace, untouchable};
use super::asm::Asm;
use super::elf::Image;
use super::layout::{
    BOOT, CODE, CODE_SIZE, CONTEXT_SIZE, CONTEXTS, DATA, DATA_PAGES, HANDLERS, HS_HANDLER, MTIMECMP, PAGE, STATE,
    TOHOST, VS_HANDLER,
};
use super::program::{CONTEXT_CSRS, NOP, Program};

/// Initial floating-point registers, behind the handler's variables.
const FLOATS: u64 = STATE + 0x100;
/// M-mode's handler.
const M_HANDLER: u64 = BOOT + 0x8000;
/// Causes of fetches that failed: access fault, page fault, guest-page fault.
const FETCH_FAULTS: u64 = 1 << 1 | 1 << 12 | 1 << 20;

/// The memory image of a program.
pub fn image(program: &Program) -> Image {
    let (boot, exit) = boot(program);
    let mut segments = vec![
        (TOHOST, vec![0; 16]),
        (BOOT, boot),
        (STATE, state(program)),
        (CONTEXTS, contexts(program)),
        (CODE, code(program)),
        (HANDLERS, handlers(program)),
    ];
    let data: Vec<u8> = program.data.iter().flat_map(|value| value.to_le_bytes()).collect();
    segments.push((DATA, data));
    for (address, value) in &program.entries {
        match segments.last_mut() {
            Some((base, bytes)) if *base + bytes.len() as u64 == *address => bytes.extend(value.to_le_bytes()),
            _ => segments.push((*address, value.to_le_bytes().to_vec())),
        }
    }
    segments.retain(|(_, bytes)| !bytes.is_empty());
    Image { segments, entry: BOOT, exit }
}

fn state(program: &Program) -> Vec<u8> {
    let mut words = vec![u64::MAX, 0];
    words.resize(((FLOATS - STATE) / 8) as usize, 0);
    words.extend(&program.floats);
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn contexts(program: &Program) -> Vec<u8> {
    let mut bytes = Vec::new();
    for context in &program.contexts {
        let words = context.csrs.iter().chain([&context.pc, &context.mstatus]).chain(&context.x);
        let start = bytes.len();
        bytes.extend(words.flat_map(|word| word.to_le_bytes()));
        bytes.resize(start + CONTEXT_SIZE as usize, 0);
    }
    bytes
}

fn code(program: &Program) -> Vec<u8> {
    let mut parcels: Vec<u16> = program.code.iter().flatten().copied().collect();
    parcels.resize((CODE_SIZE / 2) as usize, NOP);
    parcels.iter().flat_map(|parcel| parcel.to_le_bytes()).collect()
}

/// Prologue, M-mode's handler and epilogue; and the address of the end.
fn boot(program: &Program) -> (Vec<u8>, u64) {
    let mut asm = Asm::new(BOOT);
    prologue(&mut asm, program);
    let to_dispatch = asm.hole();
    asm.skip_to(M_HANDLER);
    let unfinished = machine_handler(&mut asm, program);
    let dispatch = asm.here();
    asm.fill(to_dispatch, Op::Jal, 0, 0, dispatch);
    for hole in unfinished {
        asm.fill(hole, Op::Bne, T5, ZERO, dispatch);
    }
    let to_epilogue = start_next(&mut asm, program.contexts.len() as u64);
    let end = asm.here();
    asm.fill(to_epilogue, Op::Bge, T6, T5, end);
    let exit = epilogue(&mut asm, program);
    (asm.bytes(), exit)
}

fn prologue(asm: &mut Asm, program: &Program) {
    asm.li(T5, MTIMECMP);
    asm.put(&[addi(T6, ZERO, -1), sd(T6, T5, 0)]);
    asm.li(T6, M_HANDLER);
    asm.put(&[csrrw(ZERO, csr::MTVEC, T6)]);
    asm.li(T6, mstatus::FS);
    asm.put(&[csrrs(ZERO, csr::MSTATUS, T6), csrrw(ZERO, csr::MINSTRET, ZERO)]);
    for (number, value) in &program.setup {
        asm.li(T6, *value);
        asm.put(&[csrrw(ZERO, *number, T6)]);
    }
    asm.li(T5, FLOATS);
    for register in 0..program.floats.len() as u8 {
        asm.put(&[fld(register, T5, 8 * i32::from(register))]);
    }
    for (number, value) in &program.probes {
        asm.li(T6, *value);
        asm.put(&[csrrw(T5, *number, T6), csrrs(T6, *number, ZERO), csrrw(ZERO, *number, T5)]);
    }
}

/// Leaves holes for branches to what follows, taken if t5 is not 0.
fn machine_handler(asm: &mut Asm, program: &Program) -> Vec<u64> {
    asm.li(T6, mstatus::MPRV);
    asm.put(&[csrrc(T6, csr::MSTATUS, T6)]);
    asm.put(&[csr::MTVAL, csr::MTVAL2, csr::MTINST, csr::MCAUSE].map(|number| csrrs(T6, number, ZERO)));
    let interrupt = asm.hole();
    let mut holes = fetch_failed(asm);
    asm.put(&[csrrs(T6, csr::MEPC, ZERO), srli(T5, T6, 16), andi(T5, T5, 1)]);
    holes.push(asm.hole());
    asm.li(T5, STATE);
    asm.put(&[ld(T6, T5, 8), addi(T6, T6, 1), sd(T6, T5, 8), andi(T5, T6, program.patience as i32)]);
    asm.put(&[sltiu(T5, T5, 1)]);
    holes.push(asm.hole());
    skip_instruction(asm, csr::MEPC);
    asm.put(&[mret()]);
    let here = asm.here();
    asm.fill(interrupt, Op::Blt, T6, ZERO, here);
    asm.put(&[csrrs(T6, csr::MEPC, ZERO), csrrw(ZERO, csr::MIE, ZERO), mret()]);
    holes
}

/// With the cause in t6; a hole that is to branch away if t5 is not 0.
fn fetch_failed(asm: &mut Asm) -> Vec<u64> {
    asm.li(T5, FETCH_FAULTS);
    asm.put(&[srl(T5, T5, T6), andi(T5, T5, 1)]);
    vec![asm.hole()]
}

/// Makes `epc` the next multiple of four: the next instruction, or the second half of the one at hand, which then is the next one.
fn skip_instruction(asm: &mut Asm, epc: u16) {
    asm.put(&[csrrs(T6, epc, ZERO), addi(T6, T6, 4), andi(T6, T6, -4), csrrw(ZERO, epc, T6)]);
}

/// Loads the next context, or branches by the hole that it returns (t6 >= t5).
fn start_next(asm: &mut Asm, contexts: u64) -> u64 {
    asm.li(T5, STATE);
    asm.put(&[ld(T6, T5, 0), addi(T6, T6, 1), sd(T6, T5, 0)]);
    asm.li(T5, contexts);
    let done = asm.hole();
    asm.put(&[slli(T6, T6, CONTEXT_SIZE.trailing_zeros() as i32)]);
    asm.li(T5, CONTEXTS);
    asm.put(&[add(T5, T5, T6)]);
    let mut offset = 0;
    let mut next = || {
        offset += 8;
        offset - 8
    };
    for number in CONTEXT_CSRS.iter().chain(&[csr::MEPC, csr::MSTATUS]) {
        asm.put(&[ld(T6, T5, next()), csrrw(ZERO, *number, T6)]);
    }
    asm.put(&[sfence_vma(ZERO, ZERO), hfence_vvma(ZERO, ZERO), hfence_gvma(ZERO, ZERO)]);
    for register in 1..T5 {
        asm.put(&[ld(register, T5, next())]);
    }
    let (t5, t6) = (next(), next());
    asm.put(&[ld(T6, T5, t6), ld(T5, T5, t5), mret()]);
    done
}

/// Reads whatever did not show before, and ends the program.
fn epilogue(asm: &mut Asm, program: &Program) -> u64 {
    let hart = Hart::new(0, 0, super::isa(), Costs::FLAT, Vec::new()).expect("a hart");
    asm.li(T6, mstatus::FS);
    asm.put(&[csrrs(T6, csr::MSTATUS, T6)]);
    let shown = |number: u16| hart.csr_peek(number).is_some() && !own_pace(number) && !untouchable(number);
    for (number, _) in csr::ROWS.iter().filter(|row| shown(row.0)) {
        asm.put(&[csrrs(T6, *number, ZERO)]);
    }
    // An access that an open entry matches in part fails in M-mode too.
    asm.put(&[csrrw(ZERO, csr::PMPCFG0, ZERO), csrrw(ZERO, csr::PMPCFG2, ZERO)]);
    if !program.data.is_empty() {
        dump_data(asm);
    }
    dump_entries(asm, &program.entries);
    asm.li(T5, TOHOST);
    asm.put(&[addi(T6, ZERO, 1), sd(T6, T5, 0)]);
    let exit = asm.here();
    asm.branch(Op::Jal, 0, 0, exit);
    exit
}

fn dump_data(asm: &mut Asm) {
    asm.li(T5, DATA);
    asm.li(1, DATA + DATA_PAGES * PAGE);
    let again = asm.here();
    for offset in (0..2048).step_by(8) {
        asm.put(&[ld(T6, T5, offset)]);
    }
    asm.put(&[addi(T5, T5, 1024), addi(T5, T5, 1024)]);
    asm.branch(Op::Bltu, T5, 1, again);
}

fn dump_entries(asm: &mut Asm, entries: &[(u64, u64)]) {
    let mut base = 0;
    for (address, _) in entries {
        if base == 0 || address - base >= 2048 {
            base = *address;
            asm.li(T5, base);
        }
        asm.put(&[ld(T6, T5, (address - base) as i32)]);
    }
}

/// The end of the code, and the handlers of HS-mode and VS-mode.
fn handlers(program: &Program) -> Vec<u8> {
    let mut asm = Asm::new(HANDLERS);
    asm.put(&[ecall()]);
    asm.branch(Op::Jal, 0, 0, HANDLERS);
    let ask = if program.by_ebreak { ebreak() } else { ecall() };
    let shown = [csr::STVAL, csr::HTVAL, csr::HTINST, csr::HSTATUS, csr::SSTATUS, csr::SCAUSE];
    supervisor_handler(&mut asm, HS_HANDLER, &shown, &[csr::SIE, csr::HIE], ask);
    supervisor_handler(&mut asm, VS_HANDLER, &[csr::STVAL, csr::SSTATUS, csr::SCAUSE], &[csr::SIE], ecall());
    asm.bytes()
}

/// `shown` ends with the cause; an interrupt clears `enables`; what can't go on executes `ask`.
fn supervisor_handler(asm: &mut Asm, at: u64, shown: &[u16], enables: &[u16], ask: u32) {
    asm.skip_to(at);
    let body = at + 0x100;
    for _ in 0..16 {
        asm.branch(Op::Jal, 0, 0, body);
    }
    asm.skip_to(body);
    for number in shown {
        asm.put(&[csrrs(T6, *number, ZERO)]);
    }
    let interrupt = asm.hole();
    let mut holes = fetch_failed(asm);
    asm.put(&[csrrs(T6, csr::SEPC, ZERO), srli(T5, T6, 16), andi(T5, T5, 1)]);
    holes.push(asm.hole());
    asm.put(&[csrrs(T5, csr::SSCRATCH, ZERO), addi(T5, T5, 1), csrrw(ZERO, csr::SSCRATCH, T5)]);
    asm.put(&[andi(T5, T5, 7), sltiu(T5, T5, 1)]);
    holes.push(asm.hole());
    skip_instruction(asm, csr::SEPC);
    asm.put(&[sret()]);
    let here = asm.here();
    for hole in holes {
        asm.fill(hole, Op::Bne, T5, ZERO, here);
    }
    asm.put(&[ask]);
    asm.branch(Op::Jal, 0, 0, here);
    let here = asm.here();
    asm.fill(interrupt, Op::Blt, T6, ZERO, here);
    asm.put(&[csrrs(T6, csr::SEPC, ZERO)]);
    for number in enables {
        asm.put(&[csrrw(ZERO, *number, ZERO)]);
    }
    asm.put(&[sret()]);
}
