//! A vCPU: what it keeps while it does not run, and what it takes to put it
//! into a hart and out. It stays loaded across returns to the VMM, until its
//! thread is switched out.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicUsize, Ordering};

use hyp_abi::Error;
use hyp_abi::vm::{RunPage, reg};
use hyp_kernel::addr::PAGE_SIZE;
use hyp_kernel::insn::Extend;

use crate::arch::csr::{
    HSTATUS_SPV, HSTATUS_SPVP, HSTATUS_VTW, INT_VSTI, SSTATUS_FS, SSTATUS_FS_CLEAN, SSTATUS_FS_INITIAL, SSTATUS_SPIE,
    SSTATUS_SPP, SSTATUS_UXL_64, cause,
};
use crate::arch::{fence_i, hfence_gvma_all, hfence_vvma_all};
use crate::mm::frame::OwnedFrames;
use crate::proc::address_space::Backing;
use crate::proc::process::Process;
use crate::sched::hart::this_hart;
use crate::sched::thread::Thread;
use crate::sched::timer;
use crate::stats::{Counted, Kind};
use crate::vei;
use crate::vm::Vm;
use crate::vm::context::{FloatRegisters, GuestCsrs};
use crate::vm::hardware::{HOST_HSTATUS, has_vmids};
use crate::vm::io_event::IoTable;
pub use crate::vm::line::VcpuLine;
use crate::vm::uer;
use crate::vm::world_switch::GuestFrame;
use crate::{csr_clear, csr_read, csr_set, csr_swap, csr_write};

static NEXT_ID: AtomicUsize = AtomicUsize::new(1);

/// What the next `VCPU_RUN` does before anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completion {
    /// Nothing.
    None,
    /// Puts `mmio.data` into a register.
    Load {
        /// The register.
        rd: usize,
        /// log2 of the bytes.
        size_log2: u32,
        /// How they are extended.
        extend: Extend,
    },
    /// Puts `sbi.ret` into a0 and a1.
    Sbi,
}

/// A vCPU. It belongs to one thread; see [`VcpuLine`] for what is shared.
pub struct Vcpu {
    /// Registers that change on every entry and exit.
    pub frame: GuestFrame,
    /// What `VCPU_RUN` begins with.
    pub completion: Completion,
    /// Its VM.
    pub vm: Arc<Vm>,
    /// Interrupts for the guest.
    pub line: Arc<VcpuLine>,
    /// Stores that signal events; see [`IoTable`].
    pub io_table: IoTable,
    /// The process's handle for it.
    pub handle: usize,
    /// The guest's `scounteren`, while the host's is in place.
    scounteren: u64,
    run_page: OwnedFrames,
    run_page_address: usize,
    id: usize,
    is_loaded: bool,
    last_hart: usize,
    mode: u64,
    csrs: GuestCsrs,
    float: FloatRegisters,
    redirected_causes: u64,
    /// WFI of the guest is an exit, in which its thread sleeps; else the hart
    /// waits in the guest.
    wfi_exits: bool,
    /// Breakpoints of the guest are exits.
    debug: bool,
    _live: Counted,
    /// Guest timer on machines without Sstc.
    timer: u64,
}

impl Vcpu {
    /// A vCPU of `vm` for the calling thread, in the state of a hart that SBI
    /// starts: VS-mode, no translation, everything 0. `number` is the guest's
    /// hart id, or any that is free.
    pub fn new(vm: Arc<Vm>, number: Option<usize>, thread: &Thread, process: &Process) -> Result<Box<Self>, Error> {
        let run_page = OwnedFrames::zeroed(0).ok_or(Error::OutOfMemory)?;
        let line = vm.add_vcpu(number, &thread.to_arc())?;
        let backing = Backing::Shared(run_page.phys());
        let run_page_address = process.space.lock().add_anywhere(PAGE_SIZE, backing)?;
        Ok(Box::new(Self {
            frame: reset_frame(),
            completion: Completion::None,
            line,
            io_table: IoTable::default(),
            handle: 0,
            vm,
            scounteren: 0,
            run_page,
            run_page_address,
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            is_loaded: false,
            last_hart: usize::MAX,
            mode: 1,
            csrs: GuestCsrs::new(),
            float: FloatRegisters::default(),
            redirected_causes: 0,
            wfi_exits: true,
            debug: false,
            _live: Counted::new(Kind::Vcpu),
            timer: timer::NEVER,
        }))
    }

