//! Network cards of two machines in one process, joined by a cable: what one sends, the other gets, sends back, and wakes
//! up for. The drivers are a few instructions; queues are set up by the test.

mod common;

use common::{DATA, PLIC, Program, flat, machine, peek};
use rv_devices::VirtioSlot;
use rv_devices::virtio::FrameError;
use rv_hart::Bus;
use rv_isa::asm::{self, A3, A4, ZERO};
use rv_machine::{Limits, Machine, MachineConfig, Stop};
use rv_virtio::device::net::{RECEIVE, TRANSMIT};
use rv_virtio::transport::mmio::offsets as at;

/// The third slot, and its interrupt.
const PORT: usize = 2;
const SLOT: u64 = 0x1000_3000;
const IRQ: u64 = 3;
const HEADER: u64 = 12;
/// The queues, and one buffer each way.
const QUEUES: [u64; 2] = [DATA, DATA + 0x4000];
const RECEIVED: u64 = DATA + 0x8000;
const SENT: u64 = DATA + 0x9000;
const FRAME: usize = 64;
const SLICE: u64 = 1000;

const fn used_index(queue: u16) -> u64 {
    QUEUES[queue as usize] + 0x2002
}

/// A machine with a card, a buffer for a frame, and a frame of the same bytes to be sent from `from`.
fn ready(program: &Program, from: u64) -> Machine {
    let virtio = vec![VirtioSlot::empty(), VirtioSlot::with_console(), VirtioSlot::with_net([2, 0, 0, 0, 0, 9])];
    let mut machine = machine(MachineConfig { virtio, ..flat(1) }, program);
    let start =
        [(at::STATUS, 1), (at::STATUS, 3), (at::DRIVER_FEATURES_SEL, 1), (at::DRIVER_FEATURES, 1), (at::STATUS, 11)];
    let mut set = |offset, value| machine.board.write(0, SLOT + offset, 4, value, 0).unwrap();
    start.into_iter().for_each(|(offset, value)| set(offset, value));
    for (index, base) in (0..).zip(QUEUES) {
        let places = [(at::QUEUE_DESC_LOW, 0), (at::QUEUE_DRIVER_LOW, 0x1000), (at::QUEUE_DEVICE_LOW, 0x2000)];
        set(at::QUEUE_SEL, index);
        set(at::QUEUE_NUM, 4);
        places.into_iter().for_each(|(offset, place)| set(offset, base + place));
        set(at::QUEUE_READY, 1);
    }
    let mut put = |address: u64, value: u64| machine.board.ram.store(address, 8, value);
    let len = HEADER + FRAME as u64;
    // A descriptor each (the device writes to what is received into), and room for the first offered: index 1.
    put(QUEUES[0], RECEIVED);
    put(QUEUES[0] + 8, len | 2 << 32);
    put(QUEUES[0] + 0x1000, 1 << 16);
    put(QUEUES[1], from);
    put(QUEUES[1] + 8, len);
    machine.board.ram.write_bytes(SENT + HEADER, &[0x5a; FRAME]).unwrap();
    machine
}

/// The driver is ready: buffers are looked at.
fn start(program: &mut Program) -> &mut Program {
    program.store_word(SLOT + at::STATUS, 15)
}

/// Sends the frame.
fn send(program: &mut Program) -> &mut Program {
    program.store_word(QUEUES[1] + 0x1000, 1 << 16).store_word(SLOT + at::QUEUE_NOTIFY, TRANSMIT.into())
}

/// Waits, looking, for a frame.
fn wait_for_frame(program: &mut Program) -> &mut Program {
    program.li(A3, used_index(RECEIVE)).add(&[asm::lhu(A4, A3, 0), asm::beq(A4, ZERO, -4)])
}

fn slice(machine: &mut Machine) -> Stop {
    machine.run(&Limits { max_insns: Some(1_000_000), slice: Some(SLICE) })
}

