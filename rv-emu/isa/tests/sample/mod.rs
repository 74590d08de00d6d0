//! Words to compare with other decoders, and how to explain where these differ.

use rv_isa::Op;

/// A small generator, seeded: failures repeat.
pub struct Random(pub u64);

impl Random {
    /// The next 32 bits.
    pub fn word(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ z >> 31) as u32
    }
}

/// All 16-bit words, then `per_row` times for each row: random operands, a neighbour with one bit flipped, and any word. Longer encodings
/// are left out.
pub fn words(per_row: usize) -> Vec<u32> {
    let mut random = Random(5);
    let mut words: Vec<u32> = (0..=0xffff).filter(|half| half & 3 != 3).collect();
    for row in Op::rows() {
        for _ in 0..per_row {
            let word = random.word() & !row.mask | row.matches;
            words.extend([word, word ^ 1 << (2 + random.word() % 30), random.word() | 3]);
        }
    }
    words.retain(|word| word & 0x1f != 0x1f);
    words
}

/// Bytes of an encoding.
pub fn length(word: u32) -> usize {
    if word & 3 == 3 { 4 } else { 2 }
}

/// Words that both sides see differently: `ours` and `theirs` are texts, or names of outcomes; `None` for what is illegal.
pub struct Difference {
    /// The reason.
    pub why: &'static str,
    /// Whether it explains this word.
    pub applies: fn(raw: u32, ours: Option<&str>, theirs: Option<&str>) -> bool,
}

/// Fails on words that no difference explains, and on differences that explain nothing.
pub fn check(differences: &[Difference], words: impl Iterator<Item = (u32, Option<String>, Option<String>)>) {
    let mut used = vec![0; differences.len()];
    let mut unexplained = Vec::new();
    for (raw, ours, theirs) in words.filter(|(_, ours, theirs)| ours != theirs) {
        let (ours, theirs) = (ours.as_deref(), theirs.as_deref());
        match differences.iter().position(|difference| (difference.applies)(raw, ours, theirs)) {
            Some(index) => used[index] += 1,
            None => unexplained.push(format!("{raw:#010x}: {ours:?}, theirs: {theirs:?}")),
        }
    }
    assert!(unexplained.is_empty(), "{} words:\n{}", unexplained.len(), unexplained.join("\n"));
    for (difference, used) in differences.iter().zip(used) {
        assert!(used > 0, "never seen: {}", difference.why);
    }
}
