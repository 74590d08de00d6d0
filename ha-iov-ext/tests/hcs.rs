//! The hardware context switch (ha-iov 8.7; A5 of 8.2, D2 and D6 of 8.6; threats 14 to 20, 25, 28, 30 of 8.11).

mod common;

use common::ORDINARY;
use common::vei::{CONTEXTS, HANDLER, HANDLER_SATP, READY, SAVE, SSCRATCH, SV39_ROOT, USCRATCH, context, user};
use common::{Bench, CODE};
use conformance::HS_HANDLER;
use ha_iov_ext::fields::{hstatus, huectl, husave, hveictl, hvslot, suestat, topvei, uip, ustatus};
use ha_iov_ext::model::{Config, Prices};
use ha_iov_ext::vei::Context;
use ha_iov_ext::{cause, csr, insn};
use rv_hart::{Mode, StepEvent};
use rv_isa::asm::{self, A0, A1, ZERO};
use rv_isa::csr as standard;
use rv_isa::fields::mstatus;

const BOTH: [u64; 2] = [0, hveictl::BANK];

/// A bench about to switch, with the profile `bank`, and with something in every register that is swapped.
fn ready(mode: Mode, bank: u64) -> Bench {
    let mut bench = Bench::about_to_switch(mode);
    bench.set(csr::HVEICTL, hveictl::UVE | bank | 3 << hveictl::DOM_SHIFT);
    bench.set(csr::UTVEC, 0x1230_0000);
    bench.set(csr::USCRATCH, 0x111);
    bench.set(standard::SSCRATCH, 0x222);
    bench.set(csr::UEPC, 0x4440);
    bench.set(csr::UTVAL, 0x555);
    bench.set(csr::USTATUS, ustatus::UIE | ustatus::UPIE | ustatus::UPV | ustatus::UPP);
    for (register, x) in (0..).zip(&mut bench.hart.state.x) {
        *x = register * 0x1001;
    }
    bench
}

/// Everything that the switch touches and must put back.
fn visible(bench: &Bench) -> (Mode, u64, [u64; 32], [u64; 4], u64) {
    let state = &bench.hart.state;
    let numbers = [standard::SATP, standard::SSCRATCH, csr::UTVEC, csr::USCRATCH];
    (state.mode, state.pc, state.x, numbers.map(|number| bench.get(number)), bench.get(csr::USTATUS) & ustatus::UIE)
}

/// Take and return, both profiles, both privileges: all is as it was, a redirecting VMM's state included (8.13, 9).
#[test]
fn there_and_back() {
    for (mode, bank) in [(Mode::VS, 0), (Mode::VU, 0), (Mode::VS, hveictl::BANK), (Mode::VU, hveictl::BANK)] {
        let mut bench = ready(mode, bank);
        let before = visible(&bench);
        assert_eq!(bench.step(), StepEvent::Interrupted);
        let pp = if mode == Mode::VS { suestat::PP } else { 0 };
        assert_eq!((bench.hart.state.mode, bench.hart.state.pc), (Mode::U, HANDLER));
        assert_eq!((bench.get(csr::SUEPC), bench.get(csr::SUESTAT)), (CODE + 4, suestat::V | pp | suestat::UIE));
        let entered = [standard::SATP, standard::SSCRATCH, csr::UTVEC, csr::USCRATCH].map(|number| bench.get(number));
        assert_eq!(entered, [HANDLER_SATP, SSCRATCH, HANDLER, USCRATCH]);
        let dead = [csr::UCAUSE, csr::UEPC, csr::UTVAL, csr::UTINST, csr::USTATUS].map(|number| bench.get(number));
        assert_eq!(dead, [1 << 63 | 26, 0, 0, 0, 0]);
        assert_eq!(bench.get(csr::HVEICTL) & hveictl::HCSA, hveictl::HCSA);
        assert_eq!(bench.claim_here(csr::UTOPVEI), topvei::V | 9);
        assert_eq!((bench.claim_here(csr::UTOPVEI), bench.slot()), (0, Some(4)), "the slot is kept until the return");
        assert!(matches!(bench.uret(), StepEvent::Retired { .. }));
        assert_eq!(visible(&bench), before, "{mode:?}, {bank}");
        assert_eq!((bench.slot(), bench.get(csr::HVEICTL) & hveictl::HCSA), (None, 0));
        assert_eq!(bench.get(csr::USTATUS) & (ustatus::UPV | ustatus::UPP), 0);
        assert!(matches!(bench.idle(mode), StepEvent::Retired { .. }));
        assert_eq!((bench.counter("hcs_takes"), bench.counter("hcs_returns")), (1, 1));
    }
}

