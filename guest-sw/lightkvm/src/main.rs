//! The program: builds the virtual machine that its arguments describe, and runs it to its end.
#![no_std]
#![no_main]
#![cfg(target_arch = "riscv64")]

mod heap;

use core::cell::UnsafeCell;
use core::ffi::CStr;
use core::mem::MaybeUninit;

use lightkvm::aia::{self, Ids};
use lightkvm::args::{self, Args, Irqchip, USAGE};
use lightkvm::board::Board;
use lightkvm::isa::Isa;
use lightkvm::kvm::{CAP_IRQCHIP, Kvm, Register, VCPUS_MAX, Vcpu, Vm};
use lightkvm::lock::Lock;
use lightkvm::memory::Memory;
use lightkvm::sys::{self, Error, File, refuse};
use lightkvm::thread::{fail, spawn};
use lightkvm::tree::Machine;
use lightkvm::vcpu::{self, End, Exits};
use lightkvm::{aia::Mode, map};
use monitor::linux::Header;

/// KVM's number of the debug console (`enum KVM_RISCV_SBI_EXT_ID`), which is off until somebody wants it.
const SBI_DEBUG_CONSOLE: u64 = 9;

// The kernel passes everything on the stack: the number of arguments, and their addresses.
core::arch::global_asm!(
    ".section .text.start",
    ".global _start",
    "_start:",
    "mv a0, sp",
    "andi sp, sp, -16",
    "call {main}",
    "unimp",
    main = sym main,
);

/// What all threads use: written before there is more than one.
struct Shared {
    board: Board,
    memory: Memory,
    vcpus: [Option<Vcpu>; VCPUS_MAX],
    exits: [Lock<Exits>; VCPUS_MAX],
    /// The one vCPU that ends the program.
    ended: Lock<bool>,
}

struct Once(UnsafeCell<MaybeUninit<Shared>>);

// SAFETY: `main` writes it while it is the only thread; from then on it is only read.
unsafe impl Sync for Once {}

static SHARED: Once = Once(UnsafeCell::new(MaybeUninit::uninit()));

fn shared() -> &'static Shared {
    // SAFETY: threads start after `main` has written it.
    unsafe { (*SHARED.0.get()).assume_init_ref() }
}

extern "C" fn main(stack: *const usize) -> ! {
    // SAFETY: the kernel puts the number of arguments there, and behind it the address of each.
    let arguments = unsafe { core::slice::from_raw_parts(stack.add(1).cast::<*const core::ffi::c_char>(), *stack) };
    // SAFETY: arguments end with a NUL.
    let arguments = arguments.iter().skip(1).map(|argument| unsafe { CStr::from_ptr(*argument) });
    let args = args::parse(arguments).unwrap_or_else(|error| {
        File::STDERR.write_all(USAGE.as_bytes());
        fail(error)
    });
    if let Err(error) = start(&args) {
        fail(error);
    }
    run_vcpu(0)
}

/// Builds the machine, and starts all threads but the first vCPU's, which is this one.
fn start(args: &Args) -> Result<(), Error> {
    let vm = Kvm::open()?.create_vm()?;
    let memory = Memory::new(args.memory)?;
    // SAFETY: it is never unmapped, and `Memory` looks at it as it must.
    unsafe { vm.set_memory(map::RAM, memory.host(), args.memory) }?;
    let mut vcpus = [None; VCPUS_MAX];
    for (id, vcpu) in vcpus.iter_mut().enumerate().take(args.cpus) {
        *vcpu = Some(vm.create_vcpu(id)?);
    }
    let aia = controller(vm, args)?;
    let Some(first) = vcpus[0] else {
        return refuse("a machine has a vCPU");
    };
    for vcpu in vcpus.iter().flatten() {
        // Without it, the guest has its serial port.
        let _ = vcpu.set(Register::sbi_extension(SBI_DEBUG_CONSOLE), 1);
    }
    load(args, memory, first, aia)?;
    let shared = Shared {
        board: Board::new(vm, vcpus, aia.is_some()),
        memory,
        vcpus,
        exits: [const { Lock::new(Exits::NONE) }; VCPUS_MAX],
        ended: Lock::new(false),
    };
    // SAFETY: there is one thread, and nobody has looked yet.
    unsafe { (*SHARED.0.get()).write(shared) };
    for id in 1..args.cpus {
        spawn(run_vcpu, id)?;
    }
    spawn(read_input, 0)
}

