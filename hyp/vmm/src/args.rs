//! What the monitor is asked to do: `key=value` words. [`USAGE`] lists them.

use alloc::string::String;
use core::fmt;

/// How a guest's accesses to its devices reach whoever serves them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// Exits of the vCPU-run call.
    Emulate,
    /// Redirection to a handler in user mode.
    Uer,
    /// A virtio device in this process, by exits.
    Virtio,
    /// A virtio device in this process, by redirection.
    VirtioUer,
    /// A virtio device that a worker of the kernel serves, kicked by exits to the kernel.
    Vhost,
    /// The same, kicked by supervisor virtual event interrupts.
    VhostVei,
    /// A virtio device that another process serves, kicked by exits to the kernel.
    VhostUser,
    /// The same; the process polls.
    VhostUserPoll,
    /// The same, kicked by user virtual event interrupts.
    VhostUserHcs,
}

/// All mechanisms by name.
const MECHANISMS: [(&str, Mechanism); 9] = [
    ("emulate", Mechanism::Emulate),
    ("uer", Mechanism::Uer),
    ("virtio", Mechanism::Virtio),
    ("virtio-uer", Mechanism::VirtioUer),
    ("vhost", Mechanism::Vhost),
    ("vhost-vei", Mechanism::VhostVei),
    ("vhost-user", Mechanism::VhostUser),
    ("vhost-user-poll", Mechanism::VhostUserPoll),
    ("vhost-user-hcs", Mechanism::VhostUserHcs),
];

impl Mechanism {
    /// The argument's value.
    pub fn name(self) -> &'static str {
        MECHANISMS.iter().find(|(_, mechanism)| *mechanism == self).map_or("?", |(name, _)| name)
    }

    /// Whether device pages are redirected to this process's handler.
    pub fn redirects(self) -> bool {
        matches!(self, Mechanism::Uer | Mechanism::VirtioUer)
    }

    /// Whether who serves the device is a thread of a process, which may wait in a system call: not the kernel, and no
    /// handler that runs in a guest's stead.
    pub fn may_wait(self) -> bool {
        !matches!(self, Mechanism::Vhost | Mechanism::VhostVei | Mechanism::VhostUserHcs)
    }

    /// Whether the driver kicks by virtual event interrupts.
    pub fn uses_vei(self) -> bool {
        matches!(self, Mechanism::VhostVei | Mechanism::VhostUserHcs)
    }
}

/// Where the guest's output goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// To the machine's console, line by line.
    Stdio,
    /// Into memory, and to the console when the guest is done.
    Capture,
}

/// Which virtio device the guest has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// None: it has a serial port only.
    None,
    /// A disk.
    Block,
    /// A network adapter, at a cable to the process `peer`.
    Net,
}

/// What of the host a guest needs that does one operation over and over, so that its price can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Price {
    /// A store that signals an event at which nobody waits.
    IoEvent,
    /// VEIRQs that signal such an event.
    Send,
    /// The same, but the hardware has no entries.
    SendTrap,
    /// Nothing happens on the guest's hart when a guest on another hart, which it asks, sends.
    Bystander,
    /// A handler that does nothing interrupts the guest when a guest on another hart, which it asks, sends.
    Hcs,
    /// The same; the handler notes when it begins.
    HcsLatency,
    /// A handler interrupts its own thread on another hart.
    Plain,
    /// A handler's thread sleeps on another hart.
    Doorbell,
    /// A thread on another hart waits at the event of a VEIRQ.
    WakeByVei,
    /// A thread on another hart waits at the event of a store.
    WakeByStore,
}

/// All of them by name.
const PRICES: [(&str, Price); 10] = [
    ("ioeventfd", Price::IoEvent),
    ("send", Price::Send),
    ("send-trap", Price::SendTrap),
    ("bystander", Price::Bystander),
    ("hcs", Price::Hcs),
    ("hcs-latency", Price::HcsLatency),
    ("plain", Price::Plain),
    ("doorbell", Price::Doorbell),
    ("wake-vei", Price::WakeByVei),
    ("wake-store", Price::WakeByStore),
];

/// How the guest is told of used buffers: the same in all mechanisms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completion {
    /// By a message (its software interrupt), which it acknowledges without an exit.
    Message,
    /// By the external interrupt line, with status and acknowledgement in the device's registers.
    Line,
}

