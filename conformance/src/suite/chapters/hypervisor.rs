//! The hypervisor's loads and stores, and what is refused to guests.

use rv_hart::Mode;
use rv_isa::asm::{self, A0, A1, A2, A3, A4, ZERO};
use rv_isa::cause::{
    ILLEGAL_INSTRUCTION, LOAD_GUEST_PAGE_FAULT, LOAD_PAGE_FAULT, STORE_GUEST_PAGE_FAULT, STORE_PAGE_FAULT,
    VIRTUAL_INSTRUCTION,
};
use rv_isa::fields::{hstatus, mstatus, pte};
use rv_isa::{Fields, Format, Op, csr, encode};

use super::pages::{FIRST_LEAVES, GPA, PAGE, RWX, SECOND_LEAVES, VA, entry};
use super::two_stage::stages;
use crate::suite::case::{Case, Level, What, case};
use crate::suite::layout::{DATA, record};

const HLV: &str = "Hypervisor Virtual-Machine Load and Store Instructions";
const VALUE: u64 = 0x8877_6655_c4b3_a291;
/// Every instruction of the kind: bytes, and sign extension.
const LOADS: [(Op, u32, bool); 7] = [
    (Op::HlvB, 1, true),
    (Op::HlvBu, 1, false),
    (Op::HlvH, 2, true),
    (Op::HlvHu, 2, false),
    (Op::HlvW, 4, true),
    (Op::HlvWu, 4, false),
    (Op::HlvD, 8, false),
];
const FETCHES: [(Op, u32); 2] = [(Op::HlvxHu, 2), (Op::HlvxWu, 4)];
const STORES: [(Op, u32); 4] = [(Op::HsvB, 1), (Op::HsvH, 2), (Op::HsvW, 4), (Op::HsvD, 8)];

fn load(op: Op) -> u32 {
    encode(op, Fields { rd: A1, rs1: A0, ..Fields::default() })
}

fn store(op: Op) -> u32 {
    encode(op, Fields { rs2: A1, rs1: A0, ..Fields::default() })
}

fn low(value: u64, size: u32) -> u64 {
    if size == 8 { value } else { value & ((1 << (8 * size)) - 1) }
}

fn extended(value: u64, size: u32, signed: bool) -> u64 {
    let unused = 64 - 8 * size;
    let high = value << unused;
    if signed { (high as i64 >> unused) as u64 } else { high >> unused }
}

/// All cases.
pub fn cases() -> Vec<Case> {
    let mut cases = values();
    cases.extend(permissions());
    cases.extend(refused());
    cases.extend(fences());
    cases
}

/// A case in `mode`, which may use the instructions, with the guest's privilege `user` or not.
fn allowed(name: String, mode: Mode, user: bool, first: u64, second: u64) -> Case {
    let spvp = if user { 0 } else { hstatus::SPVP };
    let hu = if mode == Mode::U { hstatus::HU } else { 0 };
    stages(name, HLV, mode, first, second)
        .set(csr::HSTATUS, spvp | hu)
        .store(DATA, VALUE)
        .x(A0, VA)
        .x(A1, 0x1122_3344_5566_7788)
}

fn values() -> Vec<Case> {
    let mut cases = Vec::new();
    let second = entry(DATA, RWX | pte::U);
    for mode in [Mode::M, Mode::HS, Mode::U] {
        for user in [false, true] {
            let first = entry(GPA, RWX | if user { pte::U } else { 0 });
            let who = if user { "VU" } else { "VS" };
            for (op, size, signed) in LOADS {
                let case = allowed(format!("{} as {who}", op.row().mnemonic), mode, user, first, second);
                cases.push(case.run(load(op)).completes().reg(A1, extended(VALUE, size, signed)));
            }
            for (op, size) in FETCHES {
                let case = allowed(format!("{} as {who}", op.row().mnemonic), mode, user, first, second);
                cases.push(case.run(load(op)).completes().reg(A1, low(VALUE, size)));
            }
            for (op, size) in STORES {
                let case = allowed(format!("{} as {who}", op.row().mnemonic), mode, user, first, second);
                let stored = VALUE ^ low(VALUE ^ 0x1122_3344_5566_7788, size);
                cases.push(case.run(store(op)).completes().mem(DATA, stored));
            }
        }
    }
    cases
}

/// One access, and the outcome: a cause, or none.
struct Rule {
    name: &'static str,
    raw: u32,
    first: u64,
    second: u64,
    status: u64,
    guest_status: u64,
    cause: Option<u64>,
}