    /// The page shared with the VMM. Whatever is read from it is untrusted.
    #[inline]
    pub fn run_page(&self) -> *mut RunPage {
        core::ptr::with_exposed_provenance_mut(self.run_page.phys().direct())
    }

    /// Where the VMM sees it.
    pub fn run_page_address(&self) -> usize {
        self.run_page_address
    }

    /// Takes the run page out of the VMM's memory, before the vCPU is dropped.
    pub fn unmap_run_page(&self, process: &Process) {
        process.space.lock().remove_shared(self.run_page_address);
    }

    /// Whether it is in this hart.
    #[inline]
    pub fn is_loaded(&self) -> bool {
        self.is_loaded
    }

    /// Puts the vCPU into this hart.
    pub fn load(&mut self) {
        if self.is_loaded {
            return;
        }
        let hart = this_hart();
        csr_write!("hgatp", self.vm.hgatp());
        if !has_vmids() {
            hfence_gvma_all();
            hfence_vvma_all();
        } else if hart.last_vcpu.get() != self.id || self.last_hart != hart.index {
            // ASIDs are a vCPU's own: translations of a sibling with the same
            // VMID, or from an earlier stay here, must not be mistaken for its.
            hfence_vvma_all();
        }
        // The VMM may have written code into guest memory.
        fence_i();
        self.csrs.load();
        self.load_float();
        self.frame.sstatus = self.frame.sstatus & !SSTATUS_SPP | self.mode << 8;
        uer::load(self.redirected_causes);
        vei::load(&self.vm);
        if self.debug {
            csr_clear!("hedeleg", 1 << cause::BREAKPOINT);
        }
        hart.last_vcpu.set(self.id);
        self.last_hart = hart.index;
        self.is_loaded = true;
    }

    /// Takes the vCPU out of this hart, if it is in it.
    pub fn unload(&mut self) {
        if !self.is_loaded {
            return;
        }
        csr_write!("hstatus", HOST_HSTATUS);
        self.mode = (self.frame.sstatus & SSTATUS_SPP) >> 8;
        uer::unload();
        vei::unload();
        self.unload_float();
        self.csrs.unload();
        csr_write!("hgatp", 0);
        if self.debug {
            csr_set!("hedeleg", 1 << cause::BREAKPOINT);
        }
        self.is_loaded = false;
        debug_assert!(csr_read!("hvip") == 0 && csr_read!("hgatp") == 0, "a guest's state stays behind");
    }

    /// The registers stay in the hart after `unload`; if nobody used them since,
    /// they need not be loaded. From here on FS is the guest's, in the kernel
    /// and the VMM too, until `unload`.
    fn load_float(&mut self) {
        let hart = this_hart();
        csr_clear!("sstatus", SSTATUS_FS);
        csr_set!("sstatus", SSTATUS_FS_CLEAN);
        if hart.fp_owner.get() != self.id || self.last_hart != hart.index {
            // SAFETY: FS was just turned on.
            unsafe { self.float.restore() };
            csr_clear!("sstatus", SSTATUS_FS);
            csr_set!("sstatus", SSTATUS_FS_CLEAN);
            hart.fp_owner.set(self.id);
        }
        self.frame.sstatus = self.frame.sstatus & !SSTATUS_FS | SSTATUS_FS_CLEAN;
    }

    fn unload_float(&mut self) {
        if csr_read!("sstatus") & SSTATUS_FS == SSTATUS_FS {
            // SAFETY: FS is dirty, hence on.
            unsafe { self.float.save() };
        }
        csr_clear!("sstatus", SSTATUS_FS);
    }

    /// There is one `scounteren`, which the guest writes in place of the host's.
    /// It is the guest's in the run loop (and in UER handlers, for which the
    /// kernel reads counters), the host's elsewhere.
    #[inline]
    pub fn swap_counter_enable(&mut self) {
        self.scounteren = csr_swap!("scounteren", self.scounteren);
    }

    /// `hstatus` for a UER handler that goes on after its thread was switched
    /// in: it returns to the guest by itself.
    pub fn set_handler_hstatus(&self) {
        csr_write!("hstatus", self.frame.hstatus & !HSTATUS_SPV);
    }

