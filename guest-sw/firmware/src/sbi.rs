//! The supervisor binary interface: what the machine does for each call. The
//! `rustsbi` crate dispatches them, checks their arguments' widths and answers
//! which extensions there are; the three legacy calls that early consoles
//! still use are answered here, since the crate leaves them out.

use core::slice;

use proto::exit;
use rt::{csr_clear, csr_read, csr_set, csr_write};
use rustsbi::{Console, EnvInfo, Fence as RemoteFence, HartMask, Hsm, Ipi, Physical, Reset, RustSBI, SbiRet, Timer};
use sbi_spec::{base, hsm, legacy, srst};

use crate::board::board;
use crate::fence::{Fence, Range, remote};
use crate::setup::{MIE_MTIE, has_stimecmp};
use crate::trap::Frame;
use crate::{console, harts};

/// All extensions are served by the one machine.
#[derive(RustSBI)]
struct Services {
    console: Machine,
    fence: Machine,
    hsm: Machine,
    info: Machine,
    ipi: Machine,
    reset: Machine,
    timer: Machine,
}

static SERVICES: Services = Services {
    console: Machine,
    fence: Machine,
    hsm: Machine,
    info: Machine,
    ipi: Machine,
    reset: Machine,
    timer: Machine,
};

/// The machine that the firmware runs on.
struct Machine;

/// Answers a call: `a7` = extension, `a6` = function, results in `a0`, `a1`.
pub fn call(frame: &mut Frame) {
    let [a0, a1, a2, a3, a4, a5, function, extension] = frame.a;
    if let Some(result) = legacy_call(extension, a0) {
        frame.a[0] = result; // Legacy calls leave a1 alone.
        return;
    }
    let result = match (extension, function, a0) {
        (
            base::EID_BASE,
            base::PROBE_EXTENSION,
            legacy::LEGACY_CONSOLE_PUTCHAR | legacy::LEGACY_CONSOLE_GETCHAR | legacy::LEGACY_SHUTDOWN,
        ) => SbiRet::success(1),
        _ => SERVICES.handle_ecall(extension, function, [a0, a1, a2, a3, a4, a5]),
    };
    frame.a[0] = result.error;
    frame.a[1] = result.value;
}

fn legacy_call(extension: usize, argument: usize) -> Option<usize> {
    match extension {
        legacy::LEGACY_CONSOLE_PUTCHAR => {
            console::send(&[argument as u8]);
            Some(0)
        }
        legacy::LEGACY_CONSOLE_GETCHAR => {
            Some(console::receive().map_or(usize::MAX, usize::from)) // -1: nothing there.
        }
        legacy::LEGACY_SHUTDOWN => {
            let result = Machine.system_reset(srst::RESET_TYPE_SHUTDOWN, srst::RESET_REASON_NO_REASON);
            Some(result.error)
        }
        _ => None,
    }
}

impl EnvInfo for Machine {
    fn mvendorid(&self) -> usize {
        csr_read!(mvendorid)
    }

    fn marchid(&self) -> usize {
        csr_read!(marchid)
    }

    fn mimpid(&self) -> usize {
        csr_read!(mimpid)
    }
}

const MIP_STIP: usize = 1 << 5;

impl Timer for Machine {
    fn set_timer(&self, stime_value: u64) {
        if has_stimecmp() {
            // SAFETY: it chooses only when the supervisor is interrupted.
            unsafe { csr_write!(stimecmp, stime_value) };
            return;
        }
        board().clint.set_timer(csr_read!(mhartid), stime_value);
        // SAFETY: as above.
        unsafe {
            csr_clear!(mip, MIP_STIP);
            csr_set!(mie, MIE_MTIE);
        }
    }
}

impl Ipi for Machine {
    fn send_ipi(&self, hart_mask: HartMask) -> SbiRet {
        match harts::running_harts(hart_mask) {
            Ok(running) => {
                harts::send_message(running, harts::MESSAGE_INTERRUPT);
                SbiRet::success(0)
            }
            Err(error) => error,
        }
    }
}

impl RemoteFence for Machine {
    fn remote_fence_i(&self, hart_mask: HartMask) -> SbiRet {
        remote(hart_mask, Fence::Instructions)
    }

    fn remote_sfence_vma(&self, hart_mask: HartMask, start_addr: usize, size: usize) -> SbiRet {
        let range = Range::new(start_addr, size);
        remote(hart_mask, Fence::Supervisor { range, asid: None })
    }

