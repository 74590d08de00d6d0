//! The lab's arithmetic: percentiles from histograms, ratios, means, break-even points.

use serde::{Deserialize, Serialize};

/// Latencies of one run, in cycles: what a guest measured, in the shape that it prints.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Half of all operations took this long or less.
    pub p50: u64,
    /// 90 % of them.
    pub p90: u64,
    /// 99 % of them.
    pub p99: u64,
    /// 99.9 % of them.
    pub p999: u64,
    /// The slowest.
    pub max: u64,
    /// Arithmetic mean.
    pub mean: f64,
    /// Pairs of upper bound and count, by rising bound: an operation of a bucket took its bound or less.
    #[serde(default)]
    pub hist: Vec<(u64, u64)>,
}

impl Latency {
    /// Latencies from a histogram alone: each operation counts with its bucket's bound.
    pub fn from_histogram(hist: &[(u64, u64)]) -> Option<Latency> {
        let count = total(hist);
        if count == 0 {
            return None;
        }
        let at = |per_mille| percentile(hist, per_mille).unwrap_or(0);
        let sum: u128 = hist.iter().map(|(bound, n)| u128::from(*bound) * u128::from(*n)).sum();
        let max = hist.iter().rev().find(|(_, n)| *n != 0).map_or(0, |(bound, _)| *bound);
        let mean = sum as f64 / count as f64;
        Some(Latency { p50: at(500), p90: at(900), p99: at(990), p999: at(999), max, mean, hist: hist.to_vec() })
    }

    /// Latencies of several guests together; percentiles are those of the joint histogram.
    pub fn merge(all: &[Latency]) -> Option<Latency> {
        match all {
            [] => None,
            [one] => Some(one.clone()),
            several => {
                let mut hist: Vec<(u64, u64)> = several.iter().flat_map(|one| one.hist.iter().copied()).collect();
                hist.sort_unstable();
                hist.dedup_by(|later, kept| {
                    let same = later.0 == kept.0;
                    kept.1 += if same { later.1 } else { 0 };
                    same
                });
                let mut merged = Latency::from_histogram(&hist)?;
                merged.max = several.iter().map(|one| one.max).max()?;
                merged.mean = several.iter().map(|one| one.mean * total(&one.hist) as f64).sum::<f64>()
                    / total(&merged.hist) as f64;
                Some(merged)
            }
        }
    }

    /// The distribution: for each bound of the histogram, the share of operations that took no longer.
    pub fn cumulative(&self) -> Vec<(u64, f64)> {
        let count = total(&self.hist);
        let mut sum = 0;
        let step = |(bound, n): &(u64, u64)| {
            sum += n;
            (*bound, sum as f64 / count as f64)
        };
        if count == 0 { Vec::new() } else { self.hist.iter().map(step).collect() }
    }
}

fn total(hist: &[(u64, u64)]) -> u64 {
    hist.iter().map(|(_, count)| count).sum()
}

/// The smallest bound under which at least `per_mille` thousandths of all operations lie (the nearest-rank definition).
pub fn percentile(hist: &[(u64, u64)], per_mille: u64) -> Option<u64> {
    assert!(per_mille <= 1000, "a percentile is a share of the whole");
    let count = total(hist);
    let rank = (u128::from(count) * u128::from(per_mille)).div_ceil(1000).max(1);
    let mut sum = 0;
    hist.iter()
        .find(|(_, n)| {
            sum += u128::from(*n);
            sum >= rank
        })
        .map(|(bound, _)| *bound)
}

/// `a / b`, if that is a number.
pub fn ratio(a: f64, b: f64) -> Option<f64> {
    let quotient = a / b;
    (b != 0.0 && quotient.is_finite()).then_some(quotient)
}

/// The mean that suits ratios; nothing of nothing.
pub fn geometric_mean(values: &[f64]) -> Option<f64> {
    let positive = values.iter().all(|value| *value > 0.0);
    let sum: f64 = values.iter().map(|value| value.ln()).sum();
    (!values.is_empty() && positive).then(|| (sum / values.len() as f64).exp())
}

/// From where on something wins, when a knob is turned up.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub enum BreakEven {
    /// It wins at every value that was tried.
    Always,
    /// It wins at none.
    Never,
    /// It wins from this value on, up to the largest that was tried.
    From(f64),
    /// It wins below this value, and not at the largest that was tried.
    Until(f64),
}

