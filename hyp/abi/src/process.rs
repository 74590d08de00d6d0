//! Child processes.
//!
//! A child is a program of the initial archive in an address space of its own.
//! It ends by itself, by `PROCESS_KILL`, by a fault, or when the last handle to
//! it is closed, which happens at the latest when its parent ends: there are no
//! orphans. Its threads, VMs, memory and handles go with it, and only then is
//! it over for who waits.

/// `channel` of a [`ProcessSpec`]: the child gets none.
pub const NO_CHANNEL: u64 = u64::MAX;
/// Most bytes of a child's arguments.
pub const ARGUMENTS_MAX: usize = 1024;
/// Most processes at a time.
pub const PROCESSES_MAX: usize = 256;

/// Exit code of a process that was killed with `PROCESS_KILL` or by closing its handle: 128 + SIGKILL.
pub const EXIT_KILLED: i32 = 137;
/// Exit code of a process that did what cannot be served: 128 + SIGSEGV.
pub const EXIT_FAULT: i32 = 139;

/// Argument of `PROCESS_SPAWN`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct ProcessSpec {
    /// Address of the program's name in the initial archive.
    pub name: u64,
    /// Bytes of the name.
    pub name_len: u64,
    /// Address of the arguments: words between blanks; the name goes before them.
    pub arguments: u64,
    /// Bytes of the arguments, at most [`ARGUMENTS_MAX`].
    pub arguments_len: u64,
    /// A handle of a channel end that becomes the child's handle 0, or
    /// [`NO_CHANNEL`]. The caller keeps its own handle of that end, and should
    /// close it, or it will never see it closed.
    pub channel: u64,
}
