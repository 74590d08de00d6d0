//! Control and status registers by their assembler names.
//!
//! Reading one changes nothing, so it is safe wherever the register exists;
//! writing one can change what every later instruction means, so the writing
//! macros expand to bare assembly and want an `unsafe` block around them.

/// The value of a register.
#[macro_export]
macro_rules! csr_read {
    ($csr:ident) => {{
        let value: usize;
        // SAFETY: reading a control register changes nothing else.
        unsafe {
            core::arch::asm!(
                concat!("csrr {0}, ", stringify!($csr)),
                out(reg) value,
                options(nomem, nostack, preserves_flags)
            );
        }
        value
    }};
}

/// Writes a register. Memory accesses stay on their side of it.
#[macro_export]
macro_rules! csr_write {
    ($csr:ident, $value:expr) => {
        core::arch::asm!(
            concat!("csrw ", stringify!($csr), ", {0}"),
            in(reg) ($value) as usize,
            options(nostack)
        )
    };
}

/// Sets the bits of a register that are set in a mask.
#[macro_export]
macro_rules! csr_set {
    ($csr:ident, $mask:expr) => {
        core::arch::asm!(
            concat!("csrs ", stringify!($csr), ", {0}"),
            in(reg) ($mask) as usize,
            options(nostack)
        )
    };
}

/// Clears the bits of a register that are set in a mask.
#[macro_export]
macro_rules! csr_clear {
    ($csr:ident, $mask:expr) => {
        core::arch::asm!(
            concat!("csrc ", stringify!($csr), ", {0}"),
            in(reg) ($mask) as usize,
            options(nostack)
        )
    };
}

/// The value of a register in machine mode if it exists, else `None`.
///
/// The trap vector points just behind the access meanwhile: a trap ends there
/// with the flag still clear. It costs mepc, mcause, mtval and mstatus.MPP
/// their values, so it is for set-up only.
#[macro_export]
macro_rules! csr_probe {
    ($csr:ident) => {{
        let (value, exists): (usize, usize);
        // SAFETY: the trap vector is put back; the registers that a trap
        // overwrites hold nothing during set-up.
        unsafe {
            core::arch::asm!(
                "la {saved}, 1f",
                "csrrw {saved}, mtvec, {saved}",
                "li {exists}, 0",
                "li {value}, 0",
                concat!("csrr {value}, ", stringify!($csr)),
                "li {exists}, 1",
                ".balign 4", // mtvec.BASE is word aligned.
                "1: csrw mtvec, {saved}",
                saved = out(reg) _,
                exists = out(reg) exists,
                value = out(reg) value,
                options(nostack)
            );
        }
        (exists != 0).then_some(value)
    }};
}
