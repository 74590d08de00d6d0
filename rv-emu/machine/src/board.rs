//! What the harts see beyond themselves: memory and devices behind one address map.

use std::cell::RefCell;

use rv_devices::finisher::Finish;
use rv_devices::virtio::SLOTS;
use rv_devices::{AccessError, Aclint, Device, Finisher, GoldfishRtc, Sswi, Uart16550, VirtioSlot, Width};
use rv_hart::{Bus, BusError, Counters, External, File, FileRegister, Ram, TimeBase, Wires};

use crate::cost::{CostModel, MARKERS_SNAPSHOT};
use crate::dma::Dma;
use crate::interrupts::{Aia, Interrupts};
use crate::map::{AddressMap, Part, RAM_BASE, ROM, RTC_IRQ, Range, UART_IRQ, virtio_irq};

/// A nominal 1 GHz core beside the 10 MHz timer of QEMU's `virt`.
pub const CYCLES_PER_TICK: u64 = 100;
/// Ticks of `mtime` in a second.
pub const TIMEBASE_HZ: u32 = 10_000_000;
/// Cycles in a second.
pub const CYCLES_PER_SECOND: u64 = CYCLES_PER_TICK * TIMEBASE_HZ as u64;

/// Memory, devices and the wires between them and the harts.
pub struct Board {
    /// Physical memory, ROM included.
    pub ram: Ram,
    /// What devices reach of it.
    memory: Range,
    map: AddressMap,
    aclint: Aclint,
    sswi: Sswi,
    interrupts: Interrupts,
    uart: Uart16550,
    finisher: Finisher,
    rtc: Option<GoldfishRtc>,
    /// As many as the map has, the first ones with a device.
    virtio: Vec<VirtioSlot>,
    /// When the first of them, or the clock, has something to do; `u64::MAX` if none has.
    device_due: u64,
    costs: CostModel,
    /// Counts what may have changed a wire, so that idle harts need not be asked.
    changes: u64,
    finish: Option<Finish>,
    marker: Option<u16>,
    marked: std::collections::BTreeMap<u16, u64>,
}

impl Board {
    /// A board with `memory` bytes of RAM for `harts` harts; `None` if the interrupt controllers have no room for so many.
    pub(crate) fn new(
        map: AddressMap,
        memory: u64,
        harts: usize,
        aia: Aia,
        costs: CostModel,
        rtc: Option<GoldfishRtc>,
        mut virtio: Vec<VirtioSlot>,
    ) -> Option<Result<Board, rv_hart::RamError>> {
        virtio.resize_with(SLOTS, VirtioSlot::empty);
        let aclint = Aclint::new(harts, CYCLES_PER_TICK, costs.costs().ipi_wire.into())?;
        let sswi = Sswi::new(harts, costs.costs().ipi_wire.into())?;
        let interrupts = Interrupts::new(aia, harts, costs.costs().ipi_wire.into())?;
        let ram = Ram::new(&[(ROM.base, ROM.len), (RAM_BASE, memory)]).map(|mut ram| {
            ram.protect(ROM.base, ROM.len);
            ram
        });
        Some(ram.map(|ram| Board {
            ram,
            memory: map.range(Part::Ram).expect("the map was made with it"),
            map,
            aclint,
            sswi,
            interrupts,
            uart: Uart16550::new(),
            finisher: Finisher::new(),
            rtc,
            virtio,
            device_due: u64::MAX,
            costs,
            changes: 0,
            finish: None,
            marker: None,
            marked: std::collections::BTreeMap::new(),
        }))
    }

    /// Puts the devices into their power-on state. Memory stays.
    pub(crate) fn reset(&mut self) {
        self.aclint.reset();
        self.sswi.reset();
        self.interrupts.reset();
        self.uart.reset();
        self.finisher.reset();
        self.rtc.iter_mut().for_each(Device::reset);
        self.virtio.iter_mut().for_each(Device::reset);
        self.device_due = u64::MAX;
        self.changes += 1;
    }

    /// Types bytes at the serial port.
    pub fn push_input(&mut self, bytes: &[u8]) {
        self.uart.push_input(bytes);
        // Between turns: what this sends has arrived when the harts look next.
        self.settle_console(0);
    }

    /// Bytes typed and not yet read by software.
    pub fn unread_input(&self) -> usize {
        self.uart.unread()
    }

    /// Takes back the oldest byte typed and not yet read by software.
    pub(crate) fn take_input(&mut self) -> Option<u8> {
        let byte = self.uart.take_unread();
        self.settle_console(0);
        byte
    }

    /// Moves what the serial port has sent to the end of `sink`.
    pub fn drain_output(&mut self, sink: &mut Vec<u8>) {
        self.uart.drain_output(sink);
    }

    /// The virtio slots.
    pub fn virtio(&self) -> &[VirtioSlot] {
        &self.virtio
    }

    /// Does something to a slot from outside, between two runs; `None` if there is no such slot. If the slot has something
    /// to do then, the next hart that looks finds it done.
    pub(crate) fn with_slot<R>(&mut self, slot: usize, act: impl FnOnce(&mut VirtioSlot) -> R) -> Option<R> {
        let slot = self.virtio.get_mut(slot)?;
        let result = act(slot);
        if slot.is_pending() {
            self.device_due = 0;
            self.changes += 1;
        }
        Some(result)
    }

    /// The model that events are charged by.
    pub fn costs(&self) -> &CostModel {
        &self.costs
    }

    /// How often each padding point was passed.
    pub fn marked(&self) -> &std::collections::BTreeMap<u16, u64> {
        &self.marked
    }

    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    pub(crate) fn take_finish(&mut self) -> Option<Finish> {
        self.finish.take()
    }

    pub(crate) fn take_marker(&mut self) -> Option<u16> {
        self.marker.take()
    }

