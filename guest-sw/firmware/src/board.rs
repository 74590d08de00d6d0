//! What the device tree says about the machine, read once by the first hart.

use core::cell::UnsafeCell;
use core::ops::Range;
use core::ptr;

use fdt::Fdt;
use rt::finisher::Finisher;

use crate::harts::HARTS_MAX;

/// The machine as far as the firmware has to do with it.
#[derive(Clone, Debug)]
pub struct Board {
    /// The UART that the console is on.
    pub uart: Option<usize>,
    /// What ends the machine.
    pub finisher: Option<Finisher>,
    /// The core-local interruptor: software interrupts and timers.
    pub clint: Clint,
    /// Where RAM is: what a supervisor may name in a call.
    pub memory: Range<usize>,
    /// Harts that are there, one bit for each.
    pub harts: u64,
}

const _: () = assert!(HARTS_MAX <= u64::BITS as usize);

struct Global(UnsafeCell<Option<Board>>);

// SAFETY: written by the first hart while all others wait; read from then on.
unsafe impl Sync for Global {}

static BOARD: Global = Global(UnsafeCell::new(None));

/// The machine; only after the first hart has looked at it.
pub fn board() -> &'static Board {
    try_board().expect("the first hart looks at the board first")
}

/// The machine, or `None` while nobody has looked at it.
pub fn try_board() -> Option<&'static Board> {
    // SAFETY: see `Global`.
    unsafe { (*BOARD.0.get()).as_ref() }
}

impl Board {
    /// Reads the tree and publishes what it says.
    pub fn discover(tree: &Fdt<'_>) {
        let address = |model| {
            let node = tree.compatible(model).next()?;
            node.regions().next().map(|(base, _)| base as usize)
        };
        let finisher = address("sifive,test0");
        let clint = address("sifive,clint0").or_else(|| address("riscv,clint0"));
        let (start, size) = tree.memory().next().unwrap_or((0, 0));
        let board = Self {
            uart: address("ns16550a"),
            // SAFETY: the device tree says that it is there.
            finisher: finisher.map(|base| unsafe { Finisher::new(base) }),
            clint: Clint { base: clint.unwrap_or(0) },
            memory: start as usize..start.saturating_add(size) as usize,
            harts: tree.harts().filter(|&hart| hart < HARTS_MAX as u64).fold(0, |harts, hart| harts | 1 << hart),
        };
        // SAFETY: see `Global`: this is the first hart and nobody reads yet.
        unsafe { *BOARD.0.get() = Some(board) };
        assert!(clint.is_some(), "the device tree has no core-local interruptor");
    }

    /// Whether a hart of this number is there.
    pub fn has_hart(&self, hart: usize) -> bool {
        hart < HARTS_MAX && self.harts >> hart & 1 != 0
    }
}

/// Orders memory and devices: a message is there before its interrupt is, and
/// looked for after the interrupt is cleared.
fn io_fence() {
    // SAFETY: a fence only orders.
    unsafe { core::arch::asm!("fence iorw, iorw", options(nostack)) };
}

/// The core-local interruptor in the layout that SiFive gave it.
#[derive(Clone, Copy, Debug)]
pub struct Clint {
    base: usize,
}

const MSIP: usize = 0;
const MTIMECMP: usize = 0x4000;

impl Clint {
    /// Raises or clears a hart's machine software interrupt.
    pub fn set_software_interrupt(self, hart: usize, raised: bool) {
        let register = (self.base + MSIP + 4 * hart) as *mut u32;
        io_fence();
        // SAFETY: the device tree says that the device is there.
        unsafe { ptr::write_volatile(register, u32::from(raised)) };
        io_fence();
    }

    /// Sets when a hart's machine timer interrupt comes.
    pub fn set_timer(self, hart: usize, time: u64) {
        let register = (self.base + MTIMECMP + 8 * hart) as *mut u64;
        // SAFETY: the device tree says that the device is there.
        unsafe { ptr::write_volatile(register, time) };
    }
}
