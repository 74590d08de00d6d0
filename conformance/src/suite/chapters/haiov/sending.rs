//! VEI: what a send looks up, what is a miss, what is posted, and the claim of supervisor VEIs (manual 4).

use ha_iov_ext::fields::{huct, hveictl, hveidir, hveifence, sip};
use ha_iov_ext::vei::{Context, DirectoryEntry, MapEntry, Target};
use ha_iov_ext::{cause, csr};
use rv_hart::Mode;
use rv_isa::asm::{self, A0, A1, A2, A3, A4, A5, ZERO};
use rv_isa::csr as standard;
use rv_isa::fields::{hstatus, mstatus};

use super::super::pages::SECOND;
use super::guest::{
    CONTEXT, CONTEXTS, DIRECTORY, DIRECTORY_ENTRY, DRAINING, HGATP, INTERRUPT, MAP, MAP_LOG2, SEND, SLOT, SUPERVISOR,
    USER, VECTOR, VEIID, VEIRQ, VMID, WAIT, cites, closed, context_at, entry_at, sender, taken, top, user_sender,
    words_at,
};
use crate::suite::case::{Case, Level, What};

const MISS: u64 = cause::VEI_MAP_MISS;

/// All cases.
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    cases.extend(hits());
    cases.extend(misses());
    cases.extend(miss_traps());
    cases.extend(bad_entries());
    cases.extend(identity());
    cases.extend(claims());
    cases.extend(posts());
    cases.extend(caching());
    cases.extend(looked_at_anew());
    cases.extend(limits());
    cases
}

/// Every VEIID, and the interrupt that it raises.
fn hits() -> Vec<Case> {
    let mut cases = Vec::new();
    for veiid in 0..64 {
        let entry = MapEntry { target: Target::Supervisor { veiid }, ..SUPERVISOR };
        let case =
            sender(format!("supervisor VEI {veiid}"), cites!("4.4": "S4" "S1" "8.1 codes"), Mode::HS, entry.encode());
        let case = case.run(SEND).runs(&WAIT).completes().csr(csr::STOPVEI, top(veiid));
        cases.push(case.expect_masked(What::Csr(standard::MIP), sip::ALL, &[sip::SVEIP]));
    }
    let section = cites!("4.4": "S4" "row 1" "P3");
    for (name, mideleg, level) in [("to HS", sip::SVEIP, Level::HS), ("to M, not delegated", 0, Level::M)] {
        for mode in [Mode::VS, Mode::HS] {
            let case = sender(format!("supervisor VEI taken {name}"), section, mode, SUPERVISOR.encode());
            let case = case.set(standard::MIDELEG, mideleg).set(standard::MIE, sip::SVEIP).run(SEND);
            let open = if mideleg == 0 || mode.virt() { None } else { Some(asm::csrrsi(ZERO, standard::SSTATUS, 2)) };
            let case = open.into_iter().fold(case, Case::run).runs(&WAIT);
            cases.push(taken(case, level, INTERRUPT | cause::SUPERVISOR_VEI));
        }
    }
    let pends = sender("supervisor VEI pends with SIE=0", cites!("5.8": "row 6" "S4"), Mode::HS, SUPERVISOR.encode());
    let pends = pends.set(standard::MIDELEG, sip::SVEIP).set(standard::MIE, sip::SVEIP).run(SEND).runs(&WAIT);
    cases.push(pends.completes().csr(csr::STOPVEI, top(VEIID)));
    let machine = sender("supervisor VEI pends in M", cites!("5.8": "row 9" "S4"), Mode::M, SUPERVISOR.encode());
    let machine = machine.set(standard::MIDELEG, sip::SVEIP).set(standard::MIE, sip::SVEIP).run(SEND).runs(&WAIT);
    cases.push(machine.completes().expect_masked(What::Csr(standard::MIP), sip::ALL, &[sip::SVEIP]));
    let wakes = sender("supervisor VEI ends WFI", cites!("5.8": "row 7" "S4"), Mode::HS, SUPERVISOR.encode());
    let wakes = wakes.set(standard::MIDELEG, sip::SVEIP).set(standard::MIE, sip::SVEIP).run(SEND).run(asm::wfi());
    cases.push(wakes.completes());
    cases
}

/// A change of what is prepared, under which the send is a miss.
type Change = fn(Case) -> Case;

