//! A vCPU's CSRs and floating-point registers, in the order of when they are
//! saved: only when the vCPU comes into a hart and leaves it.

use core::arch::global_asm;
use core::mem::offset_of;

use crate::vm::hardware::guest_has_sstc;
use crate::{csr_read, csr_swap, csr_write};

/// The VS CSRs, and what the guest changes of the host's.
#[derive(Clone, Debug, Default)]
pub struct GuestCsrs {
    vsstatus: u64,
    vsie: u64,
    vstvec: u64,
    vsscratch: u64,
    vsepc: u64,
    vscause: u64,
    vstval: u64,
    vsatp: u64,
    hvip: u64,
    vstimecmp: u64,
    /// There is one `senvcfg`, which the guest writes in place of the host's.
    senvcfg: u64,
}

impl GuestCsrs {
    /// State of a hart after reset, as SBI hands it to a supervisor.
    pub fn new() -> Self {
        Self { vstimecmp: u64::MAX, ..Self::default() }
    }

    /// Into the hart, whose `hgatp` is the guest's already.
    pub fn load(&mut self) {
        csr_write!("vsstatus", self.vsstatus);
        csr_write!("vsie", self.vsie);
        csr_write!("vstvec", self.vstvec);
        csr_write!("vsscratch", self.vsscratch);
        csr_write!("vsepc", self.vsepc);
        csr_write!("vscause", self.vscause);
        csr_write!("vstval", self.vstval);
        csr_write!("vsatp", self.vsatp);
        csr_write!("hvip", self.hvip);
        self.senvcfg = csr_swap!("senvcfg", self.senvcfg);
        if guest_has_sstc() {
            csr_write!("0x24d", self.vstimecmp);
        }
    }

    /// Out of the hart. `vsatp` is cleared, so that nothing is translated with
    /// it speculatively, and the guest's interrupts do not stay behind.
    pub fn unload(&mut self) {
        self.vsstatus = csr_read!("vsstatus");
        self.vsie = csr_swap!("vsie", 0);
        self.vstvec = csr_read!("vstvec");
        self.vsscratch = csr_read!("vsscratch");
        self.vsepc = csr_read!("vsepc");
        self.vscause = csr_read!("vscause");
        self.vstval = csr_read!("vstval");
        self.vsatp = csr_swap!("vsatp", 0);
        self.hvip = csr_swap!("hvip", 0);
        self.senvcfg = csr_swap!("senvcfg", self.senvcfg);
        if guest_has_sstc() {
            self.vstimecmp = csr_swap!("0x24d", u64::MAX);
        }
    }

    /// The saved register by the number that the guest uses.
    pub fn by_number(&mut self, number: usize) -> Option<&mut u64> {
        Some(match number {
            0x100 => &mut self.vsstatus,
            0x104 => &mut self.vsie,
            0x105 => &mut self.vstvec,
            0x10a => &mut self.senvcfg,
            0x140 => &mut self.vsscratch,
            0x141 => &mut self.vsepc,
            0x142 => &mut self.vscause,
            0x143 => &mut self.vstval,
            0x144 => &mut self.hvip,
            0x14d => &mut self.vstimecmp,
            0x180 => &mut self.vsatp,
            _ => return None,
        })
    }
}

/// f0–f31 and fcsr of a guest. The host uses none of them.
#[derive(Clone, Debug, Default)]
#[repr(C)]
pub struct FloatRegisters {
    f: [u64; 32],
    fcsr: u64,
}

macro_rules! for_each_float {
    ($op:literal) => {
        concat!(
            $op,
            " f0, 0(a0)\n",
            $op,
            " f1, 8(a0)\n",
            $op,
            " f2, 16(a0)\n",
            $op,
            " f3, 24(a0)\n",
            $op,
            " f4, 32(a0)\n",
            $op,
            " f5, 40(a0)\n",
            $op,
            " f6, 48(a0)\n",
            $op,
            " f7, 56(a0)\n",
            $op,
            " f8, 64(a0)\n",
            $op,
            " f9, 72(a0)\n",
            $op,
            " f10, 80(a0)\n",
            $op,
            " f11, 88(a0)\n",
            $op,
            " f12, 96(a0)\n",
            $op,
            " f13, 104(a0)\n",
            $op,
            " f14, 112(a0)\n",
            $op,
            " f15, 120(a0)\n",
            $op,
            " f16, 128(a0)\n",
            $op,
            " f17, 136(a0)\n",
            $op,
            " f18, 144(a0)\n",
            $op,
            " f19, 152(a0)\n",
            $op,
            " f20, 160(a0)\n",
            $op,
            " f21, 168(a0)\n",
            $op,
            " f22, 176(a0)\n",
            $op,
            " f23, 184(a0)\n",
            $op,
            " f24, 192(a0)\n",
            $op,
            " f25, 200(a0)\n",
            $op,
            " f26, 208(a0)\n",
            $op,
            " f27, 216(a0)\n",
            $op,
            " f28, 224(a0)\n",
            $op,
            " f29, 232(a0)\n",
            $op,
            " f30, 240(a0)\n",
            $op,
            " f31, 248(a0)\n"
        )
    };
}

global_asm!(
    ".section .text.float, \"ax\"",
    ".option push",
    ".option arch, +d",
    ".global save_float_registers",
    "save_float_registers:",
    for_each_float!("fsd"),
    "    frcsr t0",
    "    sd    t0, {FCSR}(a0)",
    "    ret",
    ".global restore_float_registers",
    "restore_float_registers:",
    for_each_float!("fld"),
    "    ld    t0, {FCSR}(a0)",
    "    fscsr t0",
    "    ret",
    ".option pop",
    FCSR = const offset_of!(FloatRegisters, fcsr),
);

unsafe extern "C" {
    fn save_float_registers(to: *mut FloatRegisters);
    fn restore_float_registers(from: *const FloatRegisters);
}

impl FloatRegisters {
    /// Out of the hart.
    ///
    /// # Safety
    /// `sstatus.FS` is not off.
    pub unsafe fn save(&mut self) {
        // SAFETY: writes this structure; FS is the caller's promise.
        unsafe { save_float_registers(self) }
    }

    /// Into the hart. No code of the host uses these registers.
    ///
    /// # Safety
    /// `sstatus.FS` is not off.
    pub unsafe fn restore(&self) {
        // SAFETY: reads this structure; FS is the caller's promise.
        unsafe { restore_float_registers(self) }
    }
}
