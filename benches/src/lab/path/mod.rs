//! Paths: what each mechanism does for one request, as a sequence diagram made of a trace of that request.
//!
//! A case is run twice. The first run is that of the lab: it says that the data arrive, where the measured part begins, and how long a request
//! takes. The second is watched for the time of a few requests, in the middle of the measured part. Of these the one of median length is shown. Watching changes
//! nothing: the same case gives the same diagram, byte for byte.
//!
//! Reading order: [`record`] (what is watched), [`programs`] (whose instruction it is), [`request`] (where requests begin and end), [`build`] and
//! [`label`] (from instructions to steps), [`sequence`] (what a path is), then the forms: [`text`], [`mermaid`], [`svg`].

mod build;
mod label;
pub mod mermaid;
mod programs;
mod record;
mod request;
pub mod sequence;
pub mod svg;
pub mod text;

use std::sync::Arc;

use rv_machine::{CostModel, Limits, Stop};

use super::case::{Case, Options, Sharing};
use super::compose::Span;
use super::emulator;
use super::experiment::{Experiment, Selection};
use super::experiments::{self, hcs::HCS, uer::UER};
use super::mechanism::{self, Mechanism};
use programs::Programs;
use record::Recorder;
use request::Kind;
pub use sequence::Path;

/// Requests, or lines where these are requests' worth, that are watched in the middle of the measured part.
const REQUESTS: u64 = 9;

/// Something whose path can be shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Subject {
    /// The experiment that its case is of.
    pub experiment: &'static Experiment,
    /// The mechanism.
    pub mechanism: &'static Mechanism,
    /// Who else is on the backend's core.
    pub sharing: Option<Sharing>,
    kind: Kind,
}

const fn register(mechanism: &'static Mechanism) -> Subject {
    Subject { experiment: &UER, mechanism, sharing: None, kind: Kind::Register(label::UART) }
}

const fn ring(mechanism: &'static Mechanism, sharing: Sharing) -> Subject {
    Subject { experiment: &HCS, mechanism, sharing: Some(sharing), kind: Kind::Ring }
}

/// All paths, in the order of the document.
pub static ALL: &[Subject] = &[
    register(&mechanism::EMULATE),
    register(&mechanism::UER),
    ring(&mechanism::VIRTIO, Sharing::Own),
    ring(&mechanism::VIRTIO_UER, Sharing::Own),
    ring(&mechanism::VHOST, Sharing::Own),
    ring(&mechanism::VHOST_VEI, Sharing::Own),
    ring(&mechanism::VHOST_USER, Sharing::Own),
    ring(&mechanism::VHOST_USER_POLL, Sharing::Own),
    ring(&mechanism::VHOST_USER_HCS, Sharing::Own),
    ring(&mechanism::VHOST_USER_HCS, Sharing::Shared),
];

impl Subject {
    /// A name that suits a file: mechanism, and whether the core is shared.
    pub fn name(&self) -> String {
        match self.sharing {
            Some(Sharing::Shared) => format!("{}-shared", self.mechanism.name),
            _ => self.mechanism.name.to_owned(),
        }
    }

    /// What the guest asks for.
    fn about(&self, case: &Case) -> String {
        let core = match self.sharing {
            Some(Sharing::Shared) => "; another guest computes on the backend's core",
            _ => "",
        };
        match self.kind {
            Kind::Register(_) => format!("{}: the guest prints one character{core}", self.mechanism.name),
            Kind::Ring => format!("{}: the guest reads one block of {} bytes{core}", self.mechanism.name, case.size),
        }
    }

    /// The case that is traced: the one that the experiment's sweeps vary.
    pub fn case(&self, model: &Arc<CostModel>) -> Option<Case> {
        let probe = &self.experiment.probe;
        let hcs = self.mechanism == &mechanism::VHOST_USER_HCS;
        let options = Options {
            suppression: probe.suppression.first().copied(),
            queue_depth: probe.queue_depth.first().copied(),
            sharing: self.sharing,
            bank: probe.banks.first().copied().filter(|_| hcs),
            ..Options::default()
        };
        Some(Case {
            experiment: self.experiment,
            mechanism: self.mechanism,
            workload: self.experiment.workload(probe.workloads.first()?)?,
            size: *probe.sizes.first()?,
            options,
            model: Arc::clone(model),
            quantum: self.experiment.quantum,
            seed: 1,
        })
    }
}

