//! The registers' behaviour.

use core::fmt;

use super::identity::{ConfigSpace, Identity, QUEUES_MAX};
use super::offsets as at;
use crate::features;
use crate::memory::GuestAddress;
use crate::queue::QueueConfig;

/// Bits of `Status` (virtio 1.2, section "Device Status Field").
pub mod status {
    /// The driver has found the device.
    pub const ACKNOWLEDGE: u8 = 1;
    /// The driver knows how to drive it.
    pub const DRIVER: u8 = 2;
    /// The driver is ready.
    pub const DRIVER_OK: u8 = 4;
    /// Features are settled.
    pub const FEATURES_OK: u8 = 8;
    /// The device has met an error that only a reset helps against.
    pub const NEEDS_RESET: u8 = 64;
    /// The driver has given up.
    pub const FAILED: u8 = 128;

    pub(super) const ALL_OF_DRIVER: u8 = ACKNOWLEDGE | DRIVER | DRIVER_OK | FEATURES_OK | FAILED;
}

/// Of `InterruptStatus`: buffers were used.
pub const INTERRUPT_USED: u32 = 1;
/// Of `InterruptStatus`: the configuration has changed.
pub const INTERRUPT_CONFIG: u32 = 2;

/// What a write means for whoever serves the queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Effect {
    /// Nothing: a register has changed.
    None,
    /// The device is reset: all queues are gone, nothing may touch the rings any more.
    Reset,
    /// Features are settled: the driver has chosen these.
    FeaturesChosen(u64),
    /// The driver is ready. Queues are served from now on, and each is to be looked at once: a
    /// driver may have filled them before.
    DriverReady,
    /// The driver has given up.
    DriverFailed,
    /// A queue is ready. It is served if the driver is ready too ([`Registers::is_live`]), else from
    /// [`Effect::DriverReady`] on.
    QueueReady {
        /// Which.
        index: u16,
        /// Where it is.
        config: QueueConfig,
    },
    /// A queue must not be touched any more; the driver keeps what is in it.
    QueueStopped {
        /// Which.
        index: u16,
    },
    /// A queue must not be touched any more, and its state is to be forgotten. When that is done:
    /// [`Registers::queue_reset_done`].
    QueueReset {
        /// Which.
        index: u16,
    },
    /// There are requests in a queue.
    Notify {
        /// Which.
        index: u16,
        /// How far the driver has got, if [`features::NOTIFICATION_DATA`] is negotiated: ring
        /// position in bits 0 to 14, wrap counter in bit 15.
        position: Option<u16>,
    },
    /// The driver has handled interrupts: the line may have fallen.
    Acknowledged,
    /// The driver has written to the configuration space. It is up to the device type what that
    /// means; [`Registers::set_config`] makes it visible.
    Config {
        /// Offset within the configuration space.
        offset: u8,
        /// Bytes.
        width: u8,
        /// What.
        value: u64,
    },
}

/// What a driver did to the registers that no driver may do. The access has no effect; a read
/// gives zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Violation {
    /// An access of this width, or one that isn't aligned.
    Width(u8),
    /// There is no register.
    Unknown,
    /// A read of a register that can only be written.
    WriteOnly,
    /// A write of a register that can only be read.
    ReadOnly,
    /// Not at this stage of initialization, or not while the queue is ready.
    Stage,
    /// There is no such queue, or it isn't ready.
    Queue,
    /// No such value.
    Value,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Width(width) => write!(formatter, "registers take no {width}-byte access here"),
            Self::Unknown => write!(formatter, "there is no register"),
            Self::WriteOnly => write!(formatter, "the register can't be read"),
            Self::ReadOnly => write!(formatter, "the register can't be written"),
            Self::Stage => write!(formatter, "not at this stage"),
            Self::Queue => write!(formatter, "no such queue, or it isn't ready"),
            Self::Value => write!(formatter, "the register can't have this value"),
        }
    }
}

impl core::error::Error for Violation {}

/// The registers of one queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct QueueRegisters {
    config: QueueConfig,
    ready: bool,
    resetting: bool,
}

/// All that a driver can change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RegisterState {
    status: u8,
    device_features_sel: u32,
    driver_features_sel: u32,
    driver_features: u64,
    /// The driver has chosen features beyond the 64th, which nobody has offered.
    beyond: bool,
    queue_sel: u32,
    interrupt_status: u32,
    config_generation: u32,
    queues: [QueueRegisters; QUEUES_MAX],
}

/// The registers of one device.
#[derive(Debug, Clone, Copy)]
pub struct Registers {
    identity: Identity,
    state: RegisterState,
}

impl Registers {
    /// Registers after power-on.
    pub fn new(identity: Identity) -> Self {
        Self { identity, state: RegisterState::default() }
    }

