//! `churn guests=N seed=S crews=C`: makes, runs and destroys N guests on C crews
//! of threads, several at a time, in an order that the seed decides. Some run in
//! this process, some in a child, which is killed at a random point. In the end
//! everything must be as it was, and every hart must answer.
#![no_std]
#![no_main]

extern crate alloc;

mod crew;
mod guest;
mod program;
mod random;

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use hyp_abi::Error;
use hyp_abi::process::EXIT_KILLED;
use hyp_abi::stats::HostStats;
use hyp_rt::event::Event;
use hyp_rt::process::Process;
use hyp_rt::{Args, eprintln, println, stats, sys, thread};

use crate::crew::Crew;
use crate::guest::End;
use crate::random::Random;

const STACK: usize = 64 << 10;
/// Guests before the first count, so that what stays has been made.
const WARM_UP: u64 = 24;
/// Pages that this process itself may touch first after the warm-up, of its heap
/// and stacks. What the kernel itself loses, it finds at the end to the page.
const OWN_PAGES_MAX: i64 = 64;
/// Most `time` ticks before a child is killed.
const CHILD_LIFE_MAX: u64 = 4000;

#[derive(Clone, Copy)]
struct Options {
    guests: u64,
    seed: u64,
    crews: u64,
    is_child: bool,
}

impl Options {
    fn parse(words: Args) -> Option<Self> {
        let mut options = Self { guests: 1000, seed: 1, crews: 6, is_child: false };
        for word in words.skip(1) {
            match word.split_once('=')? {
                ("guests", number) => options.guests = number.parse().ok()?,
                ("seed", number) => options.seed = number.parse().ok()?,
                ("crews", number) => options.crews = number.parse().ok().filter(|crews| (1..=16).contains(crews))?,
                ("child", "1") => options.is_child = true,
                _ => return None,
            }
        }
        Some(options)
    }
}

/// What all crews share.
struct Run {
    seed: u64,
    next: AtomicU64,
    end: AtomicU64,
    /// Guests that ended by themselves, were stopped, were in children that
    /// ended, and in children that were killed.
    counts: [AtomicU64; 4],
    failures: AtomicUsize,
    crews: AtomicUsize,
    over: Event,
}

