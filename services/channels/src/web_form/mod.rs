//! Web forms: posts of browsers (url-encoded, multipart) and of scripts or form services (JSON).
//!
//! Field names are made by users, so what a field means is configuration (`[channels.X.fields]`). Everything in a form is
//! only claimed. Absent: fetching anything (files are kept as names and digests, their bytes in the raw request), guessing of
//! fields, and keeping the sender's address: it only counts posts.
//!
//! **Spam** (a filled honeypot, too many posts from one address) is answered like any post and kept with a flag: it names
//! nobody and grants nothing. **Campaign words** (`utm_*`, `gclid`, `fbclid`, ...) stand in the event's content under their own
//! names, whether a field, the end of a JSON path or the address in `landing` held them.
//!
//! ```toml
//! [channels.contact]
//! kind = "web_form"
//! form = "contact"                  # the form's name and the channel's account
//! submission_id = "submission_id"   # field with an id made by the page; without one, equal posts of a minute are one
//! honeypot = "website"              # filled in = kept as spam
//! redirect = "_next"                # field that names where the browser goes on, only to one of `thanks`
//! thanks = ["https://www.example.com/thanks"]
//! origins = ["https://www.example.com"] # whose scripts may post and read the answer (CORS, without credentials)
//! rate = 20                         # posts a minute from one address; more are spam, ten times as many get 429.
//!                                   # Needs `[hub] trusted_proxies`, which says where the address comes from
//! rate_in_all = 600                 # posts a minute from everybody; more get 429
//! token = "env:FORM_TOKEN"          # optional: header x-form-token, or the field named by `token_field`
//! charset = "big5"                  # of pages that do not say theirs; default utf-8
//! site = "www.example.com"          # scope of cookies
//! landing = "page"                  # field with the address of the page, whose query holds utm_source, gclid, ...
//! test = "is_test"                  # field that is true for test posts
//! consent_channel = "email"         # what the checkboxes are for, and the text beside them
//! consent_text = "I agree to receive offers (v3)" # its SHA-256 stands in every consent
//! # or each version that is out there, and the field that says which was shown; an unlisted one grants nothing:
//! # consent_version = "terms"
//! # consent_text = { v2 = "I agree to offers", v3 = "I agree to receive offers" }
//! [channels.contact.fields]         # meaning = field, or fields of which the first that is filled in counts
//! name = ["your-name", "name"]
//! email = "your-email"
//! phone = "tel"
//! message = "message"
//! consent_marketing = "accept"
//! ```

mod answer;
mod campaign;
mod charset;
mod facts;
mod json;
pub mod multipart;
mod options;
mod samples;
mod setup;
mod submission;
#[cfg(test)]
mod tests;
pub mod urlencoded;

use crate::{
    adapter::{
        Built, ChannelAdapter, Decoded, InboundRequest, OVER_PACE, Outbound, Pace, Registration, Rejected,
        Reply, Transport,
    },
    settings::{Settings, SettingsError},
};
use subtle::ConstantTimeEq;
use tributary_core::{event::Trust, seal::Raw};

// What form services are made of.
pub(crate) use facts::drafts;
pub(crate) use json::{flatten, object as json_object};
pub(crate) use options::Options;
pub(crate) use setup::COMMON;
pub(crate) use submission::{Malformed, Submission};

/// Forms with files are larger than other posts; the files' bytes live in the raw request.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

const TOKEN_HEADER: &str = "x-form-token";

/// Row of the registry.
pub static REGISTRATION: Registration = Registration {
    kind: "web_form",
    about: "form posts, url-encoded, multipart or JSON, UTF-8 or Big5; fields mapped in configuration; CORS, thank-you pages by allow-list, honeypot, rate limit, consent texts by version, campaign words",
    transport: Transport::Webhook,
    body_max: BODY_BYTES_MAX,
    build,
    settings: &[setup::COMMON, setup::SETTINGS],
    samples: samples::SAMPLES,
};

struct WebForm(Options);

fn build(settings: &mut Settings) -> Result<Built, SettingsError> {
    let options = options::read(settings)?;
    Ok(Built {
        account: options.form.clone(),
        adapter: Box::new(WebForm(options)),
        trust_cap: Trust::Claimed,
    })
}

impl ChannelAdapter for WebForm {
    fn verify(&self, request: &InboundRequest<'_>) -> Result<(), Rejected> {
        if self.0.tokens.is_empty() {
            return Ok(()); // a public form: anybody may post
        }
        let given = match request.header(TOKEN_HEADER) {
            Some(token) => token.to_owned(),
            None => self.token_field(request).unwrap_or_default(),
        };
        let mut found = subtle::Choice::from(0);
        for token in &self.0.tokens {
            found |= token.bytes().ct_eq(given.as_bytes());
        }
        if found.into() { Ok(()) } else { Err(Rejected::signature()) }
    }

    fn decode(&self, request: &InboundRequest<'_>) -> Result<Decoded, Rejected> {
        let raw = raw(request);
        let mut decoded = match Submission::read(request, &self.0) {
            Ok(mut submission) => {
                submission.spam = request.header(OVER_PACE).is_some();
                let events = facts::drafts(&submission, &self.0, request.received_at, &raw);
                let reply = answer::reply(&self.0, request, &submission);
                Decoded { events, reply, ..Decoded::default() }
            }
            Err(submission::Unreadable::MediaType) => {
                return Err(Rejected::media_type(
                    "a form is application/x-www-form-urlencoded, multipart/form-data or application/json",
                ));
            }
            Err(submission::Unreadable::Malformed(Malformed { reason, detail })) => {
                Decoded::only_unrecognised(reason, detail, raw)
            }
        };
        answer::allow_origin(&self.0, request, &mut decoded.reply);
        Ok(decoded)
    }

    fn preflight(&self, request: &InboundRequest<'_>) -> Result<Reply, Rejected> {
        answer::preflight(&self.0, request)
    }

    fn pace(&self) -> Option<Pace> {
        self.0.pace
    }

    fn sign(&self, request: &mut Outbound) {
        if let Some(token) = self.0.tokens.first() {
            let token = String::from_utf8_lossy(token.bytes()).into_owned();
            request.headers.push((TOKEN_HEADER.to_owned(), token));
        }
    }
}

impl WebForm {
    fn token_field(&self, request: &InboundRequest<'_>) -> Option<String> {
        let field = self.0.token_field.as_ref()?;
        let submission = Submission::read(request, &self.0).ok()?;
        submission.first(field).map(str::to_owned)
    }
}

/// The whole post: a form is one fact, and its consents hang on it. That its sender was over the pace is part of it, so that
/// it decodes to spam again.
fn raw(request: &InboundRequest<'_>) -> Raw {
    let content_type = request.header("content-type").unwrap_or_default().to_owned();
    let mark = request.header(OVER_PACE).map(|mark| (OVER_PACE.to_owned(), mark.to_owned()));
    let headers = [("content-type".to_owned(), content_type)].into_iter().chain(mark).collect();
    Raw { headers, body: request.body.to_vec() }
}