    /// What the device is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// All that a driver can change, to be saved.
    pub fn state(&self) -> &RegisterState {
        &self.state
    }

    /// Registers as they were saved.
    pub fn restore(identity: Identity, state: RegisterState) -> Self {
        Self { identity, state }
    }

    /// Whether the device may touch its queues: the driver is ready and neither side has failed.
    pub fn is_live(&self) -> bool {
        self.has(status::DRIVER_OK) && self.state.status & (status::NEEDS_RESET | status::FAILED) == 0
    }

    /// `Status`.
    pub fn status(&self) -> u8 {
        self.state.status
    }

    /// What was negotiated; nothing before the driver has settled it.
    pub fn features(&self) -> u64 {
        if self.has(status::FEATURES_OK) { self.state.driver_features } else { 0 }
    }

    /// A queue that is ready.
    pub fn queue(&self, index: u16) -> Option<QueueConfig> {
        let queue = self.state.queues.get(usize::from(index))?;
        queue.ready.then_some(queue.config)
    }

    /// The level of the interrupt line.
    pub fn interrupt_line(&self) -> bool {
        self.state.interrupt_status != 0
    }

    /// `InterruptStatus`.
    pub fn interrupt_status(&self) -> u32 {
        self.state.interrupt_status
    }

    /// Buffers were used and the driver wants to know: from the device itself, or from whoever
    /// serves its queues.
    pub fn raise_used(&mut self) {
        if self.has(status::DRIVER_OK) {
            self.state.interrupt_status |= INTERRUPT_USED;
        }
    }

    /// The device can't go on: the driver has broken a queue.
    pub fn fail(&mut self) {
        self.state.status |= status::NEEDS_RESET;
        // "If DRIVER_OK is set, after it sets DEVICE_NEEDS_RESET, the device MUST send a device
        // configuration change notification to the driver."
        self.raise_config();
    }

    /// The configuration space is another now.
    pub fn set_config(&mut self, config: ConfigSpace) {
        if self.identity.config != config {
            self.identity.config = config;
            self.state.config_generation = self.state.config_generation.wrapping_add(1);
            self.raise_config();
        }
    }

    fn raise_config(&mut self) {
        if self.has(status::DRIVER_OK) {
            self.state.interrupt_status |= INTERRUPT_CONFIG;
        }
    }

    /// The reset of a queue, which [`Effect::QueueReset`] has asked for, is complete.
    pub fn queue_reset_done(&mut self, index: u16) {
        if let Some(queue) = self.state.queues.get_mut(usize::from(index))
            && queue.resetting
        {
            *queue = QueueRegisters::default();
        }
    }

    /// A driver's read.
    pub fn read(&self, offset: u64, width: u8) -> Result<u64, Violation> {
        if offset >= at::CONFIG {
            check_config_width(offset, width)?;
            return Ok(self.identity.config.read(offset - at::CONFIG, width));
        }
        check_width(offset, width)?;
        self.read_register(offset).map(u64::from)
    }

    fn read_register(&self, offset: u64) -> Result<u32, Violation> {
        let identity = &self.identity;
        // "The driver MUST ignore a device with DeviceID 0": there is nothing else to see.
        if identity.device_id == 0 && offset > at::VENDOR_ID {
            return Err(Violation::Unknown);
        }
        let queue = self.selected();
        Ok(match offset {
            at::MAGIC_VALUE => at::MAGIC,
            at::VERSION => at::VERSION_2,
            at::DEVICE_ID => identity.device_id,
            at::VENDOR_ID => identity.vendor_id,
            at::DEVICE_FEATURES => match self.state.device_features_sel {
                0 => identity.features as u32,
                1 => (identity.features >> 32) as u32,
                _ => 0,
            },
            at::QUEUE_NUM_MAX => queue.map_or(0, |index| u32::from(identity.queue_max[index])),
            at::QUEUE_READY => queue.map_or(0, |index| u32::from(self.state.queues[index].ready)),
            at::QUEUE_RESET => queue.map_or(0, |index| u32::from(self.state.queues[index].resetting)),
            at::INTERRUPT_STATUS => self.state.interrupt_status,
            at::STATUS => u32::from(self.state.status),
            // "Reading from a non-existent region results in a length of -1", and in a base of all
            // ones; no device here has such regions.
            at::SHM_LEN_LOW | at::SHM_LEN_HIGH | at::SHM_BASE_LOW | at::SHM_BASE_HIGH => u32::MAX,
            at::CONFIG_GENERATION => self.state.config_generation,
            _ if is_write_only(offset) => return Err(Violation::WriteOnly),
            _ => return Err(Violation::Unknown),
        })
    }

