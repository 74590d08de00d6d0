//! User VEI at its hart: the slot, the plain way, the doorbell (ha-iov 8.6, D1 to D5; 8.9; threats 22, 24, 34 of 8.11).

mod common;

use common::vei::{CONTEXTS, HANDLER_SATP, READY, SSCRATCH, USCRATCH, context, user};
use common::{Bench, CODE, U_HANDLER};
use ha_iov_ext::fields::{huct, huectl, hveictl, hvslot, topvei, uip, ustatus};
use ha_iov_ext::vei::Context;
use ha_iov_ext::{cause, csr};
use rv_hart::{Mode, StepEvent};
use rv_isa::csr as standard;
use rv_isa::fields::{mstatus, satp};

/// Context 4 is posted vector 9, and the hart has had a look at it in M-mode.
fn posted() -> Bench {
    let mut bench = Bench::vei();
    bench.place(4, context());
    bench.map(2, user(4, 9));
    assert_eq!(bench.send(Mode::M, 2), None);
    bench.idle(Mode::M);
    bench
}

/// As [`posted`], and the thread of context 4 is current and takes user VEIs.
fn own() -> Bench {
    let mut bench = posted();
    bench.set(csr::HUCUR, hvslot::V | 4);
    bench.set(csr::HUCPEND, 0);
    bench.set(csr::USTATUS, ustatus::UIE);
    bench.set(csr::UIE, uip::UVEIP);
    bench
}

/// D1: the lowest pending context goes into the slot with its registers, and its ON is cleared.
#[test]
fn d1_the_slot_is_filled() {
    let mut bench = posted();
    assert_eq!(bench.slot(), Some(4));
    assert_eq!(bench.get(csr::HVSLOT) & hvslot::BAD, 0);
    assert_eq!((bench.status(4) & Context::ON, bench.pir(4), bench.get(csr::HUCPEND)), (0, 1 << 9, 0));
    let copies = [csr::SUSCRATCH, csr::SUATP, csr::SUTVEC, csr::SUUSCRATCH].map(|number| bench.get(number));
    assert_eq!(copies, [SSCRATCH, HANDLER_SATP, context().utvec, USCRATCH]);
    bench.place(1, context());
    bench.place(3, context());
    bench.post(1, 1);
    bench.post(3, 1);
    bench.set(csr::HUCPEND, 1 << 3 | 1 << 1);
    bench.idle(Mode::M);
    assert_eq!(bench.slot(), Some(4), "occupied");
    bench.set(csr::HVSLOT, 0);
    bench.idle(Mode::M);
    assert_eq!((bench.slot(), bench.get(csr::HUCPEND)), (Some(1), 1 << 3));
}

/// D1: SN is the hard gate, and nothing posted is nothing to deliver; the bits are consumed. Without a table they wait.
#[test]
fn d1_what_fills_nothing() {
    let mut bench = Bench::vei();
    bench.place(4, context());
    bench.set(csr::HUCPEND, 1 << 4);
    bench.idle(Mode::M);
    assert_eq!((bench.slot(), bench.get(csr::HUCPEND)), (None, 0), "PIR = 0");
    bench.store(CONTEXTS + 4 * 64, context().encode()[0] | Context::SN | Context::ON);
    bench.post(4, 1);
    bench.set(csr::HUCPEND, 1 << 4);
    bench.idle(Mode::M);
    assert_eq!((bench.slot(), bench.get(csr::HUCPEND)), (None, 0), "SN");
    assert_eq!(bench.status(4) & Context::ON, 0);
    bench.set(csr::HUCT, huct::of(CONTEXTS) & !huct::EN);
    bench.set(csr::HUCPEND, 1 << 4);
    bench.idle(Mode::M);
    assert_eq!((bench.slot(), bench.get(csr::HUCPEND)), (None, 1 << 4));
    assert_eq!(bench.counter("uct_void"), 2);
}

