//! Fill, doorbell, and plain delivery: what the target does with a user VEI when no guest can be interrupted (manual 5).

use ha_iov_ext::fields::{hveictl, hvslot, sip, uip, ustatus};
use ha_iov_ext::vei::Context;
use ha_iov_ext::{cause, csr};
use rv_hart::Mode;
use rv_isa::asm::{self, A0, A2, A3, A4, A5, ZERO};
use rv_isa::csr as standard;
use rv_isa::fields::mip;

use super::super::pages::FIRST;
use super::guest::{
    CONTEXT, CONTEXTS, DRAINING, HANDLER, HANDLER_USCRATCH, INTERRUPT, LOG, SEND, SLOT, TAKEN, U_HANDLER, VECTOR, WAIT,
    cites, closed, code_at, context_at, enabled, reaches_u, taken, top, user_sender, words_at,
};
use crate::suite::case::{Case, Level, What};
use crate::suite::layout::RECORD;

const PIR: u64 = 1 << VECTOR;
const DOORBELL: u64 = INTERRUPT | cause::DOORBELL;

/// All cases.
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    cases.extend(fills());
    cases.extend(bad_contexts());
    cases.extend(slot_registers());
    cases.extend(doorbells());
    cases.extend(threads());
    cases.extend(claims());
    cases.extend(user_interrupts());
    cases.extend(order());
    cases
}

/// A case with these posts in the context, and its bit of hucpend set last: the hart may fill its slot from then on.
fn posted(name: impl Into<String>, section: &'static str, mode: Mode, status: u64, pir: u64) -> Case {
    let [first, ..] = HANDLER.encode();
    user_sender(name, section, mode, &DRAINING)
        .store(context_at(Context::STATUS), first | status)
        .store(context_at(Context::PIR), pir)
        .set(csr::HUCPEND, 1 << CONTEXT)
}

/// D1: what is filled, and what a fill does.
fn fills() -> Vec<Case> {
    let mut cases = Vec::new();
    let [first, ..] = HANDLER.encode();
    let section = cites!("5.2": "D1" "M4" "threat 34");
    for (name, status, pir, slot) in [
        ("with posts", Context::ON, PIR, SLOT),
        ("with SN=1", Context::ON | Context::SN, PIR, 0),
        ("without posts", Context::ON, 0, 0),
        ("without posts, with SN=1", Context::SN, 0, 0),
    ] {
        let case = posted(format!("a context {name}"), section, Mode::HS, status, pir).runs(&WAIT).completes();
        let case = case.csr(csr::HVSLOT, slot).csr(csr::HUCPEND, 0).mem(context_at(Context::PIR), pir);
        cases.push(case.mem(context_at(Context::STATUS), first | status & !Context::ON));
    }
    let copies = posted("the slot's copies", section, Mode::HS, 0, PIR).runs(&WAIT).completes();
    cases.push(
        copies
            .csr(csr::SUTVEC, U_HANDLER)
            .csr(csr::SUUSCRATCH, HANDLER_USCRATCH)
            .csr(csr::SUSCRATCH, RECORD)
            .csr(csr::SUATP, FIRST),
    );
    let lowest = user_sender("the lowest context first", section, Mode::HS, &DRAINING);
    let lowest = [3u64, 17, 63].into_iter().fold(lowest, |case, index| {
        let at = CONTEXTS + Context::SIZE * index;
        case.stores(words_at(at, &HANDLER.encode())).store(at + Context::PIR, 1)
    });
    let lowest = lowest.set(csr::HUCPEND, 1 << 63 | 1 << 17 | 1 << 3).runs(&WAIT).completes();
    cases.push(lowest.csr(csr::HVSLOT, hvslot::V | 3).csr(csr::HUCPEND, 1 << 63 | 1 << 17));
    let closed = posted("no fill without a table", section, Mode::HS, 0, PIR).set(csr::HUCT, 0);
    let closed = closed.set(csr::HVSLOT, 0).set(csr::HUCPEND, 1 << CONTEXT).runs(&WAIT).completes();
    cases.push(closed.csr(csr::HVSLOT, 0).csr(csr::HUCPEND, 1 << CONTEXT));
    // P3: with SN cleared and a look at PIR, what was posted meanwhile comes.
    let later = posted(
        "what was posted under SN=1 comes with hucur",
        cites!("5.7": "D7" "P3" "threat 22" "M5"),
        Mode::HS,
        Context::SN,
        PIR,
    );
    let later =
        later.runs(&WAIT).x(A2, context_at(0)).li(A3, !(Context::SN | Context::ON)).run(asm::amoand_d(ZERO, A3, A2));
    let later =
        later.li(A4, hvslot::V | u64::from(CONTEXT)).run(asm::csrrw(ZERO, csr::HUCUR, A4)).runs(&WAIT).completes();
    cases.push(later.csr(csr::HVSLOT, SLOT).csr(csr::HUCPEND, 0).needs(rv_isa::Isa::Zaamo));
    cases
}