    fn device(&mut self, part: Part) -> Option<&mut dyn Device> {
        match part {
            Part::Aclint => Some(&mut self.aclint),
            Part::Sswi => Some(&mut self.sswi),
            Part::Uart => Some(&mut self.uart),
            Part::Finisher => Some(&mut self.finisher),
            Part::Rtc => {
                // As for the slots.
                self.device_due = 0;
                self.rtc.as_mut().map(|rtc| rtc as &mut dyn Device)
            }
            Part::Virtio(slot) => {
                // The access may give it something to do, or take its interrupt away.
                self.device_due = 0;
                self.virtio.get_mut(usize::from(slot)).map(|slot| slot as &mut dyn Device)
            }
            Part::Plic
            | Part::AplicMachine
            | Part::AplicSupervisor
            | Part::ImsicMachine
            | Part::ImsicSupervisor
            | Part::Rom
            | Part::Ram => None,
        }
    }

    /// The device at `addr`, the offset in it, and the width of the access.
    fn target(&mut self, addr: u64, size: u8, now: u64) -> Result<(&mut dyn Device, u64, Width), BusError> {
        // What was done before the access is seen by it.
        self.advance(now);
        let unmapped = BusError::Unmapped(addr);
        let (part, offset) = self.map.find(addr).ok_or(unmapped)?;
        let width = Width::from_bytes(size).ok_or(BusError::Refused(addr))?;
        if matches!(
            part,
            Part::Plic | Part::AplicMachine | Part::AplicSupervisor | Part::ImsicMachine | Part::ImsicSupervisor
        ) {
            let (device, offset) = self.interrupts.device(part, offset).ok_or(unmapped)?;
            return Ok((device, offset, width));
        }
        let device = self.device(part).ok_or(unmapped)?;
        Ok((device, offset, width))
    }

    /// Carries the devices' lines on after an access at `now`.
    fn settle(&mut self, now: u64) {
        self.settle_console(now);
        self.interrupts.settle(now);
        if let Some(finish) = self.finisher.take_finish() {
            self.finish = Some(finish);
        }
        self.advance(now);
    }

    fn settle_console(&mut self, now: u64) {
        self.changes += 1;
        self.interrupts.set_level(UART_IRQ, self.uart.interrupt(), now);
    }

    /// Lets the virtio devices and the clock do what is due by `now`.
    fn advance(&mut self, now: u64) {
        if now < self.device_due {
            return;
        }
        let ram = RefCell::new(&mut self.ram);
        let dma = Dma::new(&ram, self.memory);
        for (slot, device) in (0..).zip(&mut self.virtio) {
            device.advance(now, &dma);
            self.interrupts.set_level(virtio_irq(slot), device.interrupt(), now);
        }
        if let Some(rtc) = &mut self.rtc {
            rtc.advance(now);
            self.interrupts.set_level(RTC_IRQ, rtc.interrupt(), now);
        }
        let clock = self.rtc.as_ref().and_then(GoldfishRtc::next_event);
        let events = self.virtio.iter().filter_map(VirtioSlot::next_event).chain(clock);
        self.device_due = events.min().unwrap_or(u64::MAX);
        self.changes += 1;
    }
}

fn refused(addr: u64) -> impl Fn(AccessError) -> BusError {
    move |_| BusError::Refused(addr)
}

impl Bus for Board {
    fn ram(&mut self) -> &mut Ram {
        &mut self.ram
    }

    fn read(&mut self, _hart: usize, addr: u64, size: u8, now: u64) -> Result<u64, BusError> {
        let (device, offset, width) = self.target(addr, size, now)?;
        let value = device.read(offset, width, now).map_err(refused(addr))?;
        self.settle(now);
        Ok(value)
    }

    fn write(&mut self, _hart: usize, addr: u64, size: u8, value: u64, now: u64) -> Result<(), BusError> {
        let (device, offset, width) = self.target(addr, size, now)?;
        device.write(offset, width, value, now).map_err(refused(addr))?;
        self.settle(now);
        Ok(())
    }

    fn wires(&mut self, hart: usize, now: u64) -> Wires {
        self.advance(now);
        let time = TimeBase { cycles_per_tick: CYCLES_PER_TICK, offset: self.aclint.mtime_offset() };
        let arrival = self.aclint.msip_arrival(hart);
        let ssip = self.sswi.take_edge(hart, now);
        let (meip, seip, message) = self.interrupts.lines(hart, now);
        let arrivals = [arrival, self.sswi.arrival(hart), Some(self.device_due), message];
        Wires {
            meip,
            seip,
            msip: arrival.is_some_and(|at| at <= now),
            ssip,
            mtimecmp: self.aclint.mtimecmp(hart),
            time,
            changes_at: arrivals.into_iter().flatten().filter(|at| *at > now).min().unwrap_or(u64::MAX),
        }
    }

    fn external(&mut self, hart: usize, vgein: u8, now: u64) -> External {
        self.interrupts.external(hart, vgein, now)
    }

    fn file_read(&mut self, hart: usize, file: File, register: FileRegister, now: u64) -> u64 {
        self.interrupts.file_read(hart, file, register, now)
    }

    fn file_write(&mut self, hart: usize, file: File, register: FileRegister, value: u64, now: u64) {
        self.interrupts.file_write(hart, file, register, value, now);
    }

    fn attention(&mut self) -> bool {
        self.finish.is_some() || self.marker.is_some()
    }

    fn marker(&mut self, _hart: usize, number: u16, _counters: &Counters, _now: u64) -> u64 {
        if number < MARKERS_SNAPSHOT {
            self.marker = Some(number);
            return 0;
        }
        *self.marked.entry(number).or_default() += 1;
        self.costs.padding(number)
    }
}
