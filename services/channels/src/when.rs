//! Dates and times of day as tills write them, in the shop's zone. Day-before-month and month-before-day look alike, so
//! neither is guessed: both need an entry in `date_format`.
//!
//! A shop that closes after midnight has a business day of its own: what is sold before `day_starts` belongs to the day
//! before. Files say the calendar's day or the business day (`date_is`); both give the same instant and the same day.

use crate::settings::{Settings, SettingsError};
use jiff::{
    Span,
    civil::{Date, Time},
    fmt::strtime::BrokenDownTime,
    tz::TimeZone,
};
use tributary_core::time::Micros;

/// Year 1 of the Republic of China calendar is 1912.
const ROC_OFFSET: i16 = 1911;
/// Longest text that is looked at: no date is longer.
const TEXT_MAX: usize = 64;

/// One way to write a date.
#[derive(Clone, Debug)]
enum Format {
    /// `115/03/01`, `1150301`, `民國115年3月1日`.
    Roc,
    /// Seconds since 1970.
    Unix,
    /// Milliseconds since 1970.
    UnixMillis,
    /// A strptime pattern.
    Pattern(String),
}

/// A point in time with the shop's day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct When {
    /// The instant.
    pub at: Micros,
    /// The local business day.
    pub date: Date,
}

/// When a shop's day begins, and which day its files name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Day {
    /// What is sold before this time belongs to the day before; midnight: days are the calendar's.
    pub starts: Time,
    /// Dates in files are business days, not the calendar's.
    pub is_business: bool,
}

impl Day {
    /// A day that begins at `HH:MM`, before noon.
    #[must_use]
    pub fn new(starts: &str, is_business: bool) -> Option<Self> {
        let starts = time_of_day(starts, 24)?.filter(|c| c.days == 0 && c.time.hour() < 12)?.time;
        Some(Self { starts, is_business })
    }

    /// The first hour that no clock of this day shows: `25:30` is half past one of the day after.
    fn hours(self) -> i16 {
        24 + i16::from(self.starts.hour()) + i16::from(self.starts.minute() > 0)
    }
}

/// A time as a clock shows it.
#[derive(Clone, Copy, Debug)]
struct Clocked {
    time: Time,
    /// Days after the one that is written.
    days: i64,
}

/// Reads dates in a zone.
#[derive(Debug)]
pub struct Clock {
    zone: TimeZone,
    formats: Vec<Format>,
    day: Day,
}

impl Clock {
    /// A clock of this IANA zone; without formats `2026-03-01`, `2026/3/1`, `20260301` and RFC 3339 are read.
    #[must_use]
    pub fn new(zone: &str, formats: &[String], day: Day) -> Option<Self> {
        let zone = TimeZone::get(zone).ok()?;
        let format = |text: &String| match text.as_str() {
            "roc" => Format::Roc,
            "unix" => Format::Unix,
            "unix_ms" => Format::UnixMillis,
            pattern => Format::Pattern(pattern.to_owned()),
        };
        Some(Self { zone, formats: formats.iter().map(format).collect(), day })
    }

    /// The instant of a date and a time of day; either may hold both, a date alone is its midnight.
    #[must_use]
    pub fn read(&self, date: &str, time: &str) -> Option<When> {
        let text = match (date.trim(), time.trim()) {
            ("", time) => time.to_owned(),
            (date, "") => date.to_owned(),
            (date, time) => format!("{date} {time}"),
        };
        if text.len() > TEXT_MAX {
            return None;
        }
        // Only spreadsheets' own dates are written so here; what they say is never in doubt.
        if self.formats.is_empty() || text.as_bytes().get(10) == Some(&b'T') && text.get(4..5) == Some("-") {
            return self.iso(&text);
        }
        self.formats.iter().find_map(|format| match format {
            Format::Roc => {
                let (date, rest) = roc_date(&text)?;
                self.local(date, self.clocked(rest)?)
            }
            Format::Unix => self.instant(jiff::Timestamp::from_second(text.parse().ok()?).ok()?),
            Format::UnixMillis => self.instant(jiff::Timestamp::from_millisecond(text.parse().ok()?).ok()?),
            Format::Pattern(pattern) => self.pattern(pattern, &text),
        })
    }

