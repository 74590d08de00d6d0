//! Tests of the serial port, from the PC16550D data sheet.

use super::{FIFO_BYTES, Uart16550, UartState};
use crate::testing::device_conformance;
use crate::{Device, Persist, Width};

device_conformance!(
    Uart16550,
    new: Uart16550::new,
    disturb: |uart: &mut Uart16550| {
        write(uart, LCR, 0x83);
        write(uart, DATA, 0x12);
        write(uart, IER, 0x34);
        write(uart, LCR, 0x03);
        write(uart, IER, 0x0f);
        write(uart, FCR, 0x81);
        write(uart, SCR, 0x5a);
        write(uart, MCR, 0x1b);
        for byte in 0..20 {
            write(uart, DATA, byte);
        }
    },
    readable: [
        (IER, Width::Byte),
        (FCR, Width::Byte),
        (LCR, Width::Byte),
        (MCR, Width::Byte),
        (LSR, Width::Byte),
        (MSR, Width::Byte),
        (SCR, Width::Byte),
        (FCR, Width::Half),
        (DATA, Width::Word),
        (DATA, Width::Byte),
        (MSR, Width::Byte),
        (LSR, Width::Byte),
    ],
    bad_offsets: [8, 0x10, 0xff, 0x100],
    bad_widths: [
        (DATA, Width::Double),
        (IER, Width::Half),
        (FCR, Width::Word),
        (LSR, Width::Word),
        (SCR, Width::Double),
    ],
);

const DATA: u64 = 0;
const IER: u64 = 1;
const FCR: u64 = 2;
const IIR: u64 = 2;
const LCR: u64 = 3;
const MCR: u64 = 4;
const LSR: u64 = 5;
const MSR: u64 = 6;
const SCR: u64 = 7;

fn read(uart: &mut Uart16550, offset: u64) -> u64 {
    uart.read(offset, Width::Byte, 0).unwrap()
}

fn write(uart: &mut Uart16550, offset: u64, value: u64) {
    uart.write(offset, Width::Byte, value, 0).unwrap();
}

fn sent(uart: &mut Uart16550) -> Vec<u8> {
    let mut sink = Vec::new();
    uart.drain_output(&mut sink);
    sink
}

#[test]
fn power_on_values() {
    let mut uart = Uart16550::new();
    let expected = [(IER, 0), (IIR, 1), (LCR, 0), (MCR, 0), (LSR, 0x60), (MSR, 0xb0), (SCR, 0)];
    for (offset, value) in expected {
        assert_eq!(read(&mut uart, offset), value, "register {offset}");
    }
    assert!(!uart.interrupt());
}

#[test]
fn bytes_leave_in_order_and_the_transmitter_is_always_empty() {
    let mut uart = Uart16550::new();
    for byte in b"hello" {
        write(&mut uart, DATA, u64::from(*byte) | 0xffff_ff00);
        assert_eq!(read(&mut uart, LSR), 0x60);
    }
    uart.write(DATA, Width::Word, 0x41, 0).unwrap();
    assert_eq!(sent(&mut uart), b"helloA");
    assert_eq!(sent(&mut uart), b"");
}

#[test]
fn divisor_latch_hides_data_and_interrupt_enable() {
    let mut uart = Uart16550::new();
    write(&mut uart, IER, 0x05);
    write(&mut uart, LCR, 0x80);
    write(&mut uart, DATA, 0x34);
    write(&mut uart, IER, 0x12);
    assert_eq!((read(&mut uart, DATA), read(&mut uart, IER)), (0x34, 0x12));
    write(&mut uart, LCR, 0x03);
    assert_eq!(read(&mut uart, IER), 0x05);
    assert_eq!(sent(&mut uart), b"", "the latch is not the transmitter");
}

#[test]
fn interrupt_enable_keeps_four_bits() {
    let mut uart = Uart16550::new();
    write(&mut uart, IER, 0xff);
    assert_eq!(read(&mut uart, IER), 0x0f);
    write(&mut uart, MCR, 0xff);
    assert_eq!(read(&mut uart, MCR), 0x1f);
}

