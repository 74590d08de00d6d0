//! The architectural state of a hart: plain data, so that snapshots, debuggers and extensions can use it.

use serde::{Deserialize, Serialize};

use rv_isa::fields::{hstatus, hvictl, menvcfg, mip, mstatus};
use rv_isa::{Isa, IsaSet, cause};

use crate::bus::{External, Wires};
use crate::ext::Forbidden;
use crate::mode::Mode;

/// Programmable counters, from hpmcounter3 on. The others read 0.
pub const HPM_COUNTERS: usize = 8;
/// Bit SE of a state-enable register: the next lower ones are accessible.
pub(crate) const SE: u64 = 1 << 63;
/// PMP entries implemented.
pub const PMP_ENTRIES: usize = 16;

/// Everything that software can see of a hart, and where it is in virtual time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[repr(C)]
pub struct HartState {
    /// Integer registers; `x[0]` is always 0.
    pub x: [u64; 32],
    /// Floating-point registers, NaN-boxed.
    pub f: [u64; 32],
    /// Address of the next instruction.
    pub pc: u64,
    /// Virtual time in cycles, waiting included.
    pub cycles: u64,
    /// Instructions retired since reset.
    pub retired: u64,
    /// Current mode.
    pub mode: Mode,
    /// Stalled by WFI.
    pub waiting: bool,
    /// The hart's number.
    pub hart_id: u64,
    /// Physical address that LR reserved.
    pub reservation: Option<u64>,
    /// Incoming wires as last seen.
    pub wires: Wires,
    /// The extensions that the hart has, of those in `rv_isa`; they stay what they were when it was made.
    #[serde(with = "isa_string")]
    pub isa: IsaSet,
    /// What the hart's extensions forbid at the moment; follows from their state.
    #[serde(default)]
    pub forbidden: Forbidden,
    /// Control and status registers.
    pub csr: Csrs,
    /// What the external interrupt controller said when the hart last looked.
    #[serde(default)]
    pub external: External,
    /// The hart has an IMSIC, with so many guest interrupt files (GEILEN).
    #[serde(default)]
    pub imsic: Option<u8>,
}

/// Sets of extensions as ISA strings.
mod isa_string {
    use rv_isa::IsaSet;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(isa: &IsaSet, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(isa)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<IsaSet, D::Error> {
        let text = String::deserialize(deserializer)?;
        IsaSet::parse(&text).map_err(D::Error::custom)
    }
}

/// A counter that can stand still (`mcountinhibit`, filters by mode) and be set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    /// Added to the live count while running; the value itself while it stands still.
    pub base: u64,
    /// It stands still.
    pub stopped: bool,
}

impl Counter {
    /// The value while the count that it follows is `live`.
    pub fn value(self, live: u64) -> u64 {
        if self.stopped { self.base } else { self.base.wrapping_add(live) }
    }

    /// Makes it read `value` from the live count `live` on.
    pub fn set(&mut self, value: u64, live: u64) {
        self.base = if self.stopped { value } else { value.wrapping_sub(live) };
    }

    /// Stops it or lets it run; its value stays.
    pub fn stop(&mut self, stopped: bool, live: u64) {
        let value = self.value(live);
        self.stopped = stopped;
        self.set(value, live);
    }
}

/// A programmable counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hpm {
    /// What it counts, filters and the overflow bit: mhpmevent.
    pub event: u64,
    /// The count.
    pub counter: Counter,
    /// The value when overflow was last looked for.
    pub seen: u64,
}

