//! A record as a broker's message: the payload as it is, everything else in headers. CloudEvents readers find theirs (binary
//! mode) beside ours.

use std::{borrow::Cow, fmt::Write as _};

use bytes::Bytes;

use crate::{Attributes, Origin, Position, Record, attributes::Builder};

/// Names and values.
pub type Headers = Vec<(Cow<'static, str>, String)>;

/// `origin sequence recorded-at id crc attributes`: one header, because each costs both sides and the broker as much as a
/// hundred bytes of payload.
const RECORD: &str = "tributary-record";
/// More than that header has beside the attributes.
const OWN_BYTES: usize = 100;
// What earlier releases wrote, one by one.
const ORIGIN: &str = "tributary-origin";
const SEQUENCE: &str = "tributary-sequence";
const RECORDED_AT: &str = "tributary-recorded-at";
const ATTRIBUTES: &str = "tributary-attributes";
const ID: &str = "tributary-id";
/// CRC32C over all of it: what somebody else wrote into the stream is not taken for a record.
const CRC: &str = "tributary-crc";

/// What the owner of the log knows about its records and the pipe does not.
pub trait Labels: Send + Sync {
    /// What follows the stream's prefix in the subject, tokens joined by dots: `line.line-main`.
    fn subject(&self, record: &Record) -> String;
    /// CloudEvents attributes without prefix: `type`, `source`, `time`; `id` and `specversion` come from here.
    fn attributes(&self, record: &Record) -> Headers;
}

/// Nothing but the record's own `type`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Plain;

impl Labels for Plain {
    fn subject(&self, _: &Record) -> String {
        "record".to_owned()
    }

    fn attributes(&self, record: &Record) -> Headers {
        let of = record.attributes.get("type").unwrap_or("record");
        vec![
            ("type".into(), of.to_owned()),
            ("source".into(), format!("/origins/{}", record.position.origin)),
        ]
    }
}

/// How CloudEvents stand in the headers of a broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// `ce-name`, the value escaped as on HTTP.
    Nats,
    /// `ce_name`, the value as it is; the type of the payload is `content-type`.
    Kafka,
}

impl Binding {
    pub(super) fn header(self, name: &str, value: &str) -> (Cow<'static, str>, String) {
        match self {
            Self::Nats => {
                let mut escaped = String::with_capacity(value.len());
                escape(&mut escaped, value, false);
                (self.prefixed(name), escaped)
            }
            Self::Kafka => (self.prefixed(name), value.to_owned()),
        }
    }

    /// The header of an attribute. Those that every message has are not put together each time.
    fn prefixed(self, name: &str) -> Cow<'static, str> {
        let known = match (self, name) {
            (Self::Nats, "specversion") => "ce-specversion",
            (Self::Nats, "id") => "ce-id",
            (Self::Nats, "type") => "ce-type",
            (Self::Nats, "source") => "ce-source",
            (Self::Nats, "recordedtime") => "ce-recordedtime",
            (Self::Kafka, "specversion") => "ce_specversion",
            (Self::Kafka, "id") => "ce_id",
            (Self::Kafka, "type") => "ce_type",
            (Self::Kafka, "source") => "ce_source",
            (Self::Kafka, "recordedtime") => "ce_recordedtime",
            (Self::Kafka, "datacontenttype") => "content-type",
            (Self::Nats, other) => return format!("ce-{other}").into(),
            (Self::Kafka, other) => return format!("ce_{other}").into(),
        };
        Cow::Borrowed(known)
    }
}

/// Why a message is no record of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotOurs {
    /// The pipe's own, by which it knows the stream again; of no concern to readers.
    #[error("it is the mark of the stream")]
    Mark,
    /// Nothing stands at this number nor before it, up to the message before: the end of somebody's transaction.
    #[error("nothing stands there")]
    Hole,
    /// A header is missing or unreadable: somebody else published here.
    #[error("it has no readable header {0}")]
    Header(&'static str),
    /// The checksum does not fit.
    #[error("its checksum is wrong")]
    Checksum,
}

/// All headers of a record.
#[must_use]
pub fn encode(record: &Record, binding: Binding, labels: &dyn Labels) -> Headers {
    let attributes = written(&record.attributes);
    let crc = checksum(record, &attributes);
    let Position { origin, sequence } = record.position;
    let mut own = String::with_capacity(attributes.len() + OWN_BYTES);
    // Writing to a string does not fail.
    let _ = write!(own, "{origin} {sequence} {} ", record.recorded_at);
    push_hex(&mut own, &record.id);
    let _ = write!(own, " {crc:08x} {attributes}");
    let mut headers = Vec::with_capacity(8);
    headers.push((Cow::Borrowed(RECORD), own));
    headers.push(binding.header("specversion", "1.0"));
    headers.push(binding.header("id", &uuid(&record.id)));
    headers.extend(labels.attributes(record).iter().map(|(name, value)| binding.header(name, value)));
    headers
}

