//! The hardware context switch: who may be interrupted, what the handler finds, what it may not do, and what the guest finds afterwards
//! (manual 6). Eviction, and interrupts at every instruction, take a step at a time: `ha-iov-ext/tests`.

use ha_iov_ext::fields::{hstatus, hveictl, hvslot, sip, suestat, uip, ustatus};
use ha_iov_ext::vei::Context;
use ha_iov_ext::{cause, csr, insn, pte};
use rv_hart::Mode;
use rv_isa::asm::{self, A2, A3, A4, T0, T1, T2, ZERO};
use rv_isa::cause::{ECALL_FROM_U, ILLEGAL_INSTRUCTION, STORE_ACCESS_FAULT};
use rv_isa::fields::{hstatus as hypervisor, mstatus};
use rv_isa::{Isa, csr as standard};

use super::super::pages::{FIRST, GPA, SECOND_LEAVES};
use super::guest::{
    CONTEXT, CONTEXTS, DOM, DRAINING, HANDLER, HANDLER_USCRATCH, INTERRUPT, LOG, SAVE, SEND, SLOT, TAKEN, U_HANDLER,
    VECTOR, WAIT, cites, code_at, context_at, log_base, taken, top, user_sender, words_at,
};
use crate::suite::case::{Case, Level, What};
use crate::suite::layout::record;

const PIR: u64 = 1 << VECTOR;
const USER_VEI: u64 = INTERRUPT | cause::USER_VEI;
/// Registers that the cases set before a take, but for those that sending and waiting use.
const KEPT: [u8; 29] =
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31];
/// `utvec` of a monitor that uses UER.
const MONITOR: u64 = U_HANDLER + 0x400;

/// All cases.
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for mode in [Mode::VS, Mode::VU] {
        cases.extend(takes(mode));
        cases.extend(registers(mode));
        cases.extend(switches(mode));
    }
    cases.extend(entry());
    cases.extend(restrictions());
    cases.extend(handler_traps());
    cases.extend(returns());
    cases.extend(all_or_nothing());
    cases.extend(nesting());
    cases.extend(monitors());
    cases.extend(doorbell_becomes_a_take());
    cases.extend(duties());
    cases
}

/// A guest in `mode` that is interrupted by what M has posted: the context is pending as it starts.
fn interrupted(name: impl Into<String>, section: &'static str, mode: Mode, handler: &[u32], control: u64) -> Case {
    user_sender(name, section, mode, handler)
        .store(context_at(Context::PIR), PIR)
        .set(csr::HVEICTL, control)
        .set(csr::HUCPEND, 1 << CONTEXT)
}

/// What is true after a handler that drained, when the guest goes on.
fn served(case: Case) -> Case {
    let case = case.completes().mem(LOG, top(VECTOR)).mem(LOG + 8, top(VECTOR)).mem(LOG + 16, 0);
    case.mem(context_at(Context::PIR), 0).csr(csr::HVSLOT, 0).csr(csr::HUCPEND, 0)
}

