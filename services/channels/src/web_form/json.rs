//! JSON posts as flat fields: `{"a": {"b": ["x"]}}` is the field `a.b.0`. Lists of form services whose elements name
//! themselves (Google Ads `column_id`, Typeform `field.ref`) use that name instead of the place, which is not stable.

use super::submission::{Malformed, Submission};
use serde_json::{Map, Value};

pub(super) fn read(body: &[u8]) -> Result<Submission, Malformed> {
    let object = object(body)?;
    let mut submission = Submission::default();
    for (name, value) in object {
        flatten(&mut submission, &name, value)?;
    }
    Ok(submission)
}

/// The object that a body is; text that was cut inside an emoji is read with a replacement character.
pub(crate) fn object(body: &[u8]) -> Result<Map<String, Value>, Malformed> {
    let parsed = serde_json::from_slice::<Map<String, Value>>(body).or_else(|error| {
        let text = std::str::from_utf8(body).ok().and_then(crate::json::without_lone_surrogates);
        text.and_then(|text| serde_json::from_str(&text).ok()).ok_or(error)
    });
    parsed.map_err(|e| {
        let detail = format!("not a JSON object, line {}, column {}", e.line(), e.column());
        Malformed::new("malformed_json", detail)
    })
}

/// Adds a value to the fields: itself under `path`, or what it holds under paths below.
pub(crate) fn flatten(submission: &mut Submission, path: &str, value: Value) -> Result<(), Malformed> {
    match value {
        Value::Null => Ok(()),
        Value::String(text) => submission.push(path.to_owned(), text),
        Value::Bool(_) | Value::Number(_) => submission.push(path.to_owned(), value.to_string()),
        Value::Array(items) => {
            for (index, item) in items.into_iter().enumerate() {
                let name = own_name(&item).unwrap_or_else(|| index.to_string());
                flatten(submission, &joined(path, &name)?, item)?;
            }
            Ok(())
        }
        Value::Object(object) => {
            for (name, item) in object {
                flatten(submission, &joined(path, &name)?, item)?;
            }
            Ok(())
        }
    }
}

/// Checked here and not only at the leaves: a long name above many leaves would be copied into each.
fn joined(path: &str, name: &str) -> Result<String, Malformed> {
    super::submission::check_name(path)?;
    super::submission::check_name(name)?;
    Ok(format!("{path}.{name}"))
}

fn own_name(item: &Value) -> Option<String> {
    let name = item.get("column_id").or_else(|| item.pointer("/field/ref"))?;
    name.as_str().filter(|n| !n.is_empty()).map(str::to_owned)
}