    /// A driver's write.
    pub fn write(&mut self, offset: u64, width: u8, value: u64) -> Result<Effect, Violation> {
        if self.identity.device_id == 0 {
            return Err(Violation::Unknown);
        }
        if offset >= at::CONFIG {
            return self.write_config(offset, width, value);
        }
        check_width(offset, width)?;
        let value = value as u32;
        match offset {
            at::DEVICE_FEATURES_SEL => self.state.device_features_sel = value,
            at::DRIVER_FEATURES_SEL => self.state.driver_features_sel = value,
            at::DRIVER_FEATURES => return self.write_driver_features(value),
            at::QUEUE_SEL => self.state.queue_sel = value,
            at::QUEUE_NOTIFY => return self.write_notify(value),
            at::INTERRUPT_ACK => {
                self.state.interrupt_status &= !value;
                return Ok(Effect::Acknowledged);
            }
            at::STATUS => return self.write_status(value),
            at::SHM_SEL => {}
            _ if is_queue_register(offset) => return self.write_queue(offset, value),
            _ if self.read_register(offset).is_ok() => return Err(Violation::ReadOnly),
            _ => return Err(Violation::Unknown),
        }
        Ok(Effect::None)
    }

    fn write_config(&mut self, offset: u64, width: u8, value: u64) -> Result<Effect, Violation> {
        check_config_width(offset, width)?;
        let offset = offset - at::CONFIG;
        let end = offset.saturating_add(u64::from(width));
        if end > self.identity.config.as_bytes().len() as u64 {
            return Err(Violation::Unknown);
        }
        let mask = u64::MAX >> (64 - 8 * u32::from(width));
        Ok(Effect::Config { offset: offset as u8, width, value: value & mask })
    }

    fn write_driver_features(&mut self, value: u32) -> Result<Effect, Violation> {
        // "The only way to renegotiate is to reset the device."
        if !self.has(status::DRIVER) || self.has(status::FEATURES_OK) {
            return Err(Violation::Stage);
        }
        let features = &mut self.state.driver_features;
        match self.state.driver_features_sel {
            0 => *features = *features & !0xffff_ffff | u64::from(value),
            1 => *features = *features & 0xffff_ffff | u64::from(value) << 32,
            _ => self.state.beyond |= value != 0,
        }
        Ok(Effect::None)
    }

    fn write_notify(&mut self, value: u32) -> Result<Effect, Violation> {
        let index = value as u16;
        let with_data = self.features() & features::NOTIFICATION_DATA != 0;
        if !with_data && value > u32::from(u16::MAX) {
            return Err(Violation::Value);
        }
        // "The device MUST NOT consume buffers before DRIVER_OK."
        if !self.is_live() {
            return Err(Violation::Stage);
        }
        self.queue(index).ok_or(Violation::Queue)?;
        Ok(Effect::Notify { index, position: with_data.then_some((value >> 16) as u16) })
    }

    fn write_status(&mut self, value: u32) -> Result<Effect, Violation> {
        if value == 0 {
            // The generation goes on: a driver may compare across a reset.
            self.state = RegisterState { config_generation: self.state.config_generation, ..RegisterState::default() };
            return Ok(Effect::Reset);
        }
        let old = self.state.status;
        // The driver neither sets nor clears the device's own bit; reserved bits are nobody's.
        let new = value as u8 & status::ALL_OF_DRIVER;
        // "The driver MUST NOT clear a device status bit."
        if value > 0xff || old & status::ALL_OF_DRIVER & !new != 0 {
            return Err(Violation::Value);
        }
        let mut added = new & !old;
        let mut effect = Effect::None;
        if added & status::FEATURES_OK != 0 {
            let accepted = new & status::DRIVER != 0
                && !self.state.beyond
                && self.identity.accepts_features(self.state.driver_features);
            if accepted {
                effect = Effect::FeaturesChosen(self.state.driver_features);
            } else {
                // The driver reads the bit back and sees.
                added &= !status::FEATURES_OK;
            }
        }
        if added & status::DRIVER_OK != 0 {
            // Features come first, and the driver has read that they are accepted.
            if old & status::FEATURES_OK != 0 && old & status::NEEDS_RESET == 0 {
                effect = Effect::DriverReady;
            } else {
                added &= !status::DRIVER_OK;
            }
        }
        if added & status::FAILED != 0 {
            effect = Effect::DriverFailed;
        }
        self.state.status = old | added;
        Ok(effect)
    }

