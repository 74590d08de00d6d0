//! Sending and routing, supervisor VEI, the map cache (ha-iov 8.5, S1 to S7; 8.2, A3 and A4; threats 1, 2, 5, 23, 31 of 8.11).

mod common;

use common::vei::{CONTEXTS, CSRS, DIRECTORY, MAP, VMID, context, supervisor, user};
use common::{Bench, CODE};
use ha_iov_ext::fields::{hveictl, hveidir, hveifence, sip, topvei};
use ha_iov_ext::model::{Config, Prices};
use ha_iov_ext::vei::{Context, DirectoryEntry, MapEntry};
use ha_iov_ext::{cause, csr};
use rv_hart::Mode;
use rv_isa::asm::{A0, A1, ZERO, csrrc, csrrs, csrrw};
use rv_isa::cause::{ILLEGAL_INSTRUCTION, VIRTUAL_INSTRUCTION};
use rv_isa::csr as standard;

const MISS: Option<(Mode, u64)> = Some((Mode::HS, cause::VEI_MAP_MISS));

fn pending(bench: &Bench) -> bool {
    bench.get(standard::MIP) & sip::SVEIP != 0
}

/// S1, S4: the VMID is the loaded guest's, the number the guest's own, and HS gets the interrupt that the map names.
#[test]
fn a_send_becomes_a_supervisor_interrupt() {
    let mut bench = Bench::vei();
    bench.map(3, supervisor(40));
    assert_eq!(bench.send(Mode::VS, 3), None);
    assert_eq!(bench.hart.state.pc, CODE + 4, "no exit");
    assert!(pending(&bench));
    assert_eq!(bench.get(csr::STOPVEI), topvei::V | 40);
    bench.step();
    assert_eq!(bench.outcome(), Some((Mode::HS, 1 << 63 | cause::SUPERVISOR_VEI)));
    assert_eq!(bench.get(standard::SEPC), CODE + 4);
    bench.claim_here(csr::STOPVEI);
    assert!(!pending(&bench));
    assert_eq!(bench.get(csr::STOPVEI), 0);
}

/// stopvei gives the lowest, and a write clears what it gives; a mere read clears nothing.
#[test]
fn stopvei_claims_the_lowest() {
    let mut bench = Bench::vei();
    for (veirq, veiid) in [(1, 63), (2, 0), (4, 17)] {
        bench.map(veirq, supervisor(veiid));
        assert_eq!(bench.send(Mode::HS, veirq), None, "HS may send too");
    }
    bench.hart.state.mode = Mode::HS;
    assert_eq!(bench.csr_here(csr::STOPVEI), topvei::V);
    for expected in [topvei::V, topvei::V | 17, topvei::V | 63, 0, 0] {
        assert_eq!(bench.claim_here(csr::STOPVEI), expected);
    }
    assert_eq!(bench.counter("vei_claims"), 3);
}

/// A4: VSE for guests; csrrs with x0 reads 0 and sends nothing; csrrc sends 0, which nobody gets. A3: VU and U never send (threat 5).
#[test]
fn a4_who_may_send() {
    let mut bench = Bench::vei();
    bench.map(3, supervisor(1));
    bench.hart.state.x[10] = 3;
    for raw in [csrrw(ZERO, csr::VEISEND, A0), csrrs(A1, csr::VEISEND, ZERO)] {
        bench.set(csr::HVEICTL, 0);
        assert_eq!(bench.raises(Mode::VS, raw), Some((Mode::HS, VIRTUAL_INSTRUCTION)), "VSE=0");
        bench.set(csr::HVEICTL, hveictl::VSE);
        assert_eq!(bench.raises(Mode::VU, raw), Some((Mode::HS, VIRTUAL_INSTRUCTION)));
        assert_eq!(bench.raises(Mode::U, raw), Some((Mode::HS, ILLEGAL_INSTRUCTION)));
    }
    bench.hart.state.x[11] = 1;
    assert_eq!(bench.raises(Mode::VS, csrrs(A1, csr::VEISEND, ZERO)), None);
    assert_eq!((bench.hart.state.x[11], pending(&bench)), (0, false), "a read");
    assert_eq!(bench.raises(Mode::VS, csrrc(ZERO, csr::VEISEND, A0)), MISS);
    assert_eq!(bench.raises(Mode::VS, csrrs(A1, csr::VEISEND, A0)), None);
    assert_eq!((bench.hart.state.x[11], pending(&bench)), (0, true));
}

