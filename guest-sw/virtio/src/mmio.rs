//! The transport: registers of virtio-mmio, version 2 ("MMIO Device Register Layout", 4.2.2), and the notify step,
//! which is the one thing that differs between a machine with virtual event interrupts and one without.

use core::ptr;

#[cfg(target_arch = "riscv64")]
use ha_iov_ext::csr::VEISEND;

use crate::queue::Rings;
use crate::{Error, feature};

/// Offsets of registers.
pub mod register {
    /// "virt".
    pub const MAGIC: usize = 0x000;
    /// 2.
    pub const VERSION: usize = 0x004;
    /// What the device is; 0 for none.
    pub const DEVICE_ID: usize = 0x008;
    /// Features of the device, 32 at a time.
    pub const DEVICE_FEATURES: usize = 0x010;
    /// Which 32.
    pub const DEVICE_FEATURES_SELECT: usize = 0x014;
    /// Features that the driver has accepted.
    pub const DRIVER_FEATURES: usize = 0x020;
    /// Which 32.
    pub const DRIVER_FEATURES_SELECT: usize = 0x024;
    /// Which queue the next registers are about.
    pub const QUEUE_SELECT: usize = 0x030;
    /// Its largest size; 0 if there is none.
    pub const QUEUE_SIZE_MAX: usize = 0x034;
    /// Its size.
    pub const QUEUE_SIZE: usize = 0x038;
    /// Whether it may be used.
    pub const QUEUE_READY: usize = 0x044;
    /// Which queue has something for the device.
    pub const QUEUE_NOTIFY: usize = 0x050;
    /// Why the device has interrupted.
    pub const INTERRUPT_STATUS: usize = 0x060;
    /// What of it has been seen.
    pub const INTERRUPT_ACK: usize = 0x064;
    /// How far set-up has come.
    pub const STATUS: usize = 0x070;
    /// Address of the descriptors, low half; the high half follows.
    pub const QUEUE_DESCRIPTORS: usize = 0x080;
    /// Address of the driver's area.
    pub const QUEUE_DRIVER: usize = 0x090;
    /// Address of the device's area.
    pub const QUEUE_DEVICE: usize = 0x0a0;
    /// The device's configuration.
    pub const CONFIG: usize = 0x100;
}

/// Bits of the status ("Device Status Field", 2.1).
mod status {
    pub const ACKNOWLEDGE: u32 = 1;
    pub const DRIVER: u32 = 2;
    pub const DRIVER_OK: u32 = 4;
    pub const FEATURES_OK: u32 = 8;
    pub const NEEDS_RESET: u32 = 64;
}

const MAGIC: u32 = 0x7472_6976;
const VERSION: u32 = 2;
const RESET_TRIES_MAX: usize = 1_000_000;

/// How the driver tells the device of new buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doorbell {
    /// By a store to `QueueNotify`.
    Store,
    /// By sending the virtual event interrupt of this number, plus the queue's.
    Vei(usize),
}

/// A device's registers.
#[derive(Debug)]
pub struct Transport {
    base: usize,
    doorbell: Doorbell,
    kicks: u64,
}

impl Transport {
    /// The device at `base`.
    ///
    /// # Safety
    /// There are registers of a virtio-mmio device, mapped one to one, and nobody else uses them.
    pub const unsafe fn new(base: usize, doorbell: Doorbell) -> Self {
        Self { base, doorbell, kicks: 0 }
    }

    /// Which device it is, if it is one: a number of "Device Types", 5.
    pub fn device_id(&self) -> Result<u32, Error> {
        let known = self.read(register::MAGIC) == MAGIC && self.read(register::VERSION) == VERSION;
        if known { Ok(self.read(register::DEVICE_ID)) } else { Err(Error::NotVirtio) }
    }

    fn read(&self, offset: usize) -> u32 {
        // SAFETY: a register of the device; all are 32 bits wide.
        unsafe { ptr::read_volatile((self.base + offset) as *const u32) }
    }

    fn write(&self, offset: usize, value: u32) {
        // SAFETY: as above; what registers make a device do, the rules for queues and buffers allow.
        unsafe { ptr::write_volatile((self.base + offset) as *mut u32, value) };
    }

    /// A byte of the configuration.
    pub fn config_byte(&self, offset: usize) -> u8 {
        // SAFETY: configuration is read in the widths of its fields.
        unsafe { ptr::read_volatile((self.base + register::CONFIG + offset) as *const u8) }
    }

    /// A half-word of the configuration.
    pub fn config_half(&self, offset: usize) -> u16 {
        // SAFETY: as above.
        unsafe { ptr::read_volatile((self.base + register::CONFIG + offset) as *const u16) }
    }

    /// A word of the configuration.
    pub fn config_word(&self, offset: usize) -> u32 {
        self.read(register::CONFIG + offset)
    }

