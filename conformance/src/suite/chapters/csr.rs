//! CSRs: who may access which, and what each holds of what is written.

use rv_hart::Mode;
use rv_isa::asm::{self, A0, A1, A2, A3, ZERO};
use rv_isa::cause::{ILLEGAL_INSTRUCTION, VIRTUAL_INSTRUCTION};
use rv_isa::fields::{hstatus, menvcfg, mhpmevent, mip, misa, mstatus, satp};
use rv_isa::{Isa, IsaSet, csr};

use crate::suite::case::{Case, Level, What, case};

const ACCESS: &str = "CSR Address Mapping Conventions; H extension, virtual-instruction exceptions";
const WARL: &str = "CSR Field Specifications, and the register's own section";

/// The extensions that bring CSR `number`; `None` if the suite can't know whether a machine has it.
fn needs(number: u16) -> Option<IsaSet> {
    let base = IsaSet::EMPTY;
    let name = csr::name(number)?;
    Some(match name {
        "fflags" | "frm" | "fcsr" => base.with(Isa::F),
        "cycle" | "time" | "instret" => base.with(Isa::Zicntr),
        "stimecmp" => base.with(Isa::Sstc),
        "vstimecmp" => base.with(Isa::Sstc).with(Isa::H),
        "mcyclecfg" | "minstretcfg" => base.with(Isa::Smcntrpmf),
        "scountovf" => base.with(Isa::Sscofpmf),
        "miselect" | "mtopi" | "mvien" | "mvip" => base.with(Isa::Smaia),
        "siselect" | "stopi" => base.with(Isa::Ssaia),
        "hvien" | "hvictl" | "hviprio1" | "hviprio2" | "vsiselect" | "vstopi" => base.with(Isa::Ssaia).with(Isa::H),
        "mseccfg" => base.with(Isa::Smepmp),
        "mtinst" | "mtval2" => base.with(Isa::H),
        _ if name.starts_with("hpmcounter") => base.with(Isa::Zihpm),
        _ if name.starts_with("mstateen") => base.with(Isa::Smstateen),
        _ if name.starts_with("sstateen") => base.with(Isa::Ssstateen),
        _ if name.starts_with("hstateen") => base.with(Isa::Ssstateen).with(Isa::H),
        "hstatus" | "hedeleg" | "hideleg" | "hie" | "htimedelta" | "hcounteren" | "hgeie" | "henvcfg" | "htval"
        | "hip" | "hvip" | "htinst" | "hgatp" | "hgeip" => base.with(Isa::H),
        "vsstatus" | "vsie" | "vstvec" | "vsscratch" | "vsepc" | "vscause" | "vstval" | "vsip" | "vsatp" => {
            base.with(Isa::H)
        }
        "sstatus" | "sie" | "stvec" | "scounteren" | "senvcfg" | "sscratch" | "sepc" | "scause" | "stval" | "sip"
        | "satp" => base,
        "mstatus" | "misa" | "medeleg" | "mideleg" | "mie" | "mtvec" | "mcounteren" | "menvcfg" | "mcountinhibit"
        | "mscratch" | "mepc" | "mcause" | "mtval" | "mip" | "mcycle" | "minstret" | "mvendorid" | "marchid"
        | "mimpid" | "mhartid" | "mconfigptr" => base,
        _ if name.starts_with("mhpm") => base,
        _ if (0x3b0..0x3c0).contains(&number) || matches!(name, "pmpcfg0" | "pmpcfg2") => base,
        _ => return None,
    })
}

/// What an access does in `mode`, if every enable is open: `None` if it is fine.
fn refusal(number: u16, mode: Mode, write: bool) -> Option<u64> {
    let read_only = number >> 10 == 3;
    let lowest = number >> 8 & 3;
    match mode {
        _ if write && read_only => Some(ILLEGAL_INSTRUCTION),
        Mode::M => None,
        _ if lowest == 3 => Some(ILLEGAL_INSTRUCTION),
        Mode::HS => None,
        Mode::U => (lowest > 0).then_some(ILLEGAL_INSTRUCTION),
        Mode::VS => (lowest > 1).then_some(VIRTUAL_INSTRUCTION),
        Mode::VU => (lowest > 0).then_some(VIRTUAL_INSTRUCTION),
    }
}

