//! What the guest's loads and stores meet where no memory is: the serial port, and the PLIC if the kernel has no controller.

use monitor::plic::{self, Plic};

use crate::kvm::{VCPUS_MAX, Vcpu, Vm};
use crate::lock::Lock;
use crate::map;
use crate::sys::File;
use crate::uart::Uart;

/// Where the serial port's line ends.
#[expect(clippy::large_enum_variant, reason = "there is one of it")]
enum Controller {
    /// In the kernel.
    Aia(Vm),
    /// Here; the vCPUs have what was last told to their kernel halves.
    Plic { plic: Plic, told: [bool; VCPUS_MAX] },
}

struct Devices {
    uart: Uart,
    controller: Controller,
    line: bool,
}

/// The devices of a machine, for all its vCPUs' threads.
pub struct Board {
    devices: Lock<Devices>,
    vcpus: [Option<Vcpu>; VCPUS_MAX],
}

impl Board {
    /// Devices in their reset state. `aia` says that the kernel has an interrupt controller for `vm`.
    pub fn new(vm: Vm, vcpus: [Option<Vcpu>; VCPUS_MAX], aia: bool) -> Board {
        let controller = match aia {
            true => Controller::Aia(vm),
            false => Controller::Plic { plic: Plic::new(VCPUS_MAX), told: [false; VCPUS_MAX] },
        };
        Board { devices: Lock::new(Devices { uart: Uart::default(), controller, line: false }), vcpus }
    }

    /// The guest reads `size` bytes. Where nothing is, it reads ones.
    pub fn read(&self, address: u64, size: usize) -> u64 {
        let mut devices = self.devices.lock();
        if let Some(offset) = offset(address, map::UART, Uart::SIZE) {
            let value = devices.uart.read(offset);
            devices.propagate(&self.vcpus);
            return value.into();
        }
        match (&mut devices.controller, offset(address, map::PLIC, plic::SIZE)) {
            (Controller::Plic { plic, .. }, Some(offset)) => {
                let value = plic.read(offset, size as u32);
                devices.propagate(&self.vcpus);
                value
            }
            _ => u64::MAX,
        }
    }

    /// The guest writes `size` bytes. Where nothing is, they are lost.
    pub fn write(&self, address: u64, size: usize, value: u64) {
        let mut devices = self.devices.lock();
        if let Some(offset) = offset(address, map::UART, Uart::SIZE) {
            if let Some(byte) = devices.uart.write(offset, value as u8) {
                File::STDOUT.write_all(&[byte]);
            }
        } else if let (Controller::Plic { plic, .. }, Some(offset)) =
            (&mut devices.controller, offset(address, map::PLIC, plic::SIZE))
        {
            plic.write(offset, size as u32, value);
        }
        devices.propagate(&self.vcpus);
    }

    /// A character was typed; `false` if the guest has not read enough of those before.
    pub fn receive(&self, byte: u8) -> bool {
        let mut devices = self.devices.lock();
        let taken = devices.uart.receive(byte);
        devices.propagate(&self.vcpus);
        taken
    }
}

impl Devices {
    /// Passes the state of lines on, where it has changed.
    fn propagate(&mut self, vcpus: &[Option<Vcpu>; VCPUS_MAX]) {
        let line = self.uart.line();
        let changed = core::mem::replace(&mut self.line, line) != line;
        match &mut self.controller {
            Controller::Aia(vm) if changed => vm.set_line(map::UART_IRQ, line),
            Controller::Aia(_) => {}
            Controller::Plic { plic, told } => {
                plic.set_level(map::UART_IRQ, line);
                for (context, vcpu) in vcpus.iter().enumerate() {
                    let up = plic.is_pending(context);
                    if let Some(vcpu) = vcpu
                        && core::mem::replace(&mut told[context], up) != up
                    {
                        vcpu.set_interrupt(up);
                    }
                }
            }
        }
    }
}

fn offset(address: u64, base: u64, size: u64) -> Option<u64> {
    address.checked_sub(base).filter(|offset| *offset < size)
}
