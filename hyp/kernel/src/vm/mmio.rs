//! A guest's access to a device becomes an exit to the VMM, or signals an event.

use hyp_abi::vm::{MmioExit, exit};
use hyp_kernel::addr::GuestPhys;
use hyp_kernel::insn::{Access, Kind};

use crate::arch::{MARKER_EXIT_TO_USER, MARKER_KERNEL_EXIT};
use crate::marker;
use crate::vm::exit::Outcome;
use crate::vm::vcpu::{Completion, Vcpu};

/// Fills the run page and moves the guest behind the instruction. What a load
/// gets is put into its register by the next `VCPU_RUN`. A store that is bound to
/// an event signals that instead, and the VMM hears nothing.
#[inline(always)]
pub fn exit(vcpu: &mut Vcpu, gpa: GuestPhys, access: Access) -> Outcome {
    let (data, is_write, completion) = match access.kind {
        Kind::Store { rs2 } => {
            let unused = 64 - 8 * access.len();
            let data = vcpu.frame.x[rs2] << unused >> unused;
            if vcpu.io_table.may_hold(gpa) && vcpu.io_table.signal(gpa, data, access.size_log2) {
                vcpu.frame.pc += access.insn_len as u64;
                marker!(MARKER_KERNEL_EXIT);
                return Outcome::Resume;
            }
            (data, 1, Completion::None)
        }
        Kind::Load { rd, extend } => (0, 0, Completion::Load { rd, size_log2: access.size_log2, extend }),
    };
    vcpu.completion = completion;
    vcpu.frame.pc += access.insn_len as u64;
    let page = vcpu.run_page();
    // SAFETY: the page lives as long as the vCPU; nobody has a reference to it.
    unsafe {
        (*page).exit_reason = exit::MMIO;
        (*page).mmio = MmioExit { gpa: gpa.0, data, len: access.len(), is_write };
    }
    marker!(MARKER_EXIT_TO_USER);
    Outcome::Leave
}
