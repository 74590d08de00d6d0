//! What messages hold: a piece of a random table, another one for each message, so that sending one copies it once
//! and checking one compares it once.

use crate::SIZE_MAX;

/// Messages until a piece comes again.
const PERIOD: usize = 512;
const WORDS: usize = PERIOD + SIZE_MAX / 8;

/// The table.
#[repr(C, align(64))]
#[derive(Clone, Debug)]
pub struct Payload {
    bytes: [u8; WORDS * 8],
}

impl Payload {
    /// A table that isn't made yet.
    pub const EMPTY: Self = Self { bytes: [0; WORDS * 8] };

    /// Makes the part of the table that messages of `size` bytes need.
    pub fn make(&mut self, seed: u64, size: usize) {
        let needed = (PERIOD * 8 + size).min(self.bytes.len());
        let mut state = seed ^ 0x9e37_79b9_7f4a_7c15;
        for word in self.bytes[..needed].chunks_mut(8) {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            let mixed = state ^ state >> 32;
            word.copy_from_slice(&mixed.to_le_bytes()[..word.len()]);
        }
    }

    /// What message number `sequence` holds.
    #[inline]
    pub fn message(&self, sequence: u64, size: usize) -> &[u8] {
        // Neighbouring messages begin far apart.
        let start = (sequence as usize).wrapping_mul(37) % PERIOD * 8;
        &self.bytes[start..start + size]
    }
}

/// Whether two pieces are the same: by words, for the library's comparison goes by bytes.
#[inline]
pub fn same(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let offset = left.as_ptr() as usize ^ right.as_ptr() as usize;
    if offset.is_multiple_of(8) {
        same_words::<u64>(left, right)
    } else if offset.is_multiple_of(4) {
        same_words::<u32>(left, right)
    } else {
        left == right
    }
}

/// The same for pieces that are aligned alike.
#[inline]
fn same_words<T: Copy + PartialEq>(left: &[u8], right: &[u8]) -> bool {
    // SAFETY: every bit pattern is a number.
    let ((left, left_words, left_rest), (right, right_words, right_rest)) =
        unsafe { (left.align_to::<T>(), right.align_to::<T>()) };
    debug_assert_eq!(left.len(), right.len());
    // In rounds of eight: the counting costs as much as the comparing.
    let ((left_rounds, left_words_rest), (right_rounds, right_words_rest)) =
        (left_words.as_chunks::<8>(), right_words.as_chunks::<8>());
    let round = |(left, right): (&[T; 8], &[T; 8])| (0..8).all(|index| left[index] == right[index]);
    let rest = left_words_rest.iter().zip(right_words_rest).all(|(left, right)| left == right);
    let words = left_rounds.iter().zip(right_rounds).all(round) && rest && left_words.len() == right_words.len();
    words && left == right && left_rest == right_rest
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::{Payload, same};
    use std::boxed::Box;
    use std::vec;

    #[test]
    fn neighbours_differ_and_messages_repeat() {
        let mut payload = Box::new(Payload::EMPTY);
        payload.make(7, 64);
        let message = |sequence| payload.message(sequence, 64).to_vec();
        assert_ne!(message(0), message(1));
        assert_eq!(message(3), message(3 + 512));
        let distinct: std::collections::BTreeSet<_> = (0..512).map(message).collect();
        assert_eq!(distinct.len(), 512);
        assert!(message(511).iter().any(|&byte| byte != 0));
    }

    #[test]
    fn comparison_finds_every_byte_at_every_alignment() {
        let bytes = vec![5; 64];
        for (left, right) in [(0, 0), (1, 1), (0, 4), (3, 7), (0, 1), (2, 5)] {
            for len in 0..40 {
                let mut other = bytes.clone();
                assert!(same(&bytes[left..left + len], &other[right..right + len]));
                for wrong in right..right + len {
                    other[wrong] ^= 0x80;
                    assert!(!same(&bytes[left..left + len], &other[right..right + len]));
                    other[wrong] ^= 0x80;
                }
            }
        }
        assert!(!same(&bytes[..3], &bytes[..4]));
    }
}
