//! What drivers rely on, register by register.

use proto::Checksum;

use super::{FCR_ENABLE, IER, IIR_FCR, LCR, LSR, MCR, MSR, SCR, THR_RBR, Uart16550};
use crate::device::sink::{Sink, Tally};

impl Sink for Vec<u8> {
    fn push(&mut self, byte: u8) {
        Vec::push(self, byte);
    }

    fn tally(&self) -> Tally {
        Tally { bytes: self.len() as u64, checksum: Checksum::new().bytes(self).value() }
    }
}

fn uart() -> Uart16550<Vec<u8>> {
    Uart16550::new(Vec::new())
}

#[test]
fn what_is_written_is_sent() {
    let mut uart = uart();
    uart.write(THR_RBR, 1, 0x141);
    assert_eq!(uart.read(LSR, 1), 0x60);
    assert_eq!(uart.sink(), b"A");
}

#[test]
fn a_full_fifo_goes_out_in_order() {
    let mut uart = uart();
    uart.write(IIR_FCR, 1, 7);
    let bytes: Vec<u8> = (0..16).collect();
    bytes.iter().for_each(|byte| uart.write(THR_RBR, 1, u64::from(*byte)));
    assert_eq!(uart.read(LSR, 1), 0x60);
    assert_eq!(*uart.sink(), bytes);
}

#[test]
fn the_divisor_hides_the_transmitter() {
    let mut uart = uart();
    uart.write(LCR, 1, 0x83);
    uart.write(THR_RBR, 1, 12);
    uart.write(IER, 1, 34);
    assert_eq!((uart.read(THR_RBR, 1), uart.read(IER, 1)), (12, 34));
    uart.write(LCR, 1, 3);
    assert_eq!((uart.read(THR_RBR, 1), uart.read(IER, 1)), (0, 0));
    assert!(uart.sink().is_empty());
    uart.write(THR_RBR, 1, 12);
    assert_eq!(uart.sink(), &[12]);
}

#[test]
fn the_fifo_shows_in_iir() {
    let mut uart = uart();
    assert_eq!(uart.read(IIR_FCR, 1), 0x01);
    uart.write(IIR_FCR, 1, 7);
    assert_eq!(uart.read(IIR_FCR, 1), 0xc1);
    uart.write(IIR_FCR, 1, 0);
    assert_eq!(uart.read(IIR_FCR, 1), 0x01);
}

#[test]
fn registers_keep_what_they_have() {
    let mut uart = uart();
    for (offset, mask) in [(IER, 0x0f), (MCR, 0x1f), (SCR, 0xff), (LCR, 0xff)] {
        uart.write(offset, 1, 0xff);
        assert_eq!(uart.read(offset, 1), mask);
        uart.write(offset, 1, 0);
        assert_eq!(uart.read(offset, 1), 0);
    }
    uart.write(LSR, 1, 0);
    uart.write(MSR, 1, 0);
    uart.write(0xfff, 8, u64::MAX);
    assert_eq!((uart.read(LSR, 1), uart.read(MSR, 1), uart.read(0xfff, 8)), (0x60, 0xb0, 0));
}

#[test]
fn an_empty_transmitter_interrupts_once_for_each_byte() {
    let mut uart = uart();
    uart.write(THR_RBR, 1, 1);
    assert_eq!(uart.read(IIR_FCR, 1), 1, "not enabled");
    uart.write(IER, 1, 2);
    assert_eq!((uart.read(IIR_FCR, 1), uart.read(IIR_FCR, 1)), (2, 1), "enabled while empty");
    uart.write(IER, 1, 2);
    assert_eq!(uart.read(IIR_FCR, 1), 1, "was enabled already");
    uart.write(THR_RBR, 1, 2);
    assert_eq!((uart.read(IIR_FCR, 1), uart.read(IIR_FCR, 1)), (2, 1), "a byte has left");
    uart.write(IER, 1, 0);
    uart.write(THR_RBR, 1, 3);
    assert_eq!(uart.read(IIR_FCR, 1), 1, "off again");
    assert_eq!(uart.sink(), &[1, 2, 3]);
}

