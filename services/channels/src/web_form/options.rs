//! The settings of a form.

use crate::settings::{Secret, Settings, SettingsError};
use encoding_rs::{Encoding, UTF_8};
use serde_json::Value;

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

/// What `[channels.X]` says.
pub(super) struct Options {
    /// Name of the form; the channel's account.
    pub form: String,
    /// (target, fields in order of preference).
    pub fields: Vec<(String, Vec<String>)>,
    /// (purpose, checkbox fields).
    pub consents: Vec<(String, Vec<String>)>,
    /// Channel a consent is for.
    pub consent_channel: String,
    /// SHA-256 of the text beside the checkbox.
    pub consent_text_sha256: String,
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
}

impl Options {
    /// The fields of this target, best first.
    pub fn of(&self, target: &str) -> &[String] {
        self.fields.iter().find(|(t, _)| t == target).map(|(_, f)| f.as_slice()).unwrap_or_default()
    }
}

pub(super) fn read(settings: &mut Settings) -> Result<Options, SettingsError> {
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
    let tokens = match settings.texts("token")?.is_empty() {
        true => Vec::new(),
        false => settings.secrets("token", "the form's token")?,
    };
    let thanks = urls(settings, "thanks")?;
    let origins = urls(settings, "origins")?;
    let label = settings.text("charset")?.unwrap_or_else(|| "utf-8".to_owned());
    let charset = Encoding::for_label(label.as_bytes()).ok_or_else(|| {
        SettingsError::new("charset", "must be a charset's name, such as \"utf-8\" or \"big5\"")
    })?;
    let text = settings.text("consent_text")?;
    Ok(Options {
        form: settings.required("form", "the form's name, such as \"contact\"")?,
        fields,
        consents,
        consent_channel: settings.text("consent_channel")?.unwrap_or_else(|| "email".to_owned()),
        consent_text_sha256: text.map(|t| crate::digest::hex64(t.as_bytes())).unwrap_or_default(),
        submission_id: settings.text("submission_id")?,
        honeypots: settings.texts("honeypot")?,
        test: settings.text("test")?,
        redirect: settings.text("redirect")?,
        thanks,
        origins,
        tokens,
        token_field: settings.text("token_field")?,
        charset: if charset.is_ascii_compatible() { charset } else { UTF_8 },
        site: settings.text("site")?.unwrap_or_default(),
    })
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
