//! The forms that providers post: multipart or url-encoded, fields and files by name.

use super::{MULTIPART, Unreadable};
use crate::{
    adapter::{InboundRequest, Outbound},
    digest::hex32,
    web_form::{multipart, urlencoded},
};
use std::borrow::Cow;

/// Fields and files of one post: some thirty fields, and as many files as a mail has parts.
const PARTS_MAX: usize = 256;

/// A field or file.
pub struct Entry<'a> {
    /// Name.
    pub name: String,
    /// File name of a file, raw.
    pub file_name: Option<Vec<u8>>,
    /// Media type of a file.
    pub media_type: String,
    /// Value or content.
    pub data: Cow<'a, [u8]>,
}

/// One post.
pub struct Form<'a> {
    entries: Vec<Entry<'a>>,
}

impl<'a> Form<'a> {
    /// Reads a post by its media type.
    ///
    /// # Errors
    /// [`Unreadable::Malformed`] if it breaks its format or has more than [`PARTS_MAX`] parts.
    pub fn read(request: &InboundRequest<'a>) -> Result<Self, Unreadable> {
        let content_type = request.header("content-type").unwrap_or_default();
        let name = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        if request.media_type() == MULTIPART {
            let boundary = multipart::parameter(content_type, "boundary").unwrap_or_default();
            let parts = multipart::parse_up_to(request.body, &boundary, PARTS_MAX)
                .map_err(|error| Unreadable::Malformed("malformed_multipart", error.to_string()))?;
            let entry = |part: multipart::Part<'a>| Entry {
                name: name(&part.name),
                file_name: part.file_name,
                media_type: part.content_type,
                data: part.data,
            };
            return Ok(Self { entries: parts.into_iter().map(entry).collect() });
        }
        let mut entries = Vec::new();
        for (field, data) in urlencoded::pairs(request.body) {
            if entries.len() == PARTS_MAX {
                let detail = format!("more than {PARTS_MAX} fields");
                return Err(Unreadable::Malformed("too_many_fields", detail));
            }
            entries.push(Entry { name: name(&field), file_name: None, media_type: String::new(), data });
        }
        Ok(Self { entries })
    }

    /// The raw value of the first field of this name.
    #[must_use]
    pub fn bytes(&self, name: &str) -> Option<&[u8]> {
        self.entries.iter().find(|e| e.name == name).map(|e| &*e.data)
    }

    /// The same as text.
    #[must_use]
    pub fn text(&self, name: &str) -> String {
        String::from_utf8_lossy(self.bytes(name).unwrap_or_default()).into_owned()
    }

    /// The value of the first field of this name, taken out.
    #[must_use]
    pub fn take(mut self, name: &str) -> Option<Cow<'a, [u8]>> {
        let at = self.entries.iter().position(|e| e.name == name)?;
        Some(self.entries.swap_remove(at).data)
    }

    /// Everything, in order.
    pub fn entries(&self) -> impl Iterator<Item = &Entry<'a>> {
        self.entries.iter()
    }
}

/// Makes the request a multipart form of these fields; `None` is its body so far.
pub fn wrap(request: &mut Outbound, fields: &[(&str, Option<&str>)]) {
    let boundary = format!("tributary-{}", hex32(&request.body));
    let mut body = Vec::with_capacity(request.body.len() + 512);
    for (name, value) in fields {
        body.extend_from_slice(
            format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n").as_bytes(),
        );
        body.extend_from_slice(value.map_or(&request.body, str::as_bytes));
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    request.body = body;
    set_type(request, format!("{MULTIPART}; boundary={boundary}"));
}

/// Replaces the content type.
pub fn set_type(request: &mut Outbound, content_type: String) {
    match request.headers.iter_mut().find(|(name, _)| name == "content-type") {
        Some((_, value)) => *value = content_type,
        None => request.headers.push(("content-type".into(), content_type)),
    }
}
