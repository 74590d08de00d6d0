//! Behaviour of the PLIC: gateways, priorities, claim and completion.

use super::registers::{CONTEXTS_MAX, PRIORITY_MAX, Register, SOURCES, WORDS, decode};
use super::state::{PlicContext, PlicState};
use crate::{AccessError, Cycles, Device, Persist, RestoreError, Width};

/// Source 0 does not exist: its bit is hard-wired to zero everywhere.
const SOURCE_BITS: u32 = !1;

/// The interrupt controller.
#[derive(Debug, Clone)]
pub struct Plic {
    state: PlicState,
}

impl Plic {
    /// A controller with `contexts` targets, `None` if the layout has no room for so many.
    pub fn new(contexts: usize) -> Option<Self> {
        (contexts <= CONTEXTS_MAX).then(|| Self { state: power_on(contexts) })
    }

    /// Sets the wire of `source`; the board calls it whenever a device's line may have changed.
    /// A source that does not exist is ignored.
    pub fn set_level(&mut self, source: u32, high: bool) {
        let Some((word, bit)) = position(source) else {
            return;
        };
        if high {
            self.state.level[word] |= bit;
            self.open_gateway(word, bit);
        } else {
            // A request that passed its gateway stays pending although the wire went low
            // ("Interrupt Gateways"); the handler finds out that there is nothing to do.
            self.state.level[word] &= !bit;
        }
    }

    /// Whether the context's interrupt line is up: an enabled request above its threshold waits.
    pub fn pending(&self, context: usize) -> bool {
        let Some(target) = self.state.contexts.get(context) else {
            return false;
        };
        self.best(target).is_some_and(|(_, priority)| priority > target.threshold)
    }

    /// Lets the request of a high wire through, unless one is under way already.
    fn open_gateway(&mut self, word: usize, bit: u32) {
        if self.state.level[word] & bit != 0 && self.state.claimed[word] & bit == 0 {
            self.state.pending[word] |= bit;
        }
    }

    /// The enabled pending source of highest priority, the lowest number among equals, with its
    /// priority. Priority 0 means "never interrupt".
    fn best(&self, target: &PlicContext) -> Option<(u32, u32)> {
        let mut best = None;
        for word in 0..WORDS {
            let mut bits = self.state.pending[word] & target.enable[word];
            while bits != 0 {
                let source = 32 * word as u32 + bits.trailing_zeros();
                let priority = self.state.priority[source as usize];
                if priority > best.map_or(0, |(_, highest)| highest) {
                    best = Some((source, priority));
                }
                bits &= bits - 1;
            }
        }
        best
    }

    /// Hands out the best request. The threshold does not matter here ("Interrupt Claim Process").
    fn claim(&mut self, context: usize) -> u32 {
        let Some((source, _)) = self.best(&self.state.contexts[context]) else {
            return 0;
        };
        if let Some((word, bit)) = position(source) {
            self.state.pending[word] &= !bit;
            self.state.claimed[word] |= bit;
        }
        source
    }

    /// Re-opens the gateway of `source`. A source that is not enabled for the context is ignored
    /// without a sign ("Interrupt Completion").
    fn complete(&mut self, context: usize, source: u32) {
        let Some((word, bit)) = position(source) else {
            return;
        };
        if self.state.contexts[context].enable[word] & bit != 0 {
            self.state.claimed[word] &= !bit;
            self.open_gateway(word, bit);
        }
    }
}

fn power_on(contexts: usize) -> PlicState {
    PlicState {
        priority: vec![0; SOURCES as usize + 1],
        level: [0; WORDS],
        pending: [0; WORDS],
        claimed: [0; WORDS],
        contexts: vec![PlicContext::default(); contexts],
    }
}

/// Word and bit of a source that exists.
fn position(source: u32) -> Option<(usize, u32)> {
    (1..=SOURCES).contains(&source).then_some(((source / 32) as usize, 1 << (source % 32)))
}

impl Device for Plic {
    fn read(&mut self, offset: u64, width: Width, _now: Cycles) -> Result<u64, AccessError> {
        let value = match decode(offset, width, self.state.contexts.len())? {
            Register::Priority(source) => self.state.priority[source],
            Register::Pending(word) => self.state.pending[word],
            Register::Enable { context, word } => self.state.contexts[context].enable[word],
            Register::Threshold(context) => self.state.contexts[context].threshold,
            Register::Claim(context) => self.claim(context),
        };
        Ok(value.into())
    }

    fn write(&mut self, offset: u64, width: Width, value: u64, _now: Cycles) -> Result<(), AccessError> {
        let value = value as u32;
        match decode(offset, width, self.state.contexts.len())? {
            Register::Priority(source) => self.state.priority[source] = value & PRIORITY_MAX,
            // Pending bits are changed by gateways and claims only.
            Register::Pending(_) => {}
            Register::Enable { context, word } => {
                let valid = if word == 0 { SOURCE_BITS } else { !0 };
                self.state.contexts[context].enable[word] = value & valid;
            }
            Register::Threshold(context) => {
                self.state.contexts[context].threshold = value & PRIORITY_MAX;
            }
            Register::Claim(context) => self.complete(context, value),
        }
        Ok(())
    }

    fn reset(&mut self) {
        // Wires belong to the devices behind them: a reset of the controller leaves them.
        let level = self.state.level;
        self.state = power_on(self.state.contexts.len());
        for source in 1..=SOURCES {
            let high = position(source).is_some_and(|(word, bit)| level[word] & bit != 0);
            self.set_level(source, high);
        }
    }
}

impl Persist for Plic {
    type State = PlicState;

    fn save(&self) -> PlicState {
        self.state.clone()
    }

    fn restore(state: PlicState) -> Result<Self, RestoreError> {
        let invalid = |reason| Err(RestoreError { device: "plic", reason });
        if state.priority.len() != SOURCES as usize + 1 {
            return invalid("wrong number of sources");
        }
        if state.contexts.len() > CONTEXTS_MAX {
            return invalid("more contexts than the layout has room for");
        }
        let masks = [state.level, state.pending, state.claimed];
        let enables = state.contexts.iter().map(|context| context.enable);
        if masks.into_iter().chain(enables).any(|words| words[0] & !SOURCE_BITS != 0) {
            return invalid("source 0 does not exist");
        }
        let levels = state.contexts.iter().map(|context| &context.threshold);
        if state.priority.iter().chain(levels).any(|level| *level > PRIORITY_MAX) {
            return invalid("a priority above the highest");
        }
        Ok(Self { state })
    }
}
