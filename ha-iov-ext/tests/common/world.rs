//! Several harts with one memory, stepped in any order: a sender's VM, a target with a guest, and a context with its handler.

use conformance::{HS_HANDLER, Memory, VS_HANDLER};
use ha_iov_ext::fields::{hstatus, huct, huectl, hveictl, hveidir, hvslot, sip};
use ha_iov_ext::model::{Config, Haiov};
use ha_iov_ext::vei::{Affinity, Context, DirectoryEntry, MapEntry, Target};
use ha_iov_ext::{csr, insn};
use rv_hart::{Costs, Hart, Mode, Ram, StepEvent};
use rv_isa::asm::{self, T0, T1, ZERO};
use rv_isa::csr as standard;
use rv_isa::fields::{mip, mstatus, pmpcfg, pte, satp};
use rv_isa::{IsaSet, cause};

/// The guest's code.
pub const GUEST: u64 = 0x8010_0000;
/// The handler's code: a user page.
pub const HANDLER: u64 = 0x8060_0000;
/// What handlers count: a user page, as the handlers' base register loads it.
pub const LOG: u64 = 0x8070_0000;
/// The contexts of hart 0; those of hart n are n pages on.
pub const CONTEXTS: u64 = 0x8042_0000;
/// Register areas, one for each hart.
pub const SAVE: u64 = 0x8043_0000;
/// The directory.
pub const DIRECTORY: u64 = 0x8040_0000;
/// The map.
pub const MAP: u64 = 0x8041_0000;
/// What `sscratch` is while the handler runs.
pub const HANDLER_RECORD: u64 = 0x8044_1000;
/// What `sscratch` is otherwise.
pub const THREAD_RECORD: u64 = 0x8044_0000;
/// The guest's VMID.
pub const VMID: u64 = 5;
/// The VEIRQ that is a user VEI to context 3 of hart 0, vector 9.
pub const USER: u64 = 1;
/// The VEIRQ that is supervisor VEI 7 of hart 0.
pub const SUPERVISOR: u64 = 2;
/// Number of the context.
pub const INDEX: u64 = 3;
/// `hvslot` and `hucur` that name it.
pub const NAMED: u64 = hvslot::V | INDEX;

const GUEST_ROOT: u64 = 0x8001_0000;
const HOST_ROOT: u64 = 0x8002_0000;
const HOST_MIDDLE: u64 = 0x8002_1000;
const ORDINARY: u64 = pte::V | pte::R | pte::W | pte::X | pte::A | pte::D;

/// satp of handlers: everything is the kernel's but the pages of handler and log.
pub const SUATP: u64 = satp::SV39 | HOST_ROOT >> 12;

/// Where a field of the context is.
pub const fn context(offset: u64) -> u64 {
    CONTEXTS + Context::SIZE * INDEX + offset
}

/// Counts the take in the log's first word, claims everything, and returns.
pub const COUNTING: [u32; 8] = [
    asm::lui(T0, (LOG >> 1) as i32),
    asm::slli(T0, T0, 1),
    asm::ld(T1, T0, 0),
    asm::addi(T1, T1, 1),
    asm::sd(T1, T0, 0),
    asm::csrrw(T1, csr::UTOPVEI, ZERO),
    asm::bne(T1, ZERO, -4),
    insn::URET,
];

/// Harts, and what they share.
pub struct World {
    /// Hart 0 is the target.
    pub harts: Vec<Hart>,
    /// Their memory.
    pub memory: Memory,
}

impl World {
    /// Tables, a guest on each hart that may send, and on hart 0 a context that may interrupt it.
    pub fn new(harts: usize) -> World {
        let mut factory = Haiov::machine(Config::default(), harts);
        let new = |id| Hart::new(id, GUEST, IsaSet::standard(), Costs::FLAT, factory(id)).expect("no clash");
        let harts: Vec<Hart> = (0..harts as u64).map(new).collect();
        let memory = Memory(Ram::new(&[(conformance::RAM, 16 << 20)]).expect("a little memory"));
        let mut world = World { harts, memory };
        world.tables();
        for hart in 0..world.harts.len() {
            world.open(hart);
        }
        world
    }

    fn tables(&mut self) {
        let leaf = |addr: u64, more: u64| addr >> 12 << 10 | ORDINARY | more;
        self.store(GUEST_ROOT + 16, leaf(0x8000_0000, pte::U));
        self.store(HOST_ROOT + 16, HOST_MIDDLE >> 12 << 10 | pte::V);
        for index in 0..8 {
            let addr = 0x8000_0000 + (index << 21);
            let user = if addr == HANDLER & !0x1f_ffff { pte::U } else { 0 };
            self.store(HOST_MIDDLE + 8 * index, leaf(addr, user));
        }
        self.store(DIRECTORY + 8 * VMID, DirectoryEntry { map: MAP, log2_entries: 4 }.encode());
        let to = |target| MapEntry { hart: 0, target, gap: 0, affinity: Affinity::Fixed }.encode();
        let user = to(Target::User { context: INDEX as u8, vector: 9 });
        for (veirq, entry) in [(USER, user), (SUPERVISOR, to(Target::Supervisor { veiid: 7 }))] {
            self.store(MAP + 16 * veirq, entry[0]);
            self.store(MAP + 16 * veirq + 8, entry[1]);
        }
        let handler =
            Context { dom: 1, utvec: HANDLER, uscratch: 0x77, suscratch: HANDLER_RECORD, suatp: SUATP }.encode();
        for (word, offset) in handler.into_iter().zip((0..).step_by(8)) {
            self.store(context(offset), word);
        }
        self.program(HANDLER, &COUNTING);
        // Kernels stay where a trap has put them, unless a test gives them something to do.
        for handler in [conformance::M_HANDLER, HS_HANDLER, VS_HANDLER] {
            self.program(handler, &[asm::jal(ZERO, 0)]);
        }
    }

