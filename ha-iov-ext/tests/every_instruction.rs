//! What must hold at every instruction of a handler: the kernel can interrupt it, and evict it, and the guest never sees a difference.
//! (manual 6.5, 6.6; ha-iov 8.7, 8.13 items 10, 10b, 11).

mod common;

use common::world::{
    COUNTING, GUEST, HANDLER, HANDLER_RECORD, LOG, NAMED, SAVE, SUATP, SUPERVISOR, THREAD_RECORD, TIMER, USER, World,
    context,
};
use common::{Bench, DEVICE, U_HANDLER};
use conformance::HS_HANDLER;
use ha_iov_ext::fields::{hveictl, suestat, ustatus};
use ha_iov_ext::vei::Context;
use ha_iov_ext::{csr, insn};
use rv_hart::Mode;
use rv_isa::asm::{self, A0, A2, A3, S0, T0, T1, T2, ZERO};
use rv_isa::csr as standard;
use rv_isa::fields::{hstatus, mip, mstatus};

/// The guest computes, so that a wrong register is seen in the end.
const COMPUTING: [u32; 6] = [
    asm::addi(S0, S0, 13),
    asm::xor(A2, A2, S0),
    asm::slli(A3, A2, 3),
    asm::add(S0, S0, A3),
    asm::addi(A0, A0, 1),
    asm::jal(ZERO, -20),
];
/// Guest instructions that a test compares over.
const GUEST_STEPS: usize = 40;
/// Steps of the handler: the loop over utopvei runs twice.
const HANDLER_STEPS: usize = COUNTING.len() + 2;

/// A world in which the guest is about to be interrupted.
fn about_to_be_taken(mode: Mode) -> World {
    let mut world = World::new(2);
    world.program(GUEST, &COMPUTING);
    world.go(0, mode, GUEST);
    for register in 1..32 {
        world.harts[0].state.x[register] = 0x1111_1111 * register as u64;
    }
    world.set(0, csr::UTVEC, 0x1234_5000);
    world.set(0, csr::USCRATCH, 0x999);
    world.set(0, csr::USTATUS, ustatus::UIE);
    for _ in 0..7 {
        world.step(0);
    }
    world.send(1, USER);
    world
}

/// All that a guest and its monitor can see of a hart.
#[derive(Debug, PartialEq)]
struct Seen {
    mode: Mode,
    pc: u64,
    x: [u64; 32],
    f: Vec<u64>,
    csrs: Vec<(u16, u64)>,
}

fn seen(world: &World) -> Seen {
    let state = &world.harts[0].state;
    let guest = [
        standard::VSSTATUS,
        standard::VSTVEC,
        standard::VSSCRATCH,
        standard::VSEPC,
        standard::VSCAUSE,
        standard::VSATP,
    ];
    let monitor = [csr::UTVEC, csr::USCRATCH, standard::SATP, standard::SSCRATCH, standard::HGATP];
    let csrs = guest.into_iter().chain(monitor).map(|number| (number, world.get(0, number))).collect();
    Seen { mode: state.mode, pc: state.pc, x: state.x, f: state.f.to_vec(), csrs }
}

/// The guest without an interruption, after so many further steps.
fn undisturbed(mode: Mode) -> Seen {
    let mut world = about_to_be_taken(mode);
    world.set(0, csr::HVEICTL, hveictl::VSE | hveictl::BANK);
    world.set(0, standard::MIE, 0);
    for _ in 0..GUEST_STEPS {
        world.step(0);
    }
    seen(&world)
}

/// Steps until the guest has made as many steps as in [`undisturbed`].
fn guest_goes_on(world: &mut World) -> Seen {
    let mut steps = 0;
    for _ in 0..1000 {
        if steps == GUEST_STEPS {
            return seen(world);
        }
        let virt = world.at(0).0.virt();
        let before = world.at(0).1;
        world.step(0);
        // A step that took an interrupt retired nothing of the guest's.
        steps += usize::from(virt && world.at(0).0.virt() && world.at(0).1 != before);
    }
    panic!("the guest doesn't go on: {:?}", world.at(0));
}

