//! The options.

use guest::args::{Common, Error, words};
use virtio::block::SECTOR_SIZE;

/// Requests in flight, at most.
pub const DEPTH_MAX: usize = 256;

const BLOCK_SIZE_MAX: u64 = 16 << 20;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Reads or writes, in sequence or not.
    Transfer {
        /// Writes, else reads.
        write: bool,
        /// In random order, else in sequence.
        random: bool,
    },
    /// Every kind of request once, with their errors.
    SelfCheck,
}

const MODES: &[(&str, Mode)] = &[
    ("read", Mode::Transfer { write: false, random: false }),
    ("write", Mode::Transfer { write: true, random: false }),
    ("randread", Mode::Transfer { write: false, random: true }),
    ("randwrite", Mode::Transfer { write: true, random: true }),
    ("selfcheck", Mode::SelfCheck),
];

/// The options of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Those of every guest.
    pub common: Common,
    /// `rw`: what is done.
    pub mode: Mode,
    /// `bs`: bytes per request.
    pub block_size: usize,
    /// `qd`: requests kept in flight.
    pub depth: u16,
    /// `ops`: requests.
    pub operations: usize,
    /// `span`: bytes of the disk that are used, from its beginning.
    pub span: u64,
    /// `verify`: whether sectors are filled before and checked during and after.
    pub verify: bool,
    /// `batch`: requests that are submitted before the device is told, at most.
    pub batch: u32,
}

impl Config {
    /// The name of the mode.
    pub fn mode_name(&self) -> &'static str {
        MODES.iter().find(|(_, mode)| *mode == self.mode).map_or("", |(name, _)| name)
    }

    /// Reads a command line.
    pub fn parse(line: &str) -> Result<Self, Error> {
        let mut config = Self {
            common: Common::default(),
            mode: Mode::Transfer { write: false, random: true },
            block_size: 4096,
            depth: 1,
            operations: 1000,
            span: 16 << 20,
            verify: true,
            batch: u32::MAX,
        };
        for word in words(line) {
            let word = word?;
            match word.key {
                "rw" => config.mode = word.choice(MODES)?,
                "bs" => config.block_size = word.within(SECTOR_SIZE as u64, BLOCK_SIZE_MAX)? as usize,
                "qd" => config.depth = word.within(1, DEPTH_MAX as u64)? as u16,
                "ops" => config.operations = word.within(1, 1 << 28)? as usize,
                "span" => config.span = word.within(SECTOR_SIZE as u64, 1 << 48)?,
                "verify" => config.verify = word.switch()?,
                "batch" => config.batch = word.within(1, u64::from(u32::MAX))? as u32,
                _ => config.common.take(&word)?,
            }
        }
        if !config.block_size.is_multiple_of(SECTOR_SIZE) {
            return Err(Error::new("not a multiple of 512", "bs"));
        }
        config.span -= config.span % config.block_size as u64;
        if config.span == 0 {
            return Err(Error::new("smaller than a block", "span"));
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::{Config, Mode};
    use std::string::ToString;

    #[test]
    fn everything_has_a_default() {
        let config = Config::parse("").unwrap();
        assert_eq!((config.block_size, config.depth, config.operations), (4096, 1, 1000));
        assert!(config.verify && config.common.layout.event_idx && !config.common.poll);
    }

    #[test]
    fn options_are_read() {
        let line = "rw=write bs=64K qd=32 ops=50 span=1M seed=9 verify=0 event-idx=0 indirect=1 packed=1 wait=poll";
        let config = Config::parse(line).unwrap();
        assert_eq!(config.mode, Mode::Transfer { write: true, random: false });
        assert_eq!(config.mode_name(), "write");
        assert_eq!((config.block_size, config.depth, config.operations, config.span), (65536, 32, 50, 1 << 20));
        assert!(config.common.layout.packed && config.common.layout.indirect && !config.common.layout.event_idx);
        assert_eq!(Config::parse("bs=3K span=10K").unwrap().span, 9 << 10);
    }

    #[test]
    fn wrong_options_are_refused() {
        let complaint = |line| Config::parse(line).unwrap_err().to_string();
        assert_eq!(complaint("bs=700"), "not a multiple of 512: bs");
        assert_eq!(complaint("bs=0"), "out of range: bs=0");
        assert_eq!(complaint("bs=1M span=64K"), "smaller than a block: span");
        assert_eq!(complaint("qd=0"), "out of range: qd=0");
        assert_eq!(complaint("rw=rw"), "no such choice: rw=rw");
        assert_eq!(complaint("iodepth=3"), "unknown word: iodepth=3");
    }
}
