//! Behaviour of the APLIC as a whole: delegation between the domains, registers, and the messages that go out.

use super::domain::{Level, Mode, position, sources};
use super::registers::{
    Array, DOMAINCFG_DM, DOMAINCFG_FIXED, DOMAINCFG_IE, EIID, GUEST_INDEX, GUEST_INDEX_SHIFT, HART_INDEX,
    HART_INDEX_SHIFT, HARTS_MAX, IPRIO, Idc, MMSIADDRCFGH, MSI_LOCK, Register, SMSIADDRCFGH, SOURCECFG_D, SOURCECFG_SM,
    SOURCES, WORDS, decode, implemented,
};
use super::state::{AplicState, Delivery, DomainState};
use crate::{AccessError, Cycles, Device, Persist, RestoreError, Width};

/// A message-signalled interrupt: a 32-bit store of `data` to the physical address `addr`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Msi {
    /// Where to.
    pub addr: u64,
    /// The interrupt identity.
    pub data: u32,
}

/// The interrupt controller.
#[derive(Debug, Clone)]
pub struct Aplic {
    state: AplicState,
    harts: usize,
    /// What is to be sent. The board takes it after whatever may have put something here.
    messages: Vec<Msi>,
}

impl Aplic {
    /// A controller that signals `harts` harts by lines; `None` if the layout has no room for so many.
    pub fn direct(harts: usize) -> Option<Self> {
        (harts <= HARTS_MAX).then(|| Self::in_power_on(Delivery::Direct, harts, [0; 4]))
    }

    /// A controller that forwards interrupts by MSIs to harts with `guests` guest interrupt files. `machine` and `supervisor` are the
    /// addresses of hart 0's interrupt files; those of the others follow in order, each level's as closely as `guests` lets them.
    /// Firmware may change the addresses until it locks them.
    pub fn msi(harts: usize, guests: u8, machine: u64, supervisor: u64) -> Self {
        let hart_bits = harts.next_power_of_two().trailing_zeros();
        let shift = crate::imsic::guest_index_bits(guests);
        let base = |addr: u64| ((addr >> 12) as u32, (addr >> 44) as u32 & 0xfff);
        let ((m, mh), (s, sh)) = (base(machine), base(supervisor));
        let fixed = [m, mh | hart_bits << 12, s, sh | shift << 20];
        Self::in_power_on(Delivery::Msi { guests }, 0, fixed)
    }

    fn in_power_on(delivery: Delivery, idcs: usize, msi_fixed: [u32; 4]) -> Self {
        Self { state: power_on(delivery, idcs, msi_fixed), harts: idcs, messages: Vec::new() }
    }

    /// Sets the wire of `source`; the board calls it whenever a device's line may have changed. A source that does not exist is ignored.
    pub fn set_level(&mut self, source: u32, high: bool) {
        let Some((word, bit)) = position(source as usize) else { return };
        if (self.state.level[word] & bit != 0) == high {
            return;
        }
        self.state.level[word] ^= bit;
        for domain in &mut self.state.domains {
            domain.wire(source as usize, high);
        }
        self.forward();
    }

    /// The line of a domain to a hart, in direct delivery mode: the priority number that goes with it, 0 for none. `None` if it is down.
    pub fn line(&self, level: Level, hart: usize) -> Option<u32> {
        self.state.domains[level as usize].line(hart)
    }

    /// Takes what is to be sent.
    pub fn take_messages(&mut self) -> Vec<Msi> {
        std::mem::take(&mut self.messages)
    }

    fn high(&self, source: usize) -> bool {
        position(source).is_some_and(|(word, bit)| self.state.level[word] & bit != 0)
    }

    /// Turns what is pending and enabled into messages ("Interrupt forwarding by MSIs").
    fn forward(&mut self) {
        if self.state.delivery == Delivery::Direct {
            return;
        }
        for level in [Level::Machine, Level::Supervisor] {
            let domain = &mut self.state.domains[level as usize];
            if !domain.enabled {
                continue;
            }
            let active = domain.active();
            domain.pending.iter_mut().zip(active).for_each(|(pending, sent)| *pending &= !sent);
            for source in sources(active) {
                self.send(level, self.state.domains[level as usize].target[source]);
            }
        }
    }