    /// A double word of the configuration, which is two words on this transport.
    pub fn config_double(&self, offset: usize) -> u64 {
        u64::from(self.config_word(offset)) | u64::from(self.config_word(offset + 4)) << 32
    }

    /// Resets the device and agrees on features: those of `needed`, and those of `wanted` that it offers ("Device
    /// Initialization", 3.1, up to step 6).
    pub fn negotiate(&mut self, needed: u64, wanted: u64) -> Result<u64, Error> {
        self.write(register::STATUS, 0);
        let reset = (0..RESET_TRIES_MAX).any(|_| self.read(register::STATUS) == 0);
        if !reset {
            return Err(Error::NeedsReset);
        }
        self.write(register::STATUS, status::ACKNOWLEDGE);
        self.write(register::STATUS, status::ACKNOWLEDGE | status::DRIVER);
        let offered = self.offered();
        let needed = needed | feature::VERSION_1;
        let missing = needed & !offered;
        if missing != 0 {
            return Err(Error::NoFeature(missing.trailing_zeros() as u8));
        }
        let features = needed | wanted & offered;
        for half in 0..2 {
            self.write(register::DRIVER_FEATURES_SELECT, half);
            self.write(register::DRIVER_FEATURES, (features >> (32 * half)) as u32);
        }
        let chosen = status::ACKNOWLEDGE | status::DRIVER | status::FEATURES_OK;
        self.write(register::STATUS, chosen);
        let agreed = self.read(register::STATUS) & status::FEATURES_OK != 0;
        if agreed { Ok(features) } else { Err(Error::FeaturesRefused) }
    }

    fn offered(&self) -> u64 {
        (0..2).fold(0, |features, half| {
            self.write(register::DEVICE_FEATURES_SELECT, half);
            features | u64::from(self.read(register::DEVICE_FEATURES)) << (32 * half)
        })
    }

    /// The largest size of a queue; 0 if there is none.
    pub fn queue_size_max(&mut self, queue: u16) -> u32 {
        self.write(register::QUEUE_SELECT, u32::from(queue));
        self.read(register::QUEUE_SIZE_MAX)
    }

    /// Shows the device where a queue is ("Virtqueue Configuration", 4.2.3.2).
    pub fn set_queue(&mut self, queue: u16, rings: &Rings) {
        self.write(register::QUEUE_SELECT, u32::from(queue));
        self.write(register::QUEUE_SIZE, u32::from(rings.size));
        let areas = [
            (register::QUEUE_DESCRIPTORS, rings.descriptors),
            (register::QUEUE_DRIVER, rings.driver),
            (register::QUEUE_DEVICE, rings.device),
        ];
        for (offset, address) in areas {
            self.write(offset, address as u32);
            self.write(offset + 4, (address as u64 >> 32) as u32);
        }
        self.write(register::QUEUE_READY, 1);
    }

    /// Set-up is done: the device may use its queues.
    pub fn ready(&mut self) -> Result<(), Error> {
        let all = status::ACKNOWLEDGE | status::DRIVER | status::FEATURES_OK | status::DRIVER_OK;
        self.write(register::STATUS, all);
        self.check()
    }

    /// Whether the device still works.
    pub fn check(&self) -> Result<(), Error> {
        let broken = self.read(register::STATUS) & status::NEEDS_RESET != 0;
        if broken { Err(Error::NeedsReset) } else { Ok(()) }
    }

    /// Tells the device that a queue has something for it.
    #[inline]
    pub fn notify(&mut self, queue: u16) {
        self.kicks += 1;
        match self.doorbell {
            Doorbell::Store => {
                before_notification();
                self.write(register::QUEUE_NOTIFY, u32::from(queue));
            }
            Doorbell::Vei(first) => {
                before_notification();
                send_vei(first + usize::from(queue));
            }
        }
    }

    /// How many times the device was told.
    pub const fn kicks(&self) -> u64 {
        self.kicks
    }
}

/// What was stored for the device is there before the notification is.
#[inline]
fn before_notification() {
    #[cfg(target_arch = "riscv64")]
    // SAFETY: a fence does nothing else.
    unsafe {
        core::arch::asm!("fence w, o", options(nostack, preserves_flags));
    }
    #[cfg(not(target_arch = "riscv64"))]
    core::sync::atomic::fence(core::sync::atomic::Ordering::SeqCst);
}

/// Sends a virtual event interrupt.
#[inline]
fn send_vei(number: usize) {
    #[cfg(target_arch = "riscv64")]
    // SAFETY: the device tree says that this machine has the register and whose number it is.
    unsafe {
        core::arch::asm!("csrw {csr}, {0}", in(reg) number, csr = const VEISEND, options(nostack));
    }
    #[cfg(not(target_arch = "riscv64"))]
    unreachable!("virtual event interrupt {number}");
}
