//! The settings of a mapped channel.

use super::{
    authenticity::Scheme,
    expression::{Expression, HEADER, ITEM, PAYLOAD},
    payload::Format,
    rules::{self, Rule},
};
use crate::{
    settings::{Settings, SettingsError},
    when::{Clock, Day},
};
use std::sync::Arc;

/// Most headers that expressions may read.
const HEADERS_MAX: usize = 8;

/// What `[channels.X]` says.
pub(super) struct Options {
    /// Who may post.
    pub(super) scheme: Scheme,
    /// How bodies are written; by content type without it.
    pub(super) format: Option<Format>,
    /// Names of headers that expressions may read, lower case.
    pub(super) headers: Vec<String>,
    /// Path of the list whose elements are facts.
    pub(super) for_each: Option<Vec<String>>,
    /// What is stated.
    pub(super) rules: Vec<Rule>,
    /// Reads local times.
    pub(super) clock: Arc<Clock>,
}

pub(super) fn read(settings: &mut Settings) -> Result<Options, SettingsError> {
    let scheme = Scheme::read(settings)?;
    let format = match settings.text("format")?.as_deref() {
        None => None,
        Some("json") => Some(Format::Json),
        Some("form") => Some(Format::Form),
        Some(_) => return Err(SettingsError::new("format", "must be \"json\" or \"form\"")),
    };
    let headers = headers(settings, &scheme)?;
    let for_each = for_each(settings, format)?;
    let variables: &[&str] = if for_each.is_some() { &[PAYLOAD, ITEM, HEADER] } else { &[PAYLOAD, HEADER] };
    let rules = rules::read(settings.value("events").as_ref(), variables)?;
    let formats = settings.texts("time_formats")?;
    let clock = Clock::new(&settings.time_zone, &formats, Day::default())
        .ok_or_else(|| SettingsError::new("time_formats", "need the hub's `time_zone` to be an IANA zone"))?;
    Ok(Options { scheme, format, headers, for_each, rules, clock: Arc::new(clock) })
}

fn headers(settings: &mut Settings, scheme: &Scheme) -> Result<Vec<String>, SettingsError> {
    let names: Vec<String> =
        settings.texts("headers")?.iter().map(|name| name.to_ascii_lowercase()).collect();
    if names.len() > HEADERS_MAX {
        return Err(SettingsError::new("headers", format!("takes at most {HEADERS_MAX} names")));
    }
    let credentials = scheme.credentials();
    let secret = |name: &&String| {
        credentials.contains(&name.as_str()) || matches!(name.as_str(), "authorization" | "cookie")
    };
    match names.iter().find(secret) {
        Some(name) => Err(SettingsError::new(
            "headers",
            format!("must not name {name}; it is a credential and never kept"),
        )),
        None => Ok(names),
    }
}

fn for_each(settings: &mut Settings, format: Option<Format>) -> Result<Option<Vec<String>>, SettingsError> {
    let Some(source) = settings.text("for_each")? else { return Ok(None) };
    if format == Some(Format::Form) {
        return Err(SettingsError::new(
            "for_each",
            "does not go with format = \"form\"; a form has no list of elements",
        ));
    }
    let wrong = |problem: String| SettingsError::new("for_each", problem);
    let expression = Expression::compile("for_each", &source, &[PAYLOAD]).map_err(|w| wrong(w.0))?;
    let path = expression.path();
    path.map(Some)
        .ok_or_else(|| wrong("must be the path of a list; such as payload.orders, or payload itself".into()))
}