/// Threats 15 and 16: with BANK=1 the handler sees its stack pointer and zeros, and what it does to registers is gone.
#[test]
fn threat_15_registers_are_banked_and_zeroed() {
    let mut bench = ready(Mode::VS, hveictl::BANK);
    let guest = bench.hart.state.x;
    bench.step();
    let mut expected = [0; 32];
    expected[2] = USCRATCH;
    assert_eq!(bench.hart.state.x, expected);
    for (register, value) in guest.into_iter().enumerate().skip(1) {
        assert_eq!(bench.load(SAVE + husave::offset(register)), value);
    }
    bench.hart.state.x = [0xbad; 32];
    bench.hart.state.x[0] = 0;
    bench.claim_here(csr::UTOPVEI);
    bench.uret();
    assert_eq!(bench.hart.state.x, guest);
}

/// With BANK=0 registers stay, and only the same trust domain is interrupted; 0 matches nothing (D2; 8.13, 12).
#[test]
fn d2_without_banking_domains_must_match() {
    let mut bench = ready(Mode::VS, 0);
    let guest = bench.hart.state.x;
    bench.step();
    assert_eq!(bench.hart.state.x, guest);
    for (of_context, loaded) in [(3, 4), (0, 0), (3, 0), (0, 3)] {
        let mut bench = Bench::vei();
        bench.place(4, Context { dom: of_context, ..context() });
        bench.post(4, 1);
        bench.set(csr::HUCPEND, 1 << 4);
        bench.set(csr::HVEICTL, hveictl::UVE | loaded << hveictl::DOM_SHIFT);
        assert_eq!(bench.idle(Mode::VS), StepEvent::Interrupted);
        assert_eq!(bench.outcome(), Some((Mode::HS, 1 << 63 | cause::DOORBELL)), "{of_context} {loaded}");
        assert_eq!(bench.get(csr::HVSLOT), hvslot::V | 4, "not bad");
    }
}

/// D2: the off-switches (threat 25: TVM). HS hears instead.
#[test]
fn d2_switched_off_it_is_a_doorbell() {
    let off: [fn(&mut Bench); 2] = [
        |bench| bench.set(csr::HVEICTL, READY & !hveictl::UVE),
        |bench| {
            let status = bench.get(standard::MSTATUS);
            bench.set(standard::MSTATUS, status | mstatus::TVM);
        },
    ];
    for switch_off in off {
        let mut bench = Bench::about_to_switch(Mode::VS);
        switch_off(&mut bench);
        assert_eq!(bench.step(), StepEvent::Interrupted);
        assert_eq!(bench.outcome(), Some((Mode::HS, 1 << 63 | cause::DOORBELL)));
    }
}

/// NE is about the loaded thread; a handler by HCS may use its CSRs and URET whatever it says.
#[test]
fn a_handler_has_n_without_ne() {
    let mut bench = ready(Mode::VS, hveictl::BANK);
    bench.set(csr::HUECTL, 0);
    bench.step();
    assert_eq!(bench.csr_here(csr::UCAUSE), 1 << 63 | 26);
    assert_eq!(bench.claim_here(csr::UTOPVEI), topvei::V | 9);
    assert!(matches!(bench.uret(), StepEvent::Retired { .. }));
    assert_eq!(bench.hart.state.mode, Mode::VS);
}

