//! The part that all test programs share: start, trap handlers of three levels, what is put back before each case, and the report.

use rv_isa::asm::{self, A0, A1, A2, A3, A4, RA, S0, S1, T0, T1, T2, T5, T6, ZERO};
use rv_isa::fields::{mstatus, pmpcfg};
use rv_isa::{Isa, IsaSet, csr};

use super::assembler::Assembler;
use super::case::Level;
use super::layout::{RECORD, RESULTS, RUNTIME, TOHOST, record};

/// Addresses of the runtime's routines.
pub struct Runtime {
    /// Puts all CSRs back; returns through ra, and uses t0. From here to the start of a snippet a trap skips its instruction.
    pub reset: u64,
    /// Reports and ends.
    pub finish: u64,
}

/// The UART of most machines with memory at 0x80000000, and its registers.
const UART: u64 = 0x1000_0000;
const LINE_STATUS: i32 = 5;
/// SiFive's test finisher.
const FINISHER: u64 = 0x10_0000;

/// Addresses that the handlers need.
struct Handlers {
    machine: u64,
    supervisor: u64,
    guest: u64,
}

/// The runtime for `cases` cases on a machine with `isa`, and with HA-IOV or without; it goes on at `text`.
pub fn runtime(isa: IsaSet, haiov: bool, cases: u64, text: u64) -> (Runtime, Vec<u8>) {
    let mut a = Assembler::new(RUNTIME);
    let start = a.label();
    a.jump(start);
    a.align(64);
    let (supervisor, supervisor_call) = lower_handler(&mut a, Level::HS, isa);
    let (guest, guest_call) = lower_handler(&mut a, Level::VS, isa);
    let machine = machine_handler(&mut a, isa, [supervisor_call, guest_call]);
    let handlers = Handlers { machine, supervisor, guest };
    let reset = reset(&mut a, isa, haiov, &handlers);
    let finish = finish(&mut a, cases);
    a.bind(start);
    begin(&mut a, text);
    assert!(a.here() <= RECORD, "the runtime has outgrown its place");
    (Runtime { reset, finish }, a.finish())
}

/// Other harts wait for ever.
fn begin(a: &mut Assembler, text: u64) {
    let go = a.label();
    a.emit(asm::csrrs(T0, csr::MHARTID, ZERO));
    a.to(go, |offset| asm::beq(T0, ZERO, offset));
    let park = a.label();
    a.bind(park);
    a.emit(asm::wfi());
    a.jump(park);
    a.bind(go);
    a.li(T0, RECORD);
    a.emit(asm::sd(ZERO, T0, record::FAILED));
    a.far_jump(ZERO, T0, text);
}

/// M-mode's handler: all registers to the record, and the trap unless a lower handler recorded it already.
fn machine_handler(a: &mut Assembler, isa: IsaSet, calls: [u64; 2]) -> u64 {
    a.align(64);
    let handler = a.here();
    a.emit(asm::csrrw(T6, csr::MSCRATCH, T6));
    // The record's address is the mask of MPRV.
    a.emit(asm::csrrc(ZERO, csr::MSTATUS, T6));
    for register in 1..31 {
        a.emit(asm::sd(register, T6, record::X + 8 * i32::from(register)));
    }
    a.emit(asm::csrrw(T5, csr::MSCRATCH, T6));
    a.emit(asm::sd(T5, T6, record::X + 8 * 31));
    let (known, skip) = (a.label(), a.label());
    a.emit(asm::csrrs(T0, csr::MEPC, ZERO));
    for call in calls {
        a.li(T1, call);
        a.to(known, |offset| asm::beq(T0, T1, offset));
    }
    a.emit(asm::sd(T0, T6, record::EPC));
    a.li(T0, Level::M as u64);
    a.emit(asm::sd(T0, T6, record::LEVEL));
    let mut fields = vec![(csr::MCAUSE, record::CAUSE), (csr::MTVAL, record::TVAL), (csr::MSTATUS, record::STATUS)];
    if isa.has(Isa::H) {
        fields.extend([(csr::MTVAL2, record::TVAL2), (csr::MTINST, record::TINST)]);
    }
    for (number, place) in fields {
        a.emit(asm::csrrs(T0, number, ZERO));
        a.emit(asm::sd(T0, T6, place));
    }
    a.bind(known);
    a.emit(asm::ld(T0, T6, record::CONTINUE));
    a.to(skip, |offset| asm::beq(T0, ZERO, offset));
    a.emit(asm::jalr(ZERO, T0, 0));
    // No case runs: the machine lacks a CSR that is put back, and goes on without.
    a.bind(skip);
    a.emit(asm::csrrs(T0, csr::MEPC, ZERO));
    a.emit(asm::addi(T0, T0, 4));
    a.emit(asm::csrrw(ZERO, csr::MEPC, T0));
    a.emit(asm::mret());
    handler
}

