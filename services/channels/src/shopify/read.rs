//! Values of Shopify's JSON: ids that are numbers or texts, amounts that are decimal texts, times with their zone.

use serde_json::Value;
use tributary_core::{draft::Claim, event::Trust, ids::REMOVAL, money::Money, time::Micros};

/// Longest id or name that becomes part of a key or a clear field.
const ID_MAX: usize = 100;

/// Why a webhook is no event.
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

/// What a body without its topic is, where it can be told.
pub(super) fn topic_of(body: &Value) -> Option<&'static str> {
    let has = |field: &str| body.get(field).is_some();
    if has("order_id") && has("refund_line_items") {
        return Some("refunds/create");
    }
    if has("total_price") && has("line_items") && has("financial_status") {
        return Some("orders/updated");
    }
    (has("first_name") && has("orders_count")).then_some("customers/update")
}

/// The text of a field; empty if it is absent, null or no text.
pub(super) fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value.get(field).and_then(Value::as_str).map(str::trim).unwrap_or_default()
}

/// An id: a whole number, or a text such as `gid://shopify/Customer/7`, of which the last part counts.
pub(super) fn id(value: &Value, field: &str) -> Option<String> {
    let id = match value.get(field)? {
        Value::Number(number) => number.as_u64()?.to_string(),
        Value::String(text) => text.rsplit('/').next()?.trim().to_owned(),
        _ => return None,
    };
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    (!id.is_empty() && id.len() <= ID_MAX && id.bytes().all(plain)).then_some(id)
}

/// The id of an object, which must be there.
pub(super) fn own_id(value: &Value, what: &str) -> Result<String, Kept> {
    id(value, "id").ok_or_else(|| Kept::malformed(&format!("the id of the {what}")))
}

/// A decimal amount.
pub(super) fn money(value: &Value, field: &str) -> Result<Option<Money>, Kept> {
    let amount = match value.get(field) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => Money::parse(text),
        Some(Value::Number(number)) => Money::parse(&number.to_string()),
        Some(_) => None,
    };
    amount.map(Some).ok_or_else(|| Kept::malformed(field))
}

/// Whether this is an ISO 4217 code by its form.
pub(super) fn is_currency(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase())
}

/// A time.
pub(super) fn time(value: &Value, field: &str) -> Option<Micros> {
    Micros::parse(text(value, field))
}

/// The version of an object: when it was changed last, in microseconds.
pub(super) fn revision(value: &Value) -> Result<u64, Kept> {
    let at = ["updated_at", "created_at"].into_iter().find_map(|field| time(value, field));
    let micros = at.and_then(|at| u64::try_from(at.0).ok()).ok_or_else(|| Kept::malformed("updated_at"))?;
    Ok(micros.min(REMOVAL - 1))
}

/// A short clear text: a name or number that Shopify gave.
pub(super) fn short(text: &str) -> String {
    if text.len() > ID_MAX { String::new() } else { text.to_owned() }
}

/// Who a customer object names.
pub(super) fn people(customer: &Value, scope: &str) -> Vec<Claim> {
    let mut claims: Vec<Claim> =
        id(customer, "id").map(|id| Claim::new("external", scope, id, Trust::Verified)).into_iter().collect();
    for (field, kind) in [("email", "email"), ("phone", "phone")] {
        typed(&mut claims, kind, text(customer, field));
    }
    claims
}

/// Adds a typed address or number, once.
pub(super) fn typed(claims: &mut Vec<Claim>, kind: &str, value: &str) {
    if !value.is_empty() && !claims.iter().any(|c| c.kind == kind && c.value == value) {
        claims.push(Claim::new(kind, "", value, Trust::Claimed));
    }
}