/// A take that can't bank its registers changes nothing and is an access fault at HS; never the guest's (all or nothing).
#[test]
fn a_take_is_all_or_nothing() {
    for area in [0x1_0000, (1 << 56) - 256] {
        let mut bench = ready(Mode::VS, hveictl::BANK);
        bench.set(csr::HUSAVE, area);
        bench.set(standard::HEDELEG, u64::MAX);
        let (_, pc, x, swapped, enable) = visible(&bench);
        let user = [csr::UEPC, csr::UTVAL, csr::USTATUS].map(|number| bench.get(number));
        assert_eq!(bench.step(), StepEvent::Interrupted);
        assert_eq!(bench.outcome(), Some((Mode::HS, 7)), "store access fault");
        assert_eq!((bench.get(standard::STVAL), bench.get(standard::SEPC)), (area, pc));
        assert_eq!((bench.hart.state.x, bench.get(csr::HVEICTL) & hveictl::HCSA), (x, 0));
        let (_, _, _, now, enabled) = visible(&bench);
        assert_eq!((now, enabled), (swapped, enable));
        assert_eq!([csr::UEPC, csr::UTVAL, csr::USTATUS].map(|number| bench.get(number)), user);
        assert_eq!((bench.slot(), bench.counter("hcs_takes")), (Some(4), 0));
    }
}

/// PMP guards the area in the middle too.
#[test]
fn a_take_checks_the_whole_area() {
    let mut bench = ready(Mode::VS, hveictl::BANK);
    bench.set(standard::PMPADDR0 + 1, u64::MAX);
    bench.set(standard::PMPADDR0, (SAVE + 128) >> 2);
    bench.set(standard::PMPCFG0, 0x1f << 8 | 0x11);
    bench.hart.refresh();
    bench.step();
    assert_eq!(bench.outcome(), Some((Mode::HS, 7)));
    assert_eq!(bench.load(SAVE + 8), 0, "nothing was written");
}

/// So is a return.
#[test]
fn a_return_is_all_or_nothing() {
    let mut bench = ready(Mode::VS, hveictl::BANK);
    bench.step();
    bench.set(csr::HUSAVE, 0x1_0000);
    let x = bench.hart.state.x;
    let pc = bench.hart.state.pc;
    assert_eq!(bench.uret(), StepEvent::Trapped { pc, cause: 5 });
    assert_eq!((bench.hart.state.mode, bench.hart.state.x), (Mode::HS, x));
    assert_eq!(bench.get(standard::SATP), HANDLER_SATP);
    assert_eq!(bench.get(csr::HVEICTL) & hveictl::HCSA, hveictl::HCSA);
}

/// A monitor that set TVM in the meantime sees no hidden write of satp: HS must return by software.
#[test]
fn a_return_honours_tvm() {
    let mut bench = ready(Mode::VS, hveictl::BANK);
    bench.step();
    let status = bench.get(standard::MSTATUS);
    bench.set(standard::MSTATUS, status | mstatus::TVM);
    let pc = bench.hart.state.pc;
    assert_eq!(bench.uret(), StepEvent::Trapped { pc, cause: 2 });
    assert_eq!(bench.get(standard::SATP), HANDLER_SATP);
}

/// What was posted while the handler ran, and not drained, is delivered again after the return; so is what was sent then.
#[test]
fn nothing_is_lost_over_a_return() {
    for bank in BOTH {
        let mut bench = ready(Mode::VS, bank);
        bench.step();
        assert!(matches!(bench.uret(), StepEvent::Retired { .. }), "a lazy handler");
        assert_eq!((bench.hart.state.mode, bench.step()), (Mode::VS, StepEvent::Interrupted));
        assert_eq!(bench.hart.state.pc, HANDLER);
        bench.claim_here(csr::UTOPVEI);
        // Another send arrives before the return.
        bench.post(4, 1 << 20);
        bench.set(csr::HUCPEND, 1 << 4);
        bench.uret();
        assert_eq!(bench.step(), StepEvent::Interrupted);
        assert_eq!(bench.claim_here(csr::UTOPVEI), topvei::V | 20);
    }
}