/// S2, S3: every way to miss. Nothing has happened then, and HS learns which number it was.
#[test]
fn s3_misses() {
    let good = supervisor(1).encode();
    let missed = |break_it: &dyn Fn(&mut Bench), veirq: u64| {
        let mut bench = Bench::vei();
        bench.map_raw(3, good);
        break_it(&mut bench);
        assert_eq!(bench.send(Mode::VS, veirq), MISS);
        assert_eq!((bench.get(standard::STVAL), bench.get(standard::HTVAL)), (veirq, 0));
        assert_eq!((bench.get(standard::SEPC), pending(&bench)), (CODE, false));
        assert_eq!(bench.counter("vei_faults"), 1);
    };
    missed(&|_| {}, 0);
    missed(&|_| {}, 4);
    missed(&|_| {}, 32);
    missed(&|_| {}, 3 | 1 << 16);
    missed(&|_| {}, u64::MAX);
    missed(&|bench| bench.set(csr::HVEIDIR, hveidir::of(DIRECTORY, 4) & !hveidir::EN), 3);
    missed(&|bench| bench.set(csr::HVEIDIR, hveidir::of(DIRECTORY, 2)), 3);
    missed(&|bench| bench.set(csr::HVEIDIR, hveidir::of(0x1_0000, 4)), 3);
    missed(&|bench| bench.set(csr::HVEIDIR, hveidir::of(u64::MAX, 4)), 3);
    let directory = DIRECTORY + u64::from(VMID) * 8;
    missed(&|bench| bench.store(directory, 0), 3);
    missed(&|bench| bench.store(directory, DirectoryEntry { map: MAP, log2_entries: 5 }.encode() | 2), 3);
    missed(&|bench| bench.store(directory, DirectoryEntry { map: MAP, log2_entries: 1 }.encode()), 3);
    missed(&|bench| bench.store(directory, DirectoryEntry { map: u64::MAX, log2_entries: 5 }.encode()), 3);
    missed(&|bench| bench.map_raw(3, [good[0] & !1, 0]), 3);
    missed(&|bench| bench.map_raw(3, [good[0] & !6, 0]), 3);
    missed(&|bench| bench.map_raw(3, [good[0] | 6, 0]), 3);
    missed(&|bench| bench.map_raw(3, [good[0] | 1 << 63, 0]), 3);
    missed(&|bench| bench.map_raw(3, [good[0], 1 << 6]), 3);
    missed(&|bench| bench.map(3, MapEntry { hart: 1, ..supervisor(1) }), 3);
    missed(&|bench| bench.map_raw(3, [good[0] | 64 << 16, 0]), 3);
    missed(&|bench| bench.map(3, user(4, 1)), 3);
    missed(
        &|bench| {
            bench.map(3, user(4, 1));
            bench.place(4, context());
            bench.set(csr::HUCT, 0);
        },
        3,
    );
}

/// S3 without delegation: M takes it.
#[test]
fn s3_without_delegation_m_gets_it() {
    let mut bench = Bench::vei();
    bench.set(standard::MEDELEG, !(1 << cause::VEI_MAP_MISS));
    assert_eq!(bench.send(Mode::VS, 3), Some((Mode::M, cause::VEI_MAP_MISS)));
}

/// PMP: tables that S-mode may not reach aren't there (threats 31, 32).
#[test]
fn tables_are_checked_by_pmp() {
    for hidden in [DIRECTORY, MAP, CONTEXTS] {
        let mut bench = Bench::vei();
        bench.map(3, user(4, 1));
        bench.place(4, context());
        // Entry 0 hides a page; entry 1 opens the rest.
        bench.set(standard::PMPADDR0 + 1, u64::MAX);
        bench.set(standard::PMPADDR0, hidden >> 2 | 0x1ff);
        bench.set(standard::PMPCFG0, 0x1f << 8 | 0x18);
        assert_eq!(bench.send(Mode::VS, 3), MISS, "{hidden:#x}");
        assert_eq!(bench.pir(4), 0);
    }
}

