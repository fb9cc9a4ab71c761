//! The story's calendar: seconds since 1970, days of the shops' zone. No clock: the story always happens in the same half year.

use jiff::civil::{Date, date};

/// Midnight of the first day in the shops' zone.
pub const BEGIN: i64 = 1_740_758_400;
/// The shops' zone: eight hours east, without summer time.
pub const ZONE: i64 = 8 * 3600;
/// Seconds of a day.
pub const DAY: i64 = 86_400;
/// Days the story takes.
pub const DAYS: i64 = 180;

/// The calendar's day of a number from 0.
pub fn day(number: i64) -> Date {
    date(2025, 3, 1).saturating_add(jiff::Span::new().days(number))
}

/// Seconds since 1970 of a day's number and a time of day.
pub fn at(day: i64, seconds: i64) -> i64 {
    BEGIN + day * DAY + seconds
}

/// `2025-03-01T10:12:00+08:00`.
pub fn rfc3339(secs: i64) -> String {
    local(secs, "%Y-%m-%dT%H:%M:%S+08:00")
}

/// `Sat, 01 Mar 2025 10:12:00 +0800`.
pub fn rfc5322(secs: i64) -> String {
    local(secs, "%a, %d %b %Y %H:%M:%S +0800")
}

/// Date and time in the shops' zone.
pub fn local(secs: i64, format: &str) -> String {
    let shifted = jiff::Timestamp::from_second(secs + ZONE).unwrap_or_default();
    shifted.to_zoned(jiff::tz::TimeZone::UTC).strftime(format).to_string()
}
