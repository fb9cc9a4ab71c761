//! Small helpers for hostile JSON.

/// The JSON text with every escape of half a surrogate pair (`\ud83e` alone) replaced by `\ufffd`; `None` if there is none.
/// Providers cut texts at a number of UTF-16 units and so inside an emoji; strict parsers refuse the whole text then.
#[must_use]
pub fn without_lone_surrogates(json: &str) -> Option<String> {
    let bytes = json.as_bytes();
    let mut out = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(found) = bytes.get(at..).and_then(|rest| rest.iter().position(|b| *b == b'\\')) {
        let escape = at + found;
        at = escape + 2;
        match (unit(bytes, escape), unit(bytes, escape + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => at = escape + 12,
            (Some(0xd800..=0xdfff), _) => {
                out.push_str(json.get(copied..escape)?);
                out.push_str("\\ufffd");
                at = escape + 6;
                copied = at;
            }
            _ => {}
        }
    }
    if copied == 0 {
        return None;
    }
    out.push_str(json.get(copied..)?);
    Some(out)
}

/// The UTF-16 unit of the escape `\uXXXX` that starts at `at`.
fn unit(bytes: &[u8], at: usize) -> Option<u16> {
    let escape = bytes.get(at..at + 6)?;
    let digits = std::str::from_utf8(escape.strip_prefix(b"\\u")?).ok()?;
    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::without_lone_surrogates;

    #[test]
    fn only_half_pairs_are_replaced() {
        for (json, want) in [
            (r#""\ud83e\udd28""#, None),
            (r#""\\ud83e""#, None),
            (r#""a\ud83e""#, Some(r#""a\ufffd""#)),
            (r#""\udd28\ud83e\ud83e\udd28z""#, Some(r#""\ufffd\ufffd\ud83e\udd28z""#)),
            (r#""\u12"#, None),
            ("\\", None),
        ] {
            assert_eq!(without_lone_surrogates(json).as_deref(), want, "{json}");
        }
    }
}
