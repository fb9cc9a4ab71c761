//! Names of people: which parts they have, and how alike two are.
//!
//! A text with Han characters and letters is two names: 陳美玲 Amy agrees with either. Absent on purpose: tables of
//! surnames, nicknames, transcriptions of one script in the other.

use super::{Level, distance::edits};
use crate::text::{self, han};
use smallvec::SmallVec;

/// Words or characters of one name that are kept.
const PARTS_MAX: usize = 6;
/// Bytes of one word that are kept.
const WORD_BYTES_MAX: usize = 32;
/// Letters from which one edit may be a typing error, and from which two.
const TYPO_LETTERS: [usize; 2] = [4, 6];

/// Titles after (or before) a Han name, folded.
const HAN_TITLES: [&str; 19] = [
    "先生", "小姐", "太太", "女士", "同学", "老师", "妈妈", "爸爸", "阿姨", "叔叔", "经理", "医师", "教授",
    "店长", "老板", "夫人", "大哥", "大姐", "师傅",
];
/// Titles and suffixes in letters.
const TITLES: [&str; 13] =
    ["mr", "mrs", "ms", "miss", "mx", "dr", "prof", "sir", "madam", "mme", "jr", "sr", "esq"];
/// What stands for a letter that is not shown.
const MASKS: [char; 4] = ['*', '○', '〇', '●'];

/// A name in one script.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Name {
    Han(HanName),
    Words(SmallVec<[Box<str>; 2]>),
}

/// Folded characters; a masked one is `*`.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct HanName {
    pub chars: SmallVec<[char; 4]>,
    /// The same, by sound.
    pub sounds: SmallVec<[char; 4]>,
}

/// The names in a text: at most one of each script.
pub(super) fn read(raw: &str) -> SmallVec<[Name; 2]> {
    let clean = text::clean(raw);
    han_name(&clean).into_iter().chain(words(&clean)).collect()
}

fn is_part(c: char) -> bool {
    han::is_han(c) || MASKS.contains(&c)
}

fn han_name(clean: &str) -> Option<Name> {
    let tokens = clean.split(' ').map(|word| word.chars().filter(|c| is_part(*c)).collect::<String>());
    let mut tokens: SmallVec<[String; 4]> = tokens.map(|t| without_title(&t).to_owned()).collect();
    tokens.retain(|token| !token.is_empty() && !HAN_TITLES.contains(&token.as_str()));
    // 佳玲 張: the one character at the end is the surname.
    if let [first, .., last] = &tokens[..]
        && first.chars().count() > 1
        && last.chars().count() == 1
    {
        tokens.rotate_right(1);
    }
    let whole: String = tokens.concat();
    let mask = |c: char| if MASKS.contains(&c) { '*' } else { c };
    let chars: SmallVec<[char; 4]> = without_title(&whole).chars().map(mask).take(PARTS_MAX).collect();
    let sounds = chars.iter().map(|c| han::sound(*c)).collect();
    chars.iter().any(|c| *c != '*').then_some(Name::Han(HanName { chars, sounds }))
}

/// A title alone stays: whether it is one is seen only beside other words.
fn without_title(name: &str) -> &str {
    let cut = |title: &&str| name.strip_suffix(*title).or_else(|| name.strip_prefix(*title));
    HAN_TITLES.iter().find_map(cut).filter(|rest| !rest.is_empty()).unwrap_or(name)
}

fn words(clean: &str) -> Option<Name> {
    let letters = |word: &str| -> String {
        word.chars().filter(|c| c.is_alphabetic() && !han::is_han(*c)).collect::<String>()
    };
    let split = clean.split([' ', ',', '.', '/', '(', ')']).map(letters);
    let kept = split.filter(|word| !word.is_empty() && word.len() <= WORD_BYTES_MAX);
    let kept = kept.filter(|word| !TITLES.contains(&word.as_str()));
    let words: SmallVec<[Box<str>; 2]> = kept.map(String::into_boxed_str).take(PARTS_MAX).collect();
    (!words.is_empty()).then_some(Name::Words(words))
}

/// How alike two names are; `None` if that cannot be said (two scripts, or scraps that do not meet).
pub(super) fn likeness(a: &Name, b: &Name) -> Option<Level> {
    match (a, b) {
        (Name::Han(a), Name::Han(b)) => han_likeness(a, b),
        (Name::Words(a), Name::Words(b)) => words_likeness(a, b),
        _ => None,
    }
}

fn han_likeness(a: &HanName, b: &HanName) -> Option<Level> {
    let (short, long) = if a.chars.len() <= b.chars.len() { (a, b) } else { (b, a) };
    let masked = short.chars.contains(&'*') || long.chars.contains(&'*');
    if short.chars.len() == 1 || masked {
        return scrap(&short.chars, &long.chars);
    }
    if turned(&short.chars, &long.chars) {
        return Some(Level::Same);
    }
    let surname = short.chars[0] == long.chars[0];
    if surname && short.sounds == long.sounds {
        return Some(Level::Close);
    }
    let nearly = long.chars.len() > 2 && edits(&short.chars, &long.chars, 1).is_some();
    Some(if nearly { Level::Partly } else { Level::Different })
}