/// The handler of HS or VS records the trap, and calls M-mode. Its address, and that of the call.
fn lower_handler(a: &mut Assembler, level: Level, isa: IsaSet) -> (u64, u64) {
    a.align(64);
    let handler = a.here();
    a.emit(asm::csrrw(T6, csr::SSCRATCH, T6));
    a.emit(asm::sd(T5, T6, record::SPARE));
    a.li(T5, level as u64);
    a.emit(asm::sd(T5, T6, record::LEVEL));
    let mut fields = vec![
        (csr::SCAUSE, record::CAUSE),
        (csr::SEPC, record::EPC),
        (csr::STVAL, record::TVAL),
        (csr::SSTATUS, record::STATUS),
    ];
    if level == Level::HS && isa.has(Isa::H) {
        fields.extend([(csr::HTVAL, record::TVAL2), (csr::HTINST, record::TINST), (csr::HSTATUS, record::HSTATUS)]);
    }
    for (number, place) in fields {
        a.emit(asm::csrrs(T5, number, ZERO));
        a.emit(asm::sd(T5, T6, place));
    }
    a.emit(asm::ld(T5, T6, record::SPARE));
    a.emit(asm::csrrw(T6, csr::SSCRATCH, T6));
    let call = a.here();
    a.emit(asm::ecall());
    (handler, call)
}

/// All CSRs as every case finds them: nothing delegated, nothing enabled but floating point and counters, no translation, memory open.
fn reset(a: &mut Assembler, isa: IsaSet, haiov: bool, handlers: &Handlers) -> u64 {
    a.align(64);
    let reset = a.here();
    a.li(T0, RECORD);
    a.emit(asm::sd(ZERO, T0, record::CONTINUE));
    // Not FS alone: writes of the whole register would touch fields that are none of this program's business.
    let volatile =
        mstatus::SIE | mstatus::MIE | mstatus::SPIE | mstatus::MPIE | mstatus::SPP | mstatus::MPP | mstatus::MPRV;
    let volatile = volatile
        | mstatus::SUM
        | mstatus::MXR
        | mstatus::TVM
        | mstatus::TW
        | mstatus::TSR
        | mstatus::GVA
        | mstatus::MPV;
    a.li(T0, volatile);
    a.emit(asm::csrrc(ZERO, csr::MSTATUS, T0));
    a.li(T0, mstatus::FS);
    a.emit(asm::csrrs(ZERO, csr::MSTATUS, T0));
    for (needed, number, value) in standing(handlers) {
        if isa.contains(needed) {
            a.set_csr(number, value, T0);
        }
    }
    if haiov {
        extension(a, isa);
    }
    a.li(T0, RECORD);
    for field in (record::LEVEL..record::CONTINUE).step_by(8) {
        a.emit(asm::sd(ZERO, T0, field));
    }
    a.emit(asm::sfence_vma(ZERO, ZERO));
    if isa.has(Isa::H) {
        a.emit(asm::hfence_gvma(ZERO, ZERO));
        a.emit(asm::hfence_vvma(ZERO, ZERO));
    }
    a.emit(asm::jalr(ZERO, RA, 0));
    reset
}

/// HA-IOV as after reset: nothing enabled, nothing pending.
fn extension(a: &mut Assembler, isa: IsaSet) {
    use ha_iov_ext::csr;
    // No table first: nothing fills the slot any more.
    let registers = [
        csr::HUCT,
        csr::HVEICTL,
        csr::HVEIDIR,
        csr::HUCPEND,
        csr::HVSLOT,
        csr::HUCUR,
        csr::HVEIFENCE,
        csr::HUECTL,
        csr::HUEDELEG,
        csr::SEDELEG,
        csr::SIDELEG,
        csr::USTATUS,
        csr::UIE,
        csr::UTVEC,
        csr::USCRATCH,
        csr::UEPC,
        csr::UCAUSE,
        csr::UTVAL,
        csr::UTINST,
        csr::SUSCRATCH,
        csr::SUTVEC,
        csr::SUUSCRATCH,
        csr::SUEPC,
        csr::SUESTAT,
        csr::SUATP,
        csr::HUSAVE,
    ];
    for register in registers {
        a.emit(asm::csrrw(ZERO, register, ZERO));
    }
    if isa.has(Isa::Ssstateen) {
        a.set_csr(rv_isa::csr::SSTATEEN0, u64::MAX, T0);
    }
    // What is on its way arrives within this time.
    let wait = a.label();
    a.li(T0, 100);
    a.bind(wait);
    a.emit(asm::addi(T0, T0, -1));
    a.to(wait, |offset| asm::bne(T0, ZERO, offset));
    a.emit(asm::csrrw(ZERO, csr::HUCPEND, ZERO));
    // No case leaves more of them than this.
    for _ in 0..8 {
        a.emit(asm::csrrw(ZERO, csr::STOPVEI, ZERO));
    }
}

