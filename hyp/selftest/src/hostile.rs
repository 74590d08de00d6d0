//! What a process may try, and what must come of it: errors, or its own end.

use hyp_abi::process::EXIT_FAULT;
use hyp_abi::syscall::{
    CHANNEL_RECEIVE, CONSOLE_WRITE, EVENT_WAIT, EXIT, PROCESS_WAIT, SLEEP_UNTIL, THREAD_CREATE, THREAD_EXIT, UNMAP,
    name,
};
use hyp_rt::process::Process;
use hyp_rt::sys;

use crate::{Outcome, after_ms, check, fails};

/// Numbers that are wrong in one way or another: null, handles, unaligned,
/// the end of user memory, the hole, the kernel's code, everything.
const VALUES: [usize; 11] =
    [0, 1, 7, 255, 0x1001, 1 << 21, (1 << 38) - 1, 1 << 38, 0xffff_ffc0_8020_0000, usize::MAX - 7, usize::MAX];

/// Calls everything with everything, and ends with code 0.
pub fn throw() -> i32 {
    for number in 0..=100 {
        // They end the caller as they should, or say so to the console for ever.
        if matches!(number, EXIT | THREAD_EXIT | THREAD_CREATE | SLEEP_UNTIL | CONSOLE_WRITE | UNMAP) {
            continue;
        }
        if name(number).is_none() && number < 90 {
            continue;
        }
        for args in (0..VALUES.len().pow(3)).map(|n| [VALUES[n % 11], VALUES[n / 11 % 11], VALUES[n / 121]]) {
            throw_one(number, args);
        }
    }
    0
}

fn throw_one(number: usize, mut args: [usize; 3]) {
    match number {
        EVENT_WAIT | PROCESS_WAIT => args[1] = 0,
        CHANNEL_RECEIVE => args[2] = 0,
        _ => {}
    }
    // SAFETY: none of the addresses is one of ours (the first 2 MiB hold our
    // program from 64 KiB on, but 0x1001 is below it), so that the kernel may
    // only refuse; and this process does nothing else.
    let _ = unsafe { sys::syscall(number, args) };
}

pub fn arguments() -> Outcome {
    let child = Process::spawn("selftest", "role=hostile", None).map_err(fails)?;
    check!(child.wait_until(after_ms(20_000)) == Ok(0), "the child died of it, or hangs");
    Ok(())
}

/// Touches memory until there is none.
pub fn eat() -> i32 {
    loop {
        let Ok(address) = sys::map(64 << 20, hyp_abi::syscall::MAP_HUGE) else { return 1 };
        for offset in (0..64 << 20).step_by(2 << 20) {
            let word: *mut u64 = core::ptr::with_exposed_provenance_mut(address + offset);
            // SAFETY: just mapped.
            unsafe { word.write_volatile(1) };
        }
    }
}

pub fn memory() -> Outcome {
    let greedy = [(); 2].map(|()| Process::spawn("selftest", "role=greedy", None));
    for child in greedy {
        let code = child.map_err(fails)?.wait_until(after_ms(60_000));
        // Its own fault finds no memory, or a system call says so.
        check!(code == Ok(EXIT_FAULT) || code == Ok(1), "a greedy child ends otherwise");
    }
    Ok(())
}
