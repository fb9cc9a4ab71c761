//! The parts of a mail as a shallow tree: split at boundaries, transfer encodings and charsets undone only for text.
//! Nested mails stay bytes; nothing is recursed into deeper than [`DEPTH_MAX`].

use super::{
    charset,
    header::{Header, split},
    transfer,
};
use crate::digest::hex64;
use encoding_rs::Encoding;
use mail_parser::decoders::html::html_to_text;
use tributary_core::content::Attachment;

/// Levels of multipart inside multipart; mail programs use three or four.
pub const DEPTH_MAX: usize = 8;
/// Parts of one mail; a mail with a hundred pictures is still read, the rest is counted nowhere but kept in the raw mail.
pub const PARTS_MAX: usize = 100;
/// Bytes of one text part that are decoded; what a person wrote is far below, and the raw mail keeps the rest.
const TEXT_SOURCE_MAX: usize = 1024 * 1024;
/// Characters kept of a file name.
const NAME_MAX: usize = 200;

/// A leaf: its header and its bytes as they stand in the mail.
pub struct Part<'a> {
    /// Its own header.
    pub header: Header,
    /// `text/plain`, lower case.
    pub media_type: String,
    charset: String,
    name: String,
    attached: bool,
    body: &'a [u8],
    fallback: &'static Encoding,
}

/// A node of the tree.
pub enum Node<'a> {
    /// No further parts.
    Leaf(Part<'a>),
    /// `multipart/*` with its subtype.
    Multi(String, Vec<Node<'a>>),
}

/// Reads the parts of a mail whose header is `header`.
#[must_use]
pub fn read<'a>(header: Header, body: &'a [u8], fallback: &'static Encoding) -> Node<'a> {
    let mut room = PARTS_MAX;
    node(header, body, fallback, 0, &mut room)
}

fn node<'a>(
    header: Header,
    body: &'a [u8],
    fallback: &'static Encoding,
    depth: usize,
    room: &mut usize,
) -> Node<'a> {
    let kind = header.structured("content-type");
    if let Some(kind) = kind.as_ref().filter(|k| k.ctype() == "multipart" && depth < DEPTH_MAX)
        && let Some(boundary) = kind.attribute("boundary").filter(|b| !b.is_empty())
    {
        let pieces = pieces(body, boundary.as_bytes());
        if !pieces.is_empty() {
            let mut children = Vec::new();
            for piece in pieces {
                let Some(left) = room.checked_sub(1) else { break };
                *room = left;
                let (head, body) = split(piece);
                children.push(node(Header::parse(head, "", fallback), body, fallback, depth + 1, room));
            }
            return Node::Multi(kind.subtype().unwrap_or_default().to_owned(), children);
        }
    }
    let attribute = |name| kind.as_ref().and_then(|k| k.attribute(name)).unwrap_or_default().to_owned();
    let disposition = header.structured("content-disposition");
    let file = disposition.as_ref().and_then(|d| d.attribute("filename")).map(str::to_owned);
    let media_type = match &kind {
        Some(kind) if kind.ctype() == "multipart" => "text/plain".to_owned(), // a boundary that never comes
        Some(kind) => format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or("plain")),
        None => "text/plain".to_owned(),
    };
    let name = decoded_name(&file.unwrap_or_else(|| attribute("name")));
    let attached = disposition.is_some_and(|d| d.ctype() == "attachment") || (depth > 0 && !name.is_empty());
    Node::Leaf(Part { media_type, charset: attribute("charset"), name, attached, body, header, fallback })
}

/// File names come as encoded words inside quotes, which the standard forbids and everybody sends.
fn decoded_name(name: &str) -> String {
    let header = Header::parse(format!("n: {name}").as_bytes(), "", encoding_rs::UTF_8);
    header.text("n").chars().filter(|c| !c.is_control()).take(NAME_MAX).collect()
}

/// What lies between the boundary lines; a missing last one is forgiven.
fn pieces<'a>(body: &'a [u8], boundary: &[u8]) -> Vec<&'a [u8]> {
    let mut found = Vec::new();
    let (mut at, mut start) = (0, None);
    while at < body.len() && found.len() <= PARTS_MAX {
        let rest = body.get(at..).unwrap_or_default();
        let end = rest.iter().position(|b| *b == b'\n').map_or(body.len(), |n| at + n + 1);
        let line = body.get(at..end).unwrap_or_default();
        let tail =
            line.strip_prefix(b"--").and_then(|l| l.strip_prefix(boundary)).map(<[u8]>::trim_ascii_end);
        if let Some(tail @ (b"" | b"--")) = tail {
            found.extend(start.and_then(|start| body.get(start..at)).map(without_last_break));
            start = Some(end);
            if tail == b"--" {
                return found;
            }
        }
        at = end;
    }
    found.extend(start.and_then(|start| body.get(start..)).filter(|piece| !piece.is_empty()));
    found
}

