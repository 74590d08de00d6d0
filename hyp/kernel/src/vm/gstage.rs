//! Guest physical memory: the regions that the VMM gave, and the G-stage table
//! that is filled from them at the guest's first touch of each page. The frames
//! belong to the VMM's address space; a region pins its area there.

use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use hyp_abi::Error;
use hyp_abi::event::{EVENT_DEASSIGN, IRQ_LINE, IRQ_MESSAGE, IoEvent, IrqEvent};
use hyp_abi::vm::{GPA_LIMIT, MemoryRegion, REGION_READONLY, REGIONS_MAX, VCPUS_MAX};
use hyp_kernel::addr::{GuestPhys, PAGE_SIZE, UserVirt};
use hyp_kernel::pte::{Pte, R, U, W, X, level_size};

use crate::arch::csr::{ATP_MODE_SV39, HGATP_VMID_SHIFT};
use crate::arch::{hfence_gvma, sbi};
use crate::ipc::event::{Event, IrqBinding};
use crate::mm::tree::{Sv39x4, Tree};
use crate::proc::address_space::Access;
use crate::proc::process::Process;
use crate::sched::thread::Thread;
use crate::stats::{Counted, Kind};
use crate::sync::SpinLock;
use crate::vei::{self, VmVei};
use crate::vm::hardware::Vmid;
use crate::vm::io_event::{IoEvents, IoTable};
use crate::vm::line::{VcpuLine, request};
use crate::vm::uer;

static NEXT_ID: AtomicUsize = AtomicUsize::new(1);

/// Most events that a VM's interrupts are bound to.
const IRQ_SOURCES_MAX: usize = 256;
/// Most UER ranges of a VM.
const UER_RANGES_MAX: usize = 8;
/// Most pages of one UER range.
const UER_PAGES_MAX: u64 = 4096;

/// A range of guest physical addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    start: u64,
    end: u64,
}

impl Range {
    /// A page-aligned range inside the guest physical space.
    fn new(start: u64, size: u64) -> Result<Self, Error> {
        let end = start.checked_add(size).ok_or(Error::InvalidArgument)?;
        let aligned = (start | size).is_multiple_of(PAGE_SIZE as u64);
        if aligned && size > 0 && end <= GPA_LIMIT { Ok(Self { start, end }) } else { Err(Error::InvalidArgument) }
    }

    const fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    const fn contains(self, gpa: GuestPhys) -> bool {
        self.start <= gpa.0 && gpa.0 < self.end
    }
}

/// A memory region that is set.
#[derive(Clone, Copy, Debug)]
struct Region {
    range: Range,
    user: UserVirt,
    readonly: bool,
}

struct Memory {
    regions: [Option<Region>; REGIONS_MAX],
    uer: [Option<Range>; UER_RANGES_MAX],
    tree: Tree<Sv39x4>,
}

/// A virtual machine.
pub struct Vm {
    memory: SpinLock<Memory>,
    vmid: Vmid,
    hgatp: u64,
    process: Weak<Process>,
    /// Hull of all regions, so that most device accesses are known for what
    /// they are without the lock.
    lowest: AtomicU64,
    highest: AtomicU64,
    /// Where what its guest sends goes.
    pub vei: VmVei,
    /// Lines of its vCPUs; the index is the guest's hart number.
    vcpus: SpinLock<Vec<Weak<VcpuLine>>>,
    io_events: SpinLock<IoEvents>,
    /// Events with bindings to this VM, which it undoes in the end.
    irq_sources: SpinLock<Vec<Arc<Event>>>,
    /// Never used again.
    id: usize,
    _live: Counted,
}

/// Answer to a guest's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    /// The page is there now.
    Mapped,
    /// No memory: a device, or a store to read-only memory.
    Device,
}

impl Vm {
    /// A VM without memory.
    pub fn new(process: &Arc<Process>) -> Result<Arc<Self>, Error> {
        let tree = Tree::new()?;
        let vmid = Vmid::take().ok_or(Error::OutOfMemory)?;
        let root_page = (tree.root().0 / PAGE_SIZE) as u64;
        let hgatp = ATP_MODE_SV39 | vmid.0 << HGATP_VMID_SHIFT | root_page;
        let memory = Memory { regions: [None; _], uer: [None; _], tree };
        Ok(Arc::new(Self {
            memory: SpinLock::new(memory),
            vei: VmVei::new(vmid.0),
            vmid,
            hgatp,
            process: Arc::downgrade(process),
            lowest: AtomicU64::new(u64::MAX),
            highest: AtomicU64::new(0),
            vcpus: SpinLock::new(Vec::new()),
            io_events: SpinLock::new(IoEvents::default()),
            irq_sources: SpinLock::new(Vec::new()),
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            _live: Counted::new(Kind::Vm),
        }))
    }

    /// Value of `hgatp` for its vCPUs.
    pub fn hgatp(&self) -> u64 {
        self.hgatp
    }

