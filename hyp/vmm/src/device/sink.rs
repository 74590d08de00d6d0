//! Where a serial port's output goes.

use proto::Checksum;

/// What a sink has got: what a guest's own count is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// How many bytes.
    pub bytes: u64,
    /// Their checksum.
    pub checksum: u64,
}

/// Takes bytes one at a time.
pub trait Sink {
    /// Takes a byte.
    fn push(&mut self, byte: u8);

    /// What came so far.
    fn tally(&self) -> Tally;
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
}

impl Sink for Capture<'_> {
    #[inline]
    fn push(&mut self, byte: u8) {
        if let Some(place) = self.memory.get_mut(self.count) {
            *place = byte;
        }
        self.count += 1;
    }

    /// Summed up here and not byte by byte, so that it costs nothing while the guest runs.
    fn tally(&self) -> Tally {
        Tally { bytes: self.count as u64, checksum: Checksum::new().bytes(self.bytes()).value() }
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
        if self.len > 0 {
            (self.write)(&self.line[..self.len]);
            self.len = 0;
        }
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

    fn tally(&self) -> Tally {
        Tally { bytes: self.count, checksum: self.checksum.value() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(bytes: u64, text: &[u8]) -> Tally {
        Tally { bytes, checksum: Checksum::new().bytes(text).value() }
    }

    #[test]
    fn capture_counts_what_it_loses() {
        let mut memory = [0; 3];
        let mut sink = Capture::new(&mut memory);
        assert_eq!(sink.tally(), tally(0, b""));
        b"abcd".iter().for_each(|byte| sink.push(*byte));
        assert_eq!((sink.bytes(), sink.tally()), (&b"abc"[..], tally(4, b"abc")));
    }

    #[test]
    fn lines_come_whole() {
        let mut seen = Vec::new();
        let mut sink = Lines::new(|line: &[u8]| seen.push(line.to_vec()));
        b"ab\nc".iter().for_each(|byte| sink.push(*byte));
        sink.flush();
        sink.flush();
        assert_eq!(sink.tally(), tally(4, b"ab\nc"));
        assert_eq!(seen, [b"ab\n".to_vec(), b"c".to_vec()]);
    }

    #[test]
    fn long_lines_come_in_pieces() {
        let text = [b'x'; 600];
        let mut seen = Vec::new();
        let mut sink = Lines::new(|line: &[u8]| seen.push(line.to_vec()));
        text.iter().for_each(|byte| sink.push(*byte));
        sink.flush();
        assert_eq!(sink.tally(), tally(600, &text));
        assert_eq!(seen.iter().map(Vec::len).collect::<Vec<_>>(), [256, 256, 88]);
    }
}
