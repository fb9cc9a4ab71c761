//! Birth dates as the resolver compares them: a short hash that says whether two dates can be one person's, and no date.

use crate::birth_date::readings;
use sha2::{Digest, Sha256};

/// A birth date in comparable form: 16 bits of a hash. Equal for dates that differ in the order of month and day only. Of
/// about 40,000 dates that people have, some share one, so it does not say which it is; that two people's differ is all that
/// is asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Born(pub(crate) u16);

impl Born {
    /// Of a date as people write it: `1981-04-11`, `1981/4/11`, `19810411`, `11.04.1981`, in years of the Republic `0700411`,
    /// `70/4/11`, `民國70年4月11日`. `None` for what is no date, for dates that stand for none, and for what could only be
    /// guessed (`700411`): a claim must not be refused for that.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let date = readings(text).into_iter().find(|reading| !reading.guessed)?.date;
        let (small, large) = (date.month.min(date.day), date.month.max(date.day));
        let mut hasher = Sha256::new();
        hasher.update(b"birth date");
        [u32::from(date.year), small.into(), large.into()]
            .iter()
            .for_each(|n| hasher.update(n.to_be_bytes()));
        let hash = hasher.finalize();
        Some(Self(u16::from_be_bytes([hash[0], hash[1]])))
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
            "民國 70 年 4 月 11 日",
            "民國七十年四月十一日",
            "11.04.1981",
            "1981-11-04",
            "１９８１－０４－１１",
            "1981-04-11T00:00:00Z",
            "1981-04-11+08:00",
        ] {
            assert_eq!(Born::of(text), date, "{text}");
        }
        assert_ne!(Born::of("1981-04-12"), date);
        assert_ne!(Born::of("1982-04-11"), date);
    }

    #[test]
    fn marks_are_for_ever() {
        // Snapshots hold them.
        for (text, mark) in
            [("1981-04-11", 0xfb27), ("25.12.1990", 0x9ae1), ("0700411", 0xfb27), ("112/3/5", 0xcaa4)]
        {
            assert_eq!(Born::of(text), Some(Born(mark)), "{text}");
        }
    }

    #[test]
    fn what_could_only_be_guessed_refuses_nobody() {
        for text in ["700411", "70411", "11/04/81"] {
            assert_eq!(Born::of(text), None, "{text}");
        }
        assert_eq!(Born::of("70/4/11"), Born::of("1981-04-11"), "the usual form of the Republic");
        assert_ne!(Born::of("70/4/11"), Born::of("1970-04-11"));
    }

    #[test]
    fn what_is_no_birth_date_gives_none() {
        for text in ["", "1900-01-01", "1970-01-01", "0000-00-00", "1981", "1981-13-32", "9999-99-99", "n/a"]
        {
            assert_eq!(Born::of(text), None, "{text}");
        }
    }
}