    fn pattern(&self, pattern: &str, text: &str) -> Option<When> {
        let (parts, used) = BrokenDownTime::parse_prefix(pattern, text).ok()?;
        if parts.offset().is_some() {
            return self.instant(parts.to_timestamp().ok()?);
        }
        let rest = text.get(used..)?.trim();
        let time = match (rest, parts.hour()) {
            (_, None) => self.clocked(rest)?,
            ("", Some(_)) => Some(Clocked { time: parts.to_time().ok()?, days: 0 }),
            _ => return None,
        };
        self.local(parts.to_date().ok()?, time)
    }

    fn iso(&self, text: &str) -> Option<When> {
        let offset = |b: u8| matches!(b, b'+' | b'-' | b'Z' | b'z');
        if text.bytes().skip("2026-03-01".len()).any(offset) {
            return self.instant(text.parse().ok()?);
        }
        let (year, rest) = number(text, 4)?;
        let (date, rest) = month_and_day(year, rest, ["-", "/", "."])?;
        self.local(date, self.clocked(rest.strip_prefix('T').unwrap_or(rest))?)
    }

    fn clocked(&self, text: &str) -> Option<Option<Clocked>> {
        time_of_day(text, self.day.hours())
    }

    /// The instant of a written day and time. A day alone is its beginning on the calendar.
    fn local(&self, written: Date, clocked: Option<Clocked>) -> Option<When> {
        let Some(Clocked { time, days }) = clocked else {
            let at = self.zone.to_timestamp(written.to_datetime(Time::midnight())).ok()?;
            return Some(When { at: at.into(), date: written });
        };
        let early = days == 0 && time < self.day.starts;
        let days = if early && self.day.is_business { 1 } else { days };
        let calendar = written.checked_add(Span::new().days(days)).ok()?;
        let date = if early && !self.day.is_business { written.yesterday().ok()? } else { written };
        Some(When { at: self.zone.to_timestamp(calendar.to_datetime(time)).ok()?.into(), date })
    }

    fn instant(&self, at: jiff::Timestamp) -> Option<When> {
        let local = self.zone.to_datetime(at);
        let date = if local.time() < self.day.starts { local.date().yesterday().ok()? } else { local.date() };
        Some(When { at: at.into(), date })
    }
}

/// The clock of a channel: `time_zone`, `date_format`, `day_starts`, `date_is`.
///
/// # Errors
/// [`SettingsError`] naming the one that is wrong.
pub fn read(settings: &mut Settings) -> Result<Clock, SettingsError> {
    let zone = settings.text("time_zone")?.unwrap_or_else(|| settings.time_zone.clone());
    let formats = settings.texts("date_format")?;
    let is_business = match settings.text("date_is")?.as_deref() {
        None => None,
        Some("calendar") => Some(false),
        Some("business") => Some(true),
        Some(_) => {
            return Err(SettingsError::new("date_is", "must be \"calendar\" or \"business\""));
        }
    };
    let day = match (settings.text("day_starts")?, is_business) {
        (Some(starts), is_business) => Day::new(&starts, is_business.unwrap_or(false)).ok_or_else(|| {
            SettingsError::new("day_starts", "must be a time of the morning, such as \"05:00\"")
        })?,
        (None, Some(true)) => {
            let problem = "needs `day_starts`: until when the night belongs to the day before";
            return Err(SettingsError::new("date_is", problem));
        }
        (None, _) => Day::default(),
    };
    Clock::new(&zone, &formats, day)
        .ok_or_else(|| SettingsError::new("time_zone", "must be an IANA time zone, such as \"Asia/Taipei\""))
}

