//! Virtual machines, in the shape of KVM: memory regions, the run page with its
//! exit reasons, register numbers, and what UER adds.
//!
//! # One round of the classic way
//! `VCPU_RUN` returns 0 and [`RunPage::exit_reason`] says why:
//! - [`exit::MMIO`]: the guest touched an address outside of all memory
//!   regions. For a load the VMM puts the value in `mmio.data`; the kernel cuts
//!   it to `mmio.len` bytes, extends it as the instruction says and completes
//!   the load at the next `VCPU_RUN`. A store needs no answer.
//! - [`exit::RISCV_SBI`]: an SBI call that the kernel does not serve. The VMM
//!   answers in `sbi.ret`; `a0`, `a1` are set at the next `VCPU_RUN`.
//! - [`exit::SYSTEM_EVENT`]: SBI SRST. [`exit::INTERNAL_ERROR`]: the guest did
//!   what nobody can emulate, see [`InternalError`].
//!
//! # UER
//! 1. `SET_UER(vm, gpa, size)` for the device's pages and
//!    `SET_HUEDELEG(vcpu, UER_CAUSES)` in the thread that owns the vCPU.
//! 2. The thread writes `utvec` (handler) and `uscratch` (its [`UerFrame`]).
//! 3. `VCPU_RUN`. An eligible access of the guest enters the handler in user
//!    mode, with the guest's registers in place: the handler swaps one of them
//!    with `uscratch`, saves in the frame what it uses, serves `ucause`,
//!    `utval` (the guest physical address) and `utinst`, advances `uepc`,
//!    restores and does `uret`. `VCPU_RUN` does not return. System calls may be
//!    made from the handler (all caller-saved registers must then be saved).
//! 4. When the access is not for the handler, it saves **all** of the guest's
//!    x1–x31 in the frame, leaves `uepc`, `utval`, `utinst`, `ucause` alone,
//!    and calls `UER_EXIT(frame)`: the pending `VCPU_RUN` returns to its caller
//!    with an ordinary [`exit::MMIO`]. The contents of `uscratch` are then the
//!    VMM's affair: it must be set to the frame again before the next run if
//!    the handler left it otherwise.
//!
//! The handler must not use the thread's stack below the frame of `VCPU_RUN`'s
//! caller without leaving it alone: give it a stack of its own.

/// Causes that can be redirected to user mode: load and store to a UER page.
pub const UER_CAUSES: usize = 1 << 24 | 1 << 25;

/// Exit reasons: KVM's numbers.
pub mod exit {
    /// Nothing has happened yet.
    pub const UNKNOWN: u32 = 0;
    /// The guest hit a breakpoint; see [`super::DebugExit`].
    pub const DEBUG: u32 = 4;
    /// A load or store outside of memory; see [`super::MmioExit`].
    pub const MMIO: u32 = 6;
    /// `VCPU_RUN` was asked to return; it answers `Interrupted` too.
    pub const INTR: u32 = 10;
    /// The guest cannot go on; see [`super::InternalError`].
    pub const INTERNAL_ERROR: u32 = 17;
    /// The guest asked for shutdown or reset; see [`super::SystemEvent`].
    pub const SYSTEM_EVENT: u32 = 24;
    /// An SBI call for the VMM; see [`super::SbiExit`].
    pub const RISCV_SBI: u32 = 35;
    /// The guest sent a VEIRQ without a route, which `internal.stval` tells. It
    /// stays at the instruction.
    pub const VEI_MISS: u32 = 64;
}

/// Most vCPUs of a VM.
pub const VCPUS_MAX: usize = 64;

/// Flag of `SET_GUEST_DEBUG`: `ebreak` of the guest is an exit.
pub const DEBUG_BREAKPOINT: usize = 1;

/// Most memory regions a VM can have; slots are numbered from 0.
pub const REGIONS_MAX: usize = 8;

/// Guest physical addresses are below this (Sv39x4).
pub const GPA_LIMIT: u64 = 1 << 41;

/// Argument of `SET_MEMORY_REGION`. Size 0 deletes the slot. Regions do not
/// overlap one another or a UER range; all fields are page aligned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct MemoryRegion {
    /// Which slot to set, below [`REGIONS_MAX`].
    pub slot: u32,
    /// [`REGION_READONLY`] or 0.
    pub flags: u32,
    /// Guest physical address.
    pub gpa: u64,
    /// Bytes.
    pub size: u64,
    /// Memory of the calling process (from `MAP`) that backs it.
    pub userspace_addr: u64,
}

