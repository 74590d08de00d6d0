//! System calls about events, shared memory and channels.
//!
//! A thread that waits may end there. So every call keeps what it holds in a
//! function of its own, and [`finish`] is called with nothing held.

use alloc::vec::Vec;

use hyp_abi::Error;
use hyp_abi::channel::{ChannelPair, MESSAGE_BYTES_MAX, MESSAGE_HANDLES_MAX, Message};
use hyp_kernel::addr::UserVirt;

use crate::ipc::channel::{ChannelEnd, Packet};
use crate::ipc::event::Event;
use crate::ipc::shared::SharedMemory;
use crate::mm::frame;
use crate::proc::address_space::Backing;
use crate::proc::process::{Object, Process};
use crate::proc::user;
use crate::sched;
use crate::sched::signal::Deadline;
use crate::syscall::process;

/// The end of a call that may have waited: threads of a dying process end here.
pub fn finish<T>(result: Result<T, Error>) -> Result<T, Error> {
    if matches!(result, Err(Error::Interrupted)) {
        sched::end_if_dying();
    }
    result
}

/// Bits as an argument: 1 to 32 of them.
fn bits(value: usize) -> Result<u32, Error> {
    u32::try_from(value).ok().filter(|bits| *bits != 0).ok_or(Error::InvalidArgument)
}

pub fn create_event() -> Result<usize, Error> {
    frame::admit()?;
    process()?.add_handle(Object::Event(Event::new()))
}

pub fn signal_event(handle: usize, value: usize) -> Result<(), Error> {
    let event = process()?.event(handle)?;
    event.signal(bits(value)?);
    Ok(())
}

pub fn wait_event(handle: usize, deadline: usize) -> Result<usize, Error> {
    let wait = || process()?.event(handle)?.wait(Deadline::from_abi(deadline));
    finish(wait()).map(|bits| bits as usize)
}

pub fn create_shared(size: usize, flags: usize) -> Result<usize, Error> {
    frame::admit()?;
    if flags != 0 {
        return Err(Error::InvalidArgument);
    }
    process()?.add_handle(Object::Shared(SharedMemory::new(size)?))
}

pub fn map_shared(handle: usize) -> Result<usize, Error> {
    frame::admit()?;
    let process = process()?;
    let object = process.shared(handle)?;
    let size = object.size();
    process.space.lock().add_anywhere(size, Backing::Object(object))
}

pub fn create_channel(pair: usize) -> Result<(), Error> {
    frame::admit()?;
    let process = process()?;
    let ends = ChannelEnd::pair()?.map(Object::Channel);
    let mut numbers = [0; 2];
    process.add_handles(&ends, &mut numbers)?;
    let pair_value = ChannelPair { ends: numbers.map(u64::from) };
    let written = user::write_value(process, UserVirt(pair), &pair_value);
    written.inspect_err(|_| process.remove_handles(&numbers))
}

pub fn send(handle: usize, message: usize) -> Result<(), Error> {
    frame::admit()?;
    let process = process()?;
    let end = process.channel(handle)?;
    let message: Message = user::read_value(process, UserVirt(message))?;
    let count = message.handle_count as usize;
    if message.len as usize > MESSAGE_BYTES_MAX || count > MESSAGE_HANDLES_MAX {
        return Err(Error::InvalidArgument);
    }
    let mut objects = Vec::with_capacity(count);
    for number in &message.handles[..count] {
        objects.push(process.object(*number as usize)?);
    }
    let mut bytes = message.bytes;
    bytes[message.len as usize..].fill(0);
    end.send(Packet::new(bytes, message.len, objects))
}

pub fn receive(handle: usize, message: usize, deadline: usize) -> Result<(), Error> {
    frame::admit()?;
    finish(receive_message(process()?, handle, UserVirt(message), Deadline::from_abi(deadline)))
}

fn receive_message(process: &Process, handle: usize, target: UserVirt, deadline: Deadline) -> Result<(), Error> {
    let end = process.channel(handle)?;
    // The memory is checked before a message is taken.
    user::write_value(process, target, &Message::EMPTY)?;
    let message = end.receive(deadline, |packet| {
        let handle_count = packet.objects.len() as u32;
        let mut message = Message { len: packet.len, handle_count, bytes: packet.bytes, ..Message::EMPTY };
        process.add_handles(&packet.objects, &mut message.handles).map(|()| message)
    })?;
    let written = user::write_value(process, target, &message);
    written.inspect_err(|_| process.remove_handles(message.handles()))
}

pub fn set_channel_event(handle: usize, event: usize, value: usize) -> Result<(), Error> {
    let process = process()?;
    let end = process.channel(handle)?;
    let target = if value == 0 { None } else { Some((process.event(event)?, bits(value)?)) };
    end.set_event(target);
    Ok(())
}
