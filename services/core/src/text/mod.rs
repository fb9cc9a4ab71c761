//! Cleaning that all texts share before they are compared: one width, one case, one form of each character.

pub(crate) mod han;

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Characters of one text that are looked at: longer than any name or postal address.
pub(crate) const CHARS_MAX: usize = 200;

/// Lower case without accents, compatibility forms (full width, U+3000, ligatures) replaced, Han characters folded, what
/// is invisible dropped, white space as single blanks. Cut after [`CHARS_MAX`] characters.
pub(crate) fn clean(raw: &str) -> String {
    let mut out = String::new();
    let mut blank = false;
    let folded = raw.nfkd().filter(|c| !is_combining_mark(*c)).take(CHARS_MAX);
    for c in folded.flat_map(char::to_lowercase) {
        if c.is_whitespace() {
            blank = !out.is_empty();
        } else if !is_dropped(c) {
            if blank {
                out.push(' ');
                blank = false;
            }
            out.push(han::fold(c));
        }
    }
    out
}

/// Control characters, marks of zero width and direction, soft hyphen.
fn is_dropped(c: char) -> bool {
    let marks =
        matches!(c, '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}');
    c.is_control() || marks || c == '\u{FEFF}'
}

/// The value of a Chinese digit or unit, in folded form: 0 to 10, 100; `None` for everything else.
fn numeral(c: char) -> Option<u32> {
    Some(match c {
        '零' | '〇' => 0,
        '一' | '壹' | '元' => 1,
        '二' | '贰' | '两' => 2,
        '三' | '叁' => 3,
        '四' | '肆' => 4,
        '五' | '伍' => 5,
        '六' | '陆' => 6,
        '七' | '柒' => 7,
        '八' | '捌' => 8,
        '九' | '玖' => 9,
        '十' | '拾' => 10,
        '百' | '佰' => 100,
        '廿' => 20,
        _ => return None,
    })
}

/// Replaces Chinese numerals by digits where one of `units` follows them: 三段 becomes 3段, 三民路 stays. Reads both ways of
/// writing: 二十三 and 二三 are 23.
pub(crate) fn arabic(text: &str, units: &[char]) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let run = chars[at..].iter().take_while(|c| numeral(**c).is_some()).count();
        if run > 0 && chars.get(at + run).is_some_and(|c| units.contains(c)) {
            out.push_str(&number(&chars[at..at + run]).to_string());
        } else {
            out.extend(&chars[at..at + run.max(1)]);
        }
        at += run.max(1);
    }
    out
}

/// The number that these numerals write. Saturates: nobody's house has such a number.
fn number(numerals: &[char]) -> u32 {
    let values = numerals.iter().filter_map(|c| numeral(*c));
    let (mut sum, mut digit) = (0_u32, None::<u32>);
    for value in values {
        match value {
            10 | 100 => sum = sum.saturating_add(digit.take().unwrap_or(1).saturating_mul(value)),
            20 => sum = sum.saturating_add(20),
            _ => digit = Some(digit.unwrap_or(0).saturating_mul(10).saturating_add(value)),
        }
    }
    sum.saturating_add(digit.unwrap_or(0))
}

/// A hash that is the same on every machine and in every release (FNV-1a and a final mix).
pub(crate) fn hash(seed: u64, text: &str) -> u64 {
    text.bytes().fold(mix(seed), |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

/// Spreads the bits of a number.
pub(crate) fn mix(number: u64) -> u64 {
    let z = (number ^ 0xcbf2_9ce4_8422_2325).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    z ^ (z >> 32)
}

#[cfg(test)]
mod tests {
    use super::{CHARS_MAX, arabic, clean};

    #[test]
    fn texts_become_plain() {
        for (raw, want) in [
            ("  Ａｍｙ　ＣＨＥＮ ", "amy chen"),
            ("José\tÁlvarez", "jose alvarez"),
            ("陳\u{200B}美玲", "陈美玲"),
            ("臺北市１號", "台北市1号"),
            ("\u{3000}", ""),
            ("ﬁne", "fine"),
        ] {
            assert_eq!(clean(raw), want, "{raw:?}");
        }
        assert_eq!(clean(&"長".repeat(5_000)).chars().count(), CHARS_MAX);
    }

    #[test]
    fn numerals_before_a_unit_become_digits() {
        for (text, want) in [
            ("三段", "3段"),
            ("三民路二十三号", "三民路23号"),
            ("二三号", "23号"),
            ("一百零五号", "105号"),
            ("十二楼", "12楼"),
            ("廿一号", "21号"),
            ("百二十号", "120号"),
            ("五", "五"),
            ("号", "号"),
        ] {
            assert_eq!(arabic(text, &['段', '号', '楼']), want, "{text}");
        }
    }
}
