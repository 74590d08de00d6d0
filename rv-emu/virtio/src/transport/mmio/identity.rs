//! What a driver finds out about a device before it uses it: constant, but for the configuration
//! space.

use crate::features;
use crate::queue::QUEUE_SIZE_MAX;

/// Queues that a device of this crate can have at most.
pub const QUEUES_MAX: usize = 8;

/// Bytes of configuration space that a device of this crate can have at most.
pub const CONFIG_MAX: usize = 64;

/// The device-specific configuration space, as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConfigSpace {
    bytes: [u8; CONFIG_MAX],
    len: usize,
}

impl ConfigSpace {
    /// `len` zero bytes.
    pub const fn new(len: usize) -> Self {
        assert!(len <= CONFIG_MAX);
        Self { bytes: [0; CONFIG_MAX], len }
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Puts a field's bytes at its offset; for device types, which know their layout.
    ///
    /// # Panics
    ///
    /// If the field isn't within the space.
    #[must_use]
    pub fn with(mut self, offset: usize, field: &[u8]) -> Self {
        self.bytes[..self.len][offset..offset + field.len()].copy_from_slice(field);
        self
    }

    /// Reads `width` bytes at `offset`; what is beyond the end reads as zero.
    pub fn read(&self, offset: u64, width: u8) -> u64 {
        let byte = |index: u64| {
            let index = usize::try_from(offset.saturating_add(index)).ok()?;
            self.as_bytes().get(index).copied()
        };
        (0..u64::from(width.min(8))).fold(0, |value, index| value | u64::from(byte(index).unwrap_or(0)) << (8 * index))
    }
}

/// What a device is.
#[derive(Debug, Clone, Copy)]
pub struct Identity {
    /// The device type; 0 is an empty slot, which drivers pass by.
    pub device_id: u32,
    /// Whoever made it.
    pub vendor_id: u32,
    /// Features that are offered.
    pub features: u64,
    /// The biggest size of each queue; 0 where there is none.
    pub queue_max: [u16; QUEUES_MAX],
    /// The configuration space as it is at first.
    pub config: ConfigSpace,
    /// Whether a driver may choose these features: only what the device type demands beyond "no
    /// more than was offered".
    pub accepts: fn(features: u64) -> bool,
}

impl Identity {
    /// The vendor of this crate's devices: "rvem".
    pub const VENDOR: u32 = 0x6d65_7672;

    /// A slot without a device.
    pub const EMPTY: Self = Self {
        device_id: 0,
        vendor_id: Self::VENDOR,
        features: 0,
        queue_max: [0; QUEUES_MAX],
        config: ConfigSpace::new(0),
        accepts: |_| false,
    };

    /// Queue sizes from a list.
    pub fn queues(sizes: &[u16]) -> [u16; QUEUES_MAX] {
        let mut all = [0; QUEUES_MAX];
        for (slot, &size) in all.iter_mut().zip(sizes) {
            *slot = size.min(QUEUE_SIZE_MAX);
        }
        all
    }

    /// Whether FEATURES_OK stays set when a driver has chosen these.
    pub fn accepts_features(&self, chosen: u64) -> bool {
        chosen & !self.features == 0 && chosen & features::VERSION_1 != 0 && (self.accepts)(chosen)
    }
}
