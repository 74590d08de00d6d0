//! Virtual machines, with guests of a few instructions.

use alloc::sync::Arc;
use core::arch::global_asm;
use core::ptr;
use core::slice;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use hyp_abi::Error;
use hyp_abi::event::{EVENT_DEASSIGN, IO_EVENT_DATAMATCH, IRQ_LINE, IRQ_MESSAGE, IoEvent, IrqEvent};
use hyp_abi::vhost::{self, VhostSpec};
use hyp_abi::vm::{DEBUG_BREAKPOINT, MemoryRegion, exit, reg};
use hyp_rt::event::Event;
use hyp_rt::shared::Shared;
use hyp_rt::vhost::Vhost;
use hyp_rt::vm::{InterruptLine, Vcpu, Vm};
use hyp_rt::{sys, thread};

use crate::{Outcome, STACK, after_ms, check, fails};

const MEMORY: u64 = 0x8000_0000;
const MEMORY_SIZE: usize = 64 << 10;
/// A device, in `s1` of all programs.
const DEVICE: u64 = 0x1000_1000;

global_asm!(
    ".section .rodata.selftest_guests, \"a\"",
    ".option push",
    ".option norelax",
    ".option norvc",
    // Shutdown with reason s0.
    ".macro shutdown",
    "99: li a0, 0",
    "    mv a1, s0",
    "    li a6, 0",
    "    li a7, 0x53525354",
    "    ecall",
    "    j  99b",
    ".endm",
    ".balign 8",
    "stores:",
    "    li s0, 0",
    "    li t0, 5",
    "    li t1, 6",
    "    li t2, -7",
    "    sw t0, 0x50(s1)",
    "    sw t1, 0x50(s1)",
    "    sw t2, 0x50(s1)",
    "    sh t0, 0x50(s1)",
    "    sd t2, 0x58(s1)",
    "    sb t2, 0x58(s1)",
    "    lw t0, 0x50(s1)",
    "    shutdown",
    "stores_end:",
    // Tells the device of each interrupt that it takes: 1 software, 9 external.
    ".balign 8",
    "sleeper:",
    "    li    s0, 1",
    "    lla   t0, 2f",
    "    csrw  stvec, t0",
    "    li    t0, 0x202",
    "    csrw  sie, t0",
    "    csrsi sstatus, 2",
    "1:  wfi",
    "    j     1b",
    ".balign 4",
    "2:  csrr  t0, scause",
    "    bgez  t0, 3f",
    "    andi  t0, t0, 0xff",
    "    csrci sip, 2",
    "    sw    t0, 0(s1)",
    "    sret",
    "3:  shutdown",
    "sleeper_end:",
    // Hart 0 starts the others, waits until they have stopped themselves, and
    // starts them again; each time they say who they are, and with what.
    ".balign 8",
    "siblings:",
    "    mv    s3, a0",
    "    mv    s4, a1",
    "    li    s1, 0x10001000",
    "    li    s0, 0",
    "    bnez  s3, 50f",
    "    li    s5, 0",
    "10: li    s6, 1",
    "11: bgeu  s6, s4, 20f",
    "    mv    a0, s6",
    "    lla   a1, siblings",
    "    addi  a2, s5, 100",
    "    li    a6, 0",
    "    li    a7, 0x48534d",
    "    ecall",
    "    bnez  a0, 90f",
    "    addi  s6, s6, 1",
    "    j     11b",
    "20: li    a0, 0",
    "    li    a1, -1",
    "    li    a6, 1",
    "    li    a7, 0x52464e43",
    "    ecall",
    "    bnez  a0, 90f",
    "    li    s6, 1",
    "21: bgeu  s6, s4, 30f",
    "    mv    a0, s6",
    "    li    a6, 2",
    "    li    a7, 0x48534d",
    "    ecall",
    "    bnez  a0, 90f",
    "    li    t0, 1",
    "    bne   a1, t0, 21b",
    "    addi  s6, s6, 1",
    "    j     21b",
    "30: addi  s5, s5, 1",
    "    li    t0, 2",
    "    bltu  s5, t0, 10b",
    "    li    a0, 17",
    "    li    a6, 2",
    "    li    a7, 0x48534d",
    "    ecall",
    "    li    t0, -3",
    "    bne   a0, t0, 90f",
    "    shutdown",
    "50: slli  t0, s3, 8",
    "    add   t0, t0, s4",
    "    sw    t0, 0(s1)",
    "    li    a6, 1",
    "    li    a7, 0x48534d",
    "    ecall",
    "90: li    s0, 1",
    "    shutdown",
    "siblings_end:",
    ".balign 8",
    "breakpoint:",
    "    li    s0, 0",
    "    lla   t0, 1f",
    "    csrw  stvec, t0",
    "    ebreak",
    "    shutdown",
    ".balign 4",
    "1:  li    s0, 3",
    "    shutdown",
    "breakpoint_end:",
    // Runs for ever: with s2 = 0 in a loop, else asleep without interrupts.
    ".balign 8",
    "endless:",
    "    beqz  s2, endless",
    "    wfi",
    "    j     endless",
    "endless_end:",
    ".option pop",
);

