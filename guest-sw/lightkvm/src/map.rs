//! The guest's addresses: one place for what the device tree says and the devices answer to.

/// Where memory begins.
pub const RAM: u64 = 0x8000_0000;
/// Where the kernel is put: 2 MiB into memory, where firmware would have left it.
pub const KERNEL: u64 = RAM + 0x20_0000;
/// Bytes at the end of memory that the device tree has.
pub const TREE_SIZE: u64 = 0x1_0000;

/// The serial port.
pub const UART: u64 = 0x1000_0000;
/// The serial port's interrupt, of either controller.
pub const UART_IRQ: u32 = 10;

/// The interrupt controller, if it is a PLIC.
pub const PLIC: u64 = 0x0c00_0000;
/// The wired part of the interrupt controller, if it is an AIA.
pub const APLIC: u64 = 0x0d00_0000;
/// Bytes of it.
pub const APLIC_SIZE: u64 = 0x4000;
/// The first vCPU's interrupt file, if the controller is an AIA.
pub const IMSIC: u64 = 0x2800_0000;
/// Bytes of one interrupt file.
pub const IMSIC_SIZE: u64 = 0x1000;
