//! A frame where it is: in memory that somebody else may write to meanwhile, so that there can't be references to it.

use core::marker::PhantomData;

/// Bytes that are read, and never lent.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    start: *const u8,
    len: usize,
    life: PhantomData<&'a u8>,
}

impl View<'_> {
    /// `len` bytes from `start` on.
    ///
    /// # Safety
    /// They can be read as long as the view lives, whoever writes to them.
    #[inline]
    pub const unsafe fn new(start: *const u8, len: usize) -> Self {
        View { start, len, life: PhantomData }
    }

    /// How many.
    #[expect(clippy::len_without_is_empty, reason = "a frame is a thing to be looked at, not a collection")]
    #[inline]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Where they begin within a word.
    #[inline]
    pub fn alignment(&self) -> usize {
        self.start.addr() % size_of::<u64>()
    }

    /// The number at `offset`, as it is in memory; `None` if it isn't inside, or not aligned.
    #[inline]
    pub fn number<T: Number>(&self, offset: usize) -> Option<T> {
        let inside = offset.checked_add(size_of::<T>()).is_some_and(|end| end <= self.len);
        let place = self.start.wrapping_add(offset).cast::<T>();
        // SAFETY: inside, aligned, and every bit pattern is a number.
        (inside && place.is_aligned()).then(|| unsafe { place.read_volatile() })
    }

    /// Whether the bytes from `offset` on are `expected`, and no more.
    #[inline]
    pub fn ends_with(&self, offset: usize, expected: &[u8]) -> bool {
        if self.len.checked_sub(offset) != Some(expected.len()) {
            return false;
        }
        let place = self.start.wrapping_add(offset);
        let words = place.cast::<u64>();
        // SAFETY: every bit pattern is a number.
        let (head, expected_words, tail) = unsafe { expected.align_to::<u64>() };
        if !(head.is_empty() && words.is_aligned()) {
            return self.same_bytes(offset, expected);
        }
        // SAFETY: as many words as are expected, inside and aligned.
        let word = |index: usize| unsafe { words.add(index).read_volatile() };
        // All differences are looked at once, at the end: asking costs as much as comparing. In rounds of four, for counting does, too.
        let (rounds, rest) = expected_words.as_chunks::<4>();
        let (mut index, mut difference) = (0, 0);
        for [a, b, c, d] in rounds {
            difference |= word(index) ^ a;
            difference |= word(index + 1) ^ b;
            difference |= word(index + 2) ^ c;
            difference |= word(index + 3) ^ d;
            index += 4;
        }
        for expected in rest {
            difference |= word(index) ^ expected;
            index += 1;
        }
        if difference != 0 {
            return false;
        }
        tail.is_empty() || self.same_bytes(offset + size_of_val(expected_words), tail)
    }

    /// The same by bytes, which are inside.
    #[inline(never)]
    fn same_bytes(&self, offset: usize, expected: &[u8]) -> bool {
        let place = self.start.wrapping_add(offset);
        // SAFETY: inside.
        expected.iter().enumerate().all(|(index, byte)| unsafe { place.add(index).read_volatile() } == *byte)
    }

    /// Copies bytes from the beginning on; whether there are as many.
    pub fn copy(&self, to: &mut [u8]) -> bool {
        let enough = to.len() <= self.len;
        if enough {
            for (index, byte) in to.iter_mut().enumerate() {
                // SAFETY: inside.
                *byte = unsafe { self.start.add(index).read_volatile() };
            }
        }
        enough
    }
}

/// What a view reads in one piece.
pub trait Number: Copy {}

impl Number for u16 {}
impl Number for u64 {}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::View;
    use std::vec::Vec;

    fn view(bytes: &[u8]) -> View<'_> {
        // SAFETY: nobody writes to them.
        unsafe { View::new(bytes.as_ptr(), bytes.len()) }
    }

    #[test]
    fn numbers_are_inside_and_aligned() {
        let words = [0x0807_0605_0403_0201_u64, 0x100f_0e0d_0c0b_0a09];
        // SAFETY: bytes of numbers.
        let (_, bytes, _) = unsafe { words.align_to::<u8>() };
        let view = view(bytes);
        assert_eq!(view.number::<u64>(8), Some(words[1]));
        assert_eq!(view.number::<u16>(14).map(u16::from_le), Some(0x100f));
        assert_eq!((view.number::<u64>(4), view.number::<u64>(9), view.number::<u64>(16)), (None, None, None));
        assert_eq!((view.number::<u16>(15), view.number::<u64>(usize::MAX - 7)), (None, None));
    }

    #[test]
    fn every_difference_is_found_at_every_alignment() {
        let bytes: Vec<u8> = (0..120).collect();
        for (start, offset, len) in
            (0..9).flat_map(|start| (0..9).flat_map(move |at| (0..60).map(move |len| (start, at, len))))
        {
            let mut expected = bytes[start + offset..start + offset + len].to_vec();
            let view = view(&bytes[start..start + offset + len]);
            assert!(view.ends_with(offset, &expected));
            for wrong in 0..len {
                expected[wrong] ^= 0x80;
                assert!(!view.ends_with(offset, &expected), "{start} {offset} {len} {wrong}");
                expected[wrong] ^= 0x80;
            }
            expected.push(0);
            assert!(!view.ends_with(offset, &expected), "longer");
        }
    }
}