/// D6, D2, rows 1 and 2: a guest is interrupted by posts and by its own sends, where it may be.
fn takes(mode: Mode) -> Vec<Case> {
    let mut cases = Vec::new();
    let dom = u64::from(DOM) << hveictl::DOM_SHIFT;
    let (vse, uve, bank) = (hveictl::VSE, hveictl::UVE, hveictl::BANK);
    for (name, control) in [
        ("BANK=1", vse | uve | bank),
        ("BANK=1, another domain", vse | uve | bank | 7 << hveictl::DOM_SHIFT),
        ("BANK=0, the same domain", vse | uve | dom),
    ] {
        let section = cites!("6.3": "D6" "D2" "H1" "H4" "T4" "row 1" "8.1 codes");
        let case = interrupted(format!("taken: {name}"), section, mode, &DRAINING, control).runs(&WAIT);
        cases.push(served(case).csr(csr::HVEICTL, control));
        if mode == Mode::VS {
            let own = user_sender(format!("its own send: {name}"), section, mode, &DRAINING).set(csr::HVEICTL, control);
            cases.push(served(own.run(SEND).runs(&WAIT)));
        }
    }
    for (name, control, tvm, context_dom) in [
        ("UVE=0", vse | bank, false, DOM),
        ("TVM=1", vse | uve | bank, true, DOM),
        ("BANK=0, another domain", vse | uve | 7 << hveictl::DOM_SHIFT, false, DOM),
        ("BANK=0, no domain", vse | uve, false, DOM),
        ("BANK=0, no domain on both sides", vse | uve, false, 0),
        ("BANK=0, the context without one", vse | uve | dom, false, 0),
        ("a handler active", vse | uve | bank | hveictl::HCSA, false, DOM),
    ] {
        let section = cites!("5.3": "D2" "D3" "row 2" "threat 15" "threat 25" "item 12" "item 15" "H3");
        let case = interrupted(format!("not taken: {name}"), section, mode, &DRAINING, control);
        let [status, ..] = Context { dom: context_dom, ..HANDLER }.encode();
        let case = case.store(context_at(0), status).set(standard::MIDELEG, sip::SVDBP).set(standard::MIE, sip::SVDBP);
        let case = if tvm { case.set(standard::MSTATUS, mstatus::FS | mstatus::TVM) } else { case }.runs(&WAIT);
        cases.push(if control & hveictl::HCSA != 0 {
            case.completes().mem(LOG, 0).csr(csr::HVSLOT, 0).csr(csr::HUCPEND, 1 << CONTEXT)
        } else {
            taken(case, Level::HS, INTERRUPT | cause::DOORBELL).mem(LOG, 0).csr(csr::HVSLOT, SLOT)
        });
    }
    cases
}

/// Stores all registers of a handler to the log, x5 last, and drains.
fn logging() -> Vec<u32> {
    // x31 is the base; its own value is seen as 0 elsewhere.
    let mut words = log_base(31).to_vec();
    words.extend((1..31).map(|register| asm::sd(register, 31, 0x100 + 8 * i32::from(register))));
    words.extend([asm::csrrw(T1, csr::UTOPVEI, ZERO), asm::bne(T1, ZERO, -4), insn::URET]);
    words
}

/// H1, H4, threats 15 and 16: registers are banked and zeroed, and come back whatever the handler does.
fn registers(mode: Mode) -> Vec<Case> {
    let value = |register: u8| 0x0101_0101_0101_0101u64.wrapping_mul(u64::from(register)) ^ 0x5a5a;
    let with_values = |case: Case| KEPT.iter().fold(case, |case, register| case.x(*register, value(*register)));
    let kept = |case: Case, from: &[u8]| from.iter().fold(case, |case, register| case.reg(*register, value(*register)));
    let section = cites!("6.1": "H1" "H4" "threat 15" "threat 16");
    let banked = with_values(interrupted("registers with BANK=1", section, mode, &logging(), TAKEN)).runs(&WAIT);
    let mut banked = kept(banked.completes(), &KEPT).mem(LOG + 0x100 + 16, HANDLER_USCRATCH);
    for register in (1..31u64).filter(|register| *register != 2) {
        banked = banked.mem(LOG + 0x100 + 8 * register, 0);
    }
    for register in KEPT {
        banked = banked.mem(SAVE + 8 * u64::from(register), value(register));
    }
    // Whatever a handler leaves in registers, the guest finds its own.
    let mut spoiling: Vec<u32> = vec![asm::csrrw(T1, csr::UTOPVEI, ZERO), asm::bne(T1, ZERO, -4)];
    spoiling.extend((1..32).map(|register| asm::addi(register, ZERO, 0x7ee)));
    spoiling.push(insn::URET);
    let spoiled =
        with_values(interrupted("registers spoiled with BANK=1", section, mode, &spoiling, TAKEN)).runs(&WAIT);
    // BANK=0: the guest's registers are in the handler's hands.
    let section = cites!("6.1": "H1" "threat 15");
    let control = hveictl::VSE | hveictl::UVE | u64::from(DOM) << hveictl::DOM_SHIFT;
    let shared = with_values(interrupted("registers with BANK=0", section, mode, &logging(), control)).runs(&WAIT);
    let mut shared = shared.completes().mem(SAVE + 8 * 9, 0).store(SAVE + 8 * 9, 0);
    for register in KEPT.into_iter().filter(|register| *register != 31) {
        shared = shared.mem(LOG + 0x100 + 8 * u64::from(register), value(register));
    }
    vec![banked, kept(spoiled.completes(), &KEPT), shared]
}

