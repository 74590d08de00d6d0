//! Events and threads.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, Ordering};

use hyp_abi::Error;
use hyp_rt::event::Event;
use hyp_rt::sync::Mutex;
use hyp_rt::{stats, sys, thread};

use crate::{Outcome, STACK, after_ms, check, fails};

pub fn bits() -> Outcome {
    let event = Event::new().map_err(fails)?;
    check!(event.take() == Err(Error::TryAgain), "a new event has bits");
    check!(event.signal(0) == Err(Error::InvalidArgument), "no bits are signalled");
    event.signal(1).map_err(fails)?;
    event.signal(1 << 31 | 1).map_err(fails)?;
    check!(event.wait() == Ok(1 << 31 | 1), "bits are lost or added");
    let deadline = after_ms(2);
    check!(event.wait_until(deadline) == Err(Error::TryAgain), "a wait without a signal");
    check!(sys::time() as usize >= deadline, "over before the deadline");
    Ok(())
}

pub fn one_waiter() -> Outcome {
    let event = Arc::new(Event::new().map_err(fails)?);
    let first = Arc::clone(&event);
    let done = Arc::new(Event::new().map_err(fails)?);
    let told = Arc::clone(&done);
    thread::spawn(STACK, move || {
        // The other may look at the event just now.
        let bits = loop {
            match first.wait() {
                Err(Error::Busy) => sys::yield_now(),
                result => break result.unwrap_or(1 << 8),
            }
        };
        let _ = told.signal(bits);
    })
    .map_err(fails)?;
    let limit = after_ms(500) as u64;
    while event.take() != Err(Error::Busy) {
        check!(sys::time() < limit, "a second thread may wait");
        sys::sleep_until(after_ms(1) as u64);
    }
    event.signal(4).map_err(fails)?;
    check!(done.wait_until(after_ms(500)) == Ok(4), "the waiter got something else");
    Ok(())
}

/// Two threads on different harts wake one another in turn, for each pair of
/// four harts; a lost wake-up ends in a deadline.
pub fn ping_pong() -> Outcome {
    const ROUNDS: u32 = 400;
    let harts = stats::host().map_err(fails)?.harts as usize;
    for (left, right) in (0..harts).flat_map(|left| (0..harts).map(move |right| (left, right))) {
        let events = Arc::new([Event::new().map_err(fails)?, Event::new().map_err(fails)?]);
        let done = Arc::new(Event::new().map_err(fails)?);
        for (side, hart) in [left, right].into_iter().enumerate() {
            let (events, done) = (Arc::clone(&events), Arc::clone(&done));
            thread::spawn(STACK, move || {
                let kick = || events[1 - side].signal(1).is_ok();
                let wait = || events[side].wait_until(after_ms(500)).is_ok();
                // In turn: one of them begins with a signal.
                let begins = side == 1 || kick();
                let ok = thread::pin(hart).is_ok() && begins && (0..ROUNDS).all(|_| wait() && kick());
                drop(events);
                let _ = done.signal(if ok { 1 << side } else { 1 << (8 + side) });
            })
            .map_err(fails)?;
        }
        let mut seen = 0;
        while seen & 3 != 3 {
            seen |= done.wait_until(after_ms(2000)).map_err(fails)?;
            check!(seen >> 8 == 0, "a wake-up was lost");
        }
    }
    Ok(())
}

/// Threads on all harts signal one, each with its own bit and as fast as it can;
/// each waits for the answer to its last signal.
pub fn many_to_one() -> Outcome {
    const SIGNALLERS: usize = 3;
    const ROUNDS: u32 = 300;
    struct Shared {
        event: Event,
        answers: [Event; SIGNALLERS],
        lost: AtomicU32,
    }
    let event = || Event::new().map_err(fails);
    let shared = Arc::new(Shared { event: event()?, answers: [event()?, event()?, event()?], lost: AtomicU32::new(0) });
    for index in 0..SIGNALLERS {
        let shared = Arc::clone(&shared);
        thread::spawn(STACK, move || {
            let _ = thread::pin(index + 1);
            for round in 0..ROUNDS {
                // Now and then twice: merged signals are one.
                for _ in 0..=round % 2 {
                    let _ = shared.event.signal(1 << index);
                }
                if shared.answers[index].wait_until(after_ms(500)).is_err() {
                    shared.lost.fetch_add(1, Ordering::Relaxed);
                }
            }
            let _ = shared.event.signal(1 << (8 + index));
        })
        .map_err(fails)?;
    }
    let mut over = 0;
    while over != (1 << SIGNALLERS) - 1 {
        let bits = shared.event.wait_until(after_ms(2000)).map_err(fails)?;
        for (index, answer) in shared.answers.iter().enumerate().filter(|(index, _)| bits >> index & 1 != 0) {
            let _ = index;
            answer.signal(1).map_err(fails)?;
        }
        over |= bits >> 8;
    }
    check!(shared.lost.load(Ordering::Relaxed) == 0, "a wake-up was lost");
    Ok(())
}

pub fn pinning() -> Outcome {
    let host = stats::host().map_err(fails)?;
    for hart in (0..host.harts).rev() {
        thread::pin(hart as usize).map_err(fails)?;
        for _ in 0..5 {
            sys::yield_now();
            sys::sleep_until(sys::time() + 20);
            check!(stats::thread(0).is_ok_and(|stats| stats.hart == hart), "a pinned thread has moved");
        }
    }
    check!(thread::pin(host.harts as usize) == Err(Error::InvalidArgument), "pinned to a hart that is not there");
    thread::unpin().map_err(fails)?;
    let first = stats::thread(0).map_err(fails)?;
    let second = stats::thread(first.id as usize).map_err(fails)?;
    check!(second.run_cycles > first.run_cycles, "the time of a running thread stands still");
    check!(stats::thread(1 << 40) == Err(Error::NotFound), "a thread that does not exist has counters");
    let mut harts = [hyp_abi::stats::HartStats::default(); 8];
    let before = stats::host_and_harts(&mut harts).map_err(fails)?;
    let idle: u64 = harts.iter().map(|hart| hart.idle_cycles).sum();
    sys::sleep_until(after_ms(2) as u64);
    let after = stats::host_and_harts(&mut harts).map_err(fails)?;
    let slept = harts.iter().map(|hart| hart.idle_cycles).sum::<u64>() - idle;
    let elapsed = after.cycles - before.cycles;
    check!(slept * 10 > elapsed * host.harts * 8, "harts that sleep are not counted as idle");
    check!(slept <= elapsed * host.harts, "harts idle more than there is time");
    Ok(())
}

/// Who tries for a lock that somebody has does not get it, and does not open it either.
pub fn locks() -> Outcome {
    let lock = Mutex::new(0);
    let mut first = lock.try_lock().ok_or("nobody has the lock")?;
    *first += 1;
    check!(lock.try_lock().is_none() && lock.try_lock().is_none(), "two have the lock");
    drop(first);
    check!(lock.try_lock().is_some_and(|value| *value == 1), "the lock was let go");
    Ok(())
}
