//! A sender and a target, stepped in every order that matters (manual 4, 5, 9; ha-iov 8.13 items 7, 8 and 14).

mod common;

use common::world::{CONTEXTS, DIRECTORY, GUEST, LOG, MAP, MISS, NAMED, SUPERVISOR, USER, VMID, World, context};
use conformance::HS_HANDLER;
use ha_iov_ext::csr;
use ha_iov_ext::fields::{hveifence, sip, topvei};
use ha_iov_ext::vei::Context;
use rv_hart::Mode;
use rv_isa::asm::{self, A0, A1, T0, ZERO};
use rv_isa::csr as standard;
use rv_isa::fields::mstatus;

/// The kernel's handler: back behind the call. Its scratch register is the guest's t3, which the guest doesn't use.
const T3: u8 = 28;
const BACK: [u32; 4] =
    [asm::csrrs(T3, standard::SEPC, ZERO), asm::addi(T3, T3, 4), asm::csrrw(ZERO, standard::SEPC, T3), asm::sret()];
/// The guest: works, and calls the kernel now and then.
const CALLING: [u32; 4] = [asm::addi(A1, A1, 1), asm::addi(A1, A1, 1), asm::ecall(), asm::jal(ZERO, -12)];

/// A target that goes from VS to HS and back, for ever.
fn target() -> World {
    let mut world = World::new(2);
    world.program(GUEST, &CALLING);
    world.program(HS_HANDLER, &BACK);
    world.go(0, Mode::VS, GUEST);
    world
}

/// Lets the target run.
fn run(world: &mut World, steps: usize) {
    for _ in 0..steps {
        world.step(0);
    }
}

/// Rules: item 7; item 14; threat 22; P3; D3; D6; D1; S5; S6; M3; M4; row 1; row 6.
/// Two sends at any two moments of a target that goes HS, V=1, HS: at least one take after the last, and nothing is left in PIR.
#[test]
fn item_7_sends_at_every_moment_are_served() {
    const MOMENTS: usize = 30;
    for first in 0..MOMENTS {
        for second in first..MOMENTS {
            let mut world = target();
            run(&mut world, first);
            world.send(1, USER);
            run(&mut world, second - first);
            let before = world.load(LOG);
            // Between take and return, the handler that runs serves the second post too, if it has not looked for the last time.
            let running = world.switched() || world.load(context(Context::PIR)) != 0;
            world.send(1, USER);
            run(&mut world, 40);
            assert_eq!(world.load(context(Context::PIR)), 0, "sent at {first} and {second}");
            let takes = world.load(LOG);
            assert!(takes >= 1 && (takes > before || running), "sent at {first} and {second}: {takes} takes");
            assert_eq!((world.get(0, csr::HVSLOT), world.get(0, csr::HUCPEND)), (0, 0));
        }
    }
}

/// Rules: item 14; threat 21; S5.
/// Ten sends of many vectors while the target can't be interrupted: one doorbell, one take, all vectors seen.
#[test]
fn item_14_posts_coalesce_and_none_is_lost() {
    let mut world = target();
    world.go(0, Mode::HS, HS_HANDLER);
    for veirq in 3..13 {
        let entry = world.load(MAP + 16 * USER);
        world.store(MAP + 16 * veirq, entry);
        world.store(MAP + 16 * veirq + 8, 3 | (veirq * 5) << 8);
        world.send(1, veirq);
        world.send(1, veirq);
    }
    let vectors = (3..13).fold(0u64, |bits, veirq| bits | 1 << (veirq * 5));
    assert_eq!(world.load(context(Context::PIR)), vectors);
    world.go(0, Mode::VS, GUEST);
    run(&mut world, 60);
    assert_eq!((world.load(LOG), world.load(context(Context::PIR))), (1, 0));
}

