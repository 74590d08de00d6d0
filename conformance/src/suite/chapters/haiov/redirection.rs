//! User-level exception redirection (manual 2.1 to 2.3, 3): which accesses of which pages, and where their exceptions go.

use ha_iov_ext::fields::{hstatus, ustatus};
use ha_iov_ext::{cause, csr, insn, pte};
use rv_hart::Mode;
use rv_isa::asm::{self, A0, A1, A2, A3, A4, A5, ZERO};
use rv_isa::cause::{
    BREAKPOINT, INSTRUCTION_GUEST_PAGE_FAULT, INSTRUCTION_PAGE_FAULT, LOAD_GUEST_PAGE_FAULT, LOAD_PAGE_FAULT,
    STORE_GUEST_PAGE_FAULT, STORE_PAGE_FAULT,
};
use rv_isa::fields::{hstatus as hypervisor, menvcfg, mstatus, pte as bits};
use rv_isa::{Isa, csr as standard};

use super::super::pages::{FIRST, GPA, PAGE, RWX, SECOND_LEAVES, VA, entry, first_stage};
use super::guest::{U_HANDLER, cites, code_at, reaches_u, redirectable};
use crate::suite::case::{Case, Level, What};
use crate::suite::layout::{DATA, record};

const LOAD: u64 = cause::LOAD_MMIO_GUEST_FAULT;
const STORE: u64 = cause::STORE_MMIO_GUEST_FAULT;
const SP: u8 = 2;
/// Places of the guest's device page that the tests use.
const PLACE: u64 = GPA + 8;

/// All cases.
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for mode in [Mode::VS, Mode::VU] {
        cases.extend(eligible(mode));
        cases.extend(odd(mode));
        cases.extend(entries(mode));
        cases.extend(fetches_and_walks(mode));
        cases.extend(choice(mode));
        cases.extend(emulated(mode));
        cases.extend(delegation(mode));
    }
    cases.extend(host_accesses());
    cases.extend(leads_nowhere());
    cases.extend(handlers_own_traps());
    cases.extend(first_stage_bit());
    cases
}

/// Each integer load and store, and what utinst tells of it: bits 1:0, funct3, register, opcode.
fn accesses() -> Vec<(&'static str, u32, u64)> {
    let load = |funct3: u64, rd: u64| 0x03 | rd << 7 | funct3 << 12;
    let store = |funct3: u64, rs2: u64| 0x23 | rs2 << 20 | funct3 << 12;
    // The compressed forms: bit 1 of utinst is 0.
    let short = |long: u64| long & !2;
    vec![
        ("lb", asm::lb(A2, A0, 0), load(0, 12)),
        ("lh", asm::lh(A2, A0, 0), load(1, 12)),
        ("lw", asm::lw(A2, A0, 0), load(2, 12)),
        ("ld", asm::ld(A2, A0, 0), load(3, 12)),
        ("lbu", asm::lbu(A2, A0, 0), load(4, 12)),
        ("lhu", asm::lhu(A2, A0, 0), load(5, 12)),
        ("lwu", asm::lwu(A2, A0, 0), load(6, 12)),
        ("sb", asm::sb(A2, A0, 0), store(0, 12)),
        ("sh", asm::sh(A2, A0, 0), store(1, 12)),
        ("sw", asm::sw(A2, A0, 0), store(2, 12)),
        ("sd", asm::sd(A2, A0, 0), store(3, 12)),
        ("lw of x0", asm::lw(ZERO, A0, 0), load(2, 0)),
        ("sw of x0", asm::sw(ZERO, A0, 0), store(2, 0)),
        ("c.lw", 0x4110, short(load(2, 12))),
        ("c.ld", 0x6110, short(load(3, 12))),
        ("c.sw", 0xc110, short(store(2, 12))),
        ("c.sd", 0xe110, short(store(3, 12))),
        ("c.lwsp", 0x4602, short(load(2, 12))),
        ("c.ldsp", 0x6602, short(load(3, 12))),
        ("c.swsp", 0xc032, short(store(2, 12))),
        ("c.sdsp", 0xe032, short(store(3, 12))),
        ("c.lbu", 0x8110, short(load(4, 12))),
        ("c.lhu", 0x8510, short(load(5, 12))),
        ("c.lh", 0x8550, short(load(1, 12))),
        ("c.sb", 0x8910, short(store(0, 12))),
        ("c.sh", 0x8d10, short(store(1, 12))),
    ]
}