/// D1, threat 24, item 13: a context that can't be used is loaded as BAD, and rings for the kernel whoever runs.
fn bad_contexts() -> Vec<Case> {
    let mut cases = Vec::new();
    let [first, ..] = HANDLER.encode();
    let section = cites!("5.2": "D1" "D3" "P1" "threat 24" "item 13");
    type Change = (&'static str, u64, u64);
    let list: [Change; 9] = [
        ("not valid", Context::STATUS, first & !Context::V),
        ("suatp Bare", 40, 0x1234),
        ("suatp 0", 40, 0),
        ("suatp of a mode that there is not", 40, 15 << 60 | 1),
        ("a reserved bit of dword 0", 0, first | 1 << 3),
        ("a reserved high bit of dword 0", 0, first | 1 << 40),
        ("a reserved bit of utvec", 16, U_HANDLER | 2),
        ("dword 6", 48, 1),
        ("dword 7", 56, 1 << 63),
    ];
    for (name, offset, value) in list {
        let bad = |mode: Mode, what: &str| {
            let case = user_sender(format!("a bad context, {name}: {what}"), section, mode, &DRAINING);
            let case = case.store(context_at(Context::PIR), PIR).store(context_at(offset), value);
            case.set(csr::HVEICTL, TAKEN).set(csr::HUCPEND, 1 << CONTEXT)
        };
        let pends = bad(Mode::HS, "pends").runs(&WAIT).completes().csr(csr::HVSLOT, SLOT | hvslot::BAD);
        cases.push(pends.expect_masked(What::Csr(standard::MIP), sip::ALL, &[sip::SVDBP]).mem(LOG, 0));
        for mode in [Mode::VS, Mode::U] {
            let rings =
                bad(mode, "rings").set(standard::MIDELEG, sip::SVDBP).set(standard::MIE, sip::SVDBP).runs(&WAIT);
            cases.push(taken(rings, Level::HS, DOORBELL).mem(LOG, 0));
        }
        // Its own thread too: it would never know.
        let own =
            bad(Mode::U, "rings over its own thread").set(standard::MIDELEG, sip::SVDBP).set(standard::MIE, sip::SVDBP);
        let own = enabled(own).set(csr::HUCUR, hvslot::V | u64::from(CONTEXT)).runs(&WAIT);
        cases.push(taken(own, Level::HS, DOORBELL).mem(LOG, 0));
    }
    cases
}

/// What writes of the slot's registers do.
fn slot_registers() -> Vec<Case> {
    let section = cites!("1.1": "8.1 fields" "D1");
    let emptied = posted("0 empties the slot", section, Mode::HS, 0, PIR).runs(&WAIT);
    let emptied = emptied.run(asm::csrrw(A2, csr::HVSLOT, ZERO)).runs(&WAIT).completes();
    let put_back = posted("the slot put back by hucpend", section, Mode::HS, 0, PIR).runs(&WAIT).li(A3, 1 << CONTEXT);
    let put_back = put_back.runs(&[asm::csrrw(A2, csr::HVSLOT, ZERO), asm::csrrs(ZERO, csr::HUCPEND, A3)]).runs(&WAIT);
    let made = user_sender("a slot can't be made by hand", section, Mode::HS, &DRAINING).li(A3, SLOT);
    let made = made.run(asm::csrrw(ZERO, csr::HVSLOT, A3)).completes();
    let section = cites!("5.7": "D7");
    let current = |name: &str, value: u64, pir: u64| {
        let case = user_sender(name, section, Mode::HS, &DRAINING).store(context_at(Context::PIR), pir).li(A3, value);
        case.run(asm::csrrw(ZERO, csr::HUCUR, A3)).runs(&WAIT).completes()
    };
    vec![
        emptied.reg(A2, SLOT).csr(csr::HVSLOT, 0).csr(csr::HUCPEND, 0),
        put_back.completes().reg(A2, SLOT).csr(csr::HVSLOT, SLOT),
        made.csr(csr::HVSLOT, 0),
        current("hucur looks at PIR", SLOT, PIR).csr(csr::HVSLOT, SLOT),
        current("hucur looks at PIR and finds nothing", SLOT, 0).csr(csr::HVSLOT, 0).csr(csr::HUCPEND, 0),
        current("hucur with V=0 looks at nothing", u64::from(CONTEXT), PIR).csr(csr::HVSLOT, 0).csr(csr::HUCPEND, 0),
    ]
}

/// D3, D4: who is told by the doorbell.
fn doorbells() -> Vec<Case> {
    let mut cases = Vec::new();
    let open = |case: Case| case.set(standard::MIDELEG, sip::SVDBP).set(standard::MIE, sip::SVDBP);
    let rung = |case: Case| taken(case, Level::HS, DOORBELL);
    let pending = |case: Case| case.expect_masked(What::Csr(standard::MIP), sip::ALL, &[sip::SVDBP]);
    let send =
        |name: &str, section, mode| user_sender(name, section, mode, &DRAINING).set(csr::HVEICTL, TAKEN).run(SEND);
    let pends = open(send("in HS with SIE=0 it pends", cites!("5.8": "row 6" "D3"), Mode::HS)).runs(&WAIT);
    cases.push(pending(pends.completes()).csr(csr::HVSLOT, SLOT));
    let machine = open(send("in M it pends", cites!("5.8": "row 9" "D3"), Mode::M)).runs(&WAIT);
    cases.push(pending(machine.completes()).csr(csr::HVSLOT, SLOT));
    let wakes = open(send("it ends WFI of HS", cites!("5.8": "row 7" "D3"), Mode::HS)).run(asm::wfi());
    cases.push(wakes.completes().csr(csr::HVSLOT, SLOT));
    let open_hs = open(send("in HS with SIE=1 it is taken", cites!("5.8": "row 6" "D3" "8.1 codes"), Mode::HS));
    cases.push(rung(open_hs.run(asm::csrrsi(ZERO, standard::SSTATUS, 2)).runs(&WAIT)));
    let kept =
        send("not delegated, M takes it", cites!("1.5": "D3"), Mode::HS).set(standard::MIE, sip::SVDBP).runs(&WAIT);
    cases.push(taken(kept, Level::M, DOORBELL));
    let foreign = cites!("5.8": "row 5" "D4" "D3");
    for (name, current) in [("nobody's", 0), ("another context's", hvslot::V | u64::from(CONTEXT + 1))] {
        let case = enabled(posted(format!("a foreign thread, {name}"), foreign, Mode::U, 0, PIR));
        cases.push(rung(open(case.set(csr::HVEICTL, TAKEN).set(csr::HUCUR, current)).runs(&WAIT)).mem(LOG, 0));
    }
    // The level goes away with its reason: emptied, nothing pends.
    let gone = open(send("it goes when the slot is emptied", cites!("5.3": "D3" "P3"), Mode::HS)).runs(&WAIT);
    let gone = gone.runs(&[asm::csrrs(A2, standard::SIP, ZERO), asm::csrrw(ZERO, csr::HVSLOT, ZERO)]).completes();
    cases.push(gone.expect_masked(What::Csr(standard::MIP), sip::ALL, &[0]).expect_masked(
        What::X(A2),
        sip::ALL,
        &[sip::SVDBP],
    ));
    // Nobody may write it.
    let written = open(user_sender("it can't be written", cites!("1.5": "8.1 standard" "D3"), Mode::M, &DRAINING));
    let written = written.li(A2, sip::ALL).run(asm::csrrs(ZERO, standard::MIP, A2)).runs(&WAIT).completes();
    cases.push(written.expect_masked(What::Csr(standard::MIP), sip::ALL, &[0]));
    // Duty 2, "handling SVDB": claim, schedule. Nothing is lost, nothing comes twice.
    let section = cites!("5.7": "D7" "D1" "threat 34" "threat 22");
    let [first, ..] = HANDLER.encode();
    let claim = user_sender("claimed and queued, a thread rings no second time", section, Mode::HS, &DRAINING)
        .run(SEND)
        .runs(&WAIT);
    let claim = claim.li(A2, context_at(0)).li(A3, first | Context::SN).runs(&[asm::sd(A3, A2, 0), asm::fence(0xff)]);
    let claim = claim.runs(&[asm::csrrw(A4, csr::HVSLOT, ZERO), SEND, SEND]).runs(&WAIT).completes();
    let claim = claim.reg(A4, SLOT).csr(csr::HVSLOT, 0).csr(csr::HUCPEND, 0).mem(context_at(Context::PIR), PIR);
    cases.push(claim.expect_masked(What::Csr(standard::MIP), sip::ALL, &[0]));
    cases
}

/// D2, D5: the context's own thread.
fn threads() -> Vec<Case> {
    let mut cases = Vec::new();
    let own = |name: &str, section, status: u64, enable: u64, utvec: u64| {
        let case = posted(name, section, Mode::U, 0, PIR).stores(code_at(U_HANDLER, &[asm::ecall()]));
        let case = case.stores(code_at(U_HANDLER + 4 * cause::USER_VEI, &[asm::ecall()]));
        enabled(case)
            .set(csr::UTVEC, utvec)
            .set(csr::USTATUS, status)
            .set(csr::UIE, enable)
            .set(csr::USCRATCH, 0x4321)
            .set(standard::MIDELEG, sip::SVDBP)
            .set(standard::MIE, sip::SVDBP)
            .set(csr::HUCUR, SLOT)
            .x(A2, 0)
    };
    let section = cites!("5.4": "D5" "D2" "row 3" "8.1 codes");
    let plain = own("its own thread is interrupted", section, ustatus::UIE, uip::UVEIP, U_HANDLER).runs(&WAIT);
    let plain =
        reaches_u(plain, INTERRUPT | cause::USER_VEI).csr(csr::USTATUS, ustatus::UPIE).csr(csr::USCRATCH, 0x4321);
    cases.push(
        plain
            .csr(csr::UTINST, 0)
            .csr(csr::UTVAL, 0)
            .csr(standard::SATP, 0)
            .csr(csr::HVEICTL, hveictl::VSE)
            .csr(csr::HVSLOT, SLOT),
    );
    let vectored = own("vectored", section, ustatus::UIE, uip::UVEIP, U_HANDLER | 1).runs(&WAIT);
    let entry = U_HANDLER + 4 * cause::USER_VEI;
    cases.push(
        vectored
            .expect(What::Record(crate::suite::layout::record::EPC), entry)
            .csr(csr::UCAUSE, INTERRUPT | cause::USER_VEI),
    );
    let section = cites!("5.3": "D2" "row 4" "P3");
    for (name, status, enable) in
        [("UIE=0", 0, uip::UVEIP), ("uie.UVEI=0", ustatus::UIE, 0), ("UPV=1", ustatus::UIE | ustatus::UPV, uip::UVEIP)]
    {
        let waits = own(&format!("its own thread with {name} waits"), section, status, enable, U_HANDLER).runs(&WAIT);
        let waits = waits.run(asm::csrrs(A2, csr::UIP, ZERO)).completes().csr(csr::UCAUSE, 0);
        cases.push(waits.expect_masked(What::X(A2), uip::UVEIP, &[uip::UVEIP]).csr(csr::HVSLOT, SLOT));
    }
    let later = own("what waited comes when UIE is set", section, 0, uip::UVEIP, U_HANDLER).runs(&WAIT);
    let later = later.run(asm::csrrsi(ZERO, csr::USTATUS, 1)).runs(&WAIT);
    cases.push(reaches_u(later, INTERRUPT | cause::USER_VEI));
    let section = cites!("5.3": "D2" "D3" "duty 2" "threat 29" "item 15");
    let closed_ne = own("a thread without NE is foreign", section, ustatus::UIE, uip::UVEIP, U_HANDLER);
    cases.push(taken(closed_ne.set(csr::HUECTL, 0).runs(&WAIT), Level::HS, DOORBELL).csr(csr::UCAUSE, 0));
    // The handler claims, returns, and is not interrupted again.
    let section = cites!("5.5": "D5" "5.5" "T5" "item 14");
    let whole = own("a plain handler, whole", section, ustatus::UIE, uip::UVEIP, U_HANDLER);
    let whole = whole.stores(code_at(U_HANDLER, &DRAINING)).store(context_at(Context::PIR), PIR | 1 << 2).runs(&WAIT);
    let whole = whole.run(asm::addi(A2, ZERO, 77)).completes().reg(A2, 77).mem(LOG, top(2)).mem(LOG + 8, top(2));
    let whole = whole.mem(LOG + 16, top(VECTOR)).csr(csr::HVSLOT, 0).csr(csr::USTATUS, ustatus::UIE | ustatus::UPIE);
    cases.push(whole.mem(context_at(Context::PIR), 0).expect_masked(What::Csr(standard::MIP), sip::ALL, &[0]));
    cases
}

/// utopvei, from where it may be used.
fn claims() -> Vec<Case> {
    let mut cases = Vec::new();
    let section = cites!("5.5": "5.5" "item 14");
    let pir = 1 << 63 | 1 << 12 | 1;
    for mode in [Mode::U, Mode::HS] {
        let of = |name: &str| {
            let case = enabled(posted(name, section, mode, 0, pir)).set(csr::HUCUR, SLOT);
            case.x(A2, 1).x(A3, 1).x(A4, 1).x(A5, 1)
        };
        let claim = |rd: u8| asm::csrrw(rd, csr::UTOPVEI, ZERO);
        let three = of("claims come lowest first").runs(&[claim(A2), claim(A3), claim(A4), claim(A5)]).completes();
        let three = three.reg(A2, top(0)).reg(A3, top(12)).reg(A4, top(63)).reg(A5, 0).mem(context_at(Context::PIR), 0);
        cases.push(three.csr(csr::HVSLOT, 0));
        let two = of("a slot with vectors left stays").runs(&[claim(A2), claim(A3)]).completes();
        cases.push(two.reg(A3, top(12)).mem(context_at(Context::PIR), 1 << 63).csr(csr::HVSLOT, SLOT));
        let looks =
            [asm::csrrs(A2, csr::UTOPVEI, ZERO), asm::csrrc(A3, csr::UTOPVEI, ZERO), asm::csrrsi(A4, csr::UTOPVEI, 0)];
        let look = of("a look claims nothing").runs(&looks).completes().reg(A2, top(0)).reg(A3, top(0)).reg(A4, top(0));
        cases.push(look.mem(context_at(Context::PIR), pir));
        let any = of("the value written doesn't matter")
            .li(A5, u64::MAX)
            .runs(&[asm::csrrw(A2, csr::UTOPVEI, A5), asm::csrrsi(A3, csr::UTOPVEI, 1)]);
        cases.push(any.completes().reg(A2, top(0)).reg(A3, top(12)).mem(context_at(Context::PIR), 1 << 63));
        let nobody = of("no context, nothing to claim").set(csr::HUCUR, 0).run(claim(A2)).completes().reg(A2, 0);
        cases.push(nobody.mem(context_at(Context::PIR), pir));
        let gone = of("contexts that PMP closes read 0").run(claim(A2)).completes().reg(A2, 0);
        cases.push(closed(gone, CONTEXTS).mem(context_at(Context::PIR), pir));
    }
    cases
}

/// D8: N interrupts that delegation leads to U interrupt a guest of the current thread, whatever UIE says.
fn user_interrupts() -> Vec<Case> {
    let mut cases = Vec::new();
    let section = cites!("3": "D8" "PR1");
    for mode in [Mode::VS, Mode::VU] {
        for (bit, code) in [(uip::USIP, 0u64), (uip::UTIP, 4), (uip::UEIP, 8)] {
            for uie in [0, ustatus::UIE] {
                let name = format!("user interrupt {code} over a guest, UIE={uie}");
                let case = super::guest::redirectable(name, section, mode, 0).set(standard::MIDELEG, uip::ALL);
                let case = case.set(csr::SIDELEG, uip::ALL).set(standard::MIE, bit).set(csr::USTATUS, uie);
                let case = reaches_u(case.set(standard::MIP, bit).runs(&WAIT), INTERRUPT | code);
                let upp = if mode == Mode::VS { ustatus::UPP } else { 0 };
                let upie = if uie != 0 { ustatus::UPIE } else { 0 };
                cases.push(case.csr(csr::USTATUS, ustatus::UPV | upp | upie).csr(csr::UTINST, 0).csr(csr::UTVAL, 0));
            }
        }
        for (name, register, value) in
            [("without HUR", standard::HSTATUS, 0), ("without NE", csr::HUECTL, 0), ("disabled", standard::MIE, 0)]
        {
            let case = super::guest::redirectable(format!("a user interrupt over a guest {name}"), section, mode, 0);
            let case = case.set(standard::MIDELEG, uip::ALL).set(csr::SIDELEG, uip::ALL).set(standard::MIE, uip::USIP);
            cases.push(
                case.set(register, value).set(standard::MIP, uip::USIP).runs(&WAIT).completes().csr(csr::UCAUSE, 0),
            );
        }
        let case = super::guest::redirectable("not delegated to U, a user interrupt is HS's", section, mode, 0);
        let case = case.set(standard::MIDELEG, uip::ALL).set(standard::MIE, uip::USIP).set(standard::MIP, uip::USIP);
        cases.push(taken(case.runs(&WAIT), Level::HS, INTERRUPT));
    }
    let order = super::guest::redirectable("external, software, timer", section, Mode::VS, 0);
    let order = order.set(standard::MIDELEG, uip::ALL).set(csr::SIDELEG, uip::ALL).set(standard::MIE, uip::ALL);
    cases.push(reaches_u(order.set(standard::MIP, uip::ALL).runs(&WAIT), INTERRUPT | 8));
    cases
}

/// PR1, P4: interrupts of HS in their order, and before those of U.
fn order() -> Vec<Case> {
    let mut cases = Vec::new();
    let section = cites!("7": "PR1" "P4" "threat 28");
    // Most urgent first; the guest's come behind, as hip has them.
    let order =
        [(9u64, mip::SEIP), (1, mip::SSIP), (5, mip::STIP), (24, sip::SVEIP), (25, sip::SVDBP), (10, mip::VSEIP)];
    for (index, (code, _)) in order.iter().enumerate() {
        let pending = order[index..].iter().fold(0, |bits, (_, bit)| bits | bit);
        let case = user_sender(format!("of {pending:#x} {code} comes first"), section, Mode::HS, &DRAINING);
        let both = ha_iov_ext::vei::MapEntry::encode(super::guest::SUPERVISOR);
        let case = case.stores(words_at(super::guest::entry_at(7), &both)).set(standard::MIDELEG, u64::MAX);
        // Both kinds of VEI are sent; those that must not show are claimed before they can.
        let software = pending & (mip::SEIP | mip::SSIP | mip::STIP);
        let case =
            case.set(standard::MIE, pending).set(standard::MIP, software).set(standard::HVIP, pending & mip::VSEIP);
        let case = case.run(SEND).li(A0, 7).run(SEND).runs(&WAIT);
        let case = case.run(asm::csrrsi(ZERO, standard::SSTATUS, 2)).runs(&WAIT);
        cases.push(taken(case, Level::HS, INTERRUPT | code));
    }
    cases
}