/// Values behind the CSRs. Views of others (sstatus, sie, hip and the like) have no field of their own.
#[allow(missing_docs)]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Csrs {
    pub fflags: u8,
    pub frm: u8,
    pub mstatus: u64,
    pub medeleg: u64,
    pub mideleg: u64,
    pub mie: u64,
    /// The software-writable bits of mip; lines and comparators are added when it is read.
    pub mip: u64,
    pub mtvec: u64,
    pub mscratch: u64,
    pub mepc: u64,
    pub mcause: u64,
    pub mtval: u64,
    pub mtval2: u64,
    pub mtinst: u64,
    pub mcounteren: u64,
    pub mcountinhibit: u64,
    pub menvcfg: u64,
    pub mcycle: Counter,
    pub minstret: Counter,
    pub pmpcfg: [u8; PMP_ENTRIES],
    pub pmpaddr: [u64; PMP_ENTRIES],
    pub stvec: u64,
    pub sscratch: u64,
    pub sepc: u64,
    pub scause: u64,
    pub stval: u64,
    pub scounteren: u64,
    pub senvcfg: u64,
    pub satp: u64,
    pub stimecmp: u64,
    pub hstatus: u64,
    pub hedeleg: u64,
    pub hideleg: u64,
    /// Bits VSSIP, VSTIP, VSEIP. VSSIP is also hip.VSSIP, mip.VSSIP and vsip.SSIP.
    pub hvip: u64,
    pub htval: u64,
    pub htinst: u64,
    pub hgatp: u64,
    pub hcounteren: u64,
    pub henvcfg: u64,
    pub htimedelta: u64,
    pub vsstatus: u64,
    pub vstvec: u64,
    pub vsscratch: u64,
    pub vsepc: u64,
    pub vscause: u64,
    pub vstval: u64,
    pub vsatp: u64,
    pub vstimecmp: u64,
    /// All ones where Smstateen is missing.
    pub mstateen: [u64; 4],
    pub hstateen: [u64; 4],
    /// sstateen0, of which only extensions have bits.
    pub sstateen: u64,
    pub mseccfg: u64,
    pub mcyclecfg: u64,
    pub minstretcfg: u64,
    /// hpmcounter3 and following, with their events.
    pub hpm: [Hpm; HPM_COUNTERS],
    /// Those of the Advanced Interrupt Architecture.
    #[serde(default)]
    pub aia: AiaCsrs,
}

/// Values behind the CSRs that the Advanced Interrupt Architecture adds.
#[allow(missing_docs)]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AiaCsrs {
    pub miselect: u64,
    pub siselect: u64,
    pub vsiselect: u64,
    pub mvien: u64,
    /// The bits of mvip that are no aliases of mip: 1 (while mvien has it) and 13 to 63.
    pub mvip: u64,
    /// The bits of sie that are no aliases of mie, because mvien brings them.
    pub sie: u64,
    pub hvien: u64,
    /// The bits of vsie that are no aliases, because hvien brings them.
    pub vsie: u64,
    pub hvictl: u64,
    pub hviprio: [u64; 2],
    pub hgeie: u64,
    /// Priority numbers of interrupts 0 to 15 at machine level and at supervisor level.
    pub iprio: [[u8; 16]; 2],
}