/// The paths of a selection: its mechanisms and its sharing, if it names any.
///
/// # Errors
/// What was asked for and doesn't exist.
pub fn subjects(experiment: Option<&str>, selection: &Selection) -> Result<Vec<Subject>, String> {
    let known = |name: &String| ALL.iter().any(|subject| subject.mechanism.name == *name);
    if let Some(name) = selection.mechanisms.iter().find(|name| !known(name)) {
        return Err(format!("there is no path of mechanism `{name}`"));
    }
    if let Some(name) = experiment.filter(|name| !ALL.iter().any(|subject| subject.experiment.name == *name)) {
        return Err(format!("there is no path of experiment `{name}`"));
    }
    let wanted = |subject: &&Subject| {
        let mechanisms = &selection.mechanisms;
        experiment.is_none_or(|name| subject.experiment.name == name)
            && (mechanisms.is_empty() || mechanisms.iter().any(|name| name == subject.mechanism.name))
            && (selection.sharing.is_empty()
                || subject.sharing.is_none_or(|sharing| selection.sharing.contains(&sharing)))
    };
    let found: Vec<Subject> = ALL.iter().filter(wanted).copied().collect();
    if found.is_empty() { Err("there is no such path".to_owned()) } else { Ok(found) }
}

/// Whether this build has all images of a path.
pub fn available(subject: &Subject) -> bool {
    experiments::missing_images(subject.experiment).is_empty()
}

/// Runs a path's case, and gives the path.
///
/// # Errors
/// If the case fails, or shows nothing that looks like a request.
pub fn trace(subject: &Subject, model: &Arc<CostModel>) -> Result<Path, String> {
    let case = subject.case(model).ok_or("the experiment has no case to trace")?;
    let (measured, begin) = emulator::run(&case)?;
    let outcome = (case.experiment.check)(&case, &measured.output)?;
    let elapsed = measured.report.elapsed_cycles;
    // One more at both ends: the watch begins and ends somewhere in a request.
    let watched = (REQUESTS + 2) * (elapsed / outcome.work.ops.max(1));
    watch(subject, &case, begin + elapsed / 2, watched)
}

/// Watches the case for `cycles` from the cycle `begin` on.
fn watch(subject: &Subject, case: &Case, begin: u64, cycles: u64) -> Result<Path, String> {
    let composition = (case.experiment.compose)(case)?;
    if composition.span == Span::Kernel {
        return Err("a guest without a host has no path".to_owned());
    }
    let mut machine = emulator::machine(case, &composition)?;
    let slice = |cycles| Limits { max_insns: Some(composition.insns_max), slice: Some(cycles) };
    let stopped = |stop| format!("the machine ended with {stop:?} before there was anything to watch");
    while machine.now() < begin {
        match machine.run(&slice(begin - machine.now())) {
            Stop::Slice => {}
            stop => return Err(stopped(stop)),
        }
    }
    let mut recorder = Recorder::new(&machine);
    let _ = machine.run_watched(&slice(cycles), Some(&mut recorder));
    let seen = recorder.seen;
    let programs = Programs::of(&composition)?;
    let owners = programs.name(&seen, machine.harts().len())?;
    let hart = programs.guest_hart(&seen, &owners).ok_or("the guest was not seen")?;
    let requests = request::find(&seen, subject.kind, hart);
    let (shown, next) = request::typical(&seen, &requests).ok_or("no request was seen from begin to end")?;
    let length = |request: &request::Request| {
        let end = &seen[request.end];
        (if request.index.is_some() { end.to } else { end.from }) - seen[request.start].from
    };
    let lengths: Vec<u64> = requests[..requests.len() - 1].iter().map(length).collect();
    let record = build::Record {
        seen: &seen,
        owners: &owners,
        programs: &programs,
        costs: case.model.costs(),
        harts: machine.harts().len(),
    };
    let built = build::build(&record, shown, next);
    Ok(Path {
        name: subject.name(),
        experiment: case.experiment.name,
        mechanism: case.mechanism.name,
        about: subject.about(case),
        case: case.key(),
        cost_model: case.model.name().to_owned(),
        cycles: length(&shown),
        range: (lengths.iter().copied().min().unwrap_or(0), lengths.iter().copied().max().unwrap_or(0)),
        requests: lengths.len(),
        lanes: built.lanes,
        steps: built.steps,
    })
}
