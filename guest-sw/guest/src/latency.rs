//! Latencies: all of them are kept while it is measured, which costs one store each, and summed up afterwards, so
//! percentiles are exact.

use core::fmt;

/// Buckets of the histogram per doubling.
const PER_DOUBLING: u32 = 4;

/// Samples in the order in which they came.
#[derive(Debug)]
pub struct Latencies {
    samples: &'static mut [u32],
    count: usize,
}

impl Latencies {
    /// No samples yet, and room for as many as there are words.
    pub const fn new(samples: &'static mut [u32]) -> Self {
        Self { samples, count: 0 }
    }

    /// Adds a sample, if there is room.
    #[inline]
    pub fn add(&mut self, cycles: u64) {
        if let Some(sample) = self.samples.get_mut(self.count) {
            *sample = u32::try_from(cycles).unwrap_or(u32::MAX);
            self.count += 1;
        }
    }

    /// What they come to.
    pub fn sorted(&mut self) -> Sorted<'_> {
        let samples = &mut self.samples[..self.count];
        samples.sort_unstable();
        Sorted(samples)
    }
}

/// Samples in ascending order.
#[derive(Clone, Copy, Debug)]
pub struct Sorted<'a>(&'a [u32]);

impl<'a> Sorted<'a> {
    /// The smallest sample that `per_mille` thousandths of all don't exceed (the nearest-rank method); 0 if there
    /// is none.
    pub fn percentile(&self, per_mille: usize) -> u32 {
        let rank = (self.0.len() * per_mille).div_ceil(1000).max(1);
        self.0.get(rank - 1).copied().unwrap_or(0)
    }

    /// The mean, rounded down; 0 if there is none.
    pub fn mean(&self) -> u64 {
        let sum: u64 = self.0.iter().copied().map(u64::from).sum();
        sum.checked_div(self.0.len() as u64).unwrap_or(0)
    }

    /// Buckets that aren't empty: upper bound, included, and how many samples.
    pub fn histogram(&self) -> Buckets<'a> {
        Buckets { rest: self.0 }
    }
}

/// The buckets of a histogram that aren't empty.
#[derive(Clone, Debug)]
pub struct Buckets<'a> {
    rest: &'a [u32],
}

impl Iterator for Buckets<'_> {
    type Item = (u32, usize);

    fn next(&mut self) -> Option<(u32, usize)> {
        let bound = upper_bound(*self.rest.first()?);
        let count = self.rest.partition_point(|&sample| sample <= bound);
        self.rest = &self.rest[count..];
        Some((bound, count))
    }
}

/// The largest value of a value's bucket: a quarter of a doubling wide.
const fn upper_bound(value: u32) -> u32 {
    if value < PER_DOUBLING {
        return value;
    }
    let shift = value.ilog2() - PER_DOUBLING.ilog2();
    value | ((1 << shift) - 1)
}

/// As in a result: an object with percentiles, and the histogram.
impl fmt::Display for Sorted<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return out.write_str("\"latency\":null");
        }
        write!(out, "\"latency\":{{\"p50\":{},\"p90\":{}", self.percentile(500), self.percentile(900))?;
        write!(out, ",\"p99\":{},\"p999\":{}", self.percentile(990), self.percentile(999))?;
        write!(out, ",\"max\":{},\"mean\":{}}},\"hist\":[", self.percentile(1000), self.mean())?;
        for (index, (bound, count)) in self.histogram().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(out, "{comma}[{bound},{count}]")?;
        }
        out.write_str("]")
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::{Latencies, upper_bound};
    use std::boxed::Box;
    use std::string::ToString;
    use std::vec::Vec;

    fn of(samples: impl IntoIterator<Item = u64>) -> Latencies {
        let mut latencies = Latencies::new(Box::leak(Box::new([0; 2000])));
        samples.into_iter().for_each(|sample| latencies.add(sample));
        latencies
    }

    #[test]
    fn percentiles_are_nearest_ranks() {
        let mut latencies = of((1..=1000).rev());
        let sorted = latencies.sorted();
        let percentiles = [0, 1, 500, 900, 990, 999, 1000].map(|per_mille| sorted.percentile(per_mille));
        assert_eq!(percentiles, [1, 1, 500, 900, 990, 999, 1000]);
        assert_eq!(sorted.mean(), 500);
        assert_eq!(of([7]).sorted().percentile(500), 7);
        assert_eq!(of([]).sorted().percentile(500), 0);
    }

    #[test]
    fn buckets_cover_every_value_once() {
        let bounds: Vec<u32> = (0..40).map(upper_bound).collect();
        assert_eq!(bounds[..12], [0, 1, 2, 3, 4, 5, 6, 7, 9, 9, 11, 11]);
        assert_eq!(upper_bound(u32::MAX), u32::MAX);
        assert_eq!(upper_bound(1000), 1023);
        assert!(bounds.windows(2).all(|pair| pair[0] <= pair[1]));
        let mut latencies = of(1..=1000);
        let total: usize = latencies.sorted().histogram().map(|(_, count)| count).sum();
        assert_eq!(total, 1000);
    }

    #[test]
    fn written_as_json() {
        let text = of([5, 5, 1 << 40]).sorted().to_string();
        let expected = "\"latency\":{\"p50\":5,\"p90\":4294967295,\"p99\":4294967295,\"p999\":4294967295,\
                        \"max\":4294967295,\"mean\":1431655768},\"hist\":[[5,2],[4294967295,1]]";
        assert_eq!(text, expected);
        assert_eq!(of([]).sorted().to_string(), "\"latency\":null");
    }

    #[test]
    fn too_many_samples_are_left_out() {
        assert_eq!(of(0..3000).sorted().percentile(1000), 1999);
    }
}