    fn write_queue(&mut self, offset: u64, value: u32) -> Result<Effect, Violation> {
        if !self.has(status::FEATURES_OK) || self.has(status::FAILED) {
            return Err(Violation::Stage);
        }
        let index = self.selected().ok_or(Violation::Queue)?;
        match offset {
            at::QUEUE_READY => return self.write_ready(index, value),
            at::QUEUE_RESET => return self.write_reset(index, value),
            _ => {}
        }
        let max = self.identity.queue_max[index];
        let queue = &mut self.state.queues[index];
        if queue.ready || queue.resetting {
            return Err(Violation::Stage);
        }
        let config = &mut queue.config;
        match offset {
            at::QUEUE_NUM if value > u32::from(max) => return Err(Violation::Value),
            at::QUEUE_NUM => config.size = value as u16,
            at::QUEUE_DESC_LOW => set_low(&mut config.descriptors, value),
            at::QUEUE_DESC_HIGH => set_high(&mut config.descriptors, value),
            at::QUEUE_DRIVER_LOW => set_low(&mut config.driver, value),
            at::QUEUE_DRIVER_HIGH => set_high(&mut config.driver, value),
            at::QUEUE_DEVICE_LOW => set_low(&mut config.device, value),
            _ => set_high(&mut config.device, value),
        }
        Ok(Effect::None)
    }

    fn write_ready(&mut self, index: usize, value: u32) -> Result<Effect, Violation> {
        let features = self.features();
        let queue = &mut self.state.queues[index];
        match (value, queue.ready) {
            (0, false) => Ok(Effect::None),
            (0, true) => {
                queue.ready = false;
                Ok(Effect::QueueStopped { index: index as u16 })
            }
            (1, true) => Ok(Effect::None),
            (1, false) if queue.resetting => Err(Violation::Stage),
            (1, false) => {
                queue.config.check(features).map_err(|_| Violation::Value)?;
                queue.ready = true;
                Ok(Effect::QueueReady { index: index as u16, config: queue.config })
            }
            _ => Err(Violation::Value),
        }
    }

    fn write_reset(&mut self, index: usize, value: u32) -> Result<Effect, Violation> {
        if self.features() & features::RING_RESET == 0 {
            return Err(Violation::Stage);
        }
        let queue = &mut self.state.queues[index];
        if value != 1 || !queue.ready {
            return Err(Violation::Value);
        }
        // Ready reads as 0 no later than the reset is complete; here it does at once.
        queue.ready = false;
        queue.resetting = true;
        Ok(Effect::QueueReset { index: index as u16 })
    }

    fn has(&self, bits: u8) -> bool {
        self.state.status & bits == bits
    }

    /// The selected queue, if there is one.
    fn selected(&self) -> Option<usize> {
        let index = usize::try_from(self.state.queue_sel).ok()?;
        let max = self.identity.queue_max.get(index)?;
        (*max != 0).then_some(index)
    }
}

/// "The driver MUST only use 32 bit wide and aligned reads and writes to access the control
/// registers."
fn check_width(offset: u64, width: u8) -> Result<(), Violation> {
    if width == 4 && offset.is_multiple_of(4) { Ok(()) } else { Err(Violation::Width(width)) }
}

/// The configuration space takes bytes, and aligned accesses of two and four. An aligned one of
/// eight is none of the specification's, but means no harm.
fn check_config_width(offset: u64, width: u8) -> Result<(), Violation> {
    let known = matches!(width, 1 | 2 | 4 | 8);
    if known && offset.is_multiple_of(u64::from(width)) { Ok(()) } else { Err(Violation::Width(width)) }
}

/// What is set up per queue: where it is, and whether it's in use.
fn is_queue_register(offset: u64) -> bool {
    matches!(offset, at::QUEUE_READY | at::QUEUE_RESET) || is_queue_place(offset)
}

fn is_queue_place(offset: u64) -> bool {
    matches!(
        offset,
        at::QUEUE_NUM
            | at::QUEUE_DESC_LOW
            | at::QUEUE_DESC_HIGH
            | at::QUEUE_DRIVER_LOW
            | at::QUEUE_DRIVER_HIGH
            | at::QUEUE_DEVICE_LOW
            | at::QUEUE_DEVICE_HIGH
    )
}

fn is_write_only(offset: u64) -> bool {
    let selector = matches!(offset, at::DEVICE_FEATURES_SEL | at::DRIVER_FEATURES_SEL | at::QUEUE_SEL | at::SHM_SEL);
    let command = matches!(offset, at::DRIVER_FEATURES | at::QUEUE_NOTIFY | at::INTERRUPT_ACK);
    selector || command || is_queue_place(offset)
}

fn set_low(address: &mut GuestAddress, value: u32) {
    address.0 = address.0 & !0xffff_ffff | u64::from(value);
}

fn set_high(address: &mut GuestAddress, value: u32) {
    address.0 = address.0 & 0xffff_ffff | u64::from(value) << 32;
}
