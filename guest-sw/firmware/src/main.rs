//! Machine-mode firmware: brings every hart up, hands the machine to a
//! supervisor, and then answers its SBI calls.
//!
//! It stands on the `rustsbi` crate, which fits: `no_std`, stable Rust, no
//! dependency at run time but the SBI's constants. The crate dispatches calls
//! and answers probes by the specification, this program says what the machine
//! does for each ([`sbi`]). What every hart owes the others (starting,
//! stopping, inter-processor interrupts, remote fences) is in [`harts`] and
//! [`fence`]; what it sets up once per hart, and why, in [`setup`].
//!
//! The way through it: `_start` -> [`boot`] (hart 0) or [`harts::wait_for_start`]
//! (all others) -> [`setup::enter_supervisor`]; from then on `trap_entry` ->
//! [`trap::handle`].
#![no_std]
#![no_main]

mod board;
mod console;
mod devicetree;
mod fence;
mod harts;
mod report;
mod sbi;
mod setup;
mod start;
mod trap;

use board::Board;

/// Where the supervisor begins: behind the firmware's 2 MiB, where the board's
/// loader puts a kernel.
const SUPERVISOR: usize = 0x8020_0000;

/// What the first hart does: learn about the machine, then start the
/// supervisor with the hart's number and the device tree.
extern "C" fn boot(hart: usize, blob: *const u8) -> ! {
    // SAFETY: the board's boot protocol puts a device tree in a1.
    let tree = match unsafe { fdt::Fdt::at(blob) } {
        Ok(tree) => tree,
        Err(error) => panic!("the board passed no device tree in a1: {error:?}"),
    };
    Board::discover(&tree);
    board::board().uart.iter().copied().for_each(console::set_up);
    let tree_for_supervisor = devicetree::with_reservation(&tree);
    setup::this_hart();
    harts::claim_boot_hart(hart);
    // SAFETY: RAM reaches beyond the firmware on every board that this runs
    // on, and the address is word aligned.
    let first_word = unsafe { core::ptr::read_volatile(SUPERVISOR as *const u32) };
    assert!(first_word != 0, "no program at {SUPERVISOR:#x}: give the machine a kernel");
    setup::enter_supervisor(SUPERVISOR, hart, tree_for_supervisor)
}