/// All arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Args {
    /// How accesses reach whoever serves them.
    pub mechanism: Mechanism,
    /// Lines that the console guest shall print.
    pub lines: u64,
    /// Guest memory in bytes.
    pub memory: u64,
    /// Where its output goes.
    pub output: Output,
    /// The guest's virtio device.
    pub device: Device,
    /// Bytes of its disk.
    pub disk: u64,
    /// The guest's disk is the machine's.
    pub real_disk: bool,
    /// How it is told of used buffers.
    pub completion: Completion,
    /// Whether the device offers EVENT_IDX.
    pub event_idx: bool,
    /// Whether it offers indirect descriptors.
    pub indirect: bool,
    /// Whether it offers packed rings.
    pub packed: bool,
    /// Hart that the vCPU is pinned to, if any.
    pub hart: Option<usize>,
    /// Hart of whoever serves the device, if it isn't the vCPU's own thread.
    pub backend_hart: usize,
    /// Hart of the network's peer.
    pub peer_hart: usize,
    /// Another guest, which computes, shares the hart of whoever serves the device.
    pub other_work: bool,
    /// A guest that only waits is on the hart of a backend that is woken by HCS: so that the hardware can switch to it without the kernel.
    pub idle_guest: bool,
    /// Guests with a device each; all are served on the same hart.
    pub guests: usize,
    /// This monitor is one of several, and not the first.
    pub member: bool,
    /// The operation whose price is measured, if it needs something of the host.
    pub price: Option<Price>,
    /// File of the guest's program.
    pub guest: String,
    /// The guest's own arguments: words that began with `g.`.
    pub guest_args: String,
}

impl Default for Args {
    fn default() -> Self {
        Args {
            mechanism: Mechanism::Emulate,
            lines: 1000,
            memory: 128 << 20,
            output: Output::Stdio,
            device: Device::None,
            disk: 64 << 20,
            real_disk: false,
            completion: Completion::Message,
            event_idx: true,
            indirect: true,
            packed: false,
            hart: None,
            backend_hart: 1,
            peer_hart: 2,
            other_work: false,
            idle_guest: true,
            guests: 1,
            member: false,
            price: None,
            guest: String::from("guest"),
            guest_args: String::new(),
        }
    }
}

/// A capture of so many lines, of 12 bytes each, still has a size that can be computed with.
const LINES_MAX: u64 = 1_000_000_000;
/// Harts of a machine are numbered below this.
const HARTS_MAX: usize = 64;
/// Most guests that one run starts.
const GUESTS_MAX: usize = 16;

/// The arguments, for messages.
pub const USAGE: &str = "mech=emulate|uer|virtio|virtio-uer|vhost|vhost-vei|vhost-user|vhost-user-poll|vhost-user-hcs \
    device=none|block|net lines=N (to 1000000000) guest-memory=MiB (4 to 65536) console=stdio|capture disk=MiB (1 to 4096)|real \
    completion=message|line event-idx=0|1 indirect=0|1 packed=0|1 hart=N backend-hart=N peer-hart=N other-work=0|1 idle-guest=0|1 guests=N (1 to 16) \
    price=ioeventfd|send|send-trap|bystander|hcs|hcs-latency|plain|doorbell|wake-vei|wake-store guest=FILE g.KEY=VALUE (for the guest)";

/// An argument that can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadArgument<'a>(pub &'a str);

impl fmt::Display for BadArgument<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bad argument `{}`; arguments are: {USAGE}", self.0)
    }
}

impl Args {
    /// Parses `key=value` words, which follow the program's own name.
    pub fn parse<'a>(words: impl Iterator<Item = &'a str>) -> Result<Args, BadArgument<'a>> {
        let mut args = Args::default();
        for word in words.skip(1) {
            // The kernel's own words come along.
            let kernels = ["init=", "bank=", "slice="].iter().any(|key| word.starts_with(key));
            if !kernels {
                args.set(word).ok_or(BadArgument(word))?;
            }
        }
        Ok(args)
    }

    fn set(&mut self, word: &str) -> Option<()> {
        let (key, value) = word.split_once('=')?;
        if let Some(key) = key.strip_prefix("g.") {
            self.add_guest_word(key, value);
            return Some(());
        }
        match key {
            "mech" => self.mechanism = MECHANISMS.iter().find(|(name, _)| *name == value)?.1,
            "lines" => self.lines = value.parse().ok().filter(|lines| *lines <= LINES_MAX)?,
            "guest-memory" => self.memory = mebibytes(value, 4, 65536)?,
            "console" => self.output = choose(value, &[("stdio", Output::Stdio), ("capture", Output::Capture)])?,
            "device" => {
                self.device = choose(value, &[("none", Device::None), ("block", Device::Block), ("net", Device::Net)])?;
            }
            "disk" if value == "real" => self.real_disk = true,
            "disk" => self.disk = mebibytes(value, 1, 4096)?,
            "completion" => {
                self.completion = choose(value, &[("message", Completion::Message), ("line", Completion::Line)])?;
            }
            "event-idx" => self.event_idx = flag(value)?,
            "indirect" => self.indirect = flag(value)?,
            "packed" => self.packed = flag(value)?,
            "hart" => self.hart = Some(hart(value)?),
            "backend-hart" => self.backend_hart = hart(value)?,
            "peer-hart" => self.peer_hart = hart(value)?,
            "other-work" => self.other_work = flag(value)?,
            "idle-guest" => self.idle_guest = flag(value)?,
            "guests" => self.guests = value.parse().ok().filter(|guests| (1..=GUESTS_MAX).contains(guests))?,
            "member" => self.member = flag(value)?,
            "price" => self.price = Some(choose(value, &PRICES)?),
            "guest" if !value.is_empty() => self.guest = String::from(value),
            _ => return None,
        }
        Some(())
    }

    fn add_guest_word(&mut self, key: &str, value: &str) {
        if !self.guest_args.is_empty() {
            self.guest_args.push(' ');
        }
        self.guest_args.push_str(key);
        self.guest_args.push('=');
        self.guest_args.push_str(value);
    }
}

