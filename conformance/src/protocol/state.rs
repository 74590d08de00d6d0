//! The state of the model: what harts, the VEI unit, memory and the kernel hold, and its packed form.

/// Most harts of a scenario.
pub const HARTS: usize = 3;
/// User contexts (64-byte blocks in memory), and the threads that they belong to.
pub const CONTEXTS: usize = 2;
/// Most guests that send.
pub const SENDERS: usize = 2;
/// Stores of one hart that others don't see yet.
pub const BUFFERED: usize = 2;

/// What a hart runs.
pub mod mode {
    /// A guest (V=1).
    pub const GUEST: u8 = 0;
    /// A U thread without a context on this hart.
    pub const FOREIGN: u8 = 1;
    /// The U thread of a context (`hucur` names it).
    pub const OWN: u8 = 2;
    /// A handler that hardware put in a guest's place (HCSA=1).
    pub const HCS: u8 = 3;
    /// The kernel, for nobody; WFI too.
    pub const HOST: u8 = 4;
    /// The kernel, in a system call or an interrupt of the context's thread; `hucur` still names it.
    pub const SYSCALL: u8 = 5;
    /// An evicted handler, as a thread (NE=0).
    pub const EVICTED: u8 = 6;
    /// The kernel answers a doorbell.
    pub const CLAIM: u8 = 7;
    /// The kernel switches to the context's thread.
    pub const SCHEDULE: u8 = 8;
    /// The kernel evicts a handler (HCSA still 1).
    pub const EVICT: u8 = 9;
    /// The kernel switches away from the context's thread.
    pub const LEAVE: u8 = 10;
}

/// What serves a context's vectors.
pub mod activity {
    /// Nothing.
    pub const NONE: u8 = 0;
    /// The thread's own handler, entered by a plain UVEI.
    pub const PLAIN: u8 = 1;
    /// A handler in a guest's place.
    pub const HCS: u8 = 2;
    /// A handler that was evicted and runs as a thread.
    pub const EVICTED: u8 = 3;
}

/// Where a handler is.
pub mod at {
    /// Before `csrrw utopvei`.
    pub const UTOPVEI: u8 = 0;
    /// Before it reads the ring of the vector it got.
    pub const SERVE: u8 = 1;
    /// Hardware empties the slot, the handler serves next.
    pub const EMPTY_THEN_SERVE: u8 = 2;
    /// Before URET.
    pub const URET: u8 = 3;
    /// Hardware empties the slot, the handler returns next.
    pub const EMPTY_THEN_URET: u8 = 4;
    /// In URET's look at the PIR.
    pub const RECHECK: u8 = 5;
}

/// One hart: its IC state, its part of the kernel, its store buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HartState {
    /// One of [`mode`].
    pub mode: u8,
    /// The thread that `mode` is about.
    pub thread: u8,
    /// Step of a kernel sequence.
    pub pc: u8,
    /// `hucur`: 0, or 1 + thread.
    pub current: u8,
    /// `hvslot`: 0, or 1 + context.
    pub slot: u8,
    /// `hucpend`.
    pub pending: u8,
    /// The fill unit's step, 0 when idle.
    pub fill: u8,
    /// What it fills from.
    pub filling: u8,
    /// The map cache's one entry: 0, or 1 + context.
    pub cache: u8,
    /// Stores not yet visible ([`super::memory`]), sorted: they may become visible in any order.
    pub buffer: [u8; BUFFERED],
}

/// A context in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// Posted vectors.
    pub pir: u8,
    /// Notification outstanding.
    pub on: u8,
    /// Suppressed.
    pub sn: u8,
}

/// A user thread with a context.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Thread {
    /// The kernel owes it the CPU.
    pub queued: u8,
    /// One of [`activity`].
    pub activity: u8,
    /// One of [`at`].
    pub at: u8,
    /// The vector in service.
    pub vector: u8,
    /// `ustatus.UIE`, as the thread left it.
    pub uie: u8,
    /// Its context.
    pub home: u8,
}

