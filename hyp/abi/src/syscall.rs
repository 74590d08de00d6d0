//! System call numbers. Arguments are listed in order `a0`, `a1`, …; a pointer
//! is a user address, and every byte behind it is checked by the kernel.

macro_rules! syscalls {
    ($($(#[doc = $text:literal])* $name:ident = $number:literal;)*) => {
        $($(#[doc = $text])* pub const $name: usize = $number;)*

        /// Name of a system call, for error messages.
        pub const fn name(number: usize) -> Option<&'static str> {
            match number {
                $($number => Some(stringify!($name)),)*
                _ => None,
            }
        }
    };
}

syscalls! {
    /// `(code)`: ends the process. When the initial process ends, the machine
    /// powers off with this code.
    EXIT = 0;
    /// `(entry, stack_top, arg)` → thread number. The thread begins at `entry`
    /// with `a0` = arg and `sp` = stack_top.
    THREAD_CREATE = 1;
    /// `()`: ends the calling thread; the process ends with its last thread
    /// (code 0).
    THREAD_EXIT = 2;
    /// `()`: lets another thread run.
    YIELD = 3;
    /// `(time)`: sleeps until the `time` CSR reaches this value.
    SLEEP_UNTIL = 4;
    /// `()` → frequency of the `time` CSR in Hz. (`rdtime` itself works in user
    /// mode.)
    TIMEBASE = 5;

    /// `(ptr, len)` → bytes written to the machine's console.
    CONSOLE_WRITE = 8;
    /// `(ptr, len)` → bytes read from the console; 0 when nothing was typed.
    CONSOLE_READ = 9;

    /// `(size, flags)` → address. Anonymous zeroed memory, backed when touched.
    /// `flags`: [`MAP_HUGE`].
    MAP = 16;
    /// `(addr, size)`: gives back memory from `MAP` or `FILE_MAP`. Refused with
    /// `Busy` while a virtual machine's memory region uses it.
    UNMAP = 17;
    /// `(name_ptr, name_len, info_ptr)`: maps a file of the initial archive as
    /// private memory and fills `*info_ptr` ([`FileMapping`]).
    FILE_MAP = 18;

    /// `()` → VM handle.
    VM_CREATE = 32;
    /// `(handle)`: gives back a VM or a vCPU handle. A VM lives until its handle
    /// and all its vCPUs are closed. A vCPU is closed by its own thread only.
    CLOSE = 33;
    /// `(vm)` → vCPU handle. The vCPU belongs to the calling thread: only that
    /// thread may run it and touch its registers. One per thread.
    VCPU_CREATE = 34;
    /// `(vcpu)` → address of its [`crate::vm::RunPage`].
    VCPU_RUN_PAGE = 35;
    /// `(vm, region_ptr)`: see [`crate::vm::MemoryRegion`].
    SET_MEMORY_REGION = 36;
    /// `(vcpu)`: runs the guest until it needs its VMM; the reason is in the run
    /// page. `Interrupted` when `request_exit` was set.
    VCPU_RUN = 37;
    /// `(vcpu, id)` with the result stored through the third argument
    /// `value_ptr`. See [`crate::vm::reg`].
    VCPU_GET_REG = 38;
    /// `(vcpu, id, value)`.
    VCPU_SET_REG = 39;
    /// `(vcpu, level)`: raises (1) or lowers (0) the external interrupt line of
    /// the vCPU (VSEIP). Any thread of the process may call it.
    VCPU_INTERRUPT = 40;
    /// `(vm, gpa, size)`: accesses to these pages are redirected to the user
    /// handler of the vCPU that makes them (HA-IOV UER). Not over a memory
    /// region. `NotSupported` on a machine without HA-IOV.
    SET_UER = 41;
    /// `(vcpu, causes)`: sets `huedeleg` for this vCPU (bits 24 and 25) and lets
    /// the calling thread, its owner, use the N extension's CSRs and `uret`
    /// while `causes` is not 0. `NotSupported` on a machine without HA-IOV.
    SET_HUEDELEG = 42;
    /// `(frame)`: only from a UER handler ([`crate::vm::UerFrame`]): the access
    /// is not for the handler; becomes an MMIO exit of the `VCPU_RUN` that is
    /// under way. Does not return.
    UER_EXIT = 43;
}

/// Flag of `MAP`: back with 2 MiB pages, which are zeroed whole at first touch.
/// Address and size are then multiples of 2 MiB.
pub const MAP_HUGE: usize = 1;

/// What `FILE_MAP` answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct FileMapping {
    /// Where the file's first byte is (page aligned).
    pub addr: usize,
    /// Its length in bytes; the rest of the last page is zero.
    pub len: usize,
}