    /// Counts a vCPU of `owner` in, with this number or the first that no vCPU
    /// has.
    pub fn add_vcpu(&self, number: Option<usize>, owner: &Arc<Thread>) -> Result<Arc<VcpuLine>, Error> {
        let mut vcpus = self.vcpus.lock();
        let is_free = |line: &Weak<VcpuLine>| line.upgrade().is_none_or(|line| line.is_dead());
        let number = match number {
            Some(number) if number >= VCPUS_MAX => return Err(Error::InvalidArgument),
            Some(number) if vcpus.get(number).is_some_and(|line| !is_free(line)) => return Err(Error::AlreadyExists),
            Some(number) => number,
            None => vcpus.iter().position(is_free).unwrap_or(vcpus.len()),
        };
        if number >= VCPUS_MAX {
            return Err(Error::OutOfMemory);
        }
        let line = VcpuLine::new(self.id, number as u64, owner);
        if vcpus.len() <= number {
            vcpus.resize_with(number + 1, Weak::new);
        }
        vcpus[number] = Arc::downgrade(&line);
        Ok(line)
    }

    /// The vCPU with this number, if it is alive.
    pub fn vcpu(&self, number: u64) -> Option<Arc<VcpuLine>> {
        let line = self.vcpus.lock().get(usize::try_from(number).ok()?)?.upgrade()?;
        (!line.is_dead()).then_some(line)
    }

    /// One more than the highest number of a vCPU so far.
    pub fn vcpu_count(&self) -> u64 {
        self.vcpus.lock().len() as u64
    }

    /// Binds stores to an event, or undoes it; every vCPU takes notice.
    pub fn change_io_event(&self, spec: &IoEvent, event: Arc<Event>) -> Result<(), Error> {
        self.io_events.lock().change(spec, event)?;
        self.for_each_vcpu(|_, line| line.ask(request::IO_EVENTS));
        Ok(())
    }

    /// What a vCPU's exits look at.
    pub fn io_table(&self) -> IoTable {
        self.io_events.lock().table()
    }

    /// Binds an event to an interrupt, or undoes it.
    pub fn change_irq_event(&self, spec: &IrqEvent, event: Arc<Event>) -> Result<(), Error> {
        let known = spec.kind == IRQ_LINE || spec.kind == IRQ_MESSAGE;
        if spec.bits == 0 || !known || spec.flags & !EVENT_DEASSIGN != 0 || spec.reserved != 0 {
            return Err(Error::InvalidArgument);
        }
        // Over both, or a binding made meanwhile would be forgotten with one undone.
        let mut sources = self.irq_sources.lock();
        if spec.flags & EVENT_DEASSIGN != 0 {
            event.unbind(self.id, spec.bits, u64::from(spec.vcpu))?;
            if !event.is_bound_to(self.id) {
                sources.retain(|source| !Arc::ptr_eq(source, &event));
            }
            return Ok(());
        }
        let line = self.vcpu(u64::from(spec.vcpu)).ok_or(Error::NotFound)?;
        let is_known = sources.iter().any(|source| Arc::ptr_eq(source, &event));
        if !is_known && sources.len() >= IRQ_SOURCES_MAX {
            return Err(Error::OutOfMemory);
        }
        event.bind(IrqBinding::new(spec.bits, spec.kind, line))?;
        if !is_known {
            sources.push(event);
        }
        Ok(())
    }

    /// Calls `visit` for each vCPU that is alive. The lock is not held
    /// meanwhile, since `visit` takes those of the scheduler.
    pub fn for_each_vcpu(&self, mut visit: impl FnMut(u64, &VcpuLine)) {
        for number in 0.. {
            let Some(line) = self.vcpus.lock().get(number).map(Weak::upgrade) else { break };
            if let Some(line) = line {
                visit(number as u64, &line);
            }
        }
    }

    /// Whether `gpa` is certainly outside of all memory.
    #[inline]
    pub fn is_outside(&self, gpa: GuestPhys) -> bool {
        gpa.0 < self.lowest.load(Ordering::Relaxed) || gpa.0 >= self.highest.load(Ordering::Relaxed)
    }

    /// Sets, or with size 0 deletes, a memory region of the calling process.
    pub fn set_region(&self, process: &Process, region: &MemoryRegion) -> Result<(), Error> {
        let slot = region.slot as usize;
        if slot >= REGIONS_MAX || region.flags & !REGION_READONLY != 0 {
            return Err(Error::InvalidArgument);
        }
        let mut memory = self.memory.lock();
        if region.size == 0 {
            let old = memory.regions[slot].take().ok_or(Error::NotFound)?;
            memory.unmap(old.range);
            self.update_hull(&memory);
            process.space.lock().unpin(old.user);
            return Ok(());
        }
        let range = Range::new(region.gpa, region.size)?;
        let user = UserVirt(region.userspace_addr as usize);
        if !user.is_aligned(PAGE_SIZE) {
            return Err(Error::InvalidArgument);
        }
        if memory.regions[slot].is_some() || memory.is_taken(range) {
            return Err(Error::AlreadyExists);
        }
        process.space.lock().pin(user, region.size as usize)?;
        let readonly = region.flags & REGION_READONLY != 0;
        memory.regions[slot] = Some(Region { range, user, readonly });
        self.update_hull(&memory);
        Ok(())
    }