macro_rules! program {
    ($name:ident) => {{
        unsafe extern "C" {
            safe static $name: u8;
        }
        ptr::from_ref(&$name)
    }};
}

macro_rules! programs {
    ($($function:ident = $start:ident .. $end:ident;)*) => { $(
        fn $function() -> &'static [u8] {
            let (start, end) = (program!($start), program!($end));
            // SAFETY: both labels belong to one constant, above.
            unsafe { slice::from_raw_parts(start, end.addr() - start.addr()) }
        }
    )* };
}

programs! {
    stores_program = stores..stores_end;
    sleeper_program = sleeper..sleeper_end;
    siblings_program = siblings..siblings_end;
    breakpoint_program = breakpoint..breakpoint_end;
    endless_program = endless..endless_end;
}

/// A machine with one vCPU in the calling thread.
struct Guest {
    vcpu: Vcpu,
    vm: Arc<Vm>,
    memory: usize,
}

impl Guest {
    fn new(program: &[u8]) -> Result<Self, &'static str> {
        let memory = sys::map(MEMORY_SIZE, 0).map_err(fails)?;
        let target: *mut u8 = ptr::with_exposed_provenance_mut(memory);
        // SAFETY: the memory is ours, larger than a program, and no guest knows it yet.
        unsafe { target.copy_from_nonoverlapping(program.as_ptr(), program.len()) };
        let vm = Arc::new(Vm::new().map_err(fails)?);
        let region =
            MemoryRegion { slot: 0, flags: 0, gpa: MEMORY, size: MEMORY_SIZE as u64, userspace_addr: memory as u64 };
        // SAFETY: no reference to the memory exists.
        unsafe { vm.set_memory_region(&region) }.map_err(fails)?;
        let mut vcpu = vm.create_vcpu().map_err(fails)?;
        for (register, value) in [(reg::PC, MEMORY), (reg::x(9), DEVICE)] {
            vcpu.set_reg(register, value).map_err(fails)?;
        }
        Ok(Self { vcpu, vm, memory })
    }

    /// Runs until a device is written to; gives address and value.
    fn device(&mut self) -> Result<(u64, u64), &'static str> {
        self.vcpu.run().map_err(fails)?;
        let page = self.vcpu.run_page();
        check!(page.exit_reason == exit::MMIO, "another exit than of a device");
        Ok((page.mmio.gpa, page.mmio.data))
    }

    /// Runs until shutdown, which tells that all is well.
    fn shutdown(&mut self) -> Outcome {
        self.vcpu.run().map_err(fails)?;
        let page = self.vcpu.run_page();
        check!(page.exit_reason == exit::SYSTEM_EVENT, "another exit than shutdown");
        check!(page.system_event.reason == 0, "the guest is not content");
        Ok(())
    }

    fn end(self) -> Outcome {
        let Self { vcpu, vm, memory } = self;
        drop(vcpu);
        drop(vm);
        // SAFETY: nobody uses the memory any more.
        unsafe { sys::unmap(memory, MEMORY_SIZE) }.map(drop).map_err(fails)
    }
}

pub fn io_events() -> Outcome {
    let mut guest = Guest::new(stores_program())?;
    let event = Event::new().map_err(fails)?;
    let handle = event.handle().raw();
    let matched = |datamatch, bits| IoEvent {
        gpa: DEVICE + 0x50,
        datamatch,
        len: 4,
        flags: IO_EVENT_DATAMATCH,
        event: handle,
        bits,
    };
    let any = IoEvent { gpa: DEVICE + 0x58, datamatch: 0, len: 0, flags: 0, event: handle, bits: 4 };
    for spec in [matched(5, 1), matched(6, 2), matched(99, 8), any] {
        guest.vm.io_event(&spec).map_err(fails)?;
    }
    check!(guest.vm.io_event(&matched(5, 16)) == Err(Error::AlreadyExists), "a store has two meanings");
    check!(guest.vm.io_event(&IoEvent { len: 3, ..any }) == Err(Error::InvalidArgument), "a store of 3 bytes");
    check!(guest.vm.io_event(&IoEvent { bits: 0, ..any }) == Err(Error::InvalidArgument), "an event without bits");
    let unbound = IoEvent { flags: IO_EVENT_DATAMATCH | EVENT_DEASSIGN, ..matched(99, 8) };
    guest.vm.io_event(&unbound).map_err(fails)?;
    check!(guest.vm.io_event(&unbound) == Err(Error::NotFound), "an address is unbound twice");
    check!(guest.device()? == (DEVICE + 0x50, 0xffff_fff9), "a store that does not match is lost");
    check!(event.take() == Ok(3), "stores that match signal something else");
    check!(guest.device()? == (DEVICE + 0x50, 5), "a shorter store matches");
    check!(guest.device()? == (DEVICE + 0x50, 0), "a load matches");
    check!(event.take() == Ok(4), "stores of any length do not match");
    guest.shutdown()?;
    guest.end()
}

