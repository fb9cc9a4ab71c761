//! Birth dates as people write them: every way in which a text may be meant.
//!
//! Absent on purpose: a calendar (the 31st of February is as good as any other typing error), names of months, years before
//! the Republic of China in its own count.

use crate::text;
use smallvec::SmallVec;

/// Years that a customer can be born in; anything else is a slip of the keyboard.
const YEARS: std::ops::RangeInclusive<u32> = 1880..=2100;
/// Years between our era and that of the Republic of China: 民國 1 is 1912.
pub(crate) const ROC_YEARS: u32 = 1911;
/// Latest year that the last two digits of a year of ours may stand for.
const SHORT_YEAR_MAX: u32 = 2030;
/// Years whose first of January forms are filled with by whoever has no date.
const FILLER_YEARS: [u32; 6] = [1900, 1911, 1912, 1970, 1980, 2000];
/// Digits of the longest number that is part of a date.
const DIGITS_MAX: usize = 8;

/// A day that a person living today may be born on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Date {
    /// Of our era.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
}

impl Date {
    /// Month and day, or the other way round where only that is a date.
    fn either(year: u32, month: u32, day: u32) -> Option<Self> {
        Self::new(year, month, day).or_else(|| Self::new(year, day, month))
    }

    /// `None` for what is no date, and for the dates that stand for none.
    fn new(year: u32, month: u32, day: u32) -> Option<Self> {
        let filler = FILLER_YEARS.contains(&year) && (month, day) == (1, 1);
        let possible = YEARS.contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
        if filler || !possible {
            return None;
        }
        let (month, day) = (u8::try_from(month).ok()?, u8::try_from(day).ok()?);
        Some(Self { year: u16::try_from(year).ok()?, month, day })
    }
}

/// One way to read a text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    /// What it says.
    pub date: Date,
    /// The text says too little for others to read it so: a year of ours in two digits, six digits without an era. All
    /// readings that are not guessed differ in the order of month and day only.
    pub guessed: bool,
}

/// All readings of a text; none if it is no date. A time of day after the date does not matter.
pub(crate) fn readings(raw: &str) -> SmallVec<[Reading; 1]> {
    let text = text::arabic(&text::clean(raw), &['年', '月', '日', '号']);
    let republic = text.contains("民国") || text.starts_with("roc");
    let sure = |dates: [Option<Date>; 2]| -> SmallVec<[Reading; 1]> {
        dates.into_iter().flatten().map(|date| Reading { date, guessed: false }).collect()
    };
    match numbers(&text).unwrap_or_default()[..] {
        [(n, 8)] => sure([Date::either(n / 10_000, n / 100 % 100, n % 100), None]),
        [(n, 7)] => sure([Date::either(n / 10_000 + ROC_YEARS, n / 100 % 100, n % 100), None]),
        [(n, 5 | 6)] => {
            let mut found = short_year(n / 10_000, n / 100 % 100, n % 100, republic);
            found.iter_mut().for_each(|reading| reading.guessed |= !republic);
            found
        }
        [(year, 4), (a, _), (b, _)] => sure([Date::either(year, a, b), None]),
        [(a, _), (b, _), (year, 4)] => {
            let swapped = Date::new(year, b, a).filter(|_| a != b);
            sure([Date::new(year, a, b), swapped])
        }
        [(year, 1..=3), (month, _), (day, 1..=2)] => short_year(year, month, day, republic),
        _ => SmallVec::new(),
    }
}

/// The numbers that a date is made of, at most three, and the digits of each; `None` if one of them is too long or of a time
/// of day, or if what follows is no time of day.
fn numbers(text: &str) -> Option<SmallVec<[(u32, usize); 3]>> {
    let is_digit = |c: char| c.is_ascii_digit();
    let mut out: SmallVec<[(u32, usize); 3]> = SmallVec::new();
    let mut rest = text;
    while out.len() < 3 {
        let (sign, after) = rest.split_at(rest.find(is_digit).unwrap_or(rest.len()));
        let digits = after.find(|c| !is_digit(c)).unwrap_or(after.len());
        if digits == 0 {
            return Some(out);
        }
        if digits > DIGITS_MAX || sign.contains(':') {
            return None;
        }
        rest = after;
        let (number, after) = rest.split_at(digits);
        out.push((number.parse().ok()?, digits));
        rest = after;
        if digits > 4 {
            break;
        }
    }
    let rest = rest.trim_start_matches(['日', '号']);
    let goes_on = rest.strip_prefix(['-', '/', '.']).is_some_and(|more| more.starts_with(is_digit));
    (!goes_on).then_some(out)
}

