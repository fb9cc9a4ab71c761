//! From bytes to records: byte-order marks, character sets, lines with quotes. A quote that nobody closes costs one
//! line, not the rest of the file.

use super::{
    layout::{Delimiter, Layout},
    workbook,
};
use encoding_rs::{Encoding, UTF_8};
use std::borrow::Cow;

/// A quoted value may run over so many line ends; more is a stray quote.
const QUOTED_LINES_MAX: usize = 20;
/// A quoted value may be so long in bytes; more is a stray quote.
const QUOTED_BYTES_MAX: usize = 16 * 1024;
/// Byte-order mark of UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// A file's bytes in a character set in which separators, quotes and line ends are never part of another character.
pub struct Text<'a> {
    /// Without a mark.
    pub bytes: Cow<'a, [u8]>,
    /// Of `bytes`.
    pub charset: &'static Encoding,
    /// Whether parts of it need the mark to be read again, because `charset` is not the configured one.
    marked: bool,
    /// It was a workbook.
    pub is_workbook: bool,
}

impl<'a> Text<'a> {
    /// Opens a file: a byte-order mark counts more than the configured character set.
    ///
    /// # Errors
    /// What is wrong with a workbook, without a value of it.
    pub fn open(layout: &Layout, body: &'a [u8]) -> Result<Self, String> {
        let configured = layout.charset;
        if workbook::is_workbook(body) {
            let bytes = Cow::Owned(workbook::separated(body, &layout.sheet, layout.delimiter)?);
            return Ok(Self { bytes, charset: UTF_8, marked: true, is_workbook: true });
        }
        if let Some((charset, mark)) = Encoding::for_bom(body) {
            let rest = body.get(mark..).unwrap_or_default();
            if charset == UTF_8 {
                let bytes = Cow::Borrowed(rest);
                return Ok(Self { bytes, charset, marked: true, is_workbook: false });
            }
            return Ok(Self::transcoded(charset, rest));
        }
        // In Big5 and GB18030 second bytes start at 0x40, so that `|` may be half a character.
        if configured != UTF_8 && matches!(layout.delimiter, Delimiter::Byte(byte) if byte >= 0x40) {
            return Ok(Self::transcoded(configured, body));
        }
        Ok(Self { bytes: Cow::Borrowed(body), charset: configured, marked: false, is_workbook: false })
    }

    fn transcoded(from: &'static Encoding, body: &[u8]) -> Self {
        let (text, _) = from.decode_without_bom_handling(body);
        let bytes = Cow::Owned(text.into_owned().into_bytes());
        Self { bytes, charset: UTF_8, marked: true, is_workbook: false }
    }

    /// What stands before a part of this text so that it can be read alone.
    #[must_use]
    pub fn mark(&self) -> &'static [u8] {
        if self.marked { MARK } else { &[] }
    }

    /// A part of it as text; unreadable bytes become U+FFFD.
    #[must_use]
    pub fn decode<'b>(&self, bytes: &'b [u8]) -> Cow<'b, str> {
        self.charset.decode_without_bom_handling(bytes).0
    }
}

/// One record of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Number of its first line, from 1.
    pub line: usize,
    /// Where in the text it begins, in bytes.
    pub at: usize,
    /// Without the line end.
    pub bytes: &'a [u8],
    /// Its first line has a quote that is never closed.
    pub unclosed: bool,
}

/// The records of a text, blank ones left out. With a delimiter, quoted values may hold line ends.
pub fn records(bytes: &[u8], delimiter: Option<u8>) -> Records<'_> {
    Records { bytes, delimiter, place: Place { at: 0, line: 1 } }
}

/// Where in a text the next record is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    at: usize,
    line: usize,
}

/// See [`records`].
pub struct Records<'a> {
    bytes: &'a [u8],
    delimiter: Option<u8>,
    place: Place,
}