    /// A UER handler gave up: makes the frame what an exit would have made it.
    /// The guest may have used floating point since it was last written.
    pub fn take_from_handler(&mut self, x: &[u64; 32], pc: u64, from_supervisor: bool) {
        self.frame.x = *x;
        // The handler may keep something in this place, and a store may read x0.
        self.frame.x[0] = 0;
        self.frame.pc = pc;
        let spp = if from_supervisor { SSTATUS_SPP } else { 0 };
        let kept = self.frame.sstatus & !(SSTATUS_SPP | SSTATUS_FS);
        self.frame.sstatus = kept | spp | csr_read!("sstatus") & SSTATUS_FS;
    }

    /// Sets `huedeleg` for this vCPU.
    pub fn set_redirected_causes(&mut self, causes: u64) {
        assert!(!self.is_loaded);
        self.redirected_causes = causes;
        self.set_hstatus();
    }

    /// Sets whether WFI of the guest is an exit.
    pub fn set_wfi_exits(&mut self, exits: bool) {
        assert!(!self.is_loaded);
        self.wfi_exits = exits;
        self.set_hstatus();
    }

    /// Whether WFI of the guest is an exit.
    pub fn wfi_exits(&self) -> bool {
        self.wfi_exits
    }

    /// HUR opens UER, and `uret` to V=1, for this thread; VTW makes WFI an exit.
    fn set_hstatus(&mut self) {
        let hur = if self.redirected_causes != 0 { uer::HSTATUS_HUR } else { 0 };
        let vtw = if self.wfi_exits { HSTATUS_VTW } else { 0 };
        self.frame.hstatus = HOST_HSTATUS & !HSTATUS_VTW | HSTATUS_SPV | HSTATUS_SPVP | hur | vtw;
    }

    /// Sets whether breakpoints of the guest are exits.
    pub fn set_debug(&mut self, debug: bool) {
        assert!(!self.is_loaded);
        self.debug = debug;
    }

    /// The guest started this vCPU: the state that SBI describes.
    pub fn reset(&mut self, pc: u64, opaque: u64) {
        let was_loaded = self.is_loaded;
        self.unload();
        self.frame = reset_frame();
        self.set_hstatus();
        self.frame.pc = pc;
        self.frame.x[10] = self.line.number();
        self.frame.x[11] = opaque;
        self.mode = 1;
        self.csrs = GuestCsrs::new();
        self.timer = timer::NEVER;
        if was_loaded {
            self.load();
        }
    }

    /// A register of a vCPU that is not loaded, by its number in the ABI.
    pub fn register(&mut self, id: usize) -> Option<&mut u64> {
        assert!(!self.is_loaded);
        const CSR: usize = reg::csr(0);
        match id {
            reg::PC => Some(&mut self.frame.pc),
            1..32 => Some(&mut self.frame.x[id]),
            reg::MODE => Some(&mut self.mode),
            CSR.. if id == CSR | 0x106 => Some(&mut self.scounteren),
            CSR.. => self.csrs.by_number(id - CSR),
            _ => None,
        }
    }

    /// Sets the guest's timer on machines without Sstc.
    pub fn set_timer(&mut self, deadline: u64) {
        self.timer = deadline;
        csr_clear!("hvip", INT_VSTI);
        timer::rearm();
    }

    /// When the guest wants to be woken, if its timer is the kernel's business.
    pub fn timer_deadline(&self) -> u64 {
        if self.is_loaded { self.timer } else { timer::NEVER }
    }

    /// Raises the guest's timer interrupt if it is due.
    pub fn timer_tick(&mut self, now: u64) {
        if self.is_loaded && self.timer <= now {
            self.timer = timer::NEVER;
            csr_set!("hvip", INT_VSTI);
        }
    }
}

/// General registers of a hart that begins.
fn reset_frame() -> GuestFrame {
    GuestFrame {
        x: [0; 32],
        pc: 0,
        sstatus: SSTATUS_SPIE | SSTATUS_FS_INITIAL | SSTATUS_UXL_64,
        hstatus: HOST_HSTATUS | HSTATUS_SPV | HSTATUS_SPVP,
    }
}