/// Nesting: one level. A second context waits in hucpend until the first has returned.
#[test]
fn a_second_context_waits() {
    let mut bench = ready(Mode::VS, hveictl::BANK);
    bench.step();
    bench.place(0, context());
    bench.post(0, 1);
    bench.set(csr::HUCPEND, 1);
    assert!(matches!(bench.here(asm::addi(ZERO, ZERO, 0)), StepEvent::Retired { .. }));
    assert_eq!((bench.slot(), bench.get(csr::HUCPEND), bench.doorbell()), (Some(4), 1, false));
    // Not even if HS empties the slot before it ends the handler.
    bench.set(csr::HVSLOT, 0);
    bench.here(asm::addi(ZERO, ZERO, 0));
    assert_eq!((bench.slot(), bench.get(csr::SUEPC)), (None, CODE + 4));
    let control = bench.get(csr::HVEICTL);
    bench.set(csr::HVEICTL, control & !hveictl::HCSA);
    bench.idle(Mode::M);
    assert_eq!(bench.slot(), Some(0));
}

/// A5, threats 17 to 19: no FP state, no guest memory, no U traps, and nothing of the interrupted thread's N state.
#[test]
fn a5_what_a_handler_may_not() {
    let refused = |raw: u32| {
        let mut bench = ready(Mode::VS, hveictl::BANK);
        bench.set(standard::HSTATUS, hstatus::HUR | 1 << 9); // HU
        bench.set(standard::MSTATUS, mstatus::FS);
        bench.step();
        let pc = bench.hart.state.pc;
        assert_eq!(bench.here(raw), StepEvent::Trapped { pc, cause: 2 }, "{raw:#x}");
        assert_eq!((bench.hart.state.mode, bench.hart.state.pc), (Mode::HS, HS_HANDLER));
        assert_eq!(bench.get(standard::HSTATUS) >> 7 & 1, 0, "SPV=0: an ordinary trap from U");
    };
    refused(0x0020_81d3); // fadd.s ft3, ft1, ft2
    refused(0x0005_3087); // fld ft1, (a0)
    refused(0xf000_0053); // fmv.w.x ft0, zero
    refused(asm::csrrs(A0, standard::FFLAGS, ZERO));
    refused(0x6c05_4573); // hlv.d a0, (a0)
    refused(0x6a05_4073 | 3 << 20); // hlvx.wu
    refused(0x6eb5_4073); // hsv.d a1, (a0)
}

/// Before and after, the very same work: the restrictions are the handler's only.
#[test]
fn a5_ends_with_the_handler() {
    let mut bench = ready(Mode::VS, hveictl::BANK);
    bench.set(standard::MSTATUS, mstatus::FS);
    bench.set(standard::VSSTATUS, mstatus::FS);
    bench.step();
    bench.claim_here(csr::UTOPVEI);
    bench.uret();
    assert!(matches!(bench.run(Mode::VS, 0x0020_81d3), StepEvent::Retired { .. }));
    assert!(matches!(bench.run(Mode::U, 0x0020_81d3), StepEvent::Retired { .. }));
}

#[test]
fn a5_veiled_state() {
    let mut bench = ready(Mode::VS, hveictl::BANK);
    bench.set(standard::MIDELEG, u64::MAX);
    bench.set(csr::SIDELEG, u64::MAX);
    bench.set(csr::UIE, uip::ALL | uip::UVEIP);
    bench.set(csr::UTOPVEI, 0);
    bench.post(4, 1 << 9);
    bench.step();
    for number in [csr::UEPC, csr::UTVAL, csr::UTINST, csr::UIE, csr::UIP] {
        assert_eq!(bench.csr_here(number), 0, "{number:#x}");
        bench.hart.state.x[11] = 0x7770;
        assert!(matches!(bench.here(asm::csrrw(ZERO, number, A1)), StepEvent::Retired { .. }));
    }
    assert_eq!(bench.get(csr::UIE), 0, "in the handler");
    bench.hart.state.mode = Mode::HS;
    assert_eq!([csr::UEPC, csr::UTVAL, csr::UTINST].map(|number| bench.get(number)), [0; 3]);
    assert_eq!(bench.get(csr::UIE), uip::ALL | uip::UVEIP, "HS sees it, unchanged");
}