/// A surname alone or a masked name against another name.
fn scrap(short: &[char], long: &[char]) -> Option<Level> {
    if let [only] = short {
        let surname = long[0] == *only;
        return match surname {
            true => Some(Level::Faint),
            false if long.contains(only) || long.contains(&'*') => None,
            false => Some(Level::Different),
        };
    }
    if short.len() != long.len() {
        return None;
    }
    let fits = short.iter().zip(long).all(|(x, y)| x == y || *x == '*' || *y == '*');
    let shown = short.iter().zip(long).any(|(x, y)| x == y && *x != '*');
    match (fits, shown) {
        (true, true) => Some(Level::Faint),
        (true, false) => None,
        (false, _) => Some(Level::Different),
    }
}

/// Whether they are the same characters, perhaps with the surname at the end.
fn turned(a: &[char], b: &[char]) -> bool {
    let same = |by: usize| a[by..].iter().chain(&a[..by]).eq(b);
    a.len() == b.len() && (same(0) || (a.len() > 2 && (same(1) || same(a.len() - 1))))
}

fn words_likeness(a: &[Box<str>], b: &[Box<str>]) -> Option<Level> {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let mut left: SmallVec<[&str; 4]> = long.iter().map(AsRef::as_ref).collect();
    let mut rest: SmallVec<[&str; 4]> = SmallVec::new();
    // Equal words first, so that none of them is used up by a similar one.
    for word in short {
        match left.iter().position(|l| *l == word.as_ref()) {
            Some(at) => _ = left.remove(at),
            None => rest.push(word),
        }
    }
    let equal = short.len() - rest.len();
    let mut close = 0;
    for word in &rest {
        if let Some(at) = left.iter().position(|l| is_typo(word, l) || is_initial(word, l)) {
            left.remove(at);
            close += 1;
        }
    }
    if short.len() == 1 {
        return match (equal, close, long.len()) {
            (1, ..) => Some(Level::Faint),
            (_, 1, _) => None,
            _ if is_typo(&short.concat(), &long.concat()) => Some(Level::Close),
            _ => Some(Level::Different),
        };
    }
    if equal == long.len() {
        return Some(Level::Same);
    }
    if equal + close == short.len() || is_typo(&short.concat(), &long.concat()) {
        return Some(Level::Close);
    }
    Some(if equal > 0 { Level::Partly } else { Level::Different })
}

fn is_typo(a: &str, b: &str) -> bool {
    let letters = a.chars().count().min(b.chars().count());
    let limit = TYPO_LETTERS.iter().filter(|least| letters >= **least).count();
    if a.is_ascii() && b.is_ascii() {
        return edits(a.as_bytes(), b.as_bytes(), limit).is_some();
    }
    let (a, b): (SmallVec<[char; 32]>, SmallVec<[char; 32]>) = (a.chars().collect(), b.chars().collect());
    edits(&a, &b, limit).is_some()
}

fn is_initial(a: &str, b: &str) -> bool {
    let one = a.chars().nth(1).is_none() || b.chars().nth(1).is_none();
    one && a.chars().next() == b.chars().next()
}

#[cfg(test)]
mod tests {
    use super::{Level, Name, likeness, read};

    fn shown(raw: &str) -> String {
        let each = read(raw).into_iter().map(|name| match name {
            Name::Han(name) => name.chars.iter().collect::<String>(),
            Name::Words(words) => words.join("+"),
        });
        each.collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn names_are_freed_of_titles_and_order() {
        for (raw, want) in [
            ("林曉萍", "林晓萍"),
            ("曉萍 林", "林晓萍"),
            ("林　曉　萍", "林晓萍"),
            ("林曉萍小姐", "林晓萍"),
            ("林曉萍 小姐", "林晓萍"),
            ("林小姐", "林"),
            ("林○萍", "林*萍"),
            ("林曉萍 Ping Lin", "林晓萍 | ping+lin"),
            ("Mr. Seán O'Hara, Jr.", "sean+ohara"),
            ("LIN, Hsiao-Ping", "lin+hsiaoping"),
            ("歐陽娜", "欧阳娜"),
            ("***", ""),
            ("12345", ""),
            ("", ""),
        ] {
            assert_eq!(shown(raw), want, "{raw}");
        }
    }

    #[test]
    fn names_are_alike_by_their_parts() {
        for (a, b, want) in [
            ("林曉萍", "林晓萍", Some(Level::Same)),
            ("林曉萍", "曉萍林", Some(Level::Same)),
            ("林雅婷", "林亞庭", Some(Level::Close)),
            ("林曉萍", "林曉玲", Some(Level::Partly)),
            ("林曉萍", "林太太", Some(Level::Faint)),
            ("林曉萍", "林○萍", Some(Level::Faint)),
            ("林曉萍", "王○萍", Some(Level::Different)),
            ("林曉萍", "王太太", Some(Level::Different)),
            ("林曉萍", "萍媽媽", None),
            ("林曉萍", "林志強", Some(Level::Different)),
            ("林曉萍", "Ping Lin", None),
            ("anna berg", "Berg, Anna", Some(Level::Same)),
            ("anna berg", "anan berg", Some(Level::Close)),
            ("anna berg", "annaberg", Some(Level::Close)),
            ("anna maria berg", "anna berg", Some(Level::Close)),
            ("anna berg", "A. Berg", Some(Level::Close)),
            ("anna berg", "otto berg", Some(Level::Partly)),
            ("anna berg", "Ms Berg", Some(Level::Faint)),
            ("anna berg", "otto frank", Some(Level::Different)),
            ("berg", "frank", Some(Level::Different)),
        ] {
            let (x, y) = (&read(a)[0], &read(b)[0]);
            assert_eq!(likeness(x, y), want, "{a}, {b}");
            assert_eq!(likeness(y, x), want, "{b}, {a}");
        }
    }
}