/// The line break before a boundary belongs to the boundary.
fn without_last_break(piece: &[u8]) -> &[u8] {
    let piece = piece.strip_suffix(b"\n").unwrap_or(piece);
    piece.strip_suffix(b"\r").unwrap_or(piece)
}

impl Part<'_> {
    /// The bytes with the transfer encoding undone, from at most [`TEXT_SOURCE_MAX`] bytes.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let source = self.body.get(..TEXT_SOURCE_MAX).unwrap_or(self.body);
        match self.header.lower("content-transfer-encoding").trim() {
            "base64" if transfer::is_base64(source) => transfer::base64(source),
            "quoted-printable" => transfer::quoted_printable(source),
            _ => source.to_vec(),
        }
    }

    /// The text, HTML turned to plain text.
    #[must_use]
    pub fn text(&self) -> String {
        let bytes = self.bytes();
        let text = charset::decode(&bytes, &self.charset, self.fallback);
        if self.media_type == "text/html" { html_to_text(&text) } else { text }
    }

    fn is_text(&self) -> bool {
        !self.attached && matches!(self.media_type.as_str(), "text/plain" | "text/html" | "text/enriched")
    }

    fn size(&self) -> u64 {
        match self.header.lower("content-transfer-encoding").trim() {
            "base64" => transfer::base64_len(self.body),
            _ => self.body.len() as u64,
        }
    }

    /// SHA-256 of the whole content, its transfer encoding undone: the same file is known again, whoever sends it.
    fn digest(&self) -> String {
        match self.header.lower("content-transfer-encoding").trim() {
            "base64" if transfer::is_base64(self.body) => hex64(&transfer::base64(self.body)),
            "quoted-printable" => hex64(&transfer::quoted_printable(self.body)),
            _ => hex64(self.body),
        }
    }

    fn attachment(&self) -> Attachment {
        let tnef = matches!(self.media_type.as_str(), "application/ms-tnef" | "application/vnd.ms-tnef");
        let kind = match self.media_type.split('/').next().unwrap_or_default() {
            _ if tnef || self.name.eq_ignore_ascii_case("winmail.dat") => "tnef",
            kind @ ("image" | "audio" | "video" | "message") => kind,
            _ => "file",
        };
        Attachment {
            kind: kind.to_owned(),
            name: self.name.clone(),
            media_type: self.media_type.chars().take(NAME_MAX).collect(),
            url: format!("sha256:{}", self.digest()),
            size: Some(self.size()),
        }
    }
}

impl<'a> Node<'a> {
    /// All leaves in order.
    #[must_use]
    pub fn leaves(&self) -> Vec<&Part<'a>> {
        match self {
            Self::Leaf(part) => vec![part],
            Self::Multi(_, children) => children.iter().flat_map(Self::leaves).collect(),
        }
    }

    /// The first leaf of one of these media types.
    #[must_use]
    pub fn find(&self, media_types: &[&str]) -> Option<&Part<'a>> {
        self.leaves().into_iter().find(|part| media_types.contains(&part.media_type.as_str()))
    }

    /// What the mail says: plain text where there is some, otherwise its HTML as text.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Leaf(part) if part.is_text() => part.text(),
            Self::Leaf(_) => String::new(),
            Self::Multi(kind, children) if kind == "alternative" => {
                let plain =
                    children.iter().filter(|c| c.has_plain()).map(Self::text).find(|t| !t.trim().is_empty());
                let any = || children.iter().rev().map(Self::text).find(|t| !t.trim().is_empty());
                plain.or_else(any).unwrap_or_default()
            }
            Self::Multi(_, children) => {
                let texts: Vec<String> =
                    children.iter().map(Self::text).filter(|t| !t.trim().is_empty()).collect();
                texts.join("\n")
            }
        }
    }

    fn has_plain(&self) -> bool {
        self.leaves().iter().any(|part| part.media_type == "text/plain" && part.is_text())
    }

    /// Everything that is not the text.
    #[must_use]
    pub fn attachments(&self) -> Vec<Attachment> {
        self.leaves().into_iter().filter(|part| !part.is_text()).map(Part::attachment).collect()
    }
}