/// A handler that logs these registers, drains and returns.
fn reading(registers: &[u16]) -> Vec<u32> {
    let mut words = log_base(T0).to_vec();
    for (register, offset) in registers.iter().zip((0x200..).step_by(8)) {
        words.extend([asm::csrrs(T1, *register, ZERO), asm::sd(T1, T0, offset)]);
    }
    words.extend([asm::csrrw(T1, csr::UTOPVEI, ZERO), asm::bne(T1, ZERO, -4), insn::URET]);
    words
}

/// H1, H4: what is swapped is back afterwards, and what is dead is 0; the handler's changes of its own registers are gone.
fn switches(mode: Mode) -> Vec<Case> {
    let mut cases = Vec::new();
    let section = cites!("6.3": "H1" "H4" "H10" "item 9");
    for (control, name) in
        [(TAKEN, "BANK=1"), (TAKEN & !hveictl::BANK | u64::from(DOM) << hveictl::DOM_SHIFT, "BANK=0")]
    {
        for uie in [0, ustatus::UIE] {
            let case =
                interrupted(format!("swapped and put back, {name}, UIE={uie}"), section, mode, &DRAINING, control);
            let case = case.set(csr::UTVEC, MONITOR).set(csr::USCRATCH, 0x1111).set(standard::SSCRATCH, 0x2222);
            let case = case.set(csr::USTATUS, uie).set(csr::HUECTL, 1).runs(&WAIT);
            let case = served(case).csr(csr::UTVEC, MONITOR).csr(csr::USCRATCH, 0x1111).csr(standard::SSCRATCH, 0x2222);
            cases.push(case.csr(standard::SATP, 0).csr(csr::USTATUS, uie));
        }
    }
    let spoil = [
        asm::lui(T0, 0x12345 << 12),
        asm::csrrw(ZERO, csr::UTVEC, T0),
        asm::csrrw(ZERO, csr::USCRATCH, T0),
        asm::csrrw(ZERO, csr::USTATUS, T0),
        asm::csrrw(ZERO, csr::UEPC, T0),
        asm::csrrw(ZERO, csr::UTVAL, T0),
        asm::csrrw(ZERO, csr::UTINST, T0),
        asm::csrrw(ZERO, csr::UIE, T0),
        asm::csrrw(T1, csr::UTOPVEI, ZERO),
        asm::bne(T1, ZERO, -4),
        insn::URET,
    ];
    let section = cites!("6.4": "H4" "A5" "threat 14" "threat 16" "threat 19");
    let spoiled =
        interrupted("what the handler writes to U's registers is not the monitor's", section, mode, &spoil, TAKEN);
    let spoiled = spoiled.set(csr::UTVEC, MONITOR).set(csr::USCRATCH, 0x1111).set(csr::UIE, uip::UVEIP).runs(&WAIT);
    let spoiled =
        spoiled.completes().csr(csr::UTVEC, MONITOR).csr(csr::USCRATCH, 0x1111).csr(csr::UEPC, 0).csr(csr::UTVAL, 0);
    cases.push(spoiled.csr(csr::UTINST, 0).csr(csr::UIE, uip::UVEIP));
    cases
}

