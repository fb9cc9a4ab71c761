//! How a file's text is laid out, from the channel's settings.

use crate::settings::{Settings, SettingsError};
use encoding_rs::Encoding;

/// Bytes that the header may come to when it is repeated in the raw request of every row.
const REPEATED_MAX: usize = 256 * 1024 * 1024;
/// And so many times the file's own: a good row has a byte for each column, and names of columns are short.
const REPEATED_TIMES_MAX: usize = 64;
/// What short files may come to whatever they hold.
const REPEATED_ANYWAY: usize = 16 * 1024 * 1024;

/// Whether a header of this length is too long to be repeated so many times for a file of `whole` bytes.
#[must_use]
pub fn is_too_long(header: usize, times: usize, whole: usize) -> bool {
    let allowed = whole.saturating_mul(REPEATED_TIMES_MAX).clamp(REPEATED_ANYWAY, REPEATED_MAX);
    header.saturating_mul(times) > allowed
}

/// What separates the values of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delimiter {
    /// One ASCII character; quotes protect it.
    Byte(u8),
    /// Runs of spaces and tabs; no quotes.
    Spaces,
}

/// Character set, delimiter and sheet of a file.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Of files without a byte-order mark.
    pub charset: &'static Encoding,
    /// Of files that are no workbooks.
    pub delimiter: Delimiter,
    /// Name of a workbook's sheet; empty = the first.
    pub sheet: String,
}

impl Layout {
    /// Reads `charset`, `delimiter` and `sheet`.
    ///
    /// # Errors
    /// [`SettingsError`] naming the one that is wrong.
    pub fn read(settings: &mut Settings) -> Result<Self, SettingsError> {
        Ok(Self {
            charset: charset(settings)?,
            delimiter: delimiter(settings)?,
            sheet: settings.text("sheet")?.unwrap_or_default(),
        })
    }
}

fn charset(settings: &mut Settings) -> Result<&'static Encoding, SettingsError> {
    match settings.text("charset")?.as_deref() {
        None | Some("utf-8") => Ok(encoding_rs::UTF_8),
        Some("big5") => Ok(encoding_rs::BIG5),
        Some("gb18030") => Ok(encoding_rs::GB18030),
        Some(_) => Err(SettingsError::new("charset", "must be \"utf-8\" or \"big5\" or \"gb18030\"")),
    }
}

fn delimiter(settings: &mut Settings) -> Result<Delimiter, SettingsError> {
    let text = settings.text("delimiter")?.unwrap_or_else(|| ",".to_owned());
    match text.as_bytes() {
        b"space" => Ok(Delimiter::Spaces),
        b"tab" => Ok(Delimiter::Byte(b'\t')),
        [byte] if (byte.is_ascii_punctuation() && *byte != b'"') || *byte == b'\t' => {
            Ok(Delimiter::Byte(*byte))
        }
        _ => Err(SettingsError::new("delimiter", "must be one ASCII character, \"tab\" or \"space\"")),
    }
}