fn rules() -> Vec<Rule> {
    let data = pte::V | pte::A | pte::D;
    let (hlv, hlvx, hsv) = (load(Op::HlvW), load(Op::HlvxWu), store(Op::HsvW));
    let open = entry(DATA, RWX | pte::U);
    let fine = entry(GPA, RWX);
    let rule = |name, raw, first, second, cause| Rule { name, raw, first, second, status: 0, guest_status: 0, cause };
    let execute_only = entry(GPA, data | pte::X);
    let execute_only_g = entry(DATA, data | pte::X | pte::U);
    let read_write = entry(GPA, data | pte::R | pte::W);
    let read_write_g = entry(DATA, data | pte::R | pte::W | pte::U);
    vec![
        rule("hlv on a missing page of the first stage", hlv, 0, open, Some(LOAD_PAGE_FAULT)),
        rule("hlv on a missing page of the G-stage", hlv, fine, 0, Some(LOAD_GUEST_PAGE_FAULT)),
        rule("hsv on a missing page of the first stage", hsv, 0, open, Some(STORE_PAGE_FAULT)),
        rule("hsv on a missing page of the G-stage", hsv, fine, 0, Some(STORE_GUEST_PAGE_FAULT)),
        rule("hlv on an executable page", hlv, execute_only, open, Some(LOAD_PAGE_FAULT)),
        rule("hlvx on an executable page", hlvx, execute_only, execute_only_g, None),
        rule("hlvx on a page that is not executable", hlvx, read_write, open, Some(LOAD_PAGE_FAULT)),
        rule("hlvx on a G-stage page that is not executable", hlvx, fine, read_write_g, Some(LOAD_GUEST_PAGE_FAULT)),
        Rule { guest_status: mstatus::MXR, ..rule("hlv under vsstatus.MXR", hlv, execute_only, open, None) },
        Rule {
            guest_status: mstatus::MXR,
            ..rule("hlv under vsstatus.MXR, G-stage", hlv, fine, execute_only_g, Some(LOAD_GUEST_PAGE_FAULT))
        },
        Rule { status: mstatus::MXR, ..rule("hlv under sstatus.MXR", hlv, execute_only, execute_only_g, None) },
        Rule {
            status: mstatus::MXR,
            ..rule("hlvx under sstatus.MXR needs X all the same", hlvx, read_write, open, Some(LOAD_PAGE_FAULT))
        },
        rule("hlv as VS on a user page", hlv, entry(GPA, RWX | pte::U), open, Some(LOAD_PAGE_FAULT)),
        Rule {
            guest_status: mstatus::SUM,
            ..rule("hlv as VS on a user page under vsstatus.SUM", hlv, entry(GPA, RWX | pte::U), open, None)
        },
        Rule {
            status: mstatus::SUM,
            ..rule(
                "hlv as VS on a user page under sstatus.SUM",
                hlv,
                entry(GPA, RWX | pte::U),
                open,
                Some(LOAD_PAGE_FAULT),
            )
        },
    ]
}

/// Which permissions count, and what a fault says: it comes from V=0, but its address is the guest's.
fn permissions() -> Vec<Case> {
    let mut cases = Vec::new();
    for mode in [Mode::M, Mode::HS, Mode::U] {
        for rule in rules() {
            let case = allowed(rule.name.to_owned(), mode, false, rule.first, rule.second)
                .set(csr::SSTATUS, mstatus::FS | rule.status)
                .set(csr::VSSTATUS, mstatus::FS | rule.guest_status)
                .run(rule.raw);
            cases.push(match rule.cause {
                None => case.completes(),
                Some(cause) => {
                    let gpa = if cause >= 20 { GPA >> 2 } else { 0 };
                    case.traps(Level::M, cause).tval(VA).tval2(gpa).status(mstatus::GVA | mstatus::MPV, mstatus::GVA)
                }
            });
        }
    }
    let missing =
        allowed("a fault of hlv taken by HS".to_owned(), Mode::HS, false, 0, 0).set(csr::MEDELEG, 1 << LOAD_PAGE_FAULT);
    cases.push(
        missing
            .run(load(Op::HlvW))
            .traps(Level::HS, LOAD_PAGE_FAULT)
            .tval(VA)
            .tval2(0)
            // SPVP is written by traps from V=1 only.
            .hstatus(hstatus::GVA | hstatus::SPV | hstatus::SPVP, hstatus::GVA | hstatus::SPVP),
    );
    cases
}

/// Who may not: guests at all, users without hstatus.HU.
fn refused() -> Vec<Case> {
    let mut cases = Vec::new();
    let rows = Op::rows().iter().filter(|row| matches!(row.format, Format::Hlv | Format::Hsv));
    for row in rows {
        let raw = encode(row.op, Fields { rd: A1, rs1: A0, rs2: A1, ..Fields::default() });
        for (mode, cause) in
            [(Mode::VS, VIRTUAL_INSTRUCTION), (Mode::VU, VIRTUAL_INSTRUCTION), (Mode::U, ILLEGAL_INSTRUCTION)]
        {
            let case =
                case(format!("{} is refused", row.mnemonic), HLV, mode).needs(rv_isa::Isa::H).x(A0, DATA).run(raw);
            cases.push(case.traps(Level::M, cause).tval_one_of(&[raw.into(), 0]).tval2(0).status(mstatus::GVA, 0));
        }
    }
    cases
}

