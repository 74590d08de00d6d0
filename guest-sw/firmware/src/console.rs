//! The console: one UART that all harts share, a call at a time.

use core::fmt::{self, Write};
use core::hint;
use core::sync::atomic::{AtomicBool, Ordering};

use rt::uart::Uart;

use crate::board::try_board;

static BUSY: AtomicBool = AtomicBool::new(false);

/// Sets the UART up. Afterwards it belongs to the supervisor as much as to the
/// firmware, which only sends and receives by it.
pub fn set_up(base: usize) {
    // SAFETY: the device tree says that it is there.
    let _ = unsafe { Uart::new(base) };
}

/// Runs `action` with the UART while no other hart has it.
fn with_uart<T>(action: impl FnOnce(&mut Uart) -> T) -> Option<T> {
    let base = try_board()?.uart?;
    while BUSY.swap(true, Ordering::Acquire) {
        hint::spin_loop();
    }
    // SAFETY: the device tree says that it is there.
    let result = action(&mut unsafe { Uart::attach(base) });
    BUSY.store(false, Ordering::Release);
    Some(result)
}

/// Sends bytes; there is nobody to tell when the machine has no UART.
pub fn send(bytes: &[u8]) {
    with_uart(|uart| uart.send(bytes));
}

/// The byte that arrived first, if one did.
pub fn receive() -> Option<u8> {
    with_uart(Uart::receive).flatten()
}

/// Prints although another hart may have stopped in the middle of a line:
/// for last words only.
pub fn print_at_all_costs(args: fmt::Arguments<'_>) {
    if let Some(base) = try_board().and_then(|board| board.uart) {
        // SAFETY: the device tree says that it is there.
        let _ = unsafe { Uart::attach(base) }.write_fmt(args);
    }
}
