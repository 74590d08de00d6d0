//! The guest images that come with the project, built from `guest-sw` and `hyp` by `cargo xtask images`.

macro_rules! images {
    ($($(#[$doc:meta])* $name:ident = $file:literal;)*) => { $(
        $(#[$doc])*
        pub const $name: &[u8] = include_bytes!(concat!("../../guest-sw/images/", $file));
    )* };
}

images! {
    /// The M-mode firmware.
    FIRMWARE = "firmware.elf";
    /// The hypervisor's kernel.
    HYP = "hyp.elf";
    /// Its virtual-machine monitor.
    VMM = "vmm.elf";
    /// An initial process that makes and destroys guests by the thousand.
    CHURN = "churn.elf";
    /// An initial process that tries every system call.
    SELFTEST = "selftest.elf";
    /// The guest of the console experiments.
    CONSOLE = "console.elf";
}
