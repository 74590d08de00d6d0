//! The other harts.

use alloc::vec::Vec;
use core::hint::spin_loop;

use hyp_kernel::addr::Phys;

use crate::arch::sbi;
use crate::boot::entry::{boot_stack, secondary_entry};
use crate::boot::tree::Board;
use crate::log;
use crate::mm::frame;
use crate::sched::hart::{Hart, harts};

/// Boot stacks, which become the idle threads', are 2^2 pages.
const STACK_ORDER: usize = 2;

/// Structures for all harts; the boot hart's is the first.
pub fn make_harts(board: &Board<'_>, boot_hartid: usize) -> Vec<&'static Hart> {
    let mut harts = Vec::new();
    harts.push(Hart::new(0, boot_hartid, boot_stack()));
    for hartid in board.hartids.into_iter().flatten().filter(|&hartid| hartid != boot_hartid) {
        let stack = frame::allocate_zeroed(STACK_ORDER).expect("no memory for a hart's stack");
        let stack_end = stack.direct() + (4096 << STACK_ORDER);
        harts.push(Hart::new(harts.len(), hartid, stack_end));
    }
    harts
}

/// Starts every hart but the one that calls, and waits until they idle, so that
/// what they allocate is allocated before anything is counted.
pub fn start_others() {
    let entry = Phys::from_direct(secondary_entry());
    for hart in &harts()[1..] {
        let opaque = core::ptr::from_ref::<Hart>(hart) as usize;
        match sbi::hart_start(hart.hartid, entry.0, opaque) {
            Ok(()) => {
                while !hart.is_idle() {
                    spin_loop()
                }
            }
            Err(error) => log!("hart {} does not start: {error:?}", hart.hartid),
        }
    }
}
