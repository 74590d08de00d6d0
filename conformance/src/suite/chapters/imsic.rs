//! IMSICs as software meets them: messages to the addresses of QEMU's `virt`, interrupt files behind CSRs, and guest interrupt files (AIA,
//! chapter "Incoming MSI Controller (IMSIC)"). For machines whose first hart has an IMSIC with three guest interrupt files.

use rv_hart::Mode;
use rv_isa::asm::{self, A0, A1, A2, ZERO};
use rv_isa::cause::{ILLEGAL_INSTRUCTION, VIRTUAL_INSTRUCTION};
use rv_isa::fields::{hstatus, hvictl, mip, mstatus};
use rv_isa::{Isa, csr};

use crate::suite::case::{Case, Level, What, case};

const INTERRUPT: u64 = 1 << 63;
const EIDELIVERY: u64 = 0x70;
const EITHRESHOLD: u64 = 0x72;
const EIP: u64 = 0x80;
const EIE: u64 = 0xc0;
/// Guest interrupt files of the hart.
const GUESTS: u64 = 3;
const VGEIN: u64 = 1 << hstatus::VGEIN_SHIFT;

/// A kind of interrupt file: its CSRs and its page.
#[derive(Clone, Copy)]
struct Files {
    name: &'static str,
    select: u16,
    window: u16,
    top: u16,
    page: u64,
}

const MACHINE: Files =
    Files { name: "machine", select: csr::MISELECT, window: csr::MIREG, top: csr::MTOPEI, page: 0x2400_0000 };
const SUPERVISOR: Files =
    Files { name: "supervisor", select: csr::SISELECT, window: csr::SIREG, top: csr::STOPEI, page: 0x2800_0000 };
/// Guest 1's, if VGEIN says so.
const GUEST: Files =
    Files { name: "guest", select: csr::VSISELECT, window: csr::VSIREG, top: csr::VSTOPEI, page: 0x2800_1000 };

/// All cases.
pub fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = [MACHINE, SUPERVISOR, GUEST].into_iter().flat_map(files).collect();
    cases.extend(lines());
    cases.extend(guests());
    cases.extend(ranks());
    cases
}

/// A case in which all of the file's identities are enabled and delivered, and none is pending.
fn open(name: impl Into<String>, files: Files, mode: Mode) -> Case {
    let section = "AIA: Incoming MSI Controller (IMSIC)";
    let case = case(name, section, mode).needs(Isa::Smaia).needs(Isa::H).set(csr::HSTATUS, VGEIN);
    let registers = [(EIDELIVERY, 1), (EITHRESHOLD, 0), (EIE, u64::MAX), (EIE + 6, u64::MAX), (EIP, 0), (EIP + 6, 0)];
    registers.into_iter().fold(case, |case, (number, value)| put(case, files, number, value))
}

/// Writes a register of the file.
fn put(case: Case, files: Files, number: u64, value: u64) -> Case {
    case.set(files.select, number).set(files.window, value)
}

/// Sends an identity in the snippet, and gives it time. Jumps, because other machines look at interrupts between blocks only.
fn send(case: Case, page: u64, identity: u64) -> Case {
    case.li(A0, page).li(A1, identity).run(asm::sw(A1, A0, 0)).runs(&[asm::jal(ZERO, 4); 8])
}

fn top(identity: u64) -> u64 {
    identity << 16 | identity
}

