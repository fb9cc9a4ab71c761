//! A channel without code from a sample: the block of the configuration and its golden result.

use super::{
    guess::{Guess, TimeForm, misses},
    place::{Place, quoted},
};
use crate::config::tree::quoted_key;
use serde_json::{Map, Value, json};
use tributary_channels::{
    kit::{self, Case, Effort, STAND_IN_SECRET, fixture},
    settings::{Channel, Settings, build},
};

/// A block that was tried.
pub struct Block {
    /// For the configuration file.
    pub toml: String,
    /// What the sample becomes.
    pub golden: Value,
    /// Parts of the guess that did not fit.
    pub left_out: Vec<&'static str>,
}

/// Where the channel will live.
pub struct Home<'a> {
    /// Its name.
    pub name: &'a str,
    /// The hub's time zone.
    pub time_zone: &'a str,
    /// The hub's region.
    pub region: &'a str,
    /// Its public address.
    pub public_url: &'a str,
}

/// Makes the block; `file` is the sample's name.
///
/// # Errors
/// Why nothing can be made of the sample.
pub fn block(guess: Guess, file: &str, body: &[u8], home: &Home<'_>) -> Result<Block, String> {
    let (guess, golden, left_out) = guess.settle(|guess| attempt(guess, file, body, home))?;
    Ok(Block { toml: toml(&guess, file, home.name), golden, left_out })
}

/// What the sample becomes under this guess.
fn attempt(guess: &Guess, file: &str, body: &[u8], home: &Home<'_>) -> Result<Value, String> {
    let channel = channel(guess, home)?;
    let case = fixture::case(file, body.to_vec(), &Map::new(), home.public_url)?;
    let golden = kit::golden(&channel, &case);
    if let Some(problem) = misses(&golden) {
        return Err(problem);
    }
    match conforms(&channel, &case) {
        Some(failure) => Err(failure),
        None => Ok(golden),
    }
}

/// A first failure of the conformance kit, tried lightly.
pub fn conforms(channel: &Channel, case: &Case) -> Option<String> {
    let light = Effort { mutations: 20, truncations: 64, ..Effort::default() };
    kit::check(channel, case, light).into_iter().next()
}

fn channel(guess: &Guess, home: &Home<'_>) -> Result<Channel, String> {
    let mut table = table(guess, home.name);
    table.insert("secret".to_owned(), STAND_IN_SECRET.into());
    build(Settings::new(home.name, table, home.time_zone, home.region)).map_err(|e| e.to_string())
}

/// The channel's table.
fn table(guess: &Guess, name: &str) -> Map<String, Value> {
    let mut table = Map::new();
    table.insert("kind".to_owned(), "mapped".into());
    table.insert("signature".to_owned(), "hmac-sha256".into());
    table.insert("secret".to_owned(), format!("env:{}_SECRET", variable(name)).into());
    table.insert("header".to_owned(), "x-signature".into());
    if let Some(each) = &guess.each {
        table.insert("for_each".to_owned(), each.expression("payload").into());
    }
    let event = event(guess, name).into_iter().map(|(key, value)| (key.to_owned(), value));
    table.insert("events".to_owned(), json!([event.collect::<Map<_, _>>()]));
    table
}

/// The event in the order in which people read it.
fn event(guess: &Guess, name: &str) -> Vec<(&'static str, Value)> {
    let root = if guess.each.is_some() { "item" } else { "payload" };
    let at = |place: &Place| place.expression(root);
    let may = |place: &Place| Value::from(place.optional(root));
    let mut event = Vec::new();
    if let Some((place, word)) = &guess.says {
        event.push(("when", format!("{} == {}", at(place), quoted(word)).into()));
    }
    let (kind, body) = body(guess, name, &may, &at);
    event.push(("type", kind.into()));
    let key = match &guess.key {
        Some(place) => format!("{} + string({})", quoted(&format!("{}/", guess.about)), at(place)),
        // Without a name of its own a fact is named by what it says: the same words again are the same fact.
        None => {
            let said: Vec<String> = guess.said.iter().map(|place| format!("string({})", at(place))).collect();
            format!("{} + digest({})", quoted(&format!("{}/", guess.about)), said.join(", "))
        }
    };
    event.push(("key", key.into()));
    event.extend(guess.revision.as_ref().map(|place| ("revision", at(place).into())));
    event.extend(guess.time.as_ref().map(|(place, form)| {
        let place = at(place);
        let time = match form {
            TimeForm::Instant => place,
            TimeForm::Seconds => format!("unix({place})"),
            TimeForm::Millis => format!("unix_ms({place})"),
            TimeForm::Local => format!("local_time({place})"),
        };
        ("time", time.into())
    }));
    if !guess.who.is_empty() {
        let one = |who: &super::guess::Who| match who.kind {
            "external" => json!({"type": who.kind, "scope": name, "value": may(&who.place)}),
            _ => json!({"type": who.kind, "value": may(&who.place)}),
        };
        event.push(("identifiers", guess.who.iter().map(one).collect()));
    }
    event.extend(guess.name.as_ref().map(|place| ("profile", json!({"name": may(place)}))));
    event.push((kind, body));
    event
}

fn body(
    guess: &Guess,
    name: &str,
    may: &dyn Fn(&Place) -> Value,
    at: &dyn Fn(&Place) -> String,
) -> (&'static str, Value) {
    if let Some(text) = &guess.text {
        let mut message = json!({"text": may(text)});
        if let Some(subject) = &guess.subject {
            message["subject"] = may(subject);
        }
        return ("message", message);
    }
    if let Some((total, currency)) = &guess.paid {
        return ("purchase", json!({"currency": at(currency), "total": at(total)}));
    }
    ("activity", json!({"title": quoted(&title(guess, name))}))
}

/// `ticket closed` of `ticket.closed`; without a word the channel's name.
pub fn title(guess: &Guess, name: &str) -> String {
    let said = guess.says.as_ref().map_or(name, |(_, word)| word.as_str());
    super::place::words(said).join(" ")
}

/// `HELP_DESK` of `help-desk`.
pub fn variable(name: &str) -> String {
    name.replace('-', "_").to_uppercase()
}

fn toml(guess: &Guess, file: &str, name: &str) -> String {
    let each =
        guess.each.as_ref().map(|each| format!("for_each = {}\n", literal(&each.expression("payload"))));
    let mut out = format!(
        "# Guessed from {file}: read each line, then run `tributary channel test {name}`.\n\
         [channels.{name}]\n\
         kind = \"mapped\"\n\
         signature = \"hmac-sha256\"  # how its source proves posts; also hmac-sha1, token, basic, none\n\
         secret = \"env:{}_SECRET\"\n\
         header = \"x-signature\"     # that holds the signature; `tributary channel describe mapped` tells the rest\n\
         {}\n[[channels.{name}.events]]\n",
        variable(name),
        each.unwrap_or_default(),
    );
    for (key, value) in event(guess, name) {
        out.push_str(&format!("{key} = {}\n", written(&value)));
    }
    out
}

/// A JSON value as one line of TOML; expressions in single quotes, so that nothing in them is escaped.
fn written(value: &Value) -> String {
    match value {
        Value::String(text) => literal(text),
        Value::Array(items) => format!("[{}]", items.iter().map(written).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let pairs: Vec<String> =
                map.iter().map(|(k, v)| format!("{} = {}", quoted_key(k), written(v))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        other => other.to_string(),
    }
}

fn literal(text: &str) -> String {
    let word = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if word || text.contains('\'') || text.chars().any(char::is_control) {
        return toml::Value::from(text).to_string();
    }
    format!("'{text}'")
}
