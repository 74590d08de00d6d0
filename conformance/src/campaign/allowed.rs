//! Where the specification leaves a choice, or a model is known to be wrong: data, not code.

use rv_isa::csr;
use rv_isa::fields::{menvcfg, mstatus, satp};
use serde::{Deserialize, Serialize};

/// A model to compare with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Peer {
    /// Spike.
    Spike,
    /// QEMU.
    Qemu,
    /// Our own engine of blocks.
    Blocks,
}

/// What may differ.
#[derive(Clone, Copy, Debug)]
pub enum What {
    /// These bits of a CSR, where it is written and where it is read.
    Bits(u16, u64),
    /// The value of a CSR that counts or stands still as its model likes: ours takes over what the other read.
    Pace(u16),
    /// Likewise all CSRs from one number to another.
    PaceRange(u16, u16),
    /// The CSR is not there on one side: programs leave it alone.
    Untouched(u16),
    /// Likewise from one number to another.
    UntouchedRange(u16, u16),
    /// The log says of a write to this CSR what was written, not what it became.
    LogOfWrite(u16),
    /// Ours is a transformed instruction where theirs is 0.
    Transformed(u16),
    /// Exception codes: ours, theirs. Programs delegate both alike.
    Cause(u64, u64),
    /// Theirs keeps MODE and takes the other fields where a value with an unsupported MODE leaves ours alone: ours follows.
    OtherFields(u16),
    /// Theirs marks floating-point state dirty where ours sees no change: ours follows.
    Dirtier(u16),
    /// Theirs writes the first page of a store whose second page faults: ours follows.
    HalfStore,
    /// Theirs does not check the whole of what a failing store-conditional would have written: the program ends there.
    FailingStore,
    /// Theirs reports the start of a cache block where ours reports the address within it that the instruction was given.
    BlockAddress,
    /// Programs don't write the CSR but in their contexts.
    Unwritten(u16),
    /// A store-conditional that ours would let succeed fails.
    StoreConditional,
}

/// A difference that is no fault of ours.
#[derive(Clone, Copy, Debug)]
pub struct Allowed {
    /// What differs.
    pub what: What,
    /// From which model; all if none.
    pub peer: Option<Peer>,
    /// Why, and the section that says so.
    pub reason: &'static str,
}

const COUNTERS: &str = "Zicntr: cycles and time are those of the model's own clock";
const IDENTITY: &str = "\"Machine-Level CSRs\": who made it, and which extensions can be switched off";
const TRIGGERS: &str = "Debug specification: triggers are optional, and we have none";
const HPM: &str =
    "\"Hardware Performance Monitor\": which events and counters there are is the implementation's choice";
const STATUS: &str =
    "QEMU 7.2 sets GVA for traps without a guest address, and keeps bits of fields that it doesn't have";
const DELEGATION: &str =
    "\"medeleg\", \"mideleg\", \"hgeip\": WARL; QEMU 7.2 has guest external interrupts, and other writable bits";
const EPC: &str = "\"mepc\": bit 0 is always 0; QEMU 7.2 keeps it";
const TVAL: &str = "QEMU 7.2 leaves values of earlier traps, or 0, where others write an address or the instruction";
const ENTRIES: &str = "\"Physical Memory Protection CSRs\": 16 entries or 64; those missing read 0, or are not there";
const GUARDED: &str = "written in contexts only: a stray value would stop the program";
const TIMERS: &str = "\"stimecmp\": a timer shows in bounded time, not at once";
const FIOM: &str = "\"menvcfg\": with satp, FIOM must be writable; Spike has it read-only 0";

const fn pace(number: u16, reason: &'static str) -> Allowed {
    Allowed { what: What::Pace(number), peer: None, reason }
}

const fn pace_range(first: u16, last: u16, reason: &'static str) -> Allowed {
    Allowed { what: What::PaceRange(first, last), peer: None, reason }
}

const fn qemu_bits(number: u16, bits: u64, reason: &'static str) -> Allowed {
    Allowed { what: What::Bits(number, bits), peer: Some(Peer::Qemu), reason }
}

const fn qemu(number: u16, reason: &'static str) -> Allowed {
    qemu_range(number, number, reason)
}

const fn qemu_range(first: u16, last: u16, reason: &'static str) -> Allowed {
    Allowed { what: What::PaceRange(first, last), peer: Some(Peer::Qemu), reason }
}

const fn untouched(number: u16, reason: &'static str) -> Allowed {
    Allowed { what: What::Untouched(number), peer: None, reason }
}

const fn guarded(number: u16, reason: &'static str) -> Allowed {
    Allowed { what: What::Unwritten(number), peer: None, reason }
}

const fn spike(number: u16, bits: u64, reason: &'static str) -> Allowed {
    Allowed { what: What::Bits(number, bits), peer: Some(Peer::Spike), reason }
}

const fn transformed(number: u16) -> Allowed {
    let reason = "H, \"Transformed Instruction or Pseudoinstruction\": 0 is always allowed but for implicit accesses";
    Allowed { what: What::Transformed(number), peer: None, reason }
}