/// Threats 1 and 2: another VM's number reaches nobody, and the VMID is none of the guest's business.
#[test]
fn threat_1_maps_are_per_vmid() {
    let mut bench = Bench::vei();
    bench.map(3, supervisor(1));
    let hgatp = bench.get(standard::HGATP);
    bench.set(standard::HGATP, hgatp ^ 1 << 44);
    assert_eq!(bench.send(Mode::HS, 3), MISS);
    bench.set(standard::HGATP, hgatp);
    assert_eq!(bench.send(Mode::HS, 3), None);
    bench.set(standard::HGATP, hgatp ^ 1 << 44);
    assert_eq!(bench.send(Mode::HS, 3), MISS, "nor from the cache");
}

/// S5: PIR before ON before hucpend; while ON is set, a send only posts; while SN is, too.
#[test]
fn s5_posting() {
    let mut bench = Bench::vei();
    bench.place(4, context());
    bench.map(3, user(4, 9));
    bench.map(5, user(4, 63));
    assert_eq!(bench.send(Mode::HS, 3), None);
    assert_eq!((bench.pir(4), bench.status(4) & Context::ON), (1 << 9, Context::ON));
    assert_eq!(bench.get(csr::HUCPEND), 1 << 4);
    bench.set(csr::HUCPEND, 0);
    assert_eq!(bench.send(Mode::M, 5), None);
    assert_eq!((bench.pir(4), bench.get(csr::HUCPEND)), (1 << 9 | 1 << 63, 0), "ON: no second notification");
    assert_eq!(bench.counter("vei_merged"), 1);
    bench.place(4, context());
    bench.store(CONTEXTS + 4 * 64, context().encode()[0] | Context::SN);
    assert_eq!(bench.send(Mode::M, 3), None);
    assert_eq!((bench.pir(4), bench.get(csr::HUCPEND)), (1 << 9, 0), "SN: none at all");
    assert_eq!((bench.counter("vei_suppressed"), bench.counter("vei_user")), (1, 3));
}

/// S2: the cache answers without memory, remembers nothing that isn't there, and forgets by VMID, by VEIRQ, and whole (S7, threat 23).
#[test]
fn s7_the_cache_and_its_fence() {
    for (scope, forgets) in [
        (hveifence::ALL, true),
        (hveifence::vmid(VMID), true),
        (hveifence::vmid(VMID + 1), false),
        (hveifence::veirq(VMID, 3), true),
        (hveifence::veirq(VMID, 4), false),
        (hveifence::veirq(VMID + 1, 3), false),
        // A VEIRQ without a VMID limits nothing.
        (hveifence::BY_VEIRQ | 4, true),
    ] {
        let mut bench = Bench::vei();
        assert_eq!(bench.send(Mode::HS, 3), MISS);
        bench.map(3, supervisor(1));
        assert_eq!(bench.send(Mode::HS, 3), None, "no negative caching");
        bench.map_raw(3, MapEntry::ABSENT);
        assert_eq!(bench.send(Mode::HS, 3), None, "cached");
        bench.set(csr::HVEIFENCE, scope);
        assert_eq!(bench.send(Mode::HS, 3), if forgets { MISS } else { None }, "{scope:#x}");
        let hits = bench.counter("vei_map_hits");
        assert_eq!((hits, bench.counter("vei_map_misses")), (if forgets { 1 } else { 2 }, if forgets { 3 } else { 2 }));
    }
}

/// hveidir.EN is asked first: switched off, nothing is sent from the cache either.
#[test]
fn s2_without_a_directory_the_cache_is_not_asked() {
    let mut bench = Bench::vei();
    bench.map(3, supervisor(1));
    assert_eq!(bench.send(Mode::HS, 3), None);
    bench.set(csr::HVEIDIR, 0);
    assert_eq!(bench.send(Mode::HS, 3), MISS);
}

