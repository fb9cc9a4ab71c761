//! Shopify: signed webhooks of orders, refunds and customers, from the web shop and from Shopify POS.
//!
//! ```toml
//! [channels.shop]
//! kind = "shopify"
//! shop = "acme.myshopify.com"    # customer ids are this shop's; webhooks of another are kept unread
//! secret = "env:SHOPIFY_SECRET"  # the app's client secret; two in a list while rotating
//! currency = "TWD"               # for refunds of old API versions, which name none
//! purchases = "attach"           # if the tills of the same shop tell the sales too
//! ```
//!
//! Topics come in any order, `orders/updated` before `orders/create`: every fact is named by Shopify's id, and its revision
//! is `updated_at`. An order is a purchase once money was taken (`financial_status`), and its state a fact of its own;
//! cancelled before that it is gone. Refunds count by their successful transactions and are subtracted from the purchase,
//! whose total stays what was paid. All API versions that the tests know have the fields that are read; what lacks one is
//! kept as unrecognised.
//!
//! The topic stands in a header that the signature does not cover: a body must have the form of its topic.
//!
//! Absent on purpose: calls to Shopify. Deliveries are not guaranteed, so a reconciliation from outside may post the same
//! resources again; they are the same facts. `customers/redact` is an activity on the customer's timeline: erasing is an
//! act of its own (`customer erase`).

mod customers;
mod orders;
mod read;
mod samples;
mod setup;
#[cfg(test)]
mod tests;

use crate::{
    adapter::{
        Built, ChannelAdapter, Decoded, InboundRequest, Outbound, Registration, Rejected, Transport,
        Unrecognised,
    },
    settings::{Secret, Settings, SettingsError},
    signature,
};
use read::Kept;
use serde_json::Value;
use tributary_core::{draft::Draft, event::Trust, seal::Raw};

/// Largest webhook: an order with hundreds of lines is some hundred KiB.
const BODY_MAX: usize = 4 * 1024 * 1024;
/// Base64 of HMAC-SHA256(client secret, raw body).
const SIGNATURE: &str = "x-shopify-hmac-sha256";
/// What the body is; not covered by the signature.
const TOPIC: &str = "x-shopify-topic";
/// Whose it is; not covered either.
const SHOP: &str = "x-shopify-shop-domain";

/// Shopify.
pub static REGISTRATION: Registration = Registration {
    kind: "shopify",
    about: "Shopify and Shopify POS webhooks: orders and their states, refunds, customers, consents, merges",
    transport: Transport::Webhook,
    body_max: BODY_MAX,
    build,
    settings: &[setup::SETTINGS],
    samples: samples::SAMPLES,
};

fn build(settings: &mut Settings) -> Result<Built, SettingsError> {
    let secrets = settings.secrets("secret", "the app's client secret")?;
    let shop = settings.required("shop", "the shop's domain, such as \"acme.myshopify.com\"")?.to_lowercase();
    let currency = settings.text("currency")?.unwrap_or_default();
    if !currency.is_empty() && !read::is_currency(&currency) {
        return Err(SettingsError::new("currency", "must be an ISO 4217 code, such as \"TWD\""));
    }
    let adapter = Shopify { secrets, shop: shop.clone(), currency };
    Ok(Built { adapter: Box::new(adapter), account: shop, trust_cap: Trust::Verified })
}

struct Shopify {
    secrets: Vec<Secret>,
    shop: String,
    /// Of refunds that name none; may be empty.
    currency: String,
}

impl ChannelAdapter for Shopify {
    fn reminders(&self) -> &'static [&'static str] {
        &[
            "subscribe to the topics in the app, JSON, with this address; Shopify removes a subscription that fails again and again",
            "deliveries are not guaranteed: post orders of the last days now and then; what is known adds nothing",
        ]
    }

    fn verify(&self, request: &InboundRequest<'_>) -> Result<(), Rejected> {
        let given = request.header(SIGNATURE).ok_or_else(Rejected::signature)?;
        if signature::matches_base64(&self.secrets, &[request.body], given) {
            Ok(())
        } else {
            Err(Rejected::signature())
        }
    }

    fn decode(&self, request: &InboundRequest<'_>) -> Result<Decoded, Rejected> {
        let headers = [TOPIC, SHOP]
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), request.header(name)?.to_owned())))
            .collect();
        let raw = Raw { headers, body: request.body.to_vec() };
        let mut decoded = Decoded::default();
        match self.drafts(request) {
            Ok(drafts) => decoded.events.extend(drafts.into_iter().map(|mut draft| {
                draft.raw = raw.clone();
                draft
            })),
            Err(Kept { reason, detail }) => decoded.unrecognised.push(Unrecognised { reason, detail, raw }),
        }
        Ok(decoded)
    }

    fn sign(&self, request: &mut Outbound) {
        let Some(secret) = self.secrets.first() else { return };
        let value = signature::hmac_sha256(secret, &[&request.body]);
        request.headers.push((SIGNATURE.to_owned(), signature::base64_of(&value)));
    }
}

impl Shopify {
    fn drafts(&self, request: &InboundRequest<'_>) -> Result<Vec<Draft>, Kept> {
        if request.header(SHOP).is_some_and(|shop| !shop.trim().eq_ignore_ascii_case(&self.shop)) {
            let detail = format!("{SHOP} is another shop than the configured one");
            return Err(Kept { reason: "other_shop", detail });
        }
        let malformed = |_| Kept { reason: "malformed_json", detail: "the body is not JSON".to_owned() };
        let body: Value = serde_json::from_slice(request.body).map_err(malformed)?;
        // Without the header (a sample, a reconciliation) the body may say what it is.
        let topic = request.header(TOPIC).map(str::trim).or_else(|| read::topic_of(&body));
        let scope = format!("shopify:{}", self.shop);
        match topic.unwrap_or_default() {
            "orders/create"
            | "orders/updated"
            | "orders/edited"
            | "orders/paid"
            | "orders/cancelled"
            | "orders/fulfilled"
            | "orders/partially_fulfilled" => orders::order(&body, &scope),
            "orders/delete" => orders::deleted(&body),
            "refunds/create" => orders::refund(&body, &self.currency),
            "customers/create" | "customers/update" | "customers/enable" | "customers/disable" => {
                customers::customer(&body, &scope)
            }
            "customers/delete" => customers::deleted(&body),
            "customers/merge" => customers::merged(&body, &scope),
            "customers/redact" => customers::privacy(&body, &scope, "privacy.redact_requested"),
            "customers/data_request" => customers::privacy(&body, &scope, "privacy.data_requested"),
            _ => Err(Kept {
                reason: "unknown_event_type",
                detail: "the topic is none that this adapter reads".to_owned(),
            }),
        }
    }
}