/// Adds a compressed instruction's extension.
fn compressed(case: Case, name: &str) -> Case {
    match name {
        "c.lbu" | "c.lhu" | "c.lh" | "c.sb" | "c.sh" => case.needs(Isa::Zca).needs(Isa::Zcb),
        _ if name.starts_with("c.") => case.needs(Isa::Zca),
        _ => case,
    }
}

fn is_store(utinst: u64) -> bool {
    utinst & 0x20 != 0
}

/// U2: what the handler finds; nothing of HS and VS has changed.
fn eligible(mode: Mode) -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, raw, utinst) in accesses() {
        let code = if is_store(utinst) { STORE } else { LOAD };
        let section = cites!("2.2": "G4" "U2" "8.1 codes" "item 4" "item 5" "threat 9");
        for (uie, status) in [(0, 0), (ustatus::UIE, ustatus::UPIE)] {
            let case = redirectable(format!("{name}, UIE={uie}"), section, mode, pte::DEVICE);
            let case = case.set(csr::USTATUS, uie).x(A0, PLACE).x(SP, PLACE).x(A2, 0x77).run(raw);
            let upp = if mode == Mode::VS { ustatus::UPP } else { 0 };
            let case = reaches_u(compressed(case, name), code)
                .csr(csr::UTVAL, PLACE)
                .csr(csr::UTINST, utinst)
                .csr(csr::USTATUS, ustatus::UPV | upp | status)
                .reg(A2, 0x77)
                .csr(standard::SCAUSE, 0)
                .csr(standard::HTVAL, 0);
            cases.push(case.set(standard::SCAUSE, 0).set(standard::SEPC, 0).csr(standard::SEPC, 0));
        }
    }
    cases
}

/// G4: everything else is a guest-page fault.
fn odd(mode: Mode) -> Vec<Case> {
    let base = |name: &str, isa: &[Isa]| {
        let section = cites!("2.1": "G4" "P1" "threat 8" "item 5");
        let case = redirectable(format!("{name} is not redirected"), section, mode, pte::DEVICE);
        isa.iter().fold(case, |case, isa| case.needs(*isa)).x(A1, 0)
    };
    let (load, store) = (LOAD_GUEST_PAGE_FAULT, STORE_GUEST_PAGE_FAULT);
    let aligned: [(&str, u32, &[Isa], u64); 18] = [
        ("amoadd.w", asm::amoadd_w(A2, A1, A0), &[Isa::Zaamo], store),
        ("amoswap.d", asm::amoswap_d(A2, A1, A0), &[Isa::Zaamo], store),
        ("lr.w", asm::lr_w(A2, A0), &[Isa::Zalrsc], load),
        ("lr.d", asm::lr_d(A2, A0), &[Isa::Zalrsc], load),
        ("sc.w", asm::sc_w(A2, A1, A0), &[Isa::Zalrsc], store),
        ("sc.d", asm::sc_d(A2, A1, A0), &[Isa::Zalrsc], store),
        ("amocas.d", asm::amocas_d(A2, A1, A0), &[Isa::Zacas], store),
        ("amoadd.b", asm::amoadd_b(A2, A1, A0), &[Isa::Zabha], store),
        ("flw", asm::flw(12, A0, 0), &[Isa::F], load),
        ("fld", asm::fld(12, A0, 0), &[Isa::D], load),
        ("fsw", asm::fsw(12, A0, 0), &[Isa::F], store),
        ("fsd", asm::fsd(12, A0, 0), &[Isa::D], store),
        ("flh", asm::flh(12, A0, 0), &[Isa::Zfhmin], load),
        ("fsh", asm::fsh(12, A0, 0), &[Isa::Zfhmin], store),
        ("c.fld", 0x2110, &[Isa::Zcd, Isa::D], load),
        ("c.fsd", 0xa110, &[Isa::Zcd, Isa::D], store),
        ("cbo.zero", asm::cbo_zero(A0), &[Isa::Zicboz], store),
        ("cbo.clean", asm::cbo_clean(A0), &[Isa::Zicbom], store),
    ];
    let mut cases = Vec::new();
    for (name, raw, isa, fault) in aligned {
        let open = menvcfg::CBZE | menvcfg::CBCFE;
        let case =
            base(name, isa).set(standard::MENVCFG, open).set(standard::HENVCFG, open).set(standard::SENVCFG, open);
        cases.push(case.x(A0, GPA).run(raw).traps(Level::M, fault).csr(csr::UCAUSE, 0));
    }
    for (name, raw, size, fault) in [
        ("lh", asm::lh(A2, A0, 0), 2, load),
        ("lhu", asm::lhu(A2, A0, 0), 2, load),
        ("lw", asm::lw(A2, A0, 0), 4, load),
        ("lwu", asm::lwu(A2, A0, 0), 4, load),
        ("ld", asm::ld(A2, A0, 0), 8, load),
        ("sh", asm::sh(A2, A0, 0), 2, store),
        ("sw", asm::sw(A2, A0, 0), 4, store),
        ("sd", asm::sd(A2, A0, 0), 8, store),
    ] {
        for offset in 1..size {
            let case = base(&format!("{name} at offset {offset}"), &[Isa::Zicclsm]);
            cases.push(case.x(A0, GPA + 16 + offset).run(raw).traps(Level::M, fault).csr(csr::UCAUSE, 0));
        }
    }
    // Out of an ordinary page into the device's: the second half faults.
    let across =
        base("ld across into the device page", &[Isa::Zicclsm]).store(SECOND_LEAVES, entry(DATA, RWX | bits::U));
    let across = across.store(SECOND_LEAVES + 8, pte::DEVICE).x(A0, GPA + PAGE - 4);
    cases.push(across.run(asm::ld(A2, A0, 0)).traps(Level::M, load));
    cases
}

