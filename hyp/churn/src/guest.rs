//! One guest, from its creation to its end.

use alloc::sync::Arc;
use core::ptr;

use hyp_abi::Error;
use hyp_abi::event::{IRQ_LINE, IRQ_MESSAGE, IoEvent, IrqEvent};
use hyp_abi::vm::{MemoryRegion, exit, reg};
use hyp_rt::event::Event;
use hyp_rt::shared::{self, Shared};
use hyp_rt::sys;
use hyp_rt::vm::{Vcpu, Vm};

use crate::crew::{Crew, HELPERS};
use crate::program::{self, DOORBELL, MEMORY, MEMORY_SIZE};
use crate::random::Random;

const HUGE: usize = 2 << 20;
/// Bit of the doorbell event.
const DOORBELL_BIT: u32 = 1;
/// Bits of the event that interrupts the guest.
const MESSAGE_BIT: u32 = 1 << 4;
const LINE_BIT: u32 = 1 << 5;

/// How a guest ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself.
    Done,
    /// In the middle, by the schedule.
    Stopped,
}

/// Guest memory, of the process's own or shared.
enum Memory {
    Own(usize),
    /// The object, whose handle is kept only in half of the cases: the mapping
    /// is enough.
    Shared(usize, Option<Shared>),
}

impl Memory {
    fn new(random: &mut Random) -> Result<Self, Error> {
        if random.chance(50) {
            let object = Shared::new(HUGE)?;
            return Ok(Self::Shared(object.map()?, random.chance(50).then_some(object)));
        }
        sys::map(MEMORY_SIZE, 0).map(Self::Own)
    }

    fn address(&self) -> usize {
        match self {
            Self::Own(address) | Self::Shared(address, _) => *address,
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: the VM is gone (fields of `Guest` are dropped in order), and no
        // reference to guest memory is ever made. Refused while a vCPU is left.
        let freed = unsafe {
            match self {
                Self::Own(address) => sys::unmap(*address, MEMORY_SIZE).map(drop),
                Self::Shared(address, object) => {
                    drop(object.take());
                    shared::unmap(*address, HUGE)
                }
            }
        };
        assert!(freed.is_ok(), "guest memory is still in use: {freed:?}");
    }
}

struct Guest {
    vcpu: Vcpu,
    vm: Arc<Vm>,
    interrupts: Event,
    doorbell: Event,
    _memory: Memory,
}

impl Guest {
    fn new(random: &mut Random, harts: u64) -> Result<Self, Error> {
        let memory = Memory::new(random)?;
        let code = program::bytes();
        let target: *mut u8 = ptr::with_exposed_provenance_mut(memory.address());
        // SAFETY: the memory is mapped, larger than the program, and no guest knows it yet.
        unsafe { target.copy_from_nonoverlapping(code.as_ptr(), code.len()) };
        let vm = Arc::new(Vm::new()?);
        let address = memory.address() as u64;
        let region = MemoryRegion { slot: 0, flags: 0, gpa: MEMORY, size: MEMORY_SIZE as u64, userspace_addr: address };
        // SAFETY: no Rust reference to the memory exists.
        unsafe { vm.set_memory_region(&region) }?;
        let (doorbell, interrupts) = (Event::new()?, Event::new()?);
        let event = doorbell.handle().raw();
        vm.io_event(&IoEvent { gpa: DOORBELL, len: 4, event, bits: DOORBELL_BIT, ..IoEvent::default() })?;
        let mut vcpu = vm.create_vcpu_number(0)?;
        let rounds = 1 + random.below(8);
        let registers = [(reg::PC, MEMORY), (reg::x(10), 0), (reg::x(11), harts), (reg::x(12), rounds), (reg::MODE, 1)];
        for (register, value) in registers {
            vcpu.set_reg(register, value)?;
        }
        let event = interrupts.handle().raw();
        for (bits, kind) in [(MESSAGE_BIT, IRQ_MESSAGE), (LINE_BIT, IRQ_LINE)] {
            vm.irq_event(&IrqEvent { event, bits, vcpu: 0, kind, ..IrqEvent::default() })?;
        }
        Ok(Self { vcpu, vm, interrupts, doorbell, _memory: memory })
    }

    /// Runs vCPU 0 until the guest is done, or for `patience` exits.
    fn run(&mut self, random: &mut Random, patience: u64) -> Result<End, Error> {
        for _ in 0..patience {
            match self.vcpu.run() {
                Ok(()) => {}
                Err(Error::Interrupted) => return Ok(End::Stopped),
                Err(error) => return Err(error),
            }
            let page = self.vcpu.run_page();
            match page.exit_reason {
                exit::MMIO => page.mmio.data = random.next(),
                exit::SYSTEM_EVENT if page.system_event.reason == 0 => return Ok(End::Done),
                exit::SYSTEM_EVENT => return Err(Error::InvalidArgument),
                reason => panic!("exit reason {reason}"),
            }
            if random.chance(30) {
                self.interrupts.signal(MESSAGE_BIT)?;
            }
            if random.chance(5) {
                self.vcpu.interrupt_line().kick()?;
            }
        }
        Ok(End::Stopped)
    }
}

/// One guest, with secondary vCPUs of the crew.
pub fn churn(crew: &Crew, random: &mut Random) -> Result<End, Error> {
    let helpers = random.below(HELPERS as u64 + 1) as usize;
    let mut guest = Guest::new(random, 1 + helpers as u64)?;
    crew.begin(&guest.vm, helpers, random)?;
    let patience = if random.chance(50) { random.below(40) } else { u64::MAX };
    let end = guest.run(random, patience)?;
    if end == End::Done && guest.doorbell.take().is_err() {
        return Err(Error::NotFound);
    }
    let late = random.chance(50);
    if late {
        // The siblings outlive vCPU 0 for a while.
        let Guest { vcpu, vm, interrupts, doorbell, _memory } = guest;
        drop(vcpu);
        drop((interrupts, doorbell));
        crew.end(helpers)?;
        drop(vm);
        drop(_memory);
    } else {
        crew.end(helpers)?;
        drop(guest);
    }
    Ok(end)
}
