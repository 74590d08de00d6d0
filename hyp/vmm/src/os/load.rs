//! What is in guest memory when the guest begins: kernel, initial archive, device tree.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use hyp_rt::memory::file;
use hyp_rt::vm;
use hyp_vmm::board::args::{Args, Disk};
use hyp_vmm::board::linux;
use hyp_vmm::board::tree::{self, Spec};
use hyp_vmm::image::MEMORY;
use hyp_vmm::shared_memory::SharedMemory;

use crate::Result;

/// The tree lies this far below the end of guest memory.
const TREE_ROOM: u64 = 64 << 10;

/// What the guest's harts have where the board doesn't say what its own have: what the host itself can't do without, and the base of every
/// Linux.
const LEAST: [&str; 9] = ["i", "m", "a", "f", "d", "c", "zicntr", "zicsr", "zifencei"];

/// Where the first hart begins, in guest physical memory.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// The first instruction.
    pub entry: u64,
    /// The device tree.
    pub tree: u64,
}

/// Fills guest memory.
pub fn fill(memory: &SharedMemory, args: &Args) -> Result<Program> {
    let kernel = open(&args.kernel)?;
    let initrd = args.initrd.as_deref().map(open).transpose()?;
    let initrd_size = initrd.map_or(0, <[u8]>::len) as u64;
    let tree_at = args.memory - TREE_ROOM;
    let placed =
        linux::place(kernel, initrd_size, tree_at).map_err(|error| format!("file `{}`: {error}", args.kernel))?;
    copy(memory, placed.kernel, kernel);
    copy(memory, placed.initrd, initrd.unwrap_or_default());
    let initrd_at = MEMORY + placed.initrd;
    let found = vm::extensions().map_err(|error| format!("the harts' extensions: {error}"))?;
    let names = found.iter().map(String::as_str);
    let extensions: Vec<&str> = if found.is_empty() { LEAST.to_vec() } else { names.collect() };
    let spec = Spec {
        memory: args.memory,
        timebase: hyp_rt::sys::timebase() as u32,
        harts: args.vcpus,
        extensions: &extensions,
        slots: usize::from(args.disk != Disk::None),
        bootargs: &args.command_line,
        initrd: initrd.map(|_| (initrd_at, initrd_at + initrd_size)),
    };
    let tree = tree::build(&spec).map_err(|error| format!("device tree: {error}"))?;
    if tree.len() as u64 > TREE_ROOM {
        return Err(String::from("the device tree is too large"));
    }
    copy(memory, tree_at, &tree);
    Ok(Program { entry: placed.entry(), tree: MEMORY + tree_at })
}

fn open(name: &str) -> Result<&'static [u8]> {
    file(name).map_err(|error| format!("file `{name}`: {error}"))
}

fn copy(memory: &SharedMemory, offset: u64, bytes: &[u8]) {
    assert!(offset as usize + bytes.len() <= memory.size());
    // SAFETY: the range lies in the mapping, which no guest knows yet.
    unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), memory.pointer(offset as usize), bytes.len()) }
}
