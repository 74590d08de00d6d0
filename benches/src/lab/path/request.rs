//! Where in a record requests begin and end.
//!
//! A request to a virtio device begins with the guest's store to the index of the available ring and ends with the load that shows the guest the
//! used ring's new one. Nobody tells where the rings are: an index is a place two bytes behind a multiple of four, written by one side, one up
//! each time, and read by the other at the same place of its page. A request to a register begins with the guest's access, and ends where the
//! guest goes on.

use std::collections::BTreeMap;

use rv_hart::Mode;

use super::record::{Half, Seen};

/// What a page leaves of an address, whoever has mapped it where.
const OFFSET: u64 = 0xfff;

/// What a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A request in a ring.
    Ring,
    /// A request in one ring that is answered in another one, as those of a network adapter are.
    Exchange,
    /// A store to the device register at this guest physical address.
    Register(u64),
}

/// A request, by indices of steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The guest's hart.
    pub hart: usize,
    /// The guest's step that makes it.
    pub start: usize,
    /// The guest's step that sees that it is done.
    pub end: usize,
    /// The ring's index, as other sides see it.
    pub index: Option<Indices>,
}

/// The indices of the rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indices {
    /// Place of the available ring's in its page.
    pub available: u64,
    /// Place of the used ring's in its page.
    pub used: u64,
    /// The value of the available ring's with the request.
    pub value: u16,
    /// The value of the used ring's with its end.
    pub done: u16,
}

/// All requests of the guest on `hart` that the record has from begin to end.
pub fn find(seen: &[Seen], kind: Kind, hart: usize) -> Vec<Request> {
    let guests = |step: &Seen| step.hart == hart && step.mode.virt();
    let found = match kind {
        Kind::Ring => available(seen, &guests).map_or(Vec::new(), |available| in_ring(seen, &guests, available)),
        Kind::Exchange => exchanges(seen, &guests),
        Kind::Register(gpa) => in_register(seen, gpa, &guests),
    };
    found.into_iter().map(|(start, end, index)| Request { hart, start, end, index }).collect()
}

/// Where a request begins, where it ends, and its indices.
type Found = (usize, usize, Option<Indices>);
/// Whether a step is the guest's.
type Guests<'a> = &'a dyn Fn(&Seen) -> bool;

fn in_register(seen: &[Seen], gpa: u64, guests: Guests<'_>) -> Vec<Found> {
    let starts = (0..seen.len()).filter(|index| {
        let fault = seen[*index].trap().filter(|trap| !trap.interrupt && trap.gpa == Some(gpa));
        guests(&seen[*index]) && fault.is_some_and(|trap| trap.to != Mode::VS)
    });
    let end = |start: usize| (start + 1..seen.len()).find(|index| guests(&seen[*index]));
    starts.filter_map(|start| Some((start, end(start)?, None))).collect()
}

fn index_of(step: &Seen) -> Option<Half> {
    step.half.filter(|half| half.addr % 4 == 2)
}

/// Places of available rings' indices, with how often they are raised: those that the guest raises by one at a time and others read.
fn candidates(seen: &[Seen], guests: Guests<'_>) -> Vec<(u64, usize)> {
    // Last value, and how often it was raised by one or otherwise.
    let mut stores: BTreeMap<u64, (u16, usize, usize)> = BTreeMap::new();
    for half in seen.iter().filter(|step| guests(step)).filter_map(index_of).filter(|half| half.store) {
        let entry = stores.entry(half.addr).or_insert((half.value.wrapping_sub(1), 0, 0));
        match half.value.wrapping_sub(entry.0) {
            1 => entry.1 += 1,
            _ => entry.2 += 1,
        }
        entry.0 = half.value;
    }
    let read = |addr: u64| {
        let same = |half: &Half| !half.store && half.addr & OFFSET == addr & OFFSET;
        seen.iter().filter(|step| !step.mode.virt()).filter_map(index_of).any(|half| same(&half))
    };
    let counted = stores.into_iter().filter(|(_, (_, up, other))| *up > 1 && *other == 0);
    counted.filter(|(addr, _)| read(*addr)).map(|(addr, (_, up, _))| (addr, up)).collect()
}

/// The one raised most often.
fn available(seen: &[Seen], guests: Guests<'_>) -> Option<u64> {
    candidates(seen, guests).into_iter().max_by_key(|(_, up)| *up).map(|(addr, _)| addr)
}

