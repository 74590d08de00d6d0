//! UER: eligibility G1 to G5, trap choice U1 to U4 (ha-iov 8.3), and threats 6 to 9 and 13 of 8.11.

mod common;

use common::{Bench, CODE, DEVICE, ORDINARY, U_HANDLER};
use conformance::{HS_HANDLER, Rig};
use ha_iov_ext::utinst::{self, Access};
use ha_iov_ext::{csr, fields, pte};
use rv_hart::Mode;
use rv_isa::asm::{self, A0, A1, A2, S0, ZERO};
use rv_isa::csr as standard;
use rv_isa::fields::{hstatus, mstatus, pte as bits};

const LOAD: u64 = 24;
const STORE: u64 = 25;
const LOAD_FAULT: u64 = 21;
const STORE_FAULT: u64 = 23;

/// Every eligible instruction: bits, what the handler must learn.
fn eligible() -> Vec<(u32, Access)> {
    let load = |size, signed, length| Access { store: false, size, signed, register: 12, length };
    let store = |size, length| Access { store: true, size, signed: false, register: 12, length };
    vec![
        (asm::lb(A2, A0, 8), load(1, true, 4)),
        (asm::lbu(A2, A0, 8), load(1, false, 4)),
        (asm::lh(A2, A0, 8), load(2, true, 4)),
        (asm::lhu(A2, A0, 8), load(2, false, 4)),
        (asm::lw(A2, A0, 8), load(4, true, 4)),
        (asm::lwu(A2, A0, 8), load(4, false, 4)),
        (asm::ld(A2, A0, 8), load(8, true, 4)),
        (asm::sb(A2, A0, 8), store(1, 4)),
        (asm::sh(A2, A0, 8), store(2, 4)),
        (asm::sw(A2, A0, 8), store(4, 4)),
        (asm::sd(A2, A0, 8), store(8, 4)),
        (0x4510, load(4, true, 2)),                            // c.lw a2, 8(a0)
        (0x6510, load(8, true, 2)),                            // c.ld a2, 8(a0)
        (0xc510, store(4, 2)),                                 // c.sw a2, 8(a0)
        (0xe510, store(8, 2)),                                 // c.sd a2, 8(a0)
        (0x4622, Access { register: 12, ..load(4, true, 2) }), // c.lwsp a2, 8(sp)
        (0xe432, Access { register: 12, ..store(8, 2) }),      // c.sdsp a2, 8(sp)
    ]
}

fn bench() -> Bench {
    let mut bench = Bench::new();
    for register in [2, 8, 10] {
        bench.hart.state.x[register] = DEVICE;
    }
    bench.hart.state.x[12] = 0x1234;
    bench
}

/// G4, U2: each width, sign and compressed form goes straight to U, with all that the handler needs and nothing else changed.
#[test]
fn g4_every_eligible_access_is_redirected() {
    for (raw, access) in eligible() {
        for mode in [Mode::VS, Mode::VU] {
            let mut bench = bench();
            bench.set(csr::USTATUS, 1);
            let registers = bench.hart.state.x;
            let before = bench.hart.state.csr.clone();
            let code = if access.store { STORE } else { LOAD };
            assert_eq!(bench.raises(mode, raw), Some((Mode::U, code)), "{raw:#x}");
            assert_eq!((bench.get(csr::UEPC), bench.get(csr::UTVAL)), (CODE, DEVICE + 8));
            assert_eq!(utinst::decode(bench.get(csr::UTINST)), Some(access), "{raw:#x}");
            assert_eq!(bench.get(csr::UTINST) >> 15 & 31, 0, "aligned: no offset");
            let upp = if mode == Mode::VS { fields::ustatus::UPP } else { 0 };
            let status = fields::ustatus::UPV | upp | fields::ustatus::UPIE;
            assert_eq!(bench.get(csr::USTATUS), status, "UPIE := UIE, UIE := 0");
            assert_eq!(bench.hart.state.x, registers);
            let after = &bench.hart.state.csr;
            let same = (after.hstatus, after.scause, after.sepc, after.htval, after.hgatp, after.vsstatus);
            assert_eq!(same, (before.hstatus, before.scause, before.sepc, before.htval, before.hgatp, before.vsstatus));
        }
    }
}

