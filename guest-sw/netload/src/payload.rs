//! What messages hold: a piece of a random table, another one for each message, so that sending one copies it once
//! and checking one compares it once.

use core::array;
use core::ops::{BitOr, BitXor};

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
    let (a, b) = (left.as_ptr().addr(), right.as_ptr().addr());
    if (a | b).is_multiple_of(8) {
        // SAFETY: every bit pattern is a number, and both pieces are as long as each other.
        let ((_, left_words, left_rest), (_, right_words, right_rest)) =
            unsafe { (left.align_to::<u64>(), right.align_to::<u64>()) };
        return same_words(left_words, right_words) && left_rest == right_rest;
    }
    same_unaligned(left, right)
}

/// The same for pieces that don't begin with a word: up to the next one, if both are equally far from it, or by smaller words.
#[inline(never)]
fn same_unaligned(left: &[u8], right: &[u8]) -> bool {
    let (a, b) = (left.as_ptr().addr(), right.as_ptr().addr());
    let head = a.next_multiple_of(8) - a;
    if !(a ^ b).is_multiple_of(4) || left.len() < head {
        return left == right;
    }
    if (a ^ b).is_multiple_of(8) {
        return left[..head] == right[..head] && same(&left[head..], &right[head..]);
    }
    // SAFETY: every bit pattern is a number.
    let ((left, left_words, left_rest), (right, right_words, right_rest)) =
        unsafe { (left.align_to::<u32>(), right.align_to::<u32>()) };
    left == right && same_words(left_words, right_words) && left_rest == right_rest
}

/// In rounds of four, whose differences are looked at once: the counting and asking would cost as much as the comparing.
#[inline]
fn same_words<T: Copy + Default + PartialEq + BitXor<Output = T> + BitOr<Output = T>>(left: &[T], right: &[T]) -> bool {
    let ((left_rounds, left_rest), (right_rounds, right_rest)) = (left.as_chunks::<4>(), right.as_chunks::<4>());
    let round = |(left, right): (&[T; 4], &[T; 4])| {
        let [a, b, c, d] = array::from_fn(|index| left[index] ^ right[index]);
        a | b | c | d == T::default()
    };
    left_rounds.iter().zip(right_rounds).all(round)
        && left_rest.iter().zip(right_rest).all(|(left, right)| left == right)
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
