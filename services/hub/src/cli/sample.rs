//! Fills a sample's placeholders: `{{n}}`, the time as `{{ms}}`, `{{s}}` and `{{iso}}`, and words, `{{word}}` or
//! `{{word=default}}`, that can be overridden.

use std::fmt::Write as _;
use tributary_channels::adapter::Sample;
use tributary_core::time::Micros;

/// The body of the `n`-th request at `at`. A word without override or default becomes empty; values are escaped as the
/// sample's content type needs it, so that an override cannot break the payload.
#[must_use]
pub fn fill(sample: &Sample, n: u64, at: Micros, overrides: &[(&str, &str)]) -> Vec<u8> {
    let mut out = String::with_capacity(sample.body.len());
    let mut rest = sample.body;
    while let Some((before, word, after)) = placeholder(rest) {
        out.push_str(before);
        let (name, default) = word.split_once('=').unwrap_or((word, ""));
        let given = overrides.iter().rev().find(|(key, _)| *key == name);
        let value = match (given, name) {
            (Some((_, value)), _) => (*value).to_owned(),
            (None, "n") => n.to_string(),
            (None, "ms") => at.0.div_euclid(1_000).to_string(),
            (None, "s") => at.0.div_euclid(1_000_000).to_string(),
            (None, "iso") => at.to_string(),
            (None, _) => default.to_owned(),
        };
        push_escaped(&mut out, &value, sample.content_type);
        rest = after;
    }
    out.push_str(rest);
    out.into_bytes()
}

fn placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("{{")?;
    let (word, after) = rest.split_once("}}")?;
    Some((before, word, after))
}

fn push_escaped(out: &mut String, value: &str, content_type: &str) {
    match content_type.split(';').next().unwrap_or_default().trim() {
        json if json.ends_with("json") => {
            let quoted = serde_json::Value::from(value).to_string();
            out.push_str(quoted.get(1..quoted.len() - 1).unwrap_or_default());
        }
        "application/x-www-form-urlencoded" => {
            for byte in value.bytes() {
                if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
                    out.push(char::from(byte));
                } else {
                    let _ = write!(out, "%{byte:02X}");
                }
            }
        }
        _ => out.push_str(value),
    }
}

#[cfg(test)]
mod tests {
    use super::fill;
    use tributary_channels::adapter::Sample;
    use tributary_core::time::Micros;

    #[test]
    fn placeholders_are_filled_and_escaped() {
        for (content_type, body, want) in [
            (
                "application/json",
                "{\"n\": {{n}}, \"t\": \"{{text=hi}}\"}",
                "{\"n\": 7, \"t\": \"\\\"a\\\"&b\"}",
            ),
            ("application/json", "\"{{other=hi}}{{none}}\"", "\"hi\""),
            ("application/x-www-form-urlencoded; charset=utf-8", "t={{text}}&n={{n}}", "t=%22a%22%26b&n=7"),
            (
                "text/csv",
                "{{s}},{{ms}},{{iso}},{{text}}",
                "1772331120,1772331120123,2026-03-01T02:12:00.123Z,\"a\"&b",
            ),
            ("text/plain", "{{open", "{{open"),
        ] {
            let sample = Sample { name: "s", about: "", content_type, body };
            let filled = fill(&sample, 7, Micros::from_millis(1_772_331_120_123), &[("text", "\"a\"&b")]);
            assert_eq!(String::from_utf8(filled).unwrap(), want);
        }
    }
}
