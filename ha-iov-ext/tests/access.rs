//! Access rules A1 to A4 (ha-iov 8.2), and threats 3, 4 and 12 of 8.11.

mod common;

use common::{Bench, CODE};
use ha_iov_ext::model::Config;
use ha_iov_ext::{cause, csr};
use rv_hart::Mode;
use rv_isa::asm::{A0, ZERO, csrrs, csrrw};
use rv_isa::cause::{ILLEGAL_INSTRUCTION, VIRTUAL_INSTRUCTION};

const USER_STATE: [u16; 9] =
    [csr::USTATUS, csr::UIE, csr::UIP, csr::UTVEC, csr::USCRATCH, csr::UEPC, csr::UCAUSE, csr::UTVAL, csr::UTINST];

fn raised(bench: &mut Bench, mode: Mode, raw: u32) -> Option<u64> {
    bench.raises(mode, raw).map(|(_, code)| code)
}

/// A1, threats 3 and 4: a guest can neither read nor write host U state or S's delegation to U.
#[test]
fn a1_nothing_of_n_is_visible_to_a_guest() {
    for number in USER_STATE.into_iter().chain([csr::SEDELEG, csr::SIDELEG]) {
        for mode in [Mode::VS, Mode::VU] {
            for raw in [csrrs(A0, number, ZERO), csrrw(ZERO, number, A0), csrrw(A0, number, A0)] {
                let mut bench = Bench::new();
                bench.hart.state.x[10] = 0x55;
                let before = bench.get(number);
                assert_eq!(raised(&mut bench, mode, raw), Some(VIRTUAL_INSTRUCTION), "{number:#x} from {mode:?}");
                assert_eq!((bench.hart.state.x[10], bench.get(number)), (0x55, before), "{number:#x}");
            }
        }
    }
}

/// A2: without huectl.NE the user has no N state; with it, it has.
#[test]
fn a2_user_state_needs_ne() {
    for number in USER_STATE {
        let raw = csrrs(A0, number, ZERO);
        let mut bench = Bench::new();
        assert_eq!(raised(&mut bench, Mode::U, raw), None, "{number:#x} with NE");
        assert_eq!(bench.hart.state.pc, CODE + 4);
        bench.set(csr::HUECTL, 0);
        assert_eq!(raised(&mut bench, Mode::U, raw), Some(ILLEGAL_INSTRUCTION), "{number:#x} without NE");
        assert_eq!(raised(&mut bench, Mode::HS, raw), None, "NE is about U only");
    }
}

/// A3, threat 12: numbers of the H and S ranges keep the ratified address check.
#[test]
fn a3_host_state_is_for_hs() {
    for number in [csr::HUEDELEG, csr::HUECTL] {
        for raw in [csrrs(A0, number, ZERO), csrrw(ZERO, number, A0)] {
            let mut bench = Bench::new();
            assert_eq!(raised(&mut bench, Mode::HS, raw), None);
            for (mode, code) in
                [(Mode::VS, VIRTUAL_INSTRUCTION), (Mode::VU, VIRTUAL_INSTRUCTION), (Mode::U, ILLEGAL_INSTRUCTION)]
            {
                assert_eq!(raised(&mut Bench::new(), mode, raw), Some(code), "{number:#x} from {mode:?}");
            }
        }
    }
    for number in [csr::SEDELEG, csr::SIDELEG] {
        let raw = csrrw(ZERO, number, A0);
        assert_eq!(raised(&mut Bench::new(), Mode::U, raw), Some(ILLEGAL_INSTRUCTION));
        assert_eq!(raised(&mut Bench::new(), Mode::HS, raw), None);
    }
}

/// Threat 12: huedeleg takes bits 24 and 25 and nothing else; sedeleg nothing of a guest's.
#[test]
fn delegation_is_warl() {
    let mut bench = Bench::new();
    bench.set(csr::HUEDELEG, u64::MAX);
    assert_eq!(bench.get(csr::HUEDELEG), 1 << 24 | 1 << 25);
    bench.set(csr::HUECTL, u64::MAX);
    assert_eq!(bench.get(csr::HUECTL), 1);
    bench.set(csr::SEDELEG, u64::MAX);
    assert_eq!(bench.get(csr::SEDELEG) & (cause::MEDELEG | 0xf << 20 | 7 << 9), 0);
    bench.set(csr::UEPC, 0x1001);
    bench.set(csr::UTVEC, 0x1002);
    assert_eq!((bench.get(csr::UEPC), bench.get(csr::UTVEC)), (0x1000, 0x1000));
    bench.set(rv_isa::csr::HEDELEG, u64::MAX);
    assert_eq!(bench.get(rv_isa::csr::HEDELEG) & cause::MEDELEG, 0, "custom causes never go to VS");
}

/// UPV and UPP are U's alone: sstatus has SPP at UPP's place.
#[test]
fn upv_and_upp_are_not_mirrored() {
    let mut bench = Bench::new();
    bench.set(csr::USTATUS, 0x191);
    assert_eq!(bench.get(csr::USTATUS), 0x191);
    assert_eq!(bench.get(rv_isa::csr::SSTATUS) & 0x191, 0x011);
    assert_eq!(bench.get(rv_isa::csr::MSTATUS) & 0x191, 0x011);
}

/// The parts can be switched off: what is left is N alone.
#[test]
fn without_uer_its_state_is_gone() {
    let mut bench = Bench::with(Config { uer: false, ..Config::default() });
    bench.set(rv_isa::csr::HSTATUS, u64::MAX);
    assert_eq!(bench.get(rv_isa::csr::HSTATUS) & 1 << 10, 0, "HUR");
    assert_eq!(bench.get(rv_isa::csr::MEDELEG) & cause::REDIRECTABLE, 0);
    bench.set(csr::USTATUS, u64::MAX);
    assert_eq!(bench.get(csr::USTATUS), 0x11, "no UPV, no UPP");
    for number in [csr::HUEDELEG, csr::UTINST] {
        let raw = csrrs(A0, number, ZERO);
        assert_eq!(raised(&mut bench, Mode::HS, raw), Some(ILLEGAL_INSTRUCTION), "{number:#x}");
    }
    assert_eq!(bench.get(rv_isa::csr::MISA) >> 13 & 1, 1, "N is still there");
}
