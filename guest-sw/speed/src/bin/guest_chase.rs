//! Speed kernel: the same chase as under Sv39, but in VS mode, with Sv39 and
//! Sv39x4 under it: a miss walks two dimensions.
#![no_std]
#![no_main]

use speed::permutation::Cycle;
use speed::privilege;

const STEPS: usize = 4_000_000;
const EXPECTED: u64 = 0x6185_7941_2b56_30df;

#[unsafe(no_mangle)]
extern "C" fn kernel_main() -> ! {
    privilege::enter_hypervisor(hypervisor)
}

extern "C" fn hypervisor() -> ! {
    privilege::enter_guest(guest as *const () as usize, 0)
}

extern "C" fn guest() -> ! {
    speed::finish("guest-chase", Cycle::build().chase(STEPS), EXPECTED)
}