    fn remote_sfence_vma_asid(&self, hart_mask: HartMask, start_addr: usize, size: usize, asid: usize) -> SbiRet {
        let (range, asid) = (Range::new(start_addr, size), Some(asid));
        remote(hart_mask, Fence::Supervisor { range, asid })
    }

    fn remote_hfence_gvma(&self, hart_mask: HartMask, start_addr: usize, size: usize) -> SbiRet {
        let range = Range::new(start_addr, size);
        remote(hart_mask, Fence::GuestPhysical { range, vmid: None })
    }

    fn remote_hfence_gvma_vmid(&self, hart_mask: HartMask, start_addr: usize, size: usize, vmid: usize) -> SbiRet {
        let (range, vmid) = (Range::new(start_addr, size), Some(vmid));
        remote(hart_mask, Fence::GuestPhysical { range, vmid })
    }

    fn remote_hfence_vvma(&self, hart_mask: HartMask, start_addr: usize, size: usize) -> SbiRet {
        remote(hart_mask, guest_virtual(start_addr, size, None))
    }

    fn remote_hfence_vvma_asid(&self, hart_mask: HartMask, start_addr: usize, size: usize, asid: usize) -> SbiRet {
        remote(hart_mask, guest_virtual(start_addr, size, Some(asid)))
    }
}

const MISA_H: usize = 1 << 7;

fn guest_virtual(start: usize, size: usize, asid: Option<usize>) -> Fence {
    let hypervisor = csr_read!(misa) & MISA_H != 0;
    Fence::GuestVirtual { range: Range::new(start, size), asid, hgatp: if hypervisor { csr_read!(hgatp) } else { 0 } }
}

impl Hsm for Machine {
    fn hart_start(&self, hartid: usize, start_addr: usize, opaque: usize) -> SbiRet {
        harts::start(hartid, start_addr, opaque)
    }

    fn hart_stop(&self) -> SbiRet {
        harts::stop()
    }

    fn hart_get_status(&self, hartid: usize) -> SbiRet {
        harts::status(hartid)
    }

    fn hart_suspend(&self, suspend_type: u32, _resume_addr: usize, _opaque: usize) -> SbiRet {
        match suspend_type {
            hsm::suspend_type::RETENTIVE => harts::suspend(),
            _ => SbiRet::not_supported(),
        }
    }
}

impl Reset for Machine {
    fn system_reset(&self, reset_type: u32, reset_reason: u32) -> SbiRet {
        let Some(finisher) = board().finisher else {
            return SbiRet::not_supported();
        };
        match reset_type {
            srst::RESET_TYPE_SHUTDOWN => finisher.exit(exit::code(reset_reason)),
            srst::RESET_TYPE_COLD_REBOOT | srst::RESET_TYPE_WARM_REBOOT => finisher.reset(),
            _ => SbiRet::invalid_param(),
        }
    }
}

/// Bytes of a call that lie in RAM, or `None`: a supervisor's mistake is not
/// to become a trap in the firmware.
fn in_memory<P>(bytes: &Physical<P>) -> Option<(usize, usize)> {
    let (start, count) = (bytes.phys_addr_lo(), bytes.num_bytes());
    let end = start.checked_add(count)?;
    let memory = &board().memory;
    let inside = start >= memory.start && end <= memory.end && bytes.phys_addr_hi() == 0;
    inside.then_some((start, count))
}

impl Console for Machine {
    fn write(&self, bytes: Physical<&[u8]>) -> SbiRet {
        let Some((start, count)) = in_memory(&bytes) else {
            return SbiRet::invalid_param();
        };
        // SAFETY: the bytes are RAM; what the supervisor writes meanwhile is
        // its own affair, any byte is as good as another.
        console::send(unsafe { slice::from_raw_parts(start as *const u8, count) });
        SbiRet::success(count)
    }

    fn read(&self, bytes: Physical<&mut [u8]>) -> SbiRet {
        let Some((start, count)) = in_memory(&bytes) else {
            return SbiRet::invalid_param();
        };
        let arrived = (0..count).map_while(|offset| {
            let byte = console::receive()?;
            // SAFETY: the supervisor gave this RAM for it.
            unsafe { core::ptr::write_volatile((start + offset) as *mut u8, byte) };
            Some(())
        });
        SbiRet::success(arrived.count())
    }

    fn write_byte(&self, byte: u8) -> SbiRet {
        console::send(&[byte]);
        SbiRet::success(0)
    }
}