/// The cable.
fn carry(from: &mut Machine, to: &mut Machine) -> usize {
    let mut count = 0;
    while to.board.frame_room(PORT) > 0
        && let Some(frame) = from.board.take_frame(PORT)
    {
        to.board.push_frame(PORT, &frame).unwrap();
        count += 1;
    }
    count
}

#[test]
fn two_machines_ping_each_other() {
    let (mut ping, mut echo) = (Program::new(), Program::new());
    send(start(&mut ping));
    wait_for_frame(&mut ping).pass();
    // What was received is sent as it is, header and all.
    wait_for_frame(start(&mut echo));
    send(&mut echo).pass();
    let cycles = [0, 1].map(|_| {
        let (mut ping, mut echo) = (ready(&ping, SENT), ready(&echo, RECEIVED));
        let mut ended = [false; 2];
        let mut carried = 0;
        for _ in 0..100 {
            for (ended, machine) in ended.iter_mut().zip([&mut ping, &mut echo]) {
                *ended = *ended || slice(machine) == Stop::Exit(0);
            }
            carried += carry(&mut ping, &mut echo);
            carried += carry(&mut echo, &mut ping);
        }
        assert_eq!((ended, carried), ([true; 2], 2));
        for machine in [&ping, &echo] {
            let words: Vec<u64> = (0..8).map(|word| peek(machine, RECEIVED + HEADER + 8 * word)).collect();
            assert_eq!(words, [0x5a5a_5a5a_5a5a_5a5a; 8]);
        }
        [ping.snapshot().cycles, echo.snapshot().cycles]
    });
    assert_eq!(cycles[0], cycles[1], "the same run again");
}

#[test]
fn a_frame_wakes_a_hart_that_waits() {
    let program = Program::handler(
        |program| {
            program.store_word(PLIC + 4 * IRQ, 1).store_word(PLIC + 0x2000, 1 << IRQ);
            start(program).enable(common::MEI).wait();
        },
        |program| {
            program.pass();
        },
    );
    let mut machine = ready(&program, SENT);
    let run = |machine: &mut Machine| machine.run(&Limits { max_insns: Some(1_000_000), slice: None });
    assert_eq!(run(&mut machine), Stop::Idle);
    machine.board.push_frame(PORT, &[1; FRAME]).unwrap();
    assert_eq!(peek(&machine, used_index(RECEIVE) & !7) >> 16 & 0xffff, 0, "nothing happens outside of a run");
    assert_eq!(run(&mut machine), Stop::Exit(0));
    assert_eq!(machine.harts()[0].state.csr.mcause, 1 << 63 | 11, "an external interrupt");
}

#[test]
fn ports_are_where_the_cards_are() {
    let mut machine = ready(Program::new().pass(), SENT);
    assert_eq!(machine.board.net_ports().collect::<Vec<_>>(), [PORT]);
    for slot in [0, 1, 7, 8, usize::MAX] {
        assert_eq!(machine.board.push_frame(slot, &[0; 60]), Err(FrameError::NoDevice));
        assert_eq!((machine.board.take_frame(slot), machine.board.frame_room(slot)), (None, 0));
    }
    assert_eq!(machine.board.push_frame(PORT, &[0; 4]), Err(FrameError::Length(4)));
}

#[test]
fn a_console_is_typed_at_and_prints() {
    // A virtio console's emergency character, and one typed ahead: as for the serial port, it waits for a driver.
    let console = 0x1000_2000;
    let mut machine = ready(Program::new().store_word(console + at::CONFIG + 8, b'!'.into()).pass(), SENT);
    machine.board.push_console(1, b"early");
    assert_eq!(slice(&mut machine), Stop::Exit(0));
    let mut output = Vec::new();
    machine.board.drain_console(1, &mut output);
    assert_eq!((output, machine.board.virtio()[1].unread_input()), (b"!".to_vec(), 5));
}
