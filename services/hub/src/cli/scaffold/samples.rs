//! Fixtures and samples of a scaffolded adapter, from the one payload that there is.

use super::{
    guess::{Guess, TimeForm},
    place::{Place, Step},
};
use serde_json::Value;
use std::fmt::Write as _;

/// Stands for a placeholder that replaces a number, quotes included.
const BARE: char = '\u{1}';

/// Requests with their names; the first is the payload, byte for byte.
pub fn fixtures(guess: &Guess, sample: &Value, body: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let pretty = |value: &Value| format!("{value:#}\n").into_bytes();
    let cut = body.get(..body.len() / 2).unwrap_or_default().to_vec();
    let mut out = vec![("sample", body.to_vec()), ("malformed", cut), ("empty", b"{}\n".to_vec())];
    if !guess.who.is_empty() {
        out.push(("nobody", pretty(&without_people(guess, sample))));
    }
    if let Some((place, _)) = &guess.says {
        let mut other = sample.clone();
        if let Some(word) = other.pointer_mut(&place.pointer()) {
            *word = "unheard.of".into();
        }
        out.push(("unknown-word", pretty(&other)));
    }
    out
}

fn without_people(guess: &Guess, sample: &Value) -> Value {
    let mut less = sample.clone();
    guess.who.iter().map(|who| &who.place).chain(&guess.name).for_each(|place| remove(&mut less, place));
    less
}

fn remove(value: &mut Value, place: &Place) {
    match (value.pointer_mut(&place.parent().pointer()), place.0.last()) {
        (Some(Value::Object(map)), Some(Step::Field(name))) => drop(map.remove(name)),
        (Some(Value::Array(list)), Some(Step::Index(index))) if *index < list.len() => {
            drop(list.remove(*index))
        }
        _ => {}
    }
}

/// Entries of the list of samples, as Rust.
pub fn samples(guess: &Guess, sample: &Value) -> String {
    let nobody = without_people(guess, sample);
    let mut least = nobody.clone();
    let rest = guess.subject.iter().chain(guess.time.as_ref().map(|(place, _)| place));
    rest.for_each(|place| remove(&mut least, place));
    let mut out = String::new();
    for (name, about, value) in [
        ("sample", "the payload that the adapter was begun from", sample),
        ("nobody", "the same without whom it names", &nobody),
        ("least", "and without its time", &least),
    ] {
        let body = raw(&template(guess, value));
        let _ = writeln!(
            out,
            "    Sample {{\n        name: {name:?},\n        about: {about:?},\n        content_type: JSON,\n        body: {body},\n    }},"
        );
    }
    out.trim_end().to_owned()
}

/// The payload with a running number, the time, and words that can be replaced.
fn template(guess: &Guess, value: &Value) -> String {
    let mut value = value.clone();
    calm(&mut value);
    let mut set = |place: &Place, words: &str| {
        let Some(slot) = value.pointer_mut(&place.pointer()) else { return };
        *slot = match slot {
            Value::Number(_) => format!("{BARE}{{{{{words}}}}}{BARE}").into(),
            _ => format!("{{{{{words}}}}}").into(),
        };
    };
    if let Some(place) = &guess.key {
        set(place, "n");
    }
    match &guess.time {
        Some((place, TimeForm::Instant)) => set(place, "iso"),
        Some((place, TimeForm::Seconds)) => set(place, "s"),
        Some((place, TimeForm::Millis)) => set(place, "ms"),
        _ => {}
    }
    let parts = guess.who.iter().map(|who| (who.kind, &who.place));
    let parts =
        parts.chain(guess.name.iter().map(|p| ("name", p))).chain(guess.text.iter().map(|p| ("text", p)));
    for (word, place) in parts.collect::<Vec<_>>() {
        let Some(Value::String(text)) = value.pointer(&place.pointer()) else { continue };
        let quoted = Value::from(text.as_str()).to_string();
        // What JSON escapes would be escaped twice, and braces would end the placeholder.
        if quoted.len() == text.len() + 2 && !text.contains(['{', '}']) {
            let words = format!("{word}={text}");
            if let Some(slot) = value.pointer_mut(&place.pointer()) {
                *slot = format!("{{{{{words}}}}}").into();
            }
        }
    }
    let bare = Value::from(BARE.to_string()).to_string().replace('"', "");
    value.to_string().replace(&format!("\"{bare}"), "").replace(&format!("{bare}\""), "")
}

/// Takes apart what would read as a placeholder.
fn calm(value: &mut Value) {
    match value {
        Value::String(text) => *text = text.replace("{{", "{ {"),
        Value::Array(list) => list.iter_mut().for_each(calm),
        Value::Object(map) => map.values_mut().for_each(calm),
        _ => {}
    }
}

/// A raw string literal.
fn raw(text: &str) -> String {
    let mut marks = "#".to_owned();
    while text.contains(&format!("\"{marks}")) {
        marks.push('#');
    }
    format!("r{marks}\"{text}\"{marks}")
}