/// A5: exceptions that S delegates to U, and user interrupts, don't reach the handler.
#[test]
fn a5_no_trap_to_u() {
    let mut bench = ready(Mode::VS, hveictl::BANK);
    bench.set(csr::SEDELEG, u64::MAX);
    bench.set(standard::MIDELEG, u64::MAX);
    bench.set(csr::SIDELEG, u64::MAX);
    bench.set(standard::MIE, uip::ALL);
    bench.step();
    bench.set(standard::MIP, uip::ALL);
    bench.set(csr::USTATUS, ustatus::UIE);
    assert!(matches!(bench.here(asm::addi(ZERO, ZERO, 0)), StepEvent::Retired { .. }), "they wait");
    let pc = bench.hart.state.pc;
    assert_eq!(bench.here(asm::ecall()), StepEvent::Trapped { pc, cause: 8 });
    assert_eq!((bench.hart.state.mode, bench.get(standard::SSCRATCH)), (Mode::HS, SSCRATCH), "on its own kernel stack");
}

/// Principle 4, threats 20 and 28: HS's interrupts get in at every instruction of the handler, and sret goes on.
#[test]
fn hs_always_gets_in() {
    for bank in BOTH {
        let mut bench = ready(Mode::VS, bank);
        bench.set(standard::MIDELEG, u64::MAX);
        bench.set(standard::MIE, 1 << 1);
        // The kernel's half of the handler's address space.
        bench.store(SV39_ROOT + 3 * 8, 0x8000_0000 >> 12 << 10 | ORDINARY & !16);
        bench.set(standard::STVEC, HS_HANDLER + (1 << 30));
        bench.program(HS_HANDLER, &[0x1020_0073]);
        let before = visible(&bench);
        bench.step();
        for raw in [asm::csrrw(5, csr::UTOPVEI, ZERO), asm::csrrw(5, csr::UTOPVEI, ZERO), insn::URET] {
            let pc = bench.hart.state.pc;
            bench.program(pc, &[raw]);
            bench.set(standard::MIP, 2);
            assert_eq!(bench.step(), StepEvent::Interrupted);
            assert_eq!((bench.hart.state.mode, bench.hart.state.pc), (Mode::HS, HS_HANDLER + (1 << 30)));
            assert_eq!((bench.get(standard::SCAUSE), bench.get(standard::SEPC)), (1 << 63 | 1, pc));
            bench.set(standard::MIP, 0);
            assert!(matches!(bench.step(), StepEvent::Retired { .. }));
            assert_eq!((bench.hart.state.mode, bench.hart.state.pc), (Mode::U, pc));
            assert!(matches!(bench.step(), StepEvent::Retired { .. }));
        }
        let mut after = visible(&bench);
        if bank == 0 {
            after.2[5] = before.2[5];
        }
        assert_eq!(after, before);
    }
}

/// 8.13, 10: evicted at any instruction with BANK=1, the guest's registers are bit-identical.
#[test]
fn eviction_at_every_instruction() {
    let handler = [
        asm::csrrw(5, csr::UTOPVEI, ZERO),
        asm::addi(6, 5, 77),
        asm::addi(2, 2, -16),
        asm::csrrw(5, csr::UTOPVEI, ZERO),
        insn::URET,
    ];
    for steps in 0..handler.len() {
        let mut bench = ready(Mode::VS, hveictl::BANK);
        let (mode, pc, guest, swapped, enable) = visible(&bench);
        bench.program(HANDLER, &handler);
        bench.step();
        (0..steps).for_each(|_| assert!(matches!(bench.step(), StepEvent::Retired { .. })));
        evict(&mut bench);
        bench.hart.state.mode = Mode::HS;
        assert!(matches!(bench.run(Mode::HS, 0x1020_0073), StepEvent::Retired { .. }));
        assert_eq!(visible(&bench), (mode, pc, guest, swapped, enable), "after {steps}");
        assert_eq!(bench.slot(), None);
    }
}