fn choose<T: Copy>(value: &str, choices: &[(&str, T)]) -> Option<T> {
    choices.iter().find(|(name, _)| *name == value).map(|(_, choice)| *choice)
}

fn flag(value: &str) -> Option<bool> {
    choose(value, &[("0", false), ("1", true)])
}

fn hart(value: &str) -> Option<usize> {
    value.parse().ok().filter(|hart| *hart < HARTS_MAX)
}

fn mebibytes(value: &str, least: u64, most: u64) -> Option<u64> {
    let mib: u64 = value.parse().ok().filter(|mib| (least..=most).contains(mib))?;
    Some(mib << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_arguments() {
        let words = "vmm mech=vhost-vei lines=5 guest-memory=1024 console=capture device=net disk=2 completion=line event-idx=0 \
            indirect=0 packed=1 hart=0 backend-hart=3 peer-hart=1 other-work=1 idle-guest=0 guests=4 price=hcs guest=net g.test=udp_rr g.size=64 init=vmm bank=0";
        let args = Args::parse(words.split_whitespace()).unwrap();
        let expected = Args {
            mechanism: Mechanism::VhostVei,
            lines: 5,
            memory: 1 << 30,
            output: Output::Capture,
            device: Device::Net,
            disk: 2 << 20,
            real_disk: false,
            completion: Completion::Line,
            event_idx: false,
            indirect: false,
            packed: true,
            hart: Some(0),
            backend_hart: 3,
            peer_hart: 1,
            other_work: true,
            idle_guest: false,
            guests: 4,
            member: false,
            price: Some(Price::Hcs),
            guest: "net".into(),
            guest_args: "test=udp_rr size=64".into(),
        };
        assert_eq!(args, expected);
        assert_eq!(Args::parse(["vmm"].into_iter()), Ok(Args::default()));
        let real = Args { real_disk: true, ..Args::default() };
        assert_eq!(Args::parse(["vmm", "disk=real"].into_iter()), Ok(real));
    }

    #[test]
    fn every_mechanism_has_its_name() {
        for (name, mechanism) in MECHANISMS {
            assert_eq!(mechanism.name(), name);
            assert!(USAGE.contains(name));
        }
    }

    #[test]
    fn bad_ones_are_named() {
        let bad = [
            "mech=x",
            "lines=-1",
            "lines=1000000001",
            "guest-memory=0",
            "guest-memory=99999999",
            "x=1",
            "console=",
            "device=usb",
            "disk=0",
            "packed=2",
            "hart=64",
            "guests=0",
            "guests=17",
            "guest=",
            "price=free",
            "completion=never",
        ];
        for word in bad.into_iter().chain(["stray", "--help", ""]) {
            assert_eq!(Args::parse(["vmm", word].into_iter()), Err(BadArgument(word)));
            assert_eq!(Args::parse(["vmm", "lines=1", word].into_iter()), Err(BadArgument(word)));
            assert_eq!(Args::parse(["vmm", word, "lines=1"].into_iter()), Err(BadArgument(word)));
        }
    }

    #[test]
    fn the_message_has_the_word_and_what_is_right() {
        let message = BadArgument("mech=x").to_string();
        for part in ["`mech=x`", "mech=emulate|uer", "lines=", "guest-memory=", "console=stdio|capture", "g.KEY=VALUE"]
        {
            assert!(message.contains(part), "{message}");
        }
    }
}