/// Rules: item 8; S7; M1; threat 23; duty 6; S3.
/// The VM is destroyed while its guest keeps sending: from the fence of the sender's hart on, nothing arrives, whenever that is.
#[test]
fn item_8_a_vmid_is_reused_while_another_hart_sends() {
    for until_unmap in 0..6 {
        for until_fence in 0..6 {
            let mut world = target();
            world.program(0x8018_0000, &[asm::csrrw(ZERO, csr::VEISEND, A0), asm::jal(ZERO, -4)]);
            world.harts[1].state.x[10] = SUPERVISOR;
            world.go(1, Mode::VS, 0x8018_0000);
            for _ in 0..until_unmap + 3 {
                world.step(1);
            }
            world.store(DIRECTORY + 8 * VMID, 0);
            for _ in 0..until_fence {
                world.step(1);
            }
            world.set(1, csr::HVEIFENCE, hveifence::vmid(VMID as u16));
            // All that was sent before the fence has been posted: it is claimed, and then the VMID is another's. The target's clock is made to
            // agree with the sender's, as that of any hart that has answered an IPI.
            world.harts[0].idle_until(1000);
            world.set(0, csr::STOPVEI, 0);
            assert_eq!(world.get(0, csr::STOPVEI), 0);
            for _ in 0..6 {
                world.step(1);
                if world.trapped(1).is_some() {
                    break;
                }
            }
            // Whatever may still be under way has time to arrive.
            world.harts[0].idle_until(1_000_000);
            assert_eq!(world.trapped(1), Some(MISS), "unmapped after {until_unmap}, fenced after {until_fence}");
            assert_eq!(world.get(0, csr::STOPVEI), 0, "nothing arrives");
        }
    }
}

/// Rules: S4; row 1; row 9; row 10; P3.
/// Supervisor VEIs from another hart, to a guest, to M, and to a hart that never looks.
#[test]
fn supervisor_veis_arrive_in_each_mode() {
    for (mode, taken) in [(Mode::VS, true), (Mode::VU, true), (Mode::U, true), (Mode::HS, false), (Mode::M, false)] {
        let mut world = World::new(2);
        world.program(GUEST, &[asm::jal(ZERO, 0)]);
        world.go(0, mode, GUEST);
        world.send(1, SUPERVISOR);
        run(&mut world, 3);
        assert_eq!(world.trapped(0), taken.then_some(1 << 63 | 24), "{mode:?}");
        assert_eq!(world.get(0, csr::STOPVEI), topvei::V | 7);
    }
    // A hart that is offline: it pends for ever, and nothing else happens.
    let mut world = World::new(2);
    world.program(GUEST, &[asm::jal(ZERO, 0)]);
    world.set(0, standard::MIE, 0);
    world.go(0, Mode::M, GUEST);
    world.send(1, SUPERVISOR);
    world.send(1, USER);
    run(&mut world, 20);
    assert_eq!(world.at(0).0, Mode::M);
    assert_eq!(world.get(0, standard::MIP) & sip::ALL, sip::ALL);
}

/// Rules: row 5; row 7; row 6; D3; D4; D7; duty 2; threat 22.
/// The doorbell wakes the kernel out of WFI; claimed and scheduled, the thread finds its post.
#[test]
fn the_doorbell_wakes_and_leads_to_the_thread() {
    let mut world = World::new(2);
    world.program(GUEST, &[asm::wfi(), asm::addi(T0, T0, 1), asm::jal(ZERO, 0)]);
    world.set(0, standard::MSTATUS, mstatus::FS);
    world.go(0, Mode::HS, GUEST);
    run(&mut world, 5);
    assert!(world.harts[0].state.waiting);
    world.send(1, USER);
    run(&mut world, 3);
    assert!(!world.harts[0].state.waiting, "it wakes");
    assert_eq!(world.get(0, standard::MIP) & sip::ALL, sip::SVDBP);
    // Claim: SN first, then the slot.
    let status = world.load(context(0));
    world.store(context(0), status | Context::SN);
    world.set(0, csr::HVSLOT, 0);
    world.send(1, USER);
    run(&mut world, 2);
    assert_eq!((world.get(0, standard::MIP) & sip::ALL, world.get(0, csr::HVSLOT)), (0, 0), "no second doorbell");
    // Schedule.
    world.store(context(0), status & !(Context::SN | Context::ON));
    world.set(0, csr::HUCUR, NAMED);
    run(&mut world, 1);
    assert_eq!(world.get(0, csr::HVSLOT), NAMED, "nothing was lost");
}