/// Steps up to the handler's first instruction.
fn taken(world: &mut World) {
    for _ in 0..20 {
        if world.switched() {
            return;
        }
        world.step(0);
    }
    panic!("no take: {:?}", world.at(0));
}

/// A world in which the guest's hart has made so many steps of the handler.
fn in_the_handler(mode: Mode, steps: usize) -> World {
    let mut world = about_to_be_taken(mode);
    taken(&mut world);
    for _ in 0..steps {
        world.step(0);
    }
    world
}

/// The kernel's timer interrupts whatever runs there, and is served.
fn tick(world: &mut World, what: &str) {
    world.set(0, standard::MIP, mip::STIP);
    world.step(0);
    assert_eq!(world.trapped(0), Some(TIMER), "{what}");
    world.set(0, standard::MIP, 0);
}

/// Rules: H1; H4; H5; H8; P4; item 11; threat 20; threat 28; row 8.
/// The kernel's timer gets in before each instruction of the handler, URET among them, and the rest goes on as if it had not.
#[test]
fn item_11_hs_interrupts_at_every_instruction_of_an_hcs_handler() {
    for mode in [Mode::VS, Mode::VU] {
        let expected = undisturbed(mode);
        for at in 0..HANDLER_STEPS {
            let mut world = in_the_handler(mode, at);
            assert!(world.switched(), "still in the handler after {at}");
            let (_, pc) = world.at(0);
            let registers = world.harts[0].state.x;
            tick(&mut world, &format!("before step {at}"));
            assert_eq!(world.get(0, standard::SEPC), pc);
            assert_eq!(world.get(0, standard::HSTATUS) & hstatus::SPV, 0, "a trap of U");
            assert_eq!(world.get(0, standard::SSTATUS) & mstatus::SPP, 0);
            assert_eq!(world.get(0, standard::SSCRATCH), HANDLER_RECORD, "the kernel is on the handler's stack");
            assert_eq!(world.harts[0].state.x, registers);
            assert!(world.switched(), "HS has not ended it");
            world.sret(0);
            assert_eq!(world.at(0), (Mode::U, pc));
            assert_eq!(guest_goes_on(&mut world), expected, "interrupted at {at}");
            assert_eq!((world.load(LOG), world.load(context(Context::PIR))), (1, 0), "served once");
        }
    }
}

/// Rules: H8; threat 20; P4; row 8.
/// A handler that spins is interrupted at whatever instruction the timer likes; supervisor VEIs get in too.
#[test]
fn threat_20_a_spinning_handler_is_interrupted() {
    for pending in [mip::STIP, 0] {
        let mut world = about_to_be_taken(Mode::VS);
        world.program(HANDLER, &[asm::jal(ZERO, 0)]);
        taken(&mut world);
        for _ in 0..100 {
            world.step(0);
        }
        match pending {
            0 => world.send(1, SUPERVISOR),
            bits => world.set(0, standard::MIP, bits),
        }
        world.step(0);
        assert_eq!(world.trapped(0), Some(if pending == 0 { 1 << 63 | 24 } else { TIMER }));
    }
}

