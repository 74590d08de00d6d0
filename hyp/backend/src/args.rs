//! What the backend is asked to be: `device=block|net disk=BYTES|real hart=N wake=event|poll|vei`.

use alloc::format;
use alloc::string::String;

/// How the data path learns of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// It sleeps at an event.
    Event,
    /// It looks again and again.
    Poll,
    /// It is a handler of user virtual event interrupts.
    Vei,
}

/// All arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Args {
    /// A network adapter, else a disk.
    pub net: bool,
    /// Bytes of the disk.
    pub disk: u64,
    /// The disk is the machine's.
    pub real_disk: bool,
    /// Hart of the data path.
    pub hart: usize,
    /// How it learns of work.
    pub wake: Wake,
}

impl Args {
    /// Parses the words behind the program's name.
    pub fn parse<'a>(words: impl Iterator<Item = &'a str>) -> Result<Args, String> {
        let mut args = Args { net: false, disk: 0, real_disk: false, hart: 0, wake: Wake::Event };
        for word in words.skip(1) {
            args.set(word).ok_or_else(|| {
                format!(
                    "bad argument `{word}`; arguments are: device=block|net disk=BYTES|real hart=N wake=event|poll|vei"
                )
            })?;
        }
        Ok(args)
    }

    fn set(&mut self, word: &str) -> Option<()> {
        match word.split_once('=')? {
            ("device", "block") => self.net = false,
            ("device", "net") => self.net = true,
            ("disk", "real") => self.real_disk = true,
            ("disk", bytes) => self.disk = bytes.parse().ok()?,
            ("hart", hart) => self.hart = hart.parse().ok()?,
            ("wake", "event") => self.wake = Wake::Event,
            ("wake", "poll") => self.wake = Wake::Poll,
            ("wake", "vei") => self.wake = Wake::Vei,
            _ => return None,
        }
        Some(())
    }
}
