//! Typeform: responses by webhook, signed with HMAC-SHA256 (`Typeform-Signature: sha256=` and base64).
//!
//! An answer is known by its field's `ref`, which stays the same when a question is edited; hidden fields are `hidden.NAME`,
//! variables `variables.NAME`, and the score is `score`. A response is one fact, named by its token, so a redelivery is the same
//! event. What an answer means is configuration and never guessed: an address may be a friend's. Absent: partial
//! responses (kept undecoded), fetching of files (their addresses are kept) and of older responses.
//!
//! ```toml
//! [channels.survey]
//! kind = "typeform"
//! form = "survey"                    # the form's name and the channel's account
//! secret = "env:TYPEFORM_SECRET"     # of the webhook; two in a list while rotating
//! consent_channel = "email"          # with consent_text and consent_version as in web_form
//! consent_text = "I agree to receive offers"
//! [channels.survey.fields]           # meaning = ref, or refs of which the first that is filled in counts
//! name = "name"
//! email = ["email", "hidden.email"]
//! phone = "phone"
//! message = "message"
//! consent_marketing = "agree"        # a yes/no or legal question
//! ```

mod response;
mod samples;
mod setup;

use crate::{
    adapter::{Built, ChannelAdapter, Decoded, InboundRequest, Outbound, Registration, Rejected, Transport},
    settings::{Secret, Settings, SettingsError},
    signature,
    web_form::{self, Malformed, Options, drafts},
};
use tributary_core::{event::Trust, seal::Raw};

/// A response of hundreds of long answers with the form's definition stays under 300 KB.
const BODY_BYTES_MAX: usize = 1024 * 1024;
const SIGNATURE: &str = "typeform-signature";
const PREFIX: &str = "sha256=";

/// The row of the registry.
pub static REGISTRATION: Registration = Registration {
    kind: "typeform",
    about: "Typeform responses: signed webhooks, answers by the refs of their fields",
    transport: Transport::Webhook,
    body_max: BODY_BYTES_MAX,
    build,
    settings: &[setup::SETTINGS, web_form::COMMON],
    samples: samples::SAMPLES,
};

struct Typeform {
    secrets: Vec<Secret>,
    options: Options,
}

fn build(settings: &mut Settings) -> Result<Built, SettingsError> {
    let secrets = settings.secrets("secret", "the webhook's secret, which signs every response")?;
    let options = Options::common(settings)?;
    let account = options.form.clone();
    Ok(Built { account, adapter: Box::new(Typeform { secrets, options }), trust_cap: Trust::Claimed })
}

impl ChannelAdapter for Typeform {
    fn reminders(&self) -> &'static [&'static str] {
        &["turn the webhook on in the form's Connect page; saving it leaves it off"]
    }

    fn verify(&self, request: &InboundRequest<'_>) -> Result<(), Rejected> {
        let given = request.header(SIGNATURE).and_then(|value| value.strip_prefix(PREFIX));
        if signature::matches_base64(&self.secrets, &[request.body], given.unwrap_or_default()) {
            Ok(())
        } else {
            Err(Rejected::signature())
        }
    }

    fn decode(&self, request: &InboundRequest<'_>) -> Result<Decoded, Rejected> {
        if request.media_type() != "application/json" {
            return Err(Rejected::media_type("send application/json"));
        }
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        let raw = Raw { headers, body: request.body.to_vec() };
        Ok(match response::read(request.body) {
            Ok(submission) => {
                let events = drafts(&submission, &self.options, request.received_at, &raw);
                Decoded { events, ..Decoded::default() }
            }
            Err(Malformed { reason, detail }) => Decoded::only_unrecognised(reason, detail, raw),
        })
    }

    fn sign(&self, request: &mut Outbound) {
        if let Some(secret) = self.secrets.first() {
            let signature = signature::base64_of(&signature::hmac_sha256(secret, &[&request.body]));
            request.headers.push((SIGNATURE.to_owned(), format!("{PREFIX}{signature}")));
        }
    }
}
