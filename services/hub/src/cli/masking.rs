//! Masks identifiers in an answer before a table shows it.

use serde_json::Value as Json;
use tributary_core::normalise::mask;

/// Fields of a profile that hold an identifier, with its type.
const PROFILE: [(&str, &str); 2] = [("email", "email"), ("telephone", "phone")];

/// The answer with every `{type, value}`, e-mail and telephone masked.
#[must_use]
pub fn masked(answer: &Json) -> Json {
    match answer {
        Json::Array(items) => items.iter().map(masked).collect(),
        Json::Object(fields) => {
            let kind = fields.get("type").and_then(Json::as_str);
            fields.iter().map(|(key, value)| (key.clone(), field(kind, key, value))).collect()
        }
        other => other.clone(),
    }
}

fn field(kind: Option<&str>, key: &str, value: &Json) -> Json {
    if key == "agent_link" {
        // The address holds the person's id at the source.
        return "…".into();
    }
    let profile = PROFILE.iter().find(|(name, _)| *name == key).map(|(_, kind)| *kind);
    let kind = if matches!(key, "value" | "raw" | "plain") { kind } else { profile };
    match (kind, value) {
        (Some(kind), Json::String(text)) => mask(kind, text).into(),
        _ => masked(value),
    }
}

#[cfg(test)]
mod tests {
    use super::masked;
    use serde_json::json;

    #[test]
    fn identifiers_are_masked_wherever_they_stand() {
        let answer = json!({
            "id": "cus_a", "profile": {"name": "陳美玲", "email": "mei@shop.example", "telephone": "+886912345678"},
            "identifiers": [{"type": "phone", "scope": "", "value": "+886912345678", "raw": "0912-345-678"}],
            "links": [{"with": {"type": "member", "value": "M-000123"}}],
            "traits": {"tier": {"value": "gold"}}, "agent_link": "https://desk.example/U1"});
        let want = json!({
            "id": "cus_a", "profile": {"name": "陳美玲", "email": "m***@shop.example", "telephone": "+886******678"},
            "identifiers": [{"type": "phone", "scope": "", "value": "+886******678", "raw": "…"}],
            "links": [{"with": {"type": "member", "value": "M…23"}}],
            "traits": {"tier": {"value": "gold"}}, "agent_link": "…"});
        assert_eq!(masked(&answer), want);
    }
}
