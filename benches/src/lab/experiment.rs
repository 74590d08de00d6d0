//! What an experiment is: data. A runner, a table and plots are made for all of them alike.

use std::sync::Arc;

use rv_machine::CostModel;

use super::case::{Case, Options, Sharing, Suppression};
use super::compose::Composition;
use super::mechanism::Mechanism;
use super::results::Outcome;

/// What counts in a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// How long the whole takes.
    Time,
    /// Bytes in a second.
    Bytes,
    /// Operations in a second, and how long each takes.
    Operations,
}

/// What a guest does.
#[derive(Debug)]
pub struct Workload {
    /// The name.
    pub name: &'static str,
    /// What it is, in a line.
    pub about: &'static str,
    /// What counts in it.
    pub metric: Metric,
}

/// A block of cases: every combination of what is listed. An empty list is an option that the block doesn't have.
#[derive(Debug, Default)]
pub struct Slice {
    /// Names of workloads.
    pub workloads: &'static [&'static str],
    /// Sizes.
    pub sizes: &'static [u64],
    /// Suppression of notifications.
    pub suppression: &'static [Suppression],
    /// Requests in flight.
    pub queue_depth: &'static [u32],
    /// Who else is on the backend's core.
    pub sharing: &'static [Sharing],
    /// Profiles, for mechanisms that have several.
    pub banks: &'static [u8],
}

/// An experiment.
#[derive(Debug)]
pub struct Experiment {
    /// The name.
    pub name: &'static str,
    /// What it compares, in a line.
    pub about: &'static str,
    /// What the slides of HA-IOV report.
    pub headline: &'static str,
    /// What sizes are.
    pub size_is: &'static str,
    /// The mechanisms, in the order of the table.
    pub mechanisms: &'static [&'static Mechanism],
    /// The mechanism that ratios are taken against.
    pub classic: Option<&'static Mechanism>,
    /// The mechanism that the experiment is about.
    pub subject: Option<&'static Mechanism>,
    /// The workloads.
    pub workloads: &'static [Workload],
    /// Cycles of a hart's turn.
    pub quantum: u64,
    /// The cases of a whole run.
    pub full: &'static [Slice],
    /// The cases of a quick run.
    pub quick: &'static [Slice],
    /// The one case that sweeps vary.
    pub probe: Slice,
    /// Images that its cases are made of.
    pub images: &'static [&'static str],
    /// Whether what it needs is there that is no part of the project; why not.
    pub needs: fn() -> Result<(), String>,
    /// The machine of a case.
    pub compose: fn(&Case) -> Result<Composition, String>,
    /// Whether what was to be done was done; how much it was.
    pub check: fn(&Case, &[u8]) -> Result<Outcome, String>,
}

impl PartialEq for Experiment {
    fn eq(&self, other: &Experiment) -> bool {
        self.name == other.name
    }
}

/// What of an experiment is to be run. Empty lists mean what the experiment itself says.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Mechanisms by name.
    pub mechanisms: Vec<String>,
    /// Workloads by name.
    pub workloads: Vec<String>,
    /// Sizes.
    pub sizes: Vec<u64>,
    /// Cost models.
    pub models: Vec<Arc<CostModel>>,
    /// Suppression of notifications.
    pub suppression: Vec<Suppression>,
    /// Requests in flight.
    pub queue_depth: Vec<u32>,
    /// Who else is on the backend's core.
    pub sharing: Vec<Sharing>,
    /// HCS profiles.
    pub banks: Vec<u8>,
    /// Few cases.
    pub quick: bool,
    /// Cycles of a hart's turn.
    pub quantum: Option<u64>,
    /// Seed of everything random.
    pub seed: u64,
}

/// What the user chose if anything, else what the slice lists; `None` alone if that is nothing.
fn choose<T: Copy>(chosen: &[T], listed: &[T]) -> Vec<Option<T>> {
    match (listed.is_empty(), chosen.is_empty()) {
        (true, _) => vec![None],
        (false, true) => listed.iter().copied().map(Some).collect(),
        (false, false) => chosen.iter().copied().map(Some).collect(),
    }
}

