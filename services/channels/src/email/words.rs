//! Encoded words (RFC 2047): neighbours of one charset are joined before decoding, because senders cut Big5 and
//! ISO-2022-JP in the middle of a character. The result is one UTF-8 word, so that names with commas stay one name.

use super::{charset, transfer};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use encoding_rs::Encoding;

/// The standard allows 75; senders that ignore it fold nothing at all. Bounds the search for the end of a word.
const WORD_MAX: usize = 8 * 1024;

/// Words of one field that begin and are none. Their ends are looked for in much of the rest, here and by whoever reads the field
/// later, so from then on none is read and their beginnings are left out: such a field is made up, and the raw mail keeps it.
const BROKEN_MAX: usize = 64;

struct Word<'a> {
    charset: &'a str,
    bytes: Vec<u8>,
    /// Length in the text, delimiters included.
    len: usize,
}

/// The text with every run of encoded words replaced by one in UTF-8.
#[must_use]
pub fn joined(text: &str, fallback: &'static Encoding) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut broken) = (text, 0);
    while let Some(at) = rest.find("=?") {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let Some(first) = word(from) else {
            rest = from.get(2..).unwrap_or_default();
            if broken == BROKEN_MAX {
                return out + &rest.replace("=?", "");
            }
            broken += 1;
            out.push_str("=?");
            continue;
        };
        rest = from.get(first.len..).unwrap_or_default();
        let (charset, mut bytes) = (first.charset, first.bytes);
        while let Some(next) = word(rest.trim_start()).filter(|w| w.charset.eq_ignore_ascii_case(charset)) {
            let skipped = rest.len() - rest.trim_start().len();
            rest = rest.get(skipped + next.len..).unwrap_or_default();
            bytes.extend_from_slice(&next.bytes);
        }
        let decoded = charset::decode(&bytes, charset, fallback);
        out.push_str("=?utf-8?B?");
        out.push_str(&STANDARD.encode(decoded.as_bytes()));
        out.push_str("?=");
    }
    out.push_str(rest);
    out
}

/// `=?charset?B|Q?data?=` at the start of the text.
fn word(text: &str) -> Option<Word<'_>> {
    let body = text.strip_prefix("=?")?;
    let (charset, body) = body.split_once('?')?;
    let charset = charset.split('*').next().unwrap_or_default(); // RFC 2231 appends the language
    if charset.len() < 2 || charset.contains(char::is_whitespace) {
        return None;
    }
    let base64 = match body.as_bytes() {
        [b'b' | b'B', b'?', ..] => true,
        [b'q' | b'Q', b'?', ..] => false,
        _ => return None,
    };
    let body = body.get(2..)?;
    let end = body.as_bytes().windows(2).take(WORD_MAX).position(|pair| pair == b"?=")?;
    let data = body.get(..end)?.as_bytes();
    let bytes = if base64 { transfer::base64(data) } else { transfer::q_word(data) };
    let len = text.len() - body.len() + end + 2;
    Some(Word { charset, bytes, len })
}

#[cfg(test)]
mod tests {
    use super::{BROKEN_MAX, joined};
    use encoding_rs::UTF_8;

    #[test]
    fn words_without_an_end_are_left_out_from_the_first_few_on() {
        let many = "=?x ".repeat(100_000);
        let read = joined(&many, UTF_8);
        assert_eq!(read.matches("=?").count(), BROKEN_MAX);
        assert_eq!(joined("a =?x b =?utf-8?B?5rih?= c", UTF_8), "a =?x b =?utf-8?B?5rih?= c");
    }
}
