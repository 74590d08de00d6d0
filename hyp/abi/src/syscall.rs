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
    /// `(hart)`: the calling thread runs on the hart with this index from now
    /// on, and nowhere else; `usize::MAX` lets it run anywhere.
    THREAD_PIN = 6;
    /// `(stats_ptr, thread)`: fills [`crate::stats::ThreadStats`] for a thread of
    /// the calling process; 0 is the calling thread.
    THREAD_STATS = 7;

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
    /// `(handle)`: gives back a handle of any kind. A VM lives until its handle
    /// and all its vCPUs are closed. A vCPU is closed by its own thread only, or
    /// by anyone once that has ended. Closing the last handle of a process kills
    /// it.
    CLOSE = 33;
    /// `(vm, number)` → vCPU handle. `number` is the guest's hart id, below
    /// [`crate::vm::VCPUS_MAX`]; `usize::MAX` takes the first that is free. The
    /// vCPU belongs to the calling thread: only that thread may run it and touch
    /// its registers. One per thread. Number 0 is started, others are stopped
    /// until the guest starts them (SBI HSM) or [`crate::vm::reg::STARTED`] is
    /// set.
    VCPU_CREATE = 34;
    /// `(vcpu)` → address of its [`crate::vm::RunPage`].
    VCPU_RUN_PAGE = 35;
    /// `(vm, region_ptr)`: see [`crate::vm::MemoryRegion`].
    SET_MEMORY_REGION = 36;
    /// `(vcpu)`: runs the guest until it needs its VMM; the reason is in the run
    /// page. `Interrupted` when `request_exit` was set, or after `VCPU_KICK`. A
    /// stopped vCPU sleeps in this call.
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
    /// `(vcpu, flags)`: which events of the guest are
    /// [`crate::vm::exit::DEBUG`] exits: [`crate::vm::DEBUG_BREAKPOINT`].
    SET_GUEST_DEBUG = 44;
    /// `(vcpu)`: the `VCPU_RUN` that is under way returns `Interrupted`, or the
    /// next one. Any thread of the process may call it.
    VCPU_KICK = 45;
    /// `(ptr, len)` → bytes that are needed; so many as fit are written. The names
    /// of the extensions that guests' harts have, as device trees write them, each
    /// with a NUL behind it. None on a board whose device tree has no such list.
    GUEST_EXTENSIONS = 46;

    /// `()` → handle of a new event, without bits.
    EVENT_CREATE = 48;
    /// `(event, bits)`: adds bits and wakes who waits.
    EVENT_SIGNAL = 49;
    /// `(event, deadline)` → bits, never 0. Takes all bits; sleeps while there
    /// are none, until `time` reaches the deadline ([`crate::event::LOOK`],
    /// [`crate::event::FOREVER`]), then `TryAgain`. `Busy` while another
    /// thread waits.
    EVENT_WAIT = 50;
    /// `(size, flags)` → handle of a shared memory object: zeroed 2 MiB pages,
    /// made when touched. `size` is a multiple of 2 MiB, `flags` 0.
    SHARED_CREATE = 51;
    /// `(shared)` → address of all of it. May be mapped often, in several
    /// processes, and lie under memory regions of VMs. `UNMAP` takes the mapping
    /// away; the pages live as long as the last handle or mapping.
    SHARED_MAP = 52;
    /// `(pair_ptr)`: fills [`crate::channel::ChannelPair`].
    CHANNEL_CREATE = 53;
    /// `(channel, message_ptr)`: sends a [`crate::channel::Message`]. `TryAgain`
    /// when the queue is full, `BrokenPipe` when the other end is closed.
    CHANNEL_SEND = 54;
    /// `(channel, message_ptr, deadline)`: takes the oldest message; waits as
    /// `EVENT_WAIT` does. `BrokenPipe` when nothing is left and the other end
    /// is closed; `OutOfMemory` when there is no room for the handles that the
    /// message carries (it stays where it is).
    CHANNEL_RECEIVE = 55;
    /// `(spec_ptr)` → handle of a new process; see [`crate::process`].
    PROCESS_SPAWN = 56;
    /// `(process, deadline)` → its exit code (32 bits, unsigned) when it and
    /// all that it had are gone. Waits as `EVENT_WAIT` does.
    PROCESS_WAIT = 57;
    /// `(process)`: ends it, as soon as its threads can be reached.
    PROCESS_KILL = 58;
    /// `(channel, event, bits)`: signals the event when a message comes or the
    /// other end is closed (and now, if that is so already). `bits` 0 undoes it.
    CHANNEL_EVENT = 59;

    /// `(vm, spec_ptr)`: see [`crate::event::IoEvent`].
    IO_EVENT = 64;
    /// `(vm, spec_ptr)`: see [`crate::event::IrqEvent`].
    IRQ_EVENT = 65;
    /// `(host_ptr, harts_ptr, count)`: fills [`crate::stats::HostStats`] and
    /// `count` elements of [`crate::stats::HartStats`] → number of harts filled.
    HOST_STATS = 66;

    /// `()` → bytes of the machine's disk: the first virtio block device of the
    /// board. `NotFound` if there is none. Every process may use it, so that
    /// whoever starts processes sees to it that no two do.
    DISK_SIZE = 67;
    /// `(position, ptr, len)`: reads bytes of the disk; waits for it on the hart.
    DISK_READ = 68;
    /// `(position, ptr, len)`: writes bytes of the disk. `PermissionDenied` if it
    /// is read-only.
    DISK_WRITE = 69;
    /// `()`: returns when all that was written to the disk is safe.
    DISK_FLUSH = 70;

    /// `(spec_ptr)` → handle of a device that a worker of the kernel serves; see
    /// [`crate::vhost`].
    VHOST_CREATE = 72;
    /// `(vhost, queue_ptr)`: the driver has made a queue ready.
    VHOST_QUEUE = 73;
    /// `(vhost)`: no queue is touched any more when this returns.
    VHOST_STOP = 74;
    /// `(vhost, status_ptr)`: fills [`crate::vhost::VhostStatus`].
    VHOST_STATUS = 75;

    /// `(vm, spec_ptr)`: see [`crate::vei::VeiRoute`]. `AlreadyExists` when the
    /// VEIRQ has a route, `OutOfMemory` when the hart has no number left.
    VEI_ROUTE = 80;
    /// `(vm, veirq)`: takes a route away. Nothing that was sent before arrives
    /// afterwards.
    VEI_UNROUTE = 81;
    /// `(spec_ptr)` → handle of a context whose handler belongs to the calling
    /// thread, see [`crate::vei::UserContextSpec`]. It lives as long as the
    /// thread. One per thread.
    USER_CONTEXT_CREATE = 82;
    /// `(deadline)` → [`crate::vei::wait`]: sleeps until a doorbell schedules the
    /// calling thread for its context, or an evicted handler of it is done.
    /// Waits as `EVENT_WAIT` does. The thread has user interrupts on.
    USER_CONTEXT_WAIT = 83;
    /// `(one, other)` → number of the trust domain that both, each a VM or a
    /// user context, now belong to: the one that `one` had, or a new one. Within
    /// a domain, profile 0 shows the guests' registers to the handlers: it is
    /// the decision of who has the handles, a common parent as a rule.
    VEI_DOMAIN = 84;
    /// `(info_ptr)`: fills [`crate::vei::VeiInfo`].
    VEI_INFO = 85;
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
