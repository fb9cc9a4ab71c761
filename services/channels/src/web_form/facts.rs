//! From a submission to its facts: the form itself, and one consent per ticked checkbox.

use super::{charset::CHARSET_FIELD, options::Options, submission::Submission};
use crate::digest;
use serde_json::Value;
use std::collections::BTreeMap;
use tributary_core::{
    body::{Body, Consent, Form},
    content::{Content, Profile, ProfileField},
    draft::{Claim, Draft},
    event::{Trust, flags},
    seal::Raw,
    time::Micros,
};

/// Longest submission id that may be a key; longer ones are hashed.
const ID_BYTES_MAX: usize = 128;

/// Without a submission id, the same fields within one minute are one submission (a double click, a retry).
const WINDOW_MICROS: i64 = 60_000_000;

/// A checkbox or choice with one of these values says no, and no is no consent fact.
const NOT_GRANTED: [&str; 8] = ["0", "false", "no", "n", "off", "否", "不同意", "不要"];

const PROFILE: [(&str, ProfileField); 7] = [
    ("name", ProfileField::Name),
    ("email", ProfileField::Email),
    ("phone", ProfileField::Telephone),
    ("birth_date", ProfileField::BirthDate),
    ("address", ProfileField::Address),
    ("language", ProfileField::Language),
    ("gender", ProfileField::Gender),
];

pub(crate) fn drafts(
    submission: &Submission,
    options: &Options,
    received_at: Micros,
    raw: &Raw,
) -> Vec<Draft> {
    let key = key(submission, options, received_at);
    let mut form = Draft::new(key.clone(), Body::Form(Form { form: options.form.clone() }));
    form.content = content(submission, options);
    form.occurred_at = submission.at;
    form.raw = raw.clone();
    let test = options.test.as_ref().is_some_and(|field| submission.first(field).is_some_and(is_granted));
    if test || submission.test {
        form.flags |= flags::TEST;
    }
    if submission.spam || options.honeypots.iter().any(|field| submission.first(field).is_some()) {
        // A bot's post names nobody and grants nothing; it is only kept.
        form.flags |= flags::SPAM;
        return vec![form];
    }
    form.identifiers = claims(submission, options);
    // A text that nobody knows proves nothing, whatever was ticked beside it.
    let text = options.consent_text.shown(submission);
    let consents: Vec<Draft> = options
        .consents
        .iter()
        .filter(|_| text.is_some())
        .filter(|(_, fields)| submission.first_of(fields).is_some_and(is_granted))
        .map(|(purpose, _)| {
            let mut draft = Draft::new(format!("{key}/consent/{purpose}"), consent(purpose, text, options));
            draft.occurred_at = form.occurred_at;
            draft.identifiers.clone_from(&form.identifiers);
            draft.flags = form.flags;
            draft.raw = raw.clone();
            draft
        })
        .collect();
    let mut drafts = vec![form];
    drafts.extend(consents);
    drafts
}

fn consent(purpose: &str, text_sha256: Option<&str>, options: &Options) -> Body {
    Body::Consent(Consent {
        purpose: purpose.to_owned(),
        channel: options.consent_channel.clone(),
        granted: true,
        method: "checkbox".to_owned(),
        text_sha256: text_sha256.unwrap_or_default().to_owned(),
        ..Consent::default()
    })
}

fn is_granted(value: &str) -> bool {
    !NOT_GRANTED.contains(&value.to_lowercase().as_str())
}

/// The client's submission id, or a hash of what was filled in and the minute it came in.
fn key(submission: &Submission, options: &Options, received_at: Micros) -> String {
    let field = || options.submission_id.as_ref().and_then(|field| submission.first(field));
    if let Some(id) = submission.id.as_deref().or_else(field) {
        return if is_opaque(id) { id.to_owned() } else { digest::hex32_of_parts([id]) };
    }
    let mut fields: Vec<(&str, &str)> =
        kept(submission, options).map(|(name, value)| (name, value.trim())).collect();
    fields.sort_unstable();
    let files = submission.files.iter().map(|file| (file.url.as_str(), file.name.as_str()));
    let parts = fields.into_iter().chain(files).flat_map(|(name, value)| [name, value]);
    let hash = digest::hex32_of_parts([options.form.as_str()].into_iter().chain(parts));
    format!("{hash}/{}", received_at.0.div_euclid(WINDOW_MICROS))
}

/// Letters and digits as programs make them. Anything else may be somebody's address or number, which is never a key.
fn is_opaque(id: &str) -> bool {
    id.len() <= ID_BYTES_MAX
        && id.bytes().any(|b| b.is_ascii_alphabetic())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

/// Fields that say something: not the token, which is a credential, and not the page's charset.
fn kept<'a>(submission: &'a Submission, options: &'a Options) -> impl Iterator<Item = (&'a str, &'a str)> {
    let token = options.token_field.as_deref();
    let fields = submission.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    fields.filter(move |(name, _)| Some(*name) != token && *name != CHARSET_FIELD)
}

fn content(submission: &Submission, options: &Options) -> Content {
    let mut fields: BTreeMap<String, Value> = BTreeMap::new();
    for (name, value) in kept(submission, options) {
        let value = Value::from(value);
        match fields.get_mut(name) {
            None => {
                fields.insert(name.to_owned(), value);
            }
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    let landing = options.landing.as_ref().and_then(|field| submission.first(field));
    for (word, value) in super::campaign::words(submission, landing) {
        fields.entry(word.to_owned()).or_insert_with(|| Value::from(value));
    }
    let mut profile = Profile::new();
    for (target, field) in PROFILE {
        if let Some(value) = submission.first_of(options.of(target)) {
            profile.insert(field, value.to_owned());
        }
    }
    let text = |target| submission.first_of(options.of(target)).unwrap_or_default().to_owned();
    Content {
        text: text("message"),
        subject: text("subject"),
        attachments: submission.files.clone(),
        fields,
        profile,
        ..Content::default()
    }
}

fn claims(submission: &Submission, options: &Options) -> Vec<Claim> {
    let claim = |target: &str, scope: &str, trust| {
        let value = submission.first_of(options.of(target))?;
        Some(Claim::new(target, scope, value, trust))
    };
    let typed = ["member", "email", "phone"].map(|target| claim(target, "", Trust::Claimed));
    let seen = claim("cookie", &options.site, Trust::Observed);
    typed.into_iter().chain([seen]).flatten().collect()
}
