//! Random bytes that are the same in every run: a run is a function of its inputs, and the seed is one of them.
//!
//! xoshiro256** of Blackman and Vigna ("Scrambled Linear Pseudorandom Number Generators"), seeded by splitmix64 as they
//! propose. The bytes are well mixed and no secret at all: who knows the seed knows them.

use rv_virtio::device::rng::Source;
use serde::{Deserialize, Serialize};

/// A generator, as far as it has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generator {
    state: [u64; 4],
}

impl Generator {
    /// The sequence of this seed.
    pub fn new(seed: u64) -> Self {
        let mut mix = seed;
        Self { state: std::array::from_fn(|_| splitmix64(&mut mix)) }
    }

    /// All zeros would stay so for ever; no seed leads there.
    pub(super) fn is_valid(&self) -> bool {
        self.state != [0; 4]
    }

    fn next(&mut self) -> u64 {
        let [s0, s1, s2, s3] = &mut self.state;
        let result = s1.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = *s1 << 17;
        *s2 ^= *s0;
        *s3 ^= *s1;
        *s1 ^= *s2;
        *s0 ^= *s3;
        *s2 ^= shifted;
        *s3 = s3.rotate_left(45);
        result
    }
}

fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ *state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

impl Source for Generator {
    fn fill(&mut self, into: &mut [u8]) {
        for chunk in into.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
    }
}