/// A thread that signals bits of the event, each time the guest has taken the
/// interrupt before.
pub fn irq_events() -> Outcome {
    const ROUNDS: u64 = 50;
    let mut guest = Guest::new(sleeper_program())?;
    let event = Arc::new(Event::new().map_err(fails)?);
    let handle = event.handle().raw();
    let spec = |bits, kind| IrqEvent { event: handle, bits, vcpu: 0, kind, ..IrqEvent::default() };
    let (message, line) = (spec(1, IRQ_MESSAGE), spec(2, IRQ_LINE));
    guest.vm.irq_event(&message).map_err(fails)?;
    guest.vm.irq_event(&line).map_err(fails)?;
    check!(guest.vm.irq_event(&message) == Err(Error::AlreadyExists), "a bit is bound twice");
    let nobody = IrqEvent { vcpu: 5, ..spec(4, IRQ_LINE) };
    check!(guest.vm.irq_event(&nobody) == Err(Error::NotFound), "a vCPU that is not there is interrupted");
    let taken = Arc::new(Event::new().map_err(fails)?);
    let (source, answer) = (Arc::clone(&event), Arc::clone(&taken));
    thread::spawn(STACK, move || {
        for round in 0..ROUNDS {
            let _ = source.signal(if round % 2 == 0 { 1 } else { 2 });
            if answer.wait_until(after_ms(1000)).is_err() {
                break;
            }
        }
    })
    .map_err(fails)?;
    for round in 0..ROUNDS {
        let (_, cause) = guest.device()?;
        check!(cause == if round % 2 == 0 { 1 } else { 9 }, "another interrupt");
        guest.vcpu.interrupt_line().set(false).map_err(fails)?;
        taken.signal(1).map_err(fails)?;
    }
    check!(event.take() == Err(Error::TryAgain), "bits that interrupt are seen by who waits");
    let unbound = IrqEvent { flags: EVENT_DEASSIGN, ..message };
    guest.vm.irq_event(&unbound).map_err(fails)?;
    event.signal(1 | 8).map_err(fails)?;
    check!(event.take() == Ok(9), "bits that were unbound are lost");
    guest.end()?;
    event.signal(2).map_err(fails)?;
    check!(event.take() == Ok(2), "a dead machine is interrupted");
    Ok(())
}

pub fn siblings() -> Outcome {
    const HARTS: usize = 4;
    struct Shared {
        vm: Arc<Vm>,
        handles: [AtomicUsize; HARTS],
        said: AtomicU64,
        ready: Event,
    }
    let mut guest = Guest::new(siblings_program())?;
    let shared = Arc::new(Shared {
        vm: Arc::clone(&guest.vm),
        handles: Default::default(),
        said: AtomicU64::new(0),
        ready: Event::new().map_err(fails)?,
    });
    check!(guest.vcpu.get_reg(reg::STARTED) == Ok(1), "vCPU 0 is stopped");
    for number in 1..HARTS {
        let shared = Arc::clone(&shared);
        let job = move || {
            if let Ok(mut vcpu) = shared.vm.create_vcpu_number(number) {
                shared.handles[number].store(vcpu.handle(), Ordering::Relaxed);
                let _ = shared.ready.signal(1 << number);
                while vcpu.run().is_ok() {
                    // Each says (number << 8) + 100, and then with 101.
                    shared.said.fetch_add(vcpu.run_page().mmio.data, Ordering::Relaxed);
                }
            }
            let _ = shared.ready.signal(1 << (8 + number));
        };
        thread::spawn(STACK, job).map_err(fails)?;
    }
    let all = (1 << HARTS) - 2;
    let wait = |wanted: u32| {
        let mut seen = 0;
        while seen & wanted != wanted {
            seen |= shared.ready.wait_until(after_ms(2000)).map_err(fails)?;
        }
        Ok::<(), &'static str>(())
    };
    wait(all)?;
    guest.vcpu.set_reg(reg::x(11), HARTS as u64).map_err(fails)?;
    guest.shutdown()?;
    check!(shared.said.load(Ordering::Relaxed) == 2 * (1 + 2 + 3) * 256 + 3 * 201, "siblings say something else");
    for number in 1..HARTS {
        InterruptLine::from_handle(shared.handles[number].load(Ordering::Relaxed)).kick().map_err(fails)?;
    }
    wait(all << 8)?;
    drop(shared);
    // The last thread may still hold the machine for a moment.
    let limit = after_ms(1000) as u64;
    while Arc::strong_count(&guest.vm) > 1 {
        check!(sys::time() < limit, "a sibling does not end");
        sys::yield_now();
    }
    guest.end()
}

