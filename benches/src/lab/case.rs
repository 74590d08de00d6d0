//! A case: everything that decides a run. Two runs of one case give the same row.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::sync::Arc;

use rv_machine::CostModel;
use serde::{Deserialize, Serialize};

use super::experiment::{Experiment, Workload};
use super::mechanism::Mechanism;

/// Whether the device's backend has its core for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sharing {
    /// Nothing else runs on the backend's hart.
    Own,
    /// Another guest computes there whenever it may.
    Shared,
}

impl Sharing {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Sharing::Own => "own",
            Sharing::Shared => "shared",
        }
    }
}

/// How a busy device keeps its driver from notifying it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Suppression {
    /// By event indices.
    EventIdx,
    /// By the rings' flags: event indices are not offered.
    Flags,
    /// Not at all: each batch that the driver makes available is a notification.
    None,
}

impl Suppression {
    /// All of them.
    pub const ALL: [Self; 3] = [Suppression::EventIdx, Suppression::Flags, Suppression::None];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Suppression::EventIdx => "event-idx",
            Suppression::Flags => "flags",
            Suppression::None => "none",
        }
    }
}

/// What can differ between runs of one mechanism and workload. What an experiment has no use for is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Options {
    /// Whether the device offers EVENT_IDX: what `suppression` implies, beside it for those who look for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_idx: Option<bool>,
    /// Virtio's suppression of notifications.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppression: Option<Suppression>,
    /// Requests in flight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_depth: Option<u32>,
    /// Who else is on the backend's core.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sharing: Option<Sharing>,
    /// HCS profile: 1 banks the guest's registers, 0 leaves them to the handler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bank: Option<u8>,
    /// Guests that share one backend core.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guests: Option<u32>,
    /// Entries of each hart's cache of the VEI map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map_cache: Option<u32>,
    /// What a sweep has changed: knob and value. Knobs of the cost model are named `model:ROW`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub knobs: BTreeMap<String, u64>,
}

impl Options {
    /// Name and value of each that is set, in a fixed order.
    pub fn pairs(&self) -> Vec<(String, String)> {
        let fixed = [
            ("suppression", self.suppression.map(|suppression| suppression.name().to_owned())),
            ("qd", self.queue_depth.map(|n| n.to_string())),
            ("sharing", self.sharing.map(|sharing| sharing.name().to_owned())),
            ("bank", self.bank.map(|n| n.to_string())),
            ("guests", self.guests.map(|n| n.to_string())),
            ("map-cache", self.map_cache.map(|n| n.to_string())),
        ];
        let fixed = fixed.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        fixed.chain(self.knobs.iter().map(|(name, value)| (name.clone(), value.to_string()))).collect()
    }

    /// The same with a way of suppression, if it has any.
    pub fn suppressing(self, suppression: Option<Suppression>) -> Options {
        let event_idx = suppression.map(|suppression| suppression == Suppression::EventIdx);
        Options { suppression, event_idx, ..self }
    }

    /// The same without what belongs to one mechanism only, for comparisons between mechanisms.
    pub fn common(&self) -> Options {
        Options { bank: None, ..self.clone() }
    }
}

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in self.pairs().iter().enumerate() {
            write!(f, "{}{name}={value}", if index == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

/// One run to be made.
#[derive(Clone, Debug)]
pub struct Case {
    /// What it belongs to.
    pub experiment: &'static Experiment,
    /// How the guest reaches its device.
    pub mechanism: &'static Mechanism,
    /// What the guest does.
    pub workload: &'static Workload,
    /// How much, or how large: in the experiment's own unit.
    pub size: u64,
    /// What else.
    pub options: Options,
    /// What events cost; a sweep's variation of it keeps its name, and is told apart by `options.knobs`.
    pub model: Arc<CostModel>,
    /// Cycles of a hart's turn.
    pub quantum: u64,
    /// Seed of everything random in the guest.
    pub seed: u64,
}

impl Case {
    /// A name that no other case has, stable between versions: results are found again by it.
    pub fn key(&self) -> String {
        let mut key = format!("{}/{}/{}/{}", self.experiment.name, self.workload.name, self.size, self.mechanism.name);
        for (name, value) in self.options.pairs() {
            // Writing to a string can't fail.
            let _ = write!(key, "/{name}={value}");
        }
        let _ = write!(key, "/{}/quantum={}/seed={}", self.model.name(), self.quantum, self.seed);
        key
    }
}
