//! Our hart with a program in its memory, stepped instruction by instruction.

use rv_hart::{Bus, BusError, Costs, Hart, Mode, Ram, StepEvent, Wires};
use rv_isa::csr;

use super::elf::Image;
use super::layout::{CODE, CODE_SIZE, MTIMECMP, RAM, RAM_SIZE, USER_ALIAS};

/// Memory, and a timer comparator that the prologue may set out of reach.
pub struct Board(pub Ram);

impl Bus for Board {
    fn ram(&mut self) -> &mut Ram {
        &mut self.0
    }
    fn read(&mut self, _: usize, addr: u64, _: u8, _: u64) -> Result<u64, BusError> {
        Err(BusError::Unmapped(addr))
    }
    fn write(&mut self, _: usize, addr: u64, _: u8, _: u64, _: u64) -> Result<(), BusError> {
        if addr == MTIMECMP { Ok(()) } else { Err(BusError::Unmapped(addr)) }
    }
    fn wires(&mut self, _: usize, _: u64) -> Wires {
        Wires::default()
    }
}

/// Our machine.
pub struct Ours {
    /// The hart.
    pub hart: Hart,
    /// What is around it.
    pub board: Board,
}

impl Ours {
    /// The machine before the first instruction of a program.
    ///
    /// # Panics
    /// If the host has no memory for it, or the image is none of ours.
    pub fn new(image: &Image) -> Ours {
        let mut ram = Ram::new(&[(RAM, RAM_SIZE)]).expect("a little memory");
        for (address, bytes) in &image.segments {
            ram.write_bytes(*address, bytes).expect("images lie in memory");
        }
        let hart = Hart::new(0, image.entry, super::isa(), Costs::FLAT, Vec::new()).expect("a hart");
        Ours { hart, board: Board(ram) }
    }

    /// One instruction, or one trap.
    pub fn step(&mut self) -> StepEvent {
        self.hart.step(&mut self.board)
    }

    /// Program counter.
    pub fn pc(&self) -> u64 {
        self.hart.state.pc
    }

    /// Current mode.
    pub fn mode(&self) -> Mode {
        self.hart.state.mode
    }

    /// The bits of the random code at a virtual address, whose translation is known without looking.
    pub fn code_at(&self, pc: u64) -> Option<u32> {
        let physical = pc & !USER_ALIAS;
        if !(CODE..CODE + CODE_SIZE).contains(&physical) {
            return None;
        }
        let low = self.board.0.load(physical & !1, 2)? as u32;
        let high = if low & 3 == 3 { self.board.0.load((physical & !1) + 2, 2)? as u32 } else { 0 };
        Some(low | high << 16)
    }

    /// The value of a CSR as M-mode would read it.
    pub fn csr(&self, number: u16) -> Option<u64> {
        self.hart.csr_peek(number)
    }

    /// The cause that the handler just entered sees.
    pub fn newest_cause(&self) -> u64 {
        let number = match self.mode() {
            Mode::M => csr::MCAUSE,
            Mode::HS | Mode::U => csr::SCAUSE,
            Mode::VS | Mode::VU => csr::VSCAUSE,
        };
        self.csr(number).unwrap_or_default()
    }
}