/// The ring in which requests are made is the one that is used up to where it is filled; the other one is kept full. A request is answered with
/// the first that the guest finds used elsewhere.
fn exchanges(seen: &[Seen], guests: Guests<'_>) -> Vec<Found> {
    let rings = candidates(seen, guests).into_iter().map(|(addr, _)| in_full(seen, guests, addr));
    let requests = rings.max_by_key(Vec::len).unwrap_or_default();
    let answer = |&(start, indices): &(usize, Indices)| {
        let own = indices.used;
        let mut published: Vec<(u64, u16)> = Vec::new();
        let rest = seen.iter().enumerate().skip(start + 1);
        for (index, half) in rest.filter_map(|(index, step)| Some((index, index_of(step)?))) {
            let (place, step) = (half.addr & OFFSET, &seen[index]);
            if half.store && !step.mode.virt() && place != own {
                published.push((place, half.value));
            } else if !half.store && guests(step) && published.contains(&(place, half.value)) {
                return Some((start, index, Some(Indices { used: place, done: half.value, ..indices })));
            }
        }
        None
    };
    requests.iter().filter_map(answer).collect()
}

/// Requests in a ring that others use up, whether or not the guest looks: each with the place where that is said.
fn in_full(seen: &[Seen], guests: Guests<'_>, available: u64) -> Vec<(usize, Indices)> {
    let mut requests = Vec::new();
    let mut open: Option<(usize, u16)> = None;
    for (index, step) in seen.iter().enumerate() {
        let Some(half) = index_of(step).filter(|half| half.store) else { continue };
        if guests(step) && half.addr == available {
            open = Some((index, half.value));
        } else if let Some((start, value)) = open.filter(|(_, value)| !step.mode.virt() && *value == half.value) {
            let (used, available) = (half.addr & OFFSET, available & OFFSET);
            requests.push((start, Indices { available, used, value, done: value }));
            open = None;
        }
    }
    requests
}

/// Requests in the ring whose available index is at `available`.
fn in_ring(seen: &[Seen], guests: Guests<'_>, available: u64) -> Vec<Found> {
    let mut requests = Vec::new();
    let mut open: Option<(usize, u16, Vec<u64>)> = None;
    for (index, step) in seen.iter().enumerate() {
        let Some(half) = index_of(step) else { continue };
        if guests(step) && half.store && half.addr == available {
            // One at a time: what was not seen done before the next is not shown.
            open = Some((index, half.value, Vec::new()));
            continue;
        }
        let Some((start, value, published)) = &mut open else { continue };
        if half.value != *value {
            continue;
        }
        if half.store && !step.mode.virt() {
            published.push(half.addr & OFFSET);
        } else if !half.store && guests(step) && published.contains(&(half.addr & OFFSET)) {
            let (used, value) = (half.addr & OFFSET, *value);
            let available = available & OFFSET;
            requests.push((*start, index, Some(Indices { available, used, value, done: value })));
            open = None;
        }
    }
    requests
}

/// The request of median length among those that have one before and one after them: what a hart did before is known then, and where what
/// follows ends. Also how many these were, and where the next request begins.
pub fn typical(seen: &[Seen], requests: &[Request]) -> Option<(Request, usize, usize)> {
    let last = requests.len().checked_sub(1)?;
    let mut order: Vec<usize> = (1..last).collect();
    order.sort_by_key(|index| (requests[*index].cycles(seen), *index));
    let median = *order.get(order.len() / 2)?;
    Some((requests[median], requests[median + 1].start, order.len()))
}

impl Request {
    /// How long it takes. A request to a register is done when the guest's next instruction begins.
    pub fn cycles(&self, seen: &[Seen]) -> u64 {
        let end = &seen[self.end];
        (if self.index.is_some() { end.to } else { end.from }) - seen[self.start].from
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(hart: usize, mode: Mode, store: bool, addr: u64, value: u16) -> Seen {
        let half = Some(Half { store, addr, value });
        Seen { hart, mode, pc: 0, raw: 0x13, from: 0, to: 0, half, rare: None }
    }

    #[test]
    fn rings_are_found_by_what_both_sides_do() {
        let mut seen = Vec::new();
        for value in 7..10 {
            // The driver's own copy, which nobody else reads; then the ring.
            seen.push(step(0, Mode::VS, true, 0x8000_5106, value));
            seen.push(step(0, Mode::VS, true, 0x8000_1002, value));
            seen.push(step(1, Mode::U, false, 0x4000_1002, value));
            seen.push(step(0, Mode::VS, false, 0x8000_2002, value - 1));
            seen.push(step(1, Mode::U, true, 0x4000_2002, value));
            seen.push(step(0, Mode::VS, false, 0x8000_2002, value));
        }
        let found = find(&seen, Kind::Ring, 0);
        let at = |request: &Request| (request.start, request.end);
        assert_eq!(found.iter().map(at).collect::<Vec<_>>(), [(1, 5), (7, 11), (13, 17)]);
        assert_eq!(found[1].index, Some(Indices { available: 2, used: 2, value: 8, done: 8 }));
        assert_eq!(typical(&seen, &found).map(|(one, next, all)| (one.start, next, all)), Some((7, 13, 1)));
    }
}