/// D1, threat 24: a malformed context is never delivered; the doorbell tells HS.
#[test]
fn d1_bad_contexts_ring_the_bell() {
    let words = context().encode();
    let with = |word: usize, value: u64| {
        let mut words = words;
        words[word] = value;
        words
    };
    let bad = [
        with(0, words[0] & !Context::V),
        with(0, words[0] | 1 << 8),
        with(2, words[2] | 2),
        with(5, 0),
        with(5, HANDLER_SATP & !satp::MODE | 3 << 60),
        with(6, 1),
        with(7, 1 << 63),
    ];
    for words in bad {
        for mode in [Mode::VS, Mode::U] {
            let mut bench = Bench::vei();
            bench.place_raw(4, words);
            bench.post(4, 1);
            bench.set(csr::HUCPEND, 1 << 4);
            bench.set(csr::HUCUR, hvslot::V | 4);
            bench.set(csr::USTATUS, ustatus::UIE);
            bench.set(csr::UIE, uip::UVEIP);
            assert_eq!(bench.idle(mode), StepEvent::Interrupted);
            assert_eq!(bench.outcome(), Some((Mode::HS, 1 << 63 | cause::DOORBELL)), "{words:x?} in {mode:?}");
            assert_eq!(bench.get(csr::HVSLOT), hvslot::V | hvslot::BAD | 4);
        }
    }
}

/// A table that is no memory, or that PMP hides, is a bad context too: HS hears of it.
#[test]
fn d1_an_unreachable_table_is_bad() {
    let mut bench = Bench::vei();
    bench.set(csr::HUCT, huct::of(0x1_0000));
    bench.set(csr::HUCPEND, 1 << 4);
    bench.idle(Mode::M);
    assert_eq!(bench.get(csr::HVSLOT), hvslot::V | hvslot::BAD | 4);
}

/// D5: the thread that runs takes it itself, as N says, at its vector; nothing is swapped.
#[test]
fn d5_plain_delivery() {
    for (utvec, target) in [(U_HANDLER, U_HANDLER), (U_HANDLER | 1, U_HANDLER + 4 * 26)] {
        let mut bench = own();
        bench.set(csr::UTVEC, utvec);
        bench.set(csr::UTVAL, 5);
        assert_eq!(bench.idle(Mode::U), StepEvent::Interrupted);
        assert_eq!((bench.hart.state.mode, bench.hart.state.pc), (Mode::U, target));
        assert_eq!((bench.get(csr::UCAUSE), bench.get(csr::UEPC)), (1 << 63 | 26, CODE));
        assert_eq!((bench.get(csr::UTVAL), bench.get(csr::USTATUS)), (0, ustatus::UPIE));
        assert_eq!((bench.get(standard::SATP), bench.get(csr::SUATP)), (0, HANDLER_SATP), "no swap");
        assert_eq!((bench.slot(), bench.get(csr::UIP)), (Some(4), uip::UVEIP), "level");
        assert_eq!(bench.claim_here(csr::UTOPVEI), topvei::V | 9);
        assert_eq!((bench.slot(), bench.get(csr::UIP)), (None, 0), "drained");
        assert_eq!(bench.claim_here(csr::UTOPVEI), 0);
        assert!(matches!(bench.uret(), StepEvent::Retired { .. }));
        assert_eq!((bench.hart.state.mode, bench.hart.state.pc), (Mode::U, CODE));
        assert!(matches!(bench.step(), StepEvent::Retired { .. }), "nothing is left");
    }
}

/// D5: a handler that doesn't drain is entered again.
#[test]
fn d5_it_is_a_level() {
    let mut bench = own();
    bench.post(4, 1 << 9 | 1 << 60);
    assert_eq!(bench.idle(Mode::U), StepEvent::Interrupted);
    assert_eq!(bench.claim_here(csr::UTOPVEI), topvei::V | 9);
    bench.uret();
    assert_eq!(bench.step(), StepEvent::Interrupted);
    assert_eq!(bench.claim_here(csr::UTOPVEI), topvei::V | 60);
    bench.uret();
    assert!(matches!(bench.step(), StepEvent::Retired { .. }));
    assert_eq!(bench.counter("uvei_plain"), 2);
}

/// D2, `waits`: with interrupts off, or in a redirection handler, the thread will see it later, and HS is not bothered.
#[test]
fn d2_the_own_thread_waits() {
    for (status, enable) in [(0, uip::UVEIP), (ustatus::UIE, 0), (ustatus::UIE | ustatus::UPV, uip::UVEIP)] {
        let mut bench = own();
        bench.set(csr::USTATUS, status);
        bench.set(csr::UIE, enable);
        assert!(matches!(bench.idle(Mode::U), StepEvent::Retired { .. }));
        assert!(!bench.doorbell());
        bench.set(csr::USTATUS, ustatus::UIE);
        bench.set(csr::UIE, uip::UVEIP);
        assert_eq!(bench.idle(Mode::U), StepEvent::Interrupted);
        assert_eq!(bench.hart.state.mode, Mode::U);
    }
}