/// At most `digits` digits from the front, and the rest.
fn number(text: &str, digits: usize) -> Option<(i16, &str)> {
    let end = text.bytes().take(digits).take_while(u8::is_ascii_digit).count();
    let (front, rest) = text.split_at_checked(end)?;
    Some((front.parse().ok()?, rest))
}

/// `-03-01` or `0301`, and the rest.
fn month_and_day<'a>(year: i16, text: &'a str, separators: [&str; 3]) -> Option<(Date, &'a str)> {
    let separator = separators.into_iter().find(|s| text.starts_with(s)).unwrap_or_default();
    let (month, rest) = number(text.strip_prefix(separator)?, 2)?;
    let (day, rest) = number(rest.strip_prefix(separator)?, 2)?;
    let date = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    Some((date, rest))
}

fn roc_date(text: &str) -> Option<(Date, &str)> {
    let text = text.trim_start_matches(['民', '國', '国', ' ']);
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    // `1150301` and `990301` have no separators: the last four digits are month and day.
    let (year, rest) = match digits {
        6 | 7 => number(text, digits - 4)?,
        1..=3 => number(text, digits)?,
        _ => return None,
    };
    let year = year.checked_add(ROC_OFFSET).filter(|_| year > 0)?;
    let rest = rest.trim_start();
    let Some(after_year) = rest.strip_prefix('年') else {
        return month_and_day(year, rest, ["/", "-", "."]);
    };
    let (month, rest) = number(after_year.trim_start(), 2)?;
    let (day, rest) = number(rest.trim_start().strip_prefix('月')?.trim_start(), 2)?;
    let date = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    Some((date, rest.trim_start().strip_prefix('日')?))
}