    /// Sends to where `target` says ("Addresses and data for outgoing MSIs").
    fn send(&mut self, level: Level, target: u32) {
        let [low, high, supervisor_low, supervisor_high] = self.state.msi_address;
        let field = |register: u32, shift: u32, width: u32| register >> shift & ((1 << width) - 1);
        let (hhxs, hhxw, lhxw) = (field(high, 24, 5), field(high, 16, 3), field(high, 12, 4));
        let (low, own) = match level {
            Level::Machine => (low, high),
            Level::Supervisor => (supervisor_low, supervisor_high),
        };
        let index = u64::from(target >> HART_INDEX_SHIFT);
        let group = index >> lhxw & ((1 << hhxw) - 1);
        let hart = index & ((1 << lhxw) - 1);
        let guest = match level {
            Level::Machine => 0,
            Level::Supervisor => u64::from((target & GUEST_INDEX) >> GUEST_INDEX_SHIFT),
        };
        let base = u64::from(field(own, 0, 12)) << 32 | u64::from(low);
        let page = base | group << (hhxs + 12) | hart << field(own, 20, 3) | guest;
        self.messages.push(Msi { addr: page << 12, data: target & EIID });
    }

    /// sourcecfg. A source that the root delegates is the child's, and to the child all others don't exist.
    fn configure(&mut self, level: Level, source: usize, value: u32) {
        let (high, delivery) = (self.high(source), self.state.delivery);
        let [root, child] = &mut self.state.domains;
        let delegated = root.sourcecfg[source] & SOURCECFG_D != 0;
        let mode = match value & SOURCECFG_SM {
            // Reserved.
            2 | 3 => 0,
            mode => mode,
        };
        match level {
            // There is one child, of index 0.
            Level::Machine if value & SOURCECFG_D != 0 => root.configure(source, SOURCECFG_D, high, delivery),
            Level::Machine => {
                child.configure(source, 0, high, delivery);
                root.configure(source, mode, high, delivery);
            }
            Level::Supervisor if !delegated => {}
            Level::Supervisor if value & SOURCECFG_D != 0 => child.configure(source, 0, high, delivery),
            Level::Supervisor => child.configure(source, mode, high, delivery),
        }
    }

    fn write_msi_address(&mut self, level: Level, index: usize, value: u32) {
        let implemented = level == Level::Machine && self.state.delivery != Delivery::Direct;
        if implemented && self.state.msi_address[1] & MSI_LOCK == 0 {
            self.state.msi_address[index] = value & [u32::MAX, MMSIADDRCFGH, u32::MAX, SMSIADDRCFGH][index];
        }
    }

    /// One of the arrays of bits, by number.
    fn put(&mut self, level: Level, array: Array, source: usize) {
        let (high, delivery) = (self.high(source), self.state.delivery);
        let domain = &mut self.state.domains[level as usize];
        match array {
            Array::SetPending => domain.try_pending(source, true, high, delivery),
            Array::ClearPending => domain.try_pending(source, false, high, delivery),
            Array::SetEnable => domain.put_enable(source, true),
            Array::ClearEnable => domain.put_enable(source, false),
        }
    }

    fn read_bits(&self, level: Level, array: Array, word: usize) -> u32 {
        let domain = &self.state.domains[level as usize];
        match array {
            Array::SetPending => domain.pending[word],
            Array::ClearPending => {
                let rectified = |source: &usize| domain.mode(*source).rectified(self.high(*source));
                let all = (32 * word..32 * word + 32).filter(rectified);
                all.fold(0, |bits, source| bits | 1 << (source % 32))
            }
            Array::SetEnable => domain.enable[word],
            Array::ClearEnable => 0,
        }
    }

    fn read_idc(&mut self, level: Level, register: Idc, hart: usize) -> u32 {
        let domain = &mut self.state.domains[level as usize];
        let shown = |top: Option<(usize, u32)>| top.map_or(0, |(source, priority)| (source as u32) << 16 | priority);
        match register {
            Idc::Delivery => domain.idcs[hart].delivery.into(),
            Idc::Force => domain.idcs[hart].force.into(),
            Idc::Threshold => domain.idcs[hart].threshold,
            Idc::Top => shown(domain.top(hart)),
            Idc::Claim => shown(domain.claim(hart)),
        }
    }

    fn write_idc(&mut self, level: Level, register: Idc, hart: usize, value: u32) {
        let idc = &mut self.state.domains[level as usize].idcs[hart];
        match register {
            Idc::Delivery => idc.delivery = value & 1 != 0,
            Idc::Force => idc.force = value & 1 != 0,
            Idc::Threshold => idc.threshold = value & IPRIO,
            Idc::Top | Idc::Claim => {}
        }
    }

    /// genmsi: an extempore MSI, which leaves at once, so that Busy is never seen.
    fn generate(&mut self, level: Level, value: u32) {
        if self.state.delivery != Delivery::Direct {
            let value = value & (HART_INDEX | EIID);
            self.state.domains[level as usize].genmsi = value;
            self.send(level, value);
        }
    }
}

