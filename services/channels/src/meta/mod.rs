//! Meta: Facebook pages (comments, posts, reactions, mentions, ratings, lead notices), Messenger and Instagram.
//! Absent: calls to the Graph API (lead answers, Instagram mentions and names are ids here), Threads, WhatsApp.
//!
//! ```toml
//! [channels.facebook]
//! kind = "meta"
//! page = "100000000000001"             # the page's id: the channel's account, and whose words are our own
//! app_secret = "env:META_APP_SECRET"   # or a list of two while rotating
//! verify_token = "env:META_VERIFY"     # the word typed into Meta's webhook form
//! ```

mod envelope;
mod feed;
mod instagram;
mod json;
mod messaging;
mod query;
mod samples;
mod setup;
#[cfg(test)]
mod tests;

use crate::{
    adapter::{
        Built, ChannelAdapter, Decoded, InboundRequest, Method, Outbound, Registration, Rejected, Reply,
        Transport, Unrecognised,
    },
    settings::{Secret, Settings, SettingsError},
    signature,
};
use envelope::{Element, List};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tributary_core::{content::ProfileSource, draft::Draft, event::Trust, event::flags, seal::Raw};

/// Meta batches up to 1,000 changes of some hundred bytes.
const BODY_MAX: usize = 4 * 1024 * 1024;
/// Challenges are short numbers; the limit keeps the endpoint from echoing anything longer.
const CHALLENGE_MAX: usize = 256;
/// Bytes of one change or message that is decoded; real ones stay under 20 KiB, and a record holds 768 KiB in all.
const ELEMENT_MAX: usize = 200 * 1024;
const SIGNATURE: &str = "x-hub-signature-256";

/// The row of the registry.
pub static REGISTRATION: Registration = Registration {
    kind: "meta",
    about: "Facebook Page feed, mentions and ratings; Messenger and Instagram messages with echoes, receipts, reactions and handovers; Instagram comments; lead notices (ids only: answers need a call to Meta, which no adapter makes)",
    transport: Transport::Webhook,
    body_max: BODY_MAX,
    build,
    settings: &[setup::SETTINGS],
    samples: samples::SAMPLES,
};

struct Meta {
    app_secrets: Vec<Secret>,
    verify_tokens: Vec<Secret>,
    page: String,
}

/// Whose page or account an element belongs to.
pub(crate) struct Owner {
    page: String,
    entry: String,
}

impl Owner {
    /// Whether this is our own side: an echo, our post, our answer.
    fn is_us(&self, id: &str) -> bool {
        id == self.page || id == self.entry
    }

    /// Ids of people are given per page or account.
    fn scope(&self, network: &str) -> String {
        let owner = if self.entry.is_empty() { &self.page } else { &self.entry };
        format!("{network}:{owner}")
    }
}

/// Why an element is kept undecoded.
pub(crate) struct Unknown {
    reason: &'static str,
    detail: String,
}

impl Unknown {
    fn new(reason: &'static str, what: &str) -> Self {
        Self { reason, detail: json::word(what) }
    }

    fn id(what: &str) -> Self {
        Self::new("missing_id", what)
    }
}

fn build(settings: &mut Settings) -> Result<Built, SettingsError> {
    let app_secrets = settings.secrets("app_secret", "the app's secret, which signs every request")?;
    let verify_tokens =
        settings.secrets("verify_token", "the word you typed into the webhook's form at Meta")?;
    let page = settings.required("page", "the page's id, a number")?;
    if !page.bytes().all(|b| b.is_ascii_digit()) {
        return Err(SettingsError::new("page", "must be the page's id, digits in quotes"));
    }
    let account = page.clone();
    let adapter = Box::new(Meta { app_secrets, verify_tokens, page });
    Ok(Built { adapter, account, trust_cap: Trust::Verified })
}

impl Meta {
    fn knows(&self, token: &str) -> bool {
        let given = Sha256::digest(token.as_bytes());
        let mut found = subtle::Choice::from(0);
        for known in &self.verify_tokens {
            found |= Sha256::digest(known.bytes()).as_slice().ct_eq(given.as_slice());
        }
        found.into()
    }