/// Flag of a memory region: the guest's stores become MMIO exits.
pub const REGION_READONLY: u32 = 1;

/// The page that kernel and VMM share for each vCPU.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct RunPage {
    /// In: not 0 makes `VCPU_RUN` return `Interrupted` before entering the guest.
    pub request_exit: u32,
    /// Out: one of [`exit`].
    pub exit_reason: u32,
    /// Valid for [`exit::MMIO`].
    pub mmio: MmioExit,
    /// Valid for [`exit::RISCV_SBI`].
    pub sbi: SbiExit,
    /// Valid for [`exit::SYSTEM_EVENT`].
    pub system_event: SystemEvent,
    /// Valid for [`exit::INTERNAL_ERROR`].
    pub internal: InternalError,
    /// Valid for [`exit::DEBUG`].
    pub debug: DebugExit,
}

const _: () = assert!(size_of::<RunPage>() <= crate::PAGE_SIZE);

/// A guest's access to a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct MmioExit {
    /// Guest physical address.
    pub gpa: u64,
    /// The value stored (zero extended), or the VMM's answer to a load.
    pub data: u64,
    /// 1, 2, 4 or 8 bytes.
    pub len: u32,
    /// 1 for a store, 0 for a load.
    pub is_write: u32,
}

/// An SBI call of the guest: `a7`, `a6`, `a0`–`a5`, and the answer for `a0`, `a1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct SbiExit {
    /// Extension id, `a7`.
    pub extension: u64,
    /// Function id, `a6`.
    pub function: u64,
    /// `a0`–`a5`.
    pub args: [u64; 6],
    /// Answer: error and value. The kernel presets "not supported" (-2) and 0.
    pub ret: [u64; 2],
}

/// SBI system reset: type and reason as the guest gave them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct SystemEvent {
    /// 0 shutdown, 1 cold reboot, 2 warm reboot.
    pub kind: u64,
    /// 0 no reason, 1 system failure, or vendor specific.
    pub reason: u64,
}

/// A breakpoint of the guest. It stays at the instruction: the VMM moves
/// [`reg::PC`], or turns debugging off and lets the guest have it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct DebugExit {
    /// Virtual address of the `ebreak`.
    pub pc: u64,
}

/// The trap that could not be served, as the CSRs had it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct InternalError {
    /// `scause` of the exit.
    pub scause: u64,
    /// `sepc`, in the guest's virtual address space.
    pub sepc: u64,
    /// `stval`.
    pub stval: u64,
    /// Guest physical address (`htval << 2`).
    pub gpa: u64,
}

/// Register numbers of `VCPU_GET_REG` and `VCPU_SET_REG`.
pub mod reg {
    /// The program counter (in the place of x0, as in KVM).
    pub const PC: usize = 0;
    /// General register x`n`, 1 to 31.
    pub const fn x(n: usize) -> usize {
        assert!(n >= 1 && n < 32);
        n
    }
    /// Privilege: 1 = VS, 0 = VU.
    pub const MODE: usize = 32;
    /// 1 = the vCPU is started, 0 = stopped (SBI HSM).
    pub const STARTED: usize = 33;
    /// The guest's hart id; can't be written.
    pub const HART_ID: usize = 34;
    /// 1 (at first) = WFI of the guest is an exit to the kernel, in which the
    /// thread sleeps. 0 = the hart waits inside the guest, as on machines that
    /// give a processor to a guest whole: an interrupt for the host still ends
    /// it (KVM calls it disabling exits).
    pub const WFI_EXITS: usize = 35;
    /// A supervisor CSR by the number that the guest uses (`sstatus` 0x100,
    /// `sie`, `stvec`, `sscratch`, `sepc`, `scause`, `stval`, `sip`, `satp`,
    /// `stimecmp`).
    pub const fn csr(number: usize) -> usize {
        assert!(number < 0x1000);
        0x1000 | number
    }
}

/// Where a UER handler keeps the guest's registers. Only x\[n\] at offset 8n
/// is fixed; what follows in memory is the handler's own.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(16))]
pub struct UerFrame {
    /// x1–x31 at their own index; index 0 is free for the handler.
    pub x: [u64; 32],
}