fn misses() -> Vec<Case> {
    let mut cases = Vec::new();
    let list: [(&str, Change); 16] = [
        ("no directory", |case| case.set(csr::HVEIDIR, hveidir::of(DIRECTORY, 4) & !hveidir::EN)),
        ("a VMID beyond the directory", |case| case.set(csr::HVEIDIR, hveidir::of(DIRECTORY, 2))),
        ("a VM without a map", |case| case.store(DIRECTORY + 8 * VMID, DIRECTORY_ENTRY & !1)),
        ("VEIRQ 0", |case| case.stores(words_at(entry_at(0), &SUPERVISOR.encode())).x(A0, 0)),
        ("a VEIRQ beyond the map", |case| beyond(case, 1 << MAP_LOG2)),
        ("a VEIRQ with high bits", |case| case.x(A0, 1 << 32 | VEIRQ)),
        ("a VEIRQ with bit 63", |case| case.x(A0, 1 << 63 | VEIRQ)),
        ("a map of one entry", |case| {
            case.store(DIRECTORY + 8 * VMID, DirectoryEntry { map: MAP, log2_entries: 0 }.encode())
        }),
        ("an entry that is not valid", |case| case.store(entry_at(VEIRQ), SUPERVISOR.encode()[0] & !1)),
        ("type 0", |case| case.store(entry_at(VEIRQ), SUPERVISOR.encode()[0] & !6)),
        ("type 3", |case| case.store(entry_at(VEIRQ), SUPERVISOR.encode()[0] | 6)),
        ("a hart that there is not", |case| {
            case.stores(words_at(entry_at(VEIRQ), &MapEntry { hart: 0xffff, ..SUPERVISOR }.encode()))
        }),
        ("a supervisor VEI beyond 63", |case| {
            case.store(entry_at(VEIRQ), SUPERVISOR.encode()[0] & !(0xffff << 16) | 64 << 16)
        }),
        ("the largest VEIID", |case| case.store(entry_at(VEIRQ), SUPERVISOR.encode()[0] | 0xffff << 16)),
        ("a map where no memory is", |case| {
            case.store(DIRECTORY + 8 * VMID, DirectoryEntry { map: 0x1000, log2_entries: MAP_LOG2 }.encode())
        }),
        ("a directory where no memory is", |case| case.set(csr::HVEIDIR, hveidir::of(0x3f_ffff_f000, 4))),
    ];
    for (name, change) in list {
        for mode in [Mode::VS, Mode::HS] {
            let case =
                sender(name, cites!("4.2": "S2" "S3" "P1" "P2" "threat 1" "threat 32"), mode, SUPERVISOR.encode());
            cases.push(missed(change(case)));
        }
    }
    for (name, at) in [("the directory", DIRECTORY), ("the map", MAP)] {
        let case = sender(
            format!("{name} where PMP lets only M"),
            cites!("4.1": "S2" "threat 32"),
            Mode::VS,
            SUPERVISOR.encode(),
        );
        cases.push(missed(closed(case, at)));
    }
    let case = user_sender("contexts where PMP lets only M", cites!("4.2": "S5" "threat 32"), Mode::VS, &DRAINING);
    cases.push(missed(closed(case, CONTEXTS)).mem(context_at(Context::PIR), 0));
    for (name, change) in [
        ("a user VEI to a hart without contexts", (|case| case.set(csr::HUCT, 0)) as Change),
        ("a user VEI to a context that is not valid", |case| case.store(context_at(0), 0)),
        ("a user VEI to contexts where no memory is", |case| case.set(csr::HUCT, huct::of(0x1000))),
    ] {
        let case = user_sender(name, cites!("4.2": "S5" "S3" "threat 32"), Mode::VS, &DRAINING);
        cases.push(missed(change(case).set(csr::HVEICTL, hveictl::VSE | hveictl::UVE | hveictl::BANK)));
    }
    cases
}

fn beyond(case: Case, veirq: u64) -> Case {
    case.stores(words_at(entry_at(veirq), &SUPERVISOR.encode())).x(A0, veirq)
}

/// The send is a miss, nothing was posted, and the exception carries the number.
fn missed(case: Case) -> Case {
    let veirq = case.x.iter().rev().find(|(register, _)| *register == A0).map_or(0, |(_, value)| *value);
    case.run(SEND)
        .traps(Level::M, MISS)
        .tval(veirq)
        .tval2(0)
        .tinst_one_of(&[0])
        .csr(csr::STOPVEI, 0)
        .csr(csr::HUCPEND, 0)
}

