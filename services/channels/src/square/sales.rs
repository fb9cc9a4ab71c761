//! Payments, refunds, orders, invoices.

use super::{
    envelope::{Envelope, Kept, text},
    money::money,
};
use serde_json::Value;
use tributary_core::{
    body::{Body, Purchase, Refund},
    draft::{Claim, Draft},
    event::Trust,
};

/// A payment: completed is a purchase; before that an activity; cancelled or failed is gone.
pub(super) fn payment(envelope: &Envelope) -> Result<Draft, Kept> {
    let payment = envelope.object("payment")?;
    let key = envelope.key("payment", payment)?;
    let body = match text(payment, "status") {
        "COMPLETED" => Body::Purchase(purchase(payment)?),
        "APPROVED" => activity("payment.approved"),
        "PENDING" => activity("payment.pending"),
        "CANCELED" | "FAILED" => Body::Removed { of: key.clone() },
        _ => return Err(Kept::malformed("payment.status")),
    };
    let mut draft = sale(envelope, payment, key, body);
    draft.identifiers.extend(envelope.customer(text(payment, "customer_id")));
    claim(&mut draft, "email", text(payment, "buyer_email_address"));
    draft.actor = ["team_member_id", "employee_id"].map(|f| text(payment, f)).concat();
    Ok(draft)
}

fn purchase(payment: &Value) -> Result<Purchase, Kept> {
    // With tip; older payloads have the amount alone.
    let (total, currency) = money(payment, "total_money").or_else(|_| money(payment, "amount_money"))?;
    let refs = ["order_id", "receipt_number", "reference_id"].map(|field| text(payment, field));
    Ok(Purchase {
        currency,
        total,
        refs: refs.into_iter().filter(|r| !r.is_empty()).map(str::to_owned).collect(),
        ..Purchase::default()
    })
}

/// A refund: only a completed one is money given back.
pub(super) fn refund(envelope: &Envelope) -> Result<Draft, Kept> {
    let refund = envelope.object("refund")?;
    let key = envelope.key("refund", refund)?;
    let body = match text(refund, "status") {
        "COMPLETED" => {
            let (total, currency) = money(refund, "amount_money")?;
            let of = match text(refund, "payment_id") {
                "" => String::new(),
                id => format!("payment/{id}"),
            };
            Body::Refund(Refund { of, currency, total })
        }
        "PENDING" => activity("refund.pending"),
        "APPROVED" => activity("refund.approved"),
        "REJECTED" | "FAILED" => Body::Removed { of: key.clone() },
        _ => return Err(Kept::malformed("refund.status")),
    };
    let mut draft = sale(envelope, refund, key, body);
    draft.actor = text(refund, "team_member_id").to_owned();
    Ok(draft)
}

/// An order's change: ids, state and version only, so an activity.
pub(super) fn order(envelope: &Envelope) -> Result<Draft, Kept> {
    let order = envelope.object(&envelope.kind.replace('.', "_"))?;
    let key = match text(order, "order_id") {
        "" => envelope.key("order", order)?,
        id => format!("order/{id}"),
    };
    let mut draft = sale(envelope, order, key, activity(&envelope.kind));
    draft.revision = envelope.version(order);
    Ok(draft)
}

/// An invoice's change: who it is for, on the timeline. The money comes with its payment.
pub(super) fn invoice(envelope: &Envelope) -> Result<Draft, Kept> {
    let invoice = envelope.object("invoice")?;
    let key = envelope.key("invoice", invoice)?;
    let mut draft = sale(envelope, invoice, key, activity(&envelope.kind));
    draft.revision = envelope.version(invoice);
    draft.occurred_at = envelope.at(invoice, "updated_at");
    if let Some(recipient) = invoice.get("primary_recipient") {
        draft.identifiers.extend(envelope.customer(text(recipient, "customer_id")));
        claim(&mut draft, "email", text(recipient, "email_address"));
        claim(&mut draft, "phone", text(recipient, "phone_number"));
    }
    Ok(draft)
}

fn sale(envelope: &Envelope, object: &Value, key: String, body: Body) -> Draft {
    let mut draft = Draft::new(key, body);
    draft.revision = envelope.revision(object);
    draft.occurred_at = envelope.at(object, "created_at");
    draft.store = text(object, "location_id").to_owned();
    draft
}

/// Something for the timeline.
pub(super) fn activity(title: &str) -> Body {
    Body::Activity { title: title.to_owned() }
}

/// Adds a typed address or number.
pub(super) fn claim(draft: &mut Draft, kind: &str, value: &str) {
    if !value.is_empty() {
        draft.identifiers.push(Claim::new(kind, "", value, Trust::Claimed));
    }
}
