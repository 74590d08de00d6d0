//! Virtual machines: the handles of the KVM-shaped interface as Rust types.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::ptr;

use hyp_abi::error::Error;
use hyp_abi::event::{IoEvent, IrqEvent};
use hyp_abi::syscall::{
    GUEST_EXTENSIONS, IO_EVENT, IRQ_EVENT, SET_GUEST_DEBUG, SET_HUEDELEG, SET_MEMORY_REGION, SET_UER, UER_EXIT,
    VCPU_CREATE, VCPU_GET_REG, VCPU_INTERRUPT, VCPU_KICK, VCPU_RUN, VCPU_RUN_PAGE, VCPU_SET_REG, VM_CREATE,
};
use hyp_abi::vm::{MemoryRegion, RunPage, UerFrame};

use crate::handle::Handle;
use crate::sys::{Result, syscall};

/// A virtual machine.
#[derive(Debug)]
pub struct Vm(Handle);

impl Vm {
    /// A machine without memory and vCPUs.
    pub fn new() -> Result<Self> {
        // SAFETY: no pointers.
        unsafe { syscall(VM_CREATE, [0; 3]) }.map(Handle::from_raw).map(Self)
    }

    /// Sets or deletes a memory region.
    ///
    /// # Safety
    /// The guest may change the memory from now on: no Rust reference to it may
    /// exist while a vCPU runs.
    pub unsafe fn set_memory_region(&self, region: &MemoryRegion) -> Result<()> {
        let args = [self.0.number(), ptr::from_ref(region) as usize, 0];
        // SAFETY: the kernel reads the region; the rest is the caller's promise.
        unsafe { syscall(SET_MEMORY_REGION, args) }.map(drop)
    }

    /// Redirects the guest's accesses to these pages to the user handler.
    pub fn set_uer(&self, gpa: u64, size: u64) -> Result<()> {
        // SAFETY: no pointers.
        unsafe { syscall(SET_UER, [self.0.number(), gpa as usize, size as usize]) }.map(drop)
    }

    /// Ties a guest's stores to an event, or unties them.
    pub fn io_event(&self, spec: &IoEvent) -> Result<()> {
        let args = [self.0.number(), ptr::from_ref(spec) as usize, 0];
        // SAFETY: the kernel reads the specification.
        unsafe { syscall(IO_EVENT, args) }.map(drop)
    }

    /// Ties an event to an interrupt of a vCPU, or unties it.
    pub fn irq_event(&self, spec: &IrqEvent) -> Result<()> {
        let args = [self.0.number(), ptr::from_ref(spec) as usize, 0];
        // SAFETY: the kernel reads the specification.
        unsafe { syscall(IRQ_EVENT, args) }.map(drop)
    }

    /// Its handle, for system calls that others define.
    pub fn handle(&self) -> usize {
        self.0.number()
    }

    /// Makes the calling thread's vCPU, with the first free number.
    pub fn create_vcpu(&self) -> Result<Vcpu> {
        self.create_vcpu_number(usize::MAX)
    }

    /// Makes the calling thread's vCPU; `number` is the guest's hart id. All
    /// but number 0 wait until the guest starts them.
    pub fn create_vcpu_number(&self, number: usize) -> Result<Vcpu> {
        // SAFETY: no pointers; the run page is new and the kernel's and ours only.
        let handle = unsafe { syscall(VCPU_CREATE, [self.0.number(), number, 0]) }.map(Handle::from_raw)?;
        // SAFETY: as above.
        let page = unsafe { syscall(VCPU_RUN_PAGE, [handle.number(), 0, 0]) }?;
        Ok(Vcpu { handle, page: ptr::with_exposed_provenance_mut(page) })
    }
}

/// The names of the extensions that guests' harts have, as device trees write them.
pub fn extensions() -> Result<Vec<String>> {
    let ask = |bytes: &mut [u8]| {
        // SAFETY: the kernel writes initialised bytes into the slice only.
        unsafe { syscall(GUEST_EXTENSIONS, [bytes.as_mut_ptr() as usize, bytes.len(), 0]) }
    };
    let mut bytes = vec![0; ask(&mut [])?];
    ask(&mut bytes)?;
    let names = bytes.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    Ok(names.map(|name| String::from_utf8_lossy(name).into_owned()).collect())
}

