//! A mail from what a provider made of it. The header stays as it was sent; the body is one text and the files, without
//! encodings. The same post gives the same bytes.

use super::super::header::Header;
use super::Unreadable;
use crate::digest::hex32;
use std::borrow::Cow;

/// Fields that describe the body as it was sent, not the one that is composed.
const OF_THE_BODY: [&str; 4] =
    ["content-type", "content-transfer-encoding", "content-disposition", "mime-version"];
/// Without any of these there is nothing to recognise a mail by.
const OF_A_MAIL: [&str; 6] = ["from", "message-id", "date", "subject", "to", "received"];

/// A mail in pieces.
#[derive(Default)]
pub struct Pieces<'a> {
    /// Fields of the header, values raw and without line ends.
    pub header: Vec<(String, Vec<u8>)>,
    /// Plain text.
    pub text: String,
    /// HTML, which counts where there is no plain text.
    pub html: String,
    /// Files.
    pub files: Vec<File<'a>>,
}

/// A file that came with it.
pub struct File<'a> {
    /// Name.
    pub name: String,
    /// Media type.
    pub media_type: String,
    /// Content.
    pub data: Cow<'a, [u8]>,
}

impl Pieces<'_> {
    /// Whether the header has this lower-case field.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.header.iter().any(|(n, _)| n.eq_ignore_ascii_case(name))
    }

    /// Adds a field that the header does not have yet.
    pub fn fill(&mut self, name: &str, value: &str) {
        if !value.trim().is_empty() && !self.has(&name.to_ascii_lowercase()) {
            self.header.push((name.to_owned(), value.as_bytes().to_vec()));
        }
    }

    /// The fields of a header as text, folded lines joined.
    pub fn read_header(&mut self, block: &[u8]) {
        for line in block.split(|b| *b == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.first().is_some_and(|b| matches!(b, b' ' | b'\t')) {
                if let Some((_, value)) = self.header.last_mut() {
                    value.push(b' ');
                    value.extend_from_slice(line.trim_ascii());
                }
            } else if let Some(colon) = line.iter().position(|b| *b == b':') {
                let (name, value) = line.split_at(colon);
                let name = String::from_utf8_lossy(name.trim_ascii()).into_owned();
                self.header.push((name, value.get(1..).unwrap_or_default().trim_ascii().to_vec()));
            }
        }
    }

    /// The mail.
    ///
    /// # Errors
    /// [`Unreadable::Malformed`] without any field of a mail.
    pub fn mail(&self) -> Result<Vec<u8>, Unreadable> {
        if !OF_A_MAIL.iter().any(|name| self.has(name)) {
            let detail = "neither sender nor subject nor any other field of a mail".to_owned();
            return Err(Unreadable::Malformed("not_a_mail", detail));
        }
        let mut out = Vec::new();
        for (name, value) in &self.header {
            let known = OF_THE_BODY.iter().any(|body| name.eq_ignore_ascii_case(body));
            if !known && !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && b != b':') {
                line(&mut out, name.as_bytes(), value);
            }
        }
        let boundary = self.boundary();
        line(&mut out, b"MIME-Version", b"1.0");
        line(&mut out, b"Content-Type", format!("{}; boundary={boundary}", self.kind()).as_bytes());
        let (kind, text) =
            if self.text.trim().is_empty() { ("html", &self.html) } else { ("plain", &self.text) };
        out.extend_from_slice(format!("\r\n--{boundary}\r\n").as_bytes());
        line(&mut out, b"Content-Type", format!("text/{kind}; charset=utf-8").as_bytes());
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(text.as_bytes());
        for file in &self.files {
            out.extend_from_slice(format!("\r\n--{boundary}\r\n").as_bytes());
            line(&mut out, b"Content-Type", media_type(&file.media_type).as_bytes());
            let name: String =
                file.name.chars().map(|c| if matches!(c, '"' | '\\') { '_' } else { c }).collect();
            // What a mail system reports is read by its type; everything else is a file.
            if !file.media_type.starts_with("message/") || !name.trim().is_empty() {
                line(&mut out, b"Content-Disposition", format!("attachment; filename=\"{name}\"").as_bytes());
            }
            out.extend_from_slice(b"\r\n");
            out.extend_from_slice(&file.data);
        }
        out.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        Ok(out)
    }

    /// Reports of mail systems are known by the type of the whole.
    fn kind(&self) -> &'static str {
        let sent = self.header.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        let Some((_, value)) = sent else { return "multipart/mixed" };
        let header = Header::parse(&[b"content-type: ", value.as_slice()].concat(), "", encoding_rs::UTF_8);
        let kind = header.structured("content-type");
        let report = kind.as_ref().is_some_and(|k| k.ctype() == "multipart" && k.subtype() == Some("report"));
        match kind.as_ref().and_then(|k| k.attribute("report-type")).map(str::to_ascii_lowercase).as_deref() {
            _ if !report => "multipart/mixed",
            Some("delivery-status") => "multipart/report; report-type=delivery-status",
            Some("feedback-report") => "multipart/report; report-type=feedback-report",
            Some("disposition-notification") => "multipart/report; report-type=disposition-notification",
            _ => "multipart/report",
        }
    }

    /// A line that stands in no piece: nobody can write a text that holds the digest of itself.
    fn boundary(&self) -> String {
        let mut all = Vec::new();
        for piece in [self.text.as_bytes(), self.html.as_bytes()]
            .into_iter()
            .chain(self.files.iter().map(|f| &*f.data))
        {
            all.extend_from_slice(hex32(piece).as_bytes());
        }
        format!("tributary-{}", hex32(&all))
    }
}

fn line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend(value.iter().map(|b| if matches!(b, b'\r' | b'\n' | 0) { b' ' } else { *b }));
    out.extend_from_slice(b"\r\n");
}

/// Providers pass on what the sender wrote; a multipart without its boundary would be split anew.
fn media_type(given: &str) -> &str {
    let fits = given.contains('/') && !given.to_ascii_lowercase().starts_with("multipart/");
    if fits { given } else { "application/octet-stream" }
}