/// H1: the state in which the handler starts.
fn entry() -> Vec<Case> {
    let mut cases = Vec::new();
    let section = cites!("6.3": "H1" "A5" "item 9" "threat 4");
    let seen = [
        csr::USTATUS,
        csr::UTVEC,
        csr::USCRATCH,
        csr::UCAUSE,
        csr::UEPC,
        csr::UTVAL,
        csr::UTINST,
        csr::UIE,
        csr::UIP,
        csr::UTOPVEI,
    ];
    let values = [0, U_HANDLER, HANDLER_USCRATCH, USER_VEI, 0, 0, 0, 0, 0, top(VECTOR)];
    for (ne, vector) in [(0, 0), (1, 0), (0, 1)] {
        let name = format!("what a handler sees, NE={ne}, utvec.MODE={vector}");
        let case = interrupted(name, section, Mode::VS, &reading(&seen), TAKEN).set(csr::HUECTL, ne);
        let case =
            case.store(context_at(16), U_HANDLER | vector).set(csr::UIE, uip::UVEIP).set(csr::USTATUS, ustatus::UIE);
        let mut case = case.runs(&WAIT).completes();
        for (index, value) in values.iter().enumerate() {
            let value = if seen[index] == csr::UTVEC { value | vector } else { *value };
            case = case.mem(LOG + 0x200 + 8 * index as u64, value);
        }
        cases.push(case);
    }
    // The state that the kernel sees when the handler calls it.
    for (mode, privilege) in [(Mode::VS, suestat::PP), (Mode::VU, 0)] {
        for (uie, bit) in [(0, 0), (ustatus::UIE, suestat::UIE)] {
            let section = cites!("6.3": "H1" "H5" "threat 14");
            let name = format!("the interrupted state, from {}, UIE={uie}", mode.name());
            let case = interrupted(name, section, mode, &[asm::ecall()], TAKEN).set(csr::USTATUS, uie);
            let case =
                case.set(csr::UTVEC, MONITOR).set(csr::USCRATCH, 0x1111).set(standard::SSCRATCH, 0x2222).runs(&WAIT);
            let case = taken(case, Level::M, ECALL_FROM_U).csr(csr::SUESTAT, suestat::V | privilege | bit);
            let case = case
                .csr(csr::SUTVEC, MONITOR)
                .csr(csr::SUUSCRATCH, 0x1111)
                .csr(csr::SUSCRATCH, 0x2222)
                .csr(csr::SUATP, 0);
            let case =
                case.csr(standard::SATP, FIRST).csr(standard::SSCRATCH, HANDLER.suscratch).csr(csr::HVSLOT, SLOT);
            cases.push(case.csr(csr::HVEICTL, TAKEN | hveictl::HCSA).csr(standard::HGATP, super::guest::HGATP));
        }
    }
    cases
}

/// A5: what a handler may not do; threats 14, 17, 18, 19.
fn restrictions() -> Vec<Case> {
    let mut cases = Vec::new();
    let handler = |name: &str, section, words: &[u32]| {
        let case = interrupted(format!("a handler: {name}"), section, Mode::VS, words, TAKEN);
        case.set(standard::HSTATUS, hstatus::HUR | hypervisor::HU | hypervisor::SPVP).runs(&WAIT)
    };
    let refused = |case: Case| taken(case, Level::M, ILLEGAL_INSTRUCTION).expect(What::Record(record::EPC), U_HANDLER);
    let float: [(&str, u32, Isa); 8] = [
        ("fadd.s", asm::fadd_s(0, 0, 0), Isa::F),
        ("flw", asm::flw(1, 2, 0), Isa::F),
        ("fsw", asm::fsw(1, 2, 0), Isa::F),
        ("fmv.x.w", asm::fmv_x_w(5, 1), Isa::F),
        ("fld", asm::fld(1, 2, 0), Isa::D),
        ("fsd", asm::fsd(1, 2, 0), Isa::D),
        ("frcsr", asm::csrrs(T0, standard::FCSR, ZERO), Isa::F),
        ("fscsr", asm::csrrw(ZERO, standard::FCSR, ZERO), Isa::F),
    ];
    for (name, raw, isa) in float {
        cases.push(refused(handler(name, cites!("1.4": "A5" "threat 17" "duty 5"), &[raw])).needs(isa));
    }
    for (name, raw) in [
        ("hlv.b", asm::hlv_b(T0, 2)),
        ("hlv.d", asm::hlv_d(T0, 2)),
        ("hlvx.wu", asm::hlvx_wu(T0, 2)),
        ("hsv.d", asm::hsv_d(T0, 2)),
    ] {
        cases.push(refused(handler(name, cites!("1.4": "A5" "threat 18" "threat 30"), &[raw])));
    }
    for (name, raw) in [
        ("reads suepc", asm::csrrs(T0, csr::SUEPC, ZERO)),
        ("writes suepc", asm::csrrw(ZERO, csr::SUEPC, T0)),
        ("writes suestat", asm::csrrw(ZERO, csr::SUESTAT, T0)),
        ("writes husave", asm::csrrw(ZERO, csr::HUSAVE, T0)),
        ("writes hveictl", asm::csrrw(ZERO, csr::HVEICTL, T0)),
        ("sends", asm::csrrw(ZERO, csr::VEISEND, T0)),
        ("sret", asm::sret()),
    ] {
        cases.push(refused(handler(name, cites!("1.4": "A3" "threat 14" "threat 10"), &[raw])));
    }
    // sedeleg and sideleg act as 0.
    let section = cites!("1.4": "A5" "H5");
    let trap = handler("its traps are not delegated to U", section, &[asm::ebreak()]).set(csr::SEDELEG, u64::MAX);
    let trap = trap.set(standard::MEDELEG, 1 << 3).set(csr::HUECTL, 1);
    cases.push(taken(trap, Level::HS, 3).expect(What::Record(record::EPC), U_HANDLER).csr(csr::UCAUSE, USER_VEI));
    // Threat 19: interrupts of U that are open for the monitor.
    let section = cites!("1.4": "A5" "threat 19");
    let steals =
        [asm::csrrsi(ZERO, csr::USTATUS, 1), asm::addi(T0, ZERO, 5), asm::csrrs(T1, csr::UIP, ZERO), asm::ecall()];
    let steals = handler("it sets UIE", section, &steals).set(standard::MIDELEG, uip::ALL).set(csr::SIDELEG, uip::ALL);
    let steals = steals.set(standard::MIE, uip::ALL).set(standard::MIP, uip::ALL).set(csr::HUECTL, 1);
    // With HUR the monitor's own interrupt would come before the take: it owns no guest here.
    let steals = steals.set(standard::HSTATUS, 0);
    cases.push(
        taken(steals, Level::M, ECALL_FROM_U).expect(What::Record(record::EPC), U_HANDLER + 12).reg(T1, 0).reg(T0, 5),
    );
    cases
}

