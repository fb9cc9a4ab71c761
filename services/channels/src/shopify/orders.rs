//! Orders as purchases and states, and refunds.

use super::{
    customers::profile,
    read::{Kept, id, is_currency, money, own_id, people, revision, short, text, time, typed},
};
use crate::table::numbers::{plus, times};
use serde_json::Value;
use tributary_core::{
    body::{Body, Line, Order, Purchase, Refund},
    content::{ProfileField, ProfileSource},
    draft::Draft,
    event::flags,
    ids::REMOVAL,
    money::Money,
};

/// Lines of an order that are kept: with short ids its event stays well under the size of a record.
const LINES_MAX: usize = 1_000;

/// An order: a purchase, or what it is before money was taken; and its state.
pub(super) fn order(order: &Value, scope: &str) -> Result<Vec<Draft>, Kept> {
    let id = own_id(order, "order")?;
    let revision = revision(order)?;
    let key = format!("order/{id}");
    let is_cancelled = time(order, "cancelled_at").is_some();
    let body = match text(order, "financial_status") {
        // Cancelled or not: what was paid and given back is told by refunds.
        "paid" | "partially_paid" | "partially_refunded" | "refunded" => {
            Body::Purchase(purchase(order, &id)?)
        }
        "pending" | "authorized" | "voided" | "expired" | "" if is_cancelled => {
            Body::Removed { of: key.clone() }
        }
        status @ ("pending" | "authorized" | "voided" | "expired") => {
            Body::Activity { title: format!("order.{status}") }
        }
        _ => return Err(Kept::malformed("financial_status")),
    };
    let mut sale = Draft::new(key, body);
    sale.revision = revision;
    sale.occurred_at = time(order, "processed_at").or_else(|| time(order, "created_at"));
    let customer = order.get("customer").filter(|c| c.is_object());
    sale.identifiers = customer.map(|c| people(c, scope)).unwrap_or_default();
    for kind in ["email", "phone"] {
        typed(&mut sale.identifiers, kind, text(order, kind));
    }
    if let Some(customer) = customer {
        sale.content.profile = profile(customer);
        // Where somebody lives is the directory's to say; an order's own address is where it goes to.
        sale.content.profile.remove(&ProfileField::Address);
    }
    sale.profile_source = ProfileSource::Form;
    sale.store = super::read::id(order, "location_id").unwrap_or_default();
    sale.actor = super::read::id(order, "user_id").unwrap_or_default();
    if order.get("test").and_then(Value::as_bool) == Some(true) {
        sale.flags |= flags::TEST;
    }
    let mut state =
        Draft::new(format!("order/{id}/state"), Body::Order(order_state(order, &id, is_cancelled)));
    state.revision = revision;
    state.occurred_at = time(order, "updated_at");
    state.identifiers.clone_from(&sale.identifiers);
    (state.flags, state.store) = (sale.flags, sale.store.clone());
    Ok(vec![sale, state])
}

fn order_state(order: &Value, id: &str, is_cancelled: bool) -> Order {
    let state = match (is_cancelled, text(order, "fulfillment_status"), text(order, "financial_status")) {
        (true, ..) => "cancelled",
        (_, "fulfilled", _) => "shipped",
        (_, _, "paid" | "partially_refunded") => "paid",
        (_, _, "refunded") => "returned",
        _ => "placed",
    };
    let shipped = order.get("fulfillments").and_then(Value::as_array).and_then(|all| all.last());
    let of = |field| shipped.map(|last| short(text(last, field))).unwrap_or_default();
    let name = short(text(order, "name"));
    Order {
        number: if name.is_empty() { id.to_owned() } else { name },
        state: state.to_owned(),
        carrier: of("tracking_company"),
        tracking: of("tracking_number"),
    }
}

