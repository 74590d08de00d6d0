//! Tests of the APLIC, from the Advanced Interrupt Architecture 1.0, chapter "Advanced Platform-Level Interrupt Controller (APLIC)".

use super::{Aplic, Level, Msi, SIZE, SOURCES};
use crate::testing::device_conformance;
use crate::{Device, Persist, Width};

const DOMAINCFG: u64 = 0;
const MMSIADDRCFG: u64 = 0x1bc0;
const SMSIADDRCFG: u64 = 0x1bc8;
const SETIP: u64 = 0x1c00;
const SETIPNUM: u64 = 0x1cdc;
const IN_CLRIP: u64 = 0x1d00;
const CLRIPNUM: u64 = 0x1ddc;
const SETIE: u64 = 0x1e00;
const SETIENUM: u64 = 0x1edc;
const CLRIE: u64 = 0x1f00;
const CLRIENUM: u64 = 0x1fdc;
const SETIPNUM_LE: u64 = 0x2000;
const SETIPNUM_BE: u64 = 0x2004;
const GENMSI: u64 = 0x3000;
const IDELIVERY: u64 = 0x4000;
const IFORCE: u64 = 0x4004;
const ITHRESHOLD: u64 = 0x4008;
const TOPI: u64 = 0x4018;
const CLAIMI: u64 = 0x401c;
/// The supervisor-level domain.
const S: u64 = SIZE;

const IE: u32 = 0x100;
const D: u32 = 0x400;
const MACHINE: u64 = 0x2400_0000;
const SUPERVISOR: u64 = 0x2800_0000;

device_conformance!(
    Aplic,
    new: direct,
    disturb: |device: &mut Aplic| {
        put(device, source(3), 0);
        put(device, S + source(5), 6);
        put(device, S + SETIENUM, 5);
        put(device, S + target(5), 1 << 18 | 9);
        put(device, S + DOMAINCFG, IE);
        put(device, S + IDELIVERY + 32, 1);
    },
    readable: [
        (DOMAINCFG, Width::Word), (source(3), Width::Word), (S + source(5), Width::Word), (S + SETIE, Width::Word),
        (S + target(5), Width::Word), (S + IDELIVERY + 32, Width::Word), (S + CLAIMI, Width::Word), (0x7ffc, Width::Word),
    ],
    bad_offsets: [1, 2, 0x1c02, 2 * SIZE, u64::MAX - 3],
    bad_widths: [(0, Width::Byte), (4, Width::Half), (0, Width::Double), (0x4000, Width::Double)],
);

fn direct() -> Aplic {
    Aplic::direct(2).unwrap()
}

fn msi() -> Aplic {
    Aplic::msi(4, 3, MACHINE, SUPERVISOR)
}

const fn source(number: u64) -> u64 {
    4 * number
}

const fn target(number: u64) -> u64 {
    0x3000 + 4 * number
}

fn put(device: &mut Aplic, offset: u64, value: u32) {
    device.write(offset, Width::Word, value.into(), 0).unwrap();
}

fn get(device: &mut Aplic, offset: u64) -> u32 {
    device.read(offset, Width::Word, 0).unwrap() as u32
}

/// Source 5 enabled in the supervisor's domain with a mode, for hart 1; the domain and hart 1 are on.
fn active(mut device: Aplic, mode: u32) -> Aplic {
    put(&mut device, source(5), D);
    put(&mut device, S + source(5), mode);
    put(&mut device, S + target(5), 1 << 18 | 2 << 12 | 7);
    put(&mut device, S + SETIENUM, 5);
    put(&mut device, S + DOMAINCFG, IE);
    put(&mut device, S + IDELIVERY + 32, 1);
    device
}

fn pending(device: &mut Aplic) -> bool {
    get(device, S + SETIP) >> 5 & 1 != 0
}

#[test]
fn domaincfg_has_fixed_bits() {
    for (mut device, mode) in [(direct(), 0), (msi(), 4)] {
        put(&mut device, DOMAINCFG, u32::MAX);
        assert_eq!(get(&mut device, DOMAINCFG), 0x8000_0100 | mode, "BE and DM can't be chosen");
        assert_eq!(get(&mut device, S + DOMAINCFG), 0x8000_0000 | mode);
        put(&mut device, DOMAINCFG, 0);
        assert_eq!(get(&mut device, DOMAINCFG), 0x8000_0000 | mode);
    }
}

