//! A post of any of the three forms as one list of fields, in order, and the files sent along.

use super::{charset, json, multipart, options::Options, urlencoded};
use crate::adapter::InboundRequest;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::borrow::Cow;
use tributary_core::{content::Attachment, time::Micros};

/// More fields than any form has; each becomes an entry of the event's content.
pub(super) const FIELDS_MAX: usize = 256;
/// Longest value of a field that is not a file: a long letter.
pub(super) const FIELD_BYTES_MAX: usize = 64 * 1024;
/// Longest name of a field, paths of nested JSON included.
pub(super) const NAME_BYTES_MAX: usize = 256;

/// Why a post is kept undecoded: broken, or beyond a limit.
#[derive(Debug)]
pub(crate) struct Malformed {
    /// Stable code.
    pub reason: &'static str,
    /// Where and what.
    pub detail: String,
}

impl Malformed {
    /// From its code and a detail without personal values.
    pub fn new(reason: &'static str, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

/// Why a post is no form.
pub(super) enum Unreadable {
    /// Not one of the three media types.
    MediaType,
    /// One of them, and not to be read.
    Malformed(Malformed),
}

impl From<Malformed> for Unreadable {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

/// Fields and files of one post.
#[derive(Default)]
pub(crate) struct Submission {
    pub fields: Vec<(String, String)>,
    pub files: Vec<Attachment>,
    /// The submission's id, where the source gives one outside its fields.
    pub id: Option<String>,
    /// When it was sent, where the source says so.
    pub at: Option<Micros>,
    /// A test of the source.
    pub test: bool,
    /// Whoever sent it sends too much.
    pub spam: bool,
}

impl Submission {
    /// Reads a post by its media type.
    pub(super) fn read(request: &InboundRequest<'_>, options: &Options) -> Result<Self, Unreadable> {
        let content_type = request.header("content-type").unwrap_or_default();
        let submission = match request.media_type().as_str() {
            "application/x-www-form-urlencoded" => Self::of_pairs(request.body, content_type, options)?,
            "multipart/form-data" => Self::of_parts(request.body, content_type, options)?,
            "application/json" => json::read(request.body)?,
            _ => return Err(Unreadable::MediaType),
        };
        if submission.fields.iter().all(|(_, value)| value.trim().is_empty()) && submission.files.is_empty() {
            return Err(Malformed::new("empty_form", "no field holds anything").into());
        }
        Ok(submission)
    }

    fn of_pairs(body: &[u8], content_type: &str, options: &Options) -> Result<Self, Malformed> {
        let pairs: Vec<_> = urlencoded::pairs(body).take(FIELDS_MAX + 1).collect();
        let raw = pairs.iter().map(|(name, value)| (&**name, &**value));
        let charset = charset::of(raw, content_type, options.charset);
        let mut submission = Self::default();
        for (name, value) in &pairs {
            submission.push(charset::text(name, charset), charset::text(value, charset))?;
        }
        Ok(submission)
    }

    fn of_parts(body: &[u8], content_type: &str, options: &Options) -> Result<Self, Malformed> {
        let boundary = multipart::parameter(content_type, "boundary").unwrap_or_default();
        let parts = multipart::parse(body, &boundary)
            .map_err(|error| Malformed::new("malformed_multipart", error.to_string()))?;
        let plain = parts.iter().filter(|p| p.file_name.is_none()).map(|p| (&*p.name, &*p.data));
        let charset = charset::of(plain, "", options.charset);
        let mut submission = Self::default();
        for part in &parts {
            let name = charset::text(&part.name, charset);
            match &part.file_name {
                None => submission.push(name, charset::text(&part.data, charset))?,
                Some(file) if file.is_empty() && part.data.is_empty() => {} // a file field left empty
                Some(file) => submission.files.push(Attachment {
                    kind: "file".to_owned(),
                    name: charset::text(file, charset),
                    media_type: part.content_type.clone(),
                    // The bytes stand in the raw request; this is how they are found again.
                    url: format!("sha256:{}", crate::digest::hex64(&part.data)),
                    size: Some(part.data.len() as u64),
                }),
            }
        }
        Ok(submission)
    }

    /// Appends a field within the limits.
    pub fn push(&mut self, name: String, value: String) -> Result<(), Malformed> {
        check_name(&name)?;
        if self.fields.len() == FIELDS_MAX {
            return Err(Malformed::new("too_many_fields", format!("more than {FIELDS_MAX} fields")));
        }
        if value.len() > FIELD_BYTES_MAX {
            return Err(Malformed::new(
                "field_too_long",
                format!("a field of more than {FIELD_BYTES_MAX} bytes"),
            ));
        }
        self.fields.push((name, value));
        Ok(())
    }

    /// The first value of this field that is not blank, trimmed.
    pub fn first(&self, name: &str) -> Option<&str> {
        let mut values = self.fields.iter().filter(|(n, _)| n == name).map(|(_, v)| v.trim());
        values.find(|value| !value.is_empty())
    }

    /// The first of these fields that is filled in.
    pub fn first_of(&self, names: &[String]) -> Option<&str> {
        names.iter().find_map(|name| self.first(name))
    }
}

/// Refuses names that no form has.
pub(super) fn check_name(name: &str) -> Result<(), Malformed> {
    if name.len() <= NAME_BYTES_MAX {
        return Ok(());
    }
    Err(Malformed::new("field_too_long", format!("a field's name of more than {NAME_BYTES_MAX} bytes")))
}

/// Undoes a part's transfer encoding; `None` if the content breaks it. Unknown encodings are left as they are.
pub(super) fn transfer_decoded<'a>(data: &'a [u8], encoding: &[u8]) -> Option<Cow<'a, [u8]>> {
    match encoding {
        b"base64" => {
            let packed: Vec<u8> = data.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
            STANDARD.decode(packed).ok().map(Cow::Owned)
        }
        b"quoted-printable" => {
            mail_parser::decoders::quoted_printable::quoted_printable_decode(data).map(Cow::Owned)
        }
        _ => Some(Cow::Borrowed(data)),
    }
}
