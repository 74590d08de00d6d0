//! Channels.

use alloc::sync::Arc;

use hyp_abi::Error;
use hyp_abi::channel::{CHANNEL_QUEUE_MAX, Message};
use hyp_abi::event::LOOK;
use hyp_rt::channel::Channel;
use hyp_rt::event::Event;
use hyp_rt::handle::Handle;
use hyp_rt::vm::Vm;
use hyp_rt::{stats, thread};

use crate::{Outcome, STACK, after_ms, check, fails};

fn text(bytes: &[u8]) -> Message {
    Message::new(bytes, &[]).unwrap_or_default()
}

fn carrying(handles: &[&Handle]) -> Message {
    let mut message = Message { handle_count: handles.len() as u32, ..Message::EMPTY };
    for (slot, handle) in message.handles.iter_mut().zip(handles) {
        *slot = handle.raw();
    }
    message
}

pub fn messages() -> Outcome {
    let (left, right) = Channel::pair().map_err(fails)?;
    check!(right.receive_until(LOOK) == Err(Error::TryAgain), "a new channel has messages");
    for number in 0..CHANNEL_QUEUE_MAX {
        left.send(&text(&[number as u8; 256])).map_err(fails)?;
    }
    check!(left.send(&text(b"more")) == Err(Error::TryAgain), "a queue without end");
    right.send(&text(b"back")).map_err(fails)?;
    for number in 0..CHANNEL_QUEUE_MAX {
        let message = right.receive().map_err(fails)?;
        check!(message.bytes() == [number as u8; 256], "messages change or overtake");
    }
    let long = Message { len: 257, ..Message::EMPTY };
    check!(left.send(&long) == Err(Error::InvalidArgument), "a message of 257 bytes");
    left.send(&text(b"last")).map_err(fails)?;
    drop(left);
    check!(right.receive().is_ok_and(|message| message.bytes() == b"last"), "messages go with their sender");
    check!(right.receive() == Err(Error::BrokenPipe), "a closed channel is waited at");
    check!(right.send(&text(b"")) == Err(Error::BrokenPipe), "a closed channel takes messages");
    // A thread that waits is woken by the end of the other.
    let (left, right) = Channel::pair().map_err(fails)?;
    let done = Arc::new(Event::new().map_err(fails)?);
    let told = Arc::clone(&done);
    thread::spawn(STACK, move || {
        let result = right.receive();
        drop(right);
        let _ = told.signal(if result == Err(Error::BrokenPipe) { 1 } else { 2 });
    })
    .map_err(fails)?;
    check!(done.wait_until(after_ms(2)) == Err(Error::TryAgain), "receive does not wait");
    drop(left);
    check!(done.wait_until(after_ms(500)) == Ok(1), "the end of a channel wakes nobody");
    Ok(())
}

pub fn handles() -> Outcome {
    let (left, right) = Channel::pair().map_err(fails)?;
    let event = Event::new().map_err(fails)?;
    left.send(&carrying(&[event.handle(), event.handle()])).map_err(fails)?;
    let message = right.receive().map_err(fails)?;
    check!(message.handles().len() == 2, "handles are lost");
    let copies: [Event; 2] = [0, 1].map(|at| Event::from_handle(Handle::from_raw(message.handles[at] as usize)));
    copies[1].signal(4).map_err(fails)?;
    drop(copies);
    check!(event.take() == Ok(4), "a handle that travelled is another object");
    let vm = Vm::new().map_err(fails)?;
    let machine = Message::new(b"", &[vm.handle() as u32]).unwrap_or_default();
    check!(left.send(&machine) == Err(Error::PermissionDenied), "a machine leaves its process");
    let wrong = Message::new(b"", &[200]).unwrap_or_default();
    check!(left.send(&wrong) == Err(Error::BadHandle), "a handle that is none travels");
    // What is in the queue of a dead channel is freed.
    let events = stats::host().map_err(fails)?.events;
    let lonely = Event::new().map_err(fails)?;
    left.send(&carrying(&[lonely.handle()])).map_err(fails)?;
    drop(lonely);
    check!(stats::host().is_ok_and(|now| now.events == events + 1), "an object on its way is lost");
    drop(right);
    check!(stats::host().is_ok_and(|now| now.events == events), "an object in a dead queue stays");
    Ok(())
}

pub fn rings() -> Outcome {
    let (left, right) = Channel::pair().map_err(fails)?;
    check!(left.send(&carrying(&[right.handle()])) == Err(Error::PermissionDenied), "a channel carries itself");
    let (left, right) = Channel::pair().map_err(fails)?;
    let (inner, other) = Channel::pair().map_err(fails)?;
    left.send(&carrying(&[inner.handle()])).map_err(fails)?;
    check!(other.send(&carrying(&[left.handle()])) == Err(Error::PermissionDenied), "two channels carry one another");
    drop(inner);
    let message = right.receive().map_err(fails)?;
    let inner = Channel::from_handle(Handle::from_raw(message.handles[0] as usize));
    other.send(&text(b"through")).map_err(fails)?;
    check!(inner.receive().is_ok_and(|message| message.bytes() == b"through"), "an end that travelled is dead");
    Ok(())
}

pub fn notification() -> Outcome {
    let (left, right) = Channel::pair().map_err(fails)?;
    let event = Event::new().map_err(fails)?;
    left.send(&text(b"early")).map_err(fails)?;
    right.notify(&event, 2).map_err(fails)?;
    check!(event.take() == Ok(2), "a message that was there is not told");
    left.send(&text(b"late")).map_err(fails)?;
    check!(event.take() == Ok(2), "a message is not told");
    drop(left);
    check!(event.take() == Ok(2), "the end is not told");
    Ok(())
}