#[test]
fn source_modes_and_delegation() {
    let mut device = direct();
    for (written, read) in [(0, 0), (1, 1), (2, 0), (3, 0), (4, 4), (5, 5), (6, 6), (7, 7), (0xffff_fbf8, 0), (D, D)] {
        put(&mut device, source(9), written);
        assert_eq!(get(&mut device, source(9)), read, "{written:#x}");
    }
    put(&mut device, source(9), D | 0x3ff);
    assert!(matches!(get(&mut device, source(9)), value if value & D != 0));
    put(&mut device, S + source(9), 4);
    assert_eq!(get(&mut device, S + source(9)), 4);
    put(&mut device, S + source(9), D | 4);
    assert_eq!(get(&mut device, S + source(9)), 0, "a leaf can't delegate: the register becomes zero");
    put(&mut device, S + source(9), 6);
    put(&mut device, S + SETIENUM, 9);
    put(&mut device, source(9), 4);
    for register in [S + source(9), S + target(9), S + SETIE, target(10)] {
        assert_eq!(get(&mut device, register), 0, "{register:#x}: not the child's any more");
    }
    put(&mut device, S + source(9), 4);
    assert_eq!(get(&mut device, S + source(9)), 0, "read-only zero");
    put(&mut device, source(9), D);
    assert_eq!(get(&mut device, S + source(9)), 0, "until it is written");
    for beyond in [0x1000, source(u64::from(SOURCES) + 1), 0xffc] {
        put(&mut device, beyond, 1);
        assert_eq!(get(&mut device, beyond), 0);
    }
}

#[test]
fn inactive_sources_have_nothing() {
    let mut device = direct();
    put(&mut device, source(5), 0);
    for (register, value) in [(SETIPNUM, 5), (SETIENUM, 5), (SETIP, !0), (SETIE, !0), (target(5), !0)] {
        put(&mut device, register, value);
    }
    for register in [SETIP, SETIE, target(5), IN_CLRIP] {
        assert_eq!(get(&mut device, register), 0);
    }
    put(&mut device, source(5), 1);
    put(&mut device, SETIP, !0);
    put(&mut device, SETIE, !0);
    assert_eq!((get(&mut device, SETIP), get(&mut device, SETIE)), (32, 32));
    put(&mut device, source(5), 0);
    assert_eq!((get(&mut device, SETIP), get(&mut device, SETIE), get(&mut device, target(5))), (0, 0, 0));
}

#[test]
fn bits_by_word_and_by_number() {
    let mut device = active(direct(), 1);
    for (set, clear, read) in [(SETIPNUM, CLRIPNUM, SETIP), (SETIENUM, CLRIENUM, SETIE), (SETIPNUM_LE, CLRIPNUM, SETIP)]
    {
        put(&mut device, S + clear, 5);
        assert_eq!(get(&mut device, S + read), 0);
        put(&mut device, S + set, 5);
        assert_eq!((get(&mut device, S + read), get(&mut device, S + set)), (32, 0), "by number reads 0");
        put(&mut device, S + clear, 6);
        put(&mut device, S + clear, 5 + 1024);
        assert_eq!(get(&mut device, S + read), 32);
    }
    put(&mut device, S + IN_CLRIP, 32);
    assert!(!pending(&mut device));
    put(&mut device, S + SETIPNUM_BE, 5u32.swap_bytes());
    assert!(pending(&mut device));
    put(&mut device, S + CLRIE, 32);
    assert_eq!((get(&mut device, S + SETIE), get(&mut device, S + CLRIE)), (0, 0));
}

/// "Precise effects on interrupt-pending bits".
#[test]
fn pending_bits_follow_the_mode() {
    for inverted in [false, true] {
        let wire = |device: &mut Aplic, asserted: bool| device.set_level(5, asserted != inverted);
        let edge = if inverted { 5 } else { 4 };
        let mut device = direct();
        wire(&mut device, false);
        let mut device = active(device, edge);
        assert!(!pending(&mut device));
        wire(&mut device, true);
        assert_eq!((pending(&mut device), get(&mut device, S + IN_CLRIP)), (true, 32));
        wire(&mut device, false);
        assert_eq!((pending(&mut device), get(&mut device, S + IN_CLRIP)), (true, 0), "an edge stays");
        put(&mut device, S + CLRIPNUM, 5);
        assert!(!pending(&mut device));
        put(&mut device, S + source(5), edge + 2);
        put(&mut device, S + SETIPNUM, 5);
        assert!(!pending(&mut device), "a level is a copy of the input");
        wire(&mut device, true);
        put(&mut device, S + CLRIPNUM, 5);
        assert!(pending(&mut device));
        assert_eq!(get(&mut device, S + CLAIMI + 32), 5 << 16 | 7);
        assert!(pending(&mut device), "a claim doesn't clear it");
        wire(&mut device, false);
        assert!(!pending(&mut device));
    }
}