/// G1 to G3, exhaustively: all rights, and every bit that must be 0.
fn entries(mode: Mode) -> Vec<Case> {
    let mut cases = Vec::new();
    let extras = (55..64).map(|bit| 1u64 << bit).chain([0, 3 << 61, bits::G, bits::A | bits::D, 0x300, 0xfff << 10]);
    for extra in extras {
        for rights in 0..16u64 {
            let rwxu = rights << 1;
            for (store, raw) in [(false, asm::lw(A2, A0, 0)), (true, asm::sw(A2, A0, 0))] {
                for hur in [true, false] {
                    // HUR=0 is the base machine, whatever the entry.
                    if !hur && (extra != 0 || rwxu & bits::U == 0) {
                        continue;
                    }
                    cases.push(one_entry(mode, bits::V | pte::MMIO | rwxu | extra, store, raw, hur));
                }
            }
        }
    }
    for (leaf, fault) in [(pte::DEVICE & !bits::V, "invalid"), (0, "absent")] {
        let section = cites!("2.1": "G1" "item 5");
        let case = redirectable(format!("an entry that is {fault}"), section, mode, leaf).x(A0, PLACE);
        cases.push(case.run(asm::lw(A2, A0, 0)).traps(Level::M, LOAD_GUEST_PAGE_FAULT));
    }
    let section = cites!("2.1": "G1" "item 5");
    let ordinary = redirectable("an ordinary page", section, mode, entry(DATA, RWX | bits::U)).store(DATA + 8, 5);
    cases.push(ordinary.x(A0, PLACE).run(asm::lw(A2, A0, 0)).completes().reg(A2, 5));
    cases
}