impl Run {
    fn new(seed: u64) -> Result<&'static Self, Error> {
        Ok(Box::leak(Box::new(Self {
            seed,
            next: AtomicU64::new(0),
            end: AtomicU64::new(0),
            counts: Default::default(),
            failures: AtomicUsize::new(0),
            crews: AtomicUsize::new(0),
            over: Event::new()?,
        })))
    }

    /// Lets the crews take guests up to `end`, and waits until they are through.
    fn until(&'static self, end: u64, begin: &[Event]) -> Result<(), Error> {
        self.end.store(end, Ordering::Release);
        self.crews.store(begin.len(), Ordering::Release);
        begin.iter().try_for_each(|event| event.signal(1))?;
        self.over.wait().map(drop)
    }

    fn work(&self, crew: &Crew) {
        loop {
            let index = self.next.fetch_add(1, Ordering::AcqRel);
            if index >= self.end.load(Ordering::Acquire) {
                self.next.fetch_sub(1, Ordering::AcqRel);
                break;
            }
            match self.one(crew, index) {
                Ok(which) => drop(self.counts[which].fetch_add(1, Ordering::Relaxed)),
                Err(error) => {
                    eprintln!("churn: guest {index} of seed {}: {error}", self.seed);
                    self.failures.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        if self.crews.fetch_sub(1, Ordering::AcqRel) == 1 {
            let _ = self.over.signal(1);
        }
    }

    /// One guest, here or in a child.
    fn one(&self, crew: &Crew, index: u64) -> Result<usize, Error> {
        let mut random = Random::new(self.seed, index);
        if random.chance(70) {
            return guest::churn(crew, &mut random).map(|end| if end == End::Done { 0 } else { 1 });
        }
        let child = Process::spawn("churn", &format!("child=1 seed={}", random.next()), None)?;
        if random.chance(40) {
            return if child.wait()? == 0 { Ok(2) } else { Err(Error::InvalidArgument) };
        }
        sys::sleep_until(sys::time() + random.below(CHILD_LIFE_MAX));
        child.kill()?;
        let code = child.wait()?;
        if code == EXIT_KILLED || code == 0 { Ok(3) } else { Err(Error::InvalidArgument) }
    }
}

/// What must not change.
fn objects(stats: &HostStats) -> [u64; 12] {
    let HostStats { processes, threads, vms, vcpus, vmids, events, .. } = *stats;
    let HostStats { shared, shared_pages, channels, messages, io_events, irq_events, .. } = *stats;
    [processes, threads, vms, vcpus, vmids, events, shared, shared_pages, channels, messages, io_events, irq_events]
}

fn pages(stats: &HostStats) -> u64 {
    stats.free_pages + stats.heap_pages
}

/// Runs on every hart once.
fn all_harts_answer(count: u64) -> bool {
    let answers = |hart: u64| thread::pin(hart as usize).is_ok() && stats::thread(0).is_ok_and(|t| t.hart == hart);
    (0..count).all(answers) && thread::unpin().is_ok()
}

fn parent(options: Options) -> Result<bool, Error> {
    println!("churn: seed {}, {} guests", options.seed, options.guests);
    let run = Run::new(options.seed)?;
    let mut begin = alloc::vec::Vec::new();
    for _ in 0..options.crews {
        let crew = Crew::new()?;
        let event: &'static Event = Box::leak(Box::new(Event::new()?));
        begin.push(Event::from_handle(hyp_rt::handle::Handle::from_raw(event.handle().number())));
        thread::spawn(STACK, move || {
            while event.wait().is_ok() {
                run.work(crew);
            }
        })?;
    }
    let warm_up = WARM_UP.min(options.guests / 2);
    run.until(warm_up, &begin)?;
    let before = stats::host()?;
    run.until(options.guests, &begin)?;
    let after = stats::host()?;
    let [done, stopped, child_done, child_killed] = [0, 1, 2, 3].map(|index| run.counts[index].load(Ordering::Relaxed));
    let (failures, answers) = (run.failures.load(Ordering::Relaxed), all_harts_answer(after.harts));
    let same = objects(&before) == objects(&after);
    let lost = pages(&before) as i64 - pages(&after) as i64;
    let ok = failures == 0 && answers && same && lost <= OWN_PAGES_MAX;
    let mut counts = String::new();
    if !same {
        counts = format!(",\"before\":{:?},\"after\":{:?}", objects(&before), objects(&after));
    }
    println!(
        "#result {{\"who\":\"churn\",\"ok\":{ok},\"seed\":{},\"guests\":{},\"done\":{done},\"stopped\":{stopped},\
         \"children_done\":{child_done},\"children_killed\":{child_killed},\"failures\":{failures},\
         \"harts_answer\":{answers},\"pages_lost\":{lost},\"injected\":{},\"coalesced\":{}{counts}}}",
        options.seed, options.guests, after.injected, after.coalesced,
    );
    core::mem::forget(begin);
    Ok(ok)
}

/// A child is one guest, and dies in the middle of it half of the time.
fn child(options: Options) -> Result<bool, Error> {
    let mut random = Random::new(options.seed, 0);
    let crew = Crew::new()?;
    let end = guest::churn(crew, &mut random)?;
    if end == End::Done && random.chance(50) {
        crew.dismiss();
    }
    Ok(true)
}

fn main(args: Args) -> i32 {
    let Some(options) = Options::parse(args) else {
        eprintln!("churn: arguments are guests=N seed=N crews=N (1 to 16)");
        return 2;
    };
    match if options.is_child { child(options) } else { parent(options) } {
        Ok(true) => 0,
        Ok(false) => 1,
        Err(error) => {
            eprintln!("churn: {error}");
            1
        }
    }
}

hyp_rt::entry!(main);