/// S3: the exception goes where medeleg says, and never to a guest or to U.
fn miss_traps() -> Vec<Case> {
    let section = cites!("4.2": "S3" "8.1 codes" "PR2");
    let miss = |name: &str, mode: Mode| sender(name, section, mode, [0; 2]).set(standard::MEDELEG, 1 << MISS);
    let from = hstatus::SPV | hstatus::GVA;
    let guest = miss("a miss goes to HS", Mode::VS).set(standard::HEDELEG, u64::MAX).set(csr::HUEDELEG, u64::MAX);
    let host = miss("a miss of HS", Mode::HS);
    vec![
        guest.run(SEND).traps(Level::HS, MISS).tval(VEIRQ).tval2(0).tinst_one_of(&[0]).hstatus(from, hstatus::SPV),
        host.run(SEND).traps(Level::HS, MISS).tval(VEIRQ).tval2(0).hstatus(from, 0),
        sender("a miss of a guest, for M", section, Mode::VS, [0; 2])
            .run(SEND)
            .traps(Level::M, MISS)
            .status(mstatus::GVA | mstatus::MPV, mstatus::MPV),
        miss("a miss of M stays there", Mode::M).run(SEND).traps(Level::M, MISS),
        // A3 comes first: no look-up for who may not send.
        miss("no look-up without VSE", Mode::VS).set(csr::HVEICTL, 0).run(SEND).traps(Level::M, 22),
    ]
}

/// S2: every reserved bit of directory and map entries.
fn bad_entries() -> Vec<Case> {
    let mut cases = Vec::new();
    let section = cites!("4.1": "S2" "P1");
    let [low, high] = SUPERVISOR.encode();
    for bit in (3..16).chain(48..64) {
        let case = sender(format!("reserved bit {bit} of a map entry"), section, Mode::VS, [low | 1 << bit, high]);
        cases.push(missed(case));
    }
    for bit in [6, 7, 14, 15, 21, 22, 23].into_iter().chain(26..64) {
        let case =
            sender(format!("reserved bit {} of a map entry", 64 + bit), section, Mode::VS, [low, high | 1 << bit]);
        cases.push(missed(case));
    }
    for bit in (1..10).chain(58..64) {
        let case = sender(format!("reserved bit {bit} of a directory entry"), section, Mode::VS, [low, high]);
        cases.push(missed(case.store(DIRECTORY + 8 * VMID, DIRECTORY_ENTRY | 1 << bit)));
    }
    cases
}

/// S1, threats 1 and 2: a guest is the VM that hgatp says; what other VMs have mapped is not its own.
fn identity() -> Vec<Case> {
    let other = 9u64;
    let theirs = MAP + 0x1000;
    let mut cases = Vec::new();
    for (name, vmid, expected) in [
        ("its own number", VMID, Some(VEIID)),
        ("another VM's number", other, Some(VEIID + 1)),
        ("a VM without a map", other + 1, None),
    ] {
        let section = cites!("4.2": "S1" "S2" "threat 1" "threat 2" "P2" "duty 8");
        let case = sender(format!("one VEIRQ, two VMs: {name}"), section, Mode::VS, SUPERVISOR.encode());
        let target = Target::Supervisor { veiid: VEIID + 1 };
        let case = case
            .store(DIRECTORY + 8 * other, DirectoryEntry { map: theirs, log2_entries: MAP_LOG2 }.encode())
            .stores(words_at(theirs + 16 * VEIRQ, &MapEntry { target, ..SUPERVISOR }.encode()))
            .set(standard::HGATP, SECOND | vmid << 44);
        cases.push(match expected {
            None => missed(case),
            Some(veiid) => case.run(SEND).runs(&WAIT).completes().csr(csr::STOPVEI, top(veiid)),
        });
    }
    // The number that the other VM has, and this one has not.
    let case =
        sender("a number that only another VM has", cites!("4.2": "S2" "threat 1"), Mode::VS, SUPERVISOR.encode());
    let case = case
        .store(DIRECTORY + 8 * other, DirectoryEntry { map: theirs, log2_entries: MAP_LOG2 }.encode())
        .stores(words_at(theirs + 16 * 7, &SUPERVISOR.encode()));
    cases.push(missed(case.x(A0, 7)));
    let bare =
        sender("HS sends as the VM of hgatp, in MODE Bare too", cites!("4.2": "S1"), Mode::HS, SUPERVISOR.encode());
    let bare = bare.set(standard::HGATP, VMID << 44).run(SEND).runs(&WAIT);
    cases.push(bare.completes().expect_masked(What::Csr(csr::STOPVEI), u64::MAX, &[top(VEIID)]));
    cases
}