/// What all files do alike.
fn files(files: Files) -> Vec<Case> {
    let of = |name: &str| open(format!("{} file: {name}", files.name), files, Mode::M);
    let nop = asm::addi(ZERO, ZERO, 0);
    let shown = |case: Case, identity: u64| case.completes().csr(files.top, top(identity));
    let mut cases = vec![
        shown(send(of("a message is pending"), files.page, 5), 5),
        shown(send(of("the last identity"), files.page, 255), 255),
        shown(send(of("identity 0 doesn't exist"), files.page, 0), 0),
        shown(send(of("an identity beyond the last"), files.page, 2048), 0),
        shown(send(send(of("the lower identity comes first"), files.page, 200), files.page, 3), 3),
        shown(send(put(of("not enabled"), files, EIE, 0), files.page, 5), 0),
        shown(send(put(of("the threshold's identity is shut"), files, EITHRESHOLD, 5), files.page, 5), 0),
        shown(send(put(of("below the threshold"), files, EITHRESHOLD, 6), files.page, 5), 5),
        shown(send(put(of("delivery doesn't matter to xtopei"), files, EIDELIVERY, 0), files.page, 5), 5),
        shown(put(of("pending by its register"), files, EIP, 1 << 7).run(nop), 7),
        send(of("a claim shows what it clears"), files.page, 9)
            .run(asm::csrrw(A2, files.top, ZERO))
            .completes()
            .reg(A2, top(9))
            .csr(files.top, 0),
        send(of("a read claims nothing"), files.page, 9)
            .run(asm::csrrs(A2, files.top, ZERO))
            .completes()
            .reg(A2, top(9))
            .csr(files.top, top(9)),
        of("a claim of nothing").run(asm::csrrw(A2, files.top, ZERO)).completes().reg(A2, 0),
        put(of("bit 0 of eip0"), files, EIP, u64::MAX).run(nop).completes().csr(files.window, !1),
        put(of("bit 0 of eie0"), files, EIE, u64::MAX).run(nop).completes().csr(files.window, !1),
        of("a page reads 0").li(A0, files.page).run(asm::lw(A2, A0, 0)).completes().reg(A2, 0),
    ];
    for number in [0x71, 0x73, 0x7f] {
        let case = put(of(&format!("{number:#x} is reserved")), files, number, u64::MAX);
        cases.push(case.run(nop).completes().csr(files.window, 0));
    }
    for number in [0x81, 0xbf, 0xc1, 0xff] {
        let case = of(&format!("{number:#x} isn't there on RV64")).set(files.select, number);
        cases.push(case.run(asm::csrrs(A2, files.window, ZERO)).traps(Level::M, ILLEGAL_INSTRUCTION));
    }
    cases
}

/// Files' lines in mip, and the interrupts that come of them.
fn lines() -> Vec<Case> {
    let mut cases = Vec::new();
    for (files, bit) in [(MACHINE, mip::MEIP), (SUPERVISOR, mip::SEIP)] {
        let of = |name: &str| open(format!("{} line: {name}", files.name), files, Mode::M);
        let line = |case: Case, value: u64| case.completes().expect_masked(What::Csr(csr::MIP), bit, &[value]);
        cases.push(line(send(of("up"), files.page, 5), bit));
        cases.push(line(send(put(of("no delivery"), files, EIDELIVERY, 0), files.page, 5), 0));
        cases.push(line(send(of("down after the claim"), files.page, 5).run(asm::csrrw(A2, files.top, ZERO)), 0));
    }
    let taken = |case: Case, level: Level, code: u64| {
        // The message may take its time: the place of the interrupt is left open.
        case.expect(What::Record(crate::suite::layout::record::CAUSE), INTERRUPT | code)
            .expect(What::Record(crate::suite::layout::record::LEVEL), level as u64)
    };
    let machine = open("MEI taken", MACHINE, Mode::HS).set(csr::MIE, mip::MEIP);
    cases.push(taken(send(machine, MACHINE.page, 5), Level::M, 11));
    let supervisor = open("SEI taken", SUPERVISOR, Mode::U).set(csr::MIE, mip::SEIP).set(csr::MIDELEG, mip::SEIP);
    cases.push(taken(send(supervisor, SUPERVISOR.page, 5), Level::HS, 9));
    let guest = open("a guest's own interrupt", GUEST, Mode::VS)
        .set(csr::HIDELEG, mip::VSEIP)
        .set(csr::HIE, mip::VSEIP)
        .set(csr::VSSTATUS, mstatus::FS | mstatus::SIE);
    cases.push(taken(send(guest, GUEST.page, 5), Level::VS, 9));
    let host = open("SGEI for the host", GUEST, Mode::VS).set(csr::HGEIE, 2).set(csr::HIE, mip::SGEIP);
    cases.push(taken(send(host, GUEST.page, 5), Level::HS, 12));
    let other = open("SGEI of another guest's file", GUEST, Mode::VS)
        .set(csr::HSTATUS, 2 * VGEIN)
        .set(csr::HGEIE, 2)
        .set(csr::HIE, mip::SGEIP);
    cases.push(taken(send(other, GUEST.page, 5), Level::HS, 12));
    cases
}

