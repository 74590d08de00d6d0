//! Tests of the PLIC, from the RISC-V PLIC specification 1.0.

use super::{CONTEXTS_MAX, Plic, PlicState, SOURCES, machine_context, supervisor_context};
use crate::testing::device_conformance;
use crate::{Device, Persist, Width};

device_conformance!(
    Plic,
    new: || Plic::new(4).unwrap(),
    disturb: |plic: &mut Plic| {
        configure(plic, 1, 10, 3);
        configure(plic, 2, 64, 7);
        write(plic, threshold(1), 2);
        for source in [10, 64] {
            plic.set_level(source, true);
        }
        assert_eq!(read(plic, claim(1)), 10);
        for source in [10, 64] {
            plic.set_level(source, false);
        }
    },
    readable: [
        (4 * 10, Width::Word),
        (0x1000, Width::Word),
        (0x1008, Width::Word),
        (enable(1), Width::Word),
        (enable(2) + 8, Width::Word),
        (threshold(1), Width::Word),
        (claim(2), Width::Word),
        (claim(1), Width::Word),
    ],
    bad_offsets: [
        0,
        4 * 96,
        5,
        0x100c,
        enable(0) + 12,
        enable(4),
        threshold(0) + 8,
        threshold(4),
        0x5f_fffc,
        0x60_0000,
    ],
    bad_widths: [
        (4, Width::Byte),
        (8, Width::Double),
        (claim(0), Width::Half),
        (0x1000, Width::Double),
        (enable(0), Width::Byte),
    ],
);

const fn enable(context: u64) -> u64 {
    0x2000 + 0x80 * context
}

const fn threshold(context: u64) -> u64 {
    0x20_0000 + 0x1000 * context
}

const fn claim(context: u64) -> u64 {
    threshold(context) + 4
}

fn read(plic: &mut Plic, offset: u64) -> u64 {
    plic.read(offset, Width::Word, 0).unwrap()
}

fn write(plic: &mut Plic, offset: u64, value: u64) {
    plic.write(offset, Width::Word, value, 0).unwrap();
}

/// Gives a source a priority and enables it for a context.
fn configure(plic: &mut Plic, context: u64, source: u64, priority: u64) {
    write(plic, 4 * source, priority);
    let word = enable(context) + source / 32 * 4;
    let bits = read(plic, word) | 1 << (source % 32);
    write(plic, word, bits);
}

fn one_source() -> Plic {
    let mut plic = Plic::new(2).unwrap();
    configure(&mut plic, 1, 10, 1);
    plic
}

#[test]
fn contexts_are_machine_and_supervisor_of_each_hart() {
    assert_eq!((machine_context(0), supervisor_context(0)), (0, 1));
    assert_eq!(supervisor_context(63), CONTEXTS_MAX - 1);
    assert!(Plic::new(CONTEXTS_MAX).is_some());
    assert!(Plic::new(CONTEXTS_MAX + 1).is_none());
}

#[test]
fn level_claim_complete() {
    let mut plic = one_source();
    plic.set_level(10, true);
    assert!(plic.pending(1));
    assert!(!plic.pending(0), "not enabled for the machine context");
    assert_eq!(read(&mut plic, 0x1000), 1 << 10);
    assert_eq!(read(&mut plic, claim(0)), 0);
    assert_eq!(read(&mut plic, claim(1)), 10);
    assert!(!plic.pending(1), "claimed");
    assert_eq!(read(&mut plic, claim(1)), 0);
    // The wire is still high: the gateway sends no second request before completion.
    plic.set_level(10, true);
    assert!(!plic.pending(1));
    write(&mut plic, claim(1), 10);
    assert!(plic.pending(1), "a level that stays high asks again after completion");
    assert_eq!(read(&mut plic, claim(1)), 10);
    plic.set_level(10, false);
    write(&mut plic, claim(1), 10);
    assert!(!plic.pending(1));
}

#[test]
fn a_request_outlives_its_level() {
    let mut plic = one_source();
    plic.set_level(10, true);
    plic.set_level(10, false);
    assert!(plic.pending(1));
    assert_eq!(read(&mut plic, claim(1)), 10);
}

#[test]
fn priorities_decide_and_the_lowest_number_wins_ties() {
    let mut plic = Plic::new(1).unwrap();
    for (source, priority) in [(3, 2), (40, 5), (41, 5), (95, 1), (7, 0)] {
        configure(&mut plic, 0, source, priority);
        plic.set_level(source as u32, true);
    }
    let order: Vec<u64> = (0..5).map(|_| read(&mut plic, claim(0))).collect();
    assert_eq!(order, [40, 41, 3, 95, 0], "priority 0 never interrupts");
}

#[test]
fn threshold_masks_the_line_but_not_the_claim() {
    let mut plic = one_source();
    plic.set_level(10, true);
    write(&mut plic, threshold(1), 1);
    assert!(!plic.pending(1), "strictly greater than the threshold is needed");
    assert_eq!(read(&mut plic, claim(1)), 10);
}

#[test]
fn completion_by_a_stranger_is_ignored() {
    let mut plic = one_source();
    plic.set_level(10, true);
    assert_eq!(read(&mut plic, claim(1)), 10);
    write(&mut plic, claim(0), 10);
    assert!(!plic.pending(1), "context 0 does not have the source enabled");
    for nonsense in [0, 96, 0xffff_ffff] {
        write(&mut plic, claim(1), nonsense);
    }
    assert!(!plic.pending(1));
    write(&mut plic, claim(1), 10);
    assert!(plic.pending(1));
}

#[test]
fn registers_keep_legal_values_only() {
    let mut plic = Plic::new(1).unwrap();
    write(&mut plic, 4, 0xffff_ffff);
    assert_eq!(read(&mut plic, 4), 7);
    write(&mut plic, threshold(0), 0xffff_ffff);
    assert_eq!(read(&mut plic, threshold(0)), 7);
    write(&mut plic, enable(0), 0xffff_ffff);
    assert_eq!(read(&mut plic, enable(0)), 0xffff_fffe);
    write(&mut plic, 0x1000, 0xffff_ffff);
    assert_eq!(read(&mut plic, 0x1000), 0, "pending bits are read-only");
    plic.set_level(0, true);
    plic.set_level(SOURCES + 1, true);
    assert_eq!(plic.save(), {
        let mut same = plic.clone();
        same.set_level(u32::MAX, true);
        same.save()
    });
    assert!(!plic.pending(7));
}

#[test]
fn reset_keeps_the_wires_of_other_devices() {
    let mut plic = one_source();
    plic.set_level(10, true);
    plic.reset();
    assert!(!plic.pending(1), "no enables after reset");
    configure(&mut plic, 1, 10, 1);
    assert!(plic.pending(1), "the wire is still high");
}

#[test]
fn contradictory_states_are_refused() {
    let good = one_source().save();
    for damage in [
        |state: &mut PlicState| state.priority.truncate(3),
        |state: &mut PlicState| state.priority[1] = 8,
        |state: &mut PlicState| state.contexts[0].threshold = 8,
        |state: &mut PlicState| state.contexts[0].enable[0] = 1,
        |state: &mut PlicState| state.pending[0] = 1,
        |state: &mut PlicState| state.contexts.resize(CONTEXTS_MAX + 1, Default::default()),
    ] {
        let mut state = good.clone();
        damage(&mut state);
        assert!(Plic::restore(state).is_err());
    }
}
