//! Customers: the directory's profile and consents, merges, deletions, and what the privacy webhooks ask.

use super::read::{Kept, id, own_id, people, revision, text, time};
use serde_json::Value;
use tributary_core::{
    body::{Body, Consent},
    content::{Profile, ProfileField, ProfileSource},
    draft::{Claim, Draft},
    event::Trust,
    ids::REMOVAL,
};

/// A customer of the directory, with the consents that have a date.
pub(super) fn customer(customer: &Value, scope: &str) -> Result<Vec<Draft>, Kept> {
    let key = format!("customer/{}", own_id(customer, "customer")?);
    let mut draft = Draft::new(key.clone(), Body::Profile {});
    draft.revision = revision(customer)?;
    draft.occurred_at = time(customer, "updated_at");
    draft.identifiers = people(customer, scope);
    draft.content.profile = profile(customer);
    draft.profile_source = ProfileSource::MemberMaster;
    let who: Vec<Claim> = draft.identifiers.iter().take(1).cloned().collect();
    let mut drafts = vec![draft];
    for (field, channel) in [("email_marketing_consent", "email"), ("sms_marketing_consent", "sms")] {
        let Some(consent) = customer.get(field).filter(|c| c.is_object()) else { continue };
        let granted = match text(consent, "state") {
            "subscribed" => true,
            "unsubscribed" => false,
            _ => continue, // never asked, or not answered yet
        };
        let Some(at) = time(consent, "consent_updated_at") else { continue };
        let body = Body::Consent(Consent {
            purpose: "marketing".to_owned(),
            channel: channel.to_owned(),
            granted,
            method: "shopify".to_owned(),
            ..Consent::default()
        });
        let mut draft = Draft::new(format!("{key}/consent/{channel}"), body);
        draft.revision = u64::try_from(at.0).unwrap_or_default().min(REMOVAL - 1);
        draft.occurred_at = Some(at);
        draft.identifiers.clone_from(&who);
        drafts.push(draft);
    }
    Ok(drafts)
}

/// A customer that was deleted from the directory; what it did stays.
pub(super) fn deleted(customer: &Value) -> Result<Vec<Draft>, Kept> {
    let key = format!("customer/{}", own_id(customer, "customer")?);
    let mut draft = Draft::new(key.clone(), Body::Removed { of: key });
    draft.revision = REMOVAL;
    Ok(vec![draft])
}

/// Two customers that the shop made one: Shopify vouches that both are one person.
pub(super) fn merged(body: &Value, scope: &str) -> Result<Vec<Draft>, Kept> {
    let of = |field: &str| id(body, field).ok_or_else(|| Kept::malformed(field));
    let kept = of("admin_graphql_api_customer_kept_id")?;
    let gone = of("admin_graphql_api_customer_deleted_id")?;
    let ok = matches!(text(body, "status"), "completed" | "");
    let mut draft = Draft::new(format!("merge/{gone}/{kept}"), Body::Link { with: gone.clone(), ok });
    draft.identifiers =
        [kept, gone].into_iter().map(|id| Claim::new("external", scope, id, Trust::Verified)).collect();
    Ok(vec![draft])
}

/// What a customer asked of the shop: shown on the timeline, done by people.
pub(super) fn privacy(body: &Value, scope: &str, title: &str) -> Result<Vec<Draft>, Kept> {
    let customer =
        body.get("customer").and_then(|c| id(c, "id")).ok_or_else(|| Kept::malformed("customer.id"))?;
    let request = body.get("data_request").and_then(|r| id(r, "id")).unwrap_or_default();
    let mut draft =
        Draft::new(format!("{title}/{customer}/{request}"), Body::Activity { title: title.to_owned() });
    draft.identifiers = vec![Claim::new("external", scope, customer, Trust::Verified)];
    Ok(vec![draft])
}

/// The profile of a customer object.
pub(super) fn profile(customer: &Value) -> Profile {
    let mut profile = Profile::new();
    let mut put = |field, value: String| {
        if !value.is_empty() {
            profile.insert(field, value);
        }
    };
    put(ProfileField::Name, full_name(text(customer, "first_name"), text(customer, "last_name")));
    put(ProfileField::Email, text(customer, "email").to_owned());
    put(ProfileField::Telephone, text(customer, "phone").to_owned());
    put(ProfileField::Language, text(customer, "locale").to_owned());
    if let Some(address) = customer.get("default_address") {
        let parts: Vec<&str> = ["address1", "address2", "city", "province", "zip", "country"]
            .map(|field| text(address, field))
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect();
        put(ProfileField::Address, parts.join(", "));
    }
    profile
}

/// Family name first and no space where either is written in Chinese characters.
fn full_name(first: &str, last: &str) -> String {
    let is_chinese = |c: char| matches!(c, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}');
    if first.chars().chain(last.chars()).any(is_chinese) {
        return format!("{last}{first}");
    }
    format!("{first} {last}").trim().to_owned()
}