fn one_entry(mode: Mode, leaf: u64, store: bool, raw: u32, hur: bool) -> Case {
    let section = match hur {
        true => cites!("2.1": "G3" "G4" "item 5"),
        false => cites!("2.1": "G2" "item 6" "item 15" "duty 3"),
    };
    let what = if store { "store" } else { "load" };
    let case = redirectable(format!("{what}, entry {leaf:#x}, HUR={}", u8::from(hur)), section, mode, leaf);
    let case = case.set(standard::HSTATUS, if hur { hstatus::HUR } else { 0 }).x(A0, PLACE).run(raw);
    let rights = leaf & (bits::R | bits::X | bits::U);
    let clean = leaf >> 55 == 0;
    let redirected = hur && clean && rights == bits::R | bits::U && (!store || leaf & bits::W != 0);
    match (redirected, store) {
        (true, _) => reaches_u(case, if store { STORE } else { LOAD }),
        (false, true) => fault(case, STORE_GUEST_PAGE_FAULT),
        (false, false) => fault(case, LOAD_GUEST_PAGE_FAULT),
    }
}

/// A guest-page fault as without the extension.
fn fault(case: Case, code: u64) -> Case {
    case.traps(Level::M, code).tval(PLACE).tval2(PLACE >> 2).csr(csr::UCAUSE, 0)
}

/// G4, threat 7: code and page tables on a device page.
fn fetches_and_walks(mode: Mode) -> Vec<Case> {
    let mut cases = Vec::new();
    let section = cites!("2.1": "G4" "threat 7" "item 5");
    let fetch = redirectable("a fetch is not redirected", section, mode, pte::DEVICE).x(A0, GPA);
    cases.push(
        fetch
            .run(asm::jalr(ZERO, A0, 0))
            .expect(What::Record(record::EPC), GPA)
            .expect(What::Record(record::CAUSE), INSTRUCTION_GUEST_PAGE_FAULT)
            .csr(csr::UCAUSE, 0),
    );
    // The first-stage entry of the address is on the device page.
    for (raw, fault) in [(asm::ld(A2, A0, 0), LOAD_GUEST_PAGE_FAULT), (asm::sd(A2, A0, 0), STORE_GUEST_PAGE_FAULT)] {
        let walk = redirectable("a walk's own access is not redirected", section, mode, pte::DEVICE);
        let walk = walk.stores(first_stage(0)).store(first_middle(), entry(GPA, bits::V));
        let walk = walk.set(standard::VSATP, FIRST).x(A0, VA).run(raw);
        cases.push(walk.traps(Level::M, fault).tval(VA).tval2(GPA >> 2).csr(csr::UCAUSE, 0));
    }
    // PR2: the first stage comes first.
    let section = cites!("7": "PR2" "item 1");
    for (raw, fault) in [(asm::ld(A2, A0, 0), LOAD_PAGE_FAULT), (asm::sd(A2, A0, 0), STORE_PAGE_FAULT)] {
        let walk = redirectable("a fault of the first stage comes before MMIO", section, mode, pte::DEVICE);
        let user = if mode == Mode::VU { 0 } else { bits::U };
        let walk = walk.stores(first_stage(entry(GPA, RWX | user))).set(standard::VSATP, FIRST).x(A0, VA);
        cases.push(walk.run(raw).traps(Level::M, fault).tval(VA));
    }
    cases
}

/// The entry of the middle table that leads to [`VA`].
fn first_middle() -> u64 {
    super::super::pages::superpage(0).0
}