/// stopvei: lowest first, one step, merging.
fn claims() -> Vec<Case> {
    let mut cases = Vec::new();
    let numbers = [(1u64, 63u8), (2, 5), (4, 17), (5, 0)];
    let several = |name: &str| {
        let case = sender(name, cites!("4.4": "S4" "P3"), Mode::HS, SUPERVISOR.encode());
        numbers.iter().fold(case, |case, (veirq, veiid)| {
            let target = Target::Supervisor { veiid: *veiid };
            case.stores(words_at(entry_at(*veirq), &MapEntry { target, ..SUPERVISOR }.encode()))
        })
    };
    let send_all = |case: Case| numbers.iter().fold(case, |case, (veirq, _)| case.li(A0, *veirq).run(SEND)).runs(&WAIT);
    let case =
        send_all(several("claims come lowest first")).runs(&[claim(A1), claim(A2), claim(A3), claim(A4), claim(A5)]);
    let case = case.completes().reg(A1, top(0)).reg(A2, top(5)).reg(A3, top(17)).reg(A4, top(63)).reg(A5, 0);
    cases.push(case.expect_masked(What::Csr(standard::MIP), sip::SVEIP, &[0]));
    let looks =
        [asm::csrrs(A1, csr::STOPVEI, ZERO), asm::csrrc(A2, csr::STOPVEI, ZERO), asm::csrrsi(A3, csr::STOPVEI, 0)];
    let case = send_all(several("a look claims nothing")).runs(&looks).run(claim(A4)).completes();
    cases.push(case.reg(A1, top(0)).reg(A2, top(0)).reg(A3, top(0)).reg(A4, top(0)));
    let ones =
        send_all(several("the value written doesn't matter")).li(A5, u64::MAX).run(asm::csrrw(A1, csr::STOPVEI, A5));
    let ones = ones.run(asm::csrrw(ZERO, csr::STOPVEI, A5)).run(asm::csrrsi(A2, csr::STOPVEI, 1)).completes();
    cases.push(ones.reg(A1, top(0)).reg(A2, top(17)).csr(csr::STOPVEI, top(63)));
    let merged = sender("posts of one number merge", cites!("4.4": "S4" "threat 21"), Mode::HS, SUPERVISOR.encode());
    let merged = merged.runs(&[SEND, SEND, SEND]).runs(&WAIT).runs(&[claim(A1), claim(A2)]).completes();
    cases.push(merged.reg(A1, top(VEIID)).reg(A2, 0));
    let empty = sender("a claim of nothing", cites!("4.4": "S4"), Mode::HS, [0; 2]).run(claim(A1)).completes();
    cases.push(empty.reg(A1, 0));
    let again =
        sender("what comes after a claim pends again", cites!("4.4": "S4" "threat 22"), Mode::HS, SUPERVISOR.encode());
    let again = again.run(SEND).runs(&WAIT).run(claim(A2)).run(SEND).runs(&WAIT).completes();
    cases.push(again.reg(A2, top(VEIID)).csr(csr::STOPVEI, top(VEIID)));
    cases
}

