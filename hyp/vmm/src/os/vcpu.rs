//! The loop around a vCPU: it runs until its guest needs something, which is served.

use alloc::format;
use core::ptr;

use hyp_abi::Error;
use hyp_abi::vm::{InternalError, MmioExit, RunPage, exit};
use hyp_rt::sys;
use hyp_rt::vm::Vcpu;
use hyp_vmm::device::Bus;
use hyp_vmm::device::sink::Sink;
use hyp_vmm::handler;
use hyp_vmm::image::MEMORY;
use hyp_vmm::sbi::{self, Done, Host};
use hyp_vmm::shared_memory::SharedMemory;

use crate::machine::{Locked, Machine};
use crate::{Result, console};

/// Runs the vCPU until the machine is off.
pub fn run<S: Sink>(machine: &Machine<S>, vcpu: &mut Vcpu) -> Result<()> {
    let mut bus = Locked(&machine.board);
    if machine.args.redirects {
        // SAFETY: the board locks itself, and `bus` lives until this function returns, when the vCPU runs no more. It is used below only when
        // the guest has stopped.
        unsafe { handler::install(vcpu, &raw mut bus) }
            .map_err(|error| format!("user-level exception redirection: {error}"))?;
    }
    loop {
        match vcpu.run() {
            Ok(()) => {}
            Err(Error::Interrupted) => continue,
            Err(error) => return Err(format!("running the vCPU: {error}")),
        }
        let page = vcpu.run_page();
        if page.exit_reason == exit::MMIO {
            access(&mut page.mmio, &mut bus)?;
        } else if serve(page, &machine.memory)? {
            return Ok(());
        }
    }
}

/// Serves the access of an MMIO exit. The kernel hands the answer to the guest when it runs again.
#[inline(always)]
fn access<B: Bus>(exit: &mut MmioExit, bus: &mut B) -> Result<()> {
    let served = match exit.is_write {
        0 => bus.read(exit.gpa, exit.len).map(|value| exit.data = value),
        _ => bus.write(exit.gpa, exit.len, exit.data),
    };
    served.ok_or_else(|| format!("the guest accesses {:#x}, where nothing is", exit.gpa))
}

/// Serves an exit other than a device access; whether the machine is off.
#[cold]
fn serve(page: &mut RunPage, memory: &SharedMemory) -> Result<bool> {
    match page.exit_reason {
        exit::RISCV_SBI => sbi::serve(&mut page.sbi, &mut Calls(memory)),
        exit::SYSTEM_EVENT => match (page.system_event.kind, page.system_event.reason) {
            (0, 0) => return Ok(true),
            (0, reason) => return Err(format!("the guest has failed with reset reason {reason:#x}")),
            (kind, _) => return Err(format!("the guest wants to reboot (reset type {kind:#x}), which it can't here")),
        },
        exit::INTR => {}
        exit::INTERNAL_ERROR => {
            let InternalError { scause, sepc, stval, gpa } = page.internal;
            let place = format!("at pc {sepc:#x}, address {stval:#x}, physical {gpa:#x}");
            return Err(format!("the guest can't go on: cause {scause} {place}"));
        }
        reason => return Err(format!("exit reason {reason} is not known")),
    }
    Ok(false)
}

/// What SBI calls of the guest reach.
struct Calls<'a>(&'a SharedMemory);

impl Calls<'_> {
    /// A range of guest memory.
    fn range(&self, gpa: u64, len: usize) -> Option<*mut u8> {
        let offset = usize::try_from(gpa.checked_sub(MEMORY)?).ok()?;
        let end = offset.checked_add(len)?;
        (end <= self.0.size()).then(|| self.0.pointer(offset))
    }
}

impl Host for Calls<'_> {
    // The calls of the lab's own guests mean nothing here.
    fn done(&mut self, _: Done) -> bool {
        false
    }

    fn ready(&mut self) {}

    fn write(&mut self, bytes: &[u8]) {
        console(bytes);
    }

    fn read(&mut self, bytes: &mut [u8]) -> usize {
        sys::console_read(bytes).unwrap_or(0)
    }

    fn fetch(&mut self, gpa: u64, bytes: &mut [u8]) -> Option<()> {
        let from = self.range(gpa, bytes.len())?;
        // SAFETY: the range lies in guest memory, of which no references exist; what other vCPUs write meanwhile may or may not be seen.
        unsafe { ptr::copy(from, bytes.as_mut_ptr(), bytes.len()) };
        Some(())
    }

    fn store(&mut self, gpa: u64, bytes: &[u8]) -> Option<()> {
        let to = self.range(gpa, bytes.len())?;
        // SAFETY: as in `fetch`.
        unsafe { ptr::copy(bytes.as_ptr(), to, bytes.len()) };
        Some(())
    }
}
