//! The machine's console: a 16550 UART from the device tree, or the firmware's
//! console until one is found. `print!` for the kernel's own messages.

use core::fmt::{self, Write};

use crate::arch::sbi;
use crate::sync::SpinLock;

const REG_DATA: usize = 0;
const REG_LINE_STATUS: usize = 5;
const LSR_DATA_READY: u8 = 1 << 0;
const LSR_THR_EMPTY: u8 = 1 << 5;

/// Where bytes go.
pub struct Console {
    uart: Option<Uart>,
}

/// A 16550 as the device tree describes it.
#[derive(Clone, Copy, Debug)]
pub struct Uart {
    /// Address of register 0 in the direct map.
    pub base: usize,
    /// log2 of the distance between registers.
    pub shift: usize,
}

static CONSOLE: SpinLock<Console> = SpinLock::new(Console { uart: None });

impl Uart {
    fn register(self, index: usize) -> *mut u8 {
        core::ptr::with_exposed_provenance_mut(self.base + (index << self.shift))
    }

    fn read(self, index: usize) -> u8 {
        // SAFETY: the device tree says that a UART's registers are there.
        unsafe { self.register(index).read_volatile() }
    }

    fn put(self, byte: u8) {
        while self.read(REG_LINE_STATUS) & LSR_THR_EMPTY == 0 {}
        // SAFETY: as for `read`.
        unsafe { self.register(REG_DATA).write_volatile(byte) };
    }

    fn get(self) -> Option<u8> {
        (self.read(REG_LINE_STATUS) & LSR_DATA_READY != 0).then(|| self.read(REG_DATA))
    }
}

impl Console {
    fn put(&self, byte: u8) {
        match self.uart {
            Some(uart) => uart.put(byte),
            None => sbi::console_putchar(byte),
        }
    }
}

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().for_each(|byte| self.put(byte));
        Ok(())
    }
}

/// Uses this UART from now on.
pub fn set_uart(uart: Uart) {
    CONSOLE.lock().uart = Some(uart);
}

/// Writes bytes as they are.
pub fn write(bytes: &[u8]) {
    let console = CONSOLE.lock();
    bytes.iter().for_each(|&byte| console.put(byte));
}

/// A byte that was typed, if there is one.
pub fn read() -> Option<u8> {
    CONSOLE.lock().uart.and_then(Uart::get)
}

/// Writes formatted text; what `print!` expands to.
pub fn print(args: fmt::Arguments<'_>) {
    // The writer above never fails.
    let _ = CONSOLE.lock().write_fmt(args);
}

/// Writes formatted text without asking for the lock: for panics, when its
/// holder may be dead.
pub fn print_anyway(args: fmt::Arguments<'_>) {
    let _ = Console { uart: None }.write_fmt(args);
}

/// Prints a message of the kernel, with a newline.
#[macro_export]
macro_rules! log {
    ($($arg:tt)*) => { $crate::console::print(format_args!("hyp: {}\n", format_args!($($arg)*))) };
}
