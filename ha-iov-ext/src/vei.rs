//! The tables of VEI in the host's memory, as software writes and hardware reads them (ha-iov 8.5): directory, maps, user contexts.
//!
//! Values are in memory order: entry `i` of a table is at `i * SIZE` from its start. Reserved bits are 0, and decoding fails on others: hardware
//! takes such an entry for one that isn't there.

const PPN_SHIFT: u32 = 10;
const PPN: u64 = (1 << 44) - 1;

/// Where the map of a VM is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// Physical address of the map, a multiple of 4 KiB.
    pub map: u64,
    /// log2 of its entries, 0 to 15.
    pub log2_entries: u32,
}

impl DirectoryEntry {
    /// Bytes.
    pub const SIZE: u64 = 8;
    /// The entry of a VM without a map.
    pub const ABSENT: u64 = 0;
    const V: u64 = 1;
    const K_SHIFT: u32 = 54;
    const ALL: u64 = Self::V | PPN << PPN_SHIFT | 0xf << Self::K_SHIFT;

    /// As in memory.
    pub const fn encode(self) -> u64 {
        Self::V | (self.map >> 12 & PPN) << PPN_SHIFT | (self.log2_entries as u64 & 0xf) << Self::K_SHIFT
    }

    /// `None` if it is absent or malformed.
    pub const fn decode(entry: u64) -> Option<DirectoryEntry> {
        if entry & Self::V == 0 || entry & !Self::ALL != 0 {
            return None;
        }
        let log2_entries = (entry >> Self::K_SHIFT) as u32 & 0xf;
        Some(DirectoryEntry { map: (entry >> PPN_SHIFT & PPN) << 12, log2_entries })
    }
}

/// Who gets what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The kernel: a supervisor VEI.
    Supervisor {
        /// Its number, 0 to 63.
        veiid: u8,
    },
    /// A user process: a vector of one of the hart's contexts.
    User {
        /// The context, 0 to 63.
        context: u8,
        /// The vector, 0 to 63.
        vector: u8,
    },
}

/// How the kernel's balancer moves a mapping between harts. Hardware takes no notice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Affinity {
    /// It stays.
    #[default]
    Fixed,
    /// To each hart in turn.
    RoundRobin,
    /// To the hart with least to do.
    LeastLoaded,
    /// To the hart that the target last ran on.
    LastRan,
}

impl Affinity {
    /// All of them, by their numbers.
    pub const ALL: [Affinity; 4] = [Affinity::Fixed, Affinity::RoundRobin, Affinity::LeastLoaded, Affinity::LastRan];
}

/// What one VEIRQ of a VM means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapEntry {
    /// Number of the hart that gets it.
    pub hart: u16,
    /// Who there.
    pub target: Target,
    /// The rate limit: notifications are at least 2^`gap` cycles apart, 1 to 31; 0 is no limit. What is sent sooner is posted at once, and
    /// its notification held back.
    pub gap: u8,
    /// For software.
    pub affinity: Affinity,
}

impl MapEntry {
    /// Bytes.
    pub const SIZE: u64 = 16;
    /// The entry of a VEIRQ that nobody gets.
    pub const ABSENT: [u64; 2] = [0; 2];
    const V: u64 = 1;
    const SUPERVISOR: u64 = 1;
    const USER: u64 = 2;
    const LOW: u64 = Self::V | 3 << 1 | 0xffff << 16 | 0xffff << 32;
    const HIGH: u64 = 0x3f | 0x3f << 8 | 0x1f << 16 | 3 << 24;

    /// As in memory. The first doubleword has V: write it last.
    pub const fn encode(self) -> [u64; 2] {
        let (kind, veiid, context, vector) = match self.target {
            Target::Supervisor { veiid } => (Self::SUPERVISOR, veiid, 0, 0),
            Target::User { context, vector } => (Self::USER, 0, context, vector),
        };
        let low = Self::V | kind << 1 | (veiid as u64) << 16 | (self.hart as u64) << 32;
        let target = context as u64 & 0x3f | (vector as u64 & 0x3f) << 8;
        [low, target | (self.gap as u64 & 0x1f) << 16 | (self.affinity as u64) << 24]
    }

    /// `None` if it is absent or malformed.
    pub const fn decode([low, high]: [u64; 2]) -> Option<MapEntry> {
        if low & Self::V == 0 || low & !Self::LOW != 0 || high & !Self::HIGH != 0 {
            return None;
        }
        let veiid = low >> 16 & 0xffff;
        let target = match low >> 1 & 3 {
            Self::SUPERVISOR if veiid < 64 => Target::Supervisor { veiid: veiid as u8 },
            Self::USER => Target::User { context: (high & 0x3f) as u8, vector: (high >> 8 & 0x3f) as u8 },
            _ => return None,
        };
        let affinity = Affinity::ALL[(high >> 24 & 3) as usize];
        Some(MapEntry { hart: (low >> 32) as u16, target, gap: (high >> 16 & 0x1f) as u8, affinity })
    }
}