/// The size of the cache is a knob; the oldest mapping goes first.
#[test]
fn the_cache_has_a_size() {
    for (size, hits) in [(0, 0), (1, 1), (2, 2), (3, 5)] {
        let mut bench = Bench::with(Config { map_cache: size, ..Config::default() }).prepared();
        for veirq in 1..=3 {
            bench.map(veirq, supervisor(1));
        }
        for veirq in [1, 1, 2, 1, 3, 1, 2, 3] {
            assert_eq!(bench.send(Mode::HS, veirq), None);
        }
        assert_eq!(bench.counter("vei_map_hits"), hits, "size {size}");
        assert_eq!(bench.counter("vei_map_misses"), 8 - hits);
    }
}

/// A fence of one mapping leaves the others in the order in which they came.
#[test]
fn after_a_fence_the_oldest_mapping_goes_first() {
    let mut bench = Bench::with(Config { map_cache: 3, ..Config::default() }).prepared();
    for veirq in 1..=6 {
        bench.map(veirq, supervisor(1));
    }
    let mut hits = |veirqs: &[u64]| {
        let before = bench.counter("vei_map_hits");
        for &veirq in veirqs {
            assert_eq!(bench.send(Mode::HS, veirq), None);
            if veirq == 4 {
                bench.set(csr::HVEIFENCE, hveifence::veirq(VMID, 2));
            }
        }
        bench.counter("vei_map_hits") - before
    };
    // 2, 3 and 4 are there, then 3 and 4; 6 takes the place of 3.
    assert_eq!(hits(&[1, 2, 3, 4, 5, 6]), 0);
    assert_eq!(hits(&[4, 5, 6]), 3);
    assert_eq!(hits(&[3]), 0);
}

/// Costs are charged: the sender's way, not the wire.
#[test]
fn a_send_costs_its_lookup() {
    let prices = Prices { vei_send: 100, vei_map_hit: 10, vei_map_miss: 1000, vei_post: 5, ..Prices::default() };
    let mut bench = Bench::with(Config { prices, ..Config::default() }).prepared();
    bench.map(3, supervisor(1));
    bench.map(4, user(4, 1));
    bench.place(4, context());
    let mut cost = |veirq| {
        let before = bench.hart.state.cycles;
        bench.send(Mode::HS, veirq);
        bench.hart.state.cycles - before
    };
    assert_eq!([cost(3), cost(3), cost(4), cost(4), cost(9)], [1101, 111, 1106, 116, 1101]);
    assert_eq!(bench.counter("vei_map_cycles"), 1000 + 10 + 1000 + 10 + 1000);
}

/// The rate limit: the second send within the gap posts at once and notifies later; nothing is lost, and others are not held back.
#[test]
fn a_rate_limit_holds_notifications_back() {
    let mut bench = Bench::vei();
    bench.place(4, context());
    bench.map(3, MapEntry { gap: 10, ..user(4, 9) });
    bench.map(5, user(4, 8));
    bench.hart.state.cycles = 5000;
    bench.send(Mode::HS, 3);
    assert_eq!(bench.get(csr::HUCPEND), 1 << 4);
    let first = bench.hart.state.cycles;
    bench.set(csr::HUCPEND, 0);
    bench.place(4, context());
    bench.send(Mode::HS, 3);
    assert_eq!((bench.pir(4), bench.get(csr::HUCPEND)), (1 << 9, 0), "posted, held back");
    assert_eq!((bench.counter("vei_held_back"), bench.counter("vei_merged")), (1, 0));
    let due = bench.hart.wakes_at();
    assert!((first + 1000..=first + 1024).contains(&due), "{due}");
    bench.hart.state.cycles = due;
    assert_eq!(bench.get(csr::HUCPEND), 1 << 4);
    bench.hart.state.cycles = due - 100;
    bench.send(Mode::HS, 5);
    assert_eq!(bench.get(csr::HUCPEND), 1 << 4, "a mapping without a limit is not held back with it");
}

/// The same for kernels.
#[test]
fn a_rate_limit_for_supervisor_vei() {
    let mut bench = Bench::vei();
    bench.map(3, MapEntry { gap: 8, ..supervisor(6) });
    bench.hart.state.cycles = 5000;
    bench.send(Mode::HS, 3);
    bench.hart.state.mode = Mode::HS;
    assert_eq!(bench.claim_here(csr::STOPVEI), topvei::V | 6);
    bench.send(Mode::HS, 3);
    assert!(!pending(&bench));
    bench.hart.state.cycles += 256;
    assert!(pending(&bench));
}