    fn update_hull(&self, memory: &Memory) {
        let ranges = || memory.regions.iter().flatten().map(|region| region.range);
        let lowest = ranges().map(|range| range.start).min().unwrap_or(u64::MAX);
        let highest = ranges().map(|range| range.end).max().unwrap_or(0);
        self.lowest.store(lowest, Ordering::Relaxed);
        self.highest.store(highest, Ordering::Relaxed);
    }

    /// The guest touched `gpa` and has no translation: makes one if there is
    /// memory. Errors are the VMM's: its memory cannot be had.
    pub fn touch(&self, process: &Process, gpa: GuestPhys, store: bool) -> Result<Touch, Error> {
        let mut memory = self.memory.lock();
        let region = memory.regions.iter().flatten().find(|region| region.range.contains(gpa));
        match region.copied() {
            Some(region) if !(store && region.readonly) => memory.map(process, region, gpa).map(|()| Touch::Mapped),
            _ => Ok(Touch::Device),
        }
    }

    /// Marks a range for redirection to the user handler.
    pub fn set_uer(&self, gpa: GuestPhys, size: u64) -> Result<(), Error> {
        let range = Range::new(gpa.0, size)?;
        if size / PAGE_SIZE as u64 > UER_PAGES_MAX {
            return Err(Error::InvalidArgument);
        }
        let mut memory = self.memory.lock();
        if memory.is_taken(range) {
            return Err(Error::AlreadyExists);
        }
        let free = memory.uer.iter().position(Option::is_none).ok_or(Error::OutOfMemory)?;
        memory.uer[free] = Some(range);
        for page in (range.start..range.end).step_by(PAGE_SIZE) {
            memory.tree.make(GuestPhys(page), 0)?.set(uer::device_pte());
        }
        // Harts may have cached that there was nothing.
        sbi::remote_hfence_gvma(range.start, size).map_err(|_| Error::NotSupported)
    }
}

impl Memory {
    fn is_taken(&self, range: Range) -> bool {
        let regions = self.regions.iter().flatten().map(|region| region.range);
        regions.chain(self.uer.iter().flatten().copied()).any(|other| other.overlaps(range))
    }

    /// Maps the page of `gpa`, as a large page where both sides allow it.
    fn map(&mut self, process: &Process, region: Region, gpa: GuestPhys) -> Result<(), Error> {
        if self.tree.find(gpa).get().is_valid() {
            // Another vCPU was faster, or this hart had cached the invalid
            // entry, which only a fence makes it forget.
            hfence_gvma(gpa.0);
            return Ok(());
        }
        let user = region.user.add((gpa.0 - region.range.start) as usize);
        let access = if region.readonly { Access::Read } else { Access::Write };
        let page = process.space.lock().touch(user, access)?;
        let flags = if region.readonly { R | X | U } else { R | W | X | U };
        if page.level == 1 && region.covers_large(gpa, user) {
            let size = level_size(1) as u64;
            if let Ok(slot) = self.tree.make(GuestPhys(gpa.0 & !(size - 1)), 1) {
                slot.set(Pte::leaf(page.phys, flags));
                return Ok(());
            }
        }
        let phys = page.translate(user).page();
        self.tree.make(gpa.page(), 0)?.set(Pte::leaf(phys, flags));
        Ok(())
    }

    fn unmap(&mut self, range: Range) {
        let mut gpa = range.start;
        while gpa < range.end {
            let slot = self.tree.find(GuestPhys(gpa));
            let size = level_size(slot.level) as u64;
            if slot.get().is_valid() {
                slot.set(Pte::default());
            }
            gpa = (gpa & !(size - 1)) + size;
        }
        sbi::remote_hfence_gvma(range.start, range.end - range.start).expect("the firmware has no remote fences");
    }
}

impl Region {
    /// Whether the large page around `gpa` is in the region and aligned alike
    /// on both sides.
    fn covers_large(&self, gpa: GuestPhys, user: UserVirt) -> bool {
        let size = level_size(1) as u64;
        let start = gpa.0 & !(size - 1);
        let aligned = gpa.0 % size == user.0 as u64 % size;
        aligned && start >= self.range.start && start + size <= self.range.end
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        // First of all: other VMs may get the VMID.
        vei::route::close(self);
        // Events may live longer; from here on they find nobody.
        self.irq_sources.get_mut().iter().for_each(|event| event.unbind_vm(self.id));
        // No vCPU is left, so no hart walks the tables. If the process is gone
        // too, its areas need no counting any more.
        if let Some(process) = self.process.upgrade() {
            let mut space = process.space.lock();
            for region in self.memory.get_mut().regions.iter().flatten() {
                space.unpin(region.user);
            }
        }
        debug_assert!(self.hgatp >> HGATP_VMID_SHIFT & 0x3fff == self.vmid.0);
    }
}
