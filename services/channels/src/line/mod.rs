//! LINE Messaging API webhooks: every event type, signed by the channel secret.
//!
//! User ids are scoped by `provider`: the same person has another id under another provider, and a LINE channel can never
//! move to one. Display name, picture and language are not in the webhook: `fetch_profile` asks for them, on a follow and
//! at most weekly for others who act. Groups and rooms are conversations, never persons. Absent: replies and media downloads.
//! What a bot or an agent tool answers is posted by that tool as a `message.sent` event (channel kind `cloudevents`).
//!
//! ```toml
//! [channels.line-main]
//! kind = "line"
//! provider = "1234567890"            # scope of the user ids and the channel's account
//! secret = "env:LINE_CHANNEL_SECRET" # or a list of two while rotating
//! fetch_profile = true               # default false; needs access_token
//! access_token = "env:LINE_ACCESS_TOKEN"
//! profile_url = "https://api.line.me" # default; another one for tests
//! login_channel = "1650000000"       # id of the LINE Login channel of the same provider: takes its id tokens as proofs
//! login_secret = "env:LOGIN_SECRET"  # that channel's secret: LINE signs with it what web logins give, with its keys what apps and LIFF give
//! login_keys = "https://api.line.me/oauth2/v2.1/certs" # default; or "file:PATH" of a JWKS
//! forward = "https://bot.example.com/callback" # the system that had the webhook's address before
//! agent_link = "https://chat.line.biz/{user}"  # shown beside timeline entries
//! ```

mod bind;
mod decode;
mod facts;
mod message;
mod profile;
mod samples;
mod setup;
mod standing;
mod wire;

use crate::{
    adapter::{
        Built, ChannelAdapter, Decoded, InboundRequest, Login, Lookup, Outbound, Registration, Rejected,
        Transport,
    },
    settings::{Secret, Settings, SettingsError},
    signature,
    standing::{Finding, Question},
};
use tributary_core::{draft::Draft, event::Trust, time::Micros};

/// LINE sends small JSON; texts end at 5,000 characters and a delivery holds few events.
const BODY_BYTES_MAX: usize = 1024 * 1024;

const SIGNATURE_HEADER: &str = "x-line-signature";

/// Row of the registry.
pub static REGISTRATION: Registration = Registration {
    kind: "line",
    about: "LINE Messaging API webhooks: all event types; messages, unsend, follow, postback, account link fold",
    transport: Transport::Webhook,
    body_max: BODY_BYTES_MAX,
    build,
    settings: &[setup::SETTINGS],
    samples: samples::SAMPLES,
};

struct Line {
    provider: String,
    secrets: Vec<Secret>,
    profiles: Option<profile::Profiles>,
    login: Option<Login>,
    desk: standing::Desk,
}

fn build(settings: &mut Settings) -> Result<Built, SettingsError> {
    let provider = settings.required("provider", "the LINE provider id, the scope of all user ids")?;
    let secrets = settings.secrets("secret", "the channel secret from the LINE Developers console")?;
    let profiles = profile::Profiles::read(settings)?;
    let login = bind::login(settings)?;
    let desk = standing::Desk::read(settings)?;
    Ok(Built {
        account: provider.clone(),
        adapter: Box::new(Line { provider, secrets, profiles, login, desk }),
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

    fn bind_address(&self, nonce: &str, link_token: Option<&str>) -> Option<String> {
        Some(bind::address(nonce, link_token))
    }

    fn login(&self) -> Option<Login> {
        self.login.clone()
    }

    fn asks_profiles(&self) -> bool {
        self.profiles.is_some()
    }

    fn ask_profile(&self, user: &str) -> Option<Lookup> {
        self.profiles.as_ref()?.ask(user)
    }

    fn read_profile(&self, user: &str, answer: &[u8], asked_at: Micros) -> Option<Draft> {
        profile::draft(&self.provider, user, answer, asked_at)
    }

    fn noticed(&self) -> Vec<(&'static str, Finding)> {
        self.desk.noticed()
    }

    fn questions(&self) -> Vec<Question> {
        self.desk.questions()
    }

    fn finding(&self, about: &str, status: u16, answer: &[u8], url: Option<&str>) -> Finding {
        self.desk.finding(about, status, answer, url)
    }

    fn reminders(&self) -> &'static [&'static str] {
        standing::REMINDERS
    }

    fn sign(&self, request: &mut Outbound) {
        if let Some(secret) = self.secrets.first() {
            let code = signature::hmac_sha256(secret, &[&request.body]);
            request.headers.push((SIGNATURE_HEADER.to_owned(), signature::base64_of(&code)));
        }
    }
}
