//! Speed kernel: pointers through small pages under Sv39, in supervisor mode,
//! so that most steps miss what a TLB of usual size holds.
#![no_std]
#![no_main]

use speed::permutation::Cycle;
use speed::privilege;

const STEPS: usize = 4_000_000;
const EXPECTED: u64 = 0x6185_7941_2b56_30df;

#[unsafe(no_mangle)]
extern "C" fn kernel_main() -> ! {
    privilege::enter_supervisor(supervisor)
}

extern "C" fn supervisor() -> ! {
    speed::finish("chase", Cycle::build().chase(STEPS), EXPECTED)
}
