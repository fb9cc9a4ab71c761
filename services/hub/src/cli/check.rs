//! `channel check`: decodes a file as the hub would, and shows what comes out and what is refused. Nothing is sent.

use super::{Exit, Failure, args::Global, masking};
use crate::{
    config::Config,
    folders::files::{self, Given},
    output::{self, Format, Table},
};
use serde_json::{Value as Json, json};
use std::{io::Write, path::Path};
use tributary_channels::{
    adapter::{Decoded, InboundRequest, Method, Rejected},
    portions::USUAL,
    settings::Channel,
};
use tributary_core::{body::Body, event::Event, time::Micros, token::IndexKey};

/// Refused rows that a count tells.
const PROBLEMS_MAX: usize = 20;

/// The channel of this name.
///
/// # Errors
/// A usage failure that names those that are configured.
pub fn configured<'c>(config: &'c Config, name: &str) -> Result<&'c Channel, Failure> {
    config.channel(name).ok_or_else(|| {
        let known: Vec<&str> = config.channels.iter().map(|c| c.context.name.as_str()).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        Failure::usage(format!("no channel \"{name}\" in the configuration"))
            .remedy(format!("configured: {known}"))
    })
}

/// A file of a channel, as a request.
///
/// # Errors
/// A usage failure that names the file.
pub fn given(channel: &Channel, file: &Path) -> Result<Given, Failure> {
    files::read(file, channel.pair.as_ref(), channel.registration.body_max)
        .map_err(|e| Failure::usage(format!("{}: {e}", file.display())))
}

/// Decodes a file here.
///
/// # Errors
/// The adapter's refusal of the whole file.
pub fn decode(channel: &Channel, given: &Given) -> Result<Decoded, Failure> {
    channel.adapter.decode(&request(given)).map_err(refused)
}

/// What a file would become, in numbers.
#[derive(Debug, Default)]
pub struct Counts {
    /// Events that are no remainders.
    pub events: usize,
    /// Rows that would be kept as refused.
    pub refused: usize,
    /// What is wrong with the first of them; never a value.
    pub problems: Vec<String>,
}

/// Counts what a file would become, portion after portion.
///
/// # Errors
/// The adapter's refusal of the whole file.
pub fn count(channel: &Channel, given: &Given) -> Result<Counts, Failure> {
    let request = request(given);
    let mut portions = channel.adapter.portions(&request, USUAL).map_err(refused)?;
    let mut counts = Counts::default();
    while let Some(portion) = portions.next() {
        counts.events += portion.events.len();
        counts.refused += portion.unrecognised.len();
        let room = PROBLEMS_MAX - counts.problems.len();
        let told = portion.unrecognised.iter().take(room);
        counts.problems.extend(told.map(|u| format!("{}: {}", u.reason, u.detail)));
    }
    Ok(counts)
}

fn refused(rejected: Rejected) -> Failure {
    Failure::new(Exit::CheckFailed, rejected.to_string())
}

fn request(given: &Given) -> InboundRequest<'_> {
    InboundRequest {
        method: Method::Post,
        query: "",
        headers: &given.headers,
        body: &given.body,
        received_at: Micros::from(jiff::Timestamp::now()),
        public_url: None,
    }
}

/// Runs `channel check` with a file; of what comes out so many rows are shown, and so many of what is refused.
pub fn run(
    channel: &str,
    file: &Path,
    shown_max: usize,
    config: &Config,
    global: &Global,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let channel = configured(config, channel)?;
    let decoded = decode(channel, &given(channel, file)?)?;
    // Tokens are not shown, so any key will do.
    let key = IndexKey::new(&[0; 32]);
    let now = Micros::from(jiff::Timestamp::now());
    let shown = decoded.events.iter().take(shown_max);
    let rows: Vec<Json> =
        shown.filter_map(|d| channel.context.events(d.clone(), now, &key).pop()).map(|e| row(&e)).collect();
    let refused: Vec<Json> = decoded
        .unrecognised
        .iter()
        .take(shown_max)
        .map(|u| json!({"reason": u.reason, "detail": u.detail}))
        .collect();
    let answer = json!({
        "rows": rows, "refused": refused,
        "events": decoded.events.len(), "refused_in_all": decoded.unrecognised.len(),
    });
    if global.output == Format::Table {
        let answer = if global.reveal { answer } else { masking::masked(&answer) };
        out.write_all(table(&answer).as_bytes())?;
    } else {
        output::json(out, &answer, global.output, "rows")?;
    }
    let good = decoded.unrecognised.is_empty() && !decoded.events.is_empty();
    Ok(if good { Exit::Ok } else { Exit::CheckFailed })
}

fn row(event: &Event) -> Json {
    let value = |at: usize| event.identifier_value(u8::try_from(at).unwrap_or(u8::MAX)).map(|v| v.plain).ok();
    let identifiers: Vec<Json> = event
        .identifiers
        .iter()
        .enumerate()
        .map(|(at, i)| json!({"type": i.kind, "scope": i.scope, "value": value(at), "trust": i.trust}))
        .collect();
    let content = event.content().unwrap_or_default();
    json!({
        "at": event.occurred_at, "type": event.body.type_name(), "key": event.key, "revision": event.revision,
        "store": event.store, "identifiers": identifiers, "body": event.body, "profile": content.profile,
        "no_keys": content.contacts, "amount": amount(&event.body),
    })
}

fn amount(body: &Body) -> String {
    match body {
        Body::Purchase(p) => format!("{} {}", p.currency, p.total),
        Body::Refund(r) => format!("{} {}", r.currency, r.total.negated()),
        _ => String::new(),
    }
}

fn table(answer: &Json) -> String {
    let list = |name: &str| answer.get(name).and_then(Json::as_array).cloned().unwrap_or_default();
    let mut rows = Table::new(&["at", "type", "key", "store", "amount", "who"]);
    for row in list("rows") {
        let mut cells: Vec<String> =
            ["at", "type", "key", "store", "amount"].iter().map(|key| output::cell(row.get(*key))).collect();
        let text = |one: &Json, key: &str| output::cell(one.get(key));
        let of = |key: &str, word: &str| -> Vec<String> {
            let all = row.get(key).and_then(Json::as_array).into_iter().flatten();
            all.map(|one| format!("{} {}{word}", text(one, "type"), text(one, "value"))).collect()
        };
        cells.push([of("identifiers", ""), of("no_keys", " (no key)")].concat().join(", "));
        rows.row(cells);
    }
    let mut refused = Table::new(&["refused", "why"]);
    for row in list("refused") {
        refused.row(["reason", "detail"].map(|key| output::cell(row.get(key))));
    }
    let number = |name: &str| answer.get(name).and_then(Json::as_u64).unwrap_or(0);
    let mut text = rows.render();
    if !refused.is_empty() {
        text.push('\n');
        text.push_str(&refused.render());
    }
    text + &format!("\n{} events, {} refused\n", number("events"), number("refused_in_all"))
}
