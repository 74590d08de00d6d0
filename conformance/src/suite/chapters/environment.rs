//! Cache-block operations and the fields that enable them; pointer masking; state enables; may-be-operations.

use rv_hart::Mode;
use rv_isa::asm::{self, A0, A1, A2, ZERO};
use rv_isa::cause::{ILLEGAL_INSTRUCTION, LOAD_PAGE_FAULT, STORE_ACCESS_FAULT, STORE_PAGE_FAULT, VIRTUAL_INSTRUCTION};
use rv_isa::fields::{menvcfg, pmpcfg, pte};
use rv_isa::{Isa, csr};

use super::pages::{FIRST_LEAVES, RWX, VA, entry, paged};
use crate::suite::case::{Case, Level, What, case};
use crate::suite::layout::DATA;

/// All cases.
pub fn cases() -> Vec<Case> {
    let mut cases = enables();
    cases.extend(blocks());
    cases.extend(masking());
    cases.extend(state_enables());
    cases.extend(maybe());
    cases
}

/// Every combination of the three registers, in every mode.
fn enables() -> Vec<Case> {
    let section = "CMO: csr access; henvcfg";
    let operations = [
        (asm::cbo_inval(A0), "cbo.inval", menvcfg::CBIE, Isa::Zicbom),
        (asm::cbo_clean(A0), "cbo.clean", menvcfg::CBCFE, Isa::Zicbom),
        (asm::cbo_flush(A0), "cbo.flush", menvcfg::CBCFE, Isa::Zicbom),
        (asm::cbo_zero(A0), "cbo.zero", menvcfg::CBZE, Isa::Zicboz),
    ];
    let mut cases = Vec::new();
    for (raw, name, field, isa) in operations {
        for bits in 0..8u64 {
            let (m, h, s) = (bits & 1 != 0, bits & 2 != 0, bits & 4 != 0);
            for mode in Mode::ALL {
                let cause = match mode {
                    Mode::M => None,
                    _ if !m => Some(ILLEGAL_INSTRUCTION),
                    Mode::HS => None,
                    Mode::U => (!s).then_some(ILLEGAL_INSTRUCTION),
                    Mode::VS => (!h).then_some(VIRTUAL_INSTRUCTION),
                    Mode::VU => (!h || !s).then_some(VIRTUAL_INSTRUCTION),
                };
                let value = |on: bool| if on { field } else { 0 };
                let mut prepared = case(format!("{name} with enables {bits:03b} (s, h, m)"), section, mode)
                    .needs(isa)
                    .set(csr::MENVCFG, value(m))
                    .set(csr::SENVCFG, value(s));
                if mode.virt() {
                    prepared = prepared.set(csr::HENVCFG, value(h));
                }
                let done = prepared.x(A0, DATA).run(raw);
                cases.push(match cause {
                    None => done.completes(),
                    Some(cause) => done.traps(Level::M, cause).tval_one_of(&[raw.into(), 0]),
                });
            }
        }
    }
    cases
}