/// H5: a trap of a handler is a trap of U.
fn handler_traps() -> Vec<Case> {
    let section = cites!("6.5": "H5" "H6" "duty 1" "threat 33" "item 10b");
    let mut cases = Vec::new();
    for spvp in [0, hypervisor::SPVP] {
        let case =
            interrupted(format!("a call of a handler, SPVP={}", spvp >> 8), section, Mode::VS, &[asm::ecall()], TAKEN);
        let case =
            case.set(standard::HSTATUS, spvp | hypervisor::SPV).set(standard::MEDELEG, 1 << ECALL_FROM_U).runs(&WAIT);
        let case = taken(case, Level::HS, ECALL_FROM_U).expect(What::Record(record::EPC), U_HANDLER);
        let case = case.hstatus(hypervisor::SPV | hypervisor::SPVP | hypervisor::GVA, spvp);
        cases.push(case.status(mstatus::SPP, 0).csr(csr::HVEICTL, TAKEN | hveictl::HCSA));
    }
    // A page fault of a handler is not a guest's: no GPA, no GVA.
    let fault = interrupted("a page fault of a handler", section, Mode::VS, &[asm::ld(T0, ZERO, 0)], TAKEN);
    let fault = fault.set(standard::MEDELEG, 1 << 13).set(standard::HEDELEG, 1 << 13).runs(&WAIT);
    cases.push(taken(fault, Level::HS, 13).tval(0).tval2(0).hstatus(hypervisor::GVA | hypervisor::SPV, 0));
    cases
}

