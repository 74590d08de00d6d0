//! `--rtc`: the time at which virtual time begins.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds that 64 bits of nanoseconds have room for: up to the year 2554.
const SECONDS_MAX: u64 = u64::MAX / 1_000_000_000;
const DAY: u64 = 86_400;

/// A clock that was asked for, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtcArg(
    /// Seconds since 1970.
    pub Option<u64>,
);

impl RtcArg {
    /// Reads `none`, `host`, a number of seconds since 1970, or a date with or without a time of day, in UTC:
    /// `2026-01-31`, `2026-01-31T12:30:00`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let seconds = match text {
            "none" => return Ok(Self(None)),
            "host" => SystemTime::now().duration_since(UNIX_EPOCH).map(|passed| passed.as_secs()).unwrap_or(0),
            _ if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse().map_err(|_| too_late())?
            }
            _ => date(text).ok_or_else(|| {
                format!(
                    "`{text}` is none of none, host, SECONDS, YYYY-MM-DD, YYYY-MM-DDThh:mm:ss (from 1970 on, in UTC)"
                )
            })?,
        };
        if seconds > SECONDS_MAX { Err(too_late()) } else { Ok(Self(Some(seconds))) }
    }
}

fn too_late() -> String {
    format!("the clock has no time after {SECONDS_MAX} seconds since 1970")
}

/// Seconds from 1970 to a date and time.
fn date(text: &str) -> Option<u64> {
    let (day, time) = text.split_once('T').unwrap_or((text, "00:00:00"));
    let [year, month, day] = numbers(day, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let valid = year >= 1970
        && (1..=12).contains(&month)
        && (1..=days_of_month(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    let years: u64 = (1970..year).map(|year| if is_leap(year) { 366 } else { 365 }).sum();
    let months: u64 = (1..month).map(|month| days_of_month(year, month)).sum();
    valid.then(|| (years + months + day - 1) * DAY + hour * 3600 + minute * 60 + second)
}

/// Numbers of so many digits each, with a character between them.
fn numbers(text: &str, between: char, digits: [usize; 3]) -> Option<[u64; 3]> {
    let parts: Vec<&str> = text.split(between).collect();
    let parts: [&str; 3] = parts.try_into().ok()?;
    let fits = |(part, digits): (&&str, usize)| part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
    if !parts.iter().zip(digits).all(fits) {
        return None;
    }
    let mut numbers = [0; 3];
    for (number, part) in numbers.iter_mut().zip(parts) {
        *number = part.parse().ok()?;
    }
    Some(numbers)
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_of_month(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        for (text, seconds) in [
            ("0", 0),
            ("1767225600", 1_767_225_600),
            ("1970-01-01", 0),
            ("2026-01-01", 1_767_225_600),
            ("2000-02-29T23:59:59", 951_868_799),
            ("2100-03-01", 4_107_542_400),
            ("2038-01-19T03:14:08", 1 << 31),
        ] {
            assert_eq!(RtcArg::parse(text), Ok(RtcArg(Some(seconds))), "{text}");
        }
        assert_eq!(RtcArg::parse("none"), Ok(RtcArg(None)));
        assert!(RtcArg::parse("host").unwrap().0.unwrap() > 1_600_000_000);
    }

    #[test]
    fn what_is_no_time_is_refused() {
        let bad = ["", "now", "-1", "2026-1-1", "2026-02-30", "2100-02-29", "1969-12-31", "2026-01-01T24:00:00"];
        for text in bad.into_iter().chain(["2026-01-01 12:00:00", "2026-01-01T12:00", "2026-13-01", "+5"]) {
            assert!(RtcArg::parse(text).unwrap_err().contains("is none of"), "{text}");
        }
        for text in ["18446744074", "99999999999999999999", "2600-01-01"] {
            assert!(RtcArg::parse(text).unwrap_err().contains("no time after"), "{text}");
        }
    }
}
