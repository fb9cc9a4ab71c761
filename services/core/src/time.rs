//! Points in time as data. Nothing here reads a clock.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// Microseconds since 1970-01-01T00:00:00Z. JSON form: RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micros(pub i64);

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