/// T4, H4: URET of a handler goes back to what was interrupted, whatever the handler makes of ustatus and uepc.
fn returns() -> Vec<Case> {
    let mut cases = Vec::new();
    let drain = [asm::csrrw(T1, csr::UTOPVEI, ZERO), asm::bne(T1, ZERO, -4)];
    for status in [ustatus::UPV, ustatus::UPV | ustatus::UPP, ustatus::UPP, ustatus::UIE | ustatus::UPIE] {
        let section = cites!("6.4": "T4" "H4" "threat 14" "item 3");
        let mut words = drain.to_vec();
        words.extend([asm::addi(T0, ZERO, status as i32), asm::csrrw(ZERO, csr::USTATUS, T0), insn::URET]);
        let case = interrupted(format!("ustatus {status:#x} at the return"), section, Mode::VU, &words, TAKEN);
        // In VU: the guest's next call says which mode it is in.
        let case = case.runs(&WAIT).completes().expect(What::Record(record::CAUSE), ECALL_FROM_U);
        cases.push(case.status(mstatus::MPV, mstatus::MPV).csr(csr::UEPC, 0));
    }
    // A handler that doesn't drain: the rest comes again, and nothing is lost.
    let section = cites!("6.4": "H4" "threat 22" "item 14");
    let lazy = [
        log_base(T0)[0],
        log_base(T0)[1],
        asm::ld(T1, T0, 0x80),
        asm::addi(T1, T1, 1),
        asm::sd(T1, T0, 0x80),
        asm::csrrw(ZERO, csr::UTOPVEI, ZERO),
        insn::URET,
    ];
    let case = interrupted("a handler that claims one vector at a time", section, Mode::VS, &lazy, TAKEN);
    let case = case.store(LOG + 0x80, 0).store(context_at(Context::PIR), 0b1011).runs(&WAIT).runs(&WAIT).completes();
    cases.push(case.mem(LOG + 0x80, 3).mem(context_at(Context::PIR), 0).csr(csr::HVSLOT, 0));
    // Sent during the handler by its own guest's posts: ON was cleared at the fill, so the second send notifies again.
    let twice =
        user_sender("two sends, two takes", section, Mode::VS, &lazy).store(LOG + 0x80, 0).set(csr::HVEICTL, TAKEN);
    let twice = twice.run(SEND).runs(&WAIT).run(SEND).runs(&WAIT).completes();
    cases.push(twice.mem(LOG + 0x80, 2).mem(context_at(Context::PIR), 0));
    // Where the return goes is the kernel's word.
    let section = cites!("6.4": "H4" "A5");
    let to_user = user_sender("suestat.V=0: to U at suepc", section, Mode::U, &[asm::ecall()])
        .set(csr::HVEICTL, TAKEN | hveictl::HCSA);
    let to_user = to_user.set(csr::SUESTAT, suestat::UIE).set(csr::SUEPC, U_HANDLER).run(insn::URET);
    let to_user =
        to_user.expect(What::Record(record::EPC), U_HANDLER).expect(What::Record(record::CAUSE), ECALL_FROM_U);
    cases.push(to_user.status(mstatus::MPV, 0).csr(csr::USTATUS, ustatus::UIE).csr(csr::HVEICTL, TAKEN));
    let section = cites!("6.4": "H4" "threat 25");
    let watched = user_sender("with TVM=1 HS must return by software", section, Mode::U, &DRAINING)
        .set(csr::HVEICTL, TAKEN | hveictl::HCSA);
    let watched = watched.set(standard::MSTATUS, mstatus::FS | mstatus::TVM).run(insn::URET);
    cases.push(watched.traps(Level::M, ILLEGAL_INSTRUCTION).csr(csr::HVEICTL, TAKEN | hveictl::HCSA));
    cases
}

/// H2: no register area, no take: a store access fault, and nothing has changed.
fn all_or_nothing() -> Vec<Case> {
    let mut cases = Vec::new();
    let section = cites!("6.3": "H2" "threat 32");
    for (name, area) in [("no memory", 0x1000), ("beyond memory", 0xff_ffff_ff00), ("closed by PMP", SAVE)] {
        for level in [Level::M, Level::HS] {
            let case =
                interrupted(format!("a register area that is {name}"), section, Mode::VS, &DRAINING, TAKEN).x(A3, 0x33);
            let case = case.set(csr::HUSAVE, area).set(csr::UTVEC, MONITOR).set(csr::USCRATCH, 0x1111);
            let case = if area == SAVE { super::guest::closed(case, SAVE) } else { case };
            let case = if level == Level::HS { case.set(standard::MEDELEG, 1 << STORE_ACCESS_FAULT) } else { case };
            let case = taken(case.runs(&WAIT), level, STORE_ACCESS_FAULT).reg(A3, 0x33).mem(LOG, 0);
            let case = case
                .csr(csr::HVEICTL, TAKEN)
                .csr(standard::SATP, 0)
                .csr(csr::UTVEC, MONITOR)
                .csr(csr::USCRATCH, 0x1111);
            cases.push(case.csr(csr::HVSLOT, SLOT).csr(csr::SUTVEC, U_HANDLER));
        }
    }
    cases
}

