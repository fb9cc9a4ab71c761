//! Birth dates as people write them, and how alike two are.
//!
//! A text may be read in several ways (03/04/1990; six digits may be of our era or of the Republic's): all readings are
//! kept, and two records agree as well as their best pair of readings does.

use super::{Level, distance::edits, text};
use smallvec::SmallVec;

/// Years between our era and that of the Republic of China: 民國 1 is 1912.
const ROC_YEARS: u32 = 1911;
/// Readings of one text at most.
const READINGS_MAX: usize = 4;

/// A day of a year. No calendar: the 31st of February is as good as any other typing error.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Date {
    pub year: u16,
    pub month: u8,
    pub day: u8,
}

impl Date {
    /// A date that a person living today may have; defaults of forms are none.
    fn new(year: u32, month: u32, day: u32) -> Option<Self> {
        let filled_in = matches!((year, month, day), (1900 | 1911 | 1912 | 1970 | 2000, 1, 1));
        if filled_in || !(1880..=2100).contains(&year) {
            return None;
        }
        let (month, day) = (u8::try_from(month).ok()?, u8::try_from(day).ok()?);
        let valid = (1..=12).contains(&month) && (1..=31).contains(&day);
        valid.then_some(Self { year: u16::try_from(year).ok()?, month, day })
    }

    fn digits(self) -> [u8; 8] {
        let number = u32::from(self.year) * 10_000 + u32::from(self.month) * 100 + u32::from(self.day);
        let mut out = [0; 8];
        let mut rest = number;
        for digit in out.iter_mut().rev() {
            *digit = (rest % 10) as u8;
            rest /= 10;
        }
        out
    }

    /// Same; close: one typing error, day and month swapped, the era mistaken; partly: two of year, month and day.
    pub fn likeness(self, other: Self) -> Level {
        if self == other {
            return Level::Same;
        }
        let swapped = (self.month, self.day) == (other.day, other.month);
        let years = self.year.abs_diff(other.year);
        let day = (self.month, self.day) == (other.month, other.day);
        let era = day && u32::from(years) == ROC_YEARS % 100;
        if (swapped && years == 0) || era || edits(&self.digits(), &other.digits(), 1).is_some() {
            return Level::Close;
        }
        let parts = [years == 0, self.month == other.month, self.day == other.day];
        if parts.iter().filter(|same| **same).count() == 2 { Level::Partly } else { Level::Different }
    }
}

/// All readings of a text, sorted; none if it is no date.
pub(super) fn read(raw: &str) -> SmallVec<[Date; 1]> {
    let text = text::arabic(&text::clean(raw), &['年', '月', '日', '号']);
    let republic = text.contains("民国") || text.starts_with("roc");
    let mut parts: SmallVec<[(u32, usize); 4]> = SmallVec::new();
    for part in text.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty()) {
        let Ok(number) = part.parse() else { return SmallVec::new() };
        parts.push((number, part.len()));
    }
    let mut found: SmallVec<[Date; 1]> = match parts[..] {
        [(n, 8)] => [Date::new(n / 10_000, n / 100 % 100, n % 100)].into_iter().flatten().collect(),
        [(n, digits @ 5..=7)] => compact(n, digits, republic),
        [(year, 4), (month, _), (day, _), ..] => {
            [Date::new(year, month, day), Date::new(year, day, month)].into_iter().flatten().take(1).collect()
        }
        [(a, 1..=2), (b, 1..=2), (year, 4)] => {
            [Date::new(year, a, b), Date::new(year, b, a)].into_iter().flatten().collect()
        }
        [(year, 1..=3), (month, 1..=2), (day, 1..=2)] => short_year(year, month, day, republic),
        _ => SmallVec::new(),
    };
    found.sort();
    found.dedup();
    found.truncate(READINGS_MAX);
    found
}

/// Digits without signs between them: 0700411, 700411.
fn compact(n: u32, digits: usize, republic: bool) -> SmallVec<[Date; 1]> {
    let (year, month, day) = (n / 10_000, n / 100 % 100, n % 100);
    if digits == 7 {
        return Date::new(year + ROC_YEARS, month, day).into_iter().collect();
    }
    short_year(year, month, day, republic)
}

/// A year of at most three digits: of the Republic, or the last two of ours.
fn short_year(year: u32, month: u32, day: u32, republic: bool) -> SmallVec<[Date; 1]> {
    let ours = [1900 + year, 2000 + year].into_iter().filter(|y| !republic && year < 100 && *y <= 2030);
    let ours = ours.filter_map(|y| Date::new(y, month, day));
    Date::new(year + ROC_YEARS, month, day).into_iter().chain(ours).collect()
}

#[cfg(test)]
mod tests {
    use super::{Date, Level, read};

    fn shown(raw: &str) -> String {
        let dates = read(raw);
        let each = dates.iter().map(|d| format!("{}-{:02}-{:02}", d.year, d.month, d.day));
        each.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn dates_are_read_in_every_way_they_may_be_meant() {
        for (raw, want) in [
            ("1981-04-11", "1981-04-11"),
            ("1981/4/11", "1981-04-11"),
            ("19810411", "1981-04-11"),
            ("１９８１年４月１１日", "1981-04-11"),
            ("0700411", "1981-04-11"),
            ("民國70年4月11日", "1981-04-11"),
            ("民國七十年四月十一日", "1981-04-11"),
            ("民國 70.04.11", "1981-04-11"),
            ("1010305", "2012-03-05"),
            ("700411", "1970-04-11 1981-04-11"),
            ("70/4/11", "1970-04-11 1981-04-11"),
            ("11/04/1981", "1981-04-11 1981-11-04"),
            ("25/12/1981", "1981-12-25"),
            ("1981-25-12", "1981-12-25"),
            ("1981-04-11T00:00:00Z", "1981-04-11"),
            ("1900-01-01", ""),
            ("0000-00-00", ""),
            ("99999999999999999999", ""),
            ("1981", ""),
            ("", ""),
            ("unknown", ""),
        ] {
            assert_eq!(shown(raw), want, "{raw}");
        }
    }

    #[test]
    fn dates_are_alike_by_how_people_err() {
        let date = |text: &str| -> Date { read(text)[0] };
        for (a, b, want) in [
            ("1981-04-11", "1981-04-11", Level::Same),
            ("1981-04-11", "1981-11-04", Level::Close),
            ("1981-04-11", "1981-04-12", Level::Close),
            ("1981-04-11", "1918-04-11", Level::Close),
            ("1981-04-11", "1992-04-11", Level::Close),
            ("1981-04-11", "1981-04-25", Level::Partly),
            ("1981-04-11", "1956-04-11", Level::Partly),
            ("1981-04-11", "1956-12-11", Level::Different),
        ] {
            assert_eq!(date(a).likeness(date(b)), want, "{a} {b}");
            assert_eq!(date(b).likeness(date(a)), want, "{b} {a}");
        }
    }
}