/// A year of at most three digits: of the Republic, or the last two of ours.
fn short_year(year: u32, month: u32, day: u32, republic: bool) -> SmallVec<[Reading; 1]> {
    let ours = [1900 + year, 2000 + year].into_iter().filter(|y| {
        let two_digits = year < 100 && *y <= SHORT_YEAR_MAX;
        two_digits && !republic
    });
    let guessed =
        ours.filter_map(|y| Date::either(y, month, day)).map(|date| Reading { date, guessed: true });
    let first = Date::either(year + ROC_YEARS, month, day).map(|date| Reading { date, guessed: false });
    first.into_iter().chain(guessed).collect()
}

#[cfg(test)]
mod tests {
    use super::readings;

    /// Readings in the order found, those guessed with a question mark.
    fn shown(raw: &str) -> String {
        let found = readings(raw);
        let each = found.iter().map(|r| {
            let (d, mark) = (r.date, if r.guessed { "?" } else { "" });
            format!("{}-{:02}-{:02}{mark}", d.year, d.month, d.day)
        });
        each.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_notation_is_read_in_all_ways_it_may_be_meant() {
        for (raw, want) in [
            ("1981-04-11", "1981-04-11"),
            ("1981/4/11", "1981-04-11"),
            ("1981 04 11", "1981-04-11"),
            ("19810411", "1981-04-11"),
            ("１９８１年４月１１日", "1981-04-11"),
            ("1981-25-12", "1981-12-25"),
            ("11/04/1981", "1981-11-04 1981-04-11"),
            ("11.11.1981", "1981-11-11"),
            ("25/12/1981", "1981-12-25"),
            ("19812512", "1981-12-25"),
            ("70/25/12", "1981-12-25 1970-12-25?"),
            ("0700411", "1981-04-11"),
            ("1010305", "2012-03-05"),
            ("民國70年4月11日", "1981-04-11"),
            ("民國 70 年 4 月 11 日", "1981-04-11"),
            ("民國七十年四月十一日", "1981-04-11"),
            ("民國700411", "1981-04-11"),
            ("ROC 70.04.11", "1981-04-11"),
            ("70/4/11", "1981-04-11 1970-04-11?"),
            ("101/3/5", "2012-03-05"),
            ("5/3/9", "1916-03-09 1905-03-09? 2005-03-09?"),
            ("700411", "1981-04-11? 1970-04-11?"),
            ("11/04/81", ""),
        ] {
            assert_eq!(shown(raw), want, "{raw}");
        }
    }

    #[test]
    fn a_time_of_day_after_it_does_not_matter() {
        for date in ["1981-04-11", "11.4.1981", "19810411", "0700411", "70/4/11", "民國70年4月11日"] {
            for time in ["T00:00:00Z", " 00:00", "T10:12:00.123456789+08:00", "　下午3時", "Z", "+08:00", "."]
            {
                assert_eq!(shown(&format!("{date}{time}")), shown(date), "{date}{time}");
            }
            for more in ["-05", "/1", ".7"] {
                assert_eq!(shown(&format!("{date}{more}")), "", "{date}{more}");
            }
        }
    }

    #[test]
    fn what_is_no_birth_date_has_no_reading() {
        let fillers =
            ["1900-01-01", "1911/1/1", "0010101", "1970-01-01", "01/01/1980", "民國元年1月1日", "20000101"];
        let nonsense =
            ["", "unknown", "n/a", "1981", "0000-00-00", "1981-13-32", "9999-99-99", "99999999999999999999"];
        let numbers = [
            "0912345678",
            "2345 6789",
            "10.1.2.3",
            "1981-999999999-1",
            "1981 10:12",
            "---",
            "1879-12-31",
            "2101-1-1",
        ];
        for raw in fillers.iter().chain(&nonsense).chain(&numbers) {
            assert_eq!(shown(raw), "", "{raw}");
        }
    }
}
