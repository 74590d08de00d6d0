//! Child processes, and what this program does as one.

use hyp_abi::Error;
use hyp_abi::channel::Message;
use hyp_abi::event::LOOK;
use hyp_abi::process::{EXIT_FAULT, EXIT_KILLED};
use hyp_rt::channel::Channel;
use hyp_rt::event::Event;
use hyp_rt::handle::Handle;
use hyp_rt::process::Process;
use hyp_rt::shared::Shared;
use hyp_rt::{stats, sys, thread};

use crate::{Outcome, STACK, after_ms, check, fails, hostile, machines};

const SELF: &str = "selftest";

/// What a child does; its exit code.
pub fn play(role: &str) -> i32 {
    let parent = Channel::from_parent();
    match role {
        "code" => 7,
        "negative" => -1,
        "fault" => {
            // SAFETY: none: the kernel ends this process for it.
            unsafe { core::ptr::with_exposed_provenance_mut::<u64>(0x8).write_volatile(1) };
            0
        }
        "share" => share(&parent).map_or(1, |()| 0),
        "wait" => Event::new().and_then(|event| event.wait()).map_or(1, |_| 0),
        "receive" => parent.receive().map_or(0, |_| 1),
        "sleep" => {
            sys::sleep_until(u64::MAX);
            1
        }
        "spin" => loop {
            core::hint::spin_loop();
        },
        "threads" => threads(),
        "guest" => machines::endless(),
        "grandchild" => grandchild(&parent),
        "hostile" => hostile::throw(),
        "greedy" => hostile::eat(),
        _ => 99,
    }
}

/// Adds up what the parent put into shared memory, and says so at its event.
fn share(parent: &Channel) -> Result<(), Error> {
    let message = parent.receive()?;
    let memory = Shared::from_handle(Handle::from_raw(message.handles[0] as usize));
    let event = Event::from_handle(Handle::from_raw(message.handles[1] as usize));
    let address = memory.map_pointer()?.cast::<u64>();
    // SAFETY: a mapping of 2 MiB; the parent waits for us.
    unsafe { address.add(1).write_volatile(address.read_volatile() + 1) };
    event.signal(8)
}

/// Threads in many states.
fn threads() -> i32 {
    for number in 0..6 {
        let job = move || match number % 3 {
            0 => loop {
                core::hint::spin_loop();
            },
            1 => drop(Event::new().and_then(|event| event.wait())),
            _ => sys::sleep_until(u64::MAX),
        };
        if thread::spawn(STACK, job).is_err() {
            return 1;
        }
    }
    sys::sleep_until(u64::MAX);
    1
}

fn grandchild(parent: &Channel) -> i32 {
    let Ok(child) = Process::spawn(SELF, "role=spin", None) else { return 1 };
    let _ = parent.send(&Message::EMPTY);
    child.wait().unwrap_or(1)
}

pub fn children() -> Outcome {
    for (role, code) in [("role=code", 7), ("role=negative", -1), ("role=none", 99), ("role=fault", EXIT_FAULT)] {
        let child = Process::spawn(SELF, role, None).map_err(fails)?;
        check!(child.wait_until(after_ms(2000)) == Ok(code), "another exit code");
        check!(child.wait() == Ok(code) && child.kill().is_ok(), "a dead child is forgotten");
    }
    check!(Process::spawn("nobody", "", None) == Err(Error::NotFound), "a program that is not there runs");
    let long = [b'x'; 2000];
    let long = core::str::from_utf8(&long).unwrap_or("");
    check!(Process::spawn(SELF, long, None) == Err(Error::InvalidArgument), "arguments without end");
    let (ours, theirs) = Channel::pair().map_err(fails)?;
    let (memory, event) = (Shared::new(2 << 20).map_err(fails)?, Event::new().map_err(fails)?);
    let address = memory.map().map_err(fails)?;
    let word: *mut u64 = core::ptr::with_exposed_provenance_mut(address);
    // SAFETY: a mapping of 2 MiB; the child begins when it has the message.
    unsafe { word.write_volatile(41) };
    let child = Process::spawn(SELF, "role=share", Some(theirs)).map_err(fails)?;
    let message = Message::new(b"", &[memory.handle().raw(), event.handle().raw()]).unwrap_or_default();
    ours.send(&message).map_err(fails)?;
    check!(event.wait_until(after_ms(2000)) == Ok(8), "the child does not answer");
    // SAFETY: as above; the child is through.
    check!(unsafe { word.add(1).read_volatile() } == 42, "memory is not shared");
    check!(child.wait() == Ok(0), "the child failed");
    // SAFETY: the memory is not used any more.
    unsafe { hyp_rt::shared::unmap(address, 2 << 20) }.map_err(fails)?;
    check!(ours.receive() == Err(Error::BrokenPipe), "a dead child's end is open");
    Ok(())
}

pub fn killed() -> Outcome {
    for role in ["role=wait", "role=receive", "role=sleep", "role=spin", "role=threads", "role=guest"] {
        for delay in [0, 1, 3] {
            let (ours, theirs) = Channel::pair().map_err(fails)?;
            let child = Process::spawn(SELF, role, Some(theirs)).map_err(fails)?;
            check!(child.wait_until(LOOK) == Err(Error::TryAgain), "over before it began");
            sys::sleep_until(after_ms(delay) as u64);
            child.kill().map_err(fails)?;
            check!(child.wait_until(after_ms(2000)) == Ok(EXIT_KILLED), "a child cannot be killed");
            drop(ours);
        }
    }
    Ok(())
}

pub fn orphans() -> Outcome {
    let before = stats::host().map_err(fails)?.processes;
    let (ours, theirs) = Channel::pair().map_err(fails)?;
    let child = Process::spawn(SELF, "role=grandchild", Some(theirs)).map_err(fails)?;
    ours.receive_until(after_ms(2000)).map_err(fails)?;
    check!(stats::host().is_ok_and(|now| now.processes == before + 2), "no grandchild");
    // Closing the handle is killing.
    drop(child);
    let limit = after_ms(2000) as u64;
    while stats::host().is_ok_and(|now| now.processes != before) {
        check!(sys::time() < limit, "a grandchild outlives its family");
        sys::yield_now();
    }
    Ok(())
}
