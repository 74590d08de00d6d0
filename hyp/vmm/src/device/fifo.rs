//! The receiver's FIFO.

/// Up to 16 bytes in the order in which they came.
#[derive(Clone, Debug)]
pub struct Fifo {
    bytes: [u8; Fifo::DEPTH],
    first: usize,
    len: usize,
}

impl Fifo {
    /// Bytes that fit.
    pub const DEPTH: usize = 16;

    /// An empty one.
    pub const fn new() -> Self {
        Fifo { bytes: [0; Self::DEPTH], first: 0, len: 0 }
    }

    /// Adds a byte unless `depth` are in. Whether it was added.
    pub fn push(&mut self, byte: u8, depth: usize) -> bool {
        let fits = self.len < depth.min(Self::DEPTH);
        if fits {
            self.bytes[(self.first + self.len) % Self::DEPTH] = byte;
            self.len += 1;
        }
        fits
    }

    /// Takes the oldest byte out.
    pub fn pop(&mut self) -> Option<u8> {
        self.len = self.len.checked_sub(1)?;
        let byte = self.bytes[self.first];
        self.first = (self.first + 1) % Self::DEPTH;
        Some(byte)
    }

    /// Bytes that are in.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is in.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl Default for Fifo {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::Fifo;

    #[test]
    fn keeps_the_order_around_its_end() {
        let mut fifo = Fifo::new();
        for round in 0..40 {
            assert!(fifo.is_empty());
            let bytes = round..round + 16;
            bytes.clone().for_each(|byte| assert!(fifo.push(byte, 16)));
            assert!(!fifo.push(0, 16) && !fifo.push(0, 99));
            bytes.clone().take(13).for_each(|byte| assert_eq!(fifo.pop(), Some(byte)));
            assert!(!fifo.push(0, 3) && !fifo.is_empty());
            bytes.skip(13).for_each(|byte| assert_eq!(fifo.pop(), Some(byte)));
            assert_eq!(fifo.pop(), None);
            assert!(fifo.push(1, 1) && fifo.pop() == Some(1));
        }
    }
}
