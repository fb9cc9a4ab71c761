//! A mail's header: found, cut to size, brought to UTF-8, then read field by field with mail-parser's grammars.
//! Raw 8-bit fields and characters torn between encoded words occur in real mail; both are repaired before parsing.

use super::{charset, words};
use encoding_rs::Encoding;
use mail_parser::{Addr, ContentType, HeaderValue, parsers::MessageStream};
use tributary_core::time::Micros;

/// A header may hold this many bytes; real ones stay under 64 KiB even with long authentication chains.
pub const HEADER_BYTES_MAX: usize = 256 * 1024;
/// A header may hold this many fields; beyond it is no mail that a person or a list server wrote.
pub const HEADER_FIELDS_MAX: usize = 1_000;
/// Addresses read from one field; nobody is addressed personally as the thousandth.
const ADDRESSES_MAX: usize = 200;
/// Message-IDs read from one field: threads hundreds long occur, and the first and the last matter.
const IDS_MAX: usize = 500;
/// Years a `Date` may lie in; anything else is a broken clock, and the time of receipt is better.
const YEARS: std::ops::RangeInclusive<u16> = 1990..=2099;

/// The fields of a header in order: names in lower case, values unfolded and in UTF-8.
#[derive(Default)]
pub struct Header {
    fields: Vec<(String, String)>,
}

/// Splits a mail or part into header and body; without an empty line all of it is header.
#[must_use]
pub fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    let mut at = 0;
    while let Some(rest) = bytes.get(at..) {
        let end = rest.iter().position(|b| *b == b'\n').map_or(bytes.len(), |n| at + n + 1);
        let line = bytes.get(at..end).unwrap_or_default();
        if matches!(line, b"\n" | b"\r\n") {
            return (bytes.get(..at).unwrap_or_default(), bytes.get(end..).unwrap_or_default());
        }
        if line.is_empty() {
            break;
        }
        at = end;
    }
    (bytes, &[])
}

impl Header {
    /// Reads a header. `charset` is what 8-bit fields are tried with, after UTF-8 and before `fallback`; empty = none.
    #[must_use]
    pub fn parse(bytes: &[u8], charset: &str, fallback: &'static Encoding) -> Self {
        let bytes = bytes.get(..HEADER_BYTES_MAX).unwrap_or(bytes);
        let mut raw: Vec<(String, Vec<u8>)> = Vec::new();
        for line in bytes.split(|b| *b == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.first().is_some_and(|b| matches!(b, b' ' | b'\t')) {
                if let Some((_, value)) = raw.last_mut() {
                    value.push(b' ');
                    value.extend_from_slice(line.trim_ascii());
                }
                continue;
            }
            let Some(colon) = line.iter().position(|b| *b == b':') else { continue };
            if raw.len() == HEADER_FIELDS_MAX {
                break;
            }
            let (name, value) = line.split_at(colon);
            let name = name.trim_ascii();
            if name.iter().all(u8::is_ascii_graphic) && !name.is_empty() {
                let name = String::from_utf8_lossy(name).to_ascii_lowercase();
                raw.push((name, value.get(1..).unwrap_or_default().trim_ascii().to_vec()));
            }
        }
        let text = |(name, value): (String, Vec<u8>)| {
            let label = if value.is_ascii() { "" } else { charset };
            let value = charset::decode(&value, label, fallback);
            (name, words::joined(&value, fallback))
        };
        Self { fields: raw.into_iter().map(text).collect() }
    }

    /// The first field of this lower-case name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// All fields of this name, topmost first.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// Whether the field is there, even empty.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The field in lower case; empty without one.
    #[must_use]
    pub fn lower(&self, name: &str) -> String {
        self.get(name).unwrap_or_default().to_lowercase()
    }

    /// The field as text, encoded words decoded.
    #[must_use]
    pub fn text(&self, name: &str) -> String {
        let Some(value) = self.get(name) else { return String::new() };
        let line = format!(" {value}\n");
        let text = match MessageStream::new(line.as_bytes()).parse_unstructured() {
            HeaderValue::Text(text) => text.into_owned(),
            _ => value.to_owned(),
        };
        text.trim().to_owned()
    }

