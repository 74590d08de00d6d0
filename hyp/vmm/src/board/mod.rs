//! The board of a guest that is an operating system: what its drivers expect of a machine, beyond what the lab's own guests need. A serial
//! port with interrupts, disks, and an interrupt controller between them and the harts.

pub mod args;
pub mod linux;
pub mod tree;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};

use monitor::plic::{self, Plic};

use crate::device::sink::Sink;
use crate::device::slot::Slot;
use crate::device::uart16550::Uart16550;
use crate::device::{Bus, UART, UART_SIZE, VIRTIO, VIRTIO_SIZE};

/// Guest physical address of the interrupt controller.
pub const PLIC: u64 = 0x0c00_0000;
/// The serial port's interrupt source.
pub const UART_SOURCE: u32 = 10;
/// The first virtio slot's; those of the others follow.
pub const VIRTIO_SOURCE: u32 = 1;
/// Most virtio slots: they lie one behind the other from [`VIRTIO`] on.
pub const SLOTS_MAX: usize = 8;

/// A virtio device of the board.
pub struct Wired {
    /// Its registers, and whoever serves it.
    pub slot: Slot,
    /// Set by who serves it when the driver is to be interrupted.
    pub call: Arc<AtomicBool>,
}

/// Passes a hart's external interrupt on: its number, and the level.
pub type Raise = Box<dyn FnMut(usize, bool) + Send>;

/// All devices of the board.
pub struct Board<S> {
    uart: Uart16550<S>,
    slots: Vec<Wired>,
    plic: Plic,
    /// Whether each hart's external interrupt is up.
    levels: Vec<bool>,
    raise: Raise,
}

impl<S: Sink> Board<S> {
    /// A board of `harts` harts that prints to `sink`. Changes of the harts' external interrupts go to `raise`.
    pub fn new(sink: S, slots: Vec<Wired>, harts: usize, raise: Raise) -> Self {
        assert!(slots.len() <= SLOTS_MAX && harts <= plic::HARTS_MAX);
        let levels = alloc::vec![false; harts];
        Board { uart: Uart16550::new(sink), slots, plic: Plic::new(harts), levels, raise }
    }

    /// What prints.
    pub fn sink(&mut self) -> &mut S {
        self.uart.sink()
    }

    /// Bytes that can come in at the serial port before one is lost.
    pub fn receive_room(&self) -> usize {
        self.uart.receive_room()
    }

    /// Bytes come in at the serial port.
    pub fn receive(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.uart.receive(*byte));
        self.settle();
    }

    /// Where the devices are: guest physical addresses and bytes, whole pages.
    pub fn windows(&self) -> impl Iterator<Item = (u64, u64)> + use<S> {
        let slots = self.slots.len() as u64 * VIRTIO_SIZE;
        [(UART, UART_SIZE), (PLIC, plic::SIZE), (VIRTIO, slots)].into_iter().filter(|(_, size)| *size > 0)
    }

    /// The slot of an address.
    fn slot(&mut self, gpa: u64) -> Option<(&mut Wired, u64)> {
        let offset = gpa.checked_sub(VIRTIO)?;
        let wired = self.slots.get_mut(usize::try_from(offset / VIRTIO_SIZE).ok()?)?;
        Some((wired, offset % VIRTIO_SIZE))
    }

    #[cold]
    #[inline(never)]
    fn read_rare(&mut self, gpa: u64, len: u32) -> Option<u64> {
        let (uart, plic) = (gpa.wrapping_sub(UART), gpa.wrapping_sub(PLIC));
        let value = if uart < UART_SIZE {
            self.uart.read(uart, len)
        } else if plic < plic::SIZE {
            self.plic.read(plic, len)
        } else {
            let (wired, offset) = self.slot(gpa)?;
            wired.slot.read(offset, len as u8)
        };
        self.settle();
        Some(value)
    }

    #[cold]
    #[inline(never)]
    fn write_rare(&mut self, gpa: u64, len: u32, value: u64) -> Option<()> {
        let (uart, plic) = (gpa.wrapping_sub(UART), gpa.wrapping_sub(PLIC));
        if uart < UART_SIZE {
            self.uart.write(uart, len, value);
        } else if plic < plic::SIZE {
            self.plic.write(plic, len, value);
        } else {
            let (wired, offset) = self.slot(gpa)?;
            wired.slot.write(offset, len as u8, value);
        }
        self.settle();
        Some(())
    }

    /// Brings the devices' wires to the controller, and the controller's to the harts.
    fn settle(&mut self) {
        self.plic.set_level(UART_SOURCE, self.uart.interrupts());
        for (source, wired) in (VIRTIO_SOURCE..).zip(&mut self.slots) {
            if wired.call.swap(false, Ordering::Acquire) {
                wired.slot.raise();
            }
            self.plic.set_level(source, wired.slot.interrupts());
        }
        for (hart, level) in self.levels.iter_mut().enumerate() {
            let now = self.plic.is_pending(hart);
            if core::mem::replace(level, now) != now {
                (self.raise)(hart, now);
            }
        }
    }
}

impl<S: Sink> Bus for Board<S> {
    // What a driver that polls does all the time comes first, as with the lab's own guests.
    #[inline(never)]
    fn read(&mut self, gpa: u64, len: u32) -> Option<u64> {
        match self.uart.poll(gpa.wrapping_sub(UART)) {
            None => self.read_rare(gpa, len),
            status => status,
        }
    }

    #[inline(never)]
    fn write(&mut self, gpa: u64, len: u32, value: u64) -> Option<()> {
        if self.uart.send(gpa.wrapping_sub(UART), value) { Some(()) } else { self.write_rare(gpa, len, value) }
    }
}

#[cfg(test)]
mod tests;
