//! Axes: from values to positions, and where the ticks are.

/// How values are spread over an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    /// Evenly, from the first to the second.
    Linear(f64, f64),
    /// By powers of ten, from the first to the second; both above 0.
    Log(f64, f64),
}

impl Scale {
    /// A linear scale from 0 that has room for `max` and a little more.
    pub fn from_zero(max: f64) -> Scale {
        let max = if max.is_finite() && max > 0.0 { max } else { 1.0 };
        let step = step(max / 5.0);
        Scale::Linear(0.0, (max * 1.04 / step).ceil() * step)
    }

    /// A logarithmic scale of whole decades around all positive values; linear if there are none.
    pub fn decades(values: impl Iterator<Item = f64>) -> Scale {
        let (min, max) = values
            .filter(|value| *value > 0.0)
            .fold((f64::INFINITY, 0.0f64), |(min, max), value| (min.min(value), max.max(value)));
        if max == 0.0 {
            return Scale::from_zero(1.0);
        }
        let (low, high) = (min.log10().floor(), (max * 1.05).log10().ceil());
        Scale::Log(10f64.powf(low), 10f64.powf(if high > low { high } else { low + 1.0 }))
    }

    /// Where a value lies between the ends, 0 to 1; what lies beyond them is put there.
    pub fn place(&self, value: f64) -> f64 {
        let at = match *self {
            Scale::Linear(from, to) => (value - from) / (to - from),
            Scale::Log(from, to) => (value.max(from).log10() - from.log10()) / (to.log10() - from.log10()),
        };
        at.clamp(0.0, 1.0)
    }

    /// Values with a tick.
    pub fn ticks(&self) -> Vec<f64> {
        match *self {
            Scale::Linear(from, to) => {
                let step = step((to - from) / 5.0);
                let count = ((to - from) / step + 1e-9).floor() as usize;
                (0..=count).map(|index| from + step * index as f64).collect()
            }
            Scale::Log(from, to) => {
                let (low, high) = (from.log10().round() as i32, to.log10().round() as i32);
                (low..=high).map(|power| 10f64.powi(power)).collect()
            }
        }
    }
}

/// The next of 1, 2, 5, 10, 20, 50 and so on that is not below `least`.
fn step(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * power >= least * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}

/// A number as short as it can be told: 1500 is 1.5k.
pub fn short(value: f64) -> String {
    let (scaled, suffix) = match value.abs() {
        v if v >= 1e9 => (value / 1e9, "G"),
        v if v >= 1e6 => (value / 1e6, "M"),
        v if v >= 1e4 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let digits = match scaled.abs() {
        v if v == 0.0 || v >= 100.0 || v.fract() == 0.0 => 0,
        v if v >= 10.0 => 1,
        v if v >= 0.1 => 2,
        _ => 4,
    };
    let text = format!("{scaled:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{suffix}")
}

/// A size in bytes or lines: powers of two as people write them.
pub fn size(value: u64) -> String {
    match value {
        0 => "0".to_owned(),
        v if v.is_multiple_of(1 << 20) => format!("{}M", v >> 20),
        v if v.is_multiple_of(1 << 10) => format!("{}K", v >> 10),
        v if v >= 10_000 && v.is_multiple_of(1000) => format!("{}k", v / 1000),
        v => v.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_have_room_and_round_ticks() {
        assert_eq!(Scale::from_zero(97.0), Scale::Linear(0.0, 120.0));
        assert_eq!(Scale::from_zero(97.0).ticks(), [0.0, 50.0, 100.0]);
        assert_eq!(Scale::Linear(0.0, 100.0).ticks(), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(Scale::from_zero(f64::NAN), Scale::from_zero(1.0));
        let log = Scale::decades([30.0, 0.0, 2_000.0].into_iter());
        assert_eq!(log, Scale::Log(10.0, 10_000.0));
        assert_eq!(log.ticks(), [10.0, 100.0, 1000.0, 10_000.0]);
        assert!((log.place(100.0) - 1.0 / 3.0).abs() < 1e-9);
        assert_eq!((log.place(0.0), log.place(1e9)), (0.0, 1.0));
        assert_eq!(Scale::decades([1.0].into_iter()), Scale::Log(1.0, 10.0));
    }

    #[test]
    fn numbers_are_short() {
        let cases = [
            (0.0, "0"),
            (1.5, "1.5"),
            (950.0, "950"),
            (12_300.0, "12.3k"),
            (2e6, "2M"),
            (0.05, "0.05"),
            (1234.5, "1234"),
        ];
        for (value, text) in cases {
            assert_eq!(short(value), text);
        }
        assert_eq!(
            (size(512), size(16384), size(1000), size(100_000)),
            ("512".into(), "16K".into(), "1000".into(), "100k".into())
        );
    }
}
