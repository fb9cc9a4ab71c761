//! The settings of a form.

use super::submission::Submission;
use crate::{
    adapter::Pace,
    settings::{Secret, Settings, SettingsError},
};
use encoding_rs::{Encoding, UTF_8};
use serde_json::Value;
use std::collections::BTreeMap;

/// What a field of the form can mean, besides `consent_<purpose>`.
pub(super) const TARGETS: [&str; 11] = [
    "name",
    "email",
    "phone",
    "member",
    "message",
    "subject",
    "birth_date",
    "address",
    "language",
    "gender",
    "cookie",
];

const CONSENT_PREFIX: &str = "consent_";

/// More posts a minute than any form gets.
const RATE_MAX: u32 = 1_000_000;

/// What `[channels.X]` says.
pub(crate) struct Options {
    /// Name of the form; the channel's account.
    pub form: String,
    /// (target, fields in order of preference).
    pub fields: Vec<(String, Vec<String>)>,
    /// (purpose, checkbox fields).
    pub consents: Vec<(String, Vec<String>)>,
    /// Channel a consent is for.
    pub consent_channel: String,
    /// The text beside the checkboxes.
    pub consent_text: ConsentText,
    /// Field with an id made by the client.
    pub submission_id: Option<String>,
    /// Fields no person fills in.
    pub honeypots: Vec<String>,
    /// Field that is true for test posts.
    pub test: Option<String>,
    /// Field that names where the browser goes next.
    pub redirect: Option<String>,
    /// Where it may go.
    pub thanks: Vec<String>,
    /// Origins whose scripts may read the answer.
    pub origins: Vec<String>,
    /// Token of the form; empty = public.
    pub tokens: Vec<Secret>,
    /// Field that may hold the token instead of the header.
    pub token_field: Option<String>,
    /// Of pages that do not say theirs.
    pub charset: &'static Encoding,
    /// Scope of cookies: the site they belong to.
    pub site: String,
    /// Field with the address of the page that the form stands on.
    pub landing: Option<String>,
    /// What counts as a flood.
    pub pace: Option<Pace>,
}

/// The text beside the checkboxes, as SHA-256 in hexadecimal.
pub(crate) enum ConsentText {
    /// One text; empty where the settings name none.
    One(String),
    /// The field that says which version was shown, and the versions that there are.
    Versions(String, BTreeMap<String, String>),
}

impl ConsentText {
    /// The text that was shown with this submission; `None` if its version is not known.
    pub fn shown(&self, submission: &Submission) -> Option<&str> {
        match self {
            Self::One(sha256) => Some(sha256),
            Self::Versions(field, texts) => texts.get(submission.first(field)?).map(String::as_str),
        }
    }

    fn read(settings: &mut Settings) -> Result<Self, SettingsError> {
        let sha256 = |text: &str| crate::digest::hex64(text.as_bytes());
        let wrong = |problem| Err(SettingsError::new("consent_text", problem));
        match (settings.value("consent_text"), settings.text("consent_version")?) {
            (None, None) => Ok(Self::One(String::new())),
            (Some(Value::String(text)), None) => Ok(Self::One(sha256(&text))),
            (Some(Value::Object(texts)), Some(field)) => {
                let texts =
                    texts.iter().map(|(version, text)| Some((version.clone(), sha256(text.as_str()?))));
                match texts.collect::<Option<BTreeMap<_, _>>>() {
                    Some(texts) if !texts.is_empty() => Ok(Self::Versions(field, texts)),
                    _ => wrong("must hold version = \"text\" for each version that was shown"),
                }
            }
            (Some(Value::Object(_)), None) => {
                wrong("has several versions and needs `consent_version`; the field that says which was shown")
            }
            (Some(Value::String(_)) | None, Some(_)) => {
                Err(SettingsError::new("consent_version", "needs `consent_text` to hold version = \"text\""))
            }
            (Some(_), _) => wrong("must be a text in quotes, or a table of version = \"text\""),
        }
    }
}

impl Options {
    /// The fields of this target, best first.
    pub fn of(&self, target: &str) -> &[String] {
        self.fields.iter().find(|(t, _)| t == target).map(|(_, f)| f.as_slice()).unwrap_or_default()
    }
}

impl Options {
    /// The settings that all forms have, whoever posts them: name, meanings of fields, consent.
    pub fn common(settings: &mut Settings) -> Result<Self, SettingsError> {
        let (fields, consents) = meanings(settings)?;
        Ok(Self {
            form: settings.required("form", "the form's name, such as \"contact\"")?,
            fields,
            consents,
            consent_channel: settings.text("consent_channel")?.unwrap_or_else(|| "email".to_owned()),
            consent_text: ConsentText::read(settings)?,
            submission_id: None,
            honeypots: Vec::new(),
            test: None,
            redirect: None,
            thanks: Vec::new(),
            origins: Vec::new(),
            tokens: Vec::new(),
            token_field: None,
            charset: UTF_8,
            site: String::new(),
            landing: None,
            pace: None,
        })
    }
}

