//! Guests of a few instructions, and their virtual machines.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use core::arch::global_asm;
use core::slice;
use core::sync::atomic::{AtomicU64, Ordering};

use hyp_abi::Error;
use hyp_abi::vm::{MemoryRegion, exit, reg};
use hyp_rt::memory::Mapping;
use hyp_rt::thread;
use hyp_rt::vm::{Vcpu, Vm};

use crate::Result;

/// Where guests' memory begins.
const MEMORY: u64 = 0x8000_0000;
const MEMORY_SIZE: usize = 64 << 10;
/// Offset of what guest and tests share.
const SHARED: usize = 0x8000;
/// A page that is no memory, for UER.
pub const DEVICE: u64 = 0x1000_0000;

global_asm!(
    ".section .rodata.guests, \"a\"",
    ".option push",
    ".option norvc",
    ".balign 4",
    // Between marks 1 and 2: a0 = how often, a1 = first VEIRQ, a2 = mask of the numbers added to it,
    // a3 = rounds of delay, a4 = shared: sends so far, stop
    ".global guest_sender",
    "guest_sender:",
    "    slti  x0, x0, 1",
    "    li    t3, 0",
    "1:  and   t0, t3, a2",
    "    add   t0, t0, a1",
    "    fence w, o",
    "    csrw  {VEISEND}, t0",
    "    addi  t3, t3, 1",
    "    sd    t3, 0(a4)",
    "    mv    t1, a3",
    "2:  addi  t1, t1, -1",
    "    bgtz  t1, 2b",
    "    ld    t2, 8(a4)",
    "    bnez  t2, 3f",
    "    bltu  t3, a0, 1b",
    "3:  slti  x0, x0, 2",
    "    li    a1, 0",
    "guest_off:",
    "    li    a7, 0x53525354",
    "    li    a6, 0",
    "    li    a0, 0",
    "    ecall",
    // x29 = a device or 0, x31 = shared: rounds so far, stop. All other
    // registers hold what they must hold, and that is looked at in each round.
    ".balign 4",
    ".global guest_spinner",
    "guest_spinner:",
    ".irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28",
    "    li    x\\n, \\n * 37 + 5",
    ".endr",
    "4:  ld    x30, 0(x31)",
    "    addi  x30, x30, 1",
    "    sd    x30, 0(x31)",
    "    beqz  x29, 5f",
    "    sb    x30, 0(x29)",
    "5:",
    ".irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28",
    "    li    x30, \\n * 37 + 5",
    "    bne   x\\n, x30, 6f",
    ".endr",
    "    ld    x30, 8(x31)",
    "    beqz  x30, 4b",
    "    li    a1, 0",
    "    j     guest_off",
    "6:  li    a1, 1",
    "    j     guest_off",
    ".global guests_end",
    "guests_end:",
    ".option pop",
    VEISEND = const ha_iov_ext::csr::VEISEND,
);

unsafe extern "C" {
    static guest_sender: u8;
    static guest_spinner: u8;
    static guests_end: u8;
}

/// What a guest does.
#[derive(Clone, Copy, Debug)]
pub enum Program {
    /// Sends.
    Send {
        /// How often.
        count: u64,
        /// VEIRQs from here on,
        first: u64,
        /// as many, a power of two.
        numbers: u64,
        /// Rounds of a loop between two sends.
        delay: u64,
    },
    /// Counts, and watches its registers.
    Spin {
        /// Stores to this address in each round, if it is not 0.
        device: u64,
    },
}

/// How a guest ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself, content (0) or not.
    Off(u64),
    /// `VCPU_RUN` was told to return.
    Interrupted,
    /// With another exit.
    Exit(u32),
}

/// A virtual machine with a guest, which threads share.
pub struct Machine {
    /// The machine.
    pub vm: Vm,
    memory: Mapping,
    program: Program,
    /// Sends without a route, each tried again.
    pub misses: AtomicU64,
    /// Most of them before the guest is given up.
    pub misses_max: u64,
}