impl Records<'_> {
    /// Behind the record that came last.
    #[must_use]
    pub fn place(&self) -> Place {
        self.place
    }

    /// Goes on from a place in the same text.
    #[must_use]
    pub fn from(self, place: Place) -> Self {
        Self { place, ..self }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        loop {
            let Place { at, line } = self.place;
            let rest = self.bytes.get(at..).filter(|rest| !rest.is_empty())?;
            let (end, unclosed) = record_end(rest, self.delimiter);
            let bytes = rest.get(..end)?;
            let lines = 1 + bytes.iter().filter(|b| **b == b'\n').count();
            self.place = Place { at: at + end + 1, line: line + lines };
            if !bytes.trim_ascii_start().is_empty() {
                // Only the line end goes: a tab or space at the end may be an empty value.
                // All of it: a row that is kept by itself gets one line end, and must be the same row then.
                let end = bytes.iter().rposition(|byte| *byte != b'\r').map_or(0, |at| at + 1);
                return Some(Record { line, at, bytes: bytes.get(..end).unwrap_or(bytes), unclosed });
            }
        }
    }
}

fn record_end(bytes: &[u8], delimiter: Option<u8>) -> (usize, bool) {
    let first_end = || bytes.iter().position(|b| *b == b'\n').unwrap_or(bytes.len());
    let Some(delimiter) = delimiter else {
        return (first_end(), false);
    };
    let (mut quoted_from, mut lines, mut value_starts) = (None, 0, true);
    for (at, byte) in bytes.iter().enumerate() {
        match (quoted_from, byte) {
            (Some(_), b'"') => {
                // Two quotes are one quote: the second opens again what the first has closed. A value over several
                // lines that does not end with its quote has swallowed rows.
                let next = bytes.get(at + 1).copied().unwrap_or(b'\n');
                if lines > 0 && next != delimiter && !matches!(next, b'"' | b'\n' | b'\r') {
                    return (first_end(), true);
                }
                quoted_from = None;
            }
            (Some(from), byte) => {
                lines += usize::from(*byte == b'\n');
                if lines > QUOTED_LINES_MAX || at - from > QUOTED_BYTES_MAX {
                    return (first_end(), true);
                }
                continue;
            }
            (None, b'\n') => return (at, false),
            (None, b'"') if value_starts || at > 0 && bytes.get(at - 1) == Some(&b'"') => {
                quoted_from = Some(at)
            }
            (None, _) => {}
        }
        if *byte == delimiter {
            lines = 0;
        }
        value_starts = *byte == delimiter;
    }
    if quoted_from.is_some() { (first_end(), true) } else { (bytes.len(), false) }
}

/// The values of one record; two quotes inside quotes are one.
#[must_use]
pub fn values(record: &str, delimiter: Delimiter) -> Vec<String> {
    fields(record, delimiter).map(Cow::into_owned).collect()
}

/// The same one by one; only a value with quotes inside is copied.
pub fn fields(record: &str, delimiter: Delimiter) -> impl Iterator<Item = Cow<'_, str>> {
    let mut rest = Some(record);
    std::iter::from_fn(move || match delimiter {
        Delimiter::Spaces => {
            let text = rest?.trim_ascii_start();
            let end = text.find(|c: char| c.is_ascii_whitespace()).unwrap_or(text.len());
            let (value, after) = text.split_at_checked(end)?;
            rest = Some(after);
            (!value.is_empty()).then_some(Cow::Borrowed(value))
        }
        Delimiter::Byte(byte) => {
            let (value, after) = field(rest?, char::from(byte));
            rest = after;
            Some(value)
        }
    })
}

/// The first value, and what stands behind its delimiter.
fn field(record: &str, delimiter: char) -> (Cow<'_, str>, Option<&str>) {
    let cut = |text| match str::split_once(text, delimiter) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    };
    // A quote that nobody closes is part of the value.
    let Some((inside, mut rest)) = record.strip_prefix('"').and_then(|quoted| quoted.split_once('"')) else {
        let (value, after) = cut(record);
        return (Cow::Borrowed(value), after);
    };
    let mut value = Cow::Borrowed(inside);
    while let Some(more) = rest.strip_prefix('"') {
        value.to_mut().push('"');
        let Some((inside, after)) = more.split_once('"') else { break };
        value.to_mut().push_str(inside);
        rest = after;
    }
    let (behind, after) = cut(rest);
    if !behind.is_empty() {
        value.to_mut().push_str(behind);
    }
    (value, after)
}