/// S5: what stands in the context after sends, under each state of ON and SN.
fn posts() -> Vec<Case> {
    let mut cases = Vec::new();
    let section = cites!("4.2": "S5" "M3" "item 14" "threat 21" "threat 22");
    for (name, flags, after, notified) in [
        ("quiet", 0, Context::ON, true),
        ("ON=1: no second notification", Context::ON, Context::ON, false),
        ("SN=1: post only", Context::SN, Context::SN | Context::ON, false),
        ("SN=1, ON=1", Context::SN | Context::ON, Context::SN | Context::ON, false),
    ] {
        // The slot is taken by another context, so that nothing fills it.
        let busy = user_sender(format!("a post to a context, {name}"), section, Mode::HS, &DRAINING);
        let other = u64::from(CONTEXT) + 1;
        let status = super::guest::HANDLER.encode()[0];
        let at = CONTEXTS + Context::SIZE * other;
        let busy = busy
            .stores(words_at(at, &super::guest::HANDLER.encode()))
            .store(at + Context::PIR, 1)
            .store(context_at(Context::STATUS), status | flags)
            .set(csr::HUCPEND, 1 << other)
            .run(SEND)
            .runs(&WAIT)
            .completes()
            .csr(csr::HVSLOT, SLOT + 1)
            .mem(context_at(Context::PIR), 1 << VECTOR)
            .mem(context_at(Context::STATUS), status | after);
        cases.push(busy.csr(csr::HUCPEND, u64::from(notified) << CONTEXT));
    }
    for vector in 0..64 {
        let entry = MapEntry { target: Target::User { context: CONTEXT, vector }, ..USER };
        let case = user_sender(format!("vector {vector}"), cites!("4.2": "S5"), Mode::HS, &DRAINING);
        let case = case.stores(words_at(entry_at(VEIRQ), &entry.encode())).run(SEND).runs(&WAIT).completes();
        cases.push(case.mem(context_at(Context::PIR), 1 << vector).csr(csr::HVSLOT, SLOT));
    }
    for context in 0..64 {
        let entry = MapEntry { target: Target::User { context, vector: VECTOR }, ..USER };
        let case = user_sender(format!("context {context}"), cites!("4.2": "S5"), Mode::HS, &DRAINING);
        let at = CONTEXTS + Context::SIZE * u64::from(context);
        let case = case.stores(words_at(at, &super::guest::HANDLER.encode()));
        let case = case.stores(words_at(entry_at(VEIRQ), &entry.encode())).run(SEND).runs(&WAIT).completes();
        cases.push(case.mem(at + Context::PIR, 1 << VECTOR).csr(csr::HVSLOT, SLOT & !63 | u64::from(context)));
    }
    cases
}

/// Claims a supervisor VEI.
fn claim(rd: u8) -> u32 {
    asm::csrrw(rd, csr::STOPVEI, ZERO)
}

/// The doubleword at the address in a2 becomes `value`, before what follows.
fn stores(case: Case, value: u64) -> Case {
    case.li(A3, value).runs(&[asm::sd(A3, A2, 0), asm::fence(0xff)])
}

/// 4.5, S7: a mapping that was used may be remembered until the fence.
fn caching() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, fence) in [
        ("all", hveifence::ALL),
        ("a VEIRQ of no VMID, which is all", hveifence::BY_VEIRQ | 9),
        ("the VMID", hveifence::vmid(VMID as u16)),
        ("the VEIRQ", hveifence::veirq(VMID as u16, VEIRQ as u16)),
    ] {
        let section = cites!("4.5": "S7" "M1" "threat 23" "duty 6");
        // Sent once; then unmapped and fenced: the next send misses.
        let case = sender(format!("unmapped, fence of {name}"), section, Mode::HS, SUPERVISOR.encode());
        let case = case.x(A2, entry_at(VEIRQ)).run(SEND).runs(&WAIT).run(claim(A5));
        let case = stores(case, 0).li(A4, fence).runs(&[asm::csrrw(ZERO, csr::HVEIFENCE, A4), SEND]);
        cases.push(case.traps(Level::M, MISS).reg(A5, top(VEIID)).csr(csr::STOPVEI, 0));
        // Or mapped to something else.
        let target = Target::Supervisor { veiid: VEIID + 2 };
        let case = sender(format!("mapped anew, fence of {name}"), section, Mode::HS, SUPERVISOR.encode());
        let case = case.x(A2, entry_at(VEIRQ)).run(SEND).runs(&WAIT).run(claim(A5));
        let case = stores(case, MapEntry { target, ..SUPERVISOR }.encode()[0]).li(A4, fence);
        let case = case.runs(&[asm::csrrw(ZERO, csr::HVEIFENCE, A4), SEND]).runs(&WAIT).completes();
        cases.push(case.reg(A5, top(VEIID)).csr(csr::STOPVEI, top(VEIID + 2)));
        // The whole VM goes.
        if fence != hveifence::veirq(VMID as u16, VEIRQ as u16) {
            let case = sender(format!("a VM destroyed, fence of {name}"), section, Mode::HS, SUPERVISOR.encode());
            let case = case.x(A2, DIRECTORY + 8 * VMID).run(SEND).runs(&WAIT).run(claim(A5));
            let case = stores(case, 0).li(A4, fence).runs(&[asm::csrrw(ZERO, csr::HVEIFENCE, A4), SEND]);
            cases.push(case.traps(Level::M, MISS).csr(csr::STOPVEI, 0));
        }
    }
    // A fence of another VM or number may leave the entry or not: the send goes to what was mapped, or to what is.
    for (name, fence) in
        [("another VMID", hveifence::vmid(VMID as u16 + 1)), ("another VEIRQ", hveifence::veirq(VMID as u16, 9))]
    {
        let target = Target::Supervisor { veiid: VEIID + 2 };
        let case = sender(format!("mapped anew, fence of {name}"), cites!("4.5": "S7"), Mode::HS, SUPERVISOR.encode());
        let case = case.x(A2, entry_at(VEIRQ)).run(SEND).runs(&WAIT).run(claim(A5));
        let case = stores(case, MapEntry { target, ..SUPERVISOR }.encode()[0]).li(A4, fence);
        let case = case.runs(&[asm::csrrw(ZERO, csr::HVEIFENCE, A4), SEND]).runs(&WAIT).completes();
        cases.push(case.expect_masked(What::Csr(csr::STOPVEI), u64::MAX, &[top(VEIID), top(VEIID + 2)]));
    }
    cases
}

