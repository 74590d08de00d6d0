//! Paths: what each mechanism does for one request, as a sequence diagram made of a trace of that request.
//!
//! A case is run twice. The first run is that of the lab: it says that the data arrive, where the measured part begins, and how long a request
//! takes. The second is watched for the time of a few requests, in the middle of the measured part. Of these the one of median length is shown. Watching changes
//! nothing: the same case gives the same diagram, byte for byte.
//!
//! Reading order: [`record`] (what is watched), [`programs`] (whose instruction it is), [`request`] (where requests begin and end), [`build`] and
//! [`label`] (from instructions to steps), [`sequence`] (what a path is), then the forms: [`text`], [`mermaid`], [`svg`], and all of
//! them in a document, [`markdown`].

mod build;
mod label;
pub mod markdown;
pub mod mermaid;
mod programs;
mod record;
mod request;
pub mod sequence;
pub mod svg;
pub mod text;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use rv_machine::{CostModel, Limits, Stop};

use super::case::{Case, Options, Sharing};
use super::compose::Span;
use super::emulator;
use super::experiment::{Experiment, Selection};
use super::experiments::{self, hcs::HCS, uer::UER, vei::VEI};
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
    /// What is to be seen.
    pub note: &'static str,
}

/// Where the backend has a hart of its own, paths show it without the guest that only waits: a program that has no image to name it by.
const NO_IDLE_GUEST: &str = " idle-guest=0";

const fn register(mechanism: &'static Mechanism, note: &'static str) -> Subject {
    Subject { experiment: &UER, mechanism, sharing: None, kind: Kind::Register(label::UART), note }
}

const fn ring(mechanism: &'static Mechanism, sharing: Sharing, note: &'static str) -> Subject {
    Subject { experiment: &HCS, mechanism, sharing: Some(sharing), kind: Kind::Ring, note }
}

const fn exchange(mechanism: &'static Mechanism, note: &'static str) -> Subject {
    Subject { experiment: &VEI, mechanism, sharing: None, kind: Kind::Exchange, note }
}

/// All paths, in the order of the document.
pub static ALL: &[Subject] = &[
    register(
        &mechanism::EMULATE,
        "The store exits to the kernel, which returns from the monitor's vCPU-run call; the monitor emulates the store and calls again.",
    ),
    register(
        &mechanism::UER,
        "The store enters the monitor's handler at once, and URET goes back: the kernel has no part in it.",
    ),
    ring(
        &mechanism::VIRTIO,
        Sharing::Own,
        "The kick is emulated like any store. The monitor serves the queue before it calls again, so the guest finds its block when it goes on \
         and neither waits nor is interrupted: nothing runs beside it, either.",
    ),
    ring(&mechanism::VIRTIO_UER, Sharing::Own, "The same without the kernel, there and back."),
    ring(
        &mechanism::VHOST,
        Sharing::Own,
        "One exit for the kick: the kernel finds the event, wakes the worker by an IPI, and lets the guest go on. The guest then waits, which is \
         an exit of its own; the worker signals the guest's interrupt, which takes another IPI, and the guest is scheduled again.",
    ),
    ring(
        &mechanism::VHOST_VEI,
        Sharing::Own,
        "The kick is one instruction: no exit, no event, no IPI; the worker's hart gets a supervisor VEI. From the served request on it is as \
         with vhost.",
    ),
    ring(
        &mechanism::VHOST_USER,
        Sharing::Own,
        "As with vhost, with a process in the place of the worker: it is woken out of a system call, signals by another, and waits by a third.",
    ),
    ring(
        &mechanism::VHOST_USER_POLL,
        Sharing::Own,
        "No kick at all: the process looks at the ring all the time, and its hart never rests. The way back is that of vhost-user.",
    ),
    ring(
        &mechanism::VHOST_USER_HCS,
        Sharing::Own,
        "With a hart of its own the backend's thread sleeps in the kernel, and its hart is idle in HS. A user VEI can't be taken there: a doorbell \
         has the kernel run the thread, which takes it as an interrupt of its own. HCS has nothing to switch away from. (The experiment's rows \
         give such a hart a guest that only waits, so that there is something: the next path is theirs.)",
    ),
    ring(
        &mechanism::VHOST_USER_HCS,
        Sharing::Shared,
        "The backend's hart runs another guest. The hardware switches from that to the handler and back; from the send to the handler no \
         instruction of the kernel is executed. The kernel comes in when the handler signals the guest's interrupt.",
    ),
    exchange(
        &mechanism::VHOST,
        "One exit for the kick. The peer looks at its end of the cable all the time; it wakes the worker by an event and an IPI, and the worker the \
         guest. Before it waits, the guest may ask the device for its status, which is an exit to the monitor.",
    ),
    exchange(
        &mechanism::VHOST_VEI,
        "The same but for the kick, which is one instruction: what is left are cable, peer, and the way back.",
    ),
];

impl Subject {
    /// A name that suits a file: mechanism, and what else there is.
    pub fn name(&self) -> String {
        let end = match (self.sharing, self.kind) {
            (Some(Sharing::Shared), _) => "-shared",
            (_, Kind::Exchange) => "-net",
            _ => "",
        };
        format!("{}{end}", self.mechanism.name)
    }

    /// What the guest asks for.
    fn about(&self, case: &Case) -> String {
        let core = match self.sharing {
            Some(Sharing::Shared) => "; another guest computes on the backend's core",
            _ => "",
        };
        match self.kind {
            Kind::Register(_) => format!("{}: the guest prints one character{core}", self.mechanism.name),
            Kind::Exchange => {
                format!("{}: the guest sends a datagram of {} bytes and gets one back", self.mechanism.name, case.size)
            }
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
            workload: match self.kind {
                Kind::Exchange => self.experiment.workload("udp_rr")?,
                Kind::Ring | Kind::Register(_) => self.experiment.workload(probe.workloads.first()?)?,
            },
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

/// The paths of all subjects, several at a time, in their order.
pub fn trace_all(subjects: &[Subject], model: &Arc<CostModel>) -> Vec<Result<Path, String>> {
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let slots: Vec<OnceLock<Result<Path, String>>> = subjects.iter().map(|_| OnceLock::new()).collect();
    std::thread::scope(|scope| {
        for _ in 0..jobs.min(subjects.len()) {
            scope.spawn(|| {
                while let Some((subject, slot)) = {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    subjects.get(index).zip(slots.get(index))
                } {
                    let traced = trace(subject, model).map_err(|error| format!("{}: {error}", subject.name()));
                    // Each slot is one worker's.
                    let _ = slot.set(traced);
                }
            });
        }
    });
    let nothing = || Err("a path was not traced".to_owned());
    slots.into_iter().map(|slot| slot.into_inner().unwrap_or_else(nothing)).collect()
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
    let mut composition = (case.experiment.compose)(case)?;
    composition.append.push_str(NO_IDLE_GUEST);
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
    let typical = request::typical(&seen, &requests);
    let (shown, next, count) = typical.ok_or("too few requests were seen from begin to end")?;
    let lengths = || requests[1..=count].iter().map(|request| request.cycles(&seen));
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
        note: subject.note,
        experiment: case.experiment.name,
        mechanism: case.mechanism.name,
        about: subject.about(case),
        case: case.key(),
        cost_model: case.model.name().to_owned(),
        cycles: shown.cycles(&seen),
        range: (lengths().min().unwrap_or(0), lengths().max().unwrap_or(0)),
        requests: count,
        lanes: built.lanes,
        steps: built.steps,
    })
}