#[test]
fn a_detached_source_ignores_its_wire() {
    let mut device = active(direct(), 1);
    device.set_level(5, true);
    assert_eq!((pending(&mut device), get(&mut device, S + IN_CLRIP)), (false, 0));
    put(&mut device, S + SETIPNUM, 5);
    assert_eq!(get(&mut device, S + CLAIMI + 32), 5 << 16 | 7);
    assert!(!pending(&mut device));
}

#[test]
fn lines_need_all_enables() {
    let mut device = active(direct(), 6);
    device.set_level(5, true);
    let line = |device: &Aplic| (device.line(Level::Supervisor, 1), device.line(Level::Supervisor, 0));
    assert_eq!(line(&device), (Some(7), None));
    assert_eq!(device.line(Level::Machine, 1), None);
    for (register, off, on) in
        [(DOMAINCFG, 0, IE), (IDELIVERY + 32, 0, 1), (ITHRESHOLD + 32, 7, 8), (target(5), 7, 1 << 18 | 7)]
    {
        put(&mut device, S + register, off);
        assert_eq!(line(&device).0, None, "{register:#x}");
        put(&mut device, S + register, on);
        assert_eq!(line(&device).0, Some(7), "{register:#x}");
    }
    assert_eq!((device.line(Level::Supervisor, 2), device.line(Level::Supervisor, usize::MAX)), (None, None));
}

#[test]
fn the_smallest_number_comes_first_and_the_lowest_source_among_equals() {
    let mut device = direct();
    for (number, priority) in [(10, 3), (20, 2), (96, 2), (30, 1)] {
        put(&mut device, source(number), 1);
        put(&mut device, target(number), priority);
        put(&mut device, SETIENUM, number as u32);
        put(&mut device, SETIPNUM, number as u32);
    }
    for (number, priority) in [(30, 1), (20, 2), (96, 2), (10, 3)] {
        assert_eq!(get(&mut device, TOPI), number << 16 | priority);
        put(&mut device, TOPI, 0);
        put(&mut device, CLAIMI, 0);
        assert_eq!(get(&mut device, CLAIMI), number << 16 | priority);
    }
    assert_eq!((get(&mut device, TOPI), get(&mut device, CLAIMI)), (0, 0));
    put(&mut device, target(10), 0);
    assert_eq!(get(&mut device, target(10)), 1, "there is no priority 0");
    put(&mut device, target(10), u32::MAX);
    assert_eq!(get(&mut device, target(10)), 0xfffc_00ff);
}

#[test]
fn a_forced_interrupt_is_spurious() {
    let mut device = active(direct(), 6);
    put(&mut device, S + IFORCE + 32, 1);
    assert_eq!((device.line(Level::Supervisor, 1), get(&mut device, S + TOPI + 32)), (Some(0), 0));
    device.set_level(5, true);
    assert_eq!(get(&mut device, S + CLAIMI + 32), 5 << 16 | 7);
    assert_eq!(get(&mut device, S + IFORCE + 32), 1, "only a claim of nothing ends it");
    device.set_level(5, false);
    assert_eq!(get(&mut device, S + CLAIMI + 32), 0);
    assert_eq!((get(&mut device, S + IFORCE + 32), device.line(Level::Supervisor, 1)), (0, None));
}

/// "Interrupt forwarding by MSIs" and "Special consideration for level-sensitive interrupt sources".
#[test]
fn a_level_is_forwarded_once_until_it_falls_or_is_asked_for_again() {
    let mut device = active(msi(), 6);
    let message = Msi { addr: SUPERVISOR + (1 << 14) + (2 << 12), data: 7 };
    device.set_level(5, true);
    assert_eq!(device.take_messages(), [message]);
    assert!(!pending(&mut device));
    device.set_level(5, true);
    assert_eq!(device.take_messages(), []);
    put(&mut device, S + SETIPNUM, 5);
    assert_eq!(device.take_messages(), [message], "still asserted");
    device.set_level(5, false);
    put(&mut device, S + SETIPNUM, 5);
    assert_eq!(device.take_messages(), [], "not asserted any more");
    put(&mut device, S + DOMAINCFG, 0);
    device.set_level(5, true);
    assert_eq!((device.take_messages(), pending(&mut device)), (vec![], true));
    put(&mut device, S + DOMAINCFG, IE);
    assert_eq!((device.take_messages(), pending(&mut device)), (vec![message], false));
    assert_eq!(device.line(Level::Supervisor, 1), None, "no lines beside messages");
}

