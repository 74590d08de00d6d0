//! Behaviour of the IMSICs: messages become pending bits, and the lowest number that is pending and enabled is what a hart is told.

use super::registers::{GUESTS_MAX, HARTS_MAX, IDENTITIES, Register, Selected, WORDS, decode, implemented, selected};
use super::state::{ImsicFile, ImsicHart, ImsicState, Message};
use crate::{AccessError, Cycles, Device, Persist, RestoreError, Width};

/// The interrupt files of one privilege level, and those of its guests, of all harts.
#[derive(Debug, Clone)]
pub struct Imsic {
    state: ImsicState,
    /// The lines of each hart's files, which follow from the state: one bit for each file.
    lines: Vec<u64>,
}

impl Imsic {
    /// The files of `harts` harts with `guests` guest interrupt files each, whose messages need `wire_cycles` to arrive. `None` if the
    /// addresses have no room for so many.
    pub fn new(harts: usize, guests: u8, wire_cycles: u64) -> Option<Self> {
        let fits = harts <= HARTS_MAX && guests <= GUESTS_MAX;
        fits.then(|| Self { state: power_on(harts, guests, wire_cycles), lines: vec![0; harts] })
    }

    /// Makes pending what has arrived at `hart` by `now`.
    pub fn deliver(&mut self, hart: usize, now: Cycles) {
        let Some(target) = self.state.harts.get_mut(hart) else { return };
        if !target.coming.iter().any(|message| message.at <= now) {
            return;
        }
        let arrived: Vec<Message> = target.coming.extract_if(.., |message| message.at <= now).collect();
        for Message { file, identity, .. } in arrived {
            let (word, bit) = position(identity);
            if let Some(file) = self.file_mut(hart, file.into()) {
                file.pending[word] |= bit;
            }
            self.settle(hart, file.into());
        }
    }

    /// When the next message arrives at `hart`.
    pub fn arrival(&self, hart: usize) -> Option<Cycles> {
        self.state.harts.get(hart)?.coming.iter().map(|message| message.at).min()
    }

    /// The interrupt lines of the hart's files, one bit for each: bit 0 is the level's own, the others are hgeip.
    pub fn lines(&self, hart: usize) -> u64 {
        self.lines.get(hart).copied().unwrap_or(0)
    }

    /// The identity that xtopei shows: the lowest that is pending and enabled, and below the threshold. 0 if there is none.
    pub fn top(&self, hart: usize, file: usize) -> u32 {
        self.file(hart, file).map_or(0, top)
    }

    /// Clears the pending bit of what xtopei shows.
    pub fn claim(&mut self, hart: usize, file: usize) {
        let (word, bit) = position(self.top(hart, file));
        if let Some(file) = self.file_mut(hart, file) {
            file.pending[word] &= !bit;
        }
        self.settle(hart, file);
    }

    /// Reads the register of a file that `number` (0x70 to 0xff) selects.
    pub fn read_selected(&self, hart: usize, file: usize, number: u8) -> u64 {
        let Some(file) = self.file(hart, file) else { return 0 };
        match selected(number) {
            Selected::Delivery => file.delivery.into(),
            Selected::Threshold => file.threshold.into(),
            Selected::Pending(word) => file.pending[word],
            Selected::Enable(word) => file.enable[word],
            Selected::Zero => 0,
        }
    }

    /// Writes the register of a file that `number` (0x70 to 0xff) selects. Delivery from a PLIC or an APLIC isn't supported.
    pub fn write_selected(&mut self, hart: usize, index: usize, number: u8, value: u64) {
        let Some(file) = self.file_mut(hart, index) else { return };
        match selected(number) {
            Selected::Delivery => file.delivery = value & 1 != 0,
            Selected::Threshold => file.threshold = value as u32 & IDENTITIES,
            Selected::Pending(word) => file.pending[word] = value & implemented(word),
            Selected::Enable(word) => file.enable[word] = value & implemented(word),
            Selected::Zero => {}
        }
        self.settle(hart, index);
    }