/// H3, H9: one level; what else is pending comes after the return.
fn nesting() -> Vec<Case> {
    let mut cases = Vec::new();
    let section = cites!("6.6": "H9" "H3" "row 8");
    let other = u64::from(CONTEXT) + 1;
    let second = CONTEXTS + Context::SIZE * other;
    // The handler logs each take's first vector, one behind the other.
    let list = [
        log_base(T0)[0],
        log_base(T0)[1],
        asm::ld(T1, T0, 0x80),
        asm::csrrw(T2, csr::UTOPVEI, ZERO),
        asm::sd(T2, T1, 0),
        asm::addi(T1, T1, 8),
        asm::sd(T1, T0, 0x80),
        asm::csrrw(T2, csr::UTOPVEI, ZERO),
        asm::bne(T2, ZERO, -4),
        insn::URET,
    ];
    let two = |name: &str, words: &[u32]| {
        let case = interrupted(name, section, Mode::VS, words, TAKEN).store(LOG + 0x80, LOG + 0x90);
        case.stores(words_at(second, &HANDLER.encode()))
            .store(second + Context::PIR, 1 << 9)
            .set(csr::HUCPEND, 1 << other)
    };
    let both = two("two contexts, one after the other", &list).runs(&WAIT).runs(&WAIT).completes();
    cases.push(both.mem(LOG + 0x90, top(VECTOR)).mem(LOG + 0x98, top(9)).csr(csr::HVSLOT, 0).csr(csr::HUCPEND, 0));
    let waits =
        taken(two("the second waits while the first runs", &[asm::ecall()]).runs(&WAIT), Level::M, ECALL_FROM_U);
    let waits = waits.csr(csr::HVSLOT, SLOT).csr(csr::HUCPEND, 1 << other).mem(second + Context::PIR, 1 << 9);
    cases.push(waits.expect_masked(What::Csr(standard::MIP), sip::ALL, &[0]));
    cases
}

/// Item 9: HCS over a monitor that uses UER.
fn monitors() -> Vec<Case> {
    let section = cites!("6.3": "item 9" "H1" "U2" "duty 4");
    let call = [asm::csrrs(A3, csr::USCRATCH, ZERO), asm::ecall()];
    let case = interrupted("a redirection after a take", section, Mode::VS, &DRAINING, TAKEN);
    let case = case
        .stores(code_at(MONITOR, &call))
        .store(SECOND_LEAVES, pte::DEVICE)
        .set(standard::MEDELEG, cause::REDIRECTABLE)
        .set(standard::HSTATUS, hstatus::HUR)
        .set(csr::HUEDELEG, cause::REDIRECTABLE)
        .set(csr::HUECTL, 1)
        .set(csr::UTVEC, MONITOR)
        .set(csr::USCRATCH, 0x1111)
        .x(A4, GPA)
        .runs(&WAIT)
        .run(asm::lw(A2, A4, 0));
    let case = case.expect(What::Record(record::EPC), MONITOR + 4).csr(csr::UCAUSE, cause::LOAD_MMIO_GUEST_FAULT);
    let redirected = case.reg(A3, 0x1111).csr(csr::UTVAL, GPA).csr(csr::UTINST, 0x2603).mem(LOG, top(VECTOR));
    // And the other way round: what is posted while the monitor's handler runs waits for the guest, or rings.
    let name = "a take doesn't happen in a redirection handler";
    let section = cites!("5.8": "row 4" "row 5" "D2" "U4");
    let held = user_sender(name, section, Mode::VS, &DRAINING)
        .stores(code_at(
            MONITOR,
            &[asm::addi(T2, ZERO, 100), asm::addi(T2, T2, -1), asm::bne(T2, ZERO, -4), asm::ecall()],
        ))
        .store(SECOND_LEAVES, pte::DEVICE)
        .store(context_at(Context::PIR), PIR)
        .set(csr::HVEICTL, TAKEN & !hveictl::UVE)
        .set(standard::MEDELEG, cause::REDIRECTABLE)
        .set(standard::HSTATUS, hstatus::HUR)
        .set(csr::HUEDELEG, cause::REDIRECTABLE)
        .set(csr::HUECTL, 1)
        .set(csr::UTVEC, MONITOR)
        .set(csr::HUCUR, SLOT)
        .set(csr::HUCPEND, 1 << CONTEXT)
        .x(A4, GPA)
        .run(asm::lw(A2, A4, 0));
    let held = held.expect(What::Record(record::EPC), MONITOR + 12).csr(csr::UCAUSE, cause::LOAD_MMIO_GUEST_FAULT);
    vec![redirected, held.mem(LOG, 0).csr(csr::HVSLOT, SLOT)]
}

