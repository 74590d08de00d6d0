//! The kernel's interrupt controller for guests: APLIC and IMSICs ("RISC-V Advanced Interrupt Architecture"), which
//! `Documentation/virt/kvm/devices/` and `asm/kvm.h` describe as `KVM_DEV_TYPE_RISCV_AIA`.

use crate::kvm::{Device, Vm};
use crate::map;
use crate::sys::Error;

const DEVICE: u32 = 11;
const CONFIG: u32 = 0;
const CONFIG_IDS: u64 = 1;
const CONFIG_SOURCES: u64 = 2;
const CONFIG_HART_BITS: u64 = 5;
const CONFIG_MODE: u64 = 0;
const ADDRESS: u32 = 1;
const ADDRESS_APLIC: u64 = 0;
const ADDRESS_IMSIC: u64 = 1;
const CONTROL: u32 = 2;
const CONTROL_INIT: u64 = 0;

/// Sources of the wired part.
pub const SOURCES: u32 = 31;

/// Identities of each interrupt file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ids(pub u32);

/// How the kernel makes interrupt files (`KVM_DEV_RISCV_AIA_MODE_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// In software.
    Emulated,
    /// From guest interrupt files of the hardware only.
    Hardware,
    /// As the kernel does by itself: from those while there are any, in software where the hardware has none.
    Auto,
}

/// Makes the controller, with an interrupt file for each of the vCPUs, which are all there.
///
/// # Errors
/// The kernel's, with the step that it refused.
pub fn create(vm: Vm, vcpus: usize, mode: Mode) -> Result<Ids, Error> {
    let device = vm.create_device(DEVICE)?;
    let ids = configure(device, vcpus, mode)?;
    // SAFETY: addresses have 64 bits.
    unsafe {
        device.set(ADDRESS, ADDRESS_APLIC, map::APLIC, "placing the APLIC")?;
        for vcpu in 0..vcpus as u64 {
            let address = map::IMSIC + vcpu * map::IMSIC_SIZE;
            device.set(ADDRESS, ADDRESS_IMSIC + vcpu, address, "placing an IMSIC")?;
        }
        device.set(CONTROL, CONTROL_INIT, 0_u64, "initializing the AIA")?;
    }
    Ok(ids)
}

fn configure(device: Device, vcpus: usize, mode: Mode) -> Result<Ids, Error> {
    let hart_bits = usize::BITS - (vcpus - 1).leading_zeros();
    // SAFETY: settings have 32 bits.
    unsafe {
        // Where the hardware has no guest files, even asking for the default is refused.
        if mode != Mode::Auto {
            device.set(CONFIG, CONFIG_MODE, mode as u32, "choosing the AIA's mode")?;
        }
        device.set(CONFIG, CONFIG_SOURCES, SOURCES, "choosing the AIA's sources")?;
        device.set(CONFIG, CONFIG_HART_BITS, hart_bits, "choosing the AIA's harts")?;
        device.get(CONFIG, CONFIG_IDS, "asking for the AIA's identities").map(Ids)
    }
}