#[test]
fn received_bytes_wait_in_order() {
    let mut uart = uart();
    uart.write(IIR_FCR, 1, FCR_ENABLE.into());
    uart.write(IER, 1, 7);
    (0..16).for_each(|byte| uart.receive(byte));
    assert_eq!(uart.read(LSR, 1), 0x61);
    assert_eq!(uart.read(IIR_FCR, 1), 0xc4);
    uart.receive(99);
    assert_eq!(uart.read(IIR_FCR, 1), 0xc6, "overrun comes first");
    assert_eq!((uart.read(LSR, 1), uart.read(LSR, 1)), (0x63, 0x61), "and is told once");
    for byte in 0..16 {
        assert_eq!(uart.read(THR_RBR, 1), byte);
    }
    assert_eq!((uart.read(LSR, 1), uart.read(THR_RBR, 1)), (0x60, 0));
}

#[test]
fn without_fifo_one_byte_waits() {
    let mut uart = uart();
    uart.receive(1);
    uart.receive(2);
    assert_eq!((uart.read(LSR, 1), uart.read(THR_RBR, 1), uart.read(LSR, 1)), (0x63, 1, 0x60));
}

#[test]
fn clearing_and_switching_the_fifo_drop_what_waits() {
    for (before, control) in [(1, 3), (1, 0), (0, 1)] {
        let mut uart = uart();
        uart.write(IIR_FCR, 1, before);
        uart.receive(1);
        uart.write(IIR_FCR, 1, before);
        assert_eq!(uart.read(LSR, 1), 0x61, "unchanged");
        uart.write(IIR_FCR, 1, control);
        assert_eq!((uart.read(LSR, 1), uart.read(THR_RBR, 1)), (0x60, 0));
    }
}

/// How Linux's 8250 driver finds out what it has (`autoconfig`).
#[test]
fn a_driver_recognises_it() {
    let mut uart = uart();
    uart.write(IER, 1, 0);
    assert_eq!(uart.read(IER, 1), 0);
    uart.write(IER, 1, 0x0f);
    assert_eq!(uart.read(IER, 1), 0x0f);
    uart.write(IER, 1, 0);
    uart.write(MCR, 1, 0x1a); // LOOP, OUT2, RTS
    assert_eq!(uart.read(MSR, 1) & 0xf0, 0x90);
    uart.write(MCR, 1, 0x15); // LOOP, OUT1, DTR
    assert_eq!(uart.read(MSR, 1) & 0xf0, 0x60);
    uart.write(IIR_FCR, 1, 1);
    uart.write(THR_RBR, 1, 0x5a);
    assert_eq!((uart.read(LSR, 1), uart.read(THR_RBR, 1)), (0x61, 0x5a), "comes back");
    assert!(uart.sink().is_empty(), "and doesn't leave");
    uart.write(MCR, 1, 0);
    uart.write(THR_RBR, 1, 0x5a);
    assert_eq!(uart.sink(), &[0x5a]);
}

#[test]
fn the_short_ways_do_what_the_long_ones_do() {
    let states = [(LCR, 0x80), (MCR, 0x10), (IER, 2), (IER, 1), (SCR, 1)];
    for (register, value) in states {
        for offset in (0..9).chain([u64::MAX]) {
            let (mut short, mut long) = (uart(), uart());
            for uart in [&mut short, &mut long] {
                uart.write(register, 1, value);
            }
            if let Some(status) = short.poll(offset) {
                assert_eq!(status, long.read(offset, 1));
                assert_eq!(offset, LSR);
            }
            if short.send(offset, 0x155) {
                long.write(offset, 1, 0x155);
                assert_eq!((offset, short.sink().as_slice()), (THR_RBR, &b"U"[..]));
            }
            for rest in 0..8 {
                assert_eq!(
                    short.read(rest, 1),
                    long.read(rest, 1),
                    "register {rest} after {offset} in {register}={value:#x}"
                );
            }
            assert_eq!(short.sink(), long.sink());
        }
    }
    let mut full = uart();
    assert_eq!(full.poll(LSR), Some(0x60));
    full.receive(1);
    assert_eq!(full.poll(LSR), None);
}
