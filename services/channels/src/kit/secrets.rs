//! The laws of signatures that need more than one secret or more than one time: wrong, rotated and stale.

use super::{Case, RECEIVED_AT, STAND_IN_SECRET};
use crate::{
    adapter::{Outbound, Registration},
    settings::{Channel, Settings, build_as},
};
use serde_json::{Value, json};
use tributary_core::time::Micros;

/// Another secret, of the same length, that is base64 too.
const OTHER_SECRET: &str = "another+test/secret+stand/in/++/";

/// Older than any source tries again with the same time stamp.
const STALE_MICROS: i64 = 8 * 86_400 * 1_000_000;

/// A signed request whose signature covers a time is refused once that time is long ago.
pub(super) fn stale(channel: &Channel, case: &Case) -> Option<String> {
    let (fresh, old) =
        (sign(channel, case, RECEIVED_AT), sign(channel, case, Micros(RECEIVED_AT.0 - STALE_MICROS)));
    let timed = (&fresh.headers, &fresh.query, &fresh.body) != (&old.headers, &old.query, &old.body);
    (timed && channel.adapter.verify(&case.of_outbound(old).request()).is_ok())
        .then(|| "accepted with a time stamp of 8 days ago".to_owned())
}

fn sign(channel: &Channel, case: &Case, at: Micros) -> Outbound {
    let mut outbound = case.outbound(at);
    channel.adapter.sign(&mut outbound);
    outbound
}

/// What one secret signed is refused under another, and taken while both stand in the settings. The settings are those of
/// `case`'s channel; which of them are secrets, the registration says.
#[must_use]
pub fn check_secrets(registration: &'static Registration, settings: &Settings, case: &Case) -> Vec<String> {
    let mut failures = Vec::new();
    let secrets: Vec<&str> =
        registration.own_settings().filter(|s| s.secret && settings.has(s.name)).map(|s| s.name).collect();
    let mut sign_something = secrets.is_empty();
    for name in &secrets {
        match one_secret(registration, settings, case, name) {
            Ok(signs) => sign_something |= signs,
            Err(failure) => failures.push(failure),
        }
    }
    if !sign_something && failures.is_empty() {
        failures.push(format!("no secret changes what sign adds: {}", secrets.join(", ")));
    }
    failures.into_iter().map(|f| format!("{} / {}: {f}", registration.kind, case.name)).collect()
}

/// Whether this secret signs posts at all; some are for asking the source.
fn one_secret(
    registration: &'static Registration,
    settings: &Settings,
    case: &Case,
    name: &str,
) -> Result<bool, String> {
    let channel = |secret: Value| {
        build_as(registration, &mut settings.clone().with(name, secret)).map_err(|e| format!("settings: {e}"))
    };
    let (old, new) = (channel(json!(STAND_IN_SECRET))?, channel(json!(OTHER_SECRET))?);
    let by_old = sign(&old, case, RECEIVED_AT);
    if by_old == sign(&new, case, RECEIVED_AT) {
        return Ok(false);
    }
    let by_old = case.of_outbound(by_old);
    if new.adapter.verify(&by_old.request()).is_ok() {
        return Err(format!("{name}: accepted with the signature of another secret"));
    }
    let rotating = channel(json!([OTHER_SECRET, STAND_IN_SECRET]))?;
    for (which, signed) in [("old", by_old), ("new", case.signed(&new))] {
        if rotating.adapter.verify(&signed.request()).is_err() {
            return Err(format!("{name}: while two are configured, what the {which} one signed is refused"));
        }
    }
    Ok(true)
}