/// rd = x0 and a store of x0 are accesses like any other.
#[test]
fn x0_is_redirected_too() {
    for (raw, register) in [(asm::lw(ZERO, A0, 0), 0), (asm::sw(ZERO, A0, 0), 0)] {
        let mut bench = bench();
        assert!(matches!(bench.raises(Mode::VS, raw), Some((Mode::U, _))));
        assert_eq!(utinst::decode(bench.get(csr::UTINST)).unwrap().register, register);
    }
}

/// G4, threat 8: everything that is not a plain integer access is a guest-page fault at HS.
#[test]
fn g4_odd_instructions_go_to_the_kernel() {
    let float_load = asm::flw(12, A0, 8);
    let odd = [
        (asm::amoadd_w(A2, A1, A0), STORE_FAULT),
        (asm::amoswap_d(A2, A1, A0), STORE_FAULT),
        (asm::lr_w(A2, A0), LOAD_FAULT),
        (asm::sc_d(A2, A1, A0), STORE_FAULT),
        (float_load, LOAD_FAULT),
        (asm::fld(12, A0, 8), LOAD_FAULT),
        (asm::fsw(12, A0, 8), STORE_FAULT),
        (asm::fsd(12, A0, 8), STORE_FAULT),
        (0x2510, LOAD_FAULT),  // c.fld fa2, 8(a0)
        (0xa510, STORE_FAULT), // c.fsd fa2, 8(a0)
        (asm::lh(A2, A0, 1), LOAD_FAULT),
        (asm::lw(A2, A0, 2), LOAD_FAULT),
        (asm::ld(A2, A0, 4), LOAD_FAULT),
        (asm::sd(A2, A0, 1), STORE_FAULT),
        (asm::sh(A2, A0, 3), STORE_FAULT),
    ];
    for (raw, code) in odd {
        for mode in [Mode::VS, Mode::VU] {
            assert_eq!(bench().raises(mode, raw), Some((Mode::HS, code)), "{raw:#x}");
        }
    }
}

/// G4, threat 7: code, and page tables, on a device page.
#[test]
fn g4_fetches_and_walks_go_to_the_kernel() {
    let mut fetch = bench();
    fetch.resume(Mode::VS, DEVICE);
    assert_eq!(fetch.outcome(), Some((Mode::HS, 20)));

    for (raw, code) in [(asm::lw(A2, A0, 0), LOAD_FAULT), (asm::sw(A2, A0, 0), STORE_FAULT)] {
        let mut walk = bench();
        // The code page is mapped by a gigapage; the root's other entries are on the device page by way of a second root.
        walk.set(standard::VSATP, rv_isa::fields::satp::SV39 | 0x8003_0000 >> 12);
        walk.store(0x8003_0000 + 2 * 8, 0x8000_0000 >> 12 << 10 | ORDINARY & !bits::U);
        walk.store(0x8003_0000, DEVICE >> 12 << 10 | bits::V);
        walk.hart.state.x[10] = 0x1000;
        assert_eq!(walk.raises(Mode::VS, raw), Some((Mode::HS, code)));
        assert_eq!(walk.get(standard::HTVAL), DEVICE >> 2);
        assert_eq!(walk.get(standard::HTINST), 0x3000);
    }
}

/// G1: without the bit, everything is as ever.
#[test]
fn g1_unmarked_pages_are_ordinary() {
    let mut bench = bench();
    bench.device(0x8050_0000 >> 12 << 10 | ORDINARY);
    assert_eq!(bench.raises(Mode::VS, asm::lw(A2, A0, 8)), None);
    bench.device(0);
    assert_eq!(bench.raises(Mode::VS, asm::lw(A2, A0, 8)), Some((Mode::HS, LOAD_FAULT)));
}

/// G2: HLV, HSV and MPRV come from V=0; HUR=0 is the base machine.
#[test]
fn g2_only_the_threads_own_guest() {
    for (raw, code) in [(asm::hlv_w(A2, A0), LOAD_FAULT), (asm::hsv_w(A2, A0), STORE_FAULT)] {
        let mut bench = bench();
        bench.set(standard::HSTATUS, fields::hstatus::HUR | hstatus::SPVP);
        assert_eq!(bench.raises(Mode::HS, raw), Some((Mode::HS, code)), "{raw:#x}");
    }
    let mut machine = bench();
    machine.set(standard::MSTATUS, mstatus::MPRV | mstatus::MPV | 1 << mstatus::MPP_SHIFT);
    assert_eq!(machine.raises(Mode::M, asm::lw(A2, A0, 0)), Some((Mode::M, LOAD_FAULT)));
    for (raw, code) in [(asm::lw(A2, A0, 8), LOAD_FAULT), (asm::sw(A2, A0, 8), STORE_FAULT)] {
        let mut bench = bench();
        bench.set(standard::HSTATUS, 0);
        assert_eq!(bench.raises(Mode::VS, raw), Some((Mode::HS, code)));
        assert_eq!((bench.get(standard::HTVAL), bench.get(standard::STVAL)), ((DEVICE + 8) >> 2, DEVICE + 8));
    }
}

