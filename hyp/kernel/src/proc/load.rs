//! Makes a process of an ELF file of the initial archive, with its stack and
//! arguments.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use hyp_abi::Error;
use hyp_kernel::addr::{PAGE_SIZE, UserVirt};
use hyp_kernel::cpio::CpioError;
use hyp_kernel::elf::{ElfError, PF_R, PF_W, PF_X, Program, Segment};
use hyp_kernel::pte::{R, W, X};

use crate::boot::initrd;
use crate::ipc::channel::ChannelEnd;
use crate::proc::address_space::{AddressSpace, Backing, STACK_TOP};
use crate::proc::process::{Object, Process};
use crate::proc::user;
use crate::sched;
use crate::sched::thread::{Thread, UserStart};

const STACK_SIZE: usize = 1 << 20;
/// The word of the kernel's arguments that names the initial program, which does
/// not get to see it.
pub const INIT: &str = "init=";

/// Why a program could not be started.
#[derive(Clone, Copy, Debug)]
pub enum LoadError {
    /// The archive is broken.
    Archive(CpioError),
    /// It is not in the archive.
    Missing,
    /// It is no program that can run here.
    Elf(ElfError),
    /// Two of its segments share a page, or lie over the stack.
    SharedPage,
    /// No memory, or arguments that do not fit.
    Resources(Error),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Archive(error) => write!(f, "the initrd is no cpio archive (newc): {error:?}"),
            Self::Missing => write!(f, "no such file in the initrd"),
            Self::Elf(error) => write!(f, "{error}"),
            Self::SharedPage => write!(f, "two segments share a page"),
            Self::Resources(error) => write!(f, "{error}"),
        }
    }
}

impl From<LoadError> for Error {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Archive(_) | LoadError::Missing => Self::NotFound,
            LoadError::Elf(_) | LoadError::SharedPage => Self::InvalidArgument,
            LoadError::Resources(error) => error,
        }
    }
}

/// What is started.
pub struct Start<'a> {
    /// Name of the program.
    pub name: &'a str,
    /// Its arguments, as words between blanks.
    pub arguments: &'a str,
    /// Becomes handle 0.
    pub channel: Option<Arc<ChannelEnd>>,
    /// When it ends, the machine powers off.
    pub initial: bool,
}

/// Makes a process and starts its first thread.
pub fn spawn(what: Start<'_>) -> Result<Arc<Process>, LoadError> {
    let (name, file) = initrd::find_named(what.name).map_err(LoadError::Archive)?.ok_or(LoadError::Missing)?;
    let program = Program::parse(file).map_err(LoadError::Elf)?;
    let mut space = AddressSpace::new().map_err(LoadError::Resources)?;
    for segment in program.segments() {
        add_segment(&mut space, file, segment)?;
    }
    space.add(STACK_TOP - STACK_SIZE, STACK_TOP, R | W, Backing::Zero).map_err(|_| LoadError::SharedPage)?;
    let words: Vec<&str> = core::iter::once(name)
        .chain(what.arguments.split_ascii_whitespace().filter(|word| !what.initial || !word.starts_with(INIT)))
        .collect();
    let stack = push_arguments(&mut space, &words).map_err(LoadError::Resources)?;
    let start = UserStart { pc: program.entry, sp: stack, args: [words.len(), stack] };
    let process = Process::new(name, space, what.initial);
    if let Some(channel) = what.channel {
        process.add_handle(Object::Channel(channel)).map_err(LoadError::Resources)?;
    }
    let thread = Thread::new_user(&process, start).map_err(LoadError::Resources)?;
    process.add_thread(&thread).map_err(LoadError::Resources)?;
    sched::start(thread);
    Ok(process)
}

fn add_segment(space: &mut AddressSpace, file: &'static [u8], segment: Segment) -> Result<(), LoadError> {
    let data = &file[segment.file_offset..segment.file_offset + segment.file_len];
    let flag = |bit, pte| if segment.flags & bit != 0 { pte } else { 0 };
    let writable = flag(PF_W, R | W);
    let flags = flag(PF_R, R) | writable | flag(PF_X, R | X);
    let start = segment.start & !(PAGE_SIZE - 1);
    let end = segment.end().next_multiple_of(PAGE_SIZE);
    let backing = Backing::Copy { start: segment.start, data };
    space.add(start, end, flags.max(R), backing).map_err(|_| LoadError::SharedPage)
}

/// Puts the strings and the argv array on the stack; gives the array's address,
/// which is also the stack pointer.
fn push_arguments(space: &mut AddressSpace, words: &[&str]) -> Result<usize, Error> {
    let mut top = STACK_TOP;
    let mut argv = Vec::with_capacity(words.len() + 1);
    for word in words {
        top -= word.len() + 1;
        user::write_space(space, UserVirt(top), word.as_bytes())?;
        argv.push(top);
    }
    argv.push(0);
    let start = (top - argv.len() * size_of::<usize>()) & !15;
    for (index, pointer) in argv.iter().enumerate() {
        let address = UserVirt(start + index * size_of::<usize>());
        user::write_space(space, address, &pointer.to_le_bytes())?;
    }
    Ok(start)
}