impl Experiment {
    /// The workload of this name.
    pub fn workload(&self, name: &str) -> Option<&Workload> {
        self.workloads.iter().find(|workload| workload.name == name)
    }

    /// All cases of a selection, each once, in the order of the table.
    ///
    /// # Errors
    /// What was asked for and doesn't exist.
    pub fn cases(&'static self, selection: &Selection) -> Result<Vec<Case>, String> {
        self.known(&selection.mechanisms, "mechanism", self.mechanisms.iter().map(|m| m.name).collect())?;
        self.known(&selection.workloads, "workload", self.workloads.iter().map(|w| w.name).collect())?;
        let slices = if selection.quick { self.quick } else { self.full };
        let mut cases: Vec<Case> = Vec::new();
        let mut keys = std::collections::BTreeSet::new();
        for model in &selection.models {
            for slice in slices {
                let of_slice = self.cases_of(slice, selection, model);
                cases.extend(of_slice.into_iter().filter(|case| keys.insert(case.key())));
            }
        }
        Ok(cases)
    }

    fn known(&self, asked: &[String], what: &str, have: Vec<&str>) -> Result<(), String> {
        match asked.iter().find(|name| !have.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => Err(format!("experiment {} has no {what} `{name}`; it has {}", self.name, have.join(", "))),
        }
    }

    /// The cases of one slice.
    pub fn cases_of(&'static self, slice: &Slice, selection: &Selection, model: &Arc<CostModel>) -> Vec<Case> {
        let mut cases = Vec::new();
        let wanted = |name: &str, list: &[String]| list.is_empty() || list.iter().any(|one| one == name);
        // A workload that is asked for runs even if the slice at hand is about another.
        let workloads: Vec<&'static Workload> = self
            .workloads
            .iter()
            .filter(|w| match selection.workloads.is_empty() {
                true => slice.workloads.contains(&w.name),
                false => wanted(w.name, &selection.workloads),
            })
            .collect();
        let sizes = if selection.sizes.is_empty() { slice.sizes } else { &selection.sizes };
        for workload in workloads {
            for options in slice_options(slice, selection) {
                for size in sizes {
                    for mechanism in self
                        .mechanisms
                        .iter()
                        .filter(|m| wanted(m.name, &selection.mechanisms) && possible(m, &options))
                    {
                        for bank in banks(mechanism, slice, selection) {
                            cases.push(Case {
                                experiment: self,
                                mechanism,
                                workload,
                                size: *size,
                                options: Options { bank, ..options.clone() },
                                model: Arc::clone(model),
                                quantum: selection.quantum.unwrap_or(self.quantum),
                                seed: selection.seed,
                            });
                        }
                    }
                }
            }
        }
        cases
    }
}

/// Whether there is such a case: without a host, there is no backend to share a core with.
fn possible(mechanism: &Mechanism, options: &Options) -> bool {
    !mechanism.is_bare() || options.sharing != Some(Sharing::Shared)
}

/// Profiles of a mechanism: only HCS has them.
fn banks(mechanism: &Mechanism, slice: &Slice, selection: &Selection) -> Vec<Option<u8>> {
    match mechanism == &super::mechanism::VHOST_USER_HCS {
        true => choose(&selection.banks, slice.banks),
        false => vec![None],
    }
}

fn slice_options(slice: &Slice, selection: &Selection) -> Vec<Options> {
    let mut all = Vec::new();
    for sharing in choose(&selection.sharing, slice.sharing) {
        for suppression in choose(&selection.suppression, slice.suppression) {
            for queue_depth in choose(&selection.queue_depth, slice.queue_depth) {
                all.push(Options { suppression, queue_depth, sharing, ..Options::default() });
            }
        }
    }
    all
}
