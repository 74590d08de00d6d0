//! The mechanisms: one row each. Tables, plots, help and the command lines of the host come from here.

/// A way for a guest to reach a device.
#[derive(Debug, PartialEq, Eq)]
pub struct Mechanism {
    /// The name, as in every table and on the host's command line.
    pub name: &'static str,
    /// What it is, in a line.
    pub about: &'static str,
    /// Its colour in every plot. Told apart by the colour-blind: Okabe and Ito's palette, with two of Tol's for what it lacks.
    pub colour: (u8, u8, u8),
    /// Its mark in every plot: colour is never the only difference.
    pub mark: Mark,
    /// The image of the process that serves the device, if it is one of its own.
    pub backend: Option<&'static str>,
}

/// The shape of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Filled circle.
    Circle,
    /// Filled square.
    Square,
    /// Filled triangle, point up.
    Triangle,
    /// Filled diamond.
    Diamond,
    /// Two crossing strokes.
    Cross,
}

macro_rules! mechanisms {
    ($($(#[$doc:meta])* $id:ident = $name:literal, $about:literal, $colour:expr, $mark:ident, $backend:expr;)*) => {
        $(
            $(#[$doc])*
            pub static $id: Mechanism =
                Mechanism { name: $name, about: $about, colour: $colour, mark: Mark::$mark, backend: $backend };
        )*
        /// All mechanisms, in the order of tables and legends.
        pub static ALL: &[&Mechanism] = &[$(&$id),*];
    };
}

mechanisms! {
    /// No hypervisor.
    BARE = "bare", "the guest in S-mode on the board's own device, no hypervisor below",
        (0x00, 0x00, 0x00), Cross, None;
    /// Full emulation.
    EMULATE = "emulate", "exit to the kernel, return of the vCPU-run call to the VMM, emulate, run again",
        (0x88, 0x22, 0x55), Square, None;
    /// Full emulation, redirected.
    UER = "uer", "the same device; the access goes straight to the VMM's handler in user mode (HA-IOV UER)",
        (0x33, 0x22, 0x88), Circle, None;
    /// Device in the VMM.
    VIRTIO = "virtio", "device in the VMM; a kick is an MMIO exit to it",
        (0xe6, 0x9f, 0x00), Square, None;
    /// Device in the VMM, redirected.
    VIRTIO_UER = "virtio-uer", "device in the VMM; a kick goes straight to its handler in user mode (HA-IOV UER)",
        (0x99, 0x99, 0x33), Circle, None;
    /// Device in a kernel thread.
    VHOST = "vhost", "kernel worker; a kick is an ioeventfd exit, an event and an IPI",
        (0xd5, 0x5e, 0x00), Triangle, None;
    /// The same, woken by VEI.
    VHOST_VEI = "vhost-vei", "kernel worker; a kick is veisend, an interrupt at the worker's hart (HA-IOV VEI)",
        (0x00, 0x9e, 0x73), Circle, None;
    /// Device in a process that waits.
    VHOST_USER = "vhost-user", "backend process that waits at an event; a kick is an ioeventfd exit",
        (0xcc, 0x79, 0xa7), Diamond, Some("backend");
    /// Device in a process that spins.
    VHOST_USER_POLL = "vhost-user-poll", "backend process that polls; no kicks, and a core of its own",
        (0x56, 0xb4, 0xe9), Triangle, Some("backend");
    /// Device in a process that hardware wakes.
    VHOST_USER_HCS = "vhost-user-hcs", "backend process woken by a user VEI with a context switch by hardware (HA-IOV HCS)",
        (0x00, 0x72, 0xb2), Circle, Some("backend");
}

impl Mechanism {
    /// The mechanism of this name.
    pub fn find(name: &str) -> Option<&'static Mechanism> {
        ALL.iter().copied().find(|mechanism| mechanism.name == name)
    }

    /// No hypervisor is below the guest, which therefore runs in the modes of a host.
    pub fn is_bare(&self) -> bool {
        self.name == BARE.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_colours_are_unique() {
        for (index, one) in ALL.iter().enumerate() {
            assert_eq!(Mechanism::find(one.name), Some(*one));
            for other in &ALL[index + 1..] {
                assert!(one.name != other.name && one.colour != other.colour, "{} and {}", one.name, other.name);
            }
        }
        assert_eq!(Mechanism::find("x"), None);
    }
}