/// Reads and writes of every register in every mode.
pub fn access() -> Vec<Case> {
    let mut cases = Vec::new();
    for (number, name) in csr::ROWS {
        for mode in Mode::ALL {
            // Whether M-mode has the registers of the debug specification is left open; nobody below has.
            let isa = match needs(*number) {
                Some(isa) => isa,
                None if (0x7a0..0x7a4).contains(number) && mode != Mode::M => IsaSet::EMPTY,
                None => continue,
            };
            for write in [false, true] {
                cases.push(one_access(*number, name, mode, write).needs_all(isa));
            }
        }
    }
    cases.extend(absent());
    cases
}

fn one_access(number: u16, name: &str, mode: Mode, write: bool) -> Case {
    // A source register that holds 0 still writes; x0 doesn't.
    let raw = asm::csrrs(A1, number, if write { A0 } else { ZERO });
    let what = if write { "write" } else { "read" };
    let mut prepared = case(format!("{name} {what}"), ACCESS, mode).x(A0, 0);
    if name.ends_with("timecmp") {
        prepared = prepared.set(csr::MENVCFG, menvcfg::STCE);
        prepared = if mode.virt() { prepared.set(csr::HENVCFG, menvcfg::STCE) } else { prepared };
    }
    outcome(prepared.run(raw), raw, refusal(number, mode, write))
}

/// Adds that the last instruction, `raw`, runs, or is refused with this cause.
fn outcome(case: Case, raw: u32, refusal: Option<u64>) -> Case {
    match refusal {
        None => case.completes(),
        Some(cause) => case.traps(Level::M, cause).tval_one_of(&[raw.into(), 0]),
    }
}

/// Numbers that are nobody's, and those that RV32 alone has: illegal everywhere, for guests too.
fn absent() -> Vec<Case> {
    let nobody = [0x0b0, 0x1b0, 0x2b0, 0x3fb, 0x6b0, 0x7ff, 0xbff, 0xdb8, 0xeb8];
    let rv32 = [0x310, 0x312, 0x31a, 0x15d, 0x25d, 0x61a, 0x615, 0x612, 0xc80, 0xc81, 0xc82, 0xb80, 0x3a1];
    let all = nobody.into_iter().chain(rv32);
    all.flat_map(|number| {
        let raw = asm::csrrs(A1, number, ZERO);
        let name = format!("CSR {number:#x} doesn't exist");
        let case =
            case(name, ACCESS, Mode::M).run(raw).traps(Level::M, ILLEGAL_INSTRUCTION).tval_one_of(&[raw.into(), 0]);
        case.in_modes(&Mode::ALL)
    })
    .collect()
}

/// Zicsr's own rules: what reads, what writes.
pub fn side_effects() -> Vec<Case> {
    let section = "Zicsr: CSR Instructions";
    let user = |name: &str| case(name, section, Mode::M).needs(Isa::F);
    let cases = [
        user("csrrw swaps")
            .x(A0, 5)
            .runs(&[asm::csrrw(A1, csr::FFLAGS, A0), asm::csrrw(A2, csr::FFLAGS, ZERO)])
            .completes()
            .reg(A1, 0)
            .reg(A2, 5),
        user("csrrw with rd = rs1 swaps")
            .x(A0, 5)
            .runs(&[asm::csrrw(A0, csr::FFLAGS, A0), asm::csrrs(A1, csr::FFLAGS, ZERO)])
            .completes()
            .reg(A0, 0)
            .reg(A1, 5),
        user("csrrs sets")
            .set(csr::FFLAGS, 9)
            .x(A0, 6)
            .runs(&[asm::csrrs(A1, csr::FFLAGS, A0), asm::csrrs(A2, csr::FFLAGS, ZERO)])
            .completes()
            .reg(A1, 9)
            .reg(A2, 15),
        user("csrrc clears")
            .set(csr::FFLAGS, 15)
            .x(A0, 6)
            .runs(&[asm::csrrc(A1, csr::FFLAGS, A0), asm::csrrs(A2, csr::FFLAGS, ZERO)])
            .completes()
            .reg(A1, 15)
            .reg(A2, 9),
        user("csrrwi writes")
            .set(csr::FFLAGS, 3)
            .runs(&[asm::csrrwi(A1, csr::FFLAGS, 17), asm::csrrs(A2, csr::FFLAGS, ZERO)])
            .completes()
            .reg(A1, 3)
            .reg(A2, 17),
        user("csrrsi sets")
            .set(csr::FFLAGS, 3)
            .runs(&[asm::csrrsi(A1, csr::FFLAGS, 17), asm::csrrs(A2, csr::FFLAGS, ZERO)])
            .completes()
            .reg(A1, 3)
            .reg(A2, 19),
        user("csrrci clears")
            .set(csr::FFLAGS, 31)
            .runs(&[asm::csrrci(A1, csr::FFLAGS, 17), asm::csrrs(A2, csr::FFLAGS, ZERO)])
            .completes()
            .reg(A1, 31)
            .reg(A2, 14),
    ];
    let cases = cases.into_iter().chain(read_only(user));
    cases.flat_map(|case| case.in_modes(&Mode::ALL)).collect()
}

