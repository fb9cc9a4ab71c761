//! What all notifications share: `{merchant_id, type, event_id, created_at, data: {type, id, object}}`.

use serde_json::Value;
use tributary_core::{draft::Claim, event::Trust, ids::REMOVAL, time::Micros};

/// Longest event type; Square's longest is half of it.
const TYPE_MAX: usize = 80;
/// Longest id of Square's that becomes part of a key.
const ID_MAX: usize = 192;

/// What payments, refunds and orders hold besides, and nobody reads: most of their bytes.
const NOT_READ: [&str; 18] = [
    "app_fee_money",
    "application_details",
    "approved_money",
    "bank_account_details",
    "billing_address",
    "capabilities",
    "card_details",
    "cash_details",
    "delay_action",
    "delay_duration",
    "delayed_until",
    "device_details",
    "line_items",
    "processing_fee",
    "receipt_url",
    "risk_evaluation",
    "shipping_address",
    "version_token",
];

/// Why a notification is no event.
pub(super) struct Kept {
    /// Stable code.
    pub(super) reason: &'static str,
    /// Without personal values.
    pub(super) detail: String,
}

impl Kept {
    /// Something that should be there is not, or is no value of its kind.
    pub(super) fn malformed(path: &str) -> Self {
        Self { reason: "malformed_event", detail: format!("{path} is missing or not what it should be") }
    }
}

/// One notification.
pub(super) struct Envelope {
    /// `payment.updated`, ...
    pub(super) kind: String,
    /// Scope of its customer ids.
    pub(super) scope: String,
    /// `data`.
    pub(super) data: Value,
    event_id: String,
    created_at: Option<Micros>,
}

impl Envelope {
    /// Reads a notification. Customer ids belong to the merchant it names; without one, to the configured merchant.
    pub(super) fn read(body: &[u8], merchant: &str) -> Result<Self, Kept> {
        let malformed = |_| Kept { reason: "malformed_json", detail: "the body is not JSON".to_owned() };
        let mut body = crate::json::value_without(body, &NOT_READ).map_err(malformed)?;
        let kind = text(&body, "type").to_owned();
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_');
        if kind.is_empty() || kind.len() > TYPE_MAX || !kind.bytes().all(plain) {
            return Err(Kept::malformed("type"));
        }
        let merchant = match text(&body, "merchant_id") {
            "" => merchant,
            named => named,
        };
        Ok(Self {
            kind,
            scope: format!("square:{merchant}"),
            event_id: text(&body, "event_id").to_owned(),
            created_at: time(&body, "created_at"),
            data: body.get_mut("data").map(Value::take).unwrap_or_default(),
        })
    }

    /// The object inside `data.object`, by its name there or, where Square's own examples differ, the only one.
    pub(super) fn object(&self, name: &str) -> Result<&Value, Kept> {
        let objects = self.data.get("object").and_then(Value::as_object);
        let found = objects.and_then(|o| o.get(name).or_else(|| o.values().next().filter(|_| o.len() == 1)));
        found.filter(|o| o.is_object()).ok_or_else(|| Kept::malformed(&format!("data.object.{name}")))
    }

    /// `kind/id` of an object; the object's own id counts, because `data.id` has been seen to differ.
    pub(super) fn key(&self, kind: &str, object: &Value) -> Result<String, Kept> {
        let id = match text(object, "id") {
            "" => text(&self.data, "id"),
            id => id,
        };
        named(kind, id)
    }

    /// The key of a notification that names nothing better.
    pub(super) fn own_key(&self) -> Result<String, Kept> {
        named("event", &self.event_id)
    }

    /// When the object was changed last, in microseconds; the notification's time stands in.
    pub(super) fn revision(&self, object: &Value) -> u64 {
        let at = ["updated_at", "created_at"].into_iter().find_map(|name| time(object, name));
        let micros = at.or(self.created_at).map_or(0, |at| at.0);
        u64::try_from(micros).unwrap_or_default().min(REMOVAL - 1)
    }

    /// The object's `version`, or when it was changed last.
    pub(super) fn version(&self, object: &Value) -> u64 {
        let version = object.get("version").and_then(Value::as_u64);
        version.unwrap_or_else(|| self.revision(object)).min(REMOVAL - 1)
    }

    /// When the object's `field` says it happened; the notification's time stands in.
    pub(super) fn at(&self, object: &Value, field: &str) -> Option<Micros> {
        time(object, field).or(self.created_at)
    }

    /// A customer id of this merchant: Square's signature vouches for it.
    pub(super) fn customer(&self, id: &str) -> Option<Claim> {
        (!id.is_empty()).then(|| Claim::new("external", &self.scope, id, Trust::Verified))
    }
}

fn named(kind: &str, id: &str) -> Result<String, Kept> {
    if id.is_empty() || id.len() > ID_MAX {
        return Err(Kept::malformed(&format!("the id of the {kind}")));
    }
    Ok(format!("{kind}/{id}"))
}

/// The text of a field; empty if it is absent or no text.
pub(super) fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn time(value: &Value, field: &str) -> Option<Micros> {
    Micros::parse(text(value, field))
}
