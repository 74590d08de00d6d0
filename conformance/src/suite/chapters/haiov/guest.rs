//! What the chapters share: a guest whose device page is marked, VEI's tables, a user context and its handler, and how to wait.

use ha_iov_ext::fields::{hstatus, huct, huectl, hveictl, hveidir, hvslot};
use ha_iov_ext::vei::{Affinity, Context, DirectoryEntry, MapEntry, Target};
use ha_iov_ext::{cause, csr};
use rv_hart::Mode;
use rv_isa::asm::{self, A1, T0, T1, ZERO};
use rv_isa::csr as standard;
use rv_isa::fields::pmpcfg;

use super::super::pages::{self, FIRST, SECOND};
use crate::suite::case::{Case, What};
use crate::suite::layout::{RECORD, record};

/// Bit 63 of causes.
pub const INTERRUPT: u64 = 1 << 63;
/// Where handlers of U are: user code of the first stage.
pub const U_HANDLER: u64 = 0x80bf_0000;
/// What handlers of U write: user memory of the first stage.
pub const LOG: u64 = 0x80be_0000;
/// The directory of maps.
pub const DIRECTORY: u64 = 0x8140_0000;
/// The map of [`VMID`].
pub const MAP: u64 = 0x8141_0000;
/// The hart's contexts.
pub const CONTEXTS: u64 = 0x8142_0000;
/// The hart's register area.
pub const SAVE: u64 = 0x8143_0000;
/// The guest's.
pub const VMID: u64 = 5;
/// The VEIRQ that the guest may send.
pub const VEIRQ: u64 = 3;
/// log2 of the map's entries.
pub const MAP_LOG2: u32 = 4;
/// The supervisor VEI that it means.
pub const VEIID: u8 = 37;
/// The context and vector that it means.
pub const CONTEXT: u8 = 6;
/// See [`CONTEXT`].
pub const VECTOR: u8 = 41;
/// Trust domain of the context.
pub const DOM: u16 = 0x1234;
/// What a monitor keeps in uscratch, and a handler is entered with.
pub const HANDLER_USCRATCH: u64 = LOG + 0x800;

/// A citation: the manual's section, and rules.
macro_rules! cites {
    ($section:literal: $first:literal $($rule:literal)*) => {
        concat!("HA-IOV manual ", $section, ": ", $first $(, "; ", $rule)*)
    };
}
pub(super) use cites;

/// hgatp of the guest.
pub const HGATP: u64 = SECOND | VMID << 44;

/// Doublewords that hold these instructions.
pub fn code_at(addr: u64, words: &[u32]) -> Vec<(u64, u64)> {
    let word = |index: usize| u64::from(words.get(index).copied().unwrap_or(0));
    (0..words.len()).step_by(2).map(|index| (addr + 4 * index as u64, word(index) | word(index + 1) << 32)).collect()
}

/// A case of a guest with a device page at [`pages::GPA`] with this G-stage entry: all that lets its accesses reach a handler of U that just calls.
pub fn redirectable(name: impl Into<String>, section: &'static str, mode: Mode, leaf: u64) -> Case {
    pages::guest(name, section, mode, leaf)
        .stores(code_at(U_HANDLER, &[asm::ecall()]))
        .set(standard::MEDELEG, cause::REDIRECTABLE)
        .set(csr::UTVEC, U_HANDLER)
        .set(standard::HSTATUS, hstatus::HUR)
        .set(csr::HUEDELEG, cause::REDIRECTABLE)
        .set(csr::HUECTL, huectl::NE)
}

/// Expects that the handler of U that just calls was reached, with this cause.
pub fn reaches_u(case: Case, code: u64) -> Case {
    case.expect(What::Record(record::EPC), U_HANDLER)
        .expect(What::Record(record::CAUSE), rv_isa::cause::ECALL_FROM_U)
        .csr(csr::UCAUSE, code)
}

/// The map entry of a supervisor VEI to this hart.
pub const SUPERVISOR: MapEntry =
    MapEntry { hart: 0, target: Target::Supervisor { veiid: VEIID }, gap: 0, affinity: Affinity::Fixed };
/// The map entry of a user VEI to this hart.
pub const USER: MapEntry = MapEntry { target: Target::User { context: CONTEXT, vector: VECTOR }, ..SUPERVISOR };

/// Where the entry of a VEIRQ is.
pub const fn entry_at(veirq: u64) -> u64 {
    MAP + MapEntry::SIZE * veirq
}

/// Where the context is, and the doubleword of it at `offset`.
pub const fn context_at(offset: u64) -> u64 {
    CONTEXTS + Context::SIZE * CONTEXT as u64 + offset
}