/// The kernel's part of an eviction, by the steps of 8.7.
fn evict(bench: &mut Bench) {
    let status = bench.status(4);
    bench.store(CONTEXTS + 4 * 64, status | Context::SN);
    for (number, copy) in [
        (standard::SATP, csr::SUATP),
        (standard::SSCRATCH, csr::SUSCRATCH),
        (csr::UTVEC, csr::SUTVEC),
        (csr::USCRATCH, csr::SUUSCRATCH),
    ] {
        let value = bench.get(copy);
        bench.set(number, value);
    }
    for register in 1..32 {
        bench.hart.state.x[register] = bench.load(SAVE + husave::offset(register));
    }
    let (suepc, suestat) = (bench.get(csr::SUEPC), bench.get(csr::SUESTAT));
    bench.set(standard::SEPC, suepc);
    let spp = if suestat & suestat::PP != 0 { mstatus::SPP } else { 0 };
    let status = bench.get(standard::SSTATUS) & !(mstatus::SPP | ustatus::UIE);
    bench.set(standard::SSTATUS, status | spp | suestat & suestat::UIE);
    let hstatus = bench.get(standard::HSTATUS);
    bench.set(standard::HSTATUS, hstatus | 1 << 7);
    let control = bench.get(csr::HVEICTL);
    bench.set(csr::HVEICTL, control & !hveictl::HCSA);
    bench.set(csr::HVSLOT, 0);
}

/// URET with HCSA returns whatever UPV says, and never higher than VS (threat 14: where it returns to is HS's alone).
#[test]
fn threat_14_the_handler_cannot_choose_where_to_return() {
    let mut bench = ready(Mode::VU, hveictl::BANK);
    bench.step();
    bench.hart.state.x[11] = u64::MAX;
    assert!(matches!(bench.here(asm::csrrw(ZERO, csr::USTATUS, A1)), StepEvent::Retired { .. }));
    for number in [csr::SUEPC, csr::SUESTAT, csr::HUSAVE, csr::SUATP, csr::HVEICTL] {
        let mut bench = ready(Mode::VU, hveictl::BANK);
        bench.step();
        let pc = bench.hart.state.pc;
        assert_eq!(bench.here(asm::csrrw(ZERO, number, A1)), StepEvent::Trapped { pc, cause: 2 }, "{number:#x}");
    }
    assert!(matches!(bench.uret(), StepEvent::Retired { .. }));
    assert_eq!((bench.hart.state.mode, bench.hart.state.pc), (Mode::VU, CODE + 4));
}

/// A waiting guest is woken by the switch, and waits on after it if it did.
#[test]
fn a_guest_in_wfi_is_interrupted() {
    let mut bench = Bench::vei();
    bench.place(4, context());
    bench.post(4, 1);
    assert!(matches!(bench.run(Mode::VS, 0x1050_0073), StepEvent::Retired { .. }));
    assert_eq!(bench.step(), StepEvent::Waiting);
    bench.set(csr::HUCPEND, 1 << 4);
    assert_eq!(bench.step(), StepEvent::Interrupted);
    assert_eq!((bench.hart.state.mode, bench.hart.state.pc, bench.get(csr::SUEPC)), (Mode::U, HANDLER, CODE + 4));
}

/// HS's interrupts come before the switch, the guest's after it (8.8).
#[test]
fn priority_of_the_switch() {
    let mut bench = ready(Mode::VS, hveictl::BANK);
    bench.set(standard::MIDELEG, u64::MAX);
    bench.set(standard::MIE, u64::MAX);
    bench.set(standard::HIDELEG, u64::MAX);
    bench.set(standard::VSSTATUS, mstatus::SIE);
    bench.set(standard::HVIP, 4);
    bench.set(standard::MIP, 2 | 4);
    bench.step();
    assert_eq!(bench.outcome(), Some((Mode::HS, 1 << 63 | 1)));
    bench.set(standard::MIP, 4);
    bench.idle(Mode::VS);
    assert_eq!((bench.hart.state.mode, bench.hart.state.pc), (Mode::U, HANDLER));
    bench.claim_here(csr::UTOPVEI);
    bench.uret();
    bench.step();
    assert_eq!(bench.outcome(), Some((Mode::VS, 1 << 63 | 1)));
}

