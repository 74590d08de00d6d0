//! From machine mode to the modes below it, with maps in which everything
//! keeps its address and nothing is larger than a small page.

use core::arch::asm;
use core::ptr::addr_of;

use rt::paging::{GuestRoot, MEGAPAGE_SIZE, Mapper, PAGE_SIZE, Table, flag};
use rt::{csr_write, finisher, uart};

unsafe extern "C" {
    static _image_start: u8;
    static _memory_end: u8;
}

const MSTATUS_MPP: usize = 0b11 << 11;
const MSTATUS_MPP_S: usize = 1 << 11;
const SSTATUS_SPP: usize = 1 << 8;
const SSTATUS_FS: usize = 0b11 << 13;
const HSTATUS_SPV: usize = 1 << 7;
/// hstatus.SPVP.
const HSTATUS_SPVP: usize = 1 << 8;
/// Everything but calls from S and M.
const DELEGATED: usize = 0xf0_b5ff;
const PMP_ALL: usize = 0x1f;
const SPARE_TABLES: usize = 24;

static mut ROOT: Table = Table::EMPTY;
static mut SPARE: [Table; SPARE_TABLES] = [const { Table::EMPTY }; SPARE_TABLES];
static mut GUEST_ROOT: GuestRoot = GuestRoot::EMPTY;
static mut GUEST_SPARE: [Table; SPARE_TABLES] = [const { Table::EMPTY }; SPARE_TABLES];

/// Where user programs see the image: another address than supervisors, who
/// may not execute what a user can.
pub const USER_OFFSET: usize = 0x1_0000_0000;

/// A device that a guest's own map has and its hypervisor's hasn't: each access
/// exits. The page behind the UART's.
pub const ABSENT_DEVICE: usize = uart::BOARD_ADDRESS + PAGE_SIZE;

/// Fills a map: the program's memory, and the devices that it ends by.
fn fill(mapper: &mut Mapper<'_>, offset: usize, flags: u64) {
    let start = addr_of!(_image_start) as usize;
    let size = addr_of!(_memory_end) as usize - start;
    let large = size.next_multiple_of(MEGAPAGE_SIZE);
    mapper.map_up_to(PAGE_SIZE, start + offset, start, large, flag::RWX | flags);
    if offset == 0 {
        for device in [uart::BOARD_ADDRESS, finisher::BOARD_ADDRESS] {
            mapper.map(device, device, PAGE_SIZE, flag::RW | flags);
        }
    }
}

/// The map of supervisors, and of users behind [`USER_OFFSET`]: its `satp`.
fn supervisor_map(with_user: bool) -> usize {
    let (root, spare) = (&raw mut ROOT, &raw mut SPARE);
    // SAFETY: each kernel builds its maps once.
    let mut mapper = unsafe { Mapper::new(&mut (*root).0, &mut *spare) };
    fill(&mut mapper, 0, 0);
    if with_user {
        fill(&mut mapper, USER_OFFSET, flag::USER);
    }
    mapper.atp()
}

/// What a guest maps by itself: its `vsatp`.
fn guests_own_map() -> usize {
    let (root, spare) = (&raw mut ROOT, &raw mut SPARE);
    // SAFETY: each kernel builds its maps once.
    let mut mapper = unsafe { Mapper::new(&mut (*root).0, &mut *spare) };
    fill(&mut mapper, 0, 0);
    mapper.map(ABSENT_DEVICE, ABSENT_DEVICE, PAGE_SIZE, flag::RW);
    mapper.atp()
}

/// The map of a guest's physical addresses: its `hgatp`.
fn guest_map() -> usize {
    let (root, spare) = (&raw mut GUEST_ROOT, &raw mut GUEST_SPARE);
    // SAFETY: each kernel builds its maps once.
    let mut mapper = unsafe { Mapper::new(&mut (*root).0, &mut *spare) };
    fill(&mut mapper, 0, flag::USER);
    mapper.atp()
}

/// Goes on in supervisor mode under Sv39. The stack goes on as well.
pub fn enter_supervisor(entry: extern "C" fn() -> !) -> ! {
    enter_supervisor_with(entry, supervisor_map(false))
}

/// The same with a map in which users have their part.
pub fn enter_supervisor_over_users(entry: extern "C" fn() -> !) -> ! {
    enter_supervisor_with(entry, supervisor_map(true))
}

/// The same without translation: a hypervisor's beginning.
pub fn enter_hypervisor(entry: extern "C" fn() -> !) -> ! {
    enter_supervisor_with(entry, 0)
}

fn enter_supervisor_with(entry: extern "C" fn() -> !, satp: usize) -> ! {
    // SAFETY: the map keeps every address, and `entry` never returns.
    unsafe {
        csr_write!(pmpaddr0, usize::MAX);
        csr_write!(pmpcfg0, PMP_ALL);
        csr_write!(medeleg, DELEGATED);
        csr_write!(mcounteren, usize::MAX);
        csr_write!(satp, satp);
        asm!(
            "sfence.vma",
            "csrc mstatus, {mpp}",
            "csrs mstatus, {mpp_s}",
            "csrw mepc, {entry}",
            "mret",
            mpp = in(reg) MSTATUS_MPP,
            mpp_s = in(reg) MSTATUS_MPP_S,
            entry = in(reg) entry as usize,
            options(noreturn)
        )
    }
}

/// From supervisor mode to user mode at a function's second address, with
/// `argument` in a0 and no stack.
pub fn enter_user(entry: usize, argument: usize) -> ! {
    // SAFETY: the supervisor's map has the user's part; nothing returns.
    unsafe {
        asm!(
            "csrc sstatus, {spp}",
            "csrw sepc, {entry}",
            "sret",
            spp = in(reg) SSTATUS_SPP,
            entry = in(reg) entry + USER_OFFSET,
            in("a0") argument,
            options(noreturn)
        )
    }
}

/// From HS to VS mode with both stages of translation, with `argument` in a0
/// and the same stack. By `sret`: an emulator is known that loses the bit by
/// which `mret` would enter VS mode.
pub fn enter_guest(entry: usize, argument: usize) -> ! {
    // SAFETY: the maps keep every address; nothing returns.
    unsafe {
        csr_write!(hgatp, guest_map());
        csr_write!(vsatp, guests_own_map());
        csr_write!(hedeleg, 0);
        csr_write!(vsstatus, SSTATUS_FS);
        asm!(
            ".insn r 0x73, 0, 0x31, x0, x0, x0", // HFENCE.GVMA.
            ".insn r 0x73, 0, 0x11, x0, x0, x0", // HFENCE.VVMA.
            "csrs hstatus, {hstatus}",
            "csrs sstatus, {spp}",
            "csrw sepc, {entry}",
            "sret",
            hstatus = in(reg) HSTATUS_SPV | HSTATUS_SPVP,
            spp = in(reg) SSTATUS_SPP,
            entry = in(reg) entry,
            in("a0") argument,
            options(noreturn)
        )
    }
}
