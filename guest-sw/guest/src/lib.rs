//! What the workload guests share: small kernels that run in supervisor mode, of a guest or of a machine, are told
//! about their machine by a device tree, and speak to whoever runs them by the SBI alone.
#![no_std]

use copy as _;

pub mod args;
pub mod latency;

#[cfg(target_arch = "riscv64")]
pub mod clock;
#[cfg(target_arch = "riscv64")]
pub mod console;
#[cfg(target_arch = "riscv64")]
pub mod interrupts;
#[cfg(target_arch = "riscv64")]
pub mod machine;
#[cfg(target_arch = "riscv64")]
mod memory;
#[cfg(target_arch = "riscv64")]
pub mod sbi;
#[cfg(target_arch = "riscv64")]
mod start;

/// Marks the beginning of what is measured: a HINT, for whoever watches the machine.
#[cfg(target_arch = "riscv64")]
#[macro_export]
macro_rules! mark {
    ($number:literal) => {
        // SAFETY: an instruction without effect; what is before it in memory stays before it.
        unsafe { core::arch::asm!(concat!("slti x0, x0, ", stringify!($number)), options(nostack)) }
    };
}

/// Names the guest's function: `fn(Machine) -> Result<bool, Stop>`, whose answer is whether all data was right.
#[cfg(target_arch = "riscv64")]
#[macro_export]
macro_rules! entry {
    ($function:path) => {
        #[unsafe(no_mangle)]
        extern "C" fn guest_main(hart: usize, blob: *const u8) -> ! {
            // SAFETY: the start code passes on what the boot protocol has passed.
            unsafe { $crate::machine::run(hart, blob, $function) }
        }
    };
}

/// Why a guest stops before its work is done.
#[derive(Clone, Copy, Debug)]
pub enum Stop {
    /// A word of the command line isn't understood.
    Argument(args::Error),
    /// A device doesn't work.
    Device(virtio::Error),
    /// Anything else, in words.
    Other(&'static str),
}

impl From<args::Error> for Stop {
    fn from(error: args::Error) -> Self {
        Self::Argument(error)
    }
}

impl From<virtio::Error> for Stop {
    fn from(error: virtio::Error) -> Self {
        Self::Device(error)
    }
}

impl core::fmt::Display for Stop {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Argument(error) => error.fmt(out),
            Self::Device(error) => out.write_str(error.text()),
            Self::Other(text) => out.write_str(text),
        }
    }
}
