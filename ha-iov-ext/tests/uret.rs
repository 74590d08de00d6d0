//! The whole matrix of URET (ha-iov 8.4), and threats 10 and 11 of 8.11.

mod common;

use common::{Bench, CODE};
use ha_iov_ext::fields::{hstatus, ustatus};
use ha_iov_ext::insn::URET;
use ha_iov_ext::{csr, fields};
use rv_hart::{Mode, StepEvent};
use rv_isa::cause::{ILLEGAL_INSTRUCTION, VIRTUAL_INSTRUCTION};
use rv_isa::csr as standard;

const BACK: u64 = 0x8030_0000;

fn bench(status: u64) -> Bench {
    let mut bench = Bench::new();
    bench.set(csr::UEPC, BACK);
    bench.set(csr::USTATUS, status);
    bench
}

fn refused(mut bench: Bench, mode: Mode, code: u64) {
    let status = bench.get(csr::USTATUS);
    let raised = bench.raises(mode, URET);
    assert_eq!(raised.map(|(_, code)| code), Some(code), "from {mode:?} with ustatus {status:#x}");
    assert_eq!(bench.get(csr::USTATUS), status, "a refused uret changes nothing");
}

/// Executes URET in U and gives mode and ustatus.
fn returned(bench: &mut Bench) -> (Mode, u64) {
    assert_eq!(bench.run(Mode::U, URET), StepEvent::Retired { pc: CODE, raw: URET });
    assert_eq!(bench.hart.state.pc, BACK);
    (bench.hart.state.mode, bench.get(csr::USTATUS))
}

const ALL_STATUS: [u64; 4] = [0, ustatus::UPV, ustatus::UPP, ustatus::UPV | ustatus::UPP];

#[test]
fn at_v1_it_is_a_virtual_instruction() {
    for status in ALL_STATUS {
        refused(bench(status), Mode::VS, VIRTUAL_INSTRUCTION);
        refused(bench(status), Mode::VU, VIRTUAL_INSTRUCTION);
    }
}

#[test]
fn m_and_hs_have_no_uret() {
    for status in ALL_STATUS {
        refused(bench(status), Mode::M, ILLEGAL_INSTRUCTION);
        refused(bench(status), Mode::HS, ILLEGAL_INSTRUCTION);
    }
}

#[test]
fn u_needs_ne() {
    for status in ALL_STATUS {
        let mut bench = bench(status);
        bench.set(csr::HUECTL, 0);
        refused(bench, Mode::U, ILLEGAL_INSTRUCTION);
    }
}

/// Threat 10: with UPV=0, UPP is no way to S.
#[test]
fn without_upv_it_returns_to_u_whatever_upp_says() {
    for upp in [0, ustatus::UPP] {
        for (before, after) in [
            (0, ustatus::UPIE),
            (ustatus::UIE, ustatus::UPIE),
            (ustatus::UPIE, ustatus::UIE | ustatus::UPIE),
            (ustatus::UIE | ustatus::UPIE, ustatus::UIE | ustatus::UPIE),
        ] {
            assert_eq!(returned(&mut bench(before | upp)), (Mode::U, after | upp));
        }
    }
}

/// Threat 11: no guest of this thread, no V=1.
#[test]
fn to_a_guest_it_needs_hur_and_a_loaded_guest() {
    for upp in [0, ustatus::UPP] {
        let mut no_hur = bench(ustatus::UPV | upp);
        no_hur.set(standard::HSTATUS, 0);
        refused(no_hur, Mode::U, ILLEGAL_INSTRUCTION);
        let mut bare = bench(ustatus::UPV | upp);
        bare.set(standard::HGATP, 0);
        refused(bare, Mode::U, ILLEGAL_INSTRUCTION);
    }
}

#[test]
fn with_upv_it_returns_to_the_guest() {
    for (upp, mode) in [(0, Mode::VU), (ustatus::UPP, Mode::VS)] {
        for (upie, uie) in [(0, 0), (ustatus::UPIE, ustatus::UIE)] {
            let mut bench = bench(ustatus::UPV | upp | upie);
            assert_eq!(returned(&mut bench), (mode, uie | ustatus::UPIE), "UPV and UPP are cleared");
            assert_eq!(bench.get(standard::HSTATUS) & hstatus::HUR, hstatus::HUR);
        }
    }
}

/// There and back: the guest goes on behind the access, with the handler's answer in its register.
#[test]
fn a_whole_redirection() {
    let mut bench = Bench::new();
    bench.hart.state.x[10] = common::DEVICE;
    assert!(matches!(bench.raises(Mode::VU, rv_isa::asm::lw(12, 10, 0)), Some((Mode::U, 24))));
    bench.hart.state.x[12] = 0x60;
    let next = bench.get(csr::UEPC) + 4;
    bench.set(csr::UEPC, next);
    bench.run_at(Mode::U, common::U_HANDLER, URET);
    assert_eq!((bench.hart.state.mode, bench.hart.state.pc), (Mode::VU, CODE + 4));
    assert_eq!(bench.get(csr::USTATUS) & (fields::ustatus::UPV | fields::ustatus::UPP), 0);
}