pub fn debug() -> Outcome {
    let mut guest = Guest::new(breakpoint_program())?;
    guest.vcpu.set_guest_debug(DEBUG_BREAKPOINT).map_err(fails)?;
    guest.vcpu.run().map_err(fails)?;
    let page = guest.vcpu.run_page();
    check!(page.exit_reason == exit::DEBUG, "a breakpoint is no exit");
    let pc = page.debug.pc;
    check!(guest.vcpu.get_reg(reg::PC) == Ok(pc), "a breakpoint is passed");
    guest.vcpu.set_reg(reg::PC, pc + 4).map_err(fails)?;
    guest.shutdown()?;
    guest.end()?;
    // Without, it is the guest's own exception.
    let mut guest = Guest::new(breakpoint_program())?;
    guest.vcpu.run().map_err(fails)?;
    check!(guest.vcpu.run_page().system_event.reason == 3, "the guest's breakpoint is taken away");
    guest.end()
}

pub fn kicks() -> Outcome {
    for asleep in [0, 1] {
        let mut guest = Guest::new(endless_program())?;
        guest.vcpu.set_reg(reg::x(18), asleep).map_err(fails)?;
        let line = guest.vcpu.interrupt_line();
        line.kick().map_err(fails)?;
        check!(guest.vcpu.run() == Err(Error::Interrupted), "a kick before the run is lost");
        check!(guest.vcpu.run_page().exit_reason == exit::INTR, "another exit reason");
        let job = move || {
            sys::sleep_until(after_ms(2) as u64);
            let _ = line.kick();
        };
        thread::spawn(STACK, job).map_err(fails)?;
        check!(guest.vcpu.run() == Err(Error::Interrupted), "a kick is lost");
        guest.end()?;
    }
    Ok(())
}

/// A worker of the kernel's waits at an event of ours. Nobody takes its bits from
/// it, and its end reaches it whatever becomes of them: else it would stay for ever,
/// with the memory, which whoever counts what is left behind would see.
pub fn workers() -> Outcome {
    const SIZE: usize = 2 << 20;
    let guest = Guest::new(endless_program())?;
    let [memory, disk] = [Shared::new(SIZE).map_err(fails)?, Shared::new(SIZE).map_err(fails)?];
    let [kick, call] = [Event::new().map_err(fails)?, Event::new().map_err(fails)?];
    let spec = VhostSpec {
        kind: vhost::DISK,
        memory: memory.handle().raw(),
        backing: disk.handle().raw(),
        kick: kick.handle().raw(),
        call: call.handle().raw(),
        call_bits: 1,
        gpa: MEMORY,
        memory_size: SIZE as u64,
        disk_size: SIZE as u64,
        ..VhostSpec::default()
    };
    for wrong in [VhostSpec { gpa: MEMORY + 1, ..spec }, VhostSpec { memory_size: SIZE as u64 + 1, ..spec }] {
        check!(Vhost::new(&wrong) == Err(Error::InvalidArgument), "memory that is not there");
    }
    let worker = Vhost::new(&spec).map_err(fails)?;
    check!(kick.take() == Err(Error::Busy), "a process takes what a worker waits for");
    check!(Vhost::new(&spec) == Err(Error::Busy), "two workers wait for the same");
    let irq = IrqEvent { event: spec.kick, bits: vhost::CONTROL, kind: IRQ_LINE, ..IrqEvent::default() };
    guest.vm.irq_event(&irq).map_err(fails)?;
    drop(worker);
    let limit = after_ms(200) as u64;
    while kick.take() == Err(Error::Busy) {
        check!(sys::time() < limit, "a worker does not end");
        sys::yield_now();
    }
    guest.end()
}

/// As a child: a guest that runs for ever, with a sibling that sleeps.
pub fn endless() -> i32 {
    let Ok(mut guest) = Guest::new(endless_program()) else { return 1 };
    let vm = Arc::clone(&guest.vm);
    let job = move || {
        if let Ok(mut vcpu) = vm.create_vcpu() {
            let _ = vcpu.run();
        }
    };
    if thread::spawn(STACK, job).is_err() {
        return 1;
    }
    let _ = guest.vcpu.run();
    1
}
