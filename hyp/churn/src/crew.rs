//! Threads that run guests: a crew has one for each vCPU of its guest. They stay;
//! guests come and go.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicUsize, Ordering};

use hyp_abi::Error;
use hyp_abi::vm::{exit, reg};
use hyp_rt::event::Event;
use hyp_rt::sync::Mutex;
use hyp_rt::vm::{InterruptLine, Vcpu, Vm};
use hyp_rt::{sys, thread};

use crate::random::Random;

/// Most vCPUs of a guest: the crew's first thread runs number 0.
pub const HELPERS: usize = 2;
const STACK: usize = 64 << 10;
/// No handle.
const NONE: usize = usize::MAX;

/// What a helper is to do.
struct Job {
    vm: Arc<Vm>,
    number: usize,
    random: Random,
}

/// A thread for a secondary vCPU.
struct Helper {
    job: Mutex<Option<Job>>,
    begin: Event,
    /// Handle of the vCPU that it runs.
    vcpu: AtomicUsize,
}

/// A crew.
pub struct Crew {
    helpers: [Helper; HELPERS],
    /// Bit n: helper n has its vCPU, or could not make it. Bit 8 + n: it is through.
    reports: Event,
}

/// Bits of `reports`.
const READY: u32 = 1;
const THROUGH: u32 = 1 << 8;

impl Crew {
    /// A crew with its helpers, which stay for good.
    pub fn new() -> Result<&'static Self, Error> {
        let helper = || Ok(Helper { job: Mutex::new(None), begin: Event::new()?, vcpu: AtomicUsize::new(NONE) });
        let crew: &'static Self = Box::leak(Box::new(Self { helpers: [helper()?, helper()?], reports: Event::new()? }));
        for index in 0..HELPERS {
            thread::spawn(STACK, move || crew.help(index))?;
        }
        Ok(crew)
    }

    fn help(&self, index: usize) {
        let helper = &self.helpers[index];
        while helper.begin.wait().is_ok() {
            let Some(job) = helper.job.lock().take() else { return };
            match job.vm.create_vcpu_number(job.number) {
                Ok(vcpu) => {
                    helper.vcpu.store(vcpu.handle(), Ordering::Release);
                    let _ = self.reports.signal(READY << index);
                    run_secondary(vcpu, job.random);
                    helper.vcpu.store(NONE, Ordering::Release);
                }
                Err(_) => drop(self.reports.signal(READY << index)),
            }
            drop(job.vm);
            let _ = self.reports.signal(THROUGH << index);
        }
    }

    /// Makes `count` secondary vCPUs of `vm` run.
    pub fn begin(&self, vm: &Arc<Vm>, count: usize, random: &mut Random) -> Result<(), Error> {
        for (index, helper) in self.helpers[..count].iter().enumerate() {
            let job = Job { vm: Arc::clone(vm), number: index + 1, random: Random::new(random.next(), 1) };
            *helper.job.lock() = Some(job);
            helper.begin.signal(1)?;
        }
        self.wait(READY, count)
    }

    /// Stops them.
    pub fn end(&self, count: usize) -> Result<(), Error> {
        for helper in &self.helpers[..count] {
            let handle = helper.vcpu.load(Ordering::Acquire);
            if handle != NONE {
                // It may have given up by itself, and closed the handle.
                let _ = InterruptLine::from_handle(handle).kick();
            }
        }
        self.wait(THROUGH, count)
    }

    /// Lets the helpers end for good.
    pub fn dismiss(&self) {
        for helper in &self.helpers {
            let _ = helper.begin.signal(1);
        }
    }

    fn wait(&self, report: u32, count: usize) -> Result<(), Error> {
        let mut missing = ((1 << count) - 1) * report;
        while missing != 0 {
            let bits = self.reports.wait()?;
            missing &= !bits;
            let others = bits & !(((1 << count) - 1) * report);
            if others != 0 {
                // Of the other kind: a helper that is through already.
                self.reports.signal(others)?;
                sys::yield_now();
            }
        }
        Ok(())
    }
}

/// Runs a secondary vCPU until it is kicked, or gives up by chance.
fn run_secondary(mut vcpu: Vcpu, mut random: Random) {
    let patience = if random.chance(20) { random.below(20) } else { u64::MAX };
    let mut exits = 0;
    while exits < patience && vcpu.run().is_ok() {
        exits += 1;
        if vcpu.run_page().exit_reason != exit::MMIO {
            break;
        }
    }
    debug_assert!(vcpu.get_reg(reg::HART_ID).is_ok_and(|number| number != 0));
}
