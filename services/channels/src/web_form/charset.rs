//! Which charset a post is in: the page's `_charset_` field, else the request's parameter, else the setting.

use encoding_rs::Encoding;

/// Field that browsers fill in with the page's charset when a form has it.
pub(super) const CHARSET_FIELD: &str = "_charset_";

/// The charset of a post with these raw fields.
pub(super) fn of<'a>(
    mut fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    content_type: &str,
    default: &'static Encoding,
) -> &'static Encoding {
    let field = fields.find(|(name, _)| *name == CHARSET_FIELD.as_bytes());
    field
        .and_then(|(_, label)| usable(label))
        .or_else(|| usable(super::multipart::parameter(content_type, "charset")?.as_bytes()))
        .unwrap_or(default)
}

/// Charsets in which ASCII is not ASCII cannot be those of a form.
fn usable(label: &[u8]) -> Option<&'static Encoding> {
    Encoding::for_label(label).filter(|e| e.is_ascii_compatible())
}

/// The text; what cannot be read becomes U+FFFD, the bytes stay in the raw request.
pub(super) fn text(bytes: &[u8], charset: &'static Encoding) -> String {
    charset.decode_without_bom_handling(bytes).0.into_owned()
}
