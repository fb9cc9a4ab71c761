//! Filling sample payloads: what `channel trigger`, the load test and the conformance kit send.

use crate::adapter::Sample;
use tributary_core::time::Micros;

/// The sample's body with its placeholders filled: `{{n}}` the running number, `{{ms}}`, `{{s}}`, `{{iso}}` the time,
/// `{{word}}` an override, `{{word=default}}` an override or else the default. A word without either becomes empty. Values
/// are escaped for JSON or form bodies by the sample's content type.
#[must_use]
pub fn fill(sample: &Sample, n: u64, at: Micros, overrides: &[(&str, &str)]) -> Vec<u8> {
    let mut out = String::with_capacity(sample.body.len() + 64);
    let mut rest = sample.body;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((word, next)) = after.split_once("}}") else { break };
        out.push_str(before);
        let (name, default) = word.split_once('=').unwrap_or((word, ""));
        let given = overrides.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
        let value = match (given, name) {
            (Some(value), _) => value.to_owned(),
            (None, "n") => n.to_string(),
            (None, "ms") => at.0.div_euclid(1_000).to_string(),
            (None, "s") => at.0.div_euclid(1_000_000).to_string(),
            (None, "iso") => at.to_string(),
            (None, _) => default.to_owned(),
        };
        escape(&mut out, &value, sample.content_type);
        rest = next;
    }
    out.push_str(rest);
    out.into_bytes()
}

fn escape(out: &mut String, value: &str, content_type: &str) {
    let media = content_type.split(';').next().unwrap_or_default();
    if media.ends_with("json") {
        let quoted = serde_json::Value::from(value).to_string();
        out.push_str(quoted.get(1..quoted.len() - 1).unwrap_or_default());
    } else if media == "application/x-www-form-urlencoded" {
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
                out.push(char::from(byte));
            } else {
                out.push_str(&format!("%{byte:02X}"));
            }
        }
    } else {
        out.push_str(value);
    }
}

#[cfg(test)]
mod tests {
    use super::fill;
    use crate::adapter::Sample;
    use tributary_core::time::Micros;

    #[test]
    fn placeholders_are_filled_and_escaped() {
        let mut sample = Sample { name: "s", about: "", content_type: "application/json", body: "" };
        let at = Micros::from_millis(1_772_331_120_123);
        for (content_type, body, want) in [
            ("application/json", r#"{"n":{{n}},"t":"{{text=a b}}"}"#, r#"{"n":7,"t":"say \"hi\"\n"}"#),
            ("application/x-www-form-urlencoded", "n={{n}}&t={{text}}", "n=7&t=say%20%22hi%22%0A"),
            ("text/csv", "{{s}},{{ms}},{{iso}}", "1772331120,1772331120123,2026-03-01T02:12:00.123Z"),
            ("text/plain", "{{other=x=y}}{{none}}{{open", "x=y{{open"),
        ] {
            (sample.content_type, sample.body) = (content_type, body);
            let filled = fill(&sample, 7, at, &[("text", "say \"hi\"\n")]);
            assert_eq!(String::from_utf8_lossy(&filled), want);
        }
    }
}