#[test]
fn thr_empty_interrupt_is_cleared_by_reading_its_cause() {
    let mut uart = Uart16550::new();
    write(&mut uart, IER, 0x02);
    assert!(uart.interrupt(), "enabling with an empty transmitter interrupts");
    assert_eq!(read(&mut uart, IIR), 0x02);
    assert!(!uart.interrupt());
    assert_eq!(read(&mut uart, IIR), 0x01);
    write(&mut uart, IER, 0x02);
    assert!(!uart.interrupt(), "it was enabled already");
    write(&mut uart, DATA, 0x41);
    assert!(uart.interrupt());
    write(&mut uart, IER, 0x00);
    assert!(!uart.interrupt());
}

#[test]
fn without_fifo_one_byte_is_received_at_a_time() {
    let mut uart = Uart16550::new();
    write(&mut uart, IER, 0x01);
    uart.push_input(b"ab");
    assert_eq!(uart.unread(), 2);
    assert_eq!((read(&mut uart, IIR), read(&mut uart, LSR)), (0x04, 0x61));
    assert_eq!(read(&mut uart, DATA), u64::from(b'a'));
    assert!(uart.interrupt(), "the next byte came from the line");
    assert_eq!(read(&mut uart, DATA), u64::from(b'b'));
    assert!(!uart.interrupt());
    assert_eq!((read(&mut uart, DATA), read(&mut uart, LSR)), (0, 0x60));
}

#[test]
fn trigger_levels_and_time_out() {
    for (fcr, level) in [(0x01, 1), (0x41, 4), (0x81, 8), (0xc1, 14)] {
        let mut uart = Uart16550::new();
        write(&mut uart, FCR, fcr);
        write(&mut uart, IER, 0x01);
        assert_eq!(read(&mut uart, IIR), 0xc1);
        for byte in 1..level {
            uart.push_input(&[byte]);
            assert_eq!(read(&mut uart, IIR), 0xcc, "below the level only the time-out reports");
        }
        uart.push_input(&[level]);
        assert_eq!(read(&mut uart, IIR), 0xc4, "level {level}");
        for byte in 1..=level {
            assert_eq!(read(&mut uart, DATA), u64::from(byte));
        }
        assert_eq!(read(&mut uart, IIR), 0xc1);
    }
}

#[test]
fn a_full_fifo_holds_the_line_back() {
    let mut uart = Uart16550::new();
    write(&mut uart, FCR, 0x01);
    let bytes: Vec<u8> = (0..40).collect();
    uart.push_input(&bytes);
    assert_eq!(uart.save().receiver.len(), FIFO_BYTES);
    for byte in bytes {
        assert_eq!(read(&mut uart, LSR), 0x61, "no overrun");
        assert_eq!(read(&mut uart, DATA), u64::from(byte));
    }
    assert_eq!(uart.unread(), 0);
}

#[test]
fn fifo_control_clears_the_receiver() {
    let mut uart = Uart16550::new();
    uart.push_input(b"x");
    write(&mut uart, FCR, 0x01);
    assert_eq!(read(&mut uart, LSR), 0x60, "switching the FIFO on clears it");
    uart.push_input(b"abc");
    write(&mut uart, FCR, 0x01);
    assert_eq!(read(&mut uart, LSR), 0x61, "it was on already");
    write(&mut uart, FCR, 0x03);
    assert_eq!(read(&mut uart, LSR), 0x60);
    assert_eq!(read(&mut uart, IIR), 0xc1, "the clear bit resets itself");
    write(&mut uart, FCR, 0xc2);
    assert_eq!(read(&mut uart, IIR), 0x01, "bit 0 clear: off, other bits not programmed");
}