    fn challenge(&self, query: &str) -> Result<Reply, Rejected> {
        let refused =
            |detail: &str| Rejected { status: 403, code: "bad_verify_token", detail: detail.to_owned() };
        let token = query::value(query, "hub.verify_token").unwrap_or_default();
        if query::value(query, "hub.mode").as_deref() != Some("subscribe") || !self.knows(&token) {
            return Err(refused("hub.mode or hub.verify_token is not what this channel expects"));
        }
        let challenge = query::value(query, "hub.challenge").unwrap_or_default();
        if challenge.is_empty() || challenge.len() > CHALLENGE_MAX || challenge.chars().any(char::is_control)
        {
            return Err(refused("hub.challenge is missing or too long"));
        }
        let headers =
            vec![("content-type", "text/plain".to_owned()), ("x-content-type-options", "nosniff".to_owned())];
        Ok(Reply { status: 200, headers, body: challenge.into_bytes() })
    }

    fn draft(&self, element: &Element) -> Result<Draft, Unknown> {
        if element.raw.len() > ELEMENT_MAX {
            return Err(Unknown::new("element_too_large", ""));
        }
        let owner = Owner { page: self.page.clone(), entry: element.owner.clone() };
        let instagram = element.object == "instagram";
        let mut draft = if element.list == List::Changes {
            let nothing = serde_json::Value::Null;
            let field = json::text(&element.value, "field");
            let value = element.value.get("value").unwrap_or(&nothing);
            let change = if instagram { instagram::change } else { feed::change };
            change(&owner, field, value, element.time)?
        } else {
            let network = if instagram { "instagram" } else { "messenger" };
            messaging::element(&owner, network, &element.value, element.time)?
        };
        if element.list == List::Standby {
            draft.flags |= flags::STANDBY;
        }
        draft.profile_source = ProfileSource::DisplayName;
        Ok(draft)
    }
}

fn raw(body: Vec<u8>) -> Raw {
    Raw { headers: vec![("content-type".into(), "application/json".into())], body }
}

impl ChannelAdapter for Meta {
    fn reminders(&self) -> &'static [&'static str] {
        &[
            "subscribe the page to the app, and the app to the fields that are wanted (feed, messages, ...): Meta posts nothing else",
            "switch the app to Live: in development only people with a role in it are heard",
            "Meta's form asks for the same word as verify_token, and calls the address at once to compare",
        ]
    }

    fn verify(&self, request: &InboundRequest<'_>) -> Result<(), Rejected> {
        if request.method == Method::Get {
            return self.challenge(request.query).map(|_| ());
        }
        let given =
            request.header(SIGNATURE).and_then(|value| value.strip_prefix("sha256=")).unwrap_or_default();
        if signature::matches_hex(&self.app_secrets, &[request.body], given) {
            Ok(())
        } else {
            Err(Rejected::signature())
        }
    }

    fn decode(&self, request: &InboundRequest<'_>) -> Result<Decoded, Rejected> {
        if request.method == Method::Get {
            return Ok(Decoded { reply: self.challenge(request.query)?, ..Decoded::default() });
        }
        if request.media_type() != "application/json" {
            return Err(Rejected::media_type("send application/json"));
        }
        let (elements, odd) = match envelope::split(request.body) {
            Ok(found) => found,
            Err(reason) => {
                let detail = "the body is no webhook of a page or an Instagram account";
                return Ok(Decoded::only_unrecognised(reason, detail, raw(request.body.to_vec())));
            }
        };
        let mut decoded = Decoded::default();
        for element in elements {
            match self.draft(&element) {
                Ok(mut draft) => {
                    draft.raw = raw(element.raw);
                    decoded.events.push(draft);
                }
                Err(Unknown { reason, detail }) => {
                    decoded.unrecognised.push(Unrecognised { reason, detail, raw: raw(element.raw) });
                }
            }
        }
        for odd in odd {
            let detail = "an entry or element is not of the known shape".to_owned();
            decoded.unrecognised.push(Unrecognised { reason: odd.reason, detail, raw: raw(odd.raw) });
        }
        Ok(decoded)
    }

    fn sign(&self, request: &mut Outbound) {
        if let Some(secret) = self.app_secrets.first() {
            let signature = signature::hex_of(&signature::hmac_sha256(secret, &[&request.body]));
            request.headers.push((SIGNATURE.to_owned(), format!("sha256={signature}")));
        }
    }
}
