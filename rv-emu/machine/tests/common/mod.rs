//! Small programs for the machine, written with the encoders of rv-isa.

#![allow(dead_code)] // Each test file uses its part.

use rv_isa::asm::{self, T0, T1, ZERO};
use rv_isa::csr;
use rv_machine::map::RAM_BASE;
use rv_machine::{CostModel, Image, Limits, Machine, MachineConfig, Software, Stop};

/// The test finisher.
pub const FINISHER: u64 = 0x10_0000;
/// Software interrupt of hart 0.
pub const MSIP: u64 = 0x200_0000;
/// Timer comparator of hart 0.
pub const MTIMECMP: u64 = 0x200_4000;
/// The clock.
pub const MTIME: u64 = 0x200_bff8;
/// The interrupt controller.
pub const PLIC: u64 = 0xc00_0000;
/// The serial port.
pub const UART: u64 = 0x1000_0000;
/// Memory that programs use for data.
pub const DATA: u64 = RAM_BASE + 0x10_0000;

/// Machine software, timer and external interrupt, as bits of `mie`.
pub const MSI: u64 = 1 << 3;
/// See [`MSI`].
pub const MTI: u64 = 1 << 7;
/// See [`MSI`].
pub const MEI: u64 = 1 << 11;

/// A program under construction; it uses t0 and t1 as scratch.
#[derive(Default)]
pub struct Program(Vec<u32>);

impl Program {
    pub fn new() -> Program {
        Program::default()
    }

    /// Address of the next instruction.
    pub fn here(&self) -> u64 {
        RAM_BASE + 4 * self.0.len() as u64
    }

    /// Appends instructions.
    pub fn add(&mut self, words: &[u32]) -> &mut Program {
        self.0.extend(words);
        self
    }

    /// Loads a constant.
    pub fn li(&mut self, register: u8, value: u64) -> &mut Program {
        self.add(&asm::li64(register, value))
    }

    /// Stores a word, as to a device register.
    pub fn store_word(&mut self, addr: u64, value: u64) -> &mut Program {
        self.li(T0, addr).li(T1, value).add(&[asm::sw(T1, T0, 0)])
    }

    /// Stores a byte.
    pub fn store_byte(&mut self, addr: u64, value: u64) -> &mut Program {
        self.li(T0, addr).li(T1, value).add(&[asm::sb(T1, T0, 0)])
    }

    /// Stores a double word.
    pub fn store(&mut self, addr: u64, value: u64) -> &mut Program {
        self.li(T0, addr).li(T1, value).add(&[asm::sd(T1, T0, 0)])
    }

    /// Writes a CSR.
    pub fn csr(&mut self, number: u16, value: u64) -> &mut Program {
        self.li(T1, value).add(&[asm::csrrw(ZERO, number, T1)])
    }

    /// Enables interrupts in M-mode.
    pub fn enable(&mut self, mie: u64) -> &mut Program {
        self.csr(csr::MIE, mie).add(&[asm::csrrsi(ZERO, csr::MSTATUS, 8)])
    }

    /// Waits for interrupts forever.
    pub fn wait(&mut self) -> &mut Program {
        self.add(&[asm::wfi(), asm::jal(ZERO, -4)])
    }

    /// Ends the run with the exit code in `register`, which is not t0 or t1.
    pub fn exit_with(&mut self, register: u8) -> &mut Program {
        self.li(T1, 0x3333).li(T0, FINISHER);
        self.add(&[asm::slli(register, register, 16), asm::or(T1, T1, register), asm::sw(T1, T0, 0)])
    }

    /// Ends the run with success.
    pub fn pass(&mut self) -> &mut Program {
        self.store_word(FINISHER, 0x5555)
    }

    /// Goes to a place that is not known yet: see [`Program::land`].
    pub fn hole(&mut self) -> usize {
        self.0.push(asm::jal(ZERO, 0));
        self.0.len() - 1
    }

    /// Fills a hole with the instruction that `make` gives for the offset to here.
    pub fn land(&mut self, hole: usize, make: impl Fn(i32) -> u32) -> &mut Program {
        self.0[hole] = make(4 * (self.0.len() - hole) as i32);
        self
    }

    /// Makes the code from here on the trap handler; `body` comes first and must not run into it.
    pub fn handler(setup: impl Fn(&mut Program), handler: impl Fn(&mut Program)) -> Program {
        // Setup and handler are independent of where they lie, so that the first try tells the handler's address.
        let build = |address: u64| {
            let mut program = Program::new();
            program.csr(csr::MTVEC, address);
            setup(&mut program);
            let start = program.here();
            handler(&mut program);
            (program, start)
        };
        let (_, start) = build(0);
        build(start).0
    }

    /// The machine code.
    pub fn bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// As a program file with symbols.
    pub fn image(&self, symbols: &[(&str, u64)]) -> Image {
        let mut image = Image::raw("test program", self.bytes());
        image.symbols = symbols.iter().map(|(name, addr)| ((*name).to_owned(), *addr)).collect();
        image
    }
}

/// A configuration with the flat cost model, where a cycle is an instruction.
pub fn flat(harts: usize) -> MachineConfig {
    MachineConfig { harts, costs: CostModel::built_in("flat").unwrap(), ..MachineConfig::default() }
}

/// A machine with `program` in its memory.
pub fn machine(config: MachineConfig, program: &Program) -> Machine {
    let mut machine = Machine::new(config).unwrap();
    machine.load(&Software::bare(program.image(&[]))).unwrap();
    machine
}

/// Runs to the end, but not forever.
pub fn finish(machine: &mut Machine) -> Stop {
    machine.run(&Limits { max_insns: Some(10_000_000), slice: None })
}

/// What was printed since the last call.
pub fn printed(machine: &mut Machine) -> String {
    let mut output = Vec::new();
    machine.drain_output(&mut output);
    String::from_utf8(output).unwrap()
}

/// A double word of memory.
pub fn peek(machine: &Machine, addr: u64) -> u64 {
    machine.board.ram.load(addr, 8).unwrap()
}