/// What the specification leaves open suits firmware that doesn't know of the APLIC: the root has delegated all sources ("Reset").
fn power_on(delivery: Delivery, idcs: usize, msi_fixed: [u32; 4]) -> AplicState {
    let mut domains = std::array::from_fn(|_| DomainState::power_on(idcs));
    domains[Level::Machine as usize].sourcecfg[1..].fill(SOURCECFG_D);
    AplicState { delivery, msi_fixed, msi_address: msi_fixed, level: [0; WORDS], domains }
}

impl Device for Aplic {
    fn read(&mut self, offset: u64, width: Width, _now: Cycles) -> Result<u64, AccessError> {
        let (level, register) = decode(offset, width, self.harts)?;
        let domain = &self.state.domains[level as usize];
        let value = match register {
            Register::DomainConfig => {
                let mode = if self.state.delivery == Delivery::Direct { 0 } else { DOMAINCFG_DM };
                DOMAINCFG_FIXED | mode | if domain.enabled { DOMAINCFG_IE } else { 0 }
            }
            Register::SourceConfig(source) => domain.sourcecfg[source],
            Register::MsiAddress(index) if level == Level::Machine => self.state.msi_address[index],
            Register::Bits(array, word) => self.read_bits(level, array, word),
            Register::GenerateMsi => domain.genmsi,
            Register::Target(source) => domain.target[source],
            Register::Idc(register, hart) => self.read_idc(level, register, hart),
            Register::MsiAddress(_) | Register::Number(_) | Register::Zero => 0,
            Register::SetPendingLittle | Register::SetPendingBig => 0,
        };
        Ok(value.into())
    }

    fn write(&mut self, offset: u64, width: Width, value: u64, _now: Cycles) -> Result<(), AccessError> {
        let (level, register) = decode(offset, width, self.harts)?;
        let value = value as u32;
        match register {
            Register::DomainConfig => self.state.domains[level as usize].enabled = value & DOMAINCFG_IE != 0,
            Register::SourceConfig(source) => self.configure(level, source, value),
            Register::MsiAddress(index) => self.write_msi_address(level, index, value),
            Register::Bits(array, word) => {
                let mut named = [0; WORDS];
                named[word] = value & implemented(word);
                sources(named).for_each(|source| self.put(level, array, source));
            }
            Register::Number(array) => self.put(level, array, value as usize),
            Register::SetPendingLittle => self.put(level, Array::SetPending, value as usize),
            Register::SetPendingBig => self.put(level, Array::SetPending, value.swap_bytes() as usize),
            Register::GenerateMsi => self.generate(level, value),
            Register::Target(source) => {
                let delivery = self.state.delivery;
                self.state.domains[level as usize].put_target(source, value, level, delivery);
            }
            Register::Idc(register, hart) => self.write_idc(level, register, hart, value),
            Register::Zero => {}
        }
        self.forward();
        Ok(())
    }

    fn reset(&mut self) {
        // Wires belong to the devices behind them: a reset of the controller leaves them.
        let level = self.state.level;
        self.state = AplicState { level, ..power_on(self.state.delivery, self.harts, self.state.msi_fixed) };
        self.messages.clear();
    }
}

impl Persist for Aplic {
    type State = AplicState;

    fn save(&self) -> AplicState {
        self.state.clone()
    }

    fn restore(state: AplicState) -> Result<Self, RestoreError> {
        let invalid = |reason| Err(RestoreError { device: "aplic", reason });
        let harts = state.domains[0].idcs.len();
        if harts > HARTS_MAX || state.domains[1].idcs.len() != harts {
            return invalid("delivery control for a wrong number of harts");
        }
        let count = SOURCES as usize + 1;
        if state.domains.iter().any(|domain| domain.sourcecfg.len() != count || domain.target.len() != count) {
            return invalid("wrong number of sources");
        }
        for (domain, other) in [(0, None), (1, Some(0))] {
            let domain = &state.domains[domain];
            let inactive = |source: usize| domain.mode(source) == Mode::Inactive;
            let bits: [u32; WORDS] = std::array::from_fn(|word| domain.pending[word] | domain.enable[word]);
            if sources(bits).any(|source| source >= count || inactive(source)) {
                return invalid("a source that isn't active is pending or enabled");
            }
            let foreign = |source: usize| {
                other.is_some_and(|root: usize| state.domains[root].sourcecfg[source] & SOURCECFG_D == 0)
            };
            if (1..count).any(|source| !inactive(source) && foreign(source)) {
                return invalid("a source is active in a domain that it isn't delegated to");
            }
        }
        Ok(Self { state, harts, messages: Vec::new() })
    }
}
