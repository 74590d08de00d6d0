//! A guest: memory with a program and a device tree, and one vCPU.

use alloc::format;
use alloc::vec::Vec;

use hyp_abi::vm::{InternalError, MemoryRegion, RunPage, exit, reg};
use hyp_rt::memory::file;
use hyp_rt::vm::{Vcpu, Vm};
use hyp_vmm::args::{Args, Completion, Device};
use hyp_vmm::device::sink::Tally;
use hyp_vmm::image::{Image, MEMORY};
use hyp_vmm::sbi::{self, Done, Host};
use hyp_vmm::shared_memory::SharedMemory;
use hyp_vmm::{marker, tree};

use crate::virtio::FIRST_VEIRQ;
use crate::{Result, crew};

/// The tree lies this far below the end of guest memory.
const TREE_ROOM: u64 = 64 << 10;
/// A vCPU's mode: S.
pub const SUPERVISOR: u64 = 1;

/// Name of a guest that needs no file: it only waits.
pub const IDLE: &str = "idle";
/// `wfi; j -4`.
const IDLE_PROGRAM: [u8; 8] = [0x73, 0x00, 0x50, 0x10, 0x6f, 0xf0, 0xdf, 0xff];

/// What the guest says that it has printed, and what had arrived then.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    pub said: Done,
    pub arrived: Tally,
}

impl Report {
    /// Whether every byte has arrived.
    pub fn agrees(&self) -> bool {
        let Done { bytes, checksum, .. } = self.said;
        self.arrived == Tally { bytes, checksum }
    }
}

/// A virtual machine ready to run.
pub struct Guest {
    pub vm: Vm,
    pub vcpu: Vcpu,
    pub memory: SharedMemory,
    said: Said,
}

/// What the guest has told by calls.
#[derive(Default)]
struct Said {
    report: Option<Report>,
    /// Beginning of what it writes in several calls.
    text: Vec<u8>,
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
        let memory = SharedMemory::new(args.memory as usize).map_err(refused("guest memory"))?;
        let entry = fill(&memory, args)?;
        let vm = Vm::new().map_err(refused("creating the machine"))?;
        let region =
            MemoryRegion { slot: 0, flags: 0, gpa: MEMORY, size: args.memory, userspace_addr: memory.addr() as u64 };
        // SAFETY: `fill` is done with the memory, and no reference to it is ever made again: calls of the guest copy.
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
        Ok(Guest { vm, vcpu, memory, said: Said::default() })
    }

    /// What the guest has reported.
    pub fn report(&self) -> Option<Report> {
        self.said.report
    }

    /// Runs the vCPU until the next exit, and serves that if it is not a device's. `arrived` tells what has come out of the guest.
    #[inline(always)]
    pub fn run(&mut self, arrived: impl FnOnce() -> Tally) -> Result<Next> {
        self.vcpu.run().map_err(|error| format!("running the vCPU: {error}"))?;
        let page = self.vcpu.run_page();
        if page.exit_reason == exit::MMIO {
            return Ok(Next::Device);
        }
        serve(page, Calls { said: &mut self.said, memory: &self.memory, arrived: Some(arrived) })
    }
}

/// Serves an exit other than a device access.
#[cold]
fn serve(page: &mut RunPage, mut calls: Calls<'_, impl FnOnce() -> Tally>) -> Result<Next> {
    match page.exit_reason {
        exit::RISCV_SBI => {
            sbi::serve(&mut page.sbi, &mut calls);
            Ok(Next::Again)
        }
        exit::SYSTEM_EVENT => match (page.system_event.kind, page.system_event.reason) {
            (0, 0) => Ok(Next::Off),
            (0, reason) => Err(format!("the guest has failed with reset reason {reason:#x}")),
            (kind, _) => Err(format!("the guest wants to reboot (reset type {kind:#x}), which it can't here")),
        },
        exit::INTR => Ok(Next::Again),
        exit::INTERNAL_ERROR => {
            let InternalError { scause, sepc, stval, gpa } = page.internal;
            Err(format!("the guest can't go on: cause {scause} at pc {sepc:#x}, address {stval:#x}, physical {gpa:#x}"))
        }
        reason => Err(format!("exit reason {reason} is not known")),
    }
}