/// The record of a message.
///
/// # Errors
/// [`NotOurs`] where it is none.
pub fn decode<'a>(header: impl Fn(&str) -> Option<&'a str>, payload: Bytes) -> Result<Record, NotOurs> {
    fn read<T>(text: Option<&str>, name: &'static str, of: impl Fn(&str) -> Option<T>) -> Result<T, NotOurs> {
        text.and_then(of).ok_or(NotOurs::Header(name))
    }
    let whole = header(RECORD);
    let (mut parts, mut rest) = ([None; 6], whole);
    for part in &mut parts {
        (*part, rest) = rest.map_or((None, None), |text| {
            cut(text, b' ').map_or((Some(text), None), |(part, rest)| (Some(part), Some(rest)))
        });
    }
    // A part of the one header, or a header of an earlier release.
    let header = |name: &'static str, at: usize| {
        if whole.is_none() { header(name) } else { parts.get(at).copied().flatten() }
    };
    let origin = read(header(ORIGIN, 0), ORIGIN, |text| u32::from_str_radix(text, 16).ok())?;
    let sequence = read(header(SEQUENCE, 1), SEQUENCE, |text| text.parse().ok().filter(|s| *s > 0))?;
    let recorded_at = read(header(RECORDED_AT, 2), RECORDED_AT, |text| text.parse().ok())?;
    let id = read(header(ID, 3), ID, unhex)?;
    let crc = read(header(CRC, 4), CRC, |text| u32::from_str_radix(text, 16).ok())?;
    let text = header(ATTRIBUTES, 5).unwrap_or_default();
    let attributes = attributes(text).ok_or(NotOurs::Header(ATTRIBUTES))?;
    let position = Position { origin: Origin(origin), sequence };
    let record = Record { position, id, recorded_at, attributes, payload };
    if checksum(&record, text) == crc { Ok(record) } else { Err(NotOurs::Checksum) }
}

fn checksum(record: &Record, attributes: &str) -> u32 {
    let Position { origin, sequence } = record.position;
    let parts: [&[u8]; 6] = [
        &origin.0.to_be_bytes(),
        &sequence.to_be_bytes(),
        &record.recorded_at.to_be_bytes(),
        &record.id,
        attributes.as_bytes(),
        &record.payload,
    ];
    parts.iter().fold(0, |crc, part| crc32c::crc32c_append(crc, part))
}

/// `name=value&name=value`, everything but plain characters as `%XX`.
fn written(attributes: &Attributes) -> String {
    let mut out = String::with_capacity(attributes.encoded().len());
    for (name, value) in attributes.iter() {
        if !out.is_empty() {
            out.push('&');
        }
        escape(&mut out, name, true);
        out.push('=');
        escape(&mut out, value, true);
    }
    out
}

fn attributes(text: &str) -> Option<Attributes> {
    // Two characters and two lengths each.
    let pairs = text.bytes().filter(|byte| *byte == b'&').count() + 1;
    let mut all = Builder::with_capacity(text.len() + 2 * pairs + 1);
    let mut rest = (!text.is_empty()).then_some(text);
    while let Some(pairs) = rest {
        let (pair, after) = cut(pairs, b'&').map_or((pairs, None), |(pair, after)| (pair, Some(after)));
        let (name, value) = cut(pair, b'=')?;
        all.push(&unescaped(name)?, &unescaped(value)?);
        rest = after;
    }
    Some(all.build())
}

/// What stands before and behind the first such ASCII character. Texts are a few bytes long.
fn cut(text: &str, character: u8) -> Option<(&str, &str)> {
    let at = text.bytes().position(|byte| byte == character)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// Of each byte: 2 for letters, digits and `-_.~`; 1 for what a header may hold as it is beside these; else 0.
const PLAIN: [u8; 256] = {
    let (mut plain, mut at) = ([0; 256], 0);
    while at < 256 {
        let byte = at as u8;
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            plain[at] = 2;
        } else if byte.is_ascii_graphic() && !matches!(byte, b'"' | b'%') {
            plain[at] = 1;
        }
        at += 1;
    }
    plain
};

