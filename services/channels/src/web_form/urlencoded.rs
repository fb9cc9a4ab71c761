//! `application/x-www-form-urlencoded` to raw names and values; the charset is applied by the caller.

use std::borrow::Cow;

/// A raw name or value: borrowed where nothing was encoded.
pub type RawText<'a> = Cow<'a, [u8]>;

/// The pairs of the body in order; keys repeat legally. A percent sign that starts no escape stands for itself.
pub fn pairs(body: &[u8]) -> impl Iterator<Item = (RawText<'_>, RawText<'_>)> {
    body.split(|b| *b == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
        let at = pair.iter().position(|b| *b == b'=');
        let (name, value) = match at {
            Some(at) => (pair.get(..at), pair.get(at + 1..)),
            None => (Some(pair), None),
        };
        (decoded(name.unwrap_or_default()), decoded(value.unwrap_or_default()))
    })
}

fn decoded(text: &[u8]) -> RawText<'_> {
    unescaped(text, true)
}

/// Undoes `%XX` escapes alone; a plus sign stays one.
#[must_use]
pub fn percent_decoded(text: &[u8]) -> RawText<'_> {
    unescaped(text, false)
}

fn unescaped(text: &[u8], plus_is_space: bool) -> RawText<'_> {
    if !text.iter().any(|b| matches!(b, b'+' | b'%')) {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match (first, after) {
            (b'+', _) if plus_is_space => out.push(b' '),
            (b'%', [high, low, tail @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    out.push(high << 4 | low);
                    rest = tail;
                }
                _ => out.push(b'%'),
            },
            (byte, _) => out.push(*byte),
        }
    }
    Cow::Owned(out)
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|d| d as u8)
}