/// A changed entry of either stage is seen after the fence of that stage.
fn changes() -> Vec<Case> {
    let second = entry(DATA, RWX | pte::U);
    let elsewhere = DATA + 0x4000;
    let stages = [
        ("first stage", FIRST_LEAVES, entry(GPA + PAGE, RWX), asm::hfence_vvma(ZERO, ZERO)),
        ("G-stage", SECOND_LEAVES, entry(elsewhere, RWX | pte::U), asm::hfence_gvma(ZERO, ZERO)),
    ];
    let changed = |(name, table, leaf, fence): (&str, u64, u64, u32)| {
        allowed(
            format!("a changed entry of the {name} is seen after its fence"),
            Mode::HS,
            false,
            entry(GPA, RWX),
            second,
        )
        .store(SECOND_LEAVES + 8, entry(elsewhere, RWX | pte::U))
        .store(elsewhere, 2)
        .x(A2, table)
        .x(A3, leaf)
        .runs(&[load(Op::HlvD), asm::sd(A3, A2, 0), fence, asm::addi(A4, A1, 0), load(Op::HlvD)])
        .completes()
        .reg(A4, VALUE)
        .reg(A1, 2)
    };
    stages.into_iter().map(changed).collect()
}

/// Fences: who may use them.
fn fences() -> Vec<Case> {
    let section = "Hypervisor Memory-Management Fence Instructions; Svinval";
    let mut cases = Vec::new();
    for op in [Op::HfenceVvma, Op::HfenceGvma, Op::HinvalVvma, Op::HinvalGvma] {
        let raw = encode(op, Fields::default());
        let global = matches!(op, Op::HfenceGvma | Op::HinvalGvma);
        let of = |what: &str, mode| {
            case(format!("{} {what}", op.row().mnemonic), section, mode).needs_all(op.row().isa).run(raw)
        };
        cases.extend([of("runs", Mode::M).completes(), of("runs", Mode::HS).completes()]);
        for (mode, cause) in
            [(Mode::U, ILLEGAL_INSTRUCTION), (Mode::VS, VIRTUAL_INSTRUCTION), (Mode::VU, VIRTUAL_INSTRUCTION)]
        {
            cases.push(of("is refused", mode).traps(Level::M, cause).tval_one_of(&[raw.into(), 0]));
        }
        let trapped = of("under TVM", Mode::HS).set(csr::MSTATUS, mstatus::FS | mstatus::TVM);
        cases.push(if global { trapped.traps(Level::M, ILLEGAL_INSTRUCTION) } else { trapped.completes() });
    }
    for (register, name, open) in [(csr::HGATP, "hgatp", false), (csr::VSATP, "vsatp", true)] {
        let case = case(format!("{name} under TVM"), "mstatus.TVM", Mode::HS)
            .needs(rv_isa::Isa::H)
            .set(csr::MSTATUS, mstatus::FS | mstatus::TVM);
        let case = case.run(asm::csrrs(A1, register, ZERO));
        cases.push(if open { case.completes() } else { case.traps(Level::M, ILLEGAL_INSTRUCTION) });
    }
    cases.extend(changes());
    let spv = case("a guest's own traps set SPVP by its mode", "hstatus", Mode::VU)
        .set(csr::MEDELEG, 1 << 8)
        .set(csr::HSTATUS, hstatus::SPVP)
        .run(asm::ecall())
        .traps(Level::HS, 8)
        .hstatus(hstatus::SPV | hstatus::SPVP | hstatus::GVA, hstatus::SPV);
    let kept = case("a trap from U leaves SPVP alone", "hstatus", Mode::U)
        .needs(rv_isa::Isa::H)
        .set(csr::MEDELEG, 1 << 8)
        .set(csr::HSTATUS, hstatus::SPVP)
        .run(asm::ecall())
        .traps(Level::HS, 8)
        .hstatus(hstatus::SPV | hstatus::SPVP, hstatus::SPVP);
    cases.extend([spv, kept]);
    cases.push(
        case("a fault of MPRV with MPV is the guest's", "mstatus: MPRV, MPV, GVA", Mode::M)
            .needs(rv_isa::Isa::H)
            .needs(rv_isa::Isa::Sv39)
            .stores(super::pages::second_stage(0))
            .set(csr::HGATP, super::pages::SECOND)
            .x(A0, GPA)
            // MPP and MPV are those of the case's own return until the snippet sets them.
            .li(A1, mstatus::MPP)
            .run(asm::csrrc(ZERO, csr::MSTATUS, A1))
            .li(A1, mstatus::MPRV | mstatus::MPV | 1 << mstatus::MPP_SHIFT)
            .run(asm::csrrs(ZERO, csr::MSTATUS, A1))
            .run(asm::ld(A1, A0, 0))
            .traps(Level::M, LOAD_GUEST_PAGE_FAULT)
            .tval(GPA)
            .tval2(GPA >> 2)
            .expect_masked(What::Record(record::STATUS), mstatus::GVA | mstatus::MPV, &[mstatus::GVA]),
    );
    cases
}
