//! What the monitor is asked to do: `mech=emulate|uer lines=N guest-memory=MiB console=stdio|capture`.

use core::fmt;

/// How accesses to devices reach the monitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// Exits of the vCPU-run call.
    Emulate,
    /// Redirection to a handler in user mode.
    Uer,
}

impl Mechanism {
    /// The argument's value.
    pub fn name(self) -> &'static str {
        match self {
            Mechanism::Emulate => "emulate",
            Mechanism::Uer => "uer",
        }
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

/// All arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Args {
    /// How accesses reach us.
    pub mechanism: Mechanism,
    /// Lines that the guest shall print.
    pub lines: u64,
    /// Guest memory in bytes.
    pub memory: u64,
    /// Where its output goes.
    pub output: Output,
}

impl Default for Args {
    fn default() -> Self {
        Args { mechanism: Mechanism::Emulate, lines: 1000, memory: 128 << 20, output: Output::Stdio }
    }
}

/// A capture of so many lines, of 12 bytes each, still has a size that can be computed with.
const LINES_MAX: u64 = 1_000_000_000;

/// An argument that can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadArgument<'a>(pub &'a str);

impl fmt::Display for BadArgument<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usage = "mech=emulate|uer lines=N (to 1000000000) guest-memory=MiB (4 to 65536) console=stdio|capture";
        write!(f, "bad argument `{}`; arguments are: {usage}", self.0)
    }
}

impl Args {
    /// Parses `key=value` words, which follow the program's own name.
    pub fn parse<'a>(words: impl Iterator<Item = &'a str>) -> Result<Args, BadArgument<'a>> {
        let mut args = Args::default();
        for word in words.skip(1) {
            args.set(word).ok_or(BadArgument(word))?;
        }
        Ok(args)
    }

    fn set(&mut self, word: &str) -> Option<()> {
        match word.split_once('=')? {
            ("mech", "emulate") => self.mechanism = Mechanism::Emulate,
            ("mech", "uer") => self.mechanism = Mechanism::Uer,
            ("lines", number) => self.lines = number.parse().ok().filter(|lines| *lines <= LINES_MAX)?,
            ("guest-memory", number) => {
                let mib: u64 = number.parse().ok().filter(|mib| (4..=65536).contains(mib))?;
                self.memory = mib << 20;
            }
            ("console", "stdio") => self.output = Output::Stdio,
            ("console", "capture") => self.output = Output::Capture,
            _ => return None,
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_arguments() {
        let words = "vmm mech=uer lines=5 guest-memory=1024 console=capture";
        let args = Args::parse(words.split(' ')).unwrap();
        let expected = Args { mechanism: Mechanism::Uer, lines: 5, memory: 1 << 30, output: Output::Capture };
        assert_eq!(args, expected);
        assert_eq!(Args::parse(["vmm"].into_iter()), Ok(Args::default()));
    }

    #[test]
    fn bad_ones_are_named() {
        let bad =
            ["mech=x", "lines=-1", "lines=1000000001", "guest-memory=0", "guest-memory=99999999", "x=1", "console="];
        for word in bad.into_iter().chain(["stray", "--help", ""]) {
            assert_eq!(Args::parse(["vmm", word].into_iter()), Err(BadArgument(word)));
            assert_eq!(Args::parse(["vmm", "lines=1", word].into_iter()), Err(BadArgument(word)));
            assert_eq!(Args::parse(["vmm", word, "lines=1"].into_iter()), Err(BadArgument(word)));
        }
    }

    #[test]
    fn the_message_has_the_word_and_what_is_right() {
        let message = BadArgument("mech=x").to_string();
        for part in ["`mech=x`", "mech=emulate|uer", "lines=", "guest-memory=", "console=stdio|capture"] {
            assert!(message.contains(part), "{message}");
        }
    }
}