/// A virtual CPU. Not `Send`: it belongs to the thread that made it.
#[derive(Debug)]
pub struct Vcpu {
    handle: Handle,
    page: *mut RunPage,
}

impl Vcpu {
    /// Runs the guest until it needs us. On `Ok` see [`RunPage::exit_reason`].
    // In line, as `run_page` and all that an exit passes on its way through a monitor's loop.
    #[inline(always)]
    pub fn run(&mut self) -> Result<()> {
        // SAFETY: the kernel writes the run page only, to which no reference is
        // alive (`&mut self`).
        unsafe { syscall(VCPU_RUN, [self.handle.number(), 0, 0]) }.map(drop)
    }

    /// The page shared with the kernel.
    #[inline(always)]
    pub fn run_page(&mut self) -> &mut RunPage {
        // SAFETY: the kernel mapped it for the life of the vCPU and touches it
        // only inside `run`, which needs `&mut self` as this reference does.
        unsafe { &mut *self.page }
    }

    /// A pointer to the run page, for UER handlers.
    pub fn run_page_pointer(&self) -> *mut RunPage {
        self.page
    }

    /// Reads a register; `id` from [`hyp_abi::vm::reg`].
    pub fn get_reg(&self, id: usize) -> Result<u64> {
        let mut value = 0u64;
        // SAFETY: the kernel fills `value`, which is alive here.
        unsafe { syscall(VCPU_GET_REG, [self.handle.number(), id, &raw mut value as usize]) }?;
        Ok(value)
    }

    /// Writes a register; `id` from [`hyp_abi::vm::reg`].
    pub fn set_reg(&mut self, id: usize, value: u64) -> Result<()> {
        // SAFETY: no pointers.
        unsafe { syscall(VCPU_SET_REG, [self.handle.number(), id, value as usize]) }.map(drop)
    }

    /// Sets which causes are redirected to this thread's UER handler.
    ///
    /// # Safety
    /// Before the next `run`, `utvec` must name a handler that keeps the
    /// protocol of [`hyp_abi::vm`], with `uscratch` as it expects it.
    pub unsafe fn set_huedeleg(&mut self, causes: usize) -> Result<()> {
        // SAFETY: passed on to the caller.
        unsafe { syscall(SET_HUEDELEG, [self.handle.number(), causes, 0]) }.map(drop)
    }

    /// Sets what of the guest is a debug exit: 0 or [`hyp_abi::vm::DEBUG_BREAKPOINT`].
    pub fn set_guest_debug(&mut self, flags: usize) -> Result<()> {
        // SAFETY: no pointers.
        unsafe { syscall(SET_GUEST_DEBUG, [self.handle.number(), flags, 0]) }.map(drop)
    }

    /// Its handle, for system calls that others define.
    pub fn handle(&self) -> usize {
        self.handle.number()
    }

    /// Something that other threads can raise this vCPU's interrupt with.
    pub fn interrupt_line(&self) -> InterruptLine {
        InterruptLine(self.handle.number())
    }
}

/// The external interrupt line of a vCPU.
#[derive(Clone, Copy, Debug)]
pub struct InterruptLine(usize);

impl InterruptLine {
    /// The line of the vCPU with this handle of the process.
    pub const fn from_handle(handle: usize) -> Self {
        Self(handle)
    }

    /// Raises or lowers the line.
    pub fn set(self, level: bool) -> Result<()> {
        // SAFETY: no pointers.
        unsafe { syscall(VCPU_INTERRUPT, [self.0, usize::from(level), 0]) }.map(drop)
    }

    /// Makes the `Vcpu::run` under way, or the next, return `Interrupted`.
    pub fn kick(self) -> Result<()> {
        // SAFETY: no pointers.
        unsafe { syscall(VCPU_KICK, [self.0, 0, 0]) }.map(drop)
    }
}

/// From a UER handler: turns the access into an MMIO exit of the running
/// `Vcpu::run`. Comes back only with an error, when there is none.
///
/// # Safety
/// `frame` must hold all of the guest's registers; nothing of the handler's
/// stack is used again.
pub unsafe fn uer_exit(frame: *mut UerFrame) -> Error {
    // SAFETY: passed on to the caller.
    match unsafe { syscall(UER_EXIT, [frame as usize, 0, 0]) } {
        Ok(_) => unreachable!("UER_EXIT returned"),
        Err(error) => error,
    }
}
