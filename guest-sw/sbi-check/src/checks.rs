//! The checks, in the order in which they build on one another.

use fdt::Fdt;
use rt::{csr_clear, csr_read, csr_set};
use sbi_spec::{base, dbcn, hsm, legacy, rfnc, spi, srst, time};

use crate::harts::{self, INTERRUPTS, UP, eventually};
use crate::sbi::call;
use core::sync::atomic::Ordering;

type Check = fn(&Fdt<'_>) -> bool;

/// All of them, with what each is about.
pub const ALL: [(&str, Check); 12] = [
    ("base", base),
    ("extensions", extensions),
    ("device tree reserves the firmware", reservation),
    ("debug console", debug_console),
    ("bad arguments are refused", bad_arguments),
    ("harts start", harts_start),
    ("inter-processor interrupts", interrupts),
    ("remote fences", remote_fences),
    ("timer", timer),
    ("suspend", suspend),
    ("harts stop and start again", harts_stop),
    ("unknown calls", unknown),
];

const SUCCESS: isize = 0;
const NOT_SUPPORTED: isize = -2;
const INVALID_PARAM: isize = -3;
const ALREADY_AVAILABLE: isize = -6;

fn base(_: &Fdt<'_>) -> bool {
    let get = |function| call(base::EID_BASE, function, [0; 5]);
    let (error, version) = get(base::GET_SBI_SPEC_VERSION);
    let ids = [base::GET_SBI_IMPL_ID, base::GET_SBI_IMPL_VERSION, base::GET_MVENDORID, base::GET_MIMPID];
    error == SUCCESS && version >> 24 >= 1 && ids.iter().all(|&id| get(id).0 == SUCCESS)
}

fn probe(extension: usize) -> bool {
    let (error, value) = call(base::EID_BASE, base::PROBE_EXTENSION, [extension, 0, 0, 0, 0]);
    error == SUCCESS && value != 0
}

fn extensions(_: &Fdt<'_>) -> bool {
    let wanted = [time::EID_TIME, spi::EID_SPI, rfnc::EID_RFNC, hsm::EID_HSM, srst::EID_SRST];
    let consoles = [dbcn::EID_DBCN, legacy::LEGACY_CONSOLE_PUTCHAR];
    wanted.into_iter().all(probe) && consoles.into_iter().any(probe) && !probe(0x0123_4567)
}

/// In the reservation block, or as a node under `/reserved-memory`.
fn reservation(tree: &Fdt<'_>) -> bool {
    const RAM: u64 = 0x8000_0000;
    let blob = tree.blob();
    let word = |offset: usize| blob.get(offset..offset + 4).map(|bytes| u32::from_be_bytes(bytes.try_into().unwrap()));
    let first = word(fdt::header::RESERVATIONS_OFFSET).and_then(|offset| {
        let entry = blob.get(offset as usize..offset as usize + 8)?;
        Some(u64::from_be_bytes(entry.try_into().ok()?))
    });
    let in_node = || tree.nodes().filter(|node| node.name().starts_with("mmode_resv")).count() > 0;
    first == Some(RAM) || in_node()
}

fn debug_console(_: &Fdt<'_>) -> bool {
    if !probe(dbcn::EID_DBCN) {
        let written = "sbi-check: by legacy console\n".bytes();
        return written
            .map(|byte| call(legacy::LEGACY_CONSOLE_PUTCHAR, 0, [byte as usize, 0, 0, 0, 0]).0)
            .all(|r| r == 0);
    }
    let line = "sbi-check: by debug console\n";
    let write = |len, address| call(dbcn::EID_DBCN, dbcn::CONSOLE_WRITE, [len, address, 0, 0, 0]);
    let outside = write(16, 0x1000).0;
    write(line.len(), line.as_ptr() as usize) == (SUCCESS, line.len()) && outside == INVALID_PARAM
}

fn bad_arguments(_: &Fdt<'_>) -> bool {
    const NOBODY: usize = 4000;
    let start = call(hsm::EID_HSM, hsm::HART_START, [NOBODY, 0x8020_0000, 0, 0, 0]).0;
    let status = call(hsm::EID_HSM, hsm::HART_GET_STATUS, [NOBODY, 0, 0, 0, 0]).0;
    let interrupt = call(spi::EID_SPI, spi::SEND_IPI, [1, NOBODY, 0, 0, 0]).0;
    [start, status, interrupt] == [INVALID_PARAM; 3]
}

fn harts_start(tree: &Fdt<'_>) -> bool {
    let count = harts::others(tree).count();
    let stopped = harts::others(tree).all(|hart| harts::state(hart) == hsm::hart_state::STOPPED);
    let started = harts::others(tree).all(|hart| harts::start(hart) == SUCCESS);
    let up = eventually(|| UP.load(Ordering::Acquire) == count);
    let twice = harts::others(tree).all(|hart| harts::start(hart) == ALREADY_AVAILABLE);
    let state = harts::others(tree).all(|hart| harts::state(hart) == hsm::hart_state::STARTED);
    stopped && started && up && twice && state
}

fn interrupts(tree: &Fdt<'_>) -> bool {
    let count = harts::others(tree).count();
    (1..=10).all(|round| {
        let sent = call(spi::EID_SPI, spi::SEND_IPI, [harts::others_mask(tree), 0, 0, 0, 0]).0;
        sent == SUCCESS && eventually(|| INTERRUPTS.load(Ordering::Acquire) == round * count)
    })
}

fn remote_fences(tree: &Fdt<'_>) -> bool {
    const ALL_HARTS: usize = usize::MAX;
    let _ = tree;
    let fence = |function, range: [usize; 3]| {
        let [start, size, space] = range;
        call(rfnc::EID_RFNC, function, [0, ALL_HARTS, start, size, space]).0 == SUCCESS
    };
    let ranges = [[0, 0, 0], [0, usize::MAX, 1], [0x8020_0000, 0x3000, 1], [0x8020_0800, 0x80_0000, 1]];
    let plain = [rfnc::REMOTE_FENCE_I, rfnc::REMOTE_SFENCE_VMA, rfnc::REMOTE_SFENCE_VMA_ASID];
    let hypervisor = [
        rfnc::REMOTE_HFENCE_GVMA,
        rfnc::REMOTE_HFENCE_GVMA_VMID,
        rfnc::REMOTE_HFENCE_VVMA,
        rfnc::REMOTE_HFENCE_VVMA_ASID,
    ];
    plain.iter().chain(&hypervisor).all(|&function| ranges.iter().all(|&range| fence(function, range)))
}

const SIP_STIP: usize = 1 << 5;

fn set_timer(time: usize) {
    call(time::EID_TIME, time::SET_TIMER, [time, 0, 0, 0, 0]);
}

fn timer(_: &Fdt<'_>) -> bool {
    let pending = || csr_read!(sip) & SIP_STIP != 0;
    set_timer(usize::MAX);
    let quiet = !pending();
    let due = csr_read!(time) + 10_000;
    set_timer(due);
    let came = eventually(pending);
    let not_early = csr_read!(time) >= due;
    set_timer(usize::MAX);
    quiet && came && not_early && !pending()
}

/// Asleep until the timer that it set, which it doesn't take.
fn suspend(_: &Fdt<'_>) -> bool {
    let due = csr_read!(time) + 10_000;
    set_timer(due);
    // SAFETY: enabled here alone, the interrupt is pending but never taken.
    unsafe { csr_set!(sie, SIP_STIP) };
    let (error, _) = call(hsm::EID_HSM, hsm::HART_SUSPEND, [hsm::suspend_type::RETENTIVE as usize, 0, 0, 0, 0]);
    let slept = csr_read!(time) >= due;
    // SAFETY: as above.
    unsafe { csr_clear!(sie, SIP_STIP) };
    set_timer(usize::MAX);
    error == SUCCESS && slept
}

fn harts_stop(tree: &Fdt<'_>) -> bool {
    harts::stop_others(harts::others_mask(tree));
    let all_in = |state: usize| eventually(|| harts::others(tree).all(|hart| harts::state(hart) == state));
    let stopped = all_in(hsm::hart_state::STOPPED);
    let up_before = UP.load(Ordering::Acquire);
    let started = harts::others(tree).all(|hart| harts::start(hart) == SUCCESS);
    let count = harts::others(tree).count();
    // They find that they are to stop, and stop again.
    let up = eventually(|| UP.load(Ordering::Acquire) == up_before + count);
    stopped && started && up && all_in(hsm::hart_state::STOPPED)
}

fn unknown(_: &Fdt<'_>) -> bool {
    let extension = call(0x0123_4567, 0, [0; 5]).0;
    let function = call(base::EID_BASE, 99, [0; 5]).0;
    [extension, function] == [NOT_SUPPORTED; 2]
}