    fn open(&mut self, hart: usize) {
        let at = hart as u64;
        let interrupts = sip::ALL | mip::SSIP | mip::STIP;
        let all = [
            (standard::PMPADDR0, u64::MAX),
            (standard::PMPCFG0, (pmpcfg::A_NAPOT | pmpcfg::R | pmpcfg::W | pmpcfg::X).into()),
            (standard::MTVEC, conformance::M_HANDLER),
            (standard::STVEC, HS_HANDLER),
            (standard::VSTVEC, VS_HANDLER),
            (standard::MEDELEG, u64::MAX),
            (standard::MIDELEG, interrupts),
            (standard::MIE, interrupts),
            (standard::MSTATUS, mstatus::FS),
            (standard::SSCRATCH, THREAD_RECORD),
            (standard::HGATP, satp::SV39 | VMID << 44 | GUEST_ROOT >> 12),
            (standard::HSTATUS, hstatus::HUR),
            (csr::HUECTL, huectl::NE),
            (csr::HVEIDIR, hveidir::of(DIRECTORY, 4)),
            (csr::HVEICTL, hveictl::VSE | hveictl::UVE | hveictl::BANK),
            (csr::HUSAVE, SAVE + 0x1000 * at),
            (csr::HUCT, huct::of(CONTEXTS + 0x1000 * at)),
        ];
        for (number, value) in all {
            self.set(hart, number, value);
        }
    }

    /// Writes a CSR as M-mode would.
    pub fn set(&mut self, hart: usize, number: u16, value: u64) {
        let Some(hart) = self.harts.get_mut(hart) else { panic!("no such hart") };
        assert!(hart.csr_poke_on(&mut self.memory, number, value), "CSR {number:#x}");
    }

    /// Reads a CSR as M-mode would.
    pub fn get(&self, hart: usize, number: u16) -> u64 {
        self.harts[hart].csr_peek(number).unwrap_or_else(|| panic!("CSR {number:#x}"))
    }

    /// Writes a doubleword.
    pub fn store(&mut self, at: u64, value: u64) {
        assert!(self.memory.0.store(at, 8, value), "{at:#x}");
    }

    /// Reads a doubleword.
    pub fn load(&self, at: u64) -> u64 {
        self.memory.0.load(at, 8).unwrap_or_else(|| panic!("{at:#x}"))
    }

    /// Puts instructions at `at`.
    pub fn program(&mut self, at: u64, words: &[u32]) {
        for (word, place) in words.iter().zip((at..).step_by(4)) {
            assert!(self.memory.0.store(place, 4, (*word).into()), "{place:#x}");
        }
    }

    /// Puts a hart into `mode` at `pc`.
    pub fn go(&mut self, hart: usize, mode: Mode, pc: u64) {
        let hart = &mut self.harts[hart];
        hart.state.mode = mode;
        hart.state.pc = pc;
        hart.refresh();
    }

    /// One step of a hart.
    pub fn step(&mut self, hart: usize) -> StepEvent {
        self.harts[hart].step(&mut self.memory)
    }

    /// Mode and pc of a hart.
    pub fn at(&self, hart: usize) -> (Mode, u64) {
        (self.harts[hart].state.mode, self.harts[hart].state.pc)
    }

    /// Hart `hart` sends as the guest's kernel, from a place of its own.
    pub fn send(&mut self, hart: usize, veirq: u64) {
        let at = 0x8018_0000;
        self.program(at, &[asm::csrrw(ZERO, csr::VEISEND, asm::A0)]);
        self.harts[hart].state.x[10] = veirq;
        self.go(hart, Mode::VS, at);
        self.step(hart);
    }

    /// A handler runs by HCS.
    pub fn switched(&self) -> bool {
        self.get(0, csr::HVEICTL) & hveictl::HCSA != 0
    }

    /// The trap that hart `hart` has just taken to HS.
    pub fn trapped(&self, hart: usize) -> Option<u64> {
        (self.at(hart) == (Mode::HS, HS_HANDLER)).then(|| self.get(hart, standard::SCAUSE))
    }

    /// Returns from HS by SRET, from a place of its own.
    pub fn sret(&mut self, hart: usize) {
        let at = 0x8019_0000;
        self.program(at, &[asm::sret()]);
        self.go(hart, Mode::HS, at);
        self.step(hart);
    }
}

/// The exception of a send without a mapping.
pub const MISS: u64 = ha_iov_ext::cause::VEI_MAP_MISS;
/// The supervisor's timer interrupt.
pub const TIMER: u64 = 1 << 63 | 5;
/// The call of a guest's kernel.
pub const GUEST_CALL: u64 = cause::ECALL_FROM_VS;
