//! Traps: the entry code, and what is done with each of them.

pub mod entry;
pub mod handle;

/// Registers of an interrupted context, on its kernel stack. After a system
/// call only pc, ra, sp, gp, tp and the result are meaningful.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(16))]
pub struct TrapFrame {
    /// Where to go on; in the place of x0.
    pub pc: usize,
    /// x1–x31, x\[0\] is x1.
    pub x: [usize; 31],
    /// `sstatus`, for traps from the kernel only.
    pub sstatus: u64,
}

impl TrapFrame {
    /// All zero.
    pub const ZERO: Self = Self { pc: 0, x: [0; 31], sstatus: 0 };
}

/// What the entry code needs of a thread, at the start of its `Thread`. While
/// the thread runs in user mode or in its guest, `sscratch` points here.
#[derive(Debug)]
#[repr(C)]
pub struct EntryRecord {
    /// Stack pointer for the next trap: the top of the thread's kernel stack,
    /// or below the frame of `VCPU_RUN` while that is under way, because then
    /// traps of the UER handler nest.
    pub kernel_sp: usize,
    /// The hart that the thread runs on.
    pub hart: usize,
    /// Room for the interrupted stack pointer.
    pub user_sp: usize,
    /// The guest's registers, while `VCPU_RUN` is under way.
    pub guest: usize,
}
