//! Birth dates as the resolver compares them: a short hash that says whether two dates can be one person's, and no date.

use sha2::{Digest, Sha256};

/// Years that a customer can be born in; anything else is a slip of the keyboard.
const YEARS: std::ops::RangeInclusive<u32> = 1880..=2100;
/// First year of the calendar of Taiwan, less one.
const ROC_OFFSET: u32 = 1911;
/// Dates that forms are filled with by whoever has none: (year, smaller, larger of month and day).
const FILLERS: [(u32, u32, u32); 6] =
    [(1900, 1, 1), (1911, 1, 1), (1912, 1, 1), (1970, 1, 1), (1980, 1, 1), (2000, 1, 1)];

/// A birth date in comparable form: 16 bits of a hash. Equal for dates that differ in the order of month and day only. Of
/// about 40,000 dates that people have, some share one, so it does not say which it is; that two people's differ is all that
/// is asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Born(pub(crate) u16);

impl Born {
    /// Of a date as people write it: `1981-04-11`, `1981/4/11`, `19810411`, `11.04.1981`, in years of the Republic `0700411`,
    /// `70/4/11`, `民國70年4月11日`. `None` for what is no date, and for dates that stand for none.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let (year, a, b) = parts(text)?;
        let (small, large) = (a.min(b), a.max(b));
        let possible = YEARS.contains(&year) && (1..=12).contains(&small) && (1..=31).contains(&large);
        if !possible || FILLERS.contains(&(year, small, large)) {
            return None;
        }
        let mut hasher = Sha256::new();
        hasher.update(b"birth date");
        [year, small, large].iter().for_each(|n| hasher.update(n.to_be_bytes()));
        let hash = hasher.finalize();
        Some(Self(u16::from_be_bytes([hash[0], hash[1]])))
    }
}

/// Year, and month and day in the order of the text.
fn parts(text: &str) -> Option<(u32, u32, u32)> {
    let ascii = |c: char| match c {
        '０'..='９' => char::from_u32(c as u32 - '０' as u32 + '0' as u32).unwrap_or(c),
        _ => c,
    };
    // A time of day after the date does not matter.
    let text: String = text.trim().chars().take(64).map(ascii).collect();
    let date = text.split(['T', ' ']).next().unwrap_or_default();
    let numbers: Vec<&str> = date.split(|c: char| !c.is_ascii_digit()).filter(|p| !p.is_empty()).collect();
    let number = |digits: &str| digits.parse::<u32>().ok();
    match numbers.as_slice() {
        [one] if one.len() == 8 => Some((number(&one[..4])?, number(&one[4..6])?, number(&one[6..])?)),
        [one] if one.len() == 7 => {
            Some((number(&one[..3])? + ROC_OFFSET, number(&one[3..5])?, number(&one[5..])?))
        }
        [year, a, b] if year.len() == 4 => Some((number(year)?, number(a)?, number(b)?)),
        [a, b, year] if year.len() == 4 => Some((number(year)?, number(a)?, number(b)?)),
        [year, a, b] if year.len() <= 3 && b.len() <= 2 => {
            Some((number(year)? + ROC_OFFSET, number(a)?, number(b)?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Born;

    #[test]
    fn one_date_is_one_however_it_is_written() {
        let date = Born::of("1981-04-11");
        assert!(date.is_some());
        for text in [
            "1981/4/11",
            "19810411",
            "0700411",
            "70/4/11",
            "民國70年4月11日",
            "11.04.1981",
            "1981-11-04",
            "１９８１－０４－１１",
            "1981-04-11T00:00:00Z",
        ] {
            assert_eq!(Born::of(text), date, "{text}");
        }
        assert_ne!(Born::of("1981-04-12"), date);
        assert_ne!(Born::of("1982-04-11"), date);
    }

    #[test]
    fn what_is_no_birth_date_gives_none() {
        for text in ["", "1900-01-01", "1970-01-01", "0000-00-00", "1981", "1981-13-32", "9999-99-99", "n/a"]
        {
            assert_eq!(Born::of(text), None, "{text}");
        }
    }
}