fn purchase(order: &Value, id: &str) -> Result<Purchase, Kept> {
    let currency = text(order, "currency");
    if !is_currency(currency) {
        return Err(Kept::malformed("currency"));
    }
    let refs = [text(order, "name"), text(order, "confirmation_number"), id].map(short);
    Ok(Purchase {
        currency: currency.to_owned(),
        total: money(order, "total_price")?.ok_or_else(|| Kept::malformed("total_price"))?,
        tax: money(order, "total_tax")?,
        discount: money(order, "total_discounts")?.filter(|d| d.units != 0),
        points_used: 0,
        lines: lines(order)?,
        refs: refs.into_iter().filter(|r| !r.is_empty()).collect(),
    })
}

fn lines(order: &Value) -> Result<Vec<Line>, Kept> {
    let items = order.get("line_items").and_then(Value::as_array);
    let items = items.ok_or_else(|| Kept::malformed("line_items"))?;
    let line = |item: &Value| {
        let quantity = item.get("quantity").and_then(Value::as_i64).unwrap_or(1);
        let price = money(item, "price")?.ok_or_else(|| Kept::malformed("line_items.price"))?;
        let whole = times(Money::new(quantity, 0), price);
        let off = money(item, "total_discount")?.unwrap_or_default();
        let amount = whole.and_then(|whole| plus(whole, off.negated()));
        let sku = match short(text(item, "sku")) {
            sku if sku.is_empty() => {
                id(item, "variant_id").or_else(|| id(item, "product_id")).unwrap_or_default()
            }
            sku => sku,
        };
        let amount = amount.ok_or_else(|| Kept::malformed("line_items.price"))?;
        Ok(Line { sku, quantity: quantity.to_string(), amount })
    };
    items.iter().take(LINES_MAX).map(line).collect()
}

/// An order that was deleted.
pub(super) fn deleted(order: &Value) -> Result<Vec<Draft>, Kept> {
    let id = own_id(order, "order")?;
    let removal = |key: String| {
        let mut draft = Draft::new(key.clone(), Body::Removed { of: key });
        draft.revision = REMOVAL;
        draft
    };
    Ok(vec![removal(format!("order/{id}")), removal(format!("order/{id}/state"))])
}

/// A refund: what its successful transactions gave back. One that only puts goods back is no money.
pub(super) fn refund(refund: &Value, currency: &str) -> Result<Vec<Draft>, Kept> {
    let key = format!("refund/{}", own_id(refund, "refund")?);
    let order = id(refund, "order_id").ok_or_else(|| Kept::malformed("order_id"))?;
    let transactions = refund.get("transactions").and_then(Value::as_array);
    let transactions = transactions.ok_or_else(|| Kept::malformed("transactions"))?;
    let mut given = None;
    let mut named = String::new();
    for transaction in transactions {
        if text(transaction, "kind") != "refund" || text(transaction, "status") != "success" {
            continue;
        }
        let amount = money(transaction, "amount")?.ok_or_else(|| Kept::malformed("transactions.amount"))?;
        given = match given {
            None => Some(amount),
            Some(sum) => Some(plus(sum, amount).ok_or_else(|| Kept::malformed("transactions.amount"))?),
        };
        if named.is_empty() {
            text(transaction, "currency").clone_into(&mut named);
        } else if !text(transaction, "currency").is_empty() && text(transaction, "currency") != named {
            return Err(Kept::malformed("transactions.currency"));
        }
    }
    let body = match given {
        Some(total) => {
            let currency = if named.is_empty() { currency.to_owned() } else { named };
            if !is_currency(&currency) {
                return Err(Kept::malformed("transactions.currency (or set `currency`)"));
            }
            Body::Refund(Refund { of: format!("order/{order}"), currency, total })
        }
        None => Body::Activity { title: "refund.without_money".to_owned() },
    };
    let mut draft = Draft::new(key, body);
    draft.revision = revision(refund)?;
    draft.occurred_at = time(refund, "processed_at").or_else(|| time(refund, "created_at"));
    draft.actor = id(refund, "user_id").unwrap_or_default();
    Ok(vec![draft])
}