/// What the kernel does to evict (manual 6.6): the activity's registers and pc, for later.
fn evict(world: &mut World) -> ([u64; 32], u64) {
    let status = world.load(context(0));
    world.store(context(0), status | Context::SN);
    let activity = (world.harts[0].state.x, world.get(0, standard::SEPC));
    for (register, copy) in [
        (standard::SATP, csr::SUATP),
        (standard::SSCRATCH, csr::SUSCRATCH),
        (csr::UTVEC, csr::SUTVEC),
        (csr::USCRATCH, csr::SUUSCRATCH),
        (standard::SEPC, csr::SUEPC),
    ] {
        let value = world.get(0, copy);
        world.set(0, register, value);
    }
    for register in 1..32 {
        world.harts[0].state.x[register] = world.load(SAVE + 8 * register as u64);
    }
    let interrupted = world.get(0, csr::SUESTAT);
    assert_ne!(interrupted & suestat::V, 0);
    let spp = if interrupted & suestat::PP != 0 { mstatus::SPP } else { 0 };
    let sstatus = world.get(0, standard::SSTATUS) & !mstatus::SPP | spp;
    world.set(0, standard::SSTATUS, sstatus);
    let hstatus = world.get(0, standard::HSTATUS) | hstatus::SPV;
    world.set(0, standard::HSTATUS, hstatus);
    world.set(0, csr::USTATUS, interrupted & suestat::UIE);
    let control = world.get(0, csr::HVEICTL) & !hveictl::HCSA;
    world.set(0, csr::HVEICTL, control);
    world.set(0, csr::HVSLOT, 0);
    world.sret(0);
    activity
}

/// Rules: H7; H3; D1; D7; item 10; threat 14; threat 15; threat 16; threat 20; threat 22; threat 34.
/// The guest goes on bit for bit, the context isn't entered a second time, and what was posted meanwhile is not lost.
#[test]
fn item_10_evict_at_every_instruction_of_the_handler() {
    for mode in [Mode::VS, Mode::VU] {
        let expected = undisturbed(mode);
        for at in 0..HANDLER_STEPS {
            let mut world = in_the_handler(mode, at);
            tick(&mut world, &format!("before step {at}"));
            evict(&mut world);
            assert_eq!(world.at(0).0, mode);
            // Another post: it must not enter the handler, half of which is still to be done.
            world.send(1, USER);
            assert_eq!(guest_goes_on(&mut world), expected, "evicted at {at}");
            assert!(!world.switched() && world.get(0, csr::HVSLOT) == 0, "no second activation");
            assert_ne!(world.load(context(Context::PIR)), 0, "the post waits");
            // The activity has ended: the context is open again, and the post comes.
            let status = world.load(context(0)) & !(Context::SN | Context::ON);
            world.store(context(0), status);
            world.set(0, csr::HUCUR, NAMED);
            let before = world.load(LOG);
            taken(&mut world);
            while world.switched() {
                world.step(0);
            }
            assert_eq!((world.load(LOG), world.load(context(Context::PIR))), (before + 1, 0));
        }
    }
}

/// Rules: H7; A2; T3; threat 29.
/// An evicted handler is a thread without NE: what it claims, and its return, trap to the kernel.
#[test]
fn an_evicted_handler_runs_under_the_kernels_eyes() {
    for raw in [asm::csrrw(T1, csr::UTOPVEI, ZERO), insn::URET] {
        let mut world = in_the_handler(Mode::VS, 0);
        tick(&mut world, "its first instruction");
        evict(&mut world);
        world.set(0, csr::HUECTL, 0);
        world.set(0, standard::HSTATUS, 0);
        world.program(0x8061_0000, &[raw]);
        world.go(0, Mode::U, 0x8061_0000);
        world.step(0);
        assert_eq!(world.trapped(0), Some(2));
        assert_eq!(world.get(0, standard::STVAL), u64::from(raw));
    }
}

