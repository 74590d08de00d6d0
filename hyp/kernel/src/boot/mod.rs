//! From the firmware's jump to the first thread.

pub mod entry;
pub mod initrd;
pub mod memory;
pub mod smp;
pub mod tree;

use alloc::string::String;

use hyp_kernel::addr::Phys;

use crate::arch::csr::{INT_SSI, INT_STI};
use crate::arch::ipi;
use crate::boot::tree::Board;
use crate::console::Uart;
use crate::mm::{frame, kernel_map};
use crate::sched::{self, hart::Hart, hart::set_harts, thread::Thread, timer};
use crate::sync::Once;
use crate::trap::entry::trap_vector;
use crate::vm::{extensions, hardware, uer};
use crate::{console, csr_write, disk, init, log, power, vei};

static ARGUMENTS: Once<String> = Once::new();

/// The kernel's command line: arguments of the initial process.
pub fn arguments() -> &'static str {
    ARGUMENTS.get()
}

/// The boot hart, translating through the boot table, on the boot stack.
extern "C" fn boot_main(hartid: usize, device_tree: usize) -> ! {
    set_trap_vector();
    let fdt = tree::find(Phys(device_tree)).expect("bad device tree (a1)");
    let board = Board::read(&fdt).unwrap_or_else(|missing| panic!("device tree: {missing}"));
    let mut free = memory::free_ranges(&fdt, &board, Phys(device_tree));
    // SAFETY: the ranges are memory that the device tree says exists and that
    // neither firmware, kernel, initrd nor device tree occupy.
    unsafe { frame::init(free.as_mut_slice()) };
    kernel_map::init(board.ranges());
    use_devices(&board);
    timer::configure(board.timebase, board.has_sstc);
    assert!(board.has_hypervisor, "the harts have no H extension (QEMU: -cpu rv64,h=true)");
    hardware::probe();
    extensions::set(&fdt);
    ARGUMENTS.set(String::from(board.arguments));
    initrd::set(board.initrd);
    let harts = smp::make_harts(&board, hartid);
    let boot_hart = harts[0];
    set_harts(harts);
    vei::init();
    begin_hart(boot_hart);
    smp::start_others();
    announce(&board);
    vei::balance::start();
    init::start();
    sched::idle()
}

fn use_devices(board: &Board<'_>) {
    if let Some((base, shift)) = board.uart {
        console::set_uart(Uart { base: base.direct(), shift });
    }
    if let Some(sswi) = board.sswi {
        ipi::set_sswi(sswi.direct());
    }
    if let Some(finisher) = board.finisher {
        power::set_finisher(finisher.direct());
    }
    disk::set_slots(board.virtio);
}

fn announce(board: &Board<'_>) {
    let yes = |condition| if condition { "yes" } else { "no" };
    log!(
        "{} harts, {} MiB free, Sstc {}, Sstc for guests {}, VMIDs {}, HA-IOV {}, VEI and HCS {}",
        sched::hart::harts().len(),
        frame::free_pages() / 256,
        yes(board.has_sstc),
        yes(hardware::guest_has_sstc()),
        yes(hardware::has_vmids()),
        yes(uer::is_supported()),
        yes(vei::is_supported()),
    );
}

fn set_trap_vector() {
    csr_write!("sscratch", 0);
    csr_write!("stvec", &raw const trap_vector as u64);
}

/// The last steps of every hart, which runs its idle thread from now on.
fn begin_hart(hart: &'static Hart) {
    // SAFETY: tp is the kernel's pointer to its hart; nobody used it before.
    unsafe { core::arch::asm!("mv tp, {}", in(reg) hart, options(nostack)) };
    hart.adopt_idle(Thread::new_idle(hart));
    hardware::init_hart();
    csr_write!("sie", INT_SSI | INT_STI);
    vei::hart::init_hart();
    timer::rearm();
}

/// A secondary hart, started by `smp`, on its own stack.
extern "C" fn secondary_main(hart: &'static Hart) -> ! {
    set_trap_vector();
    kernel_map::activate(kernel_map::root());
    crate::arch::sfence_vma_all();
    begin_hart(hart);
    sched::idle()
}
