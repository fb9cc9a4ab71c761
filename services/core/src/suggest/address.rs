//! Postal addresses as one text: their numbers, and the pairs of letters of the rest.
//!
//! Pairs of letters need no parser and no gazetteer: words may be swapped, run together, misspelt or left out. Numbers
//! stand apart, because one digit makes another house.

use super::{Level, distance::shared};
use crate::text;
use smallvec::SmallVec;

/// Pairs of letters of one address that are kept.
const PAIRS_MAX: usize = 96;
/// Numbers of one address that are kept.
const NUMBERS_MAX: usize = 6;
/// A number of so many digits is rarely the same by chance.
const RARE_DIGITS: u32 = 3;
/// Fewer pairs of letters are too little to be held in another address.
const HELD_PAIRS: usize = 8;

/// Shares of common pairs of letters, in percent, from which an address is the same, close or partly so.
const SHARES: [(usize, Level); 3] = [(85, Level::Same), (65, Level::Close), (45, Level::Partly)];

/// Units of Chinese addresses; they say nothing that the numbers do not say.
const UNITS: [char; 9] = ['号', '楼', '段', '巷', '弄', '邻', '室', '之', '层'];
/// Words that half of the senders leave out.
const COUNTRIES: [&str; 5] = ["中华民国", "台湾省", "台湾", "taiwan", "r.o.c."];
/// Short forms of English addresses.
const SHORT: [(&str, &str); 10] = [
    ("st", "street"),
    ("rd", "road"),
    ("ave", "avenue"),
    ("av", "avenue"),
    ("cres", "crescent"),
    ("ct", "court"),
    ("pl", "place"),
    ("dr", "drive"),
    ("ln", "lane"),
    ("blvd", "boulevard"),
];

/// What is compared of an address.
#[derive(Clone, PartialEq, Eq, Default)]
pub(super) struct Address {
    /// Sorted hashes of neighbouring letters.
    pub pairs: Box<[u16]>,
    /// Sorted.
    pub numbers: SmallVec<[u32; 4]>,
}

/// Reads an address; `None` if it has neither letters nor numbers.
pub(super) fn read(raw: &str) -> Option<Address> {
    let mut clean = text::arabic(&text::clean(raw), &UNITS);
    for country in COUNTRIES {
        if let Some(rest) = clean.split_once(country) {
            clean = format!("{}{}", rest.0, rest.1);
        }
    }
    let mut numbers: SmallVec<[u32; 4]> = SmallVec::new();
    let mut letters: Vec<char> = Vec::new();
    for word in clean.split(|c: char| !c.is_alphanumeric()) {
        let digits = word.split(|c: char| !c.is_ascii_digit()).filter(|run| !run.is_empty());
        // A run that is too long for a number of a house or post office is none.
        numbers.extend(digits.filter_map(|run| run.parse::<u32>().ok()));
        let word = SHORT.iter().find(|(short, _)| *short == word).map_or(word, |(_, long)| long);
        let floor = word.strip_suffix('f').filter(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
        let kept = floor.unwrap_or(word).chars();
        letters.extend(kept.filter(|c| !c.is_ascii_digit() && !UNITS.contains(c)));
    }
    numbers.truncate(NUMBERS_MAX);
    numbers.sort_unstable();
    let pair =
        |w: &[char]| (text::mix(u64::from(u32::from(w[0])) << 32 | u64::from(u32::from(w[1]))) >> 48) as u16;
    let mut pairs: Vec<u16> = letters.windows(2).map(pair).take(PAIRS_MAX).collect();
    pairs.sort_unstable();
    (!pairs.is_empty() || !numbers.is_empty()).then(|| Address { pairs: pairs.into(), numbers })
}

impl Address {
    /// How alike the words are; `None` if one has none.
    pub fn words(&self, other: &Self) -> Option<Level> {
        let (short, long) =
            (self.pairs.len().min(other.pairs.len()), self.pairs.len().max(other.pairs.len()));
        if short == 0 {
            return None;
        }
        let common = shared(&self.pairs, &other.pairs);
        let share = 200 * common / (short + long);
        // A town alone, or a street without it, is held in the full address.
        let held = if short >= HELD_PAIRS { 75 * common / short } else { 0 };
        let share = share.max(held);
        let level = SHARES.iter().find(|(least, _)| share >= *least).map(|(_, level)| *level);
        Some(level.unwrap_or(Level::Different))
    }

    /// How alike the numbers are; `None` if one has none.
    pub fn numbers(&self, other: &Self) -> Option<Level> {
        let (a, b) = (&self.numbers, &other.numbers);
        if a.is_empty() || b.is_empty() {
            return None;
        }
        let common = shared(a, b);
        let rare = |n: &u32| *n >= 10_u32.pow(RARE_DIGITS - 1) && b.contains(n);
        Some(match common {
            0 => Level::Different,
            _ if a == b && (common > 1 || a.iter().any(rare)) => Level::Same,
            1 if !a.iter().any(rare) => Level::Partly,
            _ => Level::Close,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Address, Level, read};

    fn of(raw: &str) -> Address {
        read(raw).unwrap_or_default()
    }

    #[test]
    fn numbers_are_read_in_every_form() {
        for (raw, want) in [
            ("106 臺北市大安區和平東路三段12號5樓之2", vec![2, 3, 5, 12, 106]),
            ("１０６台北市大安区和平东路3段十二号5F-2", vec![2, 3, 5, 12, 106]),
            ("三民路7號", vec![7]),
            ("12/34 Station Rd", vec![12, 34]),
            ("Unit 0007", vec![7]),
            ("99999999999999", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(of(raw).numbers.to_vec(), want, "{raw}");
        }
    }

    #[test]
    fn words_are_alike_whatever_their_order() {
        for (a, b, want) in [
            ("臺北市和平東路三段12號", "台灣台北市和平东路3段１２號", Level::Same),
            ("臺北市大安區和平東路12號", "台北市和平東路12號", Level::Close),
            ("臺北市和平東路12號", "高雄市三多二路12號", Level::Different),
            ("12 Station Rd, Kiama", "Kiama, 12 station road", Level::Same),
            ("12 Station Road, Kiama", "12 Statoin Road Kiama", Level::Close),
            ("12 Station Road, Kiama", "12 stationroad", Level::Close),
            ("12 Station Road, Kiama", "7 Hill Crescent, Orange", Level::Different),
        ] {
            let (x, y) = (of(a), of(b));
            assert_eq!(x.words(&y), Some(want), "{a}, {b}");
            assert_eq!(y.words(&x), Some(want), "{b}, {a}");
        }
        assert_eq!(of("12").words(&of("12")), None);
    }

    #[test]
    fn numbers_are_alike_by_what_they_share() {
        for (a, b, want) in [
            ("2500 x 12", "x 12, 2500", Some(Level::Same)),
            ("2500 x 12", "2500 x 14", Some(Level::Close)),
            ("2500 x 12", "2600 x 12", Some(Level::Partly)),
            ("2500 x 12", "2600 x 14", Some(Level::Different)),
            ("x 12", "x 12", Some(Level::Partly)),
            ("x", "x 12", None),
        ] {
            assert_eq!(of(a).numbers(&of(b)), want, "{a}, {b}");
        }
    }
}