/// U1 to U3: who gets the exception.
fn choice(mode: Mode) -> Vec<Case> {
    let mut cases = Vec::new();
    for (raw, code, other, utinst) in
        [(asm::lw(A2, A0, 0), LOAD, STORE, 0x2603u64), (asm::sw(A2, A0, 0), STORE, LOAD, 0x00c0_2023)]
    {
        let section = cites!("2.2": "U1" "U3" "8.1 codes" "item 15");
        let device = |name: &str| redirectable(format!("{code}: {name}"), section, mode, pte::DEVICE).x(A0, PLACE);
        let gva = mstatus::GVA | mstatus::MPV;
        for (name, off) in [("without huedeleg", csr::HUEDELEG), ("without NE", csr::HUECTL)] {
            let case = device(&format!("{name}, to M")).set(off, 0).set(standard::MEDELEG, 0).run(raw);
            let case = case.traps(Level::M, code);
            cases.push(case.tval(PLACE).tval2(PLACE >> 2).tinst_one_of(&[utinst]).status(gva, gva));
            let case = device(&format!("{name}, to HS")).set(off, 0).set(standard::MEDELEG, 1 << code).run(raw);
            let spv = hypervisor::GVA | hypervisor::SPV;
            let case = case.traps(Level::HS, code).tval(PLACE).tval2(PLACE >> 2);
            cases.push(case.tinst_one_of(&[utinst]).hstatus(spv, spv));
        }
        let one = device("each cause by itself").set(csr::HUEDELEG, 1 << other).run(raw);
        cases.push(one.traps(Level::HS, code));
        let own = device("with its bit alone").set(csr::HUEDELEG, 1 << code).set(standard::MEDELEG, 1 << code).run(raw);
        cases.push(reaches_u(own, code));
        let kept = device("not delegated by medeleg").set(standard::MEDELEG, 0).run(raw);
        cases.push(kept.traps(Level::M, code).tval(PLACE).status(gva, gva));
        // A first stage: utval is the guest physical address.
        let paged = device("under two stages");
        let user = if mode == Mode::VU { bits::U } else { 0 };
        let paged = paged.stores(first_stage(entry(GPA, RWX | user))).set(standard::VSATP, FIRST);
        cases.push(reaches_u(paged.x(A0, VA + 0x123 * 8).run(raw), code).csr(csr::UTVAL, GPA + 0x123 * 8));
    }
    cases
}

/// There and back: a handler that emulates, and returns behind the access.
fn emulated(mode: Mode) -> Vec<Case> {
    // A load gives 0x80 + the low byte of the address; rd is a2.
    let handler = [
        asm::csrrs(A3, csr::UEPC, ZERO),
        asm::csrrs(A4, csr::UTINST, ZERO),
        asm::andi(A4, A4, 2),
        asm::addi(A4, A4, 2),
        asm::add(A3, A3, A4),
        asm::csrrw(ZERO, csr::UEPC, A3),
        asm::csrrs(A5, csr::UTVAL, ZERO),
        asm::addi(A2, A5, 0x80),
        insn::URET,
    ];
    let mut cases = Vec::new();
    for (name, raw, _) in accesses() {
        let section = cites!("2.5": "U2" "T7" "item 4");
        let case = redirectable(format!("{name}, emulated"), section, mode, pte::DEVICE);
        let case = compressed(case, name).stores(code_at(U_HANDLER, &handler)).x(A0, PLACE).x(SP, PLACE).run(raw);
        let case = case.runs(&[asm::addi(A1, A2, 1)]).completes().reg(A1, PLACE + 0x81);
        cases.push(case.expect_masked(What::Csr(csr::USTATUS), ustatus::UPV | ustatus::UPP, &[0]));
    }
    cases
}

/// Chapter 3 and item 1: an exception of a guest never follows sedeleg, whatever its privilege.
fn delegation(mode: Mode) -> Vec<Case> {
    let section = cites!("3": "item 1" "P5");
    let mut cases = Vec::new();
    for (name, raw, code) in [
        ("ebreak", asm::ebreak(), BREAKPOINT),
        ("load page fault", asm::lw(A2, A0, 0), LOAD_PAGE_FAULT),
        ("store page fault", asm::sw(A2, A0, 0), STORE_PAGE_FAULT),
    ] {
        let base = redirectable(format!("{name} of a guest with sedeleg set"), section, mode, 0);
        let base =
            base.stores(first_stage(0)).set(standard::VSATP, FIRST).set(csr::SEDELEG, u64::MAX).x(A0, VA).run(raw);
        cases.push(base.clone().set(standard::MEDELEG, 1 << code).traps(Level::HS, code).csr(csr::UCAUSE, 0));
        let to_guest = base.set(standard::MEDELEG, 1 << code).set(standard::HEDELEG, 1 << code);
        cases.push(to_guest.traps(Level::VS, code).csr(csr::UCAUSE, 0));
    }
    let fetch = redirectable("fetch page fault of a guest with sedeleg set", section, mode, 0).stores(first_stage(0));
    let code = INSTRUCTION_PAGE_FAULT;
    let fetch = fetch.set(standard::VSATP, FIRST).set(csr::SEDELEG, u64::MAX).set(standard::MEDELEG, 1 << code);
    let fetch = fetch.x(A0, VA).run(asm::jalr(ZERO, A0, 0)).expect(What::Record(record::LEVEL), Level::HS as u64);
    cases.push(
        fetch.expect(What::Record(record::CAUSE), code).expect(What::Record(record::EPC), VA).csr(csr::UCAUSE, 0),
    );
    cases
}

