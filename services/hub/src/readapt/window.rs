//! Which part of the log is read again: by the time at which requests were recorded.

use crate::problem::Problem;
use jiff::{Timestamp, civil, tz::TimeZone};
use tributary_core::time::Micros;
use tributary_eventlog::{EventLog, ReadError};

/// From `since` on, before `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first moment.
    pub since: Micros,
    /// The first moment after it.
    pub until: Micros,
}

impl Window {
    /// The window between these two words; `until` is now where it is not said.
    ///
    /// # Errors
    /// 400 `bad_time` where a word is no time, 400 `empty_window` where nothing can lie between them.
    pub fn parse(since: &str, until: Option<&str>, now: Micros, time_zone: &str) -> Result<Self, Problem> {
        let zone = TimeZone::get(time_zone).unwrap_or(TimeZone::UTC);
        let time = |name: &str, text: &str| {
            moment(text.trim(), now, &zone).ok_or_else(|| {
                Problem::new(400, "bad_time", format!("`{name}` is no time")).remedy(
                    "write a length such as 30d, 12h or 45m, a day such as 2026-03-01, a time such as \
                     2026-03-01T10:00:00+08:00, or start",
                )
            })
        };
        let window = Self {
            since: time("since", since)?,
            until: until.map_or(Ok(now), |t| time("until", t))?.min(now),
        };
        if window.since >= window.until {
            return Err(Problem::new(400, "empty_window", "nothing lies between `since` and `until`")
                .remedy("`since` must be in the past, and before `until`"));
        }
        Ok(window)
    }

    /// Whether this moment lies in it.
    #[must_use]
    pub fn holds(&self, at: Micros) -> bool {
        self.since <= at && at < self.until
    }

    /// The first record that may lie in it.
    ///
    /// # Errors
    /// Where the log cannot be read.
    pub fn first(&self, log: &dyn EventLog) -> Result<u64, ReadError> {
        let (mut low, mut high) = (log.start(), log.end() + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            match log.get(middle)? {
                Some(record) if record.recorded_at < self.since.0 => low = middle + 1,
                _ => high = middle,
            }
        }
        Ok(low)
    }
}

fn moment(text: &str, now: Micros, zone: &TimeZone) -> Option<Micros> {
    if text == "start" {
        return Some(Micros(i64::MIN));
    }
    if let Some(micros) = length(text) {
        return now.0.checked_sub(micros).map(Micros);
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(Micros::from(at));
    }
    let day: civil::Date = text.parse().ok()?;
    Some(Micros::from(day.to_zoned(zone.clone()).ok()?.timestamp()))
}

/// Microseconds of `30d`, `12h`, `45m` or `10s`.
fn length(text: &str) -> Option<i64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "s" => 1_000_000,
        "m" => 60_000_000,
        "h" => 3_600_000_000,
        "d" => 86_400_000_000,
        _ => return None,
    };
    if !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    number.parse::<i64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::Window;
    use tributary_core::time::Micros;

    const NOW: Micros = Micros(1_772_330_400_000_000); // 2026-03-01T02:00:00Z

    #[test]
    fn times_are_lengths_days_and_moments() {
        let since = |text: &str| Window::parse(text, None, NOW, "Asia/Taipei").map(|w| NOW.0 - w.since.0);
        assert_eq!(since("90m"), Ok(5_400_000_000));
        assert_eq!(since("30d"), Ok(30 * 86_400_000_000));
        assert_eq!(since("2026-03-01"), Ok(10 * 3_600_000_000), "midnight in Taipei");
        assert_eq!(since("2026-03-01T01:00:00Z"), Ok(3_600_000_000));
        assert_eq!(since("2026-03-01T09:00:00+08:00"), Ok(3_600_000_000));
        assert!(Window::parse("start", None, NOW, "UTC").is_ok_and(|w| w.holds(Micros(0))));
    }

    #[test]
    fn what_is_no_time_is_refused_with_a_remedy() {
        let said = |since: &str, until: Option<&str>| {
            let problem = Window::parse(since, until, NOW, "UTC").expect_err(since);
            assert!(problem.remedy.is_some(), "{problem}");
            (problem.status, problem.code)
        };
        for bad in
            ["", "d", "-1d", "+1d", "3w", "yesterday", "2026-02-30", "99999999999999999999d", "日", "1日"]
        {
            assert_eq!(said(bad, None), (400, "bad_time"), "{bad}");
        }
        assert_eq!(said("1d", Some("x")), (400, "bad_time"));
        assert_eq!(said("1d", Some("2d")), (400, "empty_window"));
        assert_eq!(said("0s", None), (400, "empty_window"));
        assert_eq!(said("2027-01-01", None), (400, "empty_window"));
    }
}
