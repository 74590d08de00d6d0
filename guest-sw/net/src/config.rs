//! The options.

use guest::args::{Common, Error, words};
use netload::wire::TESTS;
use netload::{Options, SIZE_MAX, Test};

/// Where receive and transmit buffers begin, modulo 8, so that payload is aligned: behind the device's header and
/// those of Ethernet, IPv4 and UDP (54 bytes), or TCP (66).
const OFFSET_UDP: usize = 2;
const OFFSET_TCP: usize = 6;

/// The options of a run.
pub struct Config {
    /// Those of every guest.
    pub common: Common,
    /// `test`: what is done.
    pub test: Test,
    /// `size`: bytes per message.
    pub size: usize,
    /// `count`: messages.
    pub count: u64,
    /// `nodelay`: whether small segments are sent at once.
    pub nodelay: bool,
    /// `flow`: whether datagrams of a stream go to the device without a socket between.
    pub flow: bool,
    /// `csum`: whether checksums are left to the device.
    checksum: bool,
    /// `mergeable`: whether frames may arrive in several buffers.
    mergeable: bool,
    /// `batch`: frames per notification, at most.
    batch: u32,
}

impl Config {
    /// Reads a command line.
    pub fn parse(line: &str) -> Result<Self, Error> {
        let mut config = Self {
            common: Common::default(),
            test: Test::UdpStream,
            size: 64,
            count: 1000,
            nodelay: false,
            flow: true,
            checksum: true,
            mergeable: true,
            batch: 1,
        };
        for word in words(line) {
            let word = word?;
            match word.key {
                "test" => config.test = word.choice(TESTS)?,
                "size" => config.size = word.within(1, SIZE_MAX as u64)? as usize,
                "count" => config.count = word.within(1, 1 << 28)?,
                "nodelay" => config.nodelay = word.switch()?,
                "flow" => config.flow = word.switch()?,
                "csum" => config.checksum = word.switch()?,
                "mergeable" => config.mergeable = word.switch()?,
                "batch" => config.batch = word.within(1, u64::from(u32::MAX))? as u32,
                _ => config.common.take(&word)?,
            }
        }
        Ok(config)
    }

    /// What the device is to be like.
    pub const fn device_options(&self) -> virtio::net::Options {
        virtio::net::Options {
            layout: self.common.layout,
            checksum: self.checksum,
            mergeable: self.mergeable,
            offset: if self.test.is_udp() { OFFSET_UDP } else { OFFSET_TCP },
            batch: self.batch,
        }
    }

    /// What the client does.
    pub const fn workload(&self) -> Options {
        let Self { test, size, count, nodelay, flow, .. } = *self;
        Options { test, size, count, nodelay, flow, seed: self.common.seed }
    }
}