/// Accesses to a read-only register.
fn read_only(user: impl Fn(&str) -> Case) -> [Case; 4] {
    let read_only = asm::csrrs(A1, csr::INSTRET, A0);
    let immediate = asm::csrrsi(A1, csr::INSTRET, 1);
    [
        user("csrrs of a read-only register with x0 reads")
            .needs(Isa::Zicntr)
            .run(asm::csrrs(A1, csr::INSTRET, ZERO))
            .completes(),
        user("csrrci of a read-only register with 0 reads")
            .needs(Isa::Zicntr)
            .run(asm::csrrci(A1, csr::INSTRET, 0))
            .completes(),
        outcome(
            user("csrrs of a read-only register with a register that holds 0 writes")
                .needs(Isa::Zicntr)
                .x(A0, 0)
                .run(read_only),
            read_only,
            Some(ILLEGAL_INSTRUCTION),
        ),
        outcome(
            user("csrrsi of a read-only register with 1 writes").needs(Isa::Zicntr).run(immediate),
            immediate,
            Some(ILLEGAL_INSTRUCTION),
        ),
    ]
}

/// Swaps a value in, reads it back into a2, and puts the old one back.
fn readback(name: String, number: u16, value: u64) -> Case {
    let code = [asm::csrrw(A3, number, A0), asm::csrrs(A2, number, ZERO), asm::csrrw(ZERO, number, A3)];
    case(name, WARL, Mode::M).needs_all(needs(number).unwrap_or(IsaSet::EMPTY)).x(A0, value).runs(&code).completes()
}

/// Bits that take every value.
fn holds(number: u16, mask: u64) -> Vec<Case> {
    let name = csr::name(number).unwrap_or("?");
    let values = [mask, 0, mask & 0x5555_5555_5555_5555, mask & 0xaaaa_aaaa_aaaa_aaaa];
    let one = |value: u64| {
        readback(format!("{name} holds {value:#x}"), number, value).expect_masked(What::X(A2), mask, &[value])
    };
    values.into_iter().map(one).collect()
}

/// Bits that are read-only, when everything around them is written with ones and with zeros.
fn fixed(number: u16, mask: u64, value: u64) -> Vec<Case> {
    let name = csr::name(number).unwrap_or("?");
    let one = |written: u64| {
        readback(format!("{name} & {mask:#x} stays {value:#x} when {written:#x} is written"), number, written)
            .expect_masked(What::X(A2), mask, &[value])
    };
    [mask, 0].into_iter().map(one).collect()
}