/// Rules: M2; S6; M4.
/// What the driver stored before its send is there when the handler has claimed.
#[test]
fn stores_before_a_send_are_seen_after_the_claim() {
    let mut world = target();
    let ring = LOG + 0x100;
    let driver = [asm::sd(A1, T0, 0), asm::fence(0x14), asm::csrrw(ZERO, csr::VEISEND, A0)];
    world.program(0x8018_0000, &driver);
    let state = &mut world.harts[1].state;
    (state.x[10], state.x[11], state.x[5]) = (USER, 0x5157, ring);
    world.go(1, Mode::VS, 0x8018_0000);
    for _ in &driver {
        world.step(1);
    }
    while !world.switched() {
        world.step(0);
    }
    while world.load(context(Context::PIR)) != 0 {
        world.step(0);
    }
    assert_eq!(world.load(ring), 0x5157);
}

/// Rules: duty 7; S7; D7; 8.1 numbers.
/// A handler moves to another hart: what was posted before, during and after the move is served there.
#[test]
fn duty_7_a_handler_moves_to_another_hart() {
    let mut world = World::new(3);
    world.program(GUEST, &[asm::jal(ZERO, 0)]);
    world.go(0, Mode::HS, GUEST);
    world.go(1, Mode::VS, GUEST);
    world.send(2, USER);
    run(&mut world, 3);
    assert_eq!(world.get(0, csr::HVSLOT), NAMED, "the old hart has it");
    // The context on hart 1, suppressed; then the old one suppressed, the map rewritten, fences, slot and pending bits drained.
    let there = CONTEXTS + 0x1000 + 64 * 3;
    for word in 0..8 {
        let value = world.load(context(8 * word));
        world.store(there + 8 * word, if word == 1 { 0 } else { value | if word == 0 { Context::SN } else { 0 } });
    }
    let status = world.load(context(0));
    world.store(context(0), status | Context::SN);
    let entry = world.load(MAP + 16 * USER);
    world.store(MAP + 16 * USER, entry | 1 << 32);
    for hart in 0..3 {
        world.set(hart, csr::HVEIFENCE, hveifence::ALL);
    }
    world.send(2, USER);
    world.set(0, csr::HVSLOT, 0);
    world.set(0, csr::HUCPEND, 0);
    let posted = world.load(context(Context::PIR)) | world.load(there + 8);
    world.store(context(Context::PIR), 0);
    world.store(there + 8, posted);
    let status = world.load(there) & !(Context::SN | Context::ON);
    world.store(there, status);
    world.set(1, csr::HUCUR, NAMED);
    world.set(1, csr::HUCUR, 0);
    world.go(1, Mode::VS, GUEST);
    for _ in 0..30 {
        world.step(1);
    }
    assert_eq!((world.load(LOG), world.load(there + 8)), (1, 0), "served on the new hart");
    run(&mut world, 5);
    assert_eq!(world.get(0, csr::HVSLOT), 0, "and not on the old one");
}

/// Rules: 8.1 reset; threat 29.
/// After reset nothing is open, nothing pends, and nothing is remembered.
#[test]
fn reset_closes_everything() {
    let mut world = target();
    world.send(1, SUPERVISOR);
    world.send(1, USER);
    run(&mut world, 10);
    world.set(0, csr::UTVEC, 0x1000);
    world.set(0, csr::HUEDELEG, u64::MAX);
    world.harts[0].reset(GUEST);
    for row in conformance::suite::haiov_registers() {
        assert_eq!(world.get(0, row), 0, "{row:#x}");
    }
    for number in [standard::MIDELEG, standard::MEDELEG, standard::MIE, standard::MIP] {
        assert_eq!(world.get(0, number) & (7 << 24), 0, "{number:#x}");
    }
}