/// What SBI calls of the guest reach.
struct Calls<'a, A> {
    said: &'a mut Said,
    memory: &'a SharedMemory,
    arrived: Option<A>,
}

impl<A> Calls<'_, A> {
    /// A range of guest memory.
    fn range(&self, gpa: u64, len: usize) -> Option<*mut u8> {
        let offset = usize::try_from(gpa.checked_sub(MEMORY)?).ok()?;
        let end = offset.checked_add(len)?;
        (end <= self.memory.size()).then(|| self.memory.pointer(offset))
    }
}

impl<A: FnOnce() -> Tally> Host for Calls<'_, A> {
    fn done(&mut self, said: Done) -> bool {
        marker::end();
        let Some(arrived) = self.arrived.take() else { return false };
        let report = Report { said, arrived: arrived() };
        // The first report counts.
        self.said.report.get_or_insert(report).agrees()
    }

    fn ready(&mut self) {
        crew::muster();
    }

    fn write(&mut self, bytes: &[u8]) {
        // What is too long for one call goes on in the next. It is kept together: other guests may write, too.
        let text = &mut self.said.text;
        text.extend_from_slice(bytes);
        if bytes.len() < sbi::PIECE || bytes.ends_with(b"\n") {
            crate::console(text);
            text.clear();
        }
    }

    fn read(&mut self, bytes: &mut [u8]) -> usize {
        hyp_rt::sys::console_read(bytes).unwrap_or(0)
    }

    fn fetch(&mut self, gpa: u64, bytes: &mut [u8]) -> Option<()> {
        let from = self.range(gpa, bytes.len())?;
        // SAFETY: the range lies in guest memory, whose only vCPU stands still, and `bytes` doesn't.
        unsafe { core::ptr::copy_nonoverlapping(from, bytes.as_mut_ptr(), bytes.len()) };
        Some(())
    }

    fn store(&mut self, gpa: u64, bytes: &[u8]) -> Option<()> {
        let to = self.range(gpa, bytes.len())?;
        // SAFETY: as in `fetch`.
        unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
        Some(())
    }
}

/// Puts program and device tree into guest memory. Returns the first instruction.
fn fill(memory: &SharedMemory, args: &Args) -> Result<u64> {
    let name = &args.guest;
    let program = match name.as_str() {
        IDLE => Ok(&IDLE_PROGRAM[..]),
        _ => file(name).map_err(|error| format!("file `{name}`: {error}")),
    }?;
    let image = Image::parse(program, args.memory - TREE_ROOM).map_err(|error| format!("file `{name}`: {error}"))?;
    for (offset, bytes) in &image.segments {
        copy(memory, *offset, bytes);
    }
    let timebase = hyp_rt::sys::timebase() as u32;
    let lines = format!("lines={}", args.lines);
    let bootargs = if args.guest_args.is_empty() { &lines } else { &args.guest_args };
    let virtio = (args.device != Device::None).then(|| tree::Virtio {
        message: args.completion == Completion::Message,
        veirq: args.mechanism.uses_vei().then_some(FIRST_VEIRQ),
    });
    let tree = tree::build(args.memory, timebase, bootargs, virtio).map_err(|error| format!("device tree: {error}"))?;
    if tree.len() as u64 > TREE_ROOM {
        return Err(format!("a device tree of {} bytes is too large", tree.len()));
    }
    copy(memory, args.memory - TREE_ROOM, &tree);
    Ok(image.entry)
}

fn copy(memory: &SharedMemory, offset: u64, bytes: &[u8]) {
    assert!(offset as usize + bytes.len() <= memory.size());
    // SAFETY: the range lies in the mapping, which no guest knows yet.
    unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), memory.pointer(offset as usize), bytes.len()) }
}
