//! The record of a stretch of a run: of each step of each hart what a path may be made of, in the order in which the machine executed them.

use rv_hart::ext::Event;
use rv_hart::{Mode, Observer, Step};
use rv_isa::csr;
use rv_machine::map::{DEVICES, Part};
use rv_machine::{Machine, Watch};

/// Harts see physical memory from here on: the direct map of hyp's kernel.
const DIRECT_MAP: u64 = 0xffff_ffc0_0000_0000;
/// x17, in which a call's number is.
const A7: u8 = 17;
/// More steps than this are more than any path has: memory of the host is not to be filled.
const STEPS_MAX: usize = 8_000_000;

/// A load or store of two bytes, as those of a ring's indices are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Half {
    /// A store, else a load.
    pub store: bool,
    /// The address as computed.
    pub addr: u64,
    /// The value.
    pub value: u16,
}

/// A trap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trapped {
    /// Code of the exception or interrupt.
    pub code: u64,
    /// An interrupt.
    pub interrupt: bool,
    /// The trap value.
    pub tval: u64,
    /// The guest physical address of a guest-page fault.
    pub gpa: Option<u64>,
    /// The mode entered.
    pub to: Mode,
    /// The number of a call.
    pub a7: u64,
}

/// What few steps do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rare {
    /// The trap that was taken; no instruction retired then.
    pub trap: Option<Trapped>,
    /// What extensions did.
    pub events: Vec<Event>,
    /// The hart that a software interrupt was sent to.
    pub ipi: Option<u64>,
    /// The value of `hvip` after a write.
    pub hvip: Option<u64>,
}

/// A step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The hart.
    pub hart: usize,
    /// The mode that it ran in.
    pub mode: Mode,
    /// The instruction's address.
    pub pc: u64,
    /// Its bits; 0 if there is none.
    pub raw: u32,
    /// The hart's time before.
    pub from: u64,
    /// The hart's time afterwards.
    pub to: u64,
    /// Its access of two bytes.
    pub half: Option<Half>,
    /// What few steps do.
    pub rare: Option<Box<Rare>>,
}

impl Seen {
    /// The trap that was taken.
    pub fn trap(&self) -> Option<&Trapped> {
        self.rare.as_ref()?.trap.as_ref()
    }
}

/// The hart that a store to the physical address `addr` interrupts: the board has a register of 4 bytes for each.
fn interrupted_by(addr: u64) -> Option<u64> {
    let registers = DEVICES.iter().find(|row| row.part == Part::Sswi)?;
    addr.checked_sub(registers.base).filter(|offset| *offset < registers.len).map(|offset| offset / 4)
}

/// The observer.
pub struct Recorder {
    /// All steps so far.
    pub seen: Vec<Seen>,
    /// Each hart's time.
    cycles: Vec<u64>,
    /// The last value written to x17.
    a7: Vec<u64>,
}

impl Recorder {
    /// A recorder of what this machine does from now on.
    pub fn new(machine: &Machine) -> Recorder {
        Recorder {
            seen: Vec::new(),
            cycles: machine.harts().iter().map(|hart| hart.state.cycles).collect(),
            a7: machine.harts().iter().map(|hart| hart.state.x[usize::from(A7)]).collect(),
        }
    }

    fn rare(&self, step: &Step, hart: usize) -> Option<Box<Rare>> {
        let trap = step.trap.map(|taken| Trapped {
            code: taken.trap.code,
            interrupt: taken.trap.interrupt,
            tval: taken.trap.tval,
            gpa: taken.trap.gpa,
            to: taken.to,
            a7: self.a7[hart],
        });
        let device = |addr: u64| if step.mode == Mode::HS { addr.wrapping_sub(DIRECT_MAP) } else { addr };
        let supervisor = matches!(step.mode, Mode::HS | Mode::M);
        let ipi = step.stores.iter().filter(|_| supervisor).find_map(|store| interrupted_by(device(store.addr)));
        let hvip = step.csrs.iter().find(|write| write.number == csr::HVIP && trap.is_none()).map(|write| write.value);
        let rare = Rare { trap, events: step.events.clone(), ipi, hvip };
        (rare != Rare::default()).then(|| Box::new(rare))
    }
}

fn half(step: &Step) -> Option<Half> {
    let load = step.loads.iter().map(|access| (false, access));
    let store = step.stores.iter().map(|access| (true, access));
    let (store, access) = load.chain(store).find(|(_, access)| access.size == 2)?;
    Some(Half { store, addr: access.addr, value: access.value as u16 })
}

impl Observer for Recorder {
    fn step(&mut self, step: &Step) {
        let hart = step.hart as usize;
        if let Some(write) = step.x.iter().find(|write| write.register == A7) {
            self.a7[hart] = write.value;
        }
        let from = std::mem::replace(&mut self.cycles[hart], step.cycle);
        self.seen.push(Seen {
            hart,
            mode: step.mode,
            pc: step.pc,
            raw: step.raw.unwrap_or(0),
            from,
            to: step.cycle,
            half: half(step),
            rare: self.rare(step, hart),
        });
    }
}

impl Watch for Recorder {
    fn wanted(&mut self, _retired: u64, _most: u64) -> bool {
        self.seen.len() < STEPS_MAX
    }
}
