//! System calls about memory, files and the console.

use hyp_abi::Error;
use hyp_abi::syscall::{FileMapping, MAP_HUGE};
use hyp_kernel::addr::{HUGE_SIZE, UserVirt};

use crate::boot::initrd;
use crate::console;
use crate::mm::frame;
use crate::proc::address_space::Backing;
use crate::proc::user;
use crate::syscall::process;

/// Longest name of a file.
pub const NAME_MAX: usize = 255;
const CONSOLE_CHUNK: usize = 2048;

pub fn console_write(start: usize, len: usize) -> Result<usize, Error> {
    let process = process()?;
    let mut buffer = [0; CONSOLE_CHUNK];
    let mut done = 0;
    while done < len {
        let chunk = &mut buffer[..CONSOLE_CHUNK.min(len - done)];
        let address = start.checked_add(done).ok_or(Error::BadAddress)?;
        user::read(process, UserVirt(address), chunk)?;
        console::write(chunk);
        done += chunk.len();
    }
    Ok(done)
}

pub fn console_read(start: usize, len: usize) -> Result<usize, Error> {
    let process = process()?;
    let mut buffer = [0; CONSOLE_CHUNK];
    let wanted = len.min(CONSOLE_CHUNK);
    // The memory is checked before input is taken, or it would be lost.
    user::write(process, UserVirt(start), &buffer[..wanted])?;
    let mut count = 0;
    while count < wanted {
        let Some(byte) = console::read() else { break };
        buffer[count] = byte;
        count += 1;
    }
    user::write(process, UserVirt(start), &buffer[..count])?;
    Ok(count)
}

pub fn map(size: usize, flags: usize) -> Result<usize, Error> {
    frame::admit()?;
    let backing = match flags {
        0 => Backing::Zero,
        MAP_HUGE if size.is_multiple_of(HUGE_SIZE) => Backing::Huge,
        _ => return Err(Error::InvalidArgument),
    };
    process()?.space.lock().add_anywhere(size, backing)
}

pub fn unmap(start: usize, size: usize) -> Result<(), Error> {
    let area = process()?.space.lock().remove(start, size)?;
    drop(area);
    Ok(())
}

pub fn file_map(name: usize, name_len: usize, info: usize) -> Result<(), Error> {
    frame::admit()?;
    let process = process()?;
    let mut buffer = [0; NAME_MAX];
    let name_bytes = buffer.get_mut(..name_len).ok_or(Error::InvalidArgument)?;
    user::read(process, UserVirt(name), name_bytes)?;
    let name = core::str::from_utf8(name_bytes).map_err(|_| Error::NotFound)?;
    let data = initrd::find(name).ok().flatten().ok_or(Error::NotFound)?;
    let size = data.len().max(1);
    let backing = Backing::Copy { start: 0, data };
    let addr = process.space.lock().add_anywhere(size, backing)?;
    user::write_value(process, UserVirt(info), &FileMapping { addr, len: data.len() })
}
