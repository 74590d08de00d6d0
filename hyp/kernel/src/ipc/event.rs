//! Event objects: a [`Signal`] that processes have handles of, some of whose
//! bits may be bound to interrupts of guests.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};

use hyp_abi::Error;
use hyp_abi::event::{IRQ_EVENTS_MAX, IRQ_LINE};

use crate::arch::csr::{INT_VSEI, INT_VSSI};
use crate::sched::signal::{Deadline, Signal};
use crate::stats::{Counted, Kind};
use crate::sync::SpinLock;
use crate::vm::line::VcpuLine;

/// Bits that become an interrupt.
pub struct IrqBinding {
    bits: u32,
    /// In `hvip`.
    interrupt: u64,
    line: Arc<VcpuLine>,
    _live: Counted,
}

impl IrqBinding {
    /// A binding of `bits` to the interrupt of a vCPU; `kind` as in the ABI.
    pub fn new(bits: u32, kind: u32, line: Arc<VcpuLine>) -> Self {
        let interrupt = if kind == IRQ_LINE { INT_VSEI } else { INT_VSSI };
        Self { bits, interrupt, line, _live: Counted::new(Kind::IrqEvent) }
    }

    fn is_of(&self, vm: usize) -> bool {
        self.line.vm() == vm
    }
}

/// An event. Lock order: `bindings`, then those of the scheduler.
pub struct Event {
    signal: Signal,
    /// Union of the bits of `bindings`, so that signals without any need no lock.
    bound: AtomicU32,
    bindings: SpinLock<Vec<IrqBinding>>,
    _live: Counted,
}

impl Event {
    /// Without bits.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            signal: Signal::new(),
            bound: AtomicU32::new(0),
            bindings: SpinLock::new(Vec::new()),
            _live: Counted::new(Kind::Event),
        })
    }

    /// Adds bits: those that are bound interrupt guests, the others wake who
    /// waits. From any thread, worker, or interrupt; allocates nothing.
    #[inline]
    pub fn signal(&self, bits: u32) {
        let bound = self.bound.load(Ordering::Relaxed) & bits;
        if bound != 0 {
            self.interrupt(bound);
        }
        let seen = bits & !bound;
        if seen != 0 {
            self.signal.raise(seen);
        }
    }

    /// Adds bits for who waits, whatever they are bound to: for the kernel's own.
    pub fn wake(&self, bits: u32) {
        self.signal.raise(bits);
    }

    #[inline(never)]
    fn interrupt(&self, bits: u32) {
        let bindings = self.bindings.lock();
        for binding in bindings.iter().filter(|binding| binding.bits & bits != 0) {
            binding.line.set(binding.interrupt, true);
        }
    }

    /// The hart where the thread that waits was last.
    pub fn waiter_hart(&self) -> Option<usize> {
        self.signal.last_hart()
    }

    /// Takes all bits; see [`Signal::wait`].
    pub fn wait(&self, deadline: Deadline) -> Result<u32, Error> {
        self.signal.wait(deadline)
    }

    /// Binds bits; none may be bound already.
    pub fn bind(&self, binding: IrqBinding) -> Result<(), Error> {
        let mut bindings = self.bindings.lock();
        let bound = self.bound.load(Ordering::Relaxed);
        if bound & binding.bits != 0 {
            return Err(Error::AlreadyExists);
        }
        if bindings.len() >= IRQ_EVENTS_MAX {
            return Err(Error::OutOfMemory);
        }
        self.bound.store(bound | binding.bits, Ordering::Release);
        bindings.push(binding);
        Ok(())
    }

    /// Takes the binding of exactly these bits to a vCPU of this VM away.
    pub fn unbind(&self, vm: usize, bits: u32, vcpu: u64) -> Result<(), Error> {
        self.remove(|binding| binding.is_of(vm) && binding.bits == bits && binding.line.number() == vcpu)
    }

    /// Whether a bit is bound to a vCPU of this VM.
    pub fn is_bound_to(&self, vm: usize) -> bool {
        self.bindings.lock().iter().any(|binding| binding.is_of(vm))
    }

    /// Takes all bindings to a VM away, which ends.
    pub fn unbind_vm(&self, vm: usize) {
        while self.remove(|binding| binding.is_of(vm)).is_ok() {}
    }

    fn remove(&self, which: impl Fn(&IrqBinding) -> bool) -> Result<(), Error> {
        let mut bindings = self.bindings.lock();
        let index = bindings.iter().position(which).ok_or(Error::NotFound)?;
        let binding = bindings.swap_remove(index);
        self.bound.fetch_and(!binding.bits, Ordering::Release);
        drop(bindings);
        drop(binding);
        Ok(())
    }
}

/// The only one who waits at an event, for as long as this lives: a worker of the
/// kernel's, whose bits no process is to take.
pub struct Waiter(Arc<Event>);

impl Waiter {
    /// `Busy` when somebody else waits.
    pub fn new(event: Arc<Event>) -> Result<Self, Error> {
        event.signal.claim()?;
        Ok(Self(event))
    }

    /// As [`Event::wait`].
    pub fn wait(&self, deadline: Deadline) -> Result<u32, Error> {
        self.0.signal.wait_claimed(deadline)
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.0.signal.release();
    }
}
