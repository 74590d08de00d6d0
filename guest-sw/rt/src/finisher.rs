//! The test finisher of the `virt` board (`sifive,test0`): one register that
//! ends or restarts the machine.

use core::ptr;

const PASS: u32 = 0x5555;
const FAIL: u32 = 0x3333;
const RESET: u32 = 0x7777;

/// Where the board has it, for programs that have no device tree at hand.
pub const BOARD_ADDRESS: usize = 0x10_0000;

/// The device.
#[derive(Clone, Copy, Debug)]
pub struct Finisher {
    base: usize,
}

impl Finisher {
    /// A driver for the device at `base`.
    ///
    /// # Safety
    /// The device is mapped at `base`.
    pub const unsafe fn new(base: usize) -> Self {
        Self { base }
    }

    fn write(self, value: u32) -> ! {
        // SAFETY: `new`'s caller vouched for the device.
        unsafe { ptr::write_volatile(self.base as *mut u32, value) };
        loop {
            // SAFETY: waiting has no effect on memory. The machine ends while
            // it goes on.
            unsafe { core::arch::asm!("wfi", options(nomem, nostack)) };
        }
    }

    /// Ends the machine; its exit code is `code`.
    pub fn exit(self, code: u16) -> ! {
        match code {
            0 => self.write(PASS),
            code => self.write(FAIL | u32::from(code) << 16),
        }
    }

    /// Starts the machine again.
    pub fn reset(self) -> ! {
        self.write(RESET)
    }
}
