//! One interrupt domain by itself: its sources' configuration, pending and enable bits, and what is most urgent for a hart.

use super::registers::{
    EIID, GUEST_INDEX, HART_INDEX, HART_INDEX_SHIFT, IPRIO, SOURCECFG_D, SOURCECFG_SM, SOURCES, WORDS, implemented,
};
use super::state::{Delivery, DomainState, IdcState};

/// The privilege level of a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The root domain.
    Machine,
    /// Its child.
    Supervisor,
}

/// What a source's wire does in a domain where it is active ("Source configurations").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Inactive,
    Detached,
    Edge { inverted: bool },
    Level { inverted: bool },
}

impl Mode {
    pub(super) fn of(sourcecfg: u32) -> Mode {
        match sourcecfg & SOURCECFG_SM {
            _ if sourcecfg & SOURCECFG_D != 0 => Mode::Inactive,
            1 => Mode::Detached,
            4 => Mode::Edge { inverted: false },
            5 => Mode::Edge { inverted: true },
            6 => Mode::Level { inverted: false },
            7 => Mode::Level { inverted: true },
            _ => Mode::Inactive,
        }
    }

    /// The rectified input value of a wire.
    pub(super) fn rectified(self, high: bool) -> bool {
        match self {
            Mode::Inactive | Mode::Detached => false,
            Mode::Edge { inverted } | Mode::Level { inverted } => high != inverted,
        }
    }

    fn is_level(self) -> bool {
        matches!(self, Mode::Level { .. })
    }
}

/// Word and bit of a source that exists.
pub(super) fn position(source: usize) -> Option<(usize, u32)> {
    (1..=SOURCES as usize).contains(&source).then_some((source / 32, 1 << (source % 32)))
}

/// The sources whose bits are set in `words`, in order.
pub(super) fn sources(words: [u32; WORDS]) -> impl Iterator<Item = usize> {
    words
        .into_iter()
        .enumerate()
        .flat_map(|(word, bits)| (0..32).filter(move |bit| bits >> bit & 1 != 0).map(move |bit| 32 * word + bit))
}

impl DomainState {
    /// A domain in which nothing is active, with delivery control for `idcs` harts.
    pub(super) fn power_on(idcs: usize) -> DomainState {
        DomainState {
            enabled: false,
            sourcecfg: vec![0; SOURCES as usize + 1],
            target: vec![0; SOURCES as usize + 1],
            pending: [0; WORDS],
            enable: [0; WORDS],
            genmsi: 0,
            idcs: vec![IdcState::default(); idcs],
        }
    }

    pub(super) fn mode(&self, source: usize) -> Mode {
        self.sourcecfg.get(source).map_or(Mode::Inactive, |config| Mode::of(*config))
    }

    /// Makes a source what `config` says. `high` is its wire.
    pub(super) fn configure(&mut self, source: usize, config: u32, high: bool, delivery: Delivery) {
        let Some((word, bit)) = position(source) else { return };
        let before = self.mode(source);
        self.sourcecfg[source] = config;
        let mode = self.mode(source);
        if mode == Mode::Inactive {
            self.pending[word] &= !bit;
            self.enable[word] &= !bit;
            self.target[source] = 0;
            return;
        }
        if before == Mode::Inactive && delivery == Delivery::Direct {
            self.target[source] = 1;
        }
        if mode.is_level() {
            self.put_pending(source, mode.rectified(high));
        }
    }

    fn put_pending(&mut self, source: usize, pending: bool) {
        let Some((word, bit)) = position(source) else { return };
        self.pending[word] = self.pending[word] & !bit | if pending { bit } else { 0 };
    }

    /// The wire of a source has changed ("Precise effects on interrupt-pending bits").
    pub(super) fn wire(&mut self, source: usize, high: bool) {
        let mode = self.mode(source);
        match mode {
            Mode::Inactive | Mode::Detached => {}
            Mode::Edge { .. } if mode.rectified(high) => self.put_pending(source, true),
            Mode::Edge { .. } => {}
            Mode::Level { .. } => self.put_pending(source, mode.rectified(high)),
        }
    }

    /// Software sets or clears a pending bit, if that is possible.
    pub(super) fn try_pending(&mut self, source: usize, pending: bool, high: bool, delivery: Delivery) {
        let mode = self.mode(source);
        let possible = match mode {
            Mode::Inactive => false,
            Mode::Detached | Mode::Edge { .. } => true,
            // A copy of the input, which nothing else changes.
            Mode::Level { .. } if delivery == Delivery::Direct => false,
            Mode::Level { .. } => !pending || mode.rectified(high),
        };
        if possible {
            self.put_pending(source, pending);
        }
    }

    /// Software sets or clears an enable bit.
    pub(super) fn put_enable(&mut self, source: usize, enable: bool) {
        let Some((word, bit)) = position(source).filter(|_| self.mode(source) != Mode::Inactive) else { return };
        self.enable[word] = self.enable[word] & !bit | if enable { bit } else { 0 };
    }

    /// Writes target: fields by delivery mode, nothing for a source that isn't active.
    pub(super) fn put_target(&mut self, source: usize, value: u32, level: Level, delivery: Delivery) {
        if self.mode(source) == Mode::Inactive {
            return;
        }
        self.target[source] = match (delivery, level) {
            // There is no priority 0.
            (Delivery::Direct, _) => value & HART_INDEX | (value & IPRIO).max(1),
            (Delivery::Msi { guests: 1.. }, Level::Supervisor) => value & (HART_INDEX | GUEST_INDEX | EIID),
            (Delivery::Msi { .. }, _) => value & (HART_INDEX | EIID),
        };
    }

    /// Sources that are pending and enabled.
    pub(super) fn active(&self) -> [u32; WORDS] {
        std::array::from_fn(|word| self.pending[word] & self.enable[word] & implemented(word))
    }

    /// topi of a hart: the source of the smallest priority number, the lowest one among equals, and that number. `None` reads as 0.
    pub(super) fn top(&self, hart: usize) -> Option<(usize, u32)> {
        let threshold = self.idcs.get(hart)?.threshold;
        let for_hart = |source: &usize| (self.target[*source] >> HART_INDEX_SHIFT) as usize == hart;
        let urgent = sources(self.active()).filter(for_hart).map(|source| (self.target[source] & IPRIO, source));
        let (priority, source) = urgent.min()?;
        (threshold == 0 || priority < threshold).then_some((source, priority))
    }

    /// Reads claimi: topi, whose pending bit it clears if that is possible, or else the end of a forced interrupt.
    pub(super) fn claim(&mut self, hart: usize) -> Option<(usize, u32)> {
        let top = self.top(hart);
        match top {
            Some((source, _)) if !self.mode(source).is_level() => self.put_pending(source, false),
            Some(_) => {}
            None => {
                if let Some(idc) = self.idcs.get_mut(hart) {
                    idc.force = false;
                }
            }
        }
        top
    }

    /// The line to a hart in direct delivery mode: the priority number that goes with it, 0 for a forced interrupt. `None` if it is down.
    pub(super) fn line(&self, hart: usize) -> Option<u32> {
        let idc = self.idcs.get(hart).filter(|idc| self.enabled && idc.delivery)?;
        match self.top(hart) {
            Some((_, priority)) => Some(priority),
            None => idc.force.then_some(0),
        }
    }
}
