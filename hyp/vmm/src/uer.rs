//! User-level exception redirection: the guest's accesses go to a handler in this process ([`hyp_vmm::handler`]), past the kernel.

use alloc::format;

use hyp_vmm::args::Args;
use hyp_vmm::device::sink::Sink;
use hyp_vmm::device::{Devices, UART, UART_SIZE, VIRTIO, VIRTIO_SIZE};
use hyp_vmm::{handler, marker};

use crate::guest::{Guest, Next};
use crate::{Result, emulate};

/// Runs the guest until it powers off.
pub fn run<S: Sink>(args: &Args, guest: &mut Guest, devices: &mut Devices<S>) -> Result<()> {
    let refused = |error: hyp_abi::Error| format!("user-level exception redirection: {error}");
    guest.vm.set_uer(UART, UART_SIZE).map_err(refused)?;
    if devices.virtio.is_some() {
        guest.vm.set_uer(VIRTIO, VIRTIO_SIZE).map_err(refused)?;
    }
    // From here on the handler may use the devices whenever the guest runs, so this function has no reference to them then.
    let devices: *mut Devices<S> = devices;
    // SAFETY: the devices are the caller's as long as this function runs, and are used below only when the guest has stopped.
    unsafe { handler::install(&mut guest.vcpu, devices) }.map_err(refused)?;
    marker::begin_if(args);
    loop {
        // SAFETY: called after the guest has stopped, and the handler with it.
        let arrived = || unsafe { &mut *devices }.uart.sink().tally();
        match guest.run(arrived)? {
            // SAFETY: as above.
            Next::Device => emulate::access(&mut guest.vcpu.run_page().mmio, unsafe { &mut *devices })?,
            Next::Again => {}
            Next::Off => return Ok(()),
        }
    }
}