/// Threat 21: sends merge while the first is pending.
#[test]
fn threat_21_sends_merge() {
    let mut bench = Bench::vei();
    bench.map(3, supervisor(6));
    for _ in 0..100 {
        assert_eq!(bench.send(Mode::HS, 3), None);
    }
    assert_eq!((bench.counter("vei_merged"), bench.counter("vei_supervisor")), (99, 100));
    bench.hart.state.mode = Mode::HS;
    assert_eq!([bench.claim_here(csr::STOPVEI), bench.claim_here(csr::STOPVEI)], [topvei::V | 6, 0]);
}

/// 8.8: behind the timer, before the guest's interrupts; SVEI before SVDB.
#[test]
fn priority_among_the_interrupts_of_hs() {
    let mut bench = Bench::vei();
    bench.set(standard::MIDELEG, u64::MAX);
    bench.set(standard::MIE, u64::MAX);
    bench.map(3, supervisor(1));
    bench.map(4, user(4, 1));
    bench.place(4, context());
    bench.send(Mode::M, 3);
    bench.send(Mode::M, 4);
    bench.set(standard::HVIP, 0x444);
    bench.set(csr::HVEICTL, 0);
    for (software, expected) in [(0x222, 9), (0x22, 1), (0x20, 5), (0, 24)] {
        bench.set(standard::MIP, software);
        bench.idle(Mode::VS);
        assert_eq!(bench.outcome(), Some((Mode::HS, 1 << 63 | expected)));
    }
    bench.set(csr::STOPVEI, 0);
    bench.idle(Mode::VS);
    assert_eq!(bench.outcome(), Some((Mode::HS, 1 << 63 | cause::DOORBELL)));
    bench.set(csr::HVSLOT, 0);
    bench.idle(Mode::VS);
    assert_eq!(bench.outcome(), Some((Mode::HS, 1 << 63 | 10)), "VSEI comes last");
}

/// Principle 5: nothing of it is ever a guest's.
#[test]
fn nothing_is_delegated_to_a_guest() {
    let mut bench = Bench::vei();
    bench.set(standard::HIDELEG, u64::MAX);
    bench.set(standard::HEDELEG, u64::MAX);
    assert_eq!(bench.get(standard::HIDELEG) & sip::ALL, 0);
    assert_eq!(bench.send(Mode::VS, 3), MISS);
    assert_eq!(bench.get(standard::VSIE) & sip::ALL, 0);
}

/// Snapshots hold what is pending and what is cached; nonsense is refused.
#[test]
fn state_can_be_saved_and_put_back() {
    let mut bench = Bench::vei();
    bench.map(3, supervisor(6));
    bench.place(4, context());
    bench.map(5, user(4, 8));
    bench.send(Mode::HS, 3);
    bench.send(Mode::HS, 5);
    let saved: Vec<Vec<u8>> = bench.hart.extensions().iter().map(|extension| extension.save()).collect();
    let registers = bench.hart.extension_registers();
    bench.set(csr::STOPVEI, 0);
    bench.set(csr::HUCPEND, 0);
    assert_ne!(bench.hart.extension_registers(), registers);
    bench.hart.extensions_mut()[0].restore(&saved[0]).unwrap();
    assert_eq!(bench.hart.extension_registers(), registers);
    for text in ["", "{}", "[]", "nonsense"] {
        assert!(bench.hart.extensions_mut()[0].restore(text.as_bytes()).is_err(), "{text}");
    }
}

/// The parts can be switched off.
#[test]
fn without_vei_its_state_is_gone() {
    let mut bench = Bench::with(Config { vei: false, ..Config::default() });
    for number in CSRS {
        for mode in Mode::ALL {
            let raised = bench.raises(mode, csrrs(A0, number, ZERO));
            assert_eq!(raised.map(|(_, code)| code), Some(ILLEGAL_INSTRUCTION), "{number:#x} in {mode:?}");
        }
    }
    bench.set(standard::MEDELEG, u64::MAX);
    bench.set(standard::MIDELEG, u64::MAX);
    assert_eq!(bench.get(standard::MEDELEG) & cause::MEDELEG, cause::REDIRECTABLE);
    assert_eq!(bench.get(standard::MIDELEG) & sip::ALL, 0);
}