impl Csrs {
    /// Reset values on a hart with the extensions `isa`. What the specification leaves open is 0; comparators start at their maximum so that
    /// no timer is pending. Without Smstateen nothing is out of reach, so the hstateen registers start open.
    pub fn new(isa: IsaSet) -> Csrs {
        let two = 2u64;
        let stateen = if isa.has(Isa::Smstateen) { 0 } else { u64::MAX };
        Csrs {
            mstatus: two << mstatus::UXL_SHIFT | two << mstatus::SXL_SHIFT,
            vsstatus: two << mstatus::UXL_SHIFT,
            hstatus: two << hstatus::VSXL_SHIFT,
            stimecmp: u64::MAX,
            vstimecmp: u64::MAX,
            mideleg: if isa.has(Isa::H) { crate::csr::MIDELEG_ONES } else { 0 },
            mstateen: [stateen; 4],
            hstateen: [stateen, stateen & SE, stateen & SE, stateen & SE],
            sstateen: stateen,
            mseccfg: 0,
            mcyclecfg: 0,
            minstretcfg: 0,
            hpm: [Hpm::default(); HPM_COUNTERS],
            aia: AiaCsrs::default(),
            fflags: 0,
            frm: 0,
            medeleg: 0,
            mie: 0,
            mip: 0,
            mtvec: 0,
            mscratch: 0,
            mepc: 0,
            mcause: 0,
            mtval: 0,
            mtval2: 0,
            mtinst: 0,
            mcounteren: 0,
            mcountinhibit: 0,
            menvcfg: 0,
            mcycle: Counter::default(),
            minstret: Counter::default(),
            pmpcfg: [0; PMP_ENTRIES],
            pmpaddr: [0; PMP_ENTRIES],
            stvec: 0,
            sscratch: 0,
            sepc: 0,
            scause: 0,
            stval: 0,
            scounteren: 0,
            senvcfg: 0,
            satp: 0,
            hedeleg: 0,
            hideleg: 0,
            hvip: 0,
            htval: 0,
            htinst: 0,
            hgatp: 0,
            hcounteren: 0,
            henvcfg: 0,
            htimedelta: 0,
            vstvec: 0,
            vsscratch: 0,
            vsepc: 0,
            vscause: 0,
            vstval: 0,
            vsatp: 0,
        }
    }
}

impl Csrs {
    /// The interrupt that hvictl names in place of those of vsip.
    pub(crate) fn hvictl_interrupt(&self) -> Option<u64> {
        let number = (self.aia.hvictl & hvictl::IID) >> hvictl::IID_SHIFT;
        (self.aia.hvictl & hvictl::VTI != 0 && number != cause::SUPERVISOR_EXTERNAL).then_some(number)
    }

    /// hideleg as it counts: of interrupts 13 and up, those that reach the supervisor level at all ("mvien" on hideleg).
    pub(crate) fn hideleg_in_force(&self) -> u64 {
        self.hideleg & (crate::csr::MIDELEG_ONES | self.mideleg | self.aia.mvien)
    }
}

impl HartState {
    /// The state after reset, with the program counter at `pc`.
    pub fn new(hart_id: u64, pc: u64, isa: IsaSet) -> HartState {
        HartState {
            x: [0; 32],
            f: [0; 32],
            pc,
            cycles: 0,
            retired: 0,
            mode: Mode::M,
            waiting: false,
            hart_id,
            reservation: None,
            wires: Wires::default(),
            isa,
            forbidden: Forbidden::default(),
            csr: Csrs::new(isa),
            external: External::default(),
            imsic: None,
        }
    }

    /// This state on a hart with an IMSIC that has `guests` guest interrupt files: SGEI is always delegated then ("mideleg", H extension).
    pub(crate) fn with_imsic(mut self, imsic: Option<u8>) -> HartState {
        self.imsic = imsic;
        if self.guest_files() > 0 {
            self.csr.mideleg |= mip::SGEIP;
        }
        self
    }

    /// The hart has the Advanced Interrupt Architecture.
    pub(crate) fn has_aia(&self) -> bool {
        self.isa.has(Isa::Ssaia)
    }

    /// GEILEN: guest interrupt files.
    pub fn guest_files(&self) -> u8 {
        if self.isa.has(Isa::H) { self.imsic.unwrap_or(0) } else { 0 }
    }

    /// `hstatus.VGEIN`.
    pub fn vgein(&self) -> u8 {
        ((self.csr.hstatus & hstatus::VGEIN) >> hstatus::VGEIN_SHIFT) as u8
    }

    /// The guest interrupt file that VGEIN selects, if it is one's number.
    pub fn guest_file(&self) -> Option<u8> {
        let vgein = self.vgein();
        (1..=self.guest_files()).contains(&vgein).then_some(vgein)
    }

    /// `mtime` now.
    pub fn time(&self) -> u64 {
        self.wires.time.at(self.cycles)
    }

