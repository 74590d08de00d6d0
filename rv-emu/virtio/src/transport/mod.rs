//! How a driver finds, configures and notifies a device. There is one way: memory-mapped registers.

pub mod mmio;