/// CSRs and their values before each case, with the extensions that bring them.
fn standing(handlers: &Handlers) -> Vec<(IsaSet, u16, u64)> {
    let base = IsaSet::EMPTY;
    let with = |isa| IsaSet::EMPTY.with(isa);
    let h = with(Isa::H);
    let open = u64::from(pmpcfg::A_NAPOT | pmpcfg::R | pmpcfg::W | pmpcfg::X);
    let mut all = vec![
        (base, csr::MTVEC, handlers.machine),
        (base, csr::MSCRATCH, RECORD),
        (base, csr::STVEC, handlers.supervisor),
        (base, csr::SSCRATCH, RECORD),
        (base, csr::MEDELEG, 0),
        (base, csr::MIDELEG, 0),
        (base, csr::MIE, 0),
        (base, csr::MIP, 0),
        (base, csr::SATP, 0),
        // henvcfg can be cleared only where menvcfg is set.
        (base, csr::MENVCFG, u64::MAX),
        (h, csr::HENVCFG, 0),
        (base, csr::MENVCFG, 0),
        (base, csr::SENVCFG, 0),
        (base, csr::MCOUNTEREN, u64::MAX),
        (base, csr::SCOUNTEREN, u64::MAX),
        (base, csr::MCOUNTINHIBIT, 0),
        (with(Isa::F), csr::FCSR, 0),
    ];
    for index in 0..4 {
        all.push((with(Isa::Smstateen), csr::MSTATEEN0 + index, u64::MAX));
        all.push((h.with(Isa::Ssstateen), csr::HSTATEEN0 + index, u64::MAX));
    }
    let (machine, supervisor) = (with(Isa::Smaia), with(Isa::Ssaia));
    for select in (0x30..0x40).step_by(2) {
        all.extend([(machine, csr::MISELECT, select), (machine, csr::MIREG, 0)]);
        all.extend([(supervisor, csr::SISELECT, select), (supervisor, csr::SIREG, 0)]);
    }
    all.extend([machine].iter().flat_map(|isa| [csr::MVIEN, csr::MVIP, csr::MISELECT].map(|number| (*isa, number, 0))));
    all.push((supervisor, csr::SISELECT, 0));
    let guest = [csr::HVIEN, csr::HVICTL, csr::HVIPRIO1, csr::HVIPRIO2, csr::VSISELECT, csr::VSIE];
    all.extend(guest.map(|number| (supervisor.with(Isa::H), number, 0)));
    // The last entry opens all memory; the others are for the cases.
    all.push((base, csr::PMPCFG0, 0));
    all.push((base, csr::PMPADDR0 + 15, u64::MAX));
    all.push((base, csr::PMPCFG2, open << 56));
    all.extend([
        (h, csr::VSTVEC, handlers.guest),
        (h, csr::VSSCRATCH, RECORD),
        (h, csr::HSTATUS, 0),
        (h, csr::HEDELEG, 0),
        (h, csr::HIDELEG, 0),
        (h, csr::HVIP, 0),
        (h, csr::HIE, 0),
        (h, csr::HTVAL, 0),
        (h, csr::HTINST, 0),
        (h, csr::HGATP, 0),
        (h, csr::HCOUNTEREN, u64::MAX),
        (h, csr::HTIMEDELTA, 0),
        (h, csr::VSATP, 0),
        (h, csr::VSSTATUS, mstatus::FS),
    ]);
    all
}