#[test]
fn messages_have_the_addresses_that_firmware_sets() {
    let mut device = msi();
    assert_eq!(get(&mut device, MMSIADDRCFG), 0x2_4000);
    assert_eq!(get(&mut device, MMSIADDRCFG + 4), 2 << 12);
    assert_eq!((get(&mut device, SMSIADDRCFG), get(&mut device, SMSIADDRCFG + 4)), (0x2_8000, 2 << 20));
    put(&mut device, GENMSI, 3 << 18 | 0x3f << 12 | 9);
    assert_eq!(device.take_messages(), [Msi { addr: MACHINE + 0x3000, data: 9 }], "even with IE = 0");
    assert_eq!(get(&mut device, GENMSI), 3 << 18 | 9, "not busy");
    // Groups of two harts: HHXS 1, LHXS 4, HHXW 1, LHXW 1, and a base above 4 GiB.
    put(&mut device, MMSIADDRCFG, 0x1000);
    put(&mut device, MMSIADDRCFG + 4, 1 << 24 | 4 << 20 | 1 << 16 | 1 << 12 | 1);
    put(&mut device, SMSIADDRCFG, 0x2000);
    put(&mut device, SMSIADDRCFG + 4, 3 << 20 | 2);
    put(&mut device, GENMSI, 3 << 18 | 1);
    let machine = 1 << 32 | 0x1000 | 1 << 13 | 1 << 4;
    assert_eq!(device.take_messages(), [Msi { addr: machine << 12, data: 1 }]);
    put(&mut device, S + GENMSI, 3 << 18 | 1);
    let supervisor = 2 << 32 | 0x2000 | 1 << 13 | 1 << 3;
    assert_eq!(device.take_messages(), [Msi { addr: supervisor << 12, data: 1 }]);
    put(&mut device, MMSIADDRCFG + 4, 1 << 31);
    for register in [MMSIADDRCFG, MMSIADDRCFG + 4, SMSIADDRCFG, SMSIADDRCFG + 4] {
        let locked = get(&mut device, register);
        put(&mut device, register, !locked);
        assert_eq!(get(&mut device, register), locked, "{register:#x}");
    }
    for register in [S + MMSIADDRCFG, S + SMSIADDRCFG] {
        assert_eq!(get(&mut device, register), 0, "not at supervisor level");
    }
    device.reset();
    assert_eq!(get(&mut device, MMSIADDRCFG), 0x2_4000);
}

#[test]
fn targets_of_messages() {
    let mut device = active(msi(), 1);
    put(&mut device, source(6), 1);
    for (register, read) in [(S + target(5), 0xffff_f7ff), (target(6), 0xfffc_07ff)] {
        put(&mut device, register, u32::MAX);
        assert_eq!(get(&mut device, register), read);
    }
    let mut direct = direct();
    put(&mut direct, GENMSI, u32::MAX);
    assert_eq!((get(&mut direct, GENMSI), direct.take_messages()), (0, vec![]));
}

#[test]
fn sources_that_do_not_exist_are_ignored() {
    let mut device = active(msi(), 6);
    let before = device.save();
    for number in [0, SOURCES + 1, 127, 128, 1023, u32::MAX] {
        device.set_level(number, true);
        for register in [SETIPNUM, SETIENUM, CLRIENUM, CLRIPNUM] {
            put(&mut device, S + register, number);
        }
    }
    put(&mut device, S + SETIP, 1);
    put(&mut device, S + SETIE, 1);
    assert_eq!(device.save(), before);
}

#[test]
fn damaged_states_are_refused() {
    let damage: [fn(&mut super::AplicState); 5] = [
        |state| state.domains[0].idcs.clear(),
        |state| state.domains[1].target.truncate(3),
        |state| state.domains[1].pending[0] = 1,
        |state| state.domains[0].enable[1] = 4,
        |state| (state.domains[0].sourcecfg[5], state.domains[1].sourcecfg[5]) = (0, 6),
    ];
    for damage in damage {
        let mut state = direct().save();
        damage(&mut state);
        assert!(Aplic::restore(state).is_err());
    }
    assert!(Aplic::direct(512).is_some() && Aplic::direct(513).is_none());
}