/// What is written, and how faults look: those of a store, with the address as it was given.
fn blocks() -> Vec<Case> {
    let section = "CMO: Zicboz, faults";
    let mut cases = Vec::new();
    let memory = (DATA - 8..DATA + 80).step_by(8).map(|addr| (addr, u64::MAX));
    let zero = case("cbo.zero clears the whole block around its address", section, Mode::M)
        .needs(Isa::Zicboz)
        .needs(Isa::Zic64b)
        .stores(memory)
        .x(A0, DATA + 13)
        .run(asm::cbo_zero(A0));
    cases.push(zero.completes().mem(DATA - 8, u64::MAX).mem(DATA, 0).mem(DATA + 56, 0).mem(DATA + 64, u64::MAX));
    for mode in [Mode::HS, Mode::VS] {
        let enabled = |case: Case| {
            let all = menvcfg::CBIE | menvcfg::CBCFE | menvcfg::CBZE;
            let case = case.needs(Isa::Zicbom).needs(Isa::Zicboz).set(csr::MENVCFG, all);
            if mode.virt() { case.set(csr::HENVCFG, all) } else { case }
        };
        let of = |name: &str, leaf| enabled(paged(name.to_owned(), section, mode, leaf)).x(A0, VA + 5);
        let data = pte::V | pte::A | pte::D;
        cases.push(
            of("cbo.zero on a missing page", 0).run(asm::cbo_zero(A0)).traps(Level::M, STORE_PAGE_FAULT).tval(VA + 5),
        );
        cases.push(
            of("cbo.zero on a read-only page", entry(DATA, data | pte::R))
                .run(asm::cbo_zero(A0))
                .traps(Level::M, STORE_PAGE_FAULT)
                .tval(VA + 5),
        );
        cases.push(
            of("cbo.clean on a missing page", 0).run(asm::cbo_clean(A0)).traps(Level::M, STORE_PAGE_FAULT).tval(VA + 5),
        );
        cases.push(of("cbo.flush on a read-only page", entry(DATA, data | pte::R)).run(asm::cbo_flush(A0)).completes());
        cases.push(
            of("cbo.inval on a read-only page that is not dirty", entry(DATA, pte::V | pte::A | pte::R))
                .run(asm::cbo_inval(A0))
                .completes(),
        );
        // A is checked and set, D is not: whether the block can be reached in the end or not.
        let clean = entry(DATA, pte::V | pte::R | pte::W);
        for (name, flags) in [("cbo.flush sets A and no D", None), ("cbo.flush out of reach of PMP sets no D", Some(0))]
        {
            let all = menvcfg::CBCFE | menvcfg::ADUE;
            let case = of(name, clean).needs(Isa::Svadu).set(csr::MENVCFG, all);
            let case = if mode.virt() { case.set(csr::HENVCFG, all) } else { case };
            let done = match flags {
                None => case.run(asm::cbo_flush(A0)).completes().mem(FIRST_LEAVES, clean | pte::A),
                Some(flags) => case
                    .set(csr::PMPADDR0, DATA >> 2 | 0x1ff)
                    .set(csr::PMPCFG0, flags | u64::from(pmpcfg::A_NAPOT))
                    .run(asm::cbo_flush(A0))
                    .traps(Level::M, STORE_ACCESS_FAULT)
                    .expect_masked(What::Memory(FIRST_LEAVES), pte::D, &[0]),
            };
            cases.push(done);
        }
        let denied = enabled(case("cbo.clean out of reach of PMP", section, mode))
            .set(csr::PMPADDR0, DATA >> 2 | 0x1ff)
            .set(csr::PMPCFG0, pmpcfg::A_NAPOT.into());
        cases.push(denied.x(A0, DATA).run(asm::cbo_clean(A0)).traps(Level::M, STORE_ACCESS_FAULT).tval(DATA));
    }
    cases
}

/// Ssnpm and Smnpm: the upper bits of addresses are ignored where they are told to be.
fn masking() -> Vec<Case> {
    let section = "Pointer Masking Extensions";
    let mut cases = Vec::new();
    for (mode, register, isa) in [
        (Mode::HS, csr::MENVCFG, Isa::Smnpm),
        (Mode::U, csr::SENVCFG, Isa::Ssnpm),
        (Mode::VS, csr::HENVCFG, Isa::Ssnpm),
        (Mode::VU, csr::SENVCFG, Isa::Ssnpm),
    ] {
        let user = if mode.privilege() == 0 { pte::U } else { 0 };
        for (pmm, length) in [(0u64, 0u32), (2, 7), (3, 16)] {
            for tag in [7u32, 8, 16, 17] {
                // The tag's lowest bit is bit 64 - tag.
                let addr = VA | 1 << (64 - tag);
                let of = |what: &str, leaf| {
                    paged(format!("{what} at {addr:#x} with {length} bits masked"), section, mode, leaf)
                        .needs(isa)
                        .set(register, pmm << menvcfg::PMM_SHIFT)
                        .x(A0, addr)
                };
                let loaded = of("a load", entry(DATA, RWX | user)).store(DATA, 0x77).run(asm::ld(A1, A0, 0));
                let masked = tag <= length;
                cases.push(if masked {
                    loaded.completes().reg(A1, 0x77)
                } else {
                    loaded.traps(Level::M, LOAD_PAGE_FAULT).tval(((addr << length) as i64 >> length) as u64)
                });
                if masked {
                    // The address that a fault reports is the masked one.
                    cases.push(of("a fault", 0).run(asm::ld(A1, A0, 0)).traps(Level::M, LOAD_PAGE_FAULT).tval(VA));
                    cases.push(
                        of("an atomic", entry(DATA, RWX | user))
                            .store(DATA, 5)
                            .x(A2, 3)
                            .run(asm::amoadd_d(A1, A2, A0))
                            .completes()
                            .reg(A1, 5)
                            .mem(DATA, 8),
                    );
                }
            }
        }
        let bare = case("a load without translation: the upper bits become 0", section, mode)
            .needs(isa)
            .set(register, 2 << menvcfg::PMM_SHIFT)
            .store(DATA, 0x77)
            .x(A0, DATA | 0x7f << 57)
            .run(asm::ld(A1, A0, 0));
        cases.push(bare.completes().reg(A1, 0x77));
    }
    cases
}