/// D3, D4, 8.9: foreign threads and HS ring the bell; so does a thread that may not use N, which would never see it.
#[test]
fn d3_the_doorbell() {
    let rings = |bench: &mut Bench| {
        assert_eq!(bench.idle(Mode::U), StepEvent::Interrupted);
        assert_eq!(bench.outcome(), Some((Mode::HS, 1 << 63 | cause::DOORBELL)));
        assert!(bench.doorbell(), "a level");
    };
    let mut foreign = own();
    foreign.set(csr::HUCUR, 0);
    rings(&mut foreign);
    let mut other = own();
    other.set(csr::HUCUR, hvslot::V | 5);
    rings(&mut other);
    let mut off = own();
    off.set(csr::HUECTL, 0);
    rings(&mut off);
}

/// D3 in HS: it pends until SIE; from M it is seen in mip. A return to V=1 makes it vanish into the switch.
#[test]
fn d3_in_hs_it_pends() {
    let mut bench = own();
    assert!(matches!(bench.idle(Mode::HS), StepEvent::Retired { .. }), "SIE=0");
    assert!(bench.doorbell());
    let status = bench.get(standard::SSTATUS);
    bench.set(standard::SSTATUS, status | mstatus::SIE);
    assert_eq!(bench.idle(Mode::HS), StepEvent::Interrupted);
    assert_eq!(bench.outcome(), Some((Mode::HS, 1 << 63 | cause::DOORBELL)));
    bench.hart.state.mode = Mode::M;
    assert!(bench.doorbell());
    bench.hart.state.mode = Mode::VS;
    assert!(!bench.doorbell());
    bench.hart.state.mode = Mode::HS;
    bench.set(csr::HVSLOT, 0);
    assert!(!bench.doorbell(), "claimed by HS");
}

/// WFI in HS ends by a doorbell, SIE or not.
#[test]
fn a_doorbell_wakes_hs() {
    let mut bench = Bench::vei();
    bench.place(4, context());
    bench.post(4, 1);
    assert!(matches!(bench.run(Mode::HS, 0x1050_0073), StepEvent::Retired { .. }));
    assert_eq!(bench.step(), StepEvent::Waiting);
    bench.set(csr::HUCPEND, 1 << 4);
    bench.program(CODE + 4, &[rv_isa::asm::addi(0, 0, 0)]);
    assert!(matches!(bench.step(), StepEvent::Retired { .. }));
}

/// 8.6: hucur looks at what is posted, so that nothing is lost between HS's claim and the thread's turn.
#[test]
fn hucur_re_evaluates() {
    let mut bench = Bench::vei();
    bench.place(4, context());
    bench.set(csr::HUCUR, hvslot::V | 4);
    assert_eq!(bench.get(csr::HUCPEND), 0, "nothing posted");
    bench.post(4, 1);
    bench.set(csr::HUCUR, 4);
    assert_eq!((bench.get(csr::HUCPEND), bench.get(csr::HUCUR)), (0, 0), "V=0 names nobody");
    bench.set(csr::HUCUR, u64::MAX);
    assert_eq!(bench.get(csr::HUCUR), hvslot::V | 63);
    bench.set(csr::HUCUR, hvslot::V | 4);
    assert_eq!(bench.get(csr::HUCPEND), 1 << 4);
}

