//! Stores of a guest that signal an event (KVM's ioeventfd). The VM has the list
//! of them; each vCPU has a table of its own, made of it when it is asked to,
//! which the exit path reads without locks, reference counts or barriers.

use alloc::sync::Arc;
use alloc::vec::Vec;

use hyp_abi::Error;
use hyp_abi::event::{EVENT_DEASSIGN, IO_EVENT_DATAMATCH, IO_EVENTS_MAX, IoEvent};
use hyp_abi::vm::GPA_LIMIT;
use hyp_kernel::addr::GuestPhys;

use crate::ipc::event::Event;
use crate::stats::{Counted, Kind};

/// Buckets of a table, by page: devices have pages of their own, so that a
/// bucket usually holds the queues of one device.
const BUCKETS: usize = 16;

fn bucket(gpa: u64) -> usize {
    (gpa >> 12) as usize % BUCKETS
}

/// An address with its event.
#[derive(Clone)]
struct Entry {
    gpa: u64,
    value: u64,
    /// Bits of the stored value that are compared.
    mask: u64,
    /// Sizes that match, one bit for each log2.
    sizes: u32,
    bits: u32,
    event: Arc<Event>,
}

impl Entry {
    fn new(spec: &IoEvent, event: Arc<Event>) -> Result<Self, Error> {
        let sizes = match spec.len {
            0 => 0b1111,
            1 | 2 | 4 | 8 => spec.len,
            _ => return Err(Error::InvalidArgument),
        };
        let compares = spec.flags & IO_EVENT_DATAMATCH != 0;
        let known = spec.flags & !(IO_EVENT_DATAMATCH | EVENT_DEASSIGN) == 0;
        let aligned = spec.len == 0 || spec.gpa.is_multiple_of(u64::from(spec.len));
        if !known || !aligned || spec.bits == 0 || spec.gpa >= GPA_LIMIT || compares && spec.len == 0 {
            return Err(Error::InvalidArgument);
        }
        let width = u64::MAX >> (64 - 8 * spec.len.clamp(1, 8));
        if compares && spec.datamatch & !width != 0 {
            return Err(Error::InvalidArgument);
        }
        let (value, mask) = if compares { (spec.datamatch, width) } else { (0, 0) };
        Ok(Self { gpa: spec.gpa, value, mask, sizes, bits: spec.bits, event })
    }

    fn is_same(&self, other: &Self) -> bool {
        let key = |entry: &Self| (entry.gpa, entry.value, entry.mask, entry.sizes);
        key(self) == key(other)
    }

    /// Whether one store could match both.
    fn collides(&self, other: &Self) -> bool {
        let mask = self.mask & other.mask;
        self.gpa == other.gpa && self.sizes & other.sizes != 0 && (self.value ^ other.value) & mask == 0
    }
}

/// All of a VM's.
#[derive(Default)]
pub struct IoEvents(Vec<(Entry, Counted)>);

impl IoEvents {
    /// Adds or takes away. No store may have two meanings.
    pub fn change(&mut self, spec: &IoEvent, event: Arc<Event>) -> Result<(), Error> {
        let new = Entry::new(spec, event)?;
        if spec.flags & EVENT_DEASSIGN != 0 {
            let same =
                |entry: &Entry| entry.is_same(&new) && entry.bits == new.bits && Arc::ptr_eq(&entry.event, &new.event);
            let index = self.0.iter().position(|(entry, _)| same(entry)).ok_or(Error::NotFound)?;
            self.0.swap_remove(index);
            return Ok(());
        }
        if self.0.iter().any(|(entry, _)| entry.collides(&new)) {
            return Err(Error::AlreadyExists);
        }
        if self.0.len() >= IO_EVENTS_MAX {
            return Err(Error::OutOfMemory);
        }
        self.0.push((new, Counted::new(Kind::IoEvent)));
        Ok(())
    }

    /// What a vCPU reads.
    pub fn table(&self) -> IoTable {
        let mut entries: Vec<Entry> = self.0.iter().map(|(entry, _)| entry.clone()).collect();
        entries.sort_by_key(|entry| bucket(entry.gpa));
        let mut starts = [0; BUCKETS + 1];
        for (index, start) in starts.iter_mut().enumerate() {
            *start = entries.partition_point(|entry| bucket(entry.gpa) < index) as u16;
        }
        let filter = entries.iter().fold(0, |filter, entry| filter | 1 << bucket(entry.gpa));
        IoTable { filter, starts, entries }
    }
}

/// A vCPU's own copy.
#[derive(Default)]
pub struct IoTable {
    /// A bit for each bucket that is not empty.
    filter: u64,
    /// Where each bucket begins in `entries`.
    starts: [u16; BUCKETS + 1],
    entries: Vec<Entry>,
}

impl IoTable {
    /// Whether `gpa` may have an event.
    #[inline(always)]
    pub fn may_hold(&self, gpa: GuestPhys) -> bool {
        self.filter >> bucket(gpa.0) & 1 != 0
    }

    /// Signals the event of a store of `value`, if it has one.
    // Apart from the run loop, which would else prepare on each of its rounds what this needs.
    #[inline(never)]
    pub fn signal(&self, gpa: GuestPhys, value: u64, size_log2: u32) -> bool {
        let bucket = bucket(gpa.0);
        // SAFETY: `table` made each start at most the number of entries, in
        // ascending order.
        let entries = unsafe {
            let (from, to) = (self.starts.get_unchecked(bucket), self.starts.get_unchecked(bucket + 1));
            self.entries.get_unchecked(usize::from(*from)..usize::from(*to))
        };
        for entry in entries {
            let matches = entry.gpa == gpa.0 && (entry.value ^ value) & entry.mask == 0;
            if matches && entry.sizes >> size_log2 & 1 != 0 {
                entry.event.signal(entry.bits);
                return true;
            }
        }
        false
    }
}