/// Ssstateen and Smstateen: senvcfg, henvcfg and the registers themselves.
fn state_enables() -> Vec<Case> {
    let section = "Smstateen, Ssstateen";
    let (se, env) = (1u64 << 63, 1u64 << 62);
    let read = |name: &str, mode, register| {
        case(name.to_owned(), section, mode).needs(Isa::Ssstateen).needs(Isa::H).run(asm::csrrs(A1, register, ZERO))
    };
    let mut cases = vec![
        read("a guest's senvcfg without hstateen0.ENVCFG", Mode::VS, csr::SENVCFG)
            .set(csr::HSTATEEN0, se)
            .traps(Level::M, VIRTUAL_INSTRUCTION),
        read("a guest's sstateen0 without hstateen0.SE0", Mode::VS, csr::SSTATEEN0)
            .set(csr::HSTATEEN0, env)
            .traps(Level::M, VIRTUAL_INSTRUCTION),
        read("HS's senvcfg without hstateen0.ENVCFG", Mode::HS, csr::SENVCFG).set(csr::HSTATEEN0, 0).completes(),
        read("HS's sstateen0 without hstateen0.SE0", Mode::HS, csr::SSTATEEN0).set(csr::HSTATEEN0, 0).completes(),
    ];
    let machine =
        |name: &str, mode, register, value| read(name, mode, register).needs(Isa::Smstateen).set(csr::MSTATEEN0, value);
    for (mode, cause) in [(Mode::HS, ILLEGAL_INSTRUCTION), (Mode::VS, ILLEGAL_INSTRUCTION)] {
        cases.push(machine("senvcfg without mstateen0.ENVCFG", mode, csr::SENVCFG, se).traps(Level::M, cause));
        cases.push(machine("sstateen0 without mstateen0.SE0", mode, csr::SSTATEEN0, env).traps(Level::M, cause));
        cases.push(machine("henvcfg without mstateen0.ENVCFG", mode, csr::HENVCFG, se).traps(Level::M, cause));
        cases.push(machine("hstateen0 without mstateen0.SE0", mode, csr::HSTATEEN0, env).traps(Level::M, cause));
    }
    let shadow = case("hstateen0 is read-only 0 where mstateen0 is 0", section, Mode::M)
        .needs(Isa::Smstateen)
        .needs(Isa::H)
        .set(csr::MSTATEEN0, se)
        .li(A0, u64::MAX)
        .runs(&[asm::csrrw(ZERO, csr::HSTATEEN0, A0), asm::csrrs(A1, csr::HSTATEEN0, ZERO)]);
    cases.push(shadow.completes().expect_masked(What::X(A1), se | env, &[se]));
    cases
}

/// May-be-operations write 0.
fn maybe() -> Vec<Case> {
    let section = "Zimop; Zcmop";
    let mut cases = Vec::new();
    for number in [0, 5, 31] {
        cases.push(
            case(format!("mop.r.{number}"), section, Mode::M)
                .needs(Isa::Zimop)
                .x(A0, 5)
                .x(A1, 9)
                .run(asm::mop_r(A1, A0, number))
                .completes()
                .reg(A1, 0)
                .reg(A0, 5),
        );
    }
    for number in [0, 7] {
        let both = case(format!("mop.rr.{number}"), section, Mode::M).needs(Isa::Zimop).x(A0, 5).x(A1, 9);
        cases.push(both.run(asm::mop_rr(A1, A0, A0, number)).completes().reg(A1, 0).reg(A0, 5));
    }
    cases.into_iter().flat_map(|case| case.in_modes(&Mode::ALL)).collect()
}
