//! Where a serial port's output goes.

use proto::Checksum;

/// Takes bytes one at a time.
pub trait Sink {
    /// Takes a byte.
    fn push(&mut self, byte: u8);
}

/// Keeps everything in memory. Bytes beyond its end are counted and lost.
#[derive(Debug)]
pub struct Capture<'a> {
    memory: &'a mut [u8],
    count: usize,
}

impl<'a> Capture<'a> {
    /// Captures into `memory`.
    pub fn new(memory: &'a mut [u8]) -> Self {
        Capture { memory, count: 0 }
    }

    /// What was captured.
    pub fn bytes(&self) -> &[u8] {
        &self.memory[..self.count.min(self.memory.len())]
    }

    /// How many bytes came.
    pub fn count(&self) -> u64 {
        self.count as u64
    }

    /// Their checksum.
    pub fn checksum(&self) -> Checksum {
        Checksum::new().bytes(self.bytes())
    }
}

impl Sink for Capture<'_> {
    #[inline]
    fn push(&mut self, byte: u8) {
        if let Some(place) = self.memory.get_mut(self.count) {
            *place = byte;
        }
        self.count += 1;
    }
}

/// Hands whole lines (or as much as fits) to `write`.
#[derive(Debug)]
pub struct Lines<W> {
    write: W,
    line: [u8; 256],
    len: usize,
    count: u64,
    checksum: Checksum,
}

impl<W: FnMut(&[u8])> Lines<W> {
    /// Writes lines with `write`.
    pub fn new(write: W) -> Self {
        Lines { write, line: [0; 256], len: 0, count: 0, checksum: Checksum::new() }
    }

    /// Writes what is left of a line.
    pub fn flush(&mut self) {
        (self.write)(&self.line[..self.len]);
        self.len = 0;
    }

    /// How many bytes came.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their checksum.
    pub fn checksum(&self) -> Checksum {
        self.checksum
    }
}

impl<W: FnMut(&[u8])> Sink for Lines<W> {
    fn push(&mut self, byte: u8) {
        self.line[self.len] = byte;
        self.len += 1;
        self.count += 1;
        self.checksum = self.checksum.byte(byte);
        if byte == b'\n' || self.len == self.line.len() {
            self.flush();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capture_counts_what_it_loses() {
        let mut memory = [0; 3];
        let mut sink = Capture::new(&mut memory);
        b"abcd".iter().for_each(|byte| sink.push(*byte));
        assert_eq!((sink.bytes(), sink.count()), (&b"abc"[..], 4));
        assert_eq!(sink.checksum(), Checksum::new().bytes(b"abc"));
    }

    #[test]
    fn lines_come_whole() {
        let mut seen = Vec::new();
        let mut sink = Lines::new(|line: &[u8]| seen.push(line.to_vec()));
        b"ab\nc".iter().for_each(|byte| sink.push(*byte));
        sink.flush();
        assert_eq!((sink.count(), sink.checksum()), (4, Checksum::new().bytes(b"ab\nc")));
        assert_eq!(seen, [b"ab\n".to_vec(), b"c".to_vec()]);
    }
}