/// Threats 22 and 34, by the script of 8.6: HS claims, sends only post, and the thread gets everything when its turn comes.
#[test]
fn threat_22_a_claim_and_a_turn() {
    let mut bench = posted();
    bench.idle(Mode::HS);
    assert!(bench.doorbell());
    // HS: SN := 1, then the slot.
    let status = bench.status(4);
    bench.store(CONTEXTS + 4 * 64, status | Context::SN);
    bench.set(csr::HVSLOT, 0);
    bench.map(3, user(4, 11));
    assert_eq!(bench.send(Mode::VS, 3), None);
    assert!(!bench.doorbell(), "no second doorbell");
    assert_eq!((bench.slot(), bench.pir(4)), (None, 1 << 9 | 1 << 11));
    // Its turn: SN := ON := 0, then hucur.
    let status = bench.status(4);
    bench.store(CONTEXTS + 4 * 64, status & !(Context::SN | Context::ON));
    bench.set(csr::HUCUR, hvslot::V | 4);
    bench.set(csr::USTATUS, ustatus::UIE);
    bench.set(csr::UIE, uip::UVEIP);
    assert_eq!(bench.idle(Mode::U), StepEvent::Interrupted);
    assert_eq!((bench.hart.state.mode, bench.hart.state.pc), (Mode::U, U_HANDLER));
    let claimed: Vec<u64> = (0..3).map(|_| bench.claim_here(csr::UTOPVEI)).collect();
    assert_eq!(claimed, [topvei::V | 9, topvei::V | 11, 0]);
}

/// 8.13, 14: many sends, at least one delivery, all vectors seen.
#[test]
fn vectors_coalesce() {
    let mut bench = own();
    bench.set(csr::HVEIFENCE, 0);
    for veirq in 1..=20 {
        bench.map(veirq, user(4, veirq as u8 * 3));
        assert_eq!(bench.send(Mode::HS, veirq), None);
    }
    assert_eq!(bench.idle(Mode::U), StepEvent::Interrupted);
    let mut seen = 0u64;
    loop {
        match bench.claim_here(csr::UTOPVEI) {
            0 => break,
            top => seen |= 1 << (top & topvei::NUMBER),
        }
    }
    assert_eq!(seen, (1..=20).fold(1 << 9, |all, veirq| all | 1 << (veirq * 3)));
    bench.uret();
    // One more may have been posted to the pending map before the drain: it finds nothing.
    assert!(matches!(bench.step(), StepEvent::Retired { .. }));
    assert_eq!(bench.slot(), None);
}

/// utopvei is user state: A1 and A2 hold; without a context it reads 0.
#[test]
fn utopvei_is_guarded() {
    use rv_isa::asm::{A0, ZERO, csrrw};
    let raw = csrrw(A0, csr::UTOPVEI, ZERO);
    for mode in [Mode::VS, Mode::VU] {
        let mut bench = own();
        bench.set(csr::HVEICTL, 0);
        bench.set(standard::MIE, 0);
        assert_eq!(bench.raises(mode, raw).map(|(_, code)| code), Some(22), "{mode:?}");
    }
    let mut off = own();
    off.set(csr::HUECTL, 0);
    off.set(standard::MIE, 0);
    assert_eq!(off.raises(Mode::U, raw), Some((Mode::HS, 2)));
    off.set(csr::HUECTL, huectl::NE);
    off.set(csr::HUCUR, 0);
    off.hart.state.x[10] = 1;
    assert_eq!(off.raises(Mode::U, raw), None);
    assert_eq!((off.hart.state.x[10], off.pir(4)), (0, 1 << 9));
}

/// 8.8: before N's interrupts, which come before the guest's.
#[test]
fn user_vei_comes_before_ns_interrupts() {
    let mut bench = own();
    bench.set(standard::MIDELEG, u64::MAX);
    bench.set(csr::SIDELEG, u64::MAX);
    bench.set(standard::MIE, uip::ALL);
    bench.set(standard::MIP, uip::ALL);
    bench.idle(Mode::U);
    assert_eq!(bench.get(csr::UCAUSE), 1 << 63 | 26);
    bench.claim_here(csr::UTOPVEI);
    bench.uret();
    bench.step();
    assert_eq!(bench.get(csr::UCAUSE), 1 << 63 | 8);
}

/// The plain way has nothing to do with the switch: UVE, BANK, DOM and TVM are not asked.
#[test]
fn plain_delivery_needs_no_switch() {
    let mut bench = own();
    bench.set(csr::HVEICTL, READY & !(hveictl::UVE | hveictl::BANK));
    let status = bench.get(standard::MSTATUS);
    bench.set(standard::MSTATUS, status | mstatus::TVM);
    assert_eq!(bench.idle(Mode::U), StepEvent::Interrupted);
    assert_eq!((bench.hart.state.mode, bench.get(csr::UCAUSE)), (Mode::U, 1 << 63 | 26));
}
