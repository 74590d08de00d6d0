//! Trap and emulate: each access to a device is an exit of the vCPU-run call.

use alloc::format;

use hyp_abi::vm::MmioExit;
use hyp_vmm::args::Args;
use hyp_vmm::device::Devices;
use hyp_vmm::device::sink::Sink;
use hyp_vmm::marker;

use crate::Result;
use crate::guest::{Guest, Next};

/// Runs the guest until it powers off.
// Apart from `main`, whose many values would take the registers that the loop needs.
#[inline(never)]
pub fn run<S: Sink>(args: &Args, guest: &mut Guest, devices: &mut Devices<S>) -> Result<()> {
    marker::begin_if(args);
    loop {
        match guest.run(|| devices.uart.sink().tally())? {
            Next::Device => access(&mut guest.vcpu.run_page().mmio, devices)?,
            Next::Again => {}
            Next::Off => return Ok(()),
        }
    }
}

/// Serves the access of an MMIO exit. The kernel hands the answer to the guest when it runs again.
#[inline(always)]
pub fn access<S: Sink>(exit: &mut MmioExit, devices: &mut Devices<S>) -> Result<()> {
    let served = match exit.is_write {
        0 => devices.read(exit.gpa, exit.len).map(|value| exit.data = value),
        _ => devices.write(exit.gpa, exit.len, exit.data),
    };
    served.ok_or_else(|| format!("the guest accesses {:#x}, where nothing is", exit.gpa))
}