/// A user context: where what is sent to a handler is posted, and what the handler is entered with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// Trust domain; 0 matches nothing.
    pub dom: u16,
    /// The handler's utvec.
    pub utvec: u64,
    /// Its uscratch.
    pub uscratch: u64,
    /// sscratch while it runs: the kernel's entry record for it.
    pub suscratch: u64,
    /// satp while it runs.
    pub suatp: u64,
}

impl Context {
    /// Bytes; a table has 64 of them.
    pub const SIZE: u64 = 64;
    /// In a table.
    pub const COUNT: u64 = 64;
    /// Offset of the doubleword with V, SN, ON and DOM.
    pub const STATUS: u64 = 0;
    /// Offset of the posted vectors.
    pub const PIR: u64 = 8;
    /// Status: the context is there.
    pub const V: u64 = 1 << 0;
    /// Status: posts don't notify (suppress notification).
    pub const SN: u64 = 1 << 1;
    /// Status: a notification is on its way (outstanding notification).
    pub const ON: u64 = 1 << 2;
    const DOM_SHIFT: u32 = 16;
    const STATUS_ALL: u64 = Self::V | Self::SN | Self::ON | 0xffff << Self::DOM_SHIFT;

    /// As in memory, with nothing posted. The first doubleword has V: write it last.
    pub const fn encode(self) -> [u64; 8] {
        let status = Self::V | (self.dom as u64) << Self::DOM_SHIFT;
        [status, 0, self.utvec, self.uscratch, self.suscratch, self.suatp, 0, 0]
    }

    /// `None` if it is absent or has reserved bits set. Whether `suatp` can be used is left to the hart.
    pub const fn decode(words: [u64; 8]) -> Option<Context> {
        let [status, _, utvec, uscratch, suscratch, suatp, six, seven] = words;
        let reserved = status & !Self::STATUS_ALL | utvec & 2 | six | seven;
        if status & Self::V == 0 || reserved != 0 {
            return None;
        }
        let dom = (status >> Self::DOM_SHIFT) as u16;
        Some(Context { dom, utvec, uscratch, suscratch, suatp })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directory_entries() {
        let entry = DirectoryEntry { map: 0x8765_4000, log2_entries: 5 };
        assert_eq!(entry.encode(), 1 | 0x87654 << 10 | 5 << 54);
        assert_eq!(DirectoryEntry::decode(entry.encode()), Some(entry));
        for bit in (1..10).chain(58..64) {
            assert_eq!(DirectoryEntry::decode(entry.encode() | 1 << bit), None, "bit {bit} is reserved");
        }
        assert_eq!(DirectoryEntry::decode(entry.encode() & !1), None);
    }

    #[test]
    fn map_entries() {
        let user = Target::User { context: 5, vector: 9 };
        for (target, low, high) in
            [(Target::Supervisor { veiid: 7 }, 1 | 1 << 1 | 7 << 16 | 3 << 32, 0), (user, 1 | 2 << 1 | 3 << 32, 5 | 9 << 8)]
        {
            let entry = MapEntry { hart: 3, target, gap: 0, affinity: Affinity::Fixed };
            assert_eq!(entry.encode(), [low, high]);
            assert_eq!(MapEntry::decode([low, high]), Some(entry));
            let full = MapEntry { gap: 17, affinity: Affinity::LastRan, ..entry };
            assert_eq!(MapEntry::decode(full.encode()), Some(full));
            for bit in (3..16).chain(48..64) {
                assert_eq!(MapEntry::decode([low | 1 << bit, high]), None, "bit {bit} is reserved");
            }
            for bit in [6, 7, 14, 15, 21, 22, 23].into_iter().chain(26..64) {
                assert_eq!(MapEntry::decode([low, high | 1 << bit]), None, "bit {bit} is reserved");
            }
        }
        assert_eq!(MapEntry::decode([1 | 1 << 1 | 64 << 16, 0]), None, "64 supervisor VEIs");
        assert_eq!([0, 3].map(|kind| MapEntry::decode([1 | kind << 1, 0])), [None, None]);
        assert_eq!(MapEntry::decode(MapEntry::ABSENT), None);
    }

    #[test]
    fn contexts() {
        let context = Context { dom: 9, utvec: 0x1001, uscratch: 2, suscratch: 3, suatp: 4 };
        let words = context.encode();
        assert_eq!(words, [1 | 9 << 16, 0, 0x1001, 2, 3, 4, 0, 0]);
        assert_eq!(Context::decode(words), Some(context));
        for (word, bit) in [(0, 3), (0, 15), (0, 32), (2, 1), (6, 0), (7, 63)] {
            let mut bad = words;
            bad[word] |= 1 << bit;
            assert_eq!(Context::decode(bad), None, "word {word}, bit {bit}");
        }
        assert_eq!(Context::decode([0; 8]), None);
    }
}