/// G3: an entry that is anything but R+U+MMIO (and W) is a guest-page fault.
#[test]
fn g3_malformed_entries_are_faults() {
    let good = pte::DEVICE;
    let mut bad = vec![
        good & !bits::R,
        good & !(bits::R | bits::W),
        good | bits::X,
        good & !bits::U,
        good & !bits::V,
        good | bits::N,
        good | 1 << 61,
        good | 1 << 62,
    ];
    bad.extend((55..=60).map(|bit| good | 1 << bit));
    for entry in bad {
        for (raw, code) in [(asm::lw(A2, A0, 8), LOAD_FAULT), (asm::sw(A2, A0, 8), STORE_FAULT)] {
            let mut bench = bench();
            bench.device(entry);
            assert_eq!(bench.raises(Mode::VS, raw), Some((Mode::HS, code)), "{entry:#x}");
        }
    }
}

/// G4: a store needs W; the load does not.
#[test]
fn g4_stores_need_w() {
    let mut bench = bench();
    bench.device(pte::DEVICE_READ_ONLY);
    assert_eq!(bench.raises(Mode::VS, asm::sw(A2, A0, 8)), Some((Mode::HS, STORE_FAULT)));
    assert_eq!(bench.raises(Mode::VS, asm::lw(A2, A0, 8)), Some((Mode::U, LOAD)));
}

/// G5: the page number is ignored, accessed and dirty bits stay, and nothing is cached.
#[test]
fn g5_the_entry_leads_nowhere() {
    let mut bench = bench();
    bench.set(standard::MENVCFG, 1 << 61);
    let entry = pte::DEVICE | 0xfff_ffff_ffff << 10;
    bench.device(entry);
    assert_eq!(bench.raises(Mode::VS, asm::sw(A2, A0, 8)), Some((Mode::U, STORE)));
    let at = 0x8001_5000 + (DEVICE >> 12 & 511) * 8;
    assert_eq!(bench.load(at), entry);
    assert_eq!(bench.raises(Mode::VS, asm::lw(A2, A0, 8)), Some((Mode::U, LOAD)));
}

/// U1: M keeps what it does not delegate. U3: HS gets what is not redirected.
#[test]
fn u1_u3_the_choice_of_mode() {
    let raw = asm::lw(A2, A0, 8);
    let mut machine = bench();
    machine.set(standard::MEDELEG, !(1u64 << 24));
    assert_eq!(machine.raises(Mode::VS, raw), Some((Mode::M, LOAD)));
    assert_eq!((machine.get(standard::MTVAL), machine.get(standard::MTVAL2)), (DEVICE + 8, (DEVICE + 8) >> 2));
    assert_eq!(utinst::decode(machine.get(standard::MTINST)).unwrap().register, 12);
    assert_ne!(machine.get(standard::MSTATUS) & mstatus::GVA, 0);
    for off in [csr::HUEDELEG, csr::HUECTL] {
        let mut kernel = bench();
        kernel.set(off, 0);
        assert_eq!(kernel.raises(Mode::VU, raw), Some((Mode::HS, LOAD)), "{off:#x} = 0");
        assert_eq!((kernel.get(standard::STVAL), kernel.get(standard::HTVAL)), (DEVICE + 8, (DEVICE + 8) >> 2));
        assert_ne!(kernel.get(standard::HSTATUS) & hstatus::GVA, 0);
    }
    let mut one = bench();
    one.set(csr::HUEDELEG, 1 << 25);
    assert_eq!(one.raises(Mode::VS, raw), Some((Mode::HS, LOAD)), "each cause by itself");
    assert_eq!(one.raises(Mode::VS, asm::sw(A2, A0, 8)), Some((Mode::U, STORE)));
}