/// What registers hold.
pub fn values() -> Vec<Case> {
    const ADDRESS: u64 = 0x0000_003f_ffff_fffc;
    let mut cases = Vec::new();
    for number in [csr::MSCRATCH, csr::SSCRATCH, csr::VSSCRATCH, csr::HTIMEDELTA, csr::STIMECMP, csr::VSTIMECMP] {
        cases.extend(holds(number, u64::MAX));
    }
    for number in [csr::MEPC, csr::SEPC, csr::VSEPC] {
        cases.extend(holds(number, ADDRESS));
        cases.extend(fixed(number, 1, 0));
    }
    for number in [csr::MTVEC, csr::STVEC, csr::VSTVEC] {
        cases.extend(holds(number, ADDRESS & !0xff));
        cases.extend(fixed(number, 2, 0));
    }
    for number in [csr::MTVAL, csr::STVAL, csr::VSTVAL, csr::HTVAL, csr::MTVAL2] {
        cases.extend(holds(number, ADDRESS));
    }
    for number in [csr::MCAUSE, csr::SCAUSE, csr::VSCAUSE] {
        cases.extend(holds(number, 1 << 63 | 0xf));
    }
    for number in [csr::MCOUNTEREN, csr::SCOUNTEREN, csr::HCOUNTEREN] {
        cases.extend(holds(number, 7));
    }
    cases.extend(holds(csr::MCOUNTINHIBIT, 5));
    cases.extend(fixed(csr::MCOUNTINHIBIT, 2, 0));
    cases.extend(holds(csr::FCSR, 0xff));
    cases.extend(holds(csr::FFLAGS, 0x1f));
    cases.extend(holds(csr::FRM, 7));
    for number in csr::PMPADDR0..csr::PMPADDR0 + 16 {
        cases.extend(holds(number, 0xfff_ffff));
    }
    cases.extend(status());
    cases.extend(delegation());
    cases.extend(translation());
    cases.extend(environment());
    cases.extend(counters());
    cases
}

fn status() -> Vec<Case> {
    let modes = mstatus::SIE | mstatus::SPIE | mstatus::SPP | mstatus::SUM | mstatus::MXR;
    let mut cases = [
        holds(
            csr::MSTATUS,
            modes | mstatus::MIE | mstatus::MPIE | mstatus::MPRV | mstatus::TVM | mstatus::TW | mstatus::TSR,
        ),
        holds(csr::SSTATUS, modes),
        holds(csr::VSSTATUS, modes),
        fixed(csr::MSTATUS, mstatus::UXL | mstatus::SXL, 2 << mstatus::UXL_SHIFT | 2 << mstatus::SXL_SHIFT),
        fixed(csr::SSTATUS, mstatus::UXL, 2 << mstatus::UXL_SHIFT),
        fixed(csr::VSSTATUS, mstatus::UXL, 2 << mstatus::UXL_SHIFT),
        fixed(
            csr::SSTATUS,
            mstatus::MIE | mstatus::MPIE | mstatus::MPP | mstatus::MPRV | mstatus::TVM | mstatus::TSR,
            0,
        ),
        fixed(
            csr::VSSTATUS,
            mstatus::MIE | mstatus::MPIE | mstatus::MPP | mstatus::MPRV | mstatus::TVM | mstatus::TSR,
            0,
        ),
        holds(
            csr::HSTATUS,
            hstatus::GVA | hstatus::SPV | hstatus::SPVP | hstatus::HU | hstatus::VTVM | hstatus::VTW | hstatus::VTSR,
        ),
        fixed(csr::HSTATUS, hstatus::VSXL, 2 << hstatus::VSXL_SHIFT),
    ]
    .concat();
    let reserved = readback("mstatus.MPP doesn't hold 2".to_owned(), csr::MSTATUS, 2 << mstatus::MPP_SHIFT);
    cases.push(reserved.expect_masked(What::X(A2), mstatus::MPP, &[0, 1 << mstatus::MPP_SHIFT, mstatus::MPP]));
    for (privilege, name) in [(0, "U"), (1, "S"), (3, "M")] {
        let value = privilege << mstatus::MPP_SHIFT;
        cases.push(readback(format!("mstatus.MPP holds {name}"), csr::MSTATUS, value).expect_masked(
            What::X(A2),
            mstatus::MPP,
            &[value],
        ));
    }
    let letters = [
        ("i", None),
        ("s", None),
        ("u", None),
        ("m", Some(Isa::M)),
        ("a", Some(Isa::A)),
        ("f", Some(Isa::F)),
        ("d", Some(Isa::D)),
        ("c", Some(Isa::C)),
        ("h", Some(Isa::H)),
    ];
    for (letter, isa) in letters {
        // The whole register may read 0.
        let bit = misa::letters(letter);
        let read = case(format!("misa names {letter}"), WARL, Mode::M).run(asm::csrrs(A2, csr::MISA, ZERO)).completes();
        let read = isa.into_iter().fold(read, Case::needs);
        cases.push(read.expect_masked(What::X(A2), bit | 3 << 62, &[bit | 2 << 62, 0]));
    }
    cases
}