const fn dirtier(number: u16) -> Allowed {
    let reason = "\"Extension Context Status in mstatus\": FS may become Dirty without a change of state";
    Allowed { what: What::Dirtier(number), peer: None, reason }
}

const fn misaligned(ours: u64, theirs: u64) -> Allowed {
    let reason = "\"Zalrsc\", \"Zaamo\": a misaligned address is an address-misaligned exception or an access fault";
    Allowed { what: What::Cause(ours, theirs), peer: None, reason }
}

/// All of them.
pub const ALLOWED: &[Allowed] = &[
    pace(csr::CYCLE, COUNTERS),
    pace(csr::TIME, COUNTERS),
    pace(csr::MCYCLE, COUNTERS),
    pace(csr::MIMPID, IDENTITY),
    pace(csr::MARCHID, IDENTITY),
    pace(csr::MISA, IDENTITY),
    Allowed { what: What::UntouchedRange(csr::MHPMEVENT3, csr::MHPMEVENT31), peer: None, reason: HPM },
    pace_range(csr::MHPMCOUNTER3, csr::MHPMCOUNTER31, HPM),
    pace_range(csr::HPMCOUNTER3, csr::HPMCOUNTER31, HPM),
    qemu_range(csr::MINSTRET, csr::MINSTRET, COUNTERS),
    qemu_range(csr::INSTRET, csr::INSTRET, COUNTERS),
    qemu(csr::HEDELEG, DELEGATION),
    qemu(csr::MEDELEG, DELEGATION),
    qemu(csr::MIDELEG, DELEGATION),
    qemu(csr::MCOUNTINHIBIT, HPM),
    qemu(csr::HGEIP, DELEGATION),
    qemu(csr::MVENDORID, IDENTITY),
    qemu_bits(csr::MEPC, 1, EPC),
    qemu_bits(csr::SEPC, 1, EPC),
    qemu_bits(csr::VSEPC, 1, EPC),
    qemu(csr::MSTATUS, STATUS),
    qemu(csr::SSTATUS, STATUS),
    qemu(csr::VSSTATUS, STATUS),
    qemu(csr::HSTATUS, STATUS),
    qemu(csr::MTVAL, TVAL),
    qemu(csr::STVAL, TVAL),
    qemu(csr::VSTVAL, TVAL),
    qemu(csr::MTVAL2, TVAL),
    qemu(csr::HTVAL, TVAL),
    qemu(csr::MTINST, TVAL),
    qemu(csr::HTINST, TVAL),
    untouched(csr::TSELECT, TRIGGERS),
    untouched(csr::TDATA1, TRIGGERS),
    untouched(csr::TDATA2, TRIGGERS),
    untouched(csr::TDATA3, TRIGGERS),
    untouched(csr::TINFO, TRIGGERS),
    untouched(csr::TCONTROL, TRIGGERS),
    untouched(csr::MCONTEXT, TRIGGERS),
    untouched(csr::SCONTEXT, TRIGGERS),
    untouched(csr::HCONTEXT, TRIGGERS),
    Allowed { what: What::UntouchedRange(csr::PMPADDR16, csr::PMPADDR63), peer: None, reason: ENTRIES },
    Allowed { what: What::UntouchedRange(csr::PMPCFG4 - 1, csr::PMPCFG14 + 1), peer: None, reason: ENTRIES },
    spike(csr::MENVCFG, menvcfg::FIOM, FIOM),
    spike(csr::SENVCFG, menvcfg::FIOM, FIOM),
    spike(csr::HENVCFG, menvcfg::FIOM, FIOM),
    spike(
        csr::MEDELEG,
        1 << 0 | 1 << 18 | 1 << 19,
        "\"medeleg\": bits of exceptions that neither can raise (misaligned fetch, software check, hardware error) are WARL",
    ),
    spike(csr::HEDELEG, 1 << 0 | 1 << 18 | 1 << 19, "\"hedeleg and hideleg\": as for medeleg"),
    spike(csr::MIDELEG, 1 << 12, "\"mideleg\": bit 12 is one only if GEILEN is not 0, and ours is 0"),
    spike(csr::MCOUNTINHIBIT, 0xffff_fff8, "\"mcountinhibit\": WARL; our programmable counters stand still anyway"),
    Allowed {
        what: What::LogOfWrite(csr::MIP),
        peer: Some(Peer::Spike),
        reason: "reads of mip, sip, hip and vsip are compared instead",
    },
    Allowed {
        what: What::OtherFields(csr::VSATP),
        peer: None,
        reason: "\"vsatp\": at V=0 a write with an unsupported MODE may be ignored, or not",
    },
    Allowed {
        what: What::OtherFields(csr::SATP),
        peer: Some(Peer::Spike),
        reason: "\"satp\": a write with an unsupported MODE has no effect; in Spike it changes ASID and PPN",
    },
    dirtier(csr::MSTATUS),
    dirtier(csr::VSSTATUS),
    transformed(csr::MTINST),
    transformed(csr::HTINST),
    misaligned(4, 5),
    misaligned(6, 7),
    Allowed {
        what: What::HalfStore,
        peer: Some(Peer::Spike),
        reason: "\"Load and Store Instructions\": misaligned stores need not be atomic, not with regard to faults either",
    },
    Allowed {
        what: What::FailingStore,
        peer: Some(Peer::Spike),
        reason: "\"Zalrsc\": whether an SC that fails anyway needs permission to store is not said",
    },
    Allowed {
        what: What::BlockAddress,
        peer: Some(Peer::Spike),
        reason: "CMO, \"Page Fault, Guest-Page Fault, and Access Fault Exceptions\": xtval is the value of rs1; Spike clears its low bits",
    },
    guarded(csr::SATP, GUARDED),
    guarded(csr::VSATP, GUARDED),
    guarded(csr::HGATP, GUARDED),
    guarded(csr::MTVEC, GUARDED),
    guarded(csr::STVEC, GUARDED),
    guarded(csr::VSTVEC, GUARDED),
    guarded(csr::MEDELEG, GUARDED),
    guarded(csr::HEDELEG, "misaligned atomics: both of their exceptions must go to the same mode"),
    guarded(csr::MENVCFG, TIMERS),
    guarded(csr::HENVCFG, TIMERS),
    guarded(csr::STIMECMP, TIMERS),
    guarded(csr::VSTIMECMP, TIMERS),
    guarded(csr::HTIMEDELTA, TIMERS),
    guarded(csr::MISA, IDENTITY),
    guarded(
        csr::MCOUNTINHIBIT,
        "\"mcountinhibit\": whether the writing instruction itself still counts is not said; with us it does, in Spike not",
    ),
    Allowed {
        what: What::StoreConditional,
        peer: None,
        reason: "Zalrsc, \"Load-Reserved/Store-Conditional Instructions\": SC may fail at any time",
    },
];