/// `08:26`, `8:26:05.250`, `0826`, `082605`, `下午 3:05`, `3:05 PM`, and `25:30` where a day has more than 25 `hours`;
/// an empty text is no time, anything else no text of a time.
fn time_of_day(text: &str, hours: i16) -> Option<Option<Clocked>> {
    let text = text.trim();
    if text.is_empty() {
        return Some(None);
    }
    let marks = [("上午", 0), ("下午", 12), ("AM", 0), ("PM", 12), ("am", 0), ("pm", 12)];
    let half = marks.iter().find_map(|(mark, add)| {
        let rest = text.strip_prefix(mark).or_else(|| text.strip_suffix(mark))?;
        Some((rest.trim(), *add))
    });
    let clock = half.map_or(text, |(rest, _)| rest);
    let (hour, rest) = number(clock, 2)?;
    let colon = if rest.starts_with(':') { ":" } else { "" };
    let (minute, rest) = number(rest.strip_prefix(colon)?, 2)?;
    let (second, rest) = if rest.is_empty() { (0, rest) } else { number(rest.strip_prefix(colon)?, 2)? };
    let fraction = match rest.strip_prefix('.') {
        Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
            format!("{digits:0<9.9}").parse().ok()?
        }
        Some(_) => return None,
        None if rest.is_empty() => 0,
        None => return None,
    };
    let hour = match half {
        Some((_, _)) if !(1..=12).contains(&hour) => return None,
        Some((_, add)) => hour % 12 + add,
        None => hour,
    };
    if hour >= hours {
        return None;
    }
    let (hour, days) = (i8::try_from(hour % 24).ok()?, i64::from(hour / 24));
    let time = Time::new(hour, i8::try_from(minute).ok()?, i8::try_from(second).ok()?, fraction).ok()?;
    Some(Some(Clocked { time, days }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(formats: &[&str], date: &str, time: &str) -> Option<String> {
        let formats: Vec<String> = formats.iter().map(|f| (*f).to_owned()).collect();
        Some(Clock::new("Asia/Taipei", &formats, Day::default())?.read(date, time)?.at.to_string())
    }

    #[test]
    fn dates_are_read_in_the_shops_zone() {
        let want = Some("2026-03-01T02:12:00Z");
        for (formats, date, time) in [
            (&[][..], "2026-03-01", "10:12"),
            (&[], "2026/3/1", "10:12:00"),
            (&[], "20260301", "101200"),
            (&[], "2026-03-01T10:12:00", ""),
            (&[], "", "2026-03-01T10:12:00+08:00"),
            (&[], "2026-03-01 02:12:00Z", ""),
            (&["roc"], "115/03/01", "上午10:12"),
            (&["roc"], "1150301", "1012"),
            (&["roc"], "民國115年3月1日 10:12:00.000", ""),
            (&["roc"], "民國 115 年 03 月 01 日", "10:12 AM"),
            (&["%d.%m.%Y", "roc"], "115-3-1", "10:12"),
            (&["%d.%m.%Y"], "01.03.2026", "10:12"),
            (&["%d/%m/%Y %H:%M"], "01/03/2026", "10:12"),
            (&["%Y-%m-%dT%H:%M:%S%z"], "2026-03-01T02:12:00+0000", ""),
            (&["unix"], "1772331120", ""),
            (&["unix_ms"], "1772331120000", ""),
        ] {
            assert_eq!(read(formats, date, time).as_deref(), want, "{formats:?} {date} {time}");
        }
        assert_eq!(read(&["roc"], "990301", "").as_deref(), Some("2010-02-28T16:00:00Z"));
        assert_eq!(read(&[], "2026-03-01", "下午12:05").as_deref(), Some("2026-03-01T04:05:00Z"));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for (formats, date, time) in [
            (&[][..], "", ""),
            (&[], "01/03/2026", ""),
            (&[], "2026-02-30", ""),
            (&[], "2026-03-01", "25:00"),
            (&[], "2026-03-01", "13:00 PM"),
            (&[], "2026-03-01x", ""),
            (&["roc"], "2026-03-01", ""),
            (&["roc"], "民國前1年1月1日", ""),
            (&["%Y-%m-%d %H:%M"], "2026-03-01 10:12 x", ""),
            (&["unix"], "99999999999999999999", ""),
        ] {
            assert_eq!(read(formats, date, time), None, "{formats:?} {date} {time}");
        }
        assert!(Clock::new("Mars/Olympus", &[], Day::default()).is_none());
    }

    #[test]
    fn a_day_may_end_after_midnight() {
        let read = |is_business, date: &str, time: &str| {
            let day = Day::new("05:30", is_business)?;
            let when = Clock::new("Asia/Taipei", &[], day)?.read(date, time)?;
            Some((when.at.to_string(), when.date.to_string()))
        };
        let night = Some(("2026-03-01T17:30:00Z".to_owned(), "2026-03-01".to_owned()));
        assert_eq!(read(false, "2026-03-02", "01:30"), night, "the calendar's day");
        assert_eq!(read(true, "2026-03-01", "01:30"), night, "the business day");
        assert_eq!(read(true, "2026-03-01", "25:30"), night, "hours that go on");
        assert_eq!(read(false, "2026-03-01", "25:30"), night);
        assert_eq!(read(false, "", "2026-03-01T17:30:00Z"), night, "an instant needs no day");
        for business in [false, true] {
            let noon = ("2026-03-01T04:00:00Z".to_owned(), "2026-03-01".to_owned());
            assert_eq!(read(business, "2026-03-01", "12:00"), Some(noon));
            let day = ("2026-02-28T16:00:00Z".to_owned(), "2026-03-01".to_owned());
            assert_eq!(
                read(business, "2026-03-01", ""),
                Some(day),
                "a day alone is no time before its start"
            );
            assert_eq!(read(business, "2026-03-01", "30:00"), None);
        }
        for text in ["13:00", "25:00", "x", ""] {
            assert_eq!(Day::new(text, true), None, "{text}");
        }
    }

    #[test]
    fn a_spreadsheets_own_dates_need_no_format() {
        for (date, time) in
            [("2026-03-01T10:12:00", ""), ("2026-03-01T", "10:12"), ("2026-03-01T", "上午10:12")]
        {
            assert_eq!(read(&["roc"], date, time).as_deref(), Some("2026-03-01T02:12:00Z"), "{date} {time}");
        }
    }
}