fn delegation() -> Vec<Case> {
    let guest = mip::VSSIP | mip::VSTIP | mip::VSEIP;
    let supervisor = mip::SSIP | mip::STIP | mip::SEIP;
    [
        holds(csr::MEDELEG, 0xb1fe),
        fixed(csr::MEDELEG, 1 << 11 | 1 << 14, 0),
        guests(holds(csr::MEDELEG, 0xf0_0400)),
        holds(csr::MIDELEG, supervisor),
        guests(fixed(csr::MIDELEG, guest, guest)),
        holds(csr::HEDELEG, 0xb1fe),
        fixed(csr::HEDELEG, 0xf1_0e00, 0),
        holds(csr::HIDELEG, guest),
        fixed(csr::HIDELEG, supervisor | mip::SGEIP, 0),
        holds(csr::HVIP, guest),
        fixed(csr::HVIP, supervisor | mip::SGEIP, 0),
        holds(csr::HIE, guest),
        fixed(csr::HIE, supervisor, 0),
        holds(csr::MIE, supervisor | mip::MSIP | mip::MTIP | mip::MEIP),
        guests(holds(csr::MIE, guest)),
        holds(csr::MIP, mip::SSIP | mip::SEIP | mip::STIP),
        guests(holds(csr::MIP, mip::VSSIP)),
        guests(fixed(csr::MIP, mip::VSTIP | mip::VSEIP, 0)),
        fixed(csr::MIP, mip::MSIP | mip::MEIP, 0),
        fixed(csr::SIE, mip::MSIP | mip::MTIP | mip::MEIP, 0),
        fixed(csr::SIP, mip::STIP | mip::SEIP, 0),
        fixed(csr::VSIP, u64::MAX, 0),
        fixed(csr::VSIE, u64::MAX, 0),
        fixed(csr::HIP, mip::VSTIP | mip::VSEIP, 0),
        holds(csr::HIP, mip::VSSIP),
    ]
    .concat()
}

fn guests(cases: Vec<Case>) -> Vec<Case> {
    cases.into_iter().map(|case| case.needs(Isa::H)).collect()
}

/// satp is written whole or not at all; hgatp field by field.
fn translation() -> Vec<Case> {
    let root = 0x8_1234;
    let mut cases = Vec::new();
    for (mode, isa) in [(satp::SV39, Isa::Sv39), (satp::SV48, Isa::Sv48), (satp::SV57, Isa::Sv57)] {
        for number in [csr::SATP, csr::VSATP, csr::HGATP] {
            let name = csr::name(number).unwrap_or("?");
            let case = readback(format!("{name} holds mode {}", mode >> 60), number, mode | root).needs(isa);
            cases.push(case.expect_masked(What::X(A2), satp::MODE | satp::PPN, &[mode | root]));
        }
    }
    let unsupported = |number, from| {
        let name = format!("{} with an unsupported mode", csr::name(number).unwrap_or("?"));
        readback(name, number, 5 << 60 | 0x999c).set(number, from)
    };
    let before = satp::SV39 | root;
    cases.push(unsupported(csr::SATP, before).reg(A2, before));
    cases.push(unsupported(csr::HGATP, before).expect_masked(
        What::X(A2),
        satp::MODE | satp::PPN,
        &[before & satp::MODE | 0x999c, 0x999c],
    ));
    cases.push(readback("hgatp's root is aligned to 16 KiB".to_owned(), csr::HGATP, satp::SV39 | 3).expect_masked(
        What::X(A2),
        3,
        &[0],
    ));
    // A guest that writes vsatp as satp gets the same rule as satp.
    let guest = case("satp with an unsupported mode, by a guest", WARL, Mode::VS)
        .set(csr::VSATP, root)
        .x(A0, 5 << 60 | 0x999c)
        .runs(&[asm::csrrw(ZERO, csr::SATP, A0), asm::csrrs(A2, csr::SATP, ZERO)]);
    cases.push(guest.completes().reg(A2, root));
    cases
}

