//! One response: its answers, hidden fields and variables as fields of a form.

use crate::web_form::{Malformed, Submission, flatten, json_object};
use serde_json::Value;
use tributary_core::{content::Attachment, time::Micros};

pub(super) fn read(body: &[u8]) -> Result<Submission, Malformed> {
    let post = Value::Object(json_object(body)?);
    let text =
        |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    if text(&post, "event_type") != "form_response" {
        return Err(Malformed::new("unknown_event_type", "only whole responses are read"));
    }
    let response = post.get("form_response").unwrap_or(&Value::Null);
    let token = text(response, "token");
    if token.is_empty() {
        return Err(Malformed::new("missing_id", "the response has no token"));
    }
    let at = |key: &str| Micros::parse(&text(response, key));
    let mut submission = Submission {
        id: Some(token),
        at: at("submitted_at").or_else(|| at("landed_at")),
        ..Submission::default()
    };
    for one in list(response, "answers") {
        answer(&mut submission, one)?;
    }
    if let Some(hidden) = response.get("hidden") {
        flatten(&mut submission, "hidden", hidden.clone())?;
    }
    for variable in list(response, "variables") {
        let value = variable.get(text(variable, "type")).cloned().unwrap_or_default();
        flatten(&mut submission, &format!("variables.{}", text(variable, "key")), value)?;
    }
    if let Some(score) = response.pointer("/calculated/score") {
        flatten(&mut submission, "score", score.clone())?;
    }
    Ok(submission)
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The value stands under the name that `type` says.
fn answer(submission: &mut Submission, answer: &Value) -> Result<(), Malformed> {
    let named = |key| answer.pointer(key).and_then(Value::as_str).filter(|name| !name.is_empty());
    let name = named("/field/ref").or_else(|| named("/field/id"));
    let name = name.ok_or(Malformed::new("malformed_answer", "an answer without its field's ref"))?;
    let kind = named("/type").unwrap_or_default();
    let Some(value) = answer.get(kind) else {
        // A kind of answer that is newer than this reader: all of it, so that the person is not lost for one question.
        return flatten(submission, name, answer.clone());
    };
    match (kind, value) {
        ("file_url", Value::String(url)) => {
            let (kind, url) = ("file".to_owned(), url.clone());
            submission.files.push(Attachment { kind, url, ..Attachment::default() });
            Ok(())
        }
        // What was chosen is what the person read; ids of choices say nothing.
        ("choice", Value::Object(choice)) => {
            let chosen = ["label", "other"].into_iter().find_map(|key| choice.get(key));
            flatten(submission, name, chosen.cloned().unwrap_or_default())
        }
        ("choices", Value::Object(_)) => {
            let other = value.get("other").into_iter();
            for chosen in list(value, "labels").iter().chain(other) {
                flatten(submission, name, chosen.clone())?;
            }
            Ok(())
        }
        (_, other) => flatten(submission, name, other.clone()),
    }
}