/// A guest's driver, and the VEI unit at work for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sender {
    /// Sends that are not over.
    pub left: u8,
    /// Step of the send, 0 between sends.
    pub pc: u8,
    /// Whether the old ON and SN ask for a notification.
    pub notify: u8,
    /// Target from the map: 1 + context; 3 if its halves are of two entries.
    pub token: u8,
}

/// The kernel's change of map, VMID or hart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Its step.
    pub pc: u8,
    /// Harts that have done `hveifence`.
    pub acks: u8,
    /// PIR on its way between contexts.
    pub pir: u8,
    /// The thread may not be scheduled meanwhile.
    pub moving: u8,
}

/// Everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Harts.
    pub harts: [HartState; HARTS],
    /// Contexts in memory.
    pub contexts: [Context; CONTEXTS],
    /// Their threads.
    pub threads: [Thread; CONTEXTS],
    /// Guests that send.
    pub senders: [Sender; SENDERS],
    /// A change under way.
    pub change: Change,
    /// Rings (bit 2 * sender + vector) with entries that nobody has served; in memory.
    pub fresh: u8,
    /// Bit 4: a handler has read the rings ahead of time; bits 3:0: entries that it saw.
    pub early: u8,
    /// Map entry's first half in memory: 0 invalid, 1 old, 2 new.
    pub dw0: u8,
    /// Its second half: 1 old, 2 new.
    pub dw1: u8,
    /// Directory entry in memory: 0 invalid, else the number of the map's page.
    pub directory: u8,
}

/// A state in 192 bits.
pub type Key = [u64; 3];

impl State {
    /// Names every field with its width in bits. Packing, unpacking and hashing follow from this one list.
    fn fields(&mut self, mut field: impl FnMut(&mut u8, u32)) {
        for hart in &mut self.harts {
            field(&mut hart.mode, 4);
            field(&mut hart.thread, 1);
            field(&mut hart.pc, 3);
            field(&mut hart.current, 2);
            field(&mut hart.slot, 2);
            field(&mut hart.pending, 2);
            field(&mut hart.fill, 3);
            field(&mut hart.filling, 1);
            field(&mut hart.cache, 2);
            hart.buffer.iter_mut().for_each(|store| field(store, 5));
        }
        for context in &mut self.contexts {
            field(&mut context.pir, 2);
            field(&mut context.on, 1);
            field(&mut context.sn, 1);
        }
        for thread in &mut self.threads {
            field(&mut thread.queued, 1);
            field(&mut thread.activity, 2);
            field(&mut thread.at, 3);
            field(&mut thread.vector, 1);
            field(&mut thread.uie, 1);
            field(&mut thread.home, 1);
        }
        for sender in &mut self.senders {
            field(&mut sender.left, 3);
            field(&mut sender.pc, 4);
            field(&mut sender.notify, 1);
            field(&mut sender.token, 2);
        }
        field(&mut self.change.pc, 4);
        field(&mut self.change.acks, 3);
        field(&mut self.change.pir, 2);
        field(&mut self.change.moving, 1);
        field(&mut self.fresh, 4);
        field(&mut self.early, 5);
        field(&mut self.dw0, 2);
        field(&mut self.dw1, 2);
        field(&mut self.directory, 2);
    }

    /// The packed form.
    pub fn pack(&self) -> Key {
        let mut words = Key::default();
        let mut at = 0;
        let mut copy = *self;
        copy.fields(|value, width| {
            debug_assert!(u32::from(*value) < 1 << width, "a field's width is too small for {value}");
            let (word, shift) = (at / 64, at % 64);
            words[word] |= u64::from(*value) << shift;
            if shift + width as usize > 64 {
                words[word + 1] |= u64::from(*value) >> (64 - shift);
            }
            at += width as usize;
        });
        assert!(at <= 64 * words.len());
        words
    }

    /// The state that was packed.
    pub fn unpack(words: &Key) -> State {
        let mut state = State::default();
        let mut at = 0;
        state.fields(|value, width| {
            let (word, shift) = (at / 64, at % 64);
            let mut bits = words[word] >> shift;
            if shift + width as usize > 64 {
                bits |= words[word + 1] << (64 - shift);
            }
            *value = (bits & ((1 << width) - 1)) as u8;
            at += width as usize;
        });
        state
    }
}