fn environment() -> Vec<Case> {
    let blocks = menvcfg::CBCFE;
    let mut cases = Vec::new();
    for number in [csr::MENVCFG, csr::SENVCFG, csr::HENVCFG] {
        let name = csr::name(number).unwrap_or("?");
        cases.extend(holds(number, menvcfg::FIOM));
        cases.extend(
            holds(number, blocks | menvcfg::CBIE & 1 << 4)
                .into_iter()
                .filter(|case| !case.name.contains("0x20"))
                .map(|case| case.needs(Isa::Zicbom)),
        );
        cases.extend(holds(number, menvcfg::CBZE).into_iter().map(|case| case.needs(Isa::Zicboz)));
        let reserved =
            readback(format!("{name}.CBIE doesn't hold 2"), number, 2 << menvcfg::CBIE_SHIFT).needs(Isa::Zicbom);
        cases.push(reserved.expect_masked(What::X(A2), menvcfg::CBIE, &[0, 1 << 4, 3 << 4]));
    }
    for (bit, isa) in [(menvcfg::ADUE, Isa::Svadu), (menvcfg::PBMTE, Isa::Svpbmt), (menvcfg::STCE, Isa::Sstc)] {
        cases.extend(holds(csr::MENVCFG, bit).into_iter().map(|case| case.needs(isa)));
        cases.extend(holds(csr::HENVCFG, bit).into_iter().map(|case| case.set(csr::MENVCFG, bit).needs(isa)));
        cases.extend(fixed(csr::HENVCFG, bit, 0).into_iter().map(|case| case.needs(isa)));
    }
    for (number, isa) in [(csr::MENVCFG, Isa::Smnpm), (csr::SENVCFG, Isa::Ssnpm), (csr::HENVCFG, Isa::Ssnpm)] {
        for value in [0u64, 2, 3] {
            let value = value << menvcfg::PMM_SHIFT;
            let case = readback(format!("{} holds PMM {value:#x}", csr::name(number).unwrap_or("?")), number, value)
                .needs(isa);
            cases.push(case.expect_masked(What::X(A2), menvcfg::PMM, &[value]));
        }
    }
    let hupmm = 2 << hstatus::HUPMM_SHIFT;
    cases.push(readback("hstatus.HUPMM holds 2".to_owned(), csr::HSTATUS, hupmm).needs(Isa::Ssnpm).expect_masked(
        What::X(A2),
        hstatus::HUPMM,
        &[hupmm],
    ));
    cases
}

fn counters() -> Vec<Case> {
    let section = "Hardware Performance Monitor; Zicntr";
    let read_after_write =
        [asm::csrrw(ZERO, csr::MINSTRET, A0), asm::csrrs(A2, csr::MINSTRET, ZERO), asm::csrrs(A3, csr::MINSTRET, ZERO)];
    let filters = mhpmevent::MINH | mhpmevent::SINH | mhpmevent::UINH;
    let mut cases = vec![
        case("a write of minstret takes the place of the increment", section, Mode::M)
            .x(A0, 1000)
            .runs(&read_after_write)
            .completes()
            .reg(A2, 1000)
            .reg(A3, 1001),
        case("minstret stands still while inhibited", section, Mode::M)
            .runs(&[asm::csrrwi(ZERO, csr::MCOUNTINHIBIT, 4), asm::csrrs(A1, csr::MINSTRET, ZERO), asm::addi(0, 0, 0)])
            .runs(&[asm::csrrs(A2, csr::MINSTRET, ZERO), asm::sub(A2, A2, A1)])
            .completes()
            .reg(A2, 0),
        case("mcycle stands still while inhibited", section, Mode::M)
            .runs(&[asm::csrrwi(ZERO, csr::MCOUNTINHIBIT, 1), asm::csrrs(A1, csr::MCYCLE, ZERO), asm::addi(0, 0, 0)])
            .runs(&[asm::csrrs(A2, csr::MCYCLE, ZERO), asm::sub(A2, A2, A1)])
            .completes()
            .reg(A2, 0),
        case("instret is minstret", section, Mode::M)
            .needs(Isa::Zicntr)
            .runs(&[asm::csrrs(A1, csr::MINSTRET, ZERO), asm::csrrs(A2, csr::INSTRET, ZERO), asm::sub(A2, A2, A1)])
            .completes()
            .reg(A2, 1),
    ];
    cases.extend(holds(csr::MCYCLECFG, filters));
    cases.extend(holds(csr::MINSTRETCFG, filters));
    for number in csr::MHPMEVENT3..=csr::MHPMEVENT31 {
        cases.push(readback(format!("{} holds 0", csr::name(number).unwrap_or("?")), number, 0).reg(A2, 0));
    }
    cases
}