#[test]
fn loopback_returns_data_and_modem_lines() {
    let mut uart = Uart16550::new();
    uart.push_input(b"w");
    assert_eq!(read(&mut uart, DATA), u64::from(b'w'));
    write(&mut uart, MCR, 0x10);
    assert_eq!(read(&mut uart, MSR), 0x0b, "CTS, DSR, DCD went down");
    for (mcr, msr) in [(0x12, 0x11), (0x13, 0x22), (0x17, 0x40), (0x1f, 0x88)] {
        write(&mut uart, MCR, mcr);
        let lines = read(&mut uart, MSR);
        assert_eq!(lines & msr, msr, "MCR {mcr:#x}");
        assert_eq!(lines & 0x0f, msr & 0x0f, "MCR {mcr:#x}");
    }
    write(&mut uart, MCR, 0x1b);
    assert_eq!(read(&mut uart, MSR), 0xb4, "the ring indicator reports its trailing edge");
    write(&mut uart, DATA, 0x77);
    uart.push_input(b"later");
    assert_eq!(read(&mut uart, DATA), 0x77);
    assert_eq!(read(&mut uart, LSR) & 1, 0, "the line is disconnected");
    assert_eq!(sent(&mut uart), b"");
    write(&mut uart, MCR, 0x0b);
    assert_eq!(read(&mut uart, DATA), u64::from(b'l'));
}

#[test]
fn overrun_is_reported_once_and_first() {
    let mut uart = Uart16550::new();
    write(&mut uart, MCR, 0x10);
    write(&mut uart, IER, 0x0f);
    write(&mut uart, DATA, 1);
    write(&mut uart, DATA, 2);
    assert_eq!(read(&mut uart, IIR), 0x06);
    assert_eq!(read(&mut uart, LSR), 0x63);
    assert_eq!(read(&mut uart, IIR), 0x04, "then the data");
    assert_eq!(read(&mut uart, DATA), 2, "the holding register was overwritten");
    assert_eq!(read(&mut uart, IIR), 0x02, "then the transmitter");
    assert_eq!(read(&mut uart, IIR), 0x00, "then the modem lines");
    read(&mut uart, MSR);
    assert_eq!(read(&mut uart, IIR), 0x01);

    write(&mut uart, FCR, 0x01);
    for byte in 0..=FIFO_BYTES as u64 {
        write(&mut uart, DATA, byte);
    }
    assert_eq!(read(&mut uart, LSR), 0x63);
    for byte in 0..FIFO_BYTES as u64 {
        assert_eq!(read(&mut uart, DATA), byte, "a full FIFO keeps what it has");
    }
    assert_eq!(read(&mut uart, LSR), 0x60);
}

#[test]
fn unread_bytes_can_be_taken_back_in_order() {
    let mut uart = Uart16550::new();
    uart.push_input(b"abc");
    assert_eq!(read(&mut uart, DATA), u64::from(b'a'));
    assert_eq!((uart.take_unread(), uart.take_unread()), (Some(b'b'), Some(b'c')));
    assert_eq!((uart.take_unread(), read(&mut uart, LSR)), (None, 0x60));
    write(&mut uart, MCR, 0x10);
    uart.push_input(b"d");
    assert_eq!(uart.take_unread(), Some(b'd'), "also what waits while the line is disconnected");
}

#[test]
fn status_registers_are_read_only() {
    let mut uart = Uart16550::new();
    let before = uart.save();
    write(&mut uart, LSR, 0xff);
    write(&mut uart, MSR, 0xff);
    assert_eq!(uart.save(), before);
}

#[test]
fn reset_loses_neither_line_nor_output() {
    let mut uart = Uart16550::new();
    write(&mut uart, DATA, 0x41);
    uart.push_input(b"abc");
    uart.reset();
    assert_eq!(sent(&mut uart), b"A");
    assert_eq!(uart.unread(), 2, "the received byte is lost, the others are still on the line");
}

#[test]
fn contradictory_states_are_refused() {
    for damage in [
        |state: &mut UartState| state.ier = 0x10,
        |state: &mut UartState| state.mcr = 0x20,
        |state: &mut UartState| state.fcr = 0x02,
        |state: &mut UartState| state.lsr_errors = 0x01,
        |state: &mut UartState| state.msr_changes = 0x10,
        |state: &mut UartState| state.receiver.extend([1, 2]),
    ] {
        let mut state = Uart16550::new().save();
        damage(&mut state);
        assert!(Uart16550::restore(state).is_err());
    }
}