/// Prints a line for each case that failed (`F number check value`, in hexadecimal) and one at the end (`E cases failed`), and ends the run
/// by all means there are.
fn finish(a: &mut Assembler, cases: u64) -> u64 {
    let (print, number) = (a.label(), a.label());
    putc(a, print);
    print_number(a, number, print);
    a.align(64);
    let finish = a.here();
    a.li(S0, 0);
    a.li(S1, 0);
    a.li(A2, cases);
    let (each, good, over) = (a.label(), a.label(), a.label());
    a.bind(each);
    a.to(over, |offset| asm::beq(S0, A2, offset));
    a.emit(asm::slli(A3, S0, 4));
    a.li(A4, RESULTS);
    a.emit(asm::add(A3, A3, A4));
    a.emit(asm::ld(A4, A3, 0));
    a.li(T0, 1);
    a.to(good, |offset| asm::beq(A4, T0, offset));
    a.emit(asm::addi(S1, S1, 1));
    say(a, print, b'F');
    for source in [S0, A4] {
        a.emit(asm::addi(A0, source, 0));
        a.to(number, |offset| asm::jal(RA, offset));
    }
    a.emit(asm::ld(A0, A3, 8));
    a.to(number, |offset| asm::jal(RA, offset));
    say(a, print, b'\n');
    a.bind(good);
    a.emit(asm::addi(S0, S0, 1));
    a.jump(each);
    a.bind(over);
    say(a, print, b'E');
    for source in [S0, S1] {
        a.emit(asm::addi(A0, source, 0));
        a.to(number, |offset| asm::jal(RA, offset));
    }
    say(a, print, b'\n');
    end(a);
    finish
}

/// Writes 1, or twice the number of failures and 1, to tohost; and if that ends nothing, tells the finisher.
fn end(a: &mut Assembler) {
    let failed = a.label();
    a.emit(asm::slli(T0, S1, 1));
    a.emit(asm::ori(T0, T0, 1));
    a.li(T1, TOHOST);
    a.emit(asm::sd(T0, T1, 0));
    a.emit(asm::fence(0xff));
    let wait = a.label();
    a.li(T2, 200_000);
    a.bind(wait);
    a.emit(asm::addi(T2, T2, -1));
    a.to(wait, |offset| asm::bne(T2, ZERO, offset));
    a.li(T1, FINISHER);
    a.li(T0, 0x5555);
    a.to(failed, |offset| asm::beq(S1, ZERO, offset));
    a.li(T0, 0x1_3333);
    a.bind(failed);
    a.emit(asm::sw(T0, T1, 0));
    let spin = a.label();
    a.bind(spin);
    a.jump(spin);
}

/// Prints the character `byte`.
fn say(a: &mut Assembler, print: super::assembler::Label, byte: u8) {
    a.li(A0, byte.into());
    a.to(print, |offset| asm::jal(RA, offset));
}

/// The routine that prints a0; it uses t0 and t1.
fn putc(a: &mut Assembler, print: super::assembler::Label) {
    a.align(64);
    a.bind(print);
    let wait = a.label();
    a.li(T0, UART);
    a.bind(wait);
    a.emit(asm::lbu(T1, T0, LINE_STATUS));
    a.emit(asm::andi(T1, T1, 0x20));
    a.to(wait, |offset| asm::beq(T1, ZERO, offset));
    a.emit(asm::sb(A0, T0, 0));
    a.emit(asm::jalr(ZERO, RA, 0));
}

/// The routine that prints a space and a0 in 16 hexadecimal digits; it uses a1, t2, t5, t6.
fn print_number(a: &mut Assembler, number: super::assembler::Label, print: super::assembler::Label) {
    a.align(64);
    a.bind(number);
    a.emit(asm::addi(T6, RA, 0));
    a.emit(asm::addi(A1, A0, 0));
    say(a, print, b' ');
    a.li(T2, 64);
    let (each, digit) = (a.label(), a.label());
    a.bind(each);
    a.emit(asm::addi(T2, T2, -4));
    a.emit(asm::srl(A0, A1, T2));
    a.emit(asm::andi(A0, A0, 15));
    a.li(T5, 10);
    a.emit(asm::addi(A0, A0, b'0'.into()));
    a.emit(asm::addi(T5, T5, b'0'.into()));
    a.to(digit, |offset| asm::blt(A0, T5, offset));
    a.emit(asm::addi(A0, A0, i32::from(b'a' - b'0' - 10)));
    a.bind(digit);
    a.to(print, |offset| asm::jal(RA, offset));
    a.to(each, |offset| asm::bne(T2, ZERO, offset));
    a.emit(asm::jalr(ZERO, T6, 0));
}