pub(super) fn read(settings: &mut Settings) -> Result<Options, SettingsError> {
    let tokens = match settings.texts("token")?.is_empty() {
        true => Vec::new(),
        false => settings.secrets("token", "the form's token")?,
    };
    let thanks = urls(settings, "thanks")?;
    let label = settings.text("charset")?.unwrap_or_else(|| "utf-8".to_owned());
    let charset = Encoding::for_label(label.as_bytes()).ok_or_else(|| {
        SettingsError::new("charset", "must be a charset's name, such as \"utf-8\" or \"big5\"")
    })?;
    Ok(Options {
        submission_id: settings.text("submission_id")?,
        honeypots: settings.texts("honeypot")?,
        test: settings.text("test")?,
        redirect: settings.text("redirect")?,
        thanks,
        origins: origins(settings)?,
        tokens,
        token_field: settings.text("token_field")?,
        charset: if charset.is_ascii_compatible() { charset } else { UTF_8 },
        site: settings.text("site")?.unwrap_or_default(),
        landing: settings.text("landing")?,
        pace: pace(settings)?,
        ..Options::common(settings)?
    })
}

type Meanings = Vec<(String, Vec<String>)>;

/// What fields mean: targets, and purposes of consent.
fn meanings(settings: &mut Settings) -> Result<(Meanings, Meanings), SettingsError> {
    let (mut fields, mut consents) = (Vec::new(), Vec::new());
    for (target, value) in settings.table("fields")?.unwrap_or_default() {
        let names = names(&target, value)?;
        if let Some(purpose) = target.strip_prefix(CONSENT_PREFIX).filter(|p| !p.is_empty()) {
            consents.push((purpose.to_owned(), names));
        } else if TARGETS.contains(&target.as_str()) {
            fields.push((target, names));
        } else {
            let known = TARGETS.join(", ");
            let problem = format!("is not a meaning of a field; known: {known}, {CONSENT_PREFIX}<purpose>");
            return Err(SettingsError::new(&format!("fields.{target}"), problem));
        }
    }
    Ok((fields, consents))
}

fn pace(settings: &mut Settings) -> Result<Option<Pace>, SettingsError> {
    let mut read = |key: &str| match settings.value(key) {
        None => Ok(None),
        Some(value) => match value.as_u64().and_then(|n| u32::try_from(n).ok()) {
            Some(posts @ 1..=RATE_MAX) => Ok(Some(posts)),
            _ => {
                let problem = format!("must be a whole number of posts a minute, from 1 to {RATE_MAX}");
                Err(SettingsError::new(key, problem))
            }
        },
    };
    let pace = Pace { per_address: read("rate")?, in_all: read("rate_in_all")? };
    Ok((pace != Pace::default()).then_some(pace))
}

/// As browsers write them: scheme, host and port, in lower case, and nothing behind.
fn origins(settings: &mut Settings) -> Result<Vec<String>, SettingsError> {
    let origins = urls(settings, "origins")?;
    let bare = |url: &String| {
        let host = url.split_once("://").map_or("", |(_, host)| host);
        !host.is_empty() && !host.contains(['/', '?', '#', '@', '*', ' ', ',']) && *url == url.to_lowercase()
    };
    if origins.iter().all(bare) {
        Ok(origins)
    } else {
        let problem =
            "must hold origins as browsers send them; such as \"https://www.example.com\", without a path";
        Err(SettingsError::new("origins", problem))
    }
}

fn names(target: &str, value: Value) -> Result<Vec<String>, SettingsError> {
    let wrong =
        || SettingsError::new(&format!("fields.{target}"), "must be a field's name or a list of names");
    match value {
        Value::String(name) => Ok(vec![name]),
        Value::Array(items) => {
            items.into_iter().map(|i| i.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
        }
        _ => Err(wrong()),
    }
}

/// Absolute addresses without control characters: they end up in response headers.
fn urls(settings: &mut Settings, key: &str) -> Result<Vec<String>, SettingsError> {
    let urls = settings.texts(key)?;
    let good = |url: &String| {
        (url.starts_with("https://") || url.starts_with("http://")) && !url.chars().any(char::is_control)
    };
    if urls.iter().all(good) {
        Ok(urls)
    } else {
        Err(SettingsError::new(
            key,
            "must hold absolute addresses, such as \"https://www.example.com/thanks\"",
        ))
    }
}
