//! The data path's thread, and how it learns of work.

use alloc::boxed::Box;
use alloc::format;
use core::hint::spin_loop;
use core::sync::atomic::Ordering;

use hyp_rt::event::Event;
use hyp_rt::sync::Mutex;
use hyp_rt::thread;
use hyp_rt::vei::UserContext;

use crate::Result;
use crate::args::{Args, Wake};
use crate::data::Data;

/// Bytes of the data path's stack.
const STACK_SIZE: usize = 64 << 10;
/// Bytes of the handler's.
const HANDLER_STACK_SIZE: usize = 32 << 10;

/// Starts the data path on `hart`. Where it is woken by user virtual event interrupts, the answer is its context's handle.
pub fn start(args: &Args, data: &'static Data, kick: &'static Mutex<Option<Event>>) -> Result<Option<u32>> {
    let Args { wake, hart, net, .. } = *args;
    let failed = |error: hyp_abi::Error| format!("the data path's thread: {error}");
    match wake {
        Wake::Event | Wake::Poll => {
            let job = move || {
                // Anywhere, if there is no such hart.
                let _ = thread::pin(hart);
                if wake == Wake::Poll { poll(data) } else { wait(data, kick) }
            };
            thread::spawn(STACK_SIZE, job).map_err(failed)?;
            Ok(None)
        }
        Wake::Vei => {
            if net {
                // What the network brings comes by the event, as everywhere.
                let receive = move || {
                    let _ = thread::pin(hart);
                    wait(data, kick);
                };
                thread::spawn(STACK_SIZE, receive).map_err(failed)?;
            }
            let number: &'static Mutex<Option<u32>> = Box::leak(Box::default());
            thread::spawn(STACK_SIZE, move || be_interrupted(hart, data, number)).map_err(failed)?;
            loop {
                if let Some(number) = number.lock().take() {
                    return Ok(Some(number));
                }
                hyp_rt::sys::yield_now();
            }
        }
    }
}

/// Looks again and again.
fn poll(data: &Data) -> ! {
    loop {
        while data.wanted.load(Ordering::Relaxed) {
            spin_loop();
        }
        let served = match &mut *data.live.lock() {
            Some(live) => live.poll(),
            None => 0,
        };
        data.count(served);
        if served == 0 {
            spin_loop();
        }
    }
}

/// Sleeps at the event that the monitor has named.
fn wait(data: &Data, kick: &Mutex<Option<Event>>) {
    let event = loop {
        if let Some(event) = kick.lock().take() {
            break event;
        }
        hyp_rt::sys::yield_now();
    };
    while event.wait().is_ok() {
        let served = serve(data);
        data.count(served);
    }
}

/// Serves everything until the device may sleep, and what a handler had to leave meanwhile.
fn serve(data: &Data) -> u64 {
    let mut served = 0;
    loop {
        let may_sleep = match &mut *data.live.lock() {
            Some(live) => {
                served += live.drain(u32::MAX);
                live.service.device_mut().may_sleep()
            }
            None => true,
        };
        if !data.take_missed() && may_sleep {
            return served;
        }
    }
}

/// Makes a user context of the calling thread, and sleeps whenever the kernel has nothing for it.
fn be_interrupted(hart: usize, data: &'static Data, number: &Mutex<Option<u32>>) {
    match UserContext::new(hart, HANDLER_STACK_SIZE, |vectors| handle(data, vectors)) {
        Ok(context) => {
            context.open();
            *number.lock() = Some(context.handle().raw());
            loop {
                if let Err(error) = context.wait() {
                    hyp_rt::eprintln!("backend: user context: {error}");
                    hyp_rt::sys::exit(crate::FAILED);
                }
            }
        }
        Err(error) => {
            hyp_rt::eprintln!("backend: user context: {error}");
            hyp_rt::sys::exit(crate::FAILED);
        }
    }
}

/// Serves the queues whose vectors were sent. Wherever it runs, nobody else of this process runs on this hart.
fn handle(data: &Data, vectors: u64) {
    let Some(mut live) = data.try_live() else { return };
    if let Some(live) = &mut *live {
        let served = live.drain(vectors as u32);
        data.count(served);
    }
}
