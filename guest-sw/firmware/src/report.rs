//! The firmware's last words.

use core::panic::PanicInfo;

use rt::csr_read;

use crate::board::try_board;
use crate::console::print_at_all_costs;

/// The machine's exit code when the firmware gives up.
const EXIT_CODE: u16 = 70;

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let hart = csr_read!(mhartid);
    print_at_all_costs(format_args!("\nfirmware: hart {hart}: {}\n", info.message()));
    if let Some(finisher) = try_board().and_then(|board| board.finisher) {
        finisher.exit(EXIT_CODE);
    }
    loop {
        // SAFETY: waiting has no effect on memory.
        unsafe { core::arch::asm!("csrw mie, zero", "wfi", options(nomem, nostack)) };
    }
}