    /// Sends identity `value` to a file; one that isn't implemented is ignored.
    fn send(&mut self, hart: usize, file: usize, value: u32, now: Cycles) {
        if !(1..=IDENTITIES).contains(&value) {
            return;
        }
        let at = now.saturating_add(self.state.wire_cycles);
        let Some(target) = self.state.harts.get_mut(hart) else { return };
        let known = target.coming.iter_mut().find(|other| (usize::from(other.file), other.identity) == (file, value));
        match known {
            // Two are one pending bit in the end: the first one's arrival counts.
            Some(other) => other.at = other.at.min(at),
            None => target.coming.push(Message { at, file: file as u8, identity: value }),
        }
    }

    fn file(&self, hart: usize, file: usize) -> Option<&ImsicFile> {
        self.state.harts.get(hart)?.files.get(file)
    }

    fn file_mut(&mut self, hart: usize, file: usize) -> Option<&mut ImsicFile> {
        self.state.harts.get_mut(hart)?.files.get_mut(file)
    }

    /// Carries the line of a file on after a change.
    fn settle(&mut self, hart: usize, index: usize) {
        let Some(file) = self.file(hart, index) else { return };
        let up = file.delivery && top(file) != 0;
        self.lines[hart] = self.lines[hart] & !(1 << index) | u64::from(up) << index;
    }
}

fn power_on(harts: usize, guests: u8, wire_cycles: u64) -> ImsicState {
    let hart = ImsicHart { files: vec![ImsicFile::default(); 1 + usize::from(guests)], coming: Vec::new() };
    ImsicState { wire_cycles, guests, harts: vec![hart; harts] }
}

/// Word and bit of an identity; those of 0 are nobody's.
fn position(identity: u32) -> (usize, u64) {
    ((identity / 64) as usize % WORDS, 1 << (identity % 64))
}

fn top(file: &ImsicFile) -> u32 {
    let words = file.pending.iter().zip(&file.enable).map(|(pending, enable)| pending & enable);
    let first = (0..).zip(words).find(|(_, active)| *active != 0);
    let identity = first.map_or(0, |(word, active): (u32, u64)| 64 * word + active.trailing_zeros());
    if file.threshold != 0 && identity >= file.threshold { 0 } else { identity }
}

impl Device for Imsic {
    /// All registers read as 0.
    fn read(&mut self, offset: u64, width: Width, _now: Cycles) -> Result<u64, AccessError> {
        decode(offset, width, self.state.harts.len(), self.state.guests).map(|_| 0)
    }

    fn write(&mut self, offset: u64, width: Width, value: u64, now: Cycles) -> Result<(), AccessError> {
        let value = value as u32;
        match decode(offset, width, self.state.harts.len(), self.state.guests)? {
            Register::SetLittle { hart, file } => self.send(hart, file, value, now),
            Register::SetBig { hart, file } => self.send(hart, file, value.swap_bytes(), now),
            Register::Zero => {}
        }
        Ok(())
    }

    fn reset(&mut self) {
        let ImsicState { wire_cycles, guests, harts } = &self.state;
        self.state = power_on(harts.len(), *guests, *wire_cycles);
        self.lines.fill(0);
    }
}

impl Persist for Imsic {
    type State = ImsicState;

    fn save(&self) -> ImsicState {
        self.state.clone()
    }

    fn restore(state: ImsicState) -> Result<Self, RestoreError> {
        let invalid = |reason| Err(RestoreError { device: "imsic", reason });
        let count = 1 + usize::from(state.guests);
        if state.harts.len() > HARTS_MAX || state.guests > GUESTS_MAX {
            return invalid("more interrupt files than there are addresses");
        }
        if state.harts.iter().any(|hart| hart.files.len() != count) {
            return invalid("wrong number of interrupt files");
        }
        let mut files = state.harts.iter().flat_map(|hart| &hart.files);
        if files.any(|file| (file.pending[0] | file.enable[0]) & 1 != 0 || file.threshold > IDENTITIES) {
            return invalid("an interrupt identity that doesn't exist");
        }
        let mut coming = state.harts.iter().flat_map(|hart| &hart.coming);
        let exists =
            |message: &Message| (1..=IDENTITIES).contains(&message.identity) && usize::from(message.file) < count;
        if !coming.all(exists) {
            return invalid("a message for nobody");
        }
        let mut imsic = Self { lines: vec![0; state.harts.len()], state };
        for hart in 0..imsic.lines.len() {
            (0..count).for_each(|file| imsic.settle(hart, file));
        }
        Ok(imsic)
    }
}
