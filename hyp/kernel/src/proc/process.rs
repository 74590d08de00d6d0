//! A process: an address space, the threads in it, its handles, and its end.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};

use hyp_abi::Error;

use crate::init;
use crate::proc::address_space::AddressSpace;
use crate::proc::child::Status;
pub use crate::proc::object::Object;
use crate::sched::{self, thread::Thread};
use crate::stats::{Counted, Kind};
use crate::sync::SpinLock;
use crate::vei::ProcessVei;

/// Most handles a process may have.
const HANDLES_MAX: usize = 256;
/// Most threads a process may have.
const THREADS_MAX: usize = 256;

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
    _live: Counted,
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
            _live: Counted::new(Kind::Process),
            end: EndSignal { status: Status::new(), initial },
        })
    }

    /// What is left when it is gone.
    pub fn status(&self) -> Arc<Status> {
        Arc::clone(&self.end.status)
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

    /// The thread with this number.
    pub fn thread(&self, id: usize) -> Result<Arc<Thread>, Error> {
        self.threads.lock().iter().find(|thread| thread.id == id).cloned().ok_or(Error::NotFound)
    }

    /// Tells all threads to end; the first code wins. A caller that is one of
    /// them ends itself.
    pub fn exit(&self, code: i32) {
        let threads = self.threads.lock();
        if self.dying.swap(true, Ordering::AcqRel) {
            return;
        }
        self.end.status.set_code(code);
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
            drop(handles);
            return Err(Error::OutOfMemory);
        }
        handles.push(Some(object));
        Ok(handles.len() - 1)
    }

    /// New handles for all objects, or for none.
    pub fn add_handles(&self, objects: &[Object], numbers: &mut [u32]) -> Result<(), Error> {
        for (index, object) in objects.iter().enumerate() {
            match self.add_handle(object.clone()) {
                Ok(number) => numbers[index] = number as u32,
                Err(error) => {
                    self.remove_handles(&numbers[..index]);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Gives handles back that were just made.
    pub fn remove_handles(&self, numbers: &[u32]) {
        for number in numbers {
            drop(self.remove_handle(*number as usize));
        }
    }

    /// What a handle stands for.
    pub fn object(&self, handle: usize) -> Result<Object, Error> {
        self.handles.lock().get(handle).cloned().flatten().ok_or(Error::BadHandle)
    }

    /// Gives a handle back. The object is dropped by the caller, without a lock.
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

/// Tells who waits for the process that it is gone.
struct EndSignal {
    status: Arc<Status>,
    initial: bool,
}

impl Drop for EndSignal {
    fn drop(&mut self) {
        self.status.set_ended();
        init::process_ended(self.initial.then(|| self.status.code()));
    }
}
