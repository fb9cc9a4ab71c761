//! Bytes to text. Labels in mail are often wrong or missing, so a label is believed only where the bytes agree with it.

use encoding_rs::Encoding;
use mail_parser::decoders::charsets::map::charset_decoder;

/// Names that mail programs write and the WHATWG list does not know, with what they mean.
const ALIASES: [(&str, &str); 8] = [
    ("cp950", "big5"),
    ("ms950", "big5"),
    ("windows-950", "big5"),
    ("cp936", "gb18030"),
    ("ms936", "gb18030"),
    ("cp932", "shift_jis"),
    ("cp949", "euc-kr"),
    ("ks_c_5601", "euc-kr"),
];

/// The encoding of this label, if it is known. GB2312 means GBK, as it does in practice.
#[must_use]
pub fn encoding(label: &str) -> Option<&'static Encoding> {
    let label = label.trim().trim_matches(['"', '\'']);
    let alias = ALIASES.iter().find(|(name, _)| name.eq_ignore_ascii_case(label)).map(|(_, to)| *to);
    Encoding::for_label(alias.unwrap_or(label).as_bytes())
}

/// The text of these bytes, tried in this order: UTF-8 where the bytes prove it, the label, the fallback, UTF-8 with
/// replacement characters. Never fails.
#[must_use]
pub fn decode(bytes: &[u8], label: &str, fallback: &'static Encoding) -> String {
    if has_escape(bytes) {
        return encoding_rs::ISO_2022_JP.decode_without_bom_handling(bytes).0.into_owned();
    }
    // "ASCII" over 8-bit bytes is no statement.
    let ascii = ["us-ascii", "ascii"].iter().any(|name| label.eq_ignore_ascii_case(name));
    let label = if ascii { "" } else { label };
    let declared = encoding(label);
    if let Ok(text) = std::str::from_utf8(bytes) {
        // Valid UTF-8 is UTF-8, except where a 7-bit encoding says otherwise.
        let seven_bit = bytes.is_ascii() && !label.is_empty() && !is_ascii_compatible(label);
        if !seven_bit {
            return text.strip_prefix('\u{feff}').unwrap_or(text).to_owned();
        }
    }
    if let Some(encoding) = declared.filter(|e| *e != encoding_rs::REPLACEMENT) {
        let (text, broken) = encoding.decode_without_bom_handling(bytes);
        if !broken || encoding == fallback {
            return text.into_owned();
        }
        let (other, still_broken) = fallback.decode_without_bom_handling(bytes);
        return if still_broken { text.into_owned() } else { other.into_owned() };
    }
    if !label.is_empty()
        && let Some(decoder) = charset_decoder(label.as_bytes())
    {
        return decoder(bytes);
    }
    fallback.decode_without_bom_handling(bytes).0.into_owned()
}

/// ISO-2022-JP announces itself by its escape sequences, whatever the label says.
fn has_escape(bytes: &[u8]) -> bool {
    bytes.windows(3).any(|w| matches!(w, [0x1b, b'$', b'@' | b'B'] | [0x1b, b'(', b'I' | b'J']))
}

fn is_ascii_compatible(label: &str) -> bool {
    let label = label.to_ascii_lowercase();
    !(label.starts_with("utf-7") || label.starts_with("utf-16") || label.starts_with("unicode-1-1-utf-7"))
}
