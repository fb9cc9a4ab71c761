//! Customers, loyalty accounts, and whatever else names a customer.

use super::{
    envelope::{Envelope, Kept, text},
    sales::{activity, claim},
};
use serde_json::Value;
use tributary_core::{
    body::Body,
    content::{Profile, ProfileField, ProfileSource},
    draft::Draft,
    ids::REMOVAL,
};

/// A customer of the directory.
pub(super) fn customer(envelope: &Envelope) -> Result<Draft, Kept> {
    let customer = envelope.object("customer")?;
    let mut draft = Draft::new(envelope.key("customer", customer)?, Body::Profile {});
    draft.revision = envelope.version(customer);
    draft.occurred_at = envelope.at(customer, "updated_at");
    draft.identifiers.extend(envelope.customer(text(customer, "id")));
    claim(&mut draft, "email", text(customer, "email_address"));
    claim(&mut draft, "phone", text(customer, "phone_number"));
    draft.content.profile = profile(customer);
    draft.profile_source = ProfileSource::MemberMaster;
    Ok(draft)
}

/// A customer that was deleted, or merged into another one: then Square vouches that both were one person. That stands
/// in the removal, because no later revision can replace it.
pub(super) fn customer_deleted(envelope: &Envelope) -> Result<Draft, Kept> {
    let empty = Value::Null;
    let customer = envelope.object("customer").unwrap_or(&empty);
    let key = envelope.key("customer", customer)?;
    let mut draft = Draft::new(key.clone(), Body::Removed { of: key });
    draft.revision = REMOVAL;
    draft.occurred_at = envelope.at(&empty, "created_at");
    let merge = envelope.data.pointer("/object/event_context/merge");
    if let Some(into) = merge.map(|m| text(m, "to_customer_id")).filter(|id| !id.is_empty()) {
        let own = match text(customer, "id") {
            "" => text(&envelope.data, "id"),
            id => id,
        };
        draft.identifiers = [own, into].into_iter().filter_map(|id| envelope.customer(id)).collect();
    }
    Ok(draft)
}

/// A loyalty account: the phone number it was opened with, and perhaps its customer.
pub(super) fn loyalty_account(envelope: &Envelope) -> Result<Draft, Kept> {
    let account = envelope.object("loyalty_account")?;
    let key = envelope.key("loyalty.account", account)?;
    let mut draft = Draft::new(key, activity(&envelope.kind));
    draft.revision = envelope.revision(account);
    draft.occurred_at = envelope.at(account, "updated_at");
    draft.identifiers.extend(envelope.customer(text(account, "customer_id")));
    if let Some(mapping) = account.get("mapping") {
        claim(&mut draft, "phone", text(mapping, "phone_number"));
    }
    Ok(draft)
}

/// Any other notification: an activity if it names one customer.
pub(super) fn other(envelope: &Envelope) -> Result<Draft, Kept> {
    let objects = envelope.data.get("object").and_then(Value::as_object);
    let one = |object: &Value| {
        ["customer_id", "linked_customer_id"]
            .map(|f| text(object, f))
            .into_iter()
            .find(|id| !id.is_empty())
            .map(str::to_owned)
    };
    let found = objects.and_then(|o| one(&Value::Object(o.clone())).or_else(|| o.values().find_map(one)));
    let Some(claim) = found.and_then(|id| envelope.customer(&id)) else {
        let detail = format!("{} names no customer", envelope.kind);
        return Err(Kept { reason: "unknown_event_type", detail });
    };
    let mut draft = Draft::new(envelope.own_key()?, activity(&envelope.kind));
    draft.occurred_at = envelope.at(&Value::Null, "created_at");
    draft.identifiers.push(claim);
    Ok(draft)
}

fn profile(customer: &Value) -> Profile {
    let mut profile = Profile::new();
    let mut put = |field, value: String| {
        if !value.is_empty() {
            profile.insert(field, value);
        }
    };
    put(ProfileField::Name, full_name(text(customer, "given_name"), text(customer, "family_name")));
    put(ProfileField::DisplayName, text(customer, "nickname").to_owned());
    put(ProfileField::Email, text(customer, "email_address").to_owned());
    put(ProfileField::Telephone, text(customer, "phone_number").to_owned());
    // Square writes year 0000 where the year is not known.
    let birthday = text(customer, "birthday");
    put(
        ProfileField::BirthDate,
        if birthday.starts_with("0000") { String::new() } else { birthday.to_owned() },
    );
    if let Some(address) = customer.get("address") {
        let fields = [
            "address_line_1",
            "address_line_2",
            "address_line_3",
            "locality",
            "administrative_district_level_1",
            "postal_code",
            "country",
        ];
        let parts: Vec<&str> = fields.iter().map(|f| text(address, f)).filter(|p| !p.is_empty()).collect();
        put(ProfileField::Address, parts.join(", "));
    }
    profile
}

/// Family name first and no space where either is written in Chinese characters.
fn full_name(given: &str, family: &str) -> String {
    let is_chinese =
        |c: char| matches!(c, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}');
    if given.chars().chain(family.chars()).any(is_chinese) {
        return format!("{}{}", family.trim(), given.trim());
    }
    format!("{given} {family}").trim().to_owned()
}
