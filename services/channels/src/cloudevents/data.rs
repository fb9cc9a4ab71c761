//! `data`: the fact's key and revision, whom it names, and one body.

use super::{bodies, envelope::Envelope, envelope::Refused, fields::Fields};
use serde_json::{Value, value::RawValue};
use std::collections::BTreeMap;
use tributary_core::{
    body::{Body, TYPE_PREFIX},
    content::{Profile, ProfileField, ProfileSource},
    draft::{Claim, Draft},
    event::{Trust, flags},
    ids::REMOVAL,
    time::Micros,
};

/// Types of the hub's own records; nobody else may state them.
const RESERVED: [&str; 4] = ["identity", "clock", "unrecognised", "chunk"];

pub(super) fn draft(event: Envelope<'_>) -> Result<Draft, Refused> {
    let name = event.kind.strip_prefix(TYPE_PREFIX).map(|rest| rest.split('.').next().unwrap_or_default());
    match name {
        Some(name) if RESERVED.contains(&name) => {
            Err(Refused::new("reserved_type", "this type is one of the hub's own records"))
        }
        Some(name) if bodies::is_known(name) => typed(&event, name),
        _ => activity(event),
    }
}

fn typed(event: &Envelope<'_>, name: &str) -> Result<Draft, Refused> {
    let mut data = match event.data {
        Some(raw) => Fields::read("data", raw)?,
        None => Fields::empty("data"),
    };
    let mut draft = Draft::new(String::new(), Body::Profile {});
    draft.occurred_at = event.time;
    let key = data.text("key")?;
    let revision = revision(&mut data)?;
    common(&mut data, &mut draft)?;
    // The body `profile` and the profile that every event may carry are one object.
    if let Some(profile) = data.raw("profile") {
        draft.content.profile = read_profile(profile)?;
    }
    match data.raw(name) {
        Some(body) => {
            bodies::read(name, &event.kind, Fields::read(&format!("data.{name}"), body)?, &mut draft)?
        }
        None if name == "profile" && !draft.content.profile.is_empty() => {}
        None if name == "follow" || name == "profile" => {
            bodies::read(name, &event.kind, Fields::empty(&format!("data.{name}")), &mut draft)?;
        }
        None => return Err(data.missing(name)),
    }
    data.finish()?;
    let removed = match &draft.body {
        Body::Removed { of } => Some(of.clone()),
        _ => None,
    };
    draft.revision = revision.unwrap_or(if removed.is_some() { REMOVAL } else { 0 });
    draft.key = if key.is_empty() { removed.unwrap_or_else(|| event.id.clone()) } else { key };
    Ok(draft)
}

/// Any other type: on the timeline, with its data as fields. What looks like our own words is read as such, and if it is not
/// ours it stays a field.
fn activity(event: Envelope<'_>) -> Result<Draft, Refused> {
    let mut draft = Draft::new(event.id, Body::Activity { title: event.kind });
    draft.occurred_at = event.time;
    let Some(raw) = event.data else { return Ok(draft) };
    let Ok(mut data) = Fields::read("data", raw) else {
        draft.content.fields.insert("data".to_owned(), value(raw)?);
        return Ok(draft);
    };
    let mut ours = Fields::read("data", raw)?;
    if let Ok(claims) = identifiers(&mut ours) {
        draft.identifiers = claims;
        data.raw("identifiers");
    }
    if let Ok(key) = ours.text("key")
        && !key.is_empty()
    {
        draft.key = key;
        data.raw("key");
    }
    if let Ok(Some(revision)) = revision(&mut ours) {
        draft.revision = revision;
        data.raw("revision");
    }
    if let Some(profile) = ours.raw("profile").and_then(|p| read_profile(p).ok()) {
        draft.content.profile = profile;
        data.raw("profile");
    }
    for (name, raw) in data.rest() {
        draft.content.fields.insert(name, value(raw)?);
    }
    Ok(draft)
}

fn value(raw: &RawValue) -> Result<Value, Refused> {
    serde_json::from_str(raw.get())
        .map_err(|_| Refused::new("invalid_value", "data is nested too deeply or holds broken text"))
}

/// What every typed event may carry beside its body.
fn common(data: &mut Fields<'_>, draft: &mut Draft) -> Result<(), Refused> {
    draft.identifiers = identifiers(data)?;
    draft.actor = data.text("actor")?;
    draft.store = data.text("store")?;
    draft.brand = data.text("brand")?;
    let source: Option<ProfileSource> =
        data.typed("profile_source", "member_master, form, till, mail_header or display_name")?;
    draft.profile_source = source.unwrap_or_default();
    for (name, bit) in [("historical", flags::HISTORICAL), ("test", flags::TEST)] {
        if data.flag(name)? == Some(true) {
            draft.flags |= bit;
        }
    }
    Ok(())
}

/// A number, its text, or the time of the last change (RFC 3339, counted in microseconds).
fn revision(data: &mut Fields<'_>) -> Result<Option<u64>, Refused> {
    let text = data.text("revision")?;
    if text.is_empty() {
        return Ok(None);
    }
    let at = || Micros::parse(&text).and_then(|t| u64::try_from(t.0).ok());
    let wrong = || Refused::new("invalid_value", "data.revision must be a whole number or an RFC 3339 time");
    text.parse().ok().or_else(at).map(Some).ok_or_else(wrong)
}

fn identifiers(data: &mut Fields<'_>) -> Result<Vec<Claim>, Refused> {
    let claim = |mut fields: Fields<'_>| {
        let kind = fields.required("type")?;
        let trust = match fields.word("trust", &["verified", "claimed", "observed"])? {
            Some("verified") => Trust::Verified,
            Some("observed") => Trust::Observed,
            _ => Trust::Claimed,
        };
        let scope = fields.text("scope")?;
        let value = fields.long_text("value")?.ok_or_else(|| fields.missing("value"))?;
        fields.finish()?;
        Ok(Claim { kind, scope, value, trust })
    };
    data.objects("identifiers")?.into_iter().map(claim).collect()
}

fn read_profile(raw: &RawValue) -> Result<Profile, Refused> {
    let mut fields = Fields::read("data.profile", raw)?;
    let mut profile = BTreeMap::new();
    for field in ProfileField::ALL {
        if let Some(text) = fields.long_text(field.as_str())?.filter(|t| !t.trim().is_empty()) {
            profile.insert(field, text);
        }
    }
    fields.finish()?;
    Ok(profile)
}