/// U2: the redirection drops a reservation.
#[test]
fn u2_drops_the_reservation() {
    let mut bench = bench();
    bench.hart.state.reservation = Some(0x8000_0000);
    bench.raises(Mode::VS, asm::lw(A2, A0, 8));
    assert_eq!(bench.hart.state.reservation, None);
}

/// U4, threat 13: in a handler nothing traps to U, so that uepc is never lost.
#[test]
fn u4_the_handlers_own_traps_go_to_hs() {
    let mut bench = bench();
    bench.set(csr::SEDELEG, u64::MAX);
    assert_eq!(bench.raises(Mode::VS, asm::lw(A2, A0, 8)), Some((Mode::U, LOAD)));
    let uepc = bench.get(csr::UEPC);
    assert_eq!(bench.raises(Mode::U, asm::ebreak()), Some((Mode::HS, 3)));
    assert_eq!(bench.get(csr::UEPC), uepc);
    bench.set(csr::USTATUS, 0);
    assert_eq!(bench.raises(Mode::U, asm::ebreak()), Some((Mode::U, 3)), "outside of one, N delegates");
}

/// Threat 13: a user interrupt waits for the handler's end.
#[test]
fn u4_interrupts_wait() {
    let mut bench = bench();
    bench.set(standard::MIDELEG, 1);
    bench.set(csr::SIDELEG, 1);
    bench.set(standard::MIE, 1);
    bench.set(standard::MIP, 1);
    bench.set(csr::USTATUS, fields::ustatus::UIE | fields::ustatus::UPV);
    bench.run(Mode::U, asm::addi(S0, S0, 1));
    assert_eq!(bench.hart.state.pc, CODE + 4, "UPV=1: waits");
    bench.set(csr::USTATUS, fields::ustatus::UIE);
    bench.run(Mode::U, asm::addi(S0, S0, 1));
    assert_eq!((bench.hart.state.pc, bench.get(csr::UCAUSE)), (U_HANDLER, 1 << 63));
}

/// Threat 6: the bit means nothing in the guest's own tables.
#[test]
fn threat_6_vs_stage_has_no_mmio_bit() {
    let mut bench = bench();
    bench.set(standard::VSATP, rv_isa::fields::satp::SV39 | 0x8003_0000 >> 12);
    bench.store(0x8003_0000 + 2 * 8, 0x8000_0000 >> 12 << 10 | ORDINARY & !bits::U);
    bench.store(0x8003_0000, ORDINARY & !bits::U | pte::MMIO);
    bench.hart.state.x[10] = 0x1000;
    bench.set(standard::HEDELEG, 1 << 13);
    assert!(matches!(bench.raises(Mode::VS, asm::lw(A2, A0, 0)), Some((Mode::VS, 13))));
}

/// Threat 9: what the handler decodes was latched; the guest's memory is not read again.
#[test]
fn threat_9_the_instruction_is_latched() {
    let mut bench = bench();
    bench.raises(Mode::VS, asm::lbu(A2, A0, 8));
    let latched = bench.get(csr::UTINST);
    bench.store(CODE, asm::sd(A2, A0, 8).into());
    assert_eq!(bench.get(csr::UTINST), latched);
    assert_eq!(utinst::decode(latched).unwrap().size, 1);
}

/// ha-iov 8.13, 1: a bug that both public emulators of N have. A guest user's page fault never reaches utvec.
#[test]
fn vu_page_fault_never_reaches_utvec() {
    for code in [12, 13, 15] {
        let mut bench = bench();
        bench.set(csr::SEDELEG, u64::MAX);
        bench.set(standard::VSATP, rv_isa::fields::satp::SV39 | 0x8003_0000 >> 12);
        bench.store(0x8003_0000 + 2 * 8, 0x8000_0000 >> 12 << 10 | ORDINARY);
        bench.hart.state.x[10] = 0x1000;
        let raw = match code {
            12 => asm::jalr(ZERO, A0, 0),
            13 => asm::lw(A2, A0, 0),
            _ => asm::sw(A2, A0, 0),
        };
        bench.run(Mode::VU, raw);
        if code == 12 {
            let Rig { hart, memory } = &mut *bench;
            hart.step(memory);
        }
        assert_eq!(bench.outcome(), Some((Mode::HS, code)));
        assert_eq!(bench.hart.state.pc, HS_HANDLER);
    }
}
