//! One mail, read: the fields that matter, its text and its parts.

use super::{
    header::{Header, Mailbox, split},
    mime::{self, Node},
    sender, transfer,
};
use crate::digest::hex32;
use encoding_rs::Encoding;

/// Bytes of text kept in an event; the raw mail beside it keeps the rest. A record holds 768 KiB, of which the raw
/// request takes up to 512 KiB, and JSON may double a text that is kept twice (full and stripped).
pub const TEXT_MAX: usize = 48 * 1024;
/// Bytes of a subject; longer ones are broken or hostile.
const SUBJECT_MAX: usize = 1_000;

/// A mail as the adapter needs it.
pub struct Mail<'a> {
    /// Its header.
    pub header: Header,
    /// Its parts.
    pub root: Node<'a>,
    /// First address of `From`.
    pub from: Mailbox,
    /// Subject, decoded.
    pub subject: String,
    /// Text, at most [`TEXT_MAX`] bytes.
    pub text: String,
    /// Whether the text was cut.
    pub cut: bool,
    /// Digest of the Message-ID, or of the whole mail without one.
    pub id: String,
    /// Digest of the Message-ID that began the conversation.
    pub thread: String,
    /// Digest of the Message-ID it answers, may be empty.
    pub reply_to: String,
    /// Why it is no person speaking.
    pub automatic: Option<&'static str>,
    mailboxes: &'a [String],
}

/// First 16 bytes of SHA-256 in hexadecimal: Message-IDs may hold people's addresses, and a personal value is no key.
#[must_use]
pub fn digest(id: &str) -> String {
    hex32(id.trim().as_bytes())
}

impl<'a> Mail<'a> {
    /// Reads a mail; `None` if there is no header to recognise one by. `mailboxes` are our own addresses in lower
    /// case, and whole domains of ours with an `@` in front.
    #[must_use]
    pub fn read(raw: &'a [u8], fallback: &'static Encoding, mailboxes: &'a [String]) -> Option<Self> {
        let bytes = without_envelope_line(raw);
        let (head, body) = split(bytes);
        let first = Header::parse(head, "", fallback);
        if !first.is_mail() {
            return None;
        }
        // Raw 8-bit fields are written in the charset of the body more often than in any other.
        let kind = first.structured("content-type");
        let charset = kind.as_ref().and_then(|k| k.attribute("charset")).unwrap_or_default();
        let header = if charset.is_empty() || head.is_ascii() {
            first
        } else {
            Header::parse(head, charset, fallback)
        };
        let copy = Header::parse(head, charset, fallback);
        let root = mime::read(copy, body, fallback);
        let from = header.addresses("from").into_iter().next().unwrap_or_default();
        let automatic = sender::automatic(&header, &from);
        let (text, cut) = cleaned(&root.text(), TEXT_MAX);
        let own = header.ids("message-id").first().map(|id| digest(id));
        let id = own.unwrap_or_else(|| hex32(raw));
        let answered = header.ids("in-reply-to").first().map(|id| digest(id));
        let thread = header.ids("references").first().map(|id| digest(id));
        let thread = thread.or_else(|| answered.clone()).or_else(|| exchange_thread(&header));
        Some(Self {
            subject: cleaned(&header.text("subject"), SUBJECT_MAX).0,
            thread: thread.unwrap_or_else(|| id.clone()),
            reply_to: answered.unwrap_or_default(),
            header,
            root,
            from,
            text,
            cut,
            id,
            automatic,
            mailboxes,
        })
    }

    /// Whether this is one of our own addresses, sub-addresses (`help+tag@...`) and domains (`@staff.example`) included.
    #[must_use]
    pub fn is_ours(&self, address: &str) -> bool {
        let address = address.trim().to_lowercase();
        let plain = match (address.split_once('+'), address.rsplit_once('@')) {
            (Some((local, _)), Some((_, domain))) => format!("{local}@{domain}"),
            _ => address.clone(),
        };
        let domain = plain.rfind('@').and_then(|at| plain.get(at..)).unwrap_or_default();
        self.mailboxes.iter().any(|own| *own == address || *own == plain || *own == domain)
    }

    /// Everybody it was sent to except ourselves, each once.
    #[must_use]
    pub fn others(&self) -> Vec<Mailbox> {
        let mut found: Vec<Mailbox> = Vec::new();
        for to in ["to", "cc", "bcc"].iter().flat_map(|name| self.header.addresses(name)) {
            let known = found.iter().any(|m| m.address.eq_ignore_ascii_case(&to.address));
            if to.address.contains('@') && !known && !self.is_ours(&to.address) {
                found.push(to);
            }
        }
        found
    }
}

/// The conversation that Exchange names where it gives no References: the first 22 bytes of `Thread-Index`, which each
/// reply makes longer. A first mail is named by its Message-ID, because that is what others answer to.
fn exchange_thread(header: &Header) -> Option<String> {
    const CONVERSATION: usize = 22;
    let index = transfer::base64(header.get("thread-index")?.as_bytes());
    if index.len() <= CONVERSATION {
        return None;
    }
    index.get(..CONVERSATION).map(hex32)
}

/// Mailbox files put a line `From sender date` before the mail.
fn without_envelope_line(raw: &[u8]) -> &[u8] {
    let raw = raw.strip_prefix(b"\xef\xbb\xbf").unwrap_or(raw);
    let lines = raw.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
    let raw = raw.get(lines..).unwrap_or_default();
    let sender = raw.strip_prefix(b">").unwrap_or(raw).strip_prefix(b"From ");
    // `From  : a@b` is a field in an old spelling.
    if sender.is_some_and(|sender| !sender.trim_ascii_start().starts_with(b":")) {
        let end = raw.iter().position(|b| *b == b'\n').map_or(raw.len(), |at| at + 1);
        return raw.get(end..).unwrap_or_default();
    }
    raw
}

/// Without control characters, with plain line ends, cut at a character; and whether it was cut.
fn cleaned(text: &str, max: usize) -> (String, bool) {
    let mut out = String::with_capacity(text.len().min(max));
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    for c in text.trim().chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')) {
        if out.len() + c.len_utf8() > max {
            return (out, true);
        }
        out.push(c);
    }
    (out, false)
}