fn controller(vm: Vm, args: &Args) -> Result<Option<Ids>, Error> {
    let mode = match args.irqchip {
        Irqchip::Plic => None,
        Irqchip::Auto => vm.has(CAP_IRQCHIP).then_some(Mode::Auto),
        Irqchip::Aia(_) if !vm.has(CAP_IRQCHIP) => return refuse("this KVM has no AIA"),
        Irqchip::Aia(mode) => Some(mode),
    };
    let name = match mode {
        None => "PLIC",
        Some(Mode::Emulated) => "AIA in the kernel, interrupt files in software",
        Some(Mode::Hardware) => "AIA in the kernel, guest interrupt files",
        Some(Mode::Auto) => "AIA in the kernel",
    };
    File::STDERR.print(format_args!("lightkvm: {} vcpus, {} MiB, {name}\n", args.cpus, args.memory >> 20));
    mode.map(|mode| aia::create(vm, args.cpus, mode)).transpose()
}

/// Puts kernel, archive and device tree into memory, and the first vCPU to the kernel's start.
fn load(args: &Args, memory: Memory, vcpu: Vcpu, aia: Option<Ids>) -> Result<(), Error> {
    let tree_at = memory.end() - map::TREE_SIZE;
    let kernel_end = memory.load(args.kernel, map::KERNEL, tree_at, "reading the kernel")?;
    // SAFETY: the guest doesn't run, and nothing else is borrowed.
    let Some(header) = Header::read(unsafe { memory.from(map::KERNEL) }) else {
        return refuse("the kernel isn't an uncompressed RISC-V Image");
    };
    let initrd = match args.initrd {
        None => None,
        Some(path) => {
            // Above all that the kernel takes, at a page's start.
            let at = (map::KERNEL.saturating_add(header.image_size)).max(kernel_end).next_multiple_of(0x20_0000);
            Some((at, memory.load(path, at, tree_at, "reading the initial archive")?))
        }
    };
    let number = |register| vcpu.get(register).unwrap_or(0);
    let machine = Machine {
        vcpus: args.cpus,
        memory: memory.size(),
        isa: Isa::of(vcpu),
        satp_mode: number(Register::SATP_MODE),
        blocks: [number(Register::ZICBOM_BLOCK) as u32, number(Register::ZICBOZ_BLOCK) as u32],
        frequency: vcpu.get(Register::TIMER_FREQUENCY)? as u32,
        aia,
        append: args.append,
        initrd,
    };
    let Ok(tree) = machine.build() else { return refuse("the command line can't be put into a device tree") };
    // SAFETY: as above.
    match unsafe { memory.from(tree_at) }.get_mut(..tree.len()) {
        Some(room) => room.copy_from_slice(&tree),
        None => return refuse("the device tree is too large"),
    }
    vcpu.set(Register::PC, map::KERNEL)?;
    vcpu.set(Register::A0, 0)?;
    vcpu.set(Register::A1, tree_at)
}

/// The thread of vCPU `id`.
extern "C" fn run_vcpu(id: usize) -> ! {
    let shared = shared();
    let Some(vcpu) = shared.vcpus[id] else { sys::exit(1) };
    let end = vcpu::run(vcpu, &shared.board, shared.memory, &shared.exits[id]);
    let mut ended = shared.ended.lock();
    if !core::mem::replace(&mut *ended, true) {
        finish(shared, id, end);
    }
    drop(ended);
    loop {
        core::hint::spin_loop();
    }
}

/// Says how it ended, and ends the program.
fn finish(shared: &Shared, id: usize, end: Result<End, Error>) -> ! {
    for (hart, exits) in shared.exits.iter().enumerate().filter(|(hart, _)| shared.vcpus[*hart].is_some()) {
        vcpu::report(hart, &exits.lock());
    }
    let code = match end {
        Ok(End::PowerOff) => {
            File::STDERR.print(format_args!("lightkvm: the guest is off\n"));
            0
        }
        Ok(End::Reset) => {
            File::STDERR.print(format_args!("lightkvm: the guest wants a reset\n"));
            0
        }
        Ok(End::Event(event)) => {
            File::STDERR.print(format_args!("lightkvm: vcpu {id}: the guest reports event {event}\n"));
            1
        }
        Ok(End::Exit(reason)) => {
            File::STDERR.print(format_args!("lightkvm: vcpu {id}: KVM left with reason {reason}\n"));
            1
        }
        Err(error) => {
            File::STDERR.print(format_args!("lightkvm: vcpu {id}: {error}\n"));
            1
        }
    };
    sys::exit(code)
}

/// The thread that hands what is typed to the guest.
extern "C" fn read_input(_: usize) -> ! {
    let mut byte = [0];
    while let Ok(1) = File::STDIN.read(&mut byte) {
        while !shared().board.receive(byte[0]) {
            sys::sleep_ms(1);
        }
    }
    loop {
        sys::sleep_ms(1_000_000);
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    fail(Error { what: "a fault of its own", errno: 0 })
}
