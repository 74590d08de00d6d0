//! SBI calls of the guest. The kernel serves what a machine's firmware does for
//! its harts (timer, interrupts, fences); consoles, power and everything that it
//! does not know is the VMM's.

use hyp_abi::vm::{SbiExit, SystemEvent, exit};

use crate::arch::csr::INT_VSSI;
use crate::arch::{MARKER_KERNEL_EXIT, MARKER_VCPU_IPI, sbi};
use crate::vm::exit::Outcome;
use crate::vm::hardware::guest_has_sstc;
use crate::vm::line::Hsm;
use crate::vm::vcpu::{Completion, Vcpu};
use crate::{csr_write, marker};

const EXT_BASE: u64 = 0x10;
const EXT_TIME: u64 = 0x5449_4d45;
const EXT_IPI: u64 = 0x0073_5049;
const EXT_RFENCE: u64 = 0x5246_4e43;
const EXT_HSM: u64 = 0x0048_534d;
const EXT_SRST: u64 = 0x5352_5354;
const EXT_LEGACY_SET_TIMER: u64 = 0;
const EXT_LEGACY_SHUTDOWN: u64 = 8;

const BASE_PROBE_EXTENSION: u64 = 3;
/// SBI 2.0.
const SPEC_VERSION: u64 = 2 << 24;
/// No number is registered for this hypervisor; this one is unused.
const IMPLEMENTATION_ID: u64 = 0x4859;
const IMPLEMENTATION_VERSION: u64 = 1;

const ERR_NOT_SUPPORTED: u64 = -2i64 as u64;
const ERR_INVALID_PARAM: u64 = -3i64 as u64;
const ERR_ALREADY_AVAILABLE: u64 = -6i64 as u64;

/// Functions and states of HSM.
const HSM_START: u64 = 0;
const HSM_STOP: u64 = 1;
const HSM_STATUS: u64 = 2;
const HSM_SUSPEND: u64 = 3;
const HSM_STARTED: u64 = 0;
const HSM_STOPPED: u64 = 1;
const HSM_START_PENDING: u64 = 2;
/// Suspend type: retentive, the default; the same as WFI.
const HSM_SUSPEND_RETENTIVE: u64 = 0;

/// Registers of a call: a0–a7 are x10–x17.
const A0: usize = 10;
const A6: usize = 16;
const A7: usize = 17;

/// Answer of a call.
type Answer = Result<u64, u64>;

/// Serves `ecall` from VS. Apart from the run loop, which would else load this
/// file's constants on each of its rounds.
#[inline(never)]
pub fn call(vcpu: &mut Vcpu) -> Outcome {
    vcpu.frame.pc += 4;
    let function = vcpu.frame.x[A6];
    let argument = vcpu.frame.x[A0];
    match vcpu.frame.x[A7] {
        EXT_BASE => base(vcpu, function, argument),
        EXT_TIME if function == 0 => {
            set_timer(vcpu, argument);
            answer(vcpu, Ok(0))
        }
        EXT_LEGACY_SET_TIMER => {
            set_timer(vcpu, argument);
            legacy_answer(vcpu)
        }
        EXT_IPI if function == 0 => {
            let result = send_ipi(vcpu);
            answer(vcpu, result)
        }
        EXT_RFENCE => {
            let result = fence(vcpu, function);
            answer(vcpu, result)
        }
        EXT_HSM => hsm(vcpu, function, argument),
        EXT_SRST if function == 0 => system_event(vcpu, argument),
        EXT_LEGACY_SHUTDOWN => system_event(vcpu, 0),
        _ => to_vmm(vcpu, ERR_NOT_SUPPORTED),
    }
}

fn answer(vcpu: &mut Vcpu, result: Answer) -> Outcome {
    marker!(MARKER_KERNEL_EXIT);
    let (error, value) = match result {
        Ok(value) => (0, value),
        Err(error) => (error, 0),
    };
    vcpu.frame.x[A0] = error;
    vcpu.frame.x[A0 + 1] = value;
    Outcome::Resume
}

/// Legacy calls answer in a0 only.
fn legacy_answer(vcpu: &mut Vcpu) -> Outcome {
    marker!(MARKER_KERNEL_EXIT);
    vcpu.frame.x[A0] = 0;
    Outcome::Resume
}

fn base(vcpu: &mut Vcpu, function: u64, argument: u64) -> Outcome {
    let value = match function {
        0 => SPEC_VERSION,
        1 => IMPLEMENTATION_ID,
        2 => IMPLEMENTATION_VERSION,
        BASE_PROBE_EXTENSION => match argument {
            EXT_BASE | EXT_TIME | EXT_IPI | EXT_RFENCE | EXT_HSM | EXT_SRST => 1,
            EXT_LEGACY_SET_TIMER | EXT_LEGACY_SHUTDOWN => 1,
            // The VMM knows what else there is.
            _ => return to_vmm(vcpu, 0),
        },
        4..=6 => 0,
        _ => return answer(vcpu, Err(ERR_NOT_SUPPORTED)),
    };
    answer(vcpu, Ok(value))
}

