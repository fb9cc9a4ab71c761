//! One lead: its columns and what it says of the advertisement, as fields of a form.

use super::KEY;
use crate::web_form::{Malformed, Submission, flatten};
use serde_json::{Map, Value};
use tributary_core::time::Micros;

/// What a lead says besides the answers; ids are numbers or text.
const BESIDES: [&str; 8] = [
    "form_id",
    "campaign_id",
    "adgroup_id",
    "creative_id",
    "asset_group_id",
    "gcl_id",
    "lead_source",
    "lead_stage",
];

pub(super) fn read(post: &Map<String, Value>) -> Result<Submission, Malformed> {
    let text = |key: &str| post.get(key).and_then(Value::as_str).unwrap_or_default();
    if text("lead_id").is_empty() {
        return Err(Malformed::new("missing_id", "the lead has no lead_id"));
    }
    let mut submission = Submission {
        id: Some(text("lead_id").to_owned()),
        at: Micros::parse(text("lead_submit_time")),
        test: post.get("is_test").and_then(Value::as_bool).unwrap_or(false),
        ..Submission::default()
    };
    let Some(columns) = post.get("user_column_data").and_then(Value::as_array) else {
        return Err(Malformed::new("malformed_lead", "user_column_data is no list"));
    };
    for column in columns {
        // The name may be missing, and it changes with the form's language.
        let named = |key| column.get(key).and_then(Value::as_str).filter(|name: &&str| !name.is_empty());
        let name = named("column_id").or_else(|| named("column_name"));
        let name = name.ok_or(Malformed::new("malformed_lead", "an answer without column_id"))?;
        let value = column.get("string_value").cloned().unwrap_or_default();
        flatten(&mut submission, name, value)?;
    }
    for name in BESIDES {
        if let Some(value) = post.get(name) {
            flatten(&mut submission, name, value.clone())?;
        }
    }
    Ok(submission)
}

/// The lead without its key, which is a credential: everything else as it came, in the order of the names.
pub(super) fn without_key(body: &[u8], post: &Map<String, Value>) -> Vec<u8> {
    if !post.contains_key(KEY) {
        return body.to_vec();
    }
    let mut post = post.clone();
    post.remove(KEY);
    Value::Object(post).to_string().into_bytes()
}
