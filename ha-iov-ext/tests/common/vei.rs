//! Tables of VEI around a [`Bench`]: a directory, the map of one VM, contexts, and an area for registers.

use super::{Bench, CODE, ORDINARY};
use ha_iov_ext::fields::{huct, hveictl, hveidir, hvslot, sip};
use ha_iov_ext::vei::{Affinity, Context, DirectoryEntry, MapEntry, Target};
use ha_iov_ext::{csr, insn};
use rv_hart::{Mode, StepEvent};
use rv_isa::asm::{A0, ZERO, csrrw};
use rv_isa::csr as standard;
use rv_isa::fields::{pte as bits, satp};

/// The VM that is loaded.
pub const VMID: u16 = 5;
pub const DIRECTORY: u64 = 0x8040_0000;
pub const MAP: u64 = 0x8040_1000;
pub const CONTEXTS: u64 = 0x8040_2000;
pub const SAVE: u64 = 0x8040_3000;
/// Where handlers of contexts are.
pub const HANDLER: u64 = 0x8020_4000;
/// satp of handlers: memory as it is, for U.
pub const HANDLER_SATP: u64 = satp::SV39 | 7 << 44 | 0x8005_0000 >> 12;
pub const SV39_ROOT: u64 = 0x8005_0000;
pub const USCRATCH: u64 = 0xabc0;
pub const SSCRATCH: u64 = 0x5500;
/// The CSRs of VEI and HCS.
pub const CSRS: [u16; 17] = [
    csr::UTOPVEI,
    csr::VEISEND,
    csr::HVEICTL,
    csr::HVEIDIR,
    csr::HUCT,
    csr::HUCPEND,
    csr::HVSLOT,
    csr::HUCUR,
    csr::HVEIFENCE,
    csr::SUSCRATCH,
    csr::SUTVEC,
    csr::SUUSCRATCH,
    csr::SUEPC,
    csr::SUESTAT,
    csr::HUSAVE,
    csr::SUATP,
    csr::STOPVEI,
];
/// hveictl with everything on that is needed for a switch.
pub const READY: u64 = hveictl::VSE | hveictl::UVE | hveictl::BANK;

/// A supervisor VEI of hart 0.
pub fn supervisor(veiid: u8) -> MapEntry {
    MapEntry { hart: 0, target: Target::Supervisor { veiid }, gap: 0, affinity: Affinity::Fixed }
}

/// A vector of a context of hart 0.
pub fn user(context: u8, vector: u8) -> MapEntry {
    MapEntry { target: Target::User { context, vector }, ..supervisor(0) }
}

/// A context whose handler is [`HANDLER`].
pub fn context() -> Context {
    Context { dom: 3, utvec: HANDLER, uscratch: USCRATCH, suscratch: SSCRATCH, suatp: HANDLER_SATP }
}

impl Bench {
    /// With a directory of 16 VMs, a map of 32 VEIRQs for [`VMID`], interrupts delegated and open.
    pub fn vei() -> Bench {
        Bench::new().prepared()
    }

    pub fn prepared(mut self) -> Bench {
        let hgatp = self.get(standard::HGATP);
        self.set(standard::HGATP, hgatp | u64::from(VMID) << 44);
        let entry = DirectoryEntry { map: MAP, log2_entries: 5 }.encode();
        self.store(DIRECTORY + u64::from(VMID) * DirectoryEntry::SIZE, entry);
        self.store(SV39_ROOT + 2 * 8, 0x8000_0000 >> 12 << 10 | ORDINARY);
        self.store(SV39_ROOT, bits::V | bits::R | bits::W | bits::X | bits::U | bits::A | bits::D);
        self.set(csr::HVEIDIR, hveidir::of(DIRECTORY, 4));
        self.set(csr::HUCT, huct::of(CONTEXTS));
        self.set(csr::HVEICTL, READY);
        self.set(csr::HUSAVE, SAVE);
        self.set(standard::MIDELEG, sip::ALL);
        self.set(standard::MIE, sip::ALL);
        self
    }

    pub fn map(&mut self, veirq: u64, entry: MapEntry) {
        self.map_raw(veirq, entry.encode());
    }