    /// The addresses of all fields of this name.
    #[must_use]
    pub fn addresses(&self, name: &str) -> Vec<Mailbox> {
        let mut found = Vec::new();
        for value in self.all(name) {
            let line = format!(" {value}\n");
            if let HeaderValue::Address(list) = MessageStream::new(line.as_bytes()).parse_address() {
                let room = ADDRESSES_MAX.saturating_sub(found.len());
                found.extend(list.iter().filter_map(Mailbox::read).take(room));
            }
        }
        found
    }

    /// The Message-IDs of the field, without angle brackets, in order.
    #[must_use]
    pub fn ids(&self, name: &str) -> Vec<&str> {
        let value = self.get(name).unwrap_or_default();
        let mut ids: Vec<&str> = Vec::new();
        for part in value.split('<').skip(1).take(IDS_MAX) {
            let id = part.find('>').and_then(|end| part.get(..end)).map(str::trim);
            ids.extend(id.filter(|id| !id.is_empty()));
        }
        if ids.is_empty() && !value.trim().is_empty() && !value.contains(['<', '>']) {
            ids.extend(value.split_whitespace().filter(|word| word.contains('@')).take(IDS_MAX));
        }
        ids
    }

    /// `Date`, unless it cannot be true.
    #[must_use]
    pub fn date(&self) -> Option<Micros> {
        let line = format!(" {}\n", self.get("date")?);
        match MessageStream::new(line.as_bytes()).parse_date() {
            HeaderValue::DateTime(at) if at.is_valid() && YEARS.contains(&at.year) => {
                Some(Micros::from_secs(at.to_timestamp()))
            }
            _ => None,
        }
    }

    /// A structured field such as `Content-Type`: value and parameters.
    #[must_use]
    pub fn structured(&self, name: &str) -> Option<ContentType<'static>> {
        let line = format!(" {}\n", self.get(name)?);
        match MessageStream::new(line.as_bytes()).parse_content_type() {
            HeaderValue::ContentType(value) => Some(value.into_owned_parts()),
            _ => None,
        }
    }

    /// Whether this is a mail's header at all.
    #[must_use]
    pub fn is_mail(&self) -> bool {
        const ANY: [&str; 7] = ["from", "message-id", "date", "received", "subject", "to", "content-type"];
        ANY.iter().any(|name| self.has(name))
    }
}

/// Copies a parsed value out of the line it was read from.
trait Owned {
    fn into_owned_parts(self) -> ContentType<'static>;
}

impl Owned for ContentType<'_> {
    fn into_owned_parts(self) -> ContentType<'static> {
        let attribute = |a: mail_parser::Attribute<'_>| mail_parser::Attribute {
            name: a.name.into_owned().into(),
            value: a.value.into_owned().into(),
        };
        ContentType {
            c_type: self.c_type.to_ascii_lowercase().into(),
            c_subtype: self.c_subtype.map(|s| s.to_ascii_lowercase().into()),
            attributes: self.attributes.map(|list| list.into_iter().map(attribute).collect()),
        }
    }
}

/// One address with its display name.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Mailbox {
    /// Display name, may be empty.
    pub name: String,
    /// Address, may be empty (`From: <>`).
    pub address: String,
}

impl Mailbox {
    fn read(addr: &Addr<'_>) -> Option<Self> {
        let clean = |text: Option<&str>| text.unwrap_or_default().trim().to_owned();
        let (mut name, mut address) = (clean(addr.name()), clean(addr.address()));
        if !address.contains('@') && name.contains('@') && !name.contains(char::is_whitespace) {
            std::mem::swap(&mut name, &mut address);
        }
        (!name.is_empty() || !address.is_empty()).then_some(Self { name, address })
    }

    /// The part before the last `@`, lower case.
    #[must_use]
    pub fn local(&self) -> String {
        self.address.rsplit_once('@').map_or(self.address.as_str(), |(local, _)| local).to_ascii_lowercase()
    }

    /// The part behind the last `@`, lower case.
    #[must_use]
    pub fn domain(&self) -> String {
        self.address.rsplit_once('@').map_or("", |(_, domain)| domain).to_ascii_lowercase()
    }
}
