//! The guest images that come with the project, built from `guest-sw` and `hyp` by `cargo xtask images`.

macro_rules! images {
    ($($(#[$doc:meta])* $name:ident = $file:literal;)*) => {
        $(
            $(#[$doc])*
            pub const $name: &[u8] = include_bytes!(concat!("../../guest-sw/images/", $file, ".elf"));
        )*
        /// All images, by the names of their files.
        const ALL: &[(&str, &[u8])] = &[$(($file, $name)),*];
    };
}

images! {
    /// The M-mode firmware.
    FIRMWARE = "firmware";
    /// The hypervisor's kernel.
    HYP = "hyp";
    /// Its virtual-machine monitor.
    VMM = "vmm";
    /// The monitor of operating systems.
    OSVMM = "osvmm";
    /// A process that serves the queues of a monitor's device.
    BACKEND = "backend";
    /// The network's other end.
    PEER = "peer";
    /// The guest of the disk experiments.
    BLOCK = "block";
    /// The guest of the network experiments.
    NET = "net";
    /// A guest that computes.
    WORK = "work";
    /// Guests by the thousand.
    CHURN = "churn";
    /// Tests of the host's system calls.
    SELFTEST = "selftest";
    /// Tests of VEI and HCS, a program of the hypervisor.
    VEITEST = "veitest";
    /// Marks what is measured, in a guest that runs Linux.
    MARK = "mark";
    /// The guest of the console experiments.
    CONSOLE = "console";
    /// A monitor on Linux's KVM: a program for Linux.
    LIGHTKVM = "lightkvm";
}

/// The image of this name, if this build has it.
pub fn find(name: &str) -> Option<&'static [u8]> {
    ALL.iter().find(|(file, _)| *file == name).map(|(_, bytes)| *bytes)
}

/// All images of this build.
pub fn all() -> impl Iterator<Item = (&'static str, &'static [u8])> {
    ALL.iter().copied()
}