/// Programs don't access the CSR.
pub fn untouchable(number: u16) -> bool {
    ALLOWED.iter().any(|row| match row.what {
        What::Untouched(other) => other == number,
        What::UntouchedRange(first, last) => (first..=last).contains(&number),
        _ => false,
    })
}

/// Random code does not write the CSR.
pub fn unwritten(number: u16) -> bool {
    let protection = (csr::PMPCFG0..=csr::PMPADDR63).contains(&number);
    protection || ALLOWED.iter().any(|row| matches!(row.what, What::Unwritten(other) if other == number))
}

/// The row of a kind.
pub fn row(wanted: fn(&What) -> bool) -> Option<usize> {
    ALLOWED.iter().position(|row| wanted(&row.what))
}

/// The CSR goes at its model's own pace.
pub fn own_pace(number: u16) -> bool {
    ALLOWED.iter().any(|row| matches!(row.what, What::Pace(other) if other == number))
}

/// What a CSR is read as may be `theirs` where it is `mine` with us.
pub fn read_may_differ(peer: Peer, row: &Allowed, number: u16, mine: u64, theirs: u64) -> bool {
    if row.peer.is_some_and(|only| only != peer) {
        return false;
    }
    let is_cause = matches!(number, csr::MCAUSE | csr::SCAUSE | csr::VSCAUSE);
    match row.what {
        What::Pace(other) => other == number,
        What::BlockAddress => match number {
            csr::MTVAL | csr::STVAL | csr::VSTVAL => mine & !63 == theirs,
            csr::MTVAL2 | csr::HTVAL => mine & !15 == theirs,
            _ => false,
        },
        What::PaceRange(first, last) => (first..=last).contains(&number),
        What::Bits(other, bits) => other == number && (mine ^ theirs) & !bits == 0,
        What::Transformed(other) => other == number && theirs == 0 && mine & 1 != 0,
        What::Cause(here, there) => is_cause && (mine, theirs) == (here, there),
        _ => false,
    }
}

/// A CSR may be written as `theirs` where ours has become `mine`; ours then follows.
pub fn write_may_differ(peer: Peer, row: &Allowed, number: u16, mine: u64, theirs: u64) -> bool {
    if row.peer.is_some_and(|only| only != peer) {
        return false;
    }
    match row.what {
        What::OtherFields(other) => other == number && (mine ^ theirs) & satp::MODE == 0,
        What::Dirtier(other) => {
            let status = mstatus::FS | mstatus::SD;
            other == number && (mine ^ theirs) & !status == 0 && theirs & mstatus::FS == mstatus::FS
        }
        _ => false,
    }
}

/// The bits of a CSR that must be equal.
pub fn compared_bits(peer: Peer, number: u16) -> u64 {
    let rows = ALLOWED.iter().filter(|row| row.peer.is_none_or(|only| only == peer));
    rows.fold(!0, |mask, row| match row.what {
        What::Bits(other, bits) if other == number => mask & !bits,
        What::LogOfWrite(other) | What::Pace(other) if other == number => 0,
        _ => mask,
    })
}