    pub fn map_raw(&mut self, veirq: u64, [low, high]: [u64; 2]) {
        let at = MAP + veirq * MapEntry::SIZE;
        self.store(at, low);
        self.store(at + 8, high);
    }

    pub fn place(&mut self, index: u64, context: Context) {
        self.place_raw(index, context.encode());
    }

    pub fn place_raw(&mut self, index: u64, words: [u64; 8]) {
        for (word, number) in words.into_iter().zip(0..) {
            self.store(CONTEXTS + index * Context::SIZE + 8 * number, word);
        }
    }

    pub fn status(&self, index: u64) -> u64 {
        self.load(CONTEXTS + index * Context::SIZE)
    }

    pub fn pir(&self, index: u64) -> u64 {
        self.load(CONTEXTS + index * Context::SIZE + Context::PIR)
    }

    /// Posts vectors in a context as software may.
    pub fn post(&mut self, index: u64, pir: u64) {
        self.store(CONTEXTS + index * Context::SIZE + Context::PIR, pir);
    }

    /// Executes a write of `veirq` to veisend; the exception that it raises.
    pub fn send(&mut self, mode: Mode, veirq: u64) -> Option<(Mode, u64)> {
        self.hart.state.x[10] = veirq;
        self.raises(mode, csrrw(ZERO, csr::VEISEND, A0))
    }

    /// One step from `pc` in `mode`, at a no-op.
    pub fn idle(&mut self, mode: Mode) -> StepEvent {
        self.run(mode, rv_isa::asm::addi(ZERO, ZERO, 0))
    }

    /// Hart 0 runs a guest, and a context is there with something posted: the next step takes it.
    pub fn about_to_switch(mode: Mode) -> Bench {
        let mut bench = Bench::vei();
        bench.place(4, context());
        bench.map(2, user(4, 9));
        assert_eq!(bench.send(Mode::VS, 2), None);
        assert_eq!(bench.hart.state.pc, CODE + 4);
        bench.hart.state.mode = mode;
        bench.hart.refresh();
        bench
    }

    /// Goes on where the hart is.
    pub fn step(&mut self) -> StepEvent {
        let super::Rig { hart, memory } = &mut **self;
        hart.step(memory)
    }

    /// Executes `raw` where the hart is.
    pub fn here(&mut self, raw: u32) -> StepEvent {
        let pc = self.hart.state.pc;
        self.program(pc, &[raw]);
        self.step()
    }

    /// URET where the hart is.
    pub fn uret(&mut self) -> StepEvent {
        self.here(insn::URET)
    }

    /// Reads a CSR by an instruction where the hart is.
    pub fn csr_here(&mut self, number: u16) -> u64 {
        let (pc, kept) = (self.hart.state.pc, self.hart.state.x[31]);
        assert_eq!(
            self.here(rv_isa::asm::csrrs(31, number, ZERO)),
            StepEvent::Retired { pc, raw: rv_isa::asm::csrrs(31, number, ZERO) }
        );
        std::mem::replace(&mut self.hart.state.x[31], kept)
    }

    /// Reads and claims, as a handler does.
    pub fn claim_here(&mut self, number: u16) -> u64 {
        let kept = self.hart.state.x[31];
        assert!(matches!(self.here(csrrw(31, number, ZERO)), StepEvent::Retired { .. }));
        std::mem::replace(&mut self.hart.state.x[31], kept)
    }

    /// Writes a CSR, whatever comes of it.
    pub fn set_any(&mut self, number: u16, value: u64) {
        let super::Rig { hart, memory } = &mut **self;
        hart.csr_poke_on(memory, number, value);
    }

    /// The context in the slot, if there is one.
    pub fn slot(&self) -> Option<u64> {
        let slot = self.get(csr::HVSLOT);
        (slot & hvslot::V != 0).then_some(slot & hvslot::IDX)
    }

    /// Bit 25 of mip.
    pub fn doorbell(&self) -> bool {
        self.get(standard::MIP) & sip::SVDBP != 0
    }

    pub fn counter(&self, name: &str) -> u64 {
        self.hart.extension_counters().find(|row| row.0 == name).unwrap_or_else(|| panic!("no counter {name}")).1
    }
}