impl std::fmt::Display for BreakEven {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            BreakEven::Always => write!(f, "wins everywhere"),
            BreakEven::Never => write!(f, "wins nowhere"),
            BreakEven::From(x) => write!(f, "wins from {x:.0} cycles on"),
            BreakEven::Until(x) => write!(f, "wins below {x:.0} cycles"),
        }
    }
}

/// Where a curve of advantages (1 = even, more = better) crosses 1 for the last time; between points it is a straight line.
pub fn break_even(points: &[(f64, f64)]) -> BreakEven {
    debug_assert!(points.is_sorted_by(|a, b| a.0 < b.0), "points go from left to right");
    let wins = |point: &(f64, f64)| point.1 >= 1.0;
    if points.iter().all(wins) {
        return if points.is_empty() { BreakEven::Never } else { BreakEven::Always };
    }
    let crossing = points.windows(2).rev().find(|pair| wins(&pair[0]) != wins(&pair[1]));
    let Some([(x0, y0), (x1, y1)]) = crossing else { return BreakEven::Never };
    let x = x0 + (1.0 - y0) / (y1 - y0) * (x1 - x0);
    if *y1 >= 1.0 { BreakEven::From(x) } else { BreakEven::Until(x) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_rank() {
        let hist = [(10, 50), (20, 40), (30, 9), (400, 1)];
        let latency = Latency::from_histogram(&hist).unwrap();
        assert_eq!((latency.p50, latency.p90, latency.p99, latency.p999, latency.max), (10, 20, 30, 400, 400));
        assert!((latency.mean - (500 + 800 + 270 + 400) as f64 / 100.0).abs() < 1e-9);
        assert_eq!(percentile(&hist, 0), Some(10));
        assert_eq!(percentile(&hist, 1000), Some(400));
        assert_eq!(percentile(&[(7, 1)], 999), Some(7));
        assert_eq!(percentile(&[], 500), None);
        assert_eq!(Latency::from_histogram(&[(5, 0)]), None);
        // Counts beyond what fits into 64 bits when multiplied.
        assert_eq!(percentile(&[(1, u64::MAX / 2), (2, u64::MAX / 2)], 900), Some(2));
    }

    #[test]
    fn the_distribution_ends_at_one() {
        let latency = Latency::from_histogram(&[(1, 1), (2, 2), (8, 1)]).unwrap();
        assert_eq!(latency.cumulative(), [(1, 0.25), (2, 0.75), (8, 1.0)]);
        assert!(Latency::default().cumulative().is_empty());
    }

    #[test]
    fn guests_are_merged_by_their_histograms() {
        let a = Latency::from_histogram(&[(1, 9), (4, 1)]).unwrap();
        let b = Latency { max: 7, ..Latency::from_histogram(&[(4, 9), (8, 1)]).unwrap() };
        let both = Latency::merge(&[a.clone(), b]).unwrap();
        assert_eq!(both.hist, [(1, 9), (4, 10), (8, 1)]);
        assert_eq!((both.p50, both.p99, both.max), (4, 8, 7));
        assert!((both.mean - (9.0 + 4.0 + 36.0 + 8.0) / 20.0).abs() < 1e-9);
        assert_eq!(Latency::merge(std::slice::from_ref(&a)), Some(a));
        assert_eq!(Latency::merge(&[]), None);
    }

    #[test]
    fn ratios_and_means() {
        assert_eq!(ratio(3.0, 2.0), Some(1.5));
        assert_eq!((ratio(1.0, 0.0), ratio(0.0, 0.0)), (None, None));
        assert!((geometric_mean(&[1.0, 4.0]).unwrap() - 2.0).abs() < 1e-12);
        assert_eq!((geometric_mean(&[]), geometric_mean(&[1.0, 0.0])), (None, None));
    }

    #[test]
    fn break_even_is_the_last_crossing() {
        assert_eq!(break_even(&[(0.0, 0.5), (100.0, 1.5)]), BreakEven::From(50.0));
        assert_eq!(break_even(&[(0.0, 1.5), (100.0, 0.5)]), BreakEven::Until(50.0));
        assert_eq!(break_even(&[(0.0, 1.5), (1.0, 0.75), (2.0, 1.25)]), BreakEven::From(1.5));
        assert_eq!(break_even(&[(0.0, 2.0), (1.0, 1.0)]), BreakEven::Always);
        assert_eq!(break_even(&[(0.0, 0.2), (1.0, 0.9)]), BreakEven::Never);
        assert_eq!(break_even(&[]), BreakEven::Never);
    }
}