/// Doublewords from `at` on.
pub fn words_at(at: u64, words: &[u64]) -> Vec<(u64, u64)> {
    words.iter().zip((at..).step_by(8)).map(|(word, at)| (at, *word)).collect()
}

/// A directory in which the guest's VMID has the map.
pub const DIRECTORY_ENTRY: u64 = DirectoryEntry { map: MAP, log2_entries: MAP_LOG2 }.encode();

/// A case with a map that has `entry` for [`VEIRQ`], in a mode that may send: a guest's kernel, or HS on its behalf.
pub fn sender(name: impl Into<String>, section: &'static str, mode: Mode, entry: [u64; 2]) -> Case {
    pages::guest(name, section, mode, 0)
        .stores((0..1 << MAP_LOG2).flat_map(|veirq| words_at(entry_at(veirq), &[0, 0])))
        .stores((0..16).map(|vmid| (DIRECTORY + 8 * vmid, 0)))
        .store(DIRECTORY + 8 * VMID, DIRECTORY_ENTRY)
        .stores(words_at(entry_at(VEIRQ), &entry))
        .set(standard::HGATP, HGATP)
        .set(csr::HVEIDIR, hveidir::of(DIRECTORY, 4))
        .set(csr::HVEICTL, hveictl::VSE)
        .x(asm::A0, VEIRQ)
}

/// Loads the log's address.
pub const fn log_base(rd: u8) -> [u32; 2] {
    // LUI extends the sign: half of it first.
    [asm::lui(rd, (LOG >> 1) as i32), asm::slli(rd, rd, 1)]
}

/// The context's handler: the first claims go to the log, then it returns.
pub const DRAINING: [u32; 11] = [
    log_base(T0)[0],
    log_base(T0)[1],
    asm::csrrs(T1, csr::UTOPVEI, ZERO),
    asm::sd(T1, T0, 0),
    asm::csrrw(T1, csr::UTOPVEI, ZERO),
    asm::sd(T1, T0, 8),
    asm::csrrw(T1, csr::UTOPVEI, ZERO),
    asm::sd(T1, T0, 16),
    // The first claims are logged; the rest are drained.
    asm::csrrw(T1, csr::UTOPVEI, ZERO),
    asm::bne(T1, ZERO, -4),
    ha_iov_ext::insn::URET,
];

/// The context: its handler is at [`U_HANDLER`].
pub const HANDLER: Context =
    Context { dom: DOM, utvec: U_HANDLER, uscratch: HANDLER_USCRATCH, suscratch: RECORD, suatp: FIRST };

/// A case whose guest may send a user VEI to its own hart, with the context and its handler.
pub fn user_sender(name: impl Into<String>, section: &'static str, mode: Mode, handler: &[u32]) -> Case {
    sender(name, section, mode, USER.encode())
        .stores(pages::first_stage(0))
        .stores(words_at(CONTEXTS, &[0; 512]))
        .stores(words_at(context_at(0), &HANDLER.encode()))
        .stores(words_at(LOG, &[0; 16]))
        .stores(code_at(U_HANDLER, handler))
        .set(csr::HUSAVE, SAVE)
        .set(csr::HUCT, huct::of(CONTEXTS))
}

/// `hveictl` under which every guest may be interrupted.
pub const TAKEN: u64 = hveictl::VSE | hveictl::UVE | hveictl::BANK;

/// `hvslot` with the context.
pub const SLOT: u64 = hvslot::V | CONTEXT as u64;

/// A topvei register's value for a number.
pub const fn top(number: u8) -> u64 {
    ha_iov_ext::fields::topvei::V | number as u64
}

/// Sends the number in a0.
pub const SEND: u32 = asm::csrrw(ZERO, csr::VEISEND, asm::A0);

/// A while, in which what was sent arrives; a1 is lost.
pub const WAIT: [u32; 3] = [asm::addi(A1, ZERO, 400), asm::addi(A1, A1, -1), asm::bne(A1, ZERO, -4)];

/// Expects that a trap went to a level, wherever the snippet was.
pub fn taken(case: Case, level: crate::suite::case::Level, code: u64) -> Case {
    case.expect(What::Record(record::CAUSE), code).expect(What::Record(record::LEVEL), level as u64)
}

/// PMP closes the page at `at` for all modes but M.
pub fn closed(case: Case, at: u64) -> Case {
    case.set(standard::PMPADDR0, at >> 2 | 0x1ff).set(standard::PMPCFG0, pmpcfg::A_NAPOT.into())
}

/// U may use N.
pub fn enabled(case: Case) -> Case {
    case.set(csr::HUECTL, huectl::NE)
}
