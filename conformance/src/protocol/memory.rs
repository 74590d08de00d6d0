//! Memory as other harts see it: stores wait in their hart's buffer and become visible in any order.
//!
//! A store of software takes a place in the buffer of its hart and reaches memory at any later time, before or after stores that followed it,
//! unless both are to one address (RVWMO keeps their order, and so does a relaxed AMO, which counts as a store here). Loads and `.aqrl` AMOs
//! take effect at once: a load that is earlier than a store before it in the program *is* that store being later than the load. Loads that
//! pass other loads are modelled where they could matter: the fill unit's two reads in either order, a handler's look at its rings before
//! `utopvei`. `fence` waits for the buffer to be empty.

use super::state::{BUFFERED, HartState, State};

/// A store on its way: what it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// SN := 1 of a context.
    Suppress(u8),
    /// SN := ON := 0, in one AMO.
    Release(u8),
    /// ON := 0.
    ClearOn(u8),
    /// SN := 0.
    ClearSn(u8),
    /// A ring has a new entry.
    Ring(u8),
    /// First half of the map entry.
    Dw0(u8),
    /// Second half.
    Dw1,
    /// The directory entry.
    Directory(u8),
    /// PIR |= 1 << vector (context, vector): a relaxed AMO of the VEI unit.
    Post(u8, u8),
}

const SUPPRESS: u8 = 1;
const RELEASE: u8 = 3;
const CLEAR_ON: u8 = 5;
const CLEAR_SN: u8 = 7;
const RING: u8 = 9;
const DW0: u8 = 13;
const DW1: u8 = 16;
const DIRECTORY: u8 = 17;
const POST: u8 = 20;

impl Store {
    fn encode(self) -> u8 {
        match self {
            Store::Suppress(context) => SUPPRESS + context,
            Store::Release(context) => RELEASE + context,
            Store::ClearOn(context) => CLEAR_ON + context,
            Store::ClearSn(context) => CLEAR_SN + context,
            Store::Ring(ring) => RING + ring,
            Store::Dw0(value) => DW0 + value,
            Store::Dw1 => DW1,
            Store::Directory(value) => DIRECTORY + value,
            Store::Post(context, vector) => POST + 2 * context + vector,
        }
    }

    fn decode(code: u8) -> Option<Store> {
        Some(match code {
            0 => return None,
            SUPPRESS..RELEASE => Store::Suppress(code - SUPPRESS),
            RELEASE..CLEAR_ON => Store::Release(code - RELEASE),
            CLEAR_ON..CLEAR_SN => Store::ClearOn(code - CLEAR_ON),
            CLEAR_SN..RING => Store::ClearSn(code - CLEAR_SN),
            RING..DW0 => Store::Ring(code - RING),
            DW0..DW1 => Store::Dw0(code - DW0),
            DW1 => Store::Dw1,
            DIRECTORY..POST => Store::Directory(code - DIRECTORY),
            _ => Store::Post((code - POST) / 2, (code - POST) % 2),
        })
    }

    /// Stores with the same address stay in order.
    fn address(self) -> (u8, u8) {
        match self {
            Store::Suppress(context) | Store::Release(context) | Store::ClearOn(context) | Store::ClearSn(context) => {
                (0, context)
            }
            Store::Post(context, _) => (1, context),
            Store::Ring(ring) => (2, ring),
            Store::Dw0(_) => (3, 0),
            Store::Dw1 => (4, 0),
            Store::Directory(_) => (5, 0),
        }
    }

    /// Changes memory.
    pub fn perform(self, state: &mut State) {
        match self {
            Store::Suppress(context) => state.contexts[context as usize].sn = 1,
            Store::Release(context) => {
                state.contexts[context as usize].sn = 0;
                state.contexts[context as usize].on = 0;
            }
            Store::ClearOn(context) => state.contexts[context as usize].on = 0,
            Store::ClearSn(context) => state.contexts[context as usize].sn = 0,
            Store::Ring(ring) => {
                state.fresh |= 1 << ring;
                state.early &= !(1 << ring); // Newer than what was read ahead of time.
            }
            Store::Dw0(value) => state.dw0 = value,
            Store::Dw1 => state.dw1 = 2,
            Store::Directory(value) => state.directory = value,
            Store::Post(context, vector) => state.contexts[context as usize].pir |= 1 << vector,
        }
    }

    /// In words, with the label's two numbers.
    pub fn words(self) -> (&'static str, u8, u8) {
        match self {
            Store::Suppress(context) => ("hart @h: its SN(@c) := 1 becomes visible", context, 0),
            Store::Release(context) => ("hart @h: its SN(@c) := ON(@c) := 0 becomes visible", context, 0),
            Store::ClearOn(context) => ("hart @h: its ON(@c) := 0 becomes visible", context, 0),
            Store::ClearSn(context) => ("hart @h: its SN(@c) := 0 becomes visible", context, 0),
            Store::Ring(ring) => ("hart @h: the driver's entry in ring @v becomes visible", 0, ring),
            Store::Dw0(0) => ("hart @h: its V := 0 in the map entry becomes visible", 0, 0),
            Store::Dw0(_) => ("hart @h: the map entry's first half becomes visible", 0, 0),
            Store::Dw1 => ("hart @h: the map entry's second half becomes visible", 0, 0),
            Store::Directory(0) => ("hart @h: its V := 0 in the directory becomes visible", 0, 0),
            Store::Directory(page) => ("hart @h: its directory entry for map page @v becomes visible", 0, page),
            Store::Post(context, vector) => {
                ("hart @h, VEI unit: its PIR(@c) |= 1 << @v becomes visible", context, vector)
            }
        }
    }
}

impl HartState {
    /// All of this hart's stores are visible.
    pub fn drained(&self) -> bool {
        self.buffer == [0; BUFFERED]
    }

    /// Stores on their way.
    pub fn stores(&self) -> impl Iterator<Item = Store> {
        self.buffer.into_iter().filter_map(Store::decode)
    }

    /// Whether there is room for `store`, and none to its address is on its way.
    pub fn accepts(&self, store: Store) -> bool {
        self.buffer.contains(&0) && self.stores().all(|other| other.address() != store.address())
    }

    /// Puts a store on its way.
    pub fn issue(&mut self, store: Store) {
        assert!(self.accepts(store));
        self.buffer[0] = store.encode(); // Sorted, so empty places are in front.
        self.buffer.sort_unstable();
    }

    /// Takes a store off the buffer.
    pub fn retire(&mut self, store: Store) {
        let place = self.buffer.iter().position(|&code| code == store.encode()).expect("a store of this hart");
        self.buffer[place] = 0;
        self.buffer.sort_unstable();
    }
}