/// S3, S1: what is never remembered.
fn looked_at_anew() -> Vec<Case> {
    // A miss leaves nothing behind. The handlers of the runtime end a case, so the second send is the next VM's first.
    let section = cites!("4.2": "S3" "S7" "threat 23");
    let fresh = sender("a mapping is seen without a fence if its number only missed", section, Mode::M, [0; 2]);
    // A send of M that misses traps to M: the snippet has its own handler, which comes back behind it.
    let fresh = fresh.x(A2, entry_at(VEIRQ)).runs(&[asm::auipc(A1, 0), asm::addi(A1, A1, 32)]);
    let fresh = fresh.runs(&[
        asm::csrrw(A5, standard::MTVEC, A1),
        asm::addi(A4, ZERO, 0),
        SEND,
        asm::addi(A4, A4, 1),
        NOP,
        NOP,
    ]);
    // The handler, at offset 32.
    let fresh = fresh.run(asm::csrrw(ZERO, standard::MTVEC, A5));
    let fresh = stores(fresh, SUPERVISOR.encode()[0]).run(SEND).runs(&WAIT).completes();
    let fresh = fresh.reg(A4, 0).csr(csr::STOPVEI, top(VEIID));
    // HGATP is looked at with each send, not remembered.
    let moved = sender(
        "the VMID of each send is that of hgatp now",
        cites!("4.2": "S1" "threat 2" "threat 27"),
        Mode::HS,
        SUPERVISOR.encode(),
    );
    let moved =
        moved.run(SEND).runs(&WAIT).run(claim(A5)).li(A4, HGATP ^ 1 << 44).run(asm::csrrw(ZERO, standard::HGATP, A4));
    vec![fresh, moved.run(SEND).traps(Level::M, MISS).reg(A5, top(VEIID))]
}

const NOP: u32 = asm::addi(ZERO, ZERO, 0);

/// 4.6: a limit holds notifications back, and loses none.
fn limits() -> Vec<Case> {
    let section = cites!("4.6": "4.6 limit" "threat 21" "threat 22");
    let gap = 10;
    // Two sends in a row: the first is seen at once, the second after the gap at the latest.
    let case = sender(
        "a limited mapping: the second of two sends arrives",
        section,
        Mode::HS,
        MapEntry { gap, ..SUPERVISOR }.encode(),
    );
    let case = case.run(SEND).runs(&WAIT).run(claim(A2)).run(SEND).runs(&[asm::addi(A1, ZERO, 2000), WAIT[1], WAIT[2]]);
    let supervisor = case.run(claim(A3)).completes().reg(A2, top(VEIID)).reg(A3, top(VEIID));
    let case = user_sender("a limited mapping of a user VEI: posts are there", section, Mode::HS, &DRAINING);
    let case = case.stores(words_at(entry_at(VEIRQ), &MapEntry { gap, ..USER }.encode())).runs(&[SEND, SEND, SEND]);
    let user = case.runs(&[asm::addi(A1, ZERO, 2000), WAIT[1], WAIT[2]]).completes();
    vec![supervisor, user.mem(context_at(Context::PIR), 1 << VECTOR).csr(csr::HVSLOT, SLOT)]
}