/// G2: the host's own accesses to a guest's page.
fn host_accesses() -> Vec<Case> {
    let section = cites!("2.1": "G2" "item 6");
    let (load, store) = (LOAD_GUEST_PAGE_FAULT, STORE_GUEST_PAGE_FAULT);
    let ways = [("hlv.w", asm::hlv_w(A2, A0), load), ("hsv.w", asm::hsv_w(A2, A0), store)];
    let mut cases: Vec<Case> = Vec::new();
    for (name, raw, fault) in ways {
        for mode in [Mode::HS, Mode::M, Mode::U] {
            let case = redirectable(format!("{name} from {}", mode.name()), section, mode, pte::DEVICE).needs(Isa::H);
            let case = case.set(standard::HSTATUS, hstatus::HUR | hypervisor::HU | hypervisor::SPVP);
            cases.push(case.x(A0, PLACE).run(raw).traps(Level::M, fault).tval2(PLACE >> 2).csr(csr::UCAUSE, 0));
        }
    }
    for (name, raw, fault) in [("lw", asm::lw(A2, A0, 0), load), ("sw", asm::sw(A2, A0, 0), store)] {
        let case = redirectable(format!("{name} under MPRV"), section, Mode::M, pte::DEVICE).needs(Isa::H);
        let prv = mstatus::MPRV | mstatus::MPV | 1 << mstatus::MPP_SHIFT;
        // The bits of mstatus are set in the snippet: entering it uses them.
        let case = case.x(A0, PLACE).li(A1, prv).run(asm::csrrs(ZERO, standard::MSTATUS, A1)).run(raw);
        cases.push(case.traps(Level::M, fault).csr(csr::UCAUSE, 0));
    }
    cases
}

/// G5: nothing is set, nothing cached, the page number ignored; a leaf may be at any level.
fn leads_nowhere() -> Vec<Case> {
    let section = cites!("2.1": "G5" "threat 31");
    let leaf = pte::DEVICE | 0xfff_ffff_ffff << 10;
    let device = |name: &str, raw| {
        let case = redirectable(name, section, Mode::VS, leaf).set(standard::MENVCFG, menvcfg::ADUE);
        case.needs(Isa::Svadu).x(A0, PLACE).run(raw)
    };
    let mut cases = vec![
        reaches_u(device("a load sets no A", asm::lw(A2, A0, 0)), LOAD).mem(SECOND_LEAVES, leaf),
        reaches_u(device("a store sets no D", asm::sw(A2, A0, 0)), STORE).mem(SECOND_LEAVES, leaf),
    ];
    let middle = SECOND_LEAVES - PAGE;
    let large = redirectable("a 2 MiB leaf", section, Mode::VS, 0).store(middle, pte::DEVICE | 0x155 << 10);
    let place = GPA + 0x12_3458;
    cases.push(reaches_u(large.x(A0, place).run(asm::ld(A2, A0, 0)), LOAD).csr(csr::UTVAL, place));
    // The page becomes ordinary in the handler, and nothing remembers that it was not.
    let handler = [asm::sd(A3, A4, 0), insn::URET];
    let changed = redirectable("what was MMIO is not cached", cites!("2.1": "G5"), Mode::VS, pte::DEVICE);
    let changed = changed.stores(code_at(U_HANDLER, &handler)).store(DATA + 8, 0x99);
    let changed = changed.x(A3, entry(DATA, RWX | bits::U)).x(A4, SECOND_LEAVES).x(A0, PLACE);
    cases.push(changed.run(asm::ld(A2, A0, 0)).completes().reg(A2, 0x99));
    // Threat 9: a handler that overwrites the instruction still finds the old one in utinst.
    let latched = redirectable("the instruction is latched", cites!("2.3": "threat 9"), Mode::VS, pte::DEVICE);
    let rewrite =
        [asm::csrrs(A3, csr::UEPC, ZERO), asm::sw(ZERO, A3, 0), asm::csrrs(A4, csr::UTINST, ZERO), asm::ecall()];
    let latched = latched.stores(code_at(U_HANDLER, &rewrite)).x(A0, PLACE).run(asm::lbu(A2, A0, 0));
    cases.push(latched.expect(What::Record(record::CAUSE), 8).reg(A4, 0x4603));
    cases
}

