//! The host at the other end of the guest's network: serves the tests of `netload`, and tells at the end what arrived.
//!
//! It stands for another machine, so it has a hart of its own and looks for frames all the time while a test runs; when nothing has come for
//! a while it sleeps.
#![no_std]
#![no_main]

extern crate alloc;

mod cable;

use alloc::format;
use alloc::string::String;

use hyp_abi::channel::Message;
use hyp_rt::channel::Channel;
use hyp_rt::event::Event;
use hyp_rt::handle::Handle;
use hyp_rt::shared::Shared;
use hyp_rt::{eprintln, println, sys, thread};
use hyp_wire::{End, Side};
use netload::{Memory, PEER, Poll, Server};

use cable::Cable;

hyp_rt::entry!(main);

/// Exit code when something goes wrong.
const FAILED: i32 = 1;
/// Looks in vain before it sleeps: some ten thousands of cycles.
const LOOKS: u32 = 1000;

type Result<T> = core::result::Result<T, String>;

static mut MEMORY: Memory = Memory::EMPTY;

fn main(words: hyp_rt::Args) -> i32 {
    match run(words) {
        Ok(()) => 0,
        Err(message) => {
            eprintln!("peer: {message}");
            FAILED
        }
    }
}

/// Serves until the monitor closes the channel.
fn run(words: hyp_rt::Args) -> Result<()> {
    let (hart, wire_bits) = arguments(words)?;
    // Anywhere, if there is no such hart.
    let _ = thread::pin(hart);
    let channel = Channel::from_parent();
    let parts = channel.receive().map_err(|error| format!("no parts: {error}"))?;
    let mut handles = parts.handles().iter().map(|number| Handle::from_raw(*number as usize));
    let (Some(memory), Some(own), Some(other)) = (handles.next(), handles.next(), handles.next()) else {
        return Err(String::from("the parts are not complete"));
    };
    let pointer = Shared::from_handle(memory).map_pointer().map_err(|error| format!("the cable: {error}"))?;
    // SAFETY: mapped for ever; the peer's end is ours alone.
    let end = unsafe { End::new(pointer, Side::Peer) };
    let (own, other) = (Event::from_handle(own), Event::from_handle(other));
    // What else wakes us: a word of the monitor.
    channel.notify(&own, 2).map_err(|error| format!("the channel: {error}"))?;
    serve(Cable::new(end, other, wire_bits), &own, &channel)
}

fn serve(mut cable: Cable, own: &Event, channel: &Channel) -> Result<()> {
    let memory = &raw mut MEMORY;
    // SAFETY: only this function names it, and it runs once.
    let memory = unsafe { &mut *memory };
    let mut server = Server::new(&mut cable, memory, &PEER);
    let ticks_per_micro = (sys::timebase() / 1_000_000).max(1);
    let mut looks = 0;
    loop {
        let now = sys::time() / ticks_per_micro;
        let deadline = match server.poll(now, &mut cable) {
            Poll::Waiting(deadline) => deadline,
            _ => {
                looks = 0;
                continue;
            }
        };
        looks += 1;
        if looks < LOOKS {
            continue;
        }
        if cable.may_sleep() {
            let until = deadline.map_or(usize::MAX, |micros| (micros * ticks_per_micro) as usize);
            let woken = own.wait_until(until).unwrap_or(0);
            cable.finish_sleep();
            if woken & 2 != 0 && !answer(&server, channel)? {
                return Ok(());
            }
        }
        looks = 0;
    }
}

/// Tells the monitor's reader what arrived, if that was asked; whether the monitor is still there.
fn answer(server: &Server, channel: &Channel) -> Result<bool> {
    let Ok(_) = channel.receive() else { return Ok(false) };
    match server.report() {
        Some(report) => println!(
            "#result {{\"who\":\"peer\",\"test\":\"{}\",\"messages\":{},\"bytes\":{},\"lost\":{},\"duplicate\":{},\"corrupt\":{},\"done\":{}}}",
            report.opening.test.name(),
            report.summary.messages,
            report.summary.bytes,
            report.summary.lost,
            report.summary.duplicate,
            report.summary.corrupt,
            report.done,
        ),
        None => println!("#result {{\"who\":\"peer\",\"messages\":0}}"),
    }
    let done = Message::new(b"done", &[]).ok_or("a message that is too long")?;
    channel.send(&done).map_err(|error| format!("answering: {error}"))?;
    Ok(true)
}

/// `hart=N wire-bits=N`: where to run, and which bits of the backend's event say that a frame has come.
fn arguments(words: hyp_rt::Args) -> Result<(usize, u32)> {
    let (mut hart, mut bits) = (0, 0);
    for word in words.skip(1) {
        let number = |value: &str| value.parse::<u32>().ok();
        let known = match word.split_once('=') {
            Some(("hart", value)) => number(value).map(|value| hart = value as usize),
            Some(("wire-bits", value)) => number(value).map(|value| bits = value),
            _ => None,
        };
        known.ok_or_else(|| format!("bad argument `{word}`; arguments are: hart=N wire-bits=N"))?;
    }
    Ok((hart, bits))
}
