//! LINE Messaging API webhooks: every event type, signed by the channel secret.
//!
//! User ids are scoped by `provider`: the same person has another id under another provider, and a LINE channel can never
//! move to one. Absent: replies, profile look-ups (display name and picture are not in the webhook) and media downloads.
//!
//! ```toml
//! [channels.line-main]
//! kind = "line"
//! provider = "1234567890"            # scope of the user ids and the channel's account
//! secret = "env:LINE_CHANNEL_SECRET" # or a list of two while rotating
//! ```

mod decode;
mod facts;
mod message;
mod samples;
mod wire;

use crate::{
    adapter::{Built, ChannelAdapter, Decoded, InboundRequest, Outbound, Registration, Rejected, Transport},
    settings::{Secret, Settings, SettingsError},
    signature,
};
use tributary_core::event::Trust;

/// LINE sends small JSON; texts end at 5,000 characters and a delivery holds few events.
const BODY_BYTES_MAX: usize = 1024 * 1024;

const SIGNATURE_HEADER: &str = "x-line-signature";

/// Row of the registry.
pub static REGISTRATION: Registration = Registration {
    kind: "line",
    about: "LINE Official Account webhooks (Messaging API), all event types",
    transport: Transport::Webhook,
    body_max: BODY_BYTES_MAX,
    build,
    samples: samples::SAMPLES,
};

struct Line {
    provider: String,
    secrets: Vec<Secret>,
}

fn build(settings: &mut Settings) -> Result<Built, SettingsError> {
    let provider = settings.required("provider", "the LINE provider id, the scope of all user ids")?;
    let secrets = settings.secrets("secret", "the channel secret from the LINE Developers console")?;
    Ok(Built {
        account: provider.clone(),
        adapter: Box::new(Line { provider, secrets }),
        trust_cap: Trust::Verified,
    })
}

impl ChannelAdapter for Line {
    fn verify(&self, request: &InboundRequest<'_>) -> Result<(), Rejected> {
        let given = request.header(SIGNATURE_HEADER).unwrap_or_default();
        if signature::matches_base64(&self.secrets, &[request.body], given) {
            Ok(())
        } else {
            Err(Rejected::signature())
        }
    }

    fn decode(&self, request: &InboundRequest<'_>) -> Result<Decoded, Rejected> {
        Ok(decode::decode(request.body, &self.provider))
    }

    fn sign(&self, request: &mut Outbound) {
        if let Some(secret) = self.secrets.first() {
            let code = signature::hmac_sha256(secret, &[&request.body]);
            request.headers.push((SIGNATURE_HEADER.to_owned(), signature::base64_of(&code)));
        }
    }
}
