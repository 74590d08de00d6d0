//! URET: the whole matrix (manual 2.4; item 3). URET of an HCS handler is in `hcs`.

use ha_iov_ext::fields::{hstatus, huectl, ustatus};
use ha_iov_ext::{csr, insn};
use rv_hart::Mode;
use rv_isa::asm;
use rv_isa::cause::{ECALL_FROM_U, ECALL_FROM_VS, ILLEGAL_INSTRUCTION, VIRTUAL_INSTRUCTION};
use rv_isa::fields::mstatus;
use rv_isa::{Isa, csr as standard};

use super::super::pages;
use super::guest::{HGATP, U_HANDLER, cites, code_at};
use crate::suite::case::{Case, Level, What};
use crate::suite::layout::record;

const STATUS: [u64; 4] = [0, ustatus::UPV, ustatus::UPP, ustatus::UPV | ustatus::UPP];

/// All that lets URET go anywhere it may: uepc is at a call.
fn prepared(name: String, section: &'static str, mode: Mode, status: u64) -> Case {
    pages::guest(name, section, mode, 0)
        .needs(Isa::H)
        .stores(code_at(U_HANDLER, &[asm::ecall()]))
        .set(standard::HGATP, HGATP)
        .set(standard::HSTATUS, hstatus::HUR)
        .set(csr::HUECTL, huectl::NE)
        .set(csr::UEPC, U_HANDLER)
        .set(csr::USTATUS, status)
        .run(insn::URET)
}

/// All cases.
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for status in STATUS {
        for mode in [Mode::VS, Mode::VU] {
            let section = cites!("2.4": "T1" "A1" "item 3" "item 2");
            cases.push(refused(
                prepared(format!("at V=1, ustatus {status:#x}"), section, mode, status),
                status,
                VIRTUAL_INSTRUCTION,
            ));
        }
        for mode in [Mode::M, Mode::HS] {
            let section = cites!("2.4": "T2" "item 3" "threat 10");
            let case = prepared(format!("in {}, ustatus {status:#x}", mode.name()), section, mode, status);
            cases.push(refused(case, status, ILLEGAL_INSTRUCTION));
        }
        let section = cites!("2.4": "T3" "A2" "item 3" "item 15");
        let closed = prepared(format!("without NE, ustatus {status:#x}"), section, Mode::U, status).set(csr::HUECTL, 0);
        cases.push(refused(closed, status, ILLEGAL_INSTRUCTION));
    }
    cases.extend(to_user());
    cases.extend(to_guest());
    cases
}

/// A refused URET changes nothing.
fn refused(case: Case, status: u64, code: u64) -> Case {
    let raw = u64::from(insn::URET);
    case.traps(Level::M, code).tval_one_of(&[raw, 0]).csr(csr::USTATUS, status).csr(csr::UEPC, U_HANDLER)
}

/// T5, threat 10: UPP is no way to S.
fn to_user() -> Vec<Case> {
    let mut cases = Vec::new();
    for upp in [0, ustatus::UPP] {
        for (before, after) in [
            (0, ustatus::UPIE),
            (ustatus::UIE, ustatus::UPIE),
            (ustatus::UPIE, ustatus::UIE | ustatus::UPIE),
            (ustatus::UIE | ustatus::UPIE, ustatus::UIE | ustatus::UPIE),
        ] {
            let section = cites!("2.4": "T5" "item 3" "threat 10");
            let case = prepared(format!("with UPV=0, ustatus {:#x}", before | upp), section, Mode::U, before | upp);
            cases.push(arrives(case, Mode::U).csr(csr::USTATUS, after | upp));
        }
    }
    cases
}

/// T6, T7; threat 11: V=1 only where the guest is the thread's own.
fn to_guest() -> Vec<Case> {
    let mut cases = Vec::new();
    for (upp, mode) in [(0, Mode::VU), (ustatus::UPP, Mode::VS)] {
        for (upie, uie) in [(0, 0), (ustatus::UPIE, ustatus::UIE)] {
            let status = ustatus::UPV | upp | upie;
            let section = cites!("2.4": "T7" "item 3");
            let case = prepared(format!("to {}, ustatus {status:#x}", mode.name()), section, Mode::U, status);
            cases.push(arrives(case, mode).csr(csr::USTATUS, uie | ustatus::UPIE));
            let section = cites!("2.4": "T6" "item 3" "threat 11" "duty 3");
            let gone = prepared(format!("without HUR, ustatus {status:#x}"), section, Mode::U, status);
            cases.push(refused(gone.set(standard::HSTATUS, 0), status, ILLEGAL_INSTRUCTION));
            let bare = prepared(format!("without a guest, ustatus {status:#x}"), section, Mode::U, status);
            cases.push(refused(bare.set(standard::HGATP, 0), status, ILLEGAL_INSTRUCTION));
        }
    }
    cases
}

/// The call at uepc was executed in `mode`.
fn arrives(case: Case, mode: Mode) -> Case {
    let cause = if mode == Mode::VS { ECALL_FROM_VS } else { ECALL_FROM_U };
    let virt = if mode.virt() { mstatus::MPV } else { 0 };
    let from = u64::from(mode.privilege()) << mstatus::MPP_SHIFT | virt;
    case.expect(What::Record(record::EPC), U_HANDLER)
        .expect(What::Record(record::CAUSE), cause)
        .status(mstatus::MPV | mstatus::MPP, from)
}