/// With `strict` all but letters, digits and `-_.~` is written as `%XX`, else only what no header may hold (CloudEvents'
/// HTTP binding, 3.1.3.2).
fn escape(out: &mut String, text: &str, strict: bool) {
    let least = if strict { 2 } else { 1 };
    let stays = |byte: u8| PLAIN.get(usize::from(byte)).is_some_and(|plain| *plain >= least);
    // Nearly all of them.
    if text.bytes().all(stays) {
        return out.push_str(text);
    }
    for byte in text.bytes() {
        if stays(byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

pub(super) fn unescaped(text: &str) -> Option<Cow<'_, str>> {
    if !text.as_bytes().contains(&b'%') {
        return Some(Cow::Borrowed(text));
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                out.push(nibble(*high)? << 4 | nibble(*low)?);
                rest = after;
            }
            (b'%', _) => return None,
            (byte, _) => out.push(*byte),
        }
    }
    String::from_utf8(out).ok().map(Cow::Owned)
}

fn push_hex(out: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            out.push(DIGITS.get(usize::from(digit)).copied().unwrap_or_default().into());
        }
    }
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

fn unhex(text: &str) -> Option<[u8; 16]> {
    let mut id = [0; 16];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != id.len() || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in id.iter_mut().zip(pairs) {
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    Some(id)
}

/// As event ids are written everywhere else.
fn uuid(id: &[u8; 16]) -> String {
    let mut out = String::with_capacity(36);
    for (at, byte) in id.iter().enumerate() {
        if [4, 6, 8, 10].contains(&at) {
            out.push('-');
        }
        push_hex(&mut out, &[*byte]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            position: Position { origin: Origin(0x0a0b_0c0d), sequence: 7 },
            id: *b"0123456789abcdef",
            recorded_at: -5,
            attributes: [("type", "a=b&c\n陳%"), ("", "")].into(),
            payload: Bytes::from_static(b"\0\xff bytes"),
        }
    }

    #[test]
    fn a_record_comes_back_and_nothing_else_does() {
        let record = record();
        let headers = encode(&record, Binding::Nats, &Plain);
        let find = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        assert_eq!(decode(find, record.payload.clone()), Ok(record.clone()));
        assert_eq!(find("ce-id"), Some("30313233-3435-3637-3839-616263646566"));
        assert_eq!(find("ce-type"), Some("a=b&c%0A%E9%99%B3%25"));
        assert!(headers.iter().all(|(n, v)| n.is_ascii() && v.is_ascii() && !v.contains(['\r', '\n'])));
        assert_eq!(
            decode(|name| find(name).filter(|_| name != RECORD), record.payload.clone()),
            Err(NotOurs::Header(ORIGIN))
        );
        let own = find(RECORD).expect("our header").to_owned();
        for at in 0..own.len() {
            let mut other = own.clone().into_bytes();
            other[at] = if other[at] == b'1' { b'2' } else { b'1' };
            let other = String::from_utf8(other).expect("ASCII");
            let found = |name: &str| if name == RECORD { Some(other.as_str()) } else { find(name) };
            assert!(decode(found, record.payload.clone()).is_err(), "{other}");
        }
    }

    #[test]
    fn what_an_earlier_release_wrote_comes_back_too() {
        let record = record();
        let attributes = written(&record.attributes);
        let headers = [
            (ORIGIN, record.position.origin.to_string()),
            (SEQUENCE, record.position.sequence.to_string()),
            (RECORDED_AT, record.recorded_at.to_string()),
            (ID, "30313233343536373839616263646566".to_owned()),
            (CRC, format!("{:08x}", checksum(&record, &attributes))),
            (ATTRIBUTES, attributes),
        ];
        let find = |name: &str| headers.iter().find(|(n, _)| *n == name).map(|(_, v)| v.as_str());
        assert_eq!(decode(find, record.payload.clone()), Ok(record.clone()));
        for name in [ORIGIN, SEQUENCE, RECORDED_AT, ID, CRC, ATTRIBUTES] {
            let without = |n: &str| if n == name { None } else { find(n) };
            assert!(decode(without, record.payload.clone()).is_err(), "{name}");
            let other = |n: &str| if n == name { Some("1") } else { find(n) };
            assert!(decode(other, record.payload.clone()).is_err(), "{name}");
        }
        assert_eq!(decode(find, Bytes::from_static(b"other")), Err(NotOurs::Checksum));
    }

    #[test]
    fn on_kafka_the_values_are_no_urls() {
        let headers = encode(&record(), Binding::Kafka, &Plain);
        let find = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        assert_eq!(decode(find, record().payload), Ok(record()));
        assert_eq!((find("ce_specversion"), find("ce_type")), (Some("1.0"), Some("a=b&c\n陳%")));
        let kind = Binding::Kafka.header("datacontenttype", "application/protobuf");
        assert_eq!(kind, ("content-type".into(), "application/protobuf".to_owned()));
    }
}
