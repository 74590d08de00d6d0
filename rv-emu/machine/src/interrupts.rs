//! The board's external interrupts: which controllers there are, where wires from devices end, and what a hart is told.
//!
//! By default that is a PLIC. With the Advanced Interrupt Architecture it is an APLIC that signals harts by lines, or one that sends
//! messages to the harts' IMSICs.

use rv_devices::aplic::{self, Level, Msi};
use rv_devices::{Aplic, Cycles, Device, Imsic, Plic, Width, imsic, plic};
use rv_hart::{External, File, FileRegister};

use crate::map::{IMSIC_MACHINE_BASE, IMSIC_SUPERVISOR_BASE, Part};

/// Which parts of the Advanced Interrupt Architecture a machine has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Aia {
    /// None: the interrupt controller is a PLIC.
    #[default]
    None,
    /// An APLIC that signals harts by lines.
    Aplic,
    /// An APLIC that sends messages, harts with IMSICs, Smaia and Ssaia.
    AplicImsic {
        /// Guest interrupt files of each hart, 0 to 63.
        guests: u8,
    },
}

/// Most guest interrupt files of a hart.
pub const GUESTS_MAX: u8 = imsic::GUESTS_MAX;

/// The board's interrupt controllers.
pub(crate) enum Interrupts {
    Plic(Plic),
    Aplic(Box<Aplic>),
    Messages(Box<Messages>),
}

/// Controllers that work by messages.
pub(crate) struct Messages {
    aplic: Aplic,
    /// The machine-level files.
    machine: Imsic,
    /// The supervisor-level files and those of guests.
    supervisor: Imsic,
}

impl Interrupts {
    /// The controllers of `aia` for `harts` harts, where a message takes `wire_cycles`; `None` if they have no room for so many.
    pub(crate) fn new(aia: Aia, harts: usize, wire_cycles: u64) -> Option<Interrupts> {
        Some(match aia {
            Aia::None => Interrupts::Plic(Plic::new(2 * harts)?),
            Aia::Aplic => Interrupts::Aplic(Box::new(Aplic::direct(harts)?)),
            Aia::AplicImsic { guests } => Interrupts::Messages(Box::new(Messages {
                aplic: Aplic::msi(harts, guests, IMSIC_MACHINE_BASE, IMSIC_SUPERVISOR_BASE),
                machine: Imsic::new(harts, 0, wire_cycles)?,
                supervisor: Imsic::new(harts, guests, wire_cycles)?,
            })),
        })
    }

    pub(crate) fn reset(&mut self) {
        match self {
            Interrupts::Plic(plic) => plic.reset(),
            Interrupts::Aplic(aplic) => aplic.reset(),
            Interrupts::Messages(all) => {
                all.aplic.reset();
                all.machine.reset();
                all.supervisor.reset();
            }
        }
    }

    /// The controller behind `part`, and the offset in it of `offset` in the part.
    pub(crate) fn device(&mut self, part: Part, offset: u64) -> Option<(&mut dyn Device, u64)> {
        // The supervisor-level domain follows the other.
        let domain = if part == Part::AplicSupervisor { aplic::SIZE } else { 0 };
        match (self, part) {
            (Interrupts::Plic(plic), Part::Plic) => Some((plic, offset)),
            (Interrupts::Aplic(aplic), Part::AplicMachine | Part::AplicSupervisor) => {
                Some((aplic.as_mut(), domain + offset))
            }
            (Interrupts::Messages(all), Part::AplicMachine | Part::AplicSupervisor) => {
                Some((&mut all.aplic, domain + offset))
            }
            (Interrupts::Messages(all), Part::ImsicMachine) => Some((&mut all.machine, offset)),
            (Interrupts::Messages(all), Part::ImsicSupervisor) => Some((&mut all.supervisor, offset)),
            _ => None,
        }
    }

    /// Sets the wire of `source` at cycle `now`.
    pub(crate) fn set_level(&mut self, source: u32, high: bool, now: Cycles) {
        match self {
            Interrupts::Plic(plic) => plic.set_level(source, high),
            Interrupts::Aplic(aplic) => aplic.set_level(source, high),
            Interrupts::Messages(all) => {
                all.aplic.set_level(source, high);
                all.send(now);
            }
        }
    }