/// Rules: H6; H5; item 10b; threat 33; duty 1.
/// The handler traps while its thread sleeps in a system call: the trap's frame goes to the handler's own entry record.
#[test]
fn item_10b_a_handler_traps_while_its_thread_sleeps_in_a_system_call() {
    let mut world = about_to_be_taken(Mode::VS);
    // The vector's first instructions, as kernels have them: to the record, and a frame there.
    let vector = [
        asm::csrrw(T2, standard::SSCRATCH, T2),
        asm::sd(T0, T2, 0),
        asm::sd(T1, T2, 8),
        asm::csrrs(T0, standard::SEPC, ZERO),
        asm::sd(T0, T2, 16),
    ];
    world.program(HS_HANDLER, &vector);
    let asleep = [0xaaaa, 0xbbbb, 0xcccc];
    for (word, offset) in asleep.into_iter().zip((0..).step_by(8)) {
        world.store(THREAD_RECORD + offset, word);
    }
    world.program(HANDLER, &[asm::addi(T0, ZERO, 5), asm::addi(T1, ZERO, 6), asm::ecall()]);
    taken(&mut world);
    for _ in 0..3 {
        world.step(0);
    }
    assert_eq!(world.trapped(0), Some(8));
    for _ in &vector {
        world.step(0);
    }
    assert_eq!([0, 8, 16].map(|offset| world.load(THREAD_RECORD + offset)), asleep, "the sleeping frame is whole");
    assert_eq!([0, 8, 16].map(|offset| world.load(HANDLER_RECORD + offset)), [5, 6, HANDLER + 8]);
}

/// Rules: U4; U2; T7; P4; item 11; threat 13; threat 28.
/// The same of a redirection handler: `uepc` and UPV outlive the kernel's interrupt, and the guest goes on behind its access.
#[test]
fn item_11_hs_interrupts_at_every_instruction_of_a_redirection_handler() {
    let handler = [
        asm::csrrs(T0, csr::UEPC, ZERO),
        asm::addi(T0, T0, 4),
        asm::csrrw(ZERO, csr::UEPC, T0),
        asm::addi(A2, ZERO, 0x60),
        insn::URET,
    ];
    for mode in [Mode::VS, Mode::VU] {
        for at in 0..handler.len() {
            let mut bench = Bench::new();
            bench.program(U_HANDLER, &handler);
            bench.set(standard::MIDELEG, mip::STIP);
            bench.set(standard::MIE, mip::STIP);
            bench.hart.state.x[10] = DEVICE;
            bench.run(mode, asm::lw(A2, A0, 0));
            for _ in 0..at {
                let conformance::Rig { hart, memory } = &mut *bench;
                hart.step(memory);
            }
            let (uepc, status, pc) = (bench.get(csr::UEPC), bench.get(csr::USTATUS), bench.hart.state.pc);
            bench.set(standard::MIP, mip::STIP);
            bench.resume(Mode::U, pc);
            assert_eq!((bench.hart.state.mode, bench.hart.state.pc), (Mode::HS, HS_HANDLER), "before {at}");
            assert_eq!((bench.get(standard::SCAUSE), bench.get(standard::SEPC)), (TIMER, pc));
            assert_eq!((bench.get(csr::UEPC), bench.get(csr::USTATUS)), (uepc, status));
            bench.set(standard::MIP, 0);
            bench.program(0x8019_0000, &[asm::sret()]);
            bench.resume(Mode::HS, 0x8019_0000);
            for _ in at..handler.len() {
                let conformance::Rig { hart, memory } = &mut *bench;
                hart.step(memory);
            }
            assert_eq!((bench.hart.state.mode, bench.hart.state.pc), (mode, common::CODE + 4), "interrupted at {at}");
            assert_eq!(bench.hart.state.x[12], 0x60);
        }
    }
}

/// Rules: H10; H1; threat 24; duty 5.
/// The take switches the address space with the next instruction, and the kernel finds what it needs to go back.
#[test]
fn the_take_switches_the_address_space() {
    let mut world = about_to_be_taken(Mode::VU);
    taken(&mut world);
    assert_eq!((world.get(0, standard::SATP), world.get(0, csr::SUATP)), (SUATP, 0));
    assert_eq!((world.get(0, csr::SUEPC) >= GUEST, world.at(0)), (true, (Mode::U, HANDLER)));
    assert_eq!(world.get(0, csr::HVSLOT), NAMED);
    assert_eq!(world.load(SAVE), 0, "x0 has no place");
    // The handler can't read the kernel's memory, as any user.
    world.program(HANDLER, &[asm::ld(T0, ZERO, 0)]);
    world.step(0);
    assert_eq!(world.trapped(0), Some(13));
}