    /// `menvcfg.STCE`: the supervisor timer compares by itself (Sstc).
    pub fn stce(&self) -> bool {
        self.csr.menvcfg & menvcfg::STCE != 0
    }

    /// Pointer masking is on in some mode.
    #[inline]
    pub(crate) fn masks_pointers(&self) -> bool {
        let csr = &self.csr;
        (csr.menvcfg | csr.senvcfg | csr.henvcfg) & menvcfg::PMM | csr.hstatus & hstatus::HUPMM != 0
    }

    /// The effective `henvcfg.STCE`, which is 0 while `menvcfg.STCE` is.
    pub fn vstce(&self) -> bool {
        self.stce() && self.csr.henvcfg & menvcfg::STCE != 0
    }

    /// `mip` as the hart's own sources make it: software bits, lines and comparators.
    pub fn mip(&self) -> u64 {
        let csr = &self.csr;
        let time = self.time();
        let set = |on: bool, bit: u64| if on { bit } else { 0 };
        let software = if self.stce() { csr.mip & !mip::STIP } else { csr.mip };
        let software = software & !(csr.aia.mvien & mip::SEIP);
        let guest = if self.external.guest_lines != 0 { self.guest_external() } else { 0 };
        software
            | csr.hvip & crate::csr::MIDELEG_ONES
            | guest
            | set(self.wires.meip, mip::MEIP)
            | set(self.wires.seip, mip::SEIP)
            | set(self.wires.msip, mip::MSIP)
            | set(time >= self.wires.mtimecmp, mip::MTIP)
            | set(self.stce() && time >= csr.stimecmp, mip::STIP)
            | set(self.vstce() && time.wrapping_add(csr.htimedelta) >= csr.vstimecmp, mip::VSTIP)
    }

    /// SGEIP and VSEIP as guest external interrupts make them.
    fn guest_external(&self) -> u64 {
        let lines = self.external.guest_lines;
        let any = if lines & self.csr.aia.hgeie != 0 { mip::SGEIP } else { 0 };
        let own = if lines & 1 << self.vgein() & !1 != 0 { mip::VSEIP } else { 0 };
        any | own
    }

    /// The first cycle after now at which a comparator or a wire changes `mip`; `u64::MAX` if none will.
    pub fn next_event(&self) -> u64 {
        let wires = if self.wires.changes_at > self.cycles { self.wires.changes_at } else { u64::MAX };
        self.next_timer().min(wires)
    }

    fn next_timer(&self) -> u64 {
        let time = self.time();
        let mut ticks = u64::MAX;
        let mut consider = |compare: u64, time: u64| {
            if compare > time {
                ticks = ticks.min(compare - time);
            }
        };
        consider(self.wires.mtimecmp, time);
        if self.stce() {
            consider(self.csr.stimecmp, time);
        }
        if self.vstce() {
            consider(self.csr.vstimecmp, time.wrapping_add(self.csr.htimedelta));
        }
        if ticks == u64::MAX { u64::MAX } else { self.wires.time.cycles_after(self.cycles, ticks) }
    }

    /// Floating-point state may be used: FS is on, in vsstatus too when V=1 (H extension, "vsstatus"), and no extension forbids it.
    pub fn fp_enabled(&self) -> bool {
        let on = |status: u64| status & mstatus::FS != 0;
        !self.forbidden.float && on(self.csr.mstatus) && (!self.mode.virt() || on(self.csr.vsstatus))
    }

    /// Marks floating-point state dirty, in both registers when V=1.
    pub fn dirty_fp(&mut self) {
        self.csr.mstatus |= mstatus::FS;
        if self.mode.virt() {
            self.csr.vsstatus |= mstatus::FS;
        }
    }

    /// The value of `mcycle`.
    pub fn mcycle(&self) -> u64 {
        self.csr.mcycle.value(self.cycles)
    }

    /// The value of `minstret`.
    pub fn minstret(&self) -> u64 {
        self.csr.minstret.value(self.retired)
    }
}