    /// Carries on what an access to a controller at `now` has left to do.
    pub(crate) fn settle(&mut self, now: Cycles) {
        if let Interrupts::Messages(all) = self {
            all.send(now);
        }
    }

    /// The machine-level and supervisor-level lines to a hart at `now`, and when they change by themselves.
    pub(crate) fn lines(&mut self, hart: usize, now: Cycles) -> (bool, bool, Option<Cycles>) {
        match self {
            Interrupts::Plic(plic) => {
                let pending = |context| plic.pending(context);
                (pending(plic::machine_context(hart)), pending(plic::supervisor_context(hart)), None)
            }
            Interrupts::Aplic(aplic) => {
                let up = |level| aplic.line(level, hart).is_some();
                (up(Level::Machine), up(Level::Supervisor), None)
            }
            Interrupts::Messages(all) => {
                all.deliver(hart, now);
                let arrival = [all.machine.arrival(hart), all.supervisor.arrival(hart)].into_iter().flatten().min();
                (all.machine.lines(hart) & 1 != 0, all.supervisor.lines(hart) & 1 != 0, arrival)
            }
        }
    }

    /// See [`rv_hart::Bus::external`].
    pub(crate) fn external(&mut self, hart: usize, vgein: u8, now: Cycles) -> External {
        match self {
            Interrupts::Plic(_) => External::default(),
            Interrupts::Aplic(aplic) => {
                let number = |level| aplic.line(level, hart).map_or(0, |priority| priority as u16);
                External {
                    machine: number(Level::Machine),
                    supervisor: number(Level::Supervisor),
                    ..External::default()
                }
            }
            Interrupts::Messages(all) => {
                all.deliver(hart, now);
                let guest = if vgein == 0 { 0 } else { all.supervisor.top(hart, vgein.into()) };
                External {
                    machine: all.machine.top(hart, 0) as u16,
                    supervisor: all.supervisor.top(hart, 0) as u16,
                    guest: guest as u16,
                    guest_lines: all.supervisor.lines(hart) & !1,
                }
            }
        }
    }

    /// See [`rv_hart::Bus::file_read`].
    pub(crate) fn file_read(&mut self, hart: usize, file: File, register: FileRegister, now: Cycles) -> u64 {
        let Interrupts::Messages(all) = self else { return 0 };
        all.deliver(hart, now);
        let (imsic, index) = all.file(file);
        match register {
            FileRegister::Selected(number) => imsic.read_selected(hart, index, number),
            FileRegister::Top => {
                let top = u64::from(imsic.top(hart, index));
                top << 16 | top
            }
        }
    }

    /// See [`rv_hart::Bus::file_write`].
    pub(crate) fn file_write(&mut self, hart: usize, file: File, register: FileRegister, value: u64, now: Cycles) {
        let Interrupts::Messages(all) = self else { return };
        all.deliver(hart, now);
        let (imsic, index) = all.file(file);
        match register {
            FileRegister::Selected(number) => imsic.write_selected(hart, index, number, value),
            FileRegister::Top => imsic.claim(hart, index),
        }
    }
}

impl Messages {
    fn deliver(&mut self, hart: usize, now: Cycles) {
        self.machine.deliver(hart, now);
        self.supervisor.deliver(hart, now);
    }

    fn file(&mut self, file: File) -> (&mut Imsic, usize) {
        match file {
            File::Machine => (&mut self.machine, 0),
            File::Supervisor => (&mut self.supervisor, 0),
            File::Guest(number) => (&mut self.supervisor, number.into()),
        }
    }

    /// Sends what the APLIC has to send. It reaches interrupt files only: that is what the specification recommends against software that
    /// would write elsewhere ("Machine MSI address configuration").
    fn send(&mut self, now: Cycles) {
        for Msi { addr, data } in self.aplic.take_messages() {
            let files = [(&mut self.machine, IMSIC_MACHINE_BASE), (&mut self.supervisor, IMSIC_SUPERVISOR_BASE)];
            for (imsic, base) in files {
                if let Some(offset) = addr.checked_sub(base) {
                    // An address behind this device's window is refused.
                    let _ = imsic.write(offset, Width::Word, data.into(), now);
                }
            }
        }
    }
}
