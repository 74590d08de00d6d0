//! Exception and interrupt codes ("Machine Cause Register", and "Trap Cause Codes" of the H extension).

macro_rules! codes {
    ($doc:literal, $of:ident; $($constant:ident = $code:literal, $name:literal;)*) => {
        $(
            #[doc = concat!($doc, " ", $code, ": ", $name, ".")]
            pub const $constant: u64 = $code;
        )*

        #[doc = concat!($doc, " `code` in words.")]
        pub const fn $of(code: u64) -> &'static str {
            match code {
                $($code => $name,)*
                _ => "custom or reserved",
            }
        }
    };
}

codes! { "Exception", exception_name;
    INSTRUCTION_ADDRESS_MISALIGNED = 0, "instruction address misaligned";
    INSTRUCTION_ACCESS_FAULT = 1, "instruction access fault";
    ILLEGAL_INSTRUCTION = 2, "illegal instruction";
    BREAKPOINT = 3, "breakpoint";
    LOAD_ADDRESS_MISALIGNED = 4, "load address misaligned";
    LOAD_ACCESS_FAULT = 5, "load access fault";
    STORE_ADDRESS_MISALIGNED = 6, "store/AMO address misaligned";
    STORE_ACCESS_FAULT = 7, "store/AMO access fault";
    ECALL_FROM_U = 8, "environment call from U or VU";
    ECALL_FROM_S = 9, "environment call from HS";
    ECALL_FROM_VS = 10, "environment call from VS";
    ECALL_FROM_M = 11, "environment call from M";
    INSTRUCTION_PAGE_FAULT = 12, "instruction page fault";
    LOAD_PAGE_FAULT = 13, "load page fault";
    STORE_PAGE_FAULT = 15, "store/AMO page fault";
    DOUBLE_TRAP = 16, "double trap";
    SOFTWARE_CHECK = 18, "software check";
    HARDWARE_ERROR = 19, "hardware error";
    INSTRUCTION_GUEST_PAGE_FAULT = 20, "instruction guest-page fault";
    LOAD_GUEST_PAGE_FAULT = 21, "load guest-page fault";
    VIRTUAL_INSTRUCTION = 22, "virtual instruction";
    STORE_GUEST_PAGE_FAULT = 23, "store/AMO guest-page fault";
}

codes! { "Interrupt", interrupt_name;
    SUPERVISOR_SOFTWARE = 1, "supervisor software interrupt";
    VIRTUAL_SUPERVISOR_SOFTWARE = 2, "virtual supervisor software interrupt";
    MACHINE_SOFTWARE = 3, "machine software interrupt";
    SUPERVISOR_TIMER = 5, "supervisor timer interrupt";
    VIRTUAL_SUPERVISOR_TIMER = 6, "virtual supervisor timer interrupt";
    MACHINE_TIMER = 7, "machine timer interrupt";
    SUPERVISOR_EXTERNAL = 9, "supervisor external interrupt";
    VIRTUAL_SUPERVISOR_EXTERNAL = 10, "virtual supervisor external interrupt";
    MACHINE_EXTERNAL = 11, "machine external interrupt";
    SUPERVISOR_GUEST_EXTERNAL = 12, "supervisor guest external interrupt";
    COUNTER_OVERFLOW = 13, "counter overflow interrupt";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::mip;

    #[test]
    fn pending_bits_are_at_their_codes() {
        for (code, bit) in [
            (SUPERVISOR_SOFTWARE, mip::SSIP),
            (VIRTUAL_SUPERVISOR_SOFTWARE, mip::VSSIP),
            (MACHINE_SOFTWARE, mip::MSIP),
            (SUPERVISOR_TIMER, mip::STIP),
            (VIRTUAL_SUPERVISOR_TIMER, mip::VSTIP),
            (MACHINE_TIMER, mip::MTIP),
            (SUPERVISOR_EXTERNAL, mip::SEIP),
            (VIRTUAL_SUPERVISOR_EXTERNAL, mip::VSEIP),
            (MACHINE_EXTERNAL, mip::MEIP),
            (SUPERVISOR_GUEST_EXTERNAL, mip::SGEIP),
            (COUNTER_OVERFLOW, mip::LCOFIP),
        ] {
            assert_eq!(bit, 1 << code, "{}", interrupt_name(code));
        }
    }

    /// The table of mcause by rows of eight; a dash is reserved.
    #[test]
    fn codes_are_those_of_the_table() {
        #[rustfmt::skip]
        let table = [
            "instruction address misaligned", "instruction access fault", "illegal instruction", "breakpoint",
            "load address misaligned", "load access fault", "store/AMO address misaligned", "store/AMO access fault",
            "environment call from U or VU", "environment call from HS", "environment call from VS", "environment call from M",
            "instruction page fault", "load page fault", "-", "store/AMO page fault",
            "double trap", "-", "software check", "hardware error",
            "instruction guest-page fault", "load guest-page fault", "virtual instruction", "store/AMO guest-page fault",
            "-",
        ];
        for (code, expected) in (0..).zip(table) {
            let expected = if expected == "-" { "custom or reserved" } else { expected };
            assert_eq!(exception_name(code), expected, "{code}");
        }
        assert_eq!(exception_name(VIRTUAL_INSTRUCTION), "virtual instruction");
        assert_eq!(exception_name(STORE_GUEST_PAGE_FAULT), "store/AMO guest-page fault");
        assert_eq!(interrupt_name(0), "custom or reserved");
    }
}