/// Row 6: a doorbell that pends in HS turns into a take on the way back to the guest.
fn doorbell_becomes_a_take() -> Vec<Case> {
    let section = cites!("5.8": "row 6" "D3" "D6" "P3" "item 7");
    let case =
        user_sender("a doorbell in HS becomes a take in VS", section, Mode::HS, &DRAINING).set(csr::HVEICTL, TAKEN);
    let case = case.set(standard::MIDELEG, sip::SVDBP).set(standard::MIE, sip::SVDBP).run(SEND).runs(&WAIT);
    // To VS, which calls.
    let status = hypervisor::SPV | hypervisor::SPVP;
    let case =
        case.run(asm::csrrs(A2, standard::SIP, ZERO)).li(A3, status).run(asm::csrrs(ZERO, standard::HSTATUS, A3));
    let case = case.li(A3, mstatus::SPP).run(asm::csrrs(ZERO, standard::SSTATUS, A3));
    let case =
        case.runs(&[asm::auipc(A4, 0), asm::addi(A4, A4, 16), asm::csrrw(ZERO, standard::SEPC, A4), asm::sret()]);
    let case = served(case.runs(&WAIT)).expect(What::Record(record::CAUSE), rv_isa::cause::ECALL_FROM_VS);
    vec![case.expect_masked(What::X(A2), sip::ALL, &[sip::SVDBP])]
}

/// What the kernel's sequences of the manual's chapter 10 do on one hart.
fn duties() -> Vec<Case> {
    let mut cases = Vec::new();
    // Duty 7: a handler is moved away: suppressed, drained, and what was posted is put elsewhere.
    let [first, ..] = HANDLER.encode();
    let other = u64::from(CONTEXT) + 1;
    let second = CONTEXTS + Context::SIZE * other;
    let section = cites!("10": "duty 7" "S7" "D7");
    let case = user_sender("a context is moved with its posts", section, Mode::HS, &DRAINING)
        .stores(words_at(second, &HANDLER.encode()));
    let case = case.run(SEND).runs(&WAIT).li(A2, CONTEXTS).li(A3, first | Context::SN);
    let from = Context::SIZE as i32 * i32::from(CONTEXT);
    let to = from + Context::SIZE as i32;
    let case = case.runs(&[asm::sd(A3, A2, from), asm::fence(0xff), asm::csrrw(ZERO, csr::HVSLOT, ZERO)]);
    let case = case.runs(&[
        asm::csrrw(ZERO, csr::HVEIFENCE, ZERO),
        asm::csrrw(ZERO, csr::HUCPEND, ZERO),
        asm::ld(A3, A2, from + 8),
    ]);
    let case = case.runs(&[asm::sd(ZERO, A2, from + 8), asm::sd(A3, A2, to + 8), asm::fence(0xff)]);
    let case = case.li(A3, hvslot::V | other).run(asm::csrrw(ZERO, csr::HUCUR, A3)).runs(&WAIT).completes();
    cases.push(
        case.csr(csr::HVSLOT, hvslot::V | other).mem(second + Context::PIR, PIR).mem(context_at(Context::PIR), 0),
    );
    // Duty 3: after the unload nothing of the thread's guest is left that U could use.
    let section = cites!("10": "duty 3" "threat 11" "threat 29");
    let unloaded = user_sender("after an unload U can't return to V=1", section, Mode::U, &DRAINING);
    let unloaded =
        unloaded.set(csr::HUECTL, 1).set(csr::USTATUS, ustatus::UPV).set(standard::HSTATUS, 0).run(insn::URET);
    cases.push(unloaded.traps(Level::M, ILLEGAL_INSTRUCTION));
    cases
}
