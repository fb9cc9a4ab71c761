//! One row of a list of members as facts.

use crate::{
    digest,
    table::{
        named::{RowReader, Values},
        numbers::{is_scientific, plain_id},
        version::Version,
    },
    when::{Clock, When},
};
use tributary_core::{
    body::{Body, Consent},
    content::{Contact, Content, ProfileField, ProfileSource},
    draft::{Claim, Draft},
    event::Trust,
    ids::REMOVAL,
    time::Micros,
};

/// The words of the mapping; a row's values stand in this order.
pub(super) const NAMES: &[&str] = &[
    "member",
    "name",
    "phone",
    "email",
    "birth_date",
    "gender",
    "address",
    "language",
    "tier",
    "points",
    "joined_at",
    "updated_at",
    "store",
    "consent",
    "consent_email",
    "consent_sms",
    "consent_line",
    "consent_post",
];
/// Place of the member number.
pub(super) const MEMBER: usize = 0;
const PHONE: usize = 2;
const EMAIL: usize = 3;
const BIRTH_DATE: usize = 4;
const TIER: usize = 8;
const POINTS: usize = 9;
const JOINED_AT: usize = 10;
const UPDATED_AT: usize = 11;
const STORE: usize = 12;

/// Columns that are profile fields as they stand.
const PROFILE: [(usize, ProfileField); 6] = [
    (1, ProfileField::Name),
    (PHONE, ProfileField::Telephone),
    (EMAIL, ProfileField::Email),
    (5, ProfileField::Gender),
    (6, ProfileField::Address),
    (7, ProfileField::Language),
];
/// Columns of consent, and by which channel.
const CONSENTS: [(usize, &str); 5] = [(13, "any"), (14, "email"), (15, "sms"), (16, "line"), (17, "post")];
/// Longest tier.
const TIER_MAX: usize = 100;

/// How rows are read.
pub(super) struct Members {
    pub(super) clock: Clock,
    /// Of all consents.
    pub(super) purpose: String,
    /// In lower case.
    pub(super) yes: Vec<String>,
    /// In lower case.
    pub(super) no: Vec<String>,
}

impl RowReader for Members {
    fn drafts(&self, row: &Values, version: &Version) -> Result<Vec<Draft>, String> {
        let member = row.get(MEMBER);
        if is_scientific(member) {
            return Err("member is in scientific notation: its last digits are lost".to_owned());
        }
        let member = plain_id(member);
        if member.is_empty() {
            return Err("member is empty".to_owned());
        }
        let updated = self.time(row, UPDATED_AT)?;
        let revision = match updated.and_then(|when| u64::try_from(when.at.0).ok()) {
            Some(micros) => micros.min(REMOVAL - 1),
            None => version.revision * 1_000_000,
        };
        // What a list without any time says is true when it is received.
        let listed = i64::try_from(revision).ok().filter(|micros| *micros > 0).map(Micros);
        let at = updated.map(|when| when.at).or(listed);
        // A number may be somebody's phone: it stands in no key.
        let key = format!("member/{}", digest::hex32_of_parts([member]));
        let claim = Claim::new("member", "", member, Trust::Verified);
        let fact = |name: &str, body: Body| {
            let mut draft = Draft::new(format!("{key}{name}"), body);
            draft.revision = revision;
            draft.occurred_at = at;
            draft.identifiers = vec![claim.clone()];
            plain_id(row.get(STORE)).clone_into(&mut draft.store);
            draft
        };
        let mut profile = fact("", Body::Profile {});
        self.person(row, &mut profile);
        let mut drafts = vec![profile];
        for (name, value) in [("tier", self.tier(row)?), ("points", points(row)?)] {
            if !value.is_empty() {
                drafts.push(fact(&format!("/{name}"), Body::Trait { name: name.to_owned(), value }));
            }
        }
        if let Some(joined) = self.time(row, JOINED_AT)? {
            let mut draft = fact("/joined", Body::Activity { title: "member.joined".to_owned() });
            draft.occurred_at = Some(joined.at);
            drafts.push(draft);
        }
        for (word, channel) in CONSENTS {
            if let Some(granted) = self.granted(row, word)? {
                let consent = Consent {
                    purpose: self.purpose.clone(),
                    channel: channel.to_owned(),
                    granted,
                    method: "member_list".to_owned(),
                    ..Consent::default()
                };
                drafts.push(fact(&format!("/consent/{channel}"), Body::Consent(consent)));
            }
        }
        Ok(drafts)
    }
}

impl Members {
    fn person(&self, row: &Values, draft: &mut Draft) {
        let content: &mut Content = &mut draft.content;
        for (word, kind) in [(PHONE, "phone"), (EMAIL, "email")] {
            let value = row.get(word);
            if is_scientific(value) {
                let reason = "scientific_notation".to_owned();
                content.contacts.push(Contact { kind: kind.to_owned(), value: value.to_owned(), reason });
            } else if !value.is_empty() {
                let value = if word == PHONE { plain_id(value) } else { value };
                draft.identifiers.push(Claim::new(kind, "", value, Trust::Claimed));
            }
        }
        for (word, field) in PROFILE {
            let value = row.get(word);
            if !value.is_empty() && !is_scientific(value) {
                content.profile.insert(field, value.to_owned());
            }
        }
        let born = row.get(BIRTH_DATE);
        match self.clock.read(born, "") {
            Some(When { date, .. }) => {
                content.profile.insert(ProfileField::BirthDate, date.to_string());
            }
            None if !born.chars().all(|c| matches!(c, '0' | '-' | '/' | '.' | ':' | ' ')) => {
                content.fields.insert("birth_date".to_owned(), born.into());
            }
            None => {} // `0000-00-00` says nothing
        }
        draft.profile_source = ProfileSource::MemberMaster;
    }

    fn tier(&self, row: &Values) -> Result<String, String> {
        let tier = row.get(TIER);
        if tier.len() > TIER_MAX {
            return Err(format!("tier is longer than {TIER_MAX} bytes"));
        }
        Ok(tier.to_owned())
    }

    fn time(&self, row: &Values, word: usize) -> Result<Option<When>, String> {
        let text = row.get(word);
        if text.is_empty() {
            return Ok(None);
        }
        let name = NAMES.get(word).copied().unwrap_or_default();
        self.clock.read(text, "").map(Some).ok_or_else(|| format!("{name} cannot be read"))
    }

    fn granted(&self, row: &Values, word: usize) -> Result<Option<bool>, String> {
        let text = row.get(word).to_lowercase();
        let name = NAMES.get(word).copied().unwrap_or_default();
        match (text.is_empty(), self.yes.contains(&text), self.no.contains(&text)) {
            (true, ..) => Ok(None),
            (_, true, false) => Ok(Some(true)),
            (_, false, true) => Ok(Some(false)),
            _ => Err(format!("{name} is none of the words of `yes` and `no`")),
        }
    }
}

fn points(row: &Values) -> Result<String, String> {
    let text = row.get(POINTS).replace(',', "");
    let text = plain_id(&text);
    if text.is_empty() {
        return Ok(String::new());
    }
    text.parse::<i64>()
        .map(|points| points.to_string())
        .map_err(|_| "points is not a whole number".to_owned())
}
