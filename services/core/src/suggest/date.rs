//! How alike two birth dates are.
//!
//! A text may be read in several ways (03/04/1990; six digits may be of our era or of the Republic's): all readings are
//! kept, and two records agree as well as their best pair of readings does.

use super::{Level, distance::edits};
use crate::birth_date::{Date, ROC_YEARS, readings};
use smallvec::SmallVec;

impl Date {
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
    let mut found: SmallVec<[Date; 1]> = readings(raw).iter().map(|reading| reading.date).collect();
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::{Level, read};
    use crate::birth_date::Date;

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
