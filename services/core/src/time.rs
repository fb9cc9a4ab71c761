//! Points in time as data. Nothing here reads a clock.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// Microseconds since 1970-01-01T00:00:00Z. JSON form: RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micros(pub i64);

/// A calendar day at a fixed distance from UTC: days since 1970-01-01. JSON form: the date.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i32);

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;
/// Microseconds of a minute.
const MINUTE: i64 = 60_000_000;

impl Day {
    /// The day of a point in time where days begin so many minutes before those of UTC.
    #[must_use]
    pub fn of(at: Micros, offset_minutes: i32) -> Self {
        let local = at.0.saturating_add(i64::from(offset_minutes) * MINUTE);
        let days = local.div_euclid(DAY);
        Self(i32::try_from(days).unwrap_or(if days < 0 { i32::MIN } else { i32::MAX }))
    }

    /// When it begins.
    #[must_use]
    pub fn start(self, offset_minutes: i32) -> Micros {
        Micros(i64::from(self.0) * DAY - i64::from(offset_minutes) * MINUTE)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = jiff::Span::new().try_days(self.0);
        match since.and_then(|span| jiff::civil::Date::constant(1970, 1, 1).checked_add(span)) {
            Ok(date) => write!(f, "{date}"),
            Err(_) => write!(f, "day {}", self.0),
        }
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The earliest and latest instants that RFC 3339 can write with four-digit years.
const RANGE: std::ops::RangeInclusive<i64> = -62_135_596_800_000_000..=253_402_207_200_000_000;

impl Micros {
    /// From whole seconds; values outside the years 1 to 9999 are clamped.
    #[must_use]
    pub fn from_secs(secs: i64) -> Self {
        Self::clamped(secs.saturating_mul(1_000_000))
    }

    /// From milliseconds; values outside the years 1 to 9999 are clamped.
    #[must_use]
    pub fn from_millis(millis: i64) -> Self {
        Self::clamped(millis.saturating_mul(1_000))
    }

    /// From microseconds; values outside the years 1 to 9999 are clamped.
    #[must_use]
    pub fn clamped(micros: i64) -> Self {
        Self(micros.clamp(*RANGE.start(), *RANGE.end()))
    }

    /// From RFC 3339 text with an offset, such as `2026-03-01T10:12:00+08:00`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let timestamp: jiff::Timestamp = text.parse().ok()?;
        Some(Self::clamped(timestamp.as_microsecond()))
    }
}

impl From<jiff::Timestamp> for Micros {
    fn from(value: jiff::Timestamp) -> Self {
        Self::clamped(value.as_microsecond())
    }
}

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(timestamp) => write!(f, "{timestamp}"),
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

impl Serialize for Micros {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Micros {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("not an RFC 3339 time with an offset"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Day, Micros};

    #[test]
    fn days_begin_where_the_offset_says() {
        let at = |text: &str| Micros::parse(text).expect("a time");
        for (text, offset, date) in [
            ("2026-03-01T00:00:00Z", 0, "2026-03-01"),
            ("2026-02-28T23:59:59.999999Z", 0, "2026-02-28"),
            ("2026-03-01T15:59:59Z", 480, "2026-03-01"),
            ("2026-03-01T16:00:00Z", 480, "2026-03-02"),
            ("2026-03-01T02:59:59Z", -180, "2026-02-28"),
            ("1969-12-31T23:00:00Z", 0, "1969-12-31"),
            ("0001-01-01T00:00:00Z", 0, "0001-01-01"),
        ] {
            let day = Day::of(at(text), offset);
            assert_eq!(day.to_string(), date, "{text}");
            assert!(day.start(offset) <= at(text) && at(text) < Day(day.0 + 1).start(offset), "{text}");
            assert_eq!(Day::of(day.start(offset), offset), day);
        }
        assert_eq!(serde_json::to_string(&Day(20_513)).expect("JSON"), "\"2026-03-01\"");
    }
}
