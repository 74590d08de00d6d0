//! What the monitor of operating systems is asked to do: `key=value` words. [`USAGE`] lists them.

use alloc::string::String;

use monitor::plic::HARTS_MAX;

/// The disk of the board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disk {
    /// There is none.
    None,
    /// So many bytes of memory, all zero.
    Memory(u64),
    /// The machine's.
    Real,
}

/// All arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Args {
    /// Accesses to devices are redirected to a handler in user mode; else they are exits.
    pub redirects: bool,
    /// File of the kernel.
    pub kernel: String,
    /// File of its initial archive, if it has one.
    pub initrd: Option<String>,
    /// Guest memory in bytes.
    pub memory: u64,
    /// The guest's harts.
    pub vcpus: usize,
    /// Its disk.
    pub disk: Disk,
    /// What it prints is kept in memory, and printed when it has ended.
    pub capture: bool,
    /// What is typed at the machine's console goes to its serial port.
    pub input: bool,
    /// The hart of its first vCPU, which the others follow, if they are pinned.
    pub hart: Option<usize>,
    /// The kernel's command line: words that began with `g.`.
    pub command_line: String,
}

impl Default for Args {
    fn default() -> Self {
        Args {
            redirects: false,
            kernel: String::from("Image"),
            initrd: None,
            memory: 1 << 30,
            vcpus: 1,
            disk: Disk::None,
            capture: false,
            input: false,
            hart: None,
            command_line: String::new(),
        }
    }
}

/// The arguments, for messages.
pub const USAGE: &str = "mech=emulate|uer kernel=FILE initrd=FILE guest-memory=MiB (64 to 65536) vcpus=N (1 to 16) disk=none|MiB (1 to 4096)|real \
    console=stdio|capture input=0|1 hart=N g.WORD (for the kernel's command line)";

/// Words of the kernel below, which come along.
const HOSTS: [&str; 3] = ["init=", "bank=", "slice="];

impl Args {
    /// Parses words, which follow the program's own name.
    ///
    /// # Errors
    /// A word that can't be used.
    pub fn parse<'a>(words: impl Iterator<Item = &'a str>) -> Result<Args, &'a str> {
        let mut args = Args::default();
        let ours = words.skip(1).filter(|word| !HOSTS.iter().any(|key| word.starts_with(key)));
        for word in ours {
            args.set(word).ok_or(word)?;
        }
        Ok(args)
    }

    fn set(&mut self, word: &str) -> Option<()> {
        if let Some(word) = word.strip_prefix("g.") {
            if !self.command_line.is_empty() {
                self.command_line.push(' ');
            }
            self.command_line.push_str(word);
            return Some(());
        }
        let (key, value) = word.split_once('=').filter(|(_, value)| !value.is_empty())?;
        match key {
            "mech" => self.redirects = choose(value, ["emulate", "uer"])?,
            "kernel" => self.kernel = String::from(value),
            "initrd" => self.initrd = Some(String::from(value)),
            "guest-memory" => self.memory = number(value, 64, 65536)? << 20,
            "vcpus" => self.vcpus = number(value, 1, HARTS_MAX as u64)? as usize,
            "disk" => {
                self.disk = match value {
                    "none" => Disk::None,
                    "real" => Disk::Real,
                    mebibytes => Disk::Memory(number(mebibytes, 1, 4096)? << 20),
                };
            }
            "console" => self.capture = choose(value, ["stdio", "capture"])?,
            "input" => self.input = choose(value, ["0", "1"])?,
            "hart" => self.hart = Some(number(value, 0, 63)? as usize),
            _ => return None,
        }
        Some(())
    }
}

/// Whether it is the second of two words, if it is one of them.
fn choose(value: &str, words: [&str; 2]) -> Option<bool> {
    words.iter().position(|word| *word == value).map(|index| index == 1)
}

fn number(value: &str, least: u64, most: u64) -> Option<u64> {
    value.parse().ok().filter(|number| (least..=most).contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_arguments() {
        let words = "vmm mech=uer kernel=k initrd=i guest-memory=512 vcpus=2 disk=64 console=capture input=1 hart=3 g.console=ttyS0 init=vmm g.quiet";
        let expected = Args {
            redirects: true,
            kernel: "k".into(),
            initrd: Some("i".into()),
            memory: 512 << 20,
            vcpus: 2,
            disk: Disk::Memory(64 << 20),
            capture: true,
            input: true,
            hart: Some(3),
            command_line: "console=ttyS0 quiet".into(),
        };
        assert_eq!(Args::parse(words.split_whitespace()), Ok(expected));
        assert_eq!(Args::parse(["vmm"].into_iter()), Ok(Args::default()));
        let disk = |word| Args::parse(["vmm", word].into_iter()).map(|args| args.disk);
        assert_eq!((disk("disk=real"), disk("disk=none")), (Ok(Disk::Real), Ok(Disk::None)));
    }

    #[test]
    fn bad_ones_are_named() {
        for word in [
            "mech=virtio",
            "kernel=",
            "guest-memory=63",
            "vcpus=0",
            "vcpus=17",
            "disk=0",
            "disk=5000",
            "input=2",
            "hart=64",
            "x=1",
            "x",
            "",
        ] {
            assert_eq!(Args::parse(["vmm", word].into_iter()), Err(word));
        }
    }
}
