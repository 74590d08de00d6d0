//! The other end of a console: bytes typed, and bytes printed.

use std::collections::VecDeque;

use rv_virtio::device::console::Port;
use serde::{Deserialize, Serialize};

/// Both directions of a console's line.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Line {
    /// Typed, not read by the guest yet.
    input: VecDeque<u8>,
    /// Printed, not taken by the owner yet.
    output: Vec<u8>,
}

impl Line {
    pub(super) fn push_input(&mut self, bytes: &[u8]) {
        self.input.extend(bytes);
    }

    pub(super) fn drain_output(&mut self, sink: &mut Vec<u8>) {
        sink.append(&mut self.output);
    }

    pub(super) fn unread(&self) -> usize {
        self.input.len()
    }
}

impl Port for Line {
    fn output(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
    }

    fn has_input(&mut self) -> bool {
        !self.input.is_empty()
    }

    fn input(&mut self, into: &mut [u8]) -> usize {
        let count = into.len().min(self.input.len());
        for (to, from) in into.iter_mut().zip(self.input.drain(..count)) {
            *to = from;
        }
        count
    }
}
