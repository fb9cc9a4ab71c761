//! Profiles of LINE users: the question to the Messaging API, and the fact that its answer is.

use crate::{
    adapter::Lookup,
    digest,
    settings::{Secret, Settings, SettingsError},
};
use serde::Deserialize;
use tributary_core::{
    body::Body,
    content::{ProfileField, ProfileSource},
    draft::{Claim, Draft},
    event::{Trust, flags},
    seal::Raw,
    time::Micros,
};

/// Where the Messaging API is.
pub(super) const API: &str = "https://api.line.me";

/// Longest value that is taken; a display name has at most 20 characters, a picture's address a few hundred.
const VALUE_BYTES_MAX: usize = 2_000;

/// How to ask.
pub(super) struct Profiles {
    base: String,
    token: Secret,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    user_id: String,
    display_name: Option<String>,
    picture_url: Option<String>,
    language: Option<String>,
}

impl Profiles {
    /// `None` unless the channel wants profiles.
    pub fn read(settings: &mut Settings) -> Result<Option<Self>, SettingsError> {
        let wanted = settings.flag("fetch_profile")?.unwrap_or(false);
        let base = settings.text("profile_url")?.unwrap_or_else(|| API.to_owned());
        if !wanted {
            settings.value("access_token");
            return Ok(None);
        }
        let token =
            settings.secrets("access_token", "the channel access token from the LINE Developers console")?;
        let token = token.into_iter().next().unwrap_or_default();
        Ok(Some(Self { base: base.trim_end_matches('/').to_owned(), token }))
    }

    pub fn ask(&self, user: &str) -> Option<Lookup> {
        // The id becomes part of an address.
        let plain = user.bytes().all(|b| b.is_ascii_alphanumeric()) && !user.is_empty();
        let token = std::str::from_utf8(self.token.bytes()).ok()?.trim();
        plain.then(|| Lookup {
            url: format!("{}/v2/bot/profile/{user}", self.base),
            headers: vec![("authorization".to_owned(), format!("Bearer {token}"))],
        })
    }
}

/// The fact: one for each person, the latest answer counts.
pub(super) fn draft(provider: &str, user: &str, body: &[u8], asked_at: Micros) -> Option<Draft> {
    let answer: Answer = serde_json::from_slice(body).ok()?;
    if answer.user_id != user {
        return None;
    }
    let key = format!("profile/{}", digest::hex32(user.as_bytes()));
    let mut draft = Draft::new(key, Body::Profile {});
    for (field, value) in [
        (ProfileField::DisplayName, answer.display_name),
        (ProfileField::Image, answer.picture_url),
        (ProfileField::Language, answer.language),
    ] {
        if let Some(value) = value.filter(|v| !v.trim().is_empty() && v.len() <= VALUE_BYTES_MAX) {
            draft.content.profile.insert(field, value);
        }
    }
    if draft.content.profile.is_empty() {
        return None;
    }
    draft.revision = asked_at.0.max(0).unsigned_abs();
    draft.occurred_at = Some(asked_at);
    draft.identifiers.push(Claim::new("line", provider, user, Trust::Verified));
    draft.profile_source = ProfileSource::DisplayName;
    draft.flags = flags::AUTOMATIC;
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    draft.raw = Raw { headers, body: body.to_vec() };
    Some(draft)
}

#[cfg(test)]
mod tests {
    use super::draft;
    use tributary_core::{content::ProfileField, time::Micros};

    const USER: &str = "U0123456789abcdef0123456789abcdef";

    #[test]
    fn an_answer_becomes_a_fact_of_the_person_it_is_about() {
        let body = format!(
            r#"{{"userId":"{USER}","displayName":"美玲🌙","language":"zh-TW","pictureUrl":"https://p.example/1","statusMessage":"hi"}}"#
        );
        let fact = draft("prov-1", USER, body.as_bytes(), Micros(7)).expect("a fact");
        assert_eq!(fact.revision, 7);
        assert!(!fact.key.contains(USER), "an id is no key");
        assert_eq!(fact.content.profile.len(), 3);
        assert_eq!(fact.content.profile[&ProfileField::DisplayName], "美玲🌙");
        for other in [
            r#"{"userId":"U1","displayName":"x"}"#.to_owned(),
            format!(r#"{{"userId":"{USER}"}}"#),
            format!(r#"{{"userId":"{USER}","displayName":"{}"}}"#, "x".repeat(3_000)),
            "[]".to_owned(),
            String::new(),
        ] {
            assert!(draft("prov-1", USER, other.as_bytes(), Micros(7)).is_none(), "{other}");
        }
    }
}
