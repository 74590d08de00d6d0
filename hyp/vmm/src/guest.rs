//! A guest: memory with a program and a device tree, and one vCPU.

use alloc::format;

use hyp_abi::vm::{MemoryRegion, RunPage, SbiExit, exit, reg};
use hyp_rt::memory::{Mapping, file};
use hyp_rt::vm::{Vcpu, Vm};
use hyp_vmm::args::Args;
use hyp_vmm::image::{Image, MEMORY};
use hyp_vmm::tree;
use proto::guest_call;

use crate::{Result, marker};

/// The tree lies this far below the end of guest memory.
const TREE_ROOM: u64 = 64 << 10;
const SUPERVISOR: u64 = 1;
/// SBI_ERR_FAILED.
const SBI_FAILED: u64 = -1i64 as u64;

/// What the guest says that it has printed.
#[derive(Clone, Copy, Debug)]
pub struct Done {
    pub lines: u64,
    pub bytes: u64,
    pub checksum: u64,
}

/// A virtual machine ready to run.
pub struct Guest {
    pub vm: Vm,
    pub vcpu: Vcpu,
    done: Option<Done>,
    _memory: Mapping,
}

/// What the monitor has to do after an exit.
pub enum Next {
    /// Run again.
    Again,
    /// The access in the run page is for a device.
    Device,
    /// The guest has powered off.
    Off,
}

impl Guest {
    /// Makes the machine and loads the file `guest` into it.
    pub fn load(args: &Args) -> Result<Guest> {
        let refused = |what: &str| {
            let what = format!("{what}: ");
            move |error: hyp_abi::Error| what + &format!("{error}")
        };
        let memory = Mapping::new(args.memory as usize).map_err(refused("guest memory"))?;
        let entry = fill(&memory, args)?;
        let vm = Vm::new().map_err(refused("creating the machine"))?;
        let region =
            MemoryRegion { slot: 0, flags: 0, gpa: MEMORY, size: args.memory, userspace_addr: memory.addr() as u64 };
        // SAFETY: `fill` is done with the memory, and nothing here touches it again.
        unsafe { vm.set_memory_region(&region) }.map_err(refused("guest memory"))?;
        let mut vcpu = vm.create_vcpu().map_err(refused("creating the vCPU"))?;
        let registers = [
            (reg::PC, entry),
            (reg::MODE, SUPERVISOR),
            (reg::x(10), 0),
            (reg::x(11), MEMORY + args.memory - TREE_ROOM),
        ];
        for (id, value) in registers {
            vcpu.set_reg(id, value).map_err(refused("setting a register"))?;
        }
        Ok(Guest { vm, vcpu, done: None, _memory: memory })
    }

    /// What the guest has said.
    pub fn done(&self) -> Option<Done> {
        self.done
    }

    /// Runs the vCPU until the next exit, and serves that if it is not a device's. `received` is count and checksum of what has arrived.
    #[inline]
    pub fn run(&mut self, received: impl FnOnce() -> (u64, u64)) -> Result<Next> {
        self.vcpu.run().map_err(|error| format!("running the vCPU: {error}"))?;
        let page = self.vcpu.run_page();
        if page.exit_reason == exit::MMIO {
            return Ok(Next::Device);
        }
        serve(page, &mut self.done, received)
    }
}

/// Serves an exit other than a device access.
#[cold]
fn serve(page: &mut RunPage, done: &mut Option<Done>, received: impl FnOnce() -> (u64, u64)) -> Result<Next> {
    match page.exit_reason {
        exit::RISCV_SBI => {
            sbi(&mut page.sbi, done, received);
            Ok(Next::Again)
        }
        exit::SYSTEM_EVENT => match page.system_event.reason {
            0 => Ok(Next::Off),
            reason => Err(format!("the guest has failed with reset reason {reason:#x}")),
        },
        exit::INTR | exit::UNKNOWN => Ok(Next::Again),
        exit::INTERNAL_ERROR => Err(format!("the guest can't go on: {:x?}", page.internal)),
        reason => Err(format!("exit reason {reason} is not known")),
    }
}

/// The guest's report. Other calls keep the kernel's answer, "not supported".
fn sbi(call: &mut SbiExit, done: &mut Option<Done>, received: impl FnOnce() -> (u64, u64)) {
    if call.extension != guest_call::EXTENSION as u64 || call.function != guest_call::DONE as u64 {
        return;
    }
    marker::end();
    let [lines, bytes, checksum, ..] = call.args;
    *done = Some(Done { lines, bytes, checksum });
    let agreed = received() == (bytes, checksum);
    call.ret = [if agreed { 0 } else { SBI_FAILED }, 0];
}

/// Puts program and device tree into guest memory. Returns the first instruction.
fn fill(memory: &Mapping, args: &Args) -> Result<u64> {
    let program = file("guest").map_err(|error| format!("file `guest`: {error}"))?;
    let image = Image::parse(program, args.memory - TREE_ROOM).map_err(|error| format!("file `guest`: {error}"))?;
    for (offset, bytes) in &image.segments {
        copy(memory, *offset, bytes);
    }
    let timebase = hyp_rt::sys::timebase() as u32;
    let tree = tree::build(args.memory, timebase, &format!("lines={}", args.lines))
        .map_err(|error| format!("device tree: {error}"))?;
    if tree.len() as u64 > TREE_ROOM {
        return Err(format!("a device tree of {} bytes is too large", tree.len()));
    }
    copy(memory, args.memory - TREE_ROOM, &tree);
    Ok(image.entry)
}

fn copy(memory: &Mapping, offset: u64, bytes: &[u8]) {
    assert!(offset as usize + bytes.len() <= memory.size());
    // SAFETY: the range lies in the mapping, which no guest knows yet.
    unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), memory.pointer(offset as usize), bytes.len()) }
}
