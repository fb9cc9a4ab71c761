//! Google Ads lead forms by webhook. Nothing is signed: each lead carries the form's key (`google_key`), which is compared and
//! never kept.
//!
//! A lead is one fact, named by `lead_id`. Answers are known by `column_id` (`FULL_NAME`, `EMAIL`, `PHONE_NUMBER`, ...; the ids
//! of your own questions are told by a test lead). Test leads are kept with a flag and are nobody's. Campaign, ad group and
//! form ids and the click id (as `gclid`) stand in the event's content.
//!
//! ```toml
//! [channels.google-ads]
//! kind = "google_lead"
//! form = "spring-offer"              # the form's name and the channel's account
//! key = "env:GOOGLE_LEAD_KEY"        # typed into the form's webhook settings; two in a list while rotating
//! [channels.google-ads.fields]       # only what differs: name = FULL_NAME, email = EMAIL or WORK_EMAIL,
//! member = "member_number"           # phone = PHONE_NUMBER or WORK_PHONE, address = STREET_ADDRESS
//! ```
//!
//! `consent_channel`, `consent_text` and `consent_version` are those of web_form.

mod lead;
mod samples;
mod setup;

use crate::{
    adapter::{Built, ChannelAdapter, Decoded, InboundRequest, Outbound, Registration, Rejected, Transport},
    settings::{Secret, Settings, SettingsError},
    web_form::{self, Malformed, Options, drafts, json_object},
};
use serde_json::Value;
use subtle::ConstantTimeEq;
use tributary_core::{event::Trust, seal::Raw};

/// A lead has at most some dozens of short answers.
const BODY_BYTES_MAX: usize = 256 * 1024;
const KEY: &str = "google_key";

/// What columns mean unless the settings say otherwise.
const COLUMNS: [(&str, &[&str]); 4] = [
    ("name", &["FULL_NAME"]),
    ("email", &["EMAIL", "WORK_EMAIL"]),
    ("phone", &["PHONE_NUMBER", "WORK_PHONE"]),
    ("address", &["STREET_ADDRESS"]),
];

/// The row of the registry.
pub static REGISTRATION: Registration = Registration {
    kind: "google_lead",
    about: "Google Ads lead forms: the form's key, columns by id, test leads kept and nobody's",
    transport: Transport::Webhook,
    body_max: BODY_BYTES_MAX,
    build,
    settings: &[setup::SETTINGS, web_form::COMMON],
    samples: samples::SAMPLES,
};

struct GoogleLead {
    keys: Vec<Secret>,
    options: Options,
}

fn build(settings: &mut Settings) -> Result<Built, SettingsError> {
    let keys = settings.secrets("key", "the key typed into the lead form's webhook settings")?;
    let mut options = Options::common(settings)?;
    for (target, columns) in COLUMNS {
        if options.of(target).is_empty() {
            options.fields.push((target.to_owned(), columns.iter().map(|c| (*c).to_owned()).collect()));
        }
    }
    let account = options.form.clone();
    Ok(Built { account, adapter: Box::new(GoogleLead { keys, options }), trust_cap: Trust::Claimed })
}

impl ChannelAdapter for GoogleLead {
    /// The one proof there is stands in the body, so that the body is read before it is trusted; it is small.
    fn verify(&self, request: &InboundRequest<'_>) -> Result<(), Rejected> {
        let post = json_object(request.body).map_err(|_| Rejected::signature())?;
        let given = post.get(KEY).and_then(Value::as_str).unwrap_or_default();
        let mut found = subtle::Choice::from(0);
        for key in &self.keys {
            found |= key.bytes().ct_eq(given.as_bytes());
        }
        if found.into() { Ok(()) } else { Err(Rejected::signature()) }
    }

    fn decode(&self, request: &InboundRequest<'_>) -> Result<Decoded, Rejected> {
        if request.media_type() != "application/json" {
            return Err(Rejected::media_type("send application/json"));
        }
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        let post = match json_object(request.body) {
            Ok(post) => post,
            Err(Malformed { reason, detail }) => {
                let raw = Raw { headers, body: request.body.to_vec() };
                return Ok(Decoded::only_unrecognised(reason, detail, raw));
            }
        };
        let raw = Raw { headers, body: lead::without_key(request.body, &post) };
        Ok(match lead::read(&post) {
            Ok(submission) => {
                let events = drafts(&submission, &self.options, request.received_at, &raw);
                Decoded { events, ..Decoded::default() }
            }
            Err(Malformed { reason, detail }) => Decoded::only_unrecognised(reason, detail, raw),
        })
    }

    fn sign(&self, request: &mut Outbound) {
        if let (Some(key), Ok(mut post)) = (self.keys.first(), json_object(&request.body)) {
            post.insert(KEY.to_owned(), String::from_utf8_lossy(key.bytes()).into());
            request.body = Value::Object(post).to_string().into_bytes();
        }
    }
}
