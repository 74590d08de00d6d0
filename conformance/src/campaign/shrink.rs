//! From a program that shows a difference to a small one that shows it too. Code keeps its place: what goes becomes instructions that do
//! nothing.

use std::time::{Duration, Instant};

use super::layout::CODE;
use super::lockstep::Difference;
use super::program::{NOP, Program};

/// Tries a program: the difference it shows, if any.
pub type Trial<'a> = dyn FnMut(&Program) -> Option<Difference> + 'a;

/// A search under way.
struct Search<'a, 'b> {
    trial: &'a mut Trial<'b>,
    signature: String,
    best: (Program, Difference),
    until: Instant,
}

/// The smallest program found in the time given that shows a difference of the same signature.
pub fn shrink(
    program: &Program,
    difference: Difference,
    time: Duration,
    trial: &mut Trial<'_>,
) -> (Program, Difference) {
    let signature = difference.signature();
    let best = (program.clone(), difference);
    let mut search = Search { trial, signature, best, until: Instant::now() + time };
    search.list(|program| &mut program.probes);
    search.attempt(|program| program.data.clear());
    search.contexts();
    search.attempt(|program| program.setup.retain(|(_, value)| *value != 0));
    search.code();
    search.list(|program| &mut program.entries);
    search.numbers();
    search.attempt(|program| program.floats.iter_mut().for_each(|value| *value = 0));
    search.best
}

impl Search<'_, '_> {
    /// Keeps a change if the difference stays.
    fn attempt(&mut self, change: impl FnOnce(&mut Program)) -> bool {
        if Instant::now() > self.until {
            return false;
        }
        let mut changed = self.best.0.clone();
        change(&mut changed);
        if changed == self.best.0 {
            return false;
        }
        let shown = (self.trial)(&changed).filter(|difference| difference.signature() == self.signature);
        if let Some(difference) = shown {
            self.best = (changed, difference);
        }
        shown.is_some()
    }

    /// Removes parts of a list: halves, quarters, down to single items.
    fn list<T>(&mut self, field: impl Fn(&mut Program) -> &mut Vec<T>) {
        let mut size = field(&mut self.best.0).len().div_ceil(2);
        while size > 0 {
            let mut at = 0;
            while at < field(&mut self.best.0).len() {
                let removed = self.attempt(|program| {
                    let list = field(program);
                    let end = list.len().min(at + size);
                    list.drain(at..end);
                });
                if !removed {
                    at += size;
                }
            }
            size = if size == 1 { 0 } else { size.div_ceil(2) };
        }
    }

    fn contexts(&mut self) {
        let length = self.best.0.contexts.len();
        // The last ones are seldom reached.
        for keep in [1, 2, 4, 8, 16, 32].into_iter().filter(|keep| *keep < length) {
            if self.attempt(|program| program.contexts.truncate(keep)) {
                break;
            }
        }
        self.list(|program| &mut program.contexts);
    }

    /// Blanks parts of the code.
    fn code(&mut self) {
        let blank = |units: &mut [Vec<u16>]| units.iter_mut().flatten().for_each(|parcel| *parcel = NOP);
        let (first, last) = self.reached();
        self.attempt(|program| {
            blank(&mut program.code[..first]);
            blank(&mut program.code[last..]);
        });
        let mut size = (last - first).div_ceil(2);
        while size > 0 {
            for at in (first..last).step_by(size) {
                self.attempt(|program| blank(&mut program.code[at..last.min(at + size)]));
            }
            size = if size == 1 { 0 } else { size.div_ceil(2) };
        }
    }

    /// Units around the contexts' beginnings and the difference, generously.
    fn reached(&self) -> (usize, usize) {
        let (program, difference) = &self.best;
        let offsets = program.offsets();
        let unit = |pc: u64| offsets.partition_point(|offset| *offset <= pc & 0xffff).saturating_sub(1);
        let places = program.contexts.iter().map(|context| context.pc).chain([difference.suspect.0]);
        let units: Vec<usize> = places.filter(|pc| *pc >= CODE).map(unit).collect();
        let first = units.iter().min().copied().unwrap_or_default();
        let last = units.iter().max().copied().unwrap_or_default();
        (first, (last + 400).min(program.code.len()))
    }

    /// Makes numbers of contexts 0.
    fn numbers(&mut self) {
        for context in 0..self.best.0.contexts.len() {
            for index in 0..self.best.0.contexts[context].csrs.len() {
                self.attempt(|program| program.contexts[context].csrs[index] = 0);
            }
            for index in 0..31 {
                self.attempt(|program| program.contexts[context].x[index] = 0);
            }
        }
    }
}
