//! The headings of help. They are more than a layout: what stands under the first three describes a machine, and can stand in a
//! machine file.

/// What is loaded.
pub const SOFTWARE: &str = "Software";
/// Harts, memory, time.
pub const MACHINE: &str = "Machine";
/// What is connected.
pub const DEVICES: &str = "Devices";
/// When a run ends.
pub const LIMITS: &str = "Limits";
/// What a run shows of itself.
pub const LOOKING: &str = "Looking inside";
