//! Cleaning that all kinds share: widths, invisible characters, outer white space.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

/// Distance between a full-width form and its ASCII character.
const WIDTH_OFFSET: u32 = 0xFEE0;

/// Zero-width and direction marks, soft hyphen, byte order mark: pasted along, never meant.
pub(super) fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{00AD}'
            | '\u{180E}'
            | '\u{200B}'..='\u{200F}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{2069}'
            | '\u{FEFF}'
    )
}

fn fold_width(c: char) -> char {
    match c {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(c) - WIDTH_OFFSET).unwrap_or(c),
        '\u{3000}' => ' ',
        _ => c,
    }
}

/// Drops invisible characters, folds full-width ASCII, trims. Other characters keep their form: full NFKC would
/// change letters that a mailbox or a member number may tell apart.
pub(super) fn clean(raw: &str) -> Cow<'_, str> {
    if raw.is_ascii() {
        return Cow::Borrowed(raw.trim());
    }
    let folded: String = raw.chars().filter(|c| !is_invisible(*c)).map(fold_width).collect();
    Cow::Owned(trimmed(folded))
}

/// As [`clean`], but with full NFKC: for values that consist of digits and punctuation.
pub(super) fn clean_nfkc(raw: &str) -> Cow<'_, str> {
    if raw.is_ascii() {
        return Cow::Borrowed(raw.trim());
    }
    let folded: String = raw.chars().filter(|c| !is_invisible(*c)).nfkc().collect();
    Cow::Owned(trimmed(folded))
}

fn trimmed(text: String) -> String {
    let inner = text.trim();
    if inner.len() == text.len() { text } else { inner.to_owned() }
}

/// `text` without `prefix`, in any ASCII case.
pub(super) fn strip_prefix_ignore_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}