impl Machine {
    /// A machine with a guest.
    pub fn new(program: Program) -> Result<Arc<Self>> {
        let wrong = |error: Error| format!("a machine: {error}");
        let (vm, memory) = (Vm::new().map_err(wrong)?, Mapping::new(MEMORY_SIZE).map_err(wrong)?);
        let start = &raw const guest_sender;
        // SAFETY: the blob is between the two labels, and the memory new.
        unsafe {
            let code = slice::from_raw_parts(start, &raw const guests_end as usize - start as usize);
            memory.pointer(0).copy_from_nonoverlapping(code.as_ptr(), code.len());
            memory.pointer(SHARED).write_bytes(0, 64);
        }
        let region = MemoryRegion {
            slot: 0,
            flags: 0,
            gpa: MEMORY,
            size: MEMORY_SIZE as u64,
            userspace_addr: memory.addr() as u64,
        };
        // SAFETY: what is shared is accessed as atomics only.
        unsafe { vm.set_memory_region(&region) }.map_err(wrong)?;
        Ok(Arc::new(Self { vm, memory, program, misses: AtomicU64::new(0), misses_max: u64::MAX }))
    }

    fn shared(&self, index: usize) -> &AtomicU64 {
        // SAFETY: aligned, in the mapping, and only accessed as atomics.
        unsafe { &*self.memory.pointer(SHARED + 8 * index).cast() }
    }

    /// Sends or rounds so far.
    pub fn progress(&self) -> u64 {
        self.shared(0).load(Ordering::Acquire)
    }

    /// Asks the guest to end.
    pub fn stop(&self) {
        self.shared(1).store(1, Ordering::Release);
    }

    /// A vCPU of the calling thread, ready to run.
    pub fn vcpu(&self) -> Result<Vcpu> {
        let wrong = |error: Error| format!("a vCPU: {error}");
        let mut vcpu = self.vm.create_vcpu().map_err(wrong)?;
        let shared = MEMORY + SHARED as u64;
        let base = &raw const guest_sender as u64;
        let mut set = |id, value| vcpu.set_reg(id, value).map_err(wrong);
        match self.program {
            Program::Send { count, first, numbers, delay } => {
                set(reg::PC, MEMORY)?;
                for (index, value) in [count, first, numbers - 1, delay, shared].into_iter().enumerate() {
                    set(reg::x(10 + index), value)?;
                }
            }
            Program::Spin { device } => {
                set(reg::PC, MEMORY + (&raw const guest_spinner as u64 - base))?;
                set(reg::x(29), device)?;
                set(reg::x(31), shared)?;
            }
        }
        Ok(vcpu)
    }

    /// Runs the guest in the calling thread.
    pub fn run(&self, vcpu: &mut Vcpu) -> Result<End> {
        loop {
            match vcpu.run() {
                Ok(()) => {}
                Err(Error::Interrupted) => return Ok(End::Interrupted),
                Err(error) => return Err(format!("a run: {error}")),
            }
            let page = vcpu.run_page();
            match page.exit_reason {
                exit::VEI_MISS if self.misses.fetch_add(1, Ordering::Relaxed) < self.misses_max => {}
                exit::SYSTEM_EVENT => return Ok(End::Off(page.system_event.reason)),
                other => return Ok(End::Exit(other)),
            }
        }
    }

    /// Runs the guest in a new thread on a hart.
    pub fn start(self: &Arc<Self>, hart: usize) -> Task<Result<End>> {
        let machine = Arc::clone(self);
        Task::spawn(move || {
            thread::pin(hart).map_err(|error| format!("hart {hart}: {error}"))?;
            machine.run(&mut machine.vcpu()?)
        })
    }
}

/// A thread and its result.
pub struct Task<T>(Arc<(AtomicU64, hyp_rt::sync::Mutex<Option<T>>)>);

impl<T: Send + 'static> Task<T> {
    /// Starts it.
    pub fn spawn(job: impl FnOnce() -> T + Send + 'static) -> Self {
        let shared = Arc::new((AtomicU64::new(0), hyp_rt::sync::Mutex::new(None)));
        let result = Arc::clone(&shared);
        let spawned = thread::spawn(256 << 10, move || {
            *result.1.lock() = Some(job());
            result.0.store(1, Ordering::Release);
        });
        assert!(spawned.is_ok(), "no thread");
        Self(shared)
    }

    /// Waits for it.
    pub fn join(self) -> T {
        while self.0.0.load(Ordering::Acquire) == 0 {
            crate::nap();
        }
        let result = self.0.1.lock().take();
        result.expect("a task leaves its result")
    }
}

/// That a guest ended as it should.
pub fn content(end: Result<End>) -> Result<()> {
    match end? {
        End::Off(0) => Ok(()),
        other => Err(String::from("a guest ended with ") + &format!("{other:?}")),
    }
}