/// U4, threat 13: in a handler nothing traps to U; outside of one, N delegates.
fn handlers_own_traps() -> Vec<Case> {
    let mut cases = Vec::new();
    let section = cites!("2.2": "U4" "threat 13" "duty 1" "duty 4");
    let handler = redirectable("a trap of the handler goes to HS", section, Mode::VS, pte::DEVICE);
    let handler = handler.stores(code_at(U_HANDLER, &[asm::ebreak()])).set(csr::SEDELEG, u64::MAX);
    let handler = handler.set(standard::MEDELEG, 1 << BREAKPOINT | 3 << 24).x(A0, PLACE).run(asm::lw(A2, A0, 0));
    cases.push(
        super::guest::taken(handler, Level::HS, BREAKPOINT)
            .expect(What::Record(record::EPC), U_HANDLER)
            .csr(csr::UCAUSE, LOAD)
            .hstatus(hypervisor::SPV, 0),
    );
    let status = |upv: u64| {
        let case =
            redirectable(format!("ebreak in U with ustatus {upv:#x}"), cites!("3": "U4" "threat 13"), Mode::U, 0);
        let case = case.needs(Isa::H).set(csr::SEDELEG, u64::MAX).set(standard::MEDELEG, 1 << BREAKPOINT);
        case.set(csr::USTATUS, upv).run(asm::ebreak())
    };
    cases.push(reaches_u(status(0), BREAKPOINT).csr(csr::UTINST, 0));
    cases.push(status(ustatus::UPV).traps(Level::HS, BREAKPOINT));
    // Interrupts wait for the handler's end.
    for (name, upv, uie, ne, taken) in [
        ("in U", 0, ustatus::UIE, true, true),
        ("with UIE=0", 0, 0, true, false),
        ("with UPV=1", ustatus::UPV, ustatus::UIE, true, false),
        ("without NE", 0, ustatus::UIE, false, false),
    ] {
        let case = redirectable(format!("a user software interrupt {name}"), cites!("3": "U4" "D8"), Mode::U, 0);
        let case = case.needs(Isa::H).set(standard::MIDELEG, 1).set(csr::SIDELEG, 1).set(standard::MIE, 1);
        let case = case.set(csr::HUECTL, u64::from(ne)).set(csr::USTATUS, upv | uie).set(standard::MIP, 1);
        let case = case.run(asm::addi(A2, ZERO, 1));
        cases.push(
            if taken { reaches_u(case, super::guest::INTERRUPT).reg(A2, 0) } else { case.completes().reg(A2, 1) }
                .x(A2, 0),
        );
    }
    cases
}

/// Threat 6: the bit means nothing in the guest's own tables, nor in the host's.
fn first_stage_bit() -> Vec<Case> {
    let section = cites!("1.6": "threat 6" "8.1 codes");
    let mut cases = Vec::new();
    for mode in [Mode::VS, Mode::VU, Mode::HS, Mode::U] {
        let user = if matches!(mode, Mode::VU | Mode::U) { bits::U } else { 0 };
        for (raw, fault) in [(asm::lw(A2, A0, 0), LOAD_PAGE_FAULT), (asm::sw(A2, A0, 0), STORE_PAGE_FAULT)] {
            let case = redirectable("bit 54 in the first stage", section, mode, pte::DEVICE).needs(Isa::H);
            let root = if mode.virt() { standard::VSATP } else { standard::SATP };
            let case = case.stores(first_stage(entry(GPA, RWX & !bits::X | user) | pte::MMIO)).set(root, FIRST);
            cases.push(case.x(A0, VA).run(raw).traps(Level::M, fault).tval(VA));
        }
    }
    cases
}