fn set_timer(vcpu: &mut Vcpu, deadline: u64) {
    if guest_has_sstc() {
        csr_write!("0x24d", deadline); // vstimecmp
    } else {
        vcpu.set_timer(deadline);
    }
}

/// Software interrupts for the vCPUs in (mask, base) of a0, a1.
fn send_ipi(vcpu: &Vcpu) -> Answer {
    marker!(MARKER_VCPU_IPI);
    let (mask, base) = (vcpu.frame.x[A0], vcpu.frame.x[A0 + 1]);
    let selected =
        |number: u64| base == u64::MAX || number.checked_sub(base).is_some_and(|bit| bit < 64 && mask >> bit & 1 != 0);
    if base != u64::MAX && base >= vcpu.vm.vcpu_count() {
        return Err(ERR_INVALID_PARAM);
    }
    vcpu.vm.for_each_vcpu(|number, line| {
        if selected(number) {
            line.set(INT_VSSI, true);
        }
    });
    Ok(0)
}

/// Hart state management: the vCPUs of the VM are its harts. A vCPU that is
/// stopped sleeps in its `VCPU_RUN`.
fn hsm(vcpu: &mut Vcpu, function: u64, argument: u64) -> Outcome {
    let result = match function {
        HSM_START => start_vcpu(vcpu, argument),
        HSM_STOP => {
            // Does not return to the guest: the run loop finds it stopped.
            vcpu.line.set_started(false);
            return Outcome::Resume;
        }
        HSM_STATUS => match vcpu.vm.vcpu(argument).map(|line| line.hsm()) {
            Some(Hsm::Started) => Ok(HSM_STARTED),
            Some(Hsm::Stopped) => Ok(HSM_STOPPED),
            Some(Hsm::StartPending { .. }) => Ok(HSM_START_PENDING),
            None => Err(ERR_INVALID_PARAM),
        },
        HSM_SUSPEND if argument as u32 as u64 == HSM_SUSPEND_RETENTIVE => {
            answer(vcpu, Ok(0));
            return Outcome::Wait;
        }
        _ => Err(ERR_NOT_SUPPORTED),
    };
    answer(vcpu, result)
}

fn start_vcpu(vcpu: &Vcpu, number: u64) -> Answer {
    let target = vcpu.vm.vcpu(number).ok_or(ERR_INVALID_PARAM)?;
    let (pc, opaque) = (vcpu.frame.x[A0 + 1], vcpu.frame.x[A0 + 2]);
    if target.start(pc, opaque) { Ok(0) } else { Err(ERR_ALREADY_AVAILABLE) }
}

/// Remote fences go to every hart, through the firmware, whose call returns
/// when all have obeyed. They are rare, and too many are harmless.
fn fence(vcpu: &Vcpu, function: u64) -> Answer {
    let (start, size) = (vcpu.frame.x[A0 + 2], vcpu.frame.x[A0 + 3]);
    let done = match function {
        0 => sbi::remote_fence_i(),
        1 | 2 => sbi::remote_hfence_vvma(start, size),
        // Fences of a hypervisor, which the guest cannot be.
        _ => return Err(ERR_NOT_SUPPORTED),
    };
    done.map(|()| 0).map_err(|error| error.0 as u64)
}

fn system_event(vcpu: &mut Vcpu, kind: u64) -> Outcome {
    let reason = vcpu.frame.x[A0 + 1];
    let page = vcpu.run_page();
    // SAFETY: the page lives as long as the vCPU; nobody has a reference to it.
    unsafe {
        (*page).exit_reason = exit::SYSTEM_EVENT;
        (*page).system_event = SystemEvent { kind, reason };
    }
    Outcome::Leave
}

/// Hands the call to the VMM, whose answer goes to a0, a1; `error` is what the
/// guest gets if the VMM does not set one.
fn to_vmm(vcpu: &mut Vcpu, error: u64) -> Outcome {
    let x = &vcpu.frame.x;
    let mut args = [0; 6];
    args.copy_from_slice(&x[A0..A6]);
    let call = SbiExit { extension: x[A7], function: x[A6], args, ret: [error, 0] };
    vcpu.completion = Completion::Sbi;
    let page = vcpu.run_page();
    // SAFETY: as above.
    unsafe {
        (*page).exit_reason = exit::RISCV_SBI;
        (*page).sbi = call;
    }
    Outcome::Leave
}
