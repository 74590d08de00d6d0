//! A process: an address space, the threads in it, its handles, and its end.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use hyp_abi::Error;

use crate::init;
use crate::proc::address_space::AddressSpace;
use crate::sched::{self, thread::Thread};
use crate::sync::SpinLock;
use crate::vei::{ContextRef, ProcessVei};
use crate::vm::Vm;
use crate::vm::vcpu::VcpuLine;

/// Most handles a process may have.
const HANDLES_MAX: usize = 256;
/// Most threads a process may have.
const THREADS_MAX: usize = 256;

/// What a handle stands for.
#[derive(Clone)]
pub enum Object {
    /// A virtual machine.
    Vm(Arc<Vm>),
    /// What other threads may do with a vCPU; the rest is its thread's.
    Vcpu(Arc<VcpuLine>),
}

/// A process. Lock order: `threads`, `handles`, a VM's memory, `space`.
pub struct Process {
    /// Name of its program.
    pub name: &'static str,
    /// Its memory.
    pub space: SpinLock<AddressSpace>,
    handles: SpinLock<Vec<Option<Object>>>,
    threads: SpinLock<Vec<Arc<Thread>>>,
    dying: AtomicBool,
    /// For user contexts.
    pub vei: ProcessVei,
    /// Last, because fields are dropped in order: when it goes, all else is gone.
    end: EndSignal,
}

impl Process {
    /// A process without threads.
    pub fn new(name: &'static str, space: AddressSpace, initial: bool) -> Arc<Self> {
        Arc::new(Self {
            name,
            space: SpinLock::new(space),
            handles: SpinLock::new(Vec::new()),
            threads: SpinLock::new(Vec::new()),
            dying: AtomicBool::new(false),
            vei: ProcessVei::default(),
            end: EndSignal { exit_code: AtomicI32::new(0), initial },
        })
    }

    /// Whether it was told to end.
    #[inline]
    pub fn is_dying(&self) -> bool {
        self.dying.load(Ordering::Relaxed)
    }

    /// Counts a thread in. Refused when the process is dying, so that `exit`
    /// has seen every thread there is.
    pub fn add_thread(&self, thread: &Arc<Thread>) -> Result<(), Error> {
        let mut threads = self.threads.lock();
        if self.is_dying() {
            return Err(Error::Interrupted);
        }
        if threads.len() >= THREADS_MAX {
            return Err(Error::OutOfMemory);
        }
        threads.push(Arc::clone(thread));
        Ok(())
    }

    /// Counts the thread with this number out.
    pub fn remove_thread(&self, id: usize) {
        let mut threads = self.threads.lock();
        let index = threads.iter().position(|thread| thread.id == id);
        let thread = threads.swap_remove(index.expect("a thread of this process"));
        drop(threads);
        drop(thread);
    }

    /// Tells all threads to end; the first code wins. The caller ends itself.
    pub fn exit(&self, code: i32) {
        let threads = self.threads.lock();
        if self.dying.swap(true, Ordering::AcqRel) {
            return;
        }
        self.end.exit_code.store(code, Ordering::Relaxed);
        threads.iter().for_each(sched::interrupt);
    }

    /// A new handle for `object`.
    pub fn add_handle(&self, object: Object) -> Result<usize, Error> {
        let mut handles = self.handles.lock();
        if let Some(free) = handles.iter().position(Option::is_none) {
            handles[free] = Some(object);
            return Ok(free);
        }
        if handles.len() >= HANDLES_MAX {
            return Err(Error::OutOfMemory);
        }
        handles.push(Some(object));
        Ok(handles.len() - 1)
    }

    fn object(&self, handle: usize) -> Result<Object, Error> {
        self.handles.lock().get(handle).cloned().flatten().ok_or(Error::BadHandle)
    }

    /// The VM behind a handle.
    pub fn vm(&self, handle: usize) -> Result<Arc<Vm>, Error> {
        match self.object(handle)? {
            Object::Vm(vm) => Ok(vm),
            _ => Err(Error::BadHandle),
        }
    }

    /// The interrupt line of the vCPU behind a handle.
    pub fn vcpu_line(&self, handle: usize) -> Result<Arc<VcpuLine>, Error> {
        match self.object(handle)? {
            Object::Vcpu(line) => Ok(line),
            _ => Err(Error::BadHandle),
        }
    }

    /// Gives a handle back.
    pub fn remove_handle(&self, handle: usize) -> Result<Object, Error> {
        let mut handles = self.handles.lock();
        handles.get_mut(handle).and_then(Option::take).ok_or(Error::BadHandle)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        debug_assert!(self.threads.get_mut().is_empty());
        // VMs first: their tables point to frames of the address space.
        self.handles.get_mut().clear();
    }
}

/// Tells the initial thread of the kernel that its process is gone.
struct EndSignal {
    exit_code: AtomicI32,
    initial: bool,
}

impl Drop for EndSignal {
    fn drop(&mut self) {
        if self.initial {
            init::process_ended(self.exit_code.load(Ordering::Relaxed));
        }
    }
}
