//! What the kernel counts. Cycles are of the `cycle` CSR, which goes on while a
//! hart idles and is the same on all harts of the machines that this is for.

/// What `THREAD_STATS` answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct ThreadStats {
    /// The thread's number.
    pub id: u64,
    /// Cycles that a hart spent on it: in user mode, kernel and guest.
    pub run_cycles: u64,
    /// How often it was switched to.
    pub switches: u64,
    /// Index of the hart that runs it or ran it last.
    pub hart: u64,
}

/// What `HOST_STATS` answers: how much of everything there is now, and how
/// often things happened since the machine was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct HostStats {
    /// The `cycle` CSR at the time of the answer.
    pub cycles: u64,
    /// The `time` CSR then.
    pub time: u64,
    /// Harts that run.
    pub harts: u64,
    /// 4 KiB pages that nobody uses.
    pub free_pages: u64,
    /// Pages that the kernel's heap holds, in use or not.
    pub heap_pages: u64,
    /// Processes alive.
    pub processes: u64,
    /// Threads alive, the kernel's own among them.
    pub threads: u64,
    /// VMs alive.
    pub vms: u64,
    /// vCPUs alive.
    pub vcpus: u64,
    /// VMIDs taken.
    pub vmids: u64,
    /// Events alive.
    pub events: u64,
    /// Shared memory objects alive.
    pub shared: u64,
    /// 2 MiB pages of theirs that were touched.
    pub shared_pages: u64,
    /// Channels alive (pairs).
    pub channels: u64,
    /// Messages in queues.
    pub messages: u64,
    /// Addresses bound to events (`IO_EVENT`).
    pub io_events: u64,
    /// Event bits bound to interrupts (`IRQ_EVENT`).
    pub irq_events: u64,
    /// Interrupts of guests raised by other threads and by events.
    pub injected: u64,
    /// Of these, found still pending, and so merged with an earlier one.
    pub coalesced: u64,
}

/// What happened on one hart, since the machine was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct HartStats {
    /// Cycles without a thread to run.
    pub idle_cycles: u64,
    /// Switches from one thread to another.
    pub switches: u64,
    /// Interrupts that this hart sent to others through the firmware.
    pub ipis_sent: u64,
    /// Interrupts that it needed not send, because the other hart was to look anyway.
    pub ipis_saved: u64,
}
