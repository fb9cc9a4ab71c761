//! Square: signed webhooks of payments, refunds, customers, loyalty accounts and the rest.
//!
//! The signature covers the notification URL exactly as it is entered at Square, trailing slash and scheme included; it
//! comes from configuration, never from the request's headers. One sale is many events within a second in any order, so
//! every fact is named by Square's own id and its revision is Square's `updated_at` or `version`: an approved payment is
//! an activity until its completed revision replaces it, a cancelled one is gone.
//!
//! Absent on purpose: any call to Square's API. `order.*` carries ids only and stays an activity; what names no customer
//! at all (inventory, staff, terminals) is kept as unrecognised, with its type.
//!
//! ```toml
//! [channels.square]
//! kind = "square"
//! merchant = "MLQ3EXAMPLE"
//! signature_key = "env:SQUARE_SIGNATURE_KEY"
//! notification_url = "https://hooks.example.com/in/square"   # exactly as it is entered at Square
//! ```

mod envelope;
mod money;
mod people;
mod sales;
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
use envelope::{Envelope, Kept};
use tributary_core::{draft::Draft, event::Trust, seal::Raw};

/// Largest notification: Square's own are a few KiB.
const BODY_MAX: usize = 1024 * 1024;
/// Base64 of HMAC-SHA256(key, notification URL + raw body).
const SIGNATURE: &str = "x-square-hmacsha256-signature";

/// Square point of sale.
pub static REGISTRATION: Registration = Registration {
    kind: "square",
    about: "Square payments, refunds and customers",
    transport: Transport::Webhook,
    body_max: BODY_MAX,
    build,
    settings: &[setup::SETTINGS],
    samples: samples::SAMPLES,
};

fn build(settings: &mut Settings) -> Result<Built, SettingsError> {
    let keys = settings.secrets("signature_key", "the signature key of the webhook subscription")?;
    let url = settings.text("notification_url")?.filter(|url| !url.is_empty());
    let merchant = settings.required("merchant", "the merchant id that Square's notifications carry")?;
    let adapter = Square { keys, url, merchant: merchant.clone() };
    Ok(Built { adapter: Box::new(adapter), account: merchant, trust_cap: Trust::Verified })
}

struct Square {
    keys: Vec<Secret>,
    url: Option<String>,
    merchant: String,
}

impl ChannelAdapter for Square {
    fn reminders(&self) -> &'static [&'static str] {
        &[
            "the signature covers the address: the notification URL in Square must be the public address, letter by letter",
            "Square keeps sandbox and production apart: each has a signature key of its own",
        ]
    }

    fn verify(&self, request: &InboundRequest<'_>) -> Result<(), Rejected> {
        let url = self.url.as_deref().or(request.public_url).ok_or_else(Rejected::signature)?;
        let given = request.header(SIGNATURE).ok_or_else(Rejected::signature)?;
        if signature::matches_base64(&self.keys, &[url.as_bytes(), request.body], given) {
            Ok(())
        } else {
            Err(Rejected::signature())
        }
    }

    fn decode(&self, request: &InboundRequest<'_>) -> Result<Decoded, Rejected> {
        let raw = Raw { headers: Vec::new(), body: request.body.to_vec() };
        let mut decoded = Decoded::default();
        match self.draft(request.body) {
            Ok(mut draft) => {
                draft.raw = raw;
                decoded.events.push(draft);
            }
            Err(Kept { reason, detail }) => decoded.unrecognised.push(Unrecognised { reason, detail, raw }),
        }
        Ok(decoded)
    }

    fn sign(&self, request: &mut Outbound) {
        let Some((url, key)) = self.url.as_ref().or(request.public_url.as_ref()).zip(self.keys.first())
        else {
            return;
        };
        let value = signature::hmac_sha256(key, &[url.as_bytes(), &request.body]);
        request.headers.push((SIGNATURE.to_owned(), signature::base64_of(&value)));
    }
}

impl Square {
    fn draft(&self, body: &[u8]) -> Result<Draft, Kept> {
        let envelope = Envelope::read(body, &self.merchant)?;
        match envelope.kind.as_str() {
            "payment.created" | "payment.updated" => sales::payment(&envelope),
            "refund.created" | "refund.updated" => sales::refund(&envelope),
            "customer.created" | "customer.updated" => people::customer(&envelope),
            "customer.deleted" => people::customer_deleted(&envelope),
            kind if kind.starts_with("loyalty.account.") => people::loyalty_account(&envelope),
            kind if kind.starts_with("invoice.") => sales::invoice(&envelope),
            kind if kind.starts_with("order.") => sales::order(&envelope),
            _ => people::other(&envelope),
        }
    }
}