/// The handler runs in its own address space, and the next instruction after the return in the old one.
#[test]
fn the_address_space_changes_with_the_switch() {
    let mut bench = ready(Mode::VS, hveictl::BANK);
    bench.store(0x8006_0000, 0x1234);
    bench.step();
    bench.hart.state.x[10] = 0x8006_0000;
    assert!(matches!(bench.here(asm::ld(A1, A0, 0)), StepEvent::Retired { .. }));
    assert_eq!(bench.hart.state.x[11], 0x1234);
    bench.hart.state.x[10] = 0x4000_0000;
    let pc = bench.hart.state.pc;
    assert_eq!(bench.here(asm::ld(A1, A0, 0)), StepEvent::Trapped { pc, cause: 13 });
}

/// What it costs: the price of security is two times 31 registers.
#[test]
fn costs() {
    let prices = Prices { hcs_swap: 100, hcs_return: 1000, hcs_bank: 10, uct_fetch: 10_000, ..Prices::default() };
    let cost = |bank: u64, by_guest: bool| {
        let mut bench = Bench::with(Config { prices, ..Config::default() }).prepared();
        bench.place(4, context());
        bench.map(2, user(4, 9));
        bench.set(csr::HVEICTL, hveictl::VSE | hveictl::UVE | bank | 3 << hveictl::DOM_SHIFT);
        bench.send(if by_guest { Mode::VS } else { Mode::M }, 2);
        if !by_guest {
            bench.idle(Mode::M);
            bench.hart.state.mode = Mode::VS;
            bench.hart.refresh();
        }
        let before = bench.hart.state.cycles;
        assert_eq!(bench.step(), StepEvent::Interrupted);
        let entered = bench.hart.state.cycles;
        bench.uret();
        [entered - before, bench.hart.state.cycles - entered]
    };
    assert_eq!(cost(0, true), [10_100, 1001], "the guest waits for the context");
    assert_eq!(cost(0, false), [100, 1001], "prepared before");
    assert_eq!(cost(hveictl::BANK, false), [110, 1011]);
}

/// The parts can be switched off: without HCS a user VEI is plain, or a doorbell.
#[test]
fn without_hcs_its_state_is_gone() {
    let mut bench = Bench::with(Config { hcs: false, ..Config::default() });
    bench.set(csr::HVEICTL, u64::MAX);
    assert_eq!(bench.get(csr::HVEICTL), hveictl::VSE);
    for number in [csr::SUSCRATCH, csr::SUTVEC, csr::SUUSCRATCH, csr::SUEPC, csr::SUESTAT, csr::HUSAVE, csr::SUATP] {
        assert_eq!(bench.raises(Mode::HS, asm::csrrs(A0, number, ZERO)), Some((Mode::HS, 2)), "{number:#x}");
    }
    assert_eq!(bench.get(csr::HUECTL), huectl::NE);
}

/// What may be written where.
#[test]
fn fields_are_warl() {
    let mut bench = Bench::new();
    for (number, expected) in [
        (csr::HVEICTL, 0xffff_0107),
        (csr::HVEIDIR, ((1 << 54) - 1) & !0x20e),
        (csr::HUCT, ((1 << 44) - 1) << 10 | 1),
        (csr::HUCUR, 1 << 63 | 63),
        (csr::SUTVEC, !2),
        (csr::SUEPC, !1),
        (csr::SUESTAT, 0x181),
        (csr::HUSAVE, 0x00ff_ffff_ffff_ff00),
        (csr::SUSCRATCH, u64::MAX),
        (csr::VEISEND, 0),
        (csr::HVEIFENCE, 0),
        (csr::HVSLOT, 0),
        (csr::UIE, 1 << 26),
    ] {
        if number != csr::VEISEND {
            bench.set(number, u64::MAX);
        }
        assert_eq!(bench.get(number), expected, "{number:#x}");
    }
    bench.set(csr::SUATP, u64::MAX);
    assert_eq!(bench.get(csr::SUATP), 0, "an unsupported mode");
    bench.set(csr::SUATP, HANDLER_SATP);
    assert_eq!(bench.get(csr::SUATP), HANDLER_SATP);
}