/// VGEIN, hgeip, hgeie, and what a guest reaches of its file.
fn guests() -> Vec<Case> {
    let of = |name: &str, mode: Mode| open(name.to_owned(), GUEST, mode);
    let nop = asm::addi(ZERO, ZERO, 0);
    let masked = |case: Case, number: u16, mask: u64, value: u64| {
        case.completes().expect_masked(What::Csr(number), mask, &[value])
    };
    let all = (2 << GUESTS) - 2;
    let up = |name: &str| send(of(name, Mode::M).set(csr::HIDELEG, mip::VSEIP), GUEST.page, 5);
    let without = |name: &str, mode: Mode, number: u16| {
        of(name, mode).set(csr::HSTATUS, 0).set(csr::VSISELECT, EIDELIVERY).run(asm::csrrs(A2, number, ZERO))
    };
    vec![
        masked(of("mideleg.SGEI is 1", Mode::M).set(csr::MIDELEG, 0).run(nop), csr::MIDELEG, mip::SGEIP, mip::SGEIP),
        of("hgeie has a bit for each file", Mode::M)
            .set(csr::HGEIE, u64::MAX)
            .run(nop)
            .completes()
            .csr(csr::HGEIE, all),
        up("hgeip shows the line").completes().csr(csr::HGEIP, 2),
        masked(up("VSEIP follows it"), csr::HIP, mip::VSEIP, mip::VSEIP),
        masked(up("and so does vsip"), csr::VSIP, mip::SEIP, mip::SEIP),
        masked(up("not with another VGEIN").set(csr::HSTATUS, 2 * VGEIN), csr::HIP, mip::VSEIP, 0),
        masked(up("SGEIP needs hgeie").set(csr::HGEIE, 0xc), csr::MIP, mip::SGEIP, 0),
        masked(up("SGEIP").set(csr::HGEIE, 2), csr::MIP, mip::SGEIP, mip::SGEIP),
        send(of("a guest claims", Mode::VS), GUEST.page, 6)
            .run(asm::csrrw(A2, csr::STOPEI, ZERO))
            .completes()
            .reg(A2, top(6))
            .csr(csr::VSTOPEI, 0),
        of("a guest reads its file", Mode::VS)
            .set(csr::VSISELECT, EIDELIVERY)
            .run(asm::csrrs(A2, csr::SIREG, ZERO))
            .completes()
            .reg(A2, 1),
        of("an odd number, for a guest", Mode::VS)
            .set(csr::VSISELECT, EIP + 1)
            .run(asm::csrrs(A2, csr::SIREG, ZERO))
            .traps(Level::M, VIRTUAL_INSTRUCTION),
        without("a guest without a file: stopei", Mode::VS, csr::STOPEI).traps(Level::M, VIRTUAL_INSTRUCTION),
        without("a guest without a file: sireg", Mode::VS, csr::SIREG).traps(Level::M, VIRTUAL_INSTRUCTION),
        without("a host that looks at no file: vstopei", Mode::HS, csr::VSTOPEI).traps(Level::M, ILLEGAL_INSTRUCTION),
        without("a host that looks at no file: vsireg", Mode::HS, csr::VSIREG).traps(Level::M, ILLEGAL_INSTRUCTION),
        of("stopei is M's while it filters", Mode::HS)
            .set(csr::MVIEN, mip::SEIP)
            .run(asm::csrrs(A2, csr::STOPEI, ZERO))
            .traps(Level::M, ILLEGAL_INSTRUCTION),
        of("vstopei isn't", Mode::HS).set(csr::MVIEN, mip::SEIP).run(asm::csrrs(A2, csr::VSTOPEI, ZERO)).completes(),
    ]
}

/// The identity is the external interrupt's priority number beside those of major interrupts.
fn ranks() -> Vec<Case> {
    let software = |name: &str, number: u64| {
        let case = open(name.to_owned(), MACHINE, Mode::M).set(csr::MISELECT, 0x30).set(csr::MIREG, number << 8);
        send(case.set(csr::MIE, mip::MEIP | mip::SSIP).set(csr::MIP, mip::SSIP), MACHINE.page, 5).completes()
    };
    let guest = |name: &str, number: u64| {
        let case = open(name.to_owned(), GUEST, Mode::M).set(csr::HIDELEG, mip::VSEIP | mip::VSSIP);
        let case = case.set(csr::HIE, mip::VSEIP | mip::VSSIP).set(csr::HVIP, mip::VSSIP);
        let case = case.set(csr::HVIPRIO1, number << 8).set(csr::HVICTL, hvictl::IPRIOM);
        send(case, GUEST.page, 5).completes()
    };
    vec![
        software("mtopi: a smaller number comes first", 4).csr(csr::MTOPI, 1 << 16 | 4),
        software("mtopi: a larger one doesn't", 6).csr(csr::MTOPI, 11 << 16 | 5),
        software("mtopi: nor does the same", 5).csr(csr::MTOPI, 11 << 16 | 5),
        guest("vstopi: a smaller number comes first", 4).csr(csr::VSTOPI, 1 << 16 | 4),
        guest("vstopi: a larger one doesn't", 6).csr(csr::VSTOPI, 9 << 16 | 5),
    ]
}
