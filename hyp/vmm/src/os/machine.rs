//! The machine: memory, board and vCPUs. Each vCPU has a thread of its own; the first one's is the main thread.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use hyp_abi::Error;
use hyp_abi::vm::{MemoryRegion, reg};
use hyp_rt::sync::Mutex;
use hyp_rt::vm::{InterruptLine, Vcpu, Vm};
use hyp_rt::{eprintln, println, sys, thread};
use hyp_vmm::board::args::{Args, Disk};
use hyp_vmm::board::{Board, Raise, Wired};
use hyp_vmm::device::Bus;
use hyp_vmm::device::sink::Sink;
use hyp_vmm::image::MEMORY;
use hyp_vmm::marker;
use hyp_vmm::shared_memory::SharedMemory;
use monitor::plic::HARTS_MAX;

use crate::load::{Program, fill};
use crate::{FAILED, Result, disk, input, vcpu};

/// A vCPU's mode: S.
const SUPERVISOR: u64 = 1;
/// Bytes of a vCPU's thread's stack.
const STACK: usize = 64 << 10;

/// The machine, which is there as long as the process.
pub struct Machine<S> {
    /// What all threads may ask for.
    pub args: Args,
    /// The virtual machine.
    pub vm: Vm,
    /// Guest memory.
    pub memory: SharedMemory,
    /// The devices.
    pub board: Mutex<Board<S>>,
}

/// The vCPUs' handles, by which their interrupts are raised, and how many there are so far.
static VCPUS: [AtomicUsize; HARTS_MAX] = [const { AtomicUsize::new(0) }; HARTS_MAX];
static STARTED: AtomicUsize = AtomicUsize::new(0);

/// Runs the guest until it powers off, lets `finish` print what is not printed yet, and gives the exit code.
pub fn run<S: Sink + Send + 'static>(args: Args, sink: S, finish: fn(&mut S)) -> Result<i32> {
    let memory = SharedMemory::new(args.memory as usize).map_err(|error| format!("guest memory: {error}"))?;
    let program = fill(&memory, &args)?;
    let vm = Vm::new().map_err(|error| format!("creating the machine: {error}"))?;
    let region =
        MemoryRegion { slot: 0, flags: 0, gpa: MEMORY, size: args.memory, userspace_addr: memory.addr() as u64 };
    // SAFETY: `fill` is done with the memory, and no reference to it is ever made again: disks and calls of the guest copy.
    unsafe { vm.set_memory_region(&region) }.map_err(|error| format!("guest memory: {error}"))?;
    let board = Mutex::new(Board::new(sink, slots(&args, &memory)?, args.vcpus, raise()));
    let machine: &'static Machine<S> = Box::leak(Box::new(Machine { args, vm, memory, board }));
    if machine.args.redirects {
        let windows = machine.board.lock().windows();
        for (gpa, size) in windows {
            machine.vm.set_uer(gpa, size).map_err(|error| format!("user-level exception redirection: {error}"))?;
        }
    }
    let first = prepare(machine, 0)?;
    start_others(machine, finish)?;
    if machine.args.input {
        input::start(machine)?;
    }
    Ok(serve(machine, first, Some(program), finish))
}

fn slots(args: &Args, memory: &SharedMemory) -> Result<Vec<Wired>> {
    let mut slots = Vec::new();
    if args.disk != Disk::None {
        let call = Arc::new(AtomicBool::new(false));
        slots.push(Wired { slot: disk::slot(args.disk, memory, Arc::clone(&call))?, call });
    }
    Ok(slots)
}

fn raise() -> Raise {
    Box::new(|hart, level| {
        let line = InterruptLine::from_handle(VCPUS[hart].load(Ordering::Acquire));
        // The vCPUs are there before the guest begins, and stay: this can't fail.
        let _ = line.set(level);
    })
}

/// Makes the calling thread's vCPU.
fn prepare<S: Sink>(machine: &Machine<S>, number: usize) -> Result<Vcpu> {
    if let Some(hart) = machine.args.hart {
        thread::pin(hart + number).map_err(|error| format!("hart {}: {error}", hart + number))?;
    }
    let made = machine.vm.create_vcpu_number(number).map_err(|error| format!("creating vCPU {number}: {error}"))?;
    VCPUS[number].store(made.handle(), Ordering::Release);
    STARTED.fetch_add(1, Ordering::Release);
    Ok(made)
}

/// Starts the threads of all vCPUs but the first, and waits until the vCPUs are there: the guest starts them.
fn start_others<S: Sink + Send + 'static>(machine: &'static Machine<S>, finish: fn(&mut S)) -> Result<()> {
    for number in 1..machine.args.vcpus {
        let job = move || match prepare(machine, number) {
            Ok(made) => sys::exit(serve(machine, made, None, finish)),
            Err(error) => {
                eprintln!("vmm: {error}");
                sys::exit(FAILED)
            }
        };
        thread::spawn(STACK, job).map_err(|error| format!("the thread of vCPU {number}: {error}"))?;
    }
    while STARTED.load(Ordering::Acquire) < machine.args.vcpus {
        sys::yield_now();
    }
    Ok(())
}

/// Runs the calling thread's vCPU until the machine is off; the exit code. Whichever vCPU turns the machine off, its thread ends the process.
fn serve<S: Sink>(machine: &Machine<S>, mut own: Vcpu, program: Option<Program>, finish: fn(&mut S)) -> i32 {
    let ended = begin(&mut own, program)
        .map_err(|error| format!("setting a register: {error}"))
        .and_then(|()| vcpu::run(machine, &mut own));
    finish(machine.board.lock().sink());
    if let Err(error) = &ended {
        eprintln!("vmm: {error}");
    }
    let mechanism = if machine.args.redirects { "uer" } else { "emulate" };
    println!("vmm: done mech={mechanism} {}", if ended.is_ok() { "ok" } else { "FAILED" });
    if ended.is_ok() { 0 } else { FAILED }
}

/// The first vCPU begins with the kernel's first instruction, as SBI and the kernel's boot protocol say.
fn begin(vcpu: &mut Vcpu, program: Option<Program>) -> core::result::Result<(), Error> {
    let Some(program) = program else { return Ok(()) };
    let registers = [(reg::PC, program.entry), (reg::MODE, SUPERVISOR), (reg::x(10), 0), (reg::x(11), program.tree)];
    for (id, value) in registers {
        vcpu.set_reg(id, value)?;
    }
    marker::begin();
    Ok(())
}

/// The board, for whichever vCPU accesses it.
pub struct Locked<'a, S>(pub &'a Mutex<Board<S>>);

impl<S: Sink> Bus for Locked<'_, S> {
    #[inline]
    fn read(&mut self, gpa: u64, len: u32) -> Option<u64> {
        self.0.lock().read(gpa, len)
    }

    #[inline]
    fn write(&mut self, gpa: u64, len: u32, value: u64) -> Option<()> {
        self.0.lock().write(gpa, len, value)
    }
}

/// A message about memory that can't be had.
pub fn no_memory(what: &str, size: usize) -> impl Fn(Error) -> String {
    let what = String::from(what);
    move |error| format!("{what} of {size} bytes: {error}")
}
