//! Web forms: posts of browsers (url-encoded, multipart) and of scripts or form services (JSON).
//!
//! Field names are made by users, so what a field means is configuration (`[channels.X.fields]`). Everything in a form is
//! only claimed. Absent: fetching anything (files are kept as metadata, lead ids are not resolved) and guessing of fields.
//!
//! ```toml
//! [channels.contact]
//! kind = "web_form"
//! form = "contact"                  # the form's name and the channel's account
//! submission_id = "submission_id"   # field with an id made by the page; without one, equal posts of a minute are one
//! honeypot = "website"              # filled in = kept as spam
//! redirect = "_next"                # field that names where the browser goes on, only to one of `thanks`
//! thanks = ["https://www.example.com/thanks"]
//! origins = ["https://www.example.com"] # whose scripts may read the answer
//! token = "env:FORM_TOKEN"          # optional: header x-form-token, or the field named by `token_field`
//! charset = "big5"                  # of pages that do not say theirs; default utf-8
//! site = "www.example.com"          # scope of cookies
//! test = "is_test"                  # field that is true for test posts
//! consent_channel = "email"         # what the checkboxes are for, and the text beside them
//! consent_text = "I agree to receive offers (v3)"
//! [channels.contact.fields]         # meaning = field, or fields of which the first that is filled in counts
//! name = ["your-name", "name"]
//! email = "your-email"
//! phone = "tel"
//! message = "message"
//! consent_marketing = "accept"
//! ```

mod charset;
mod facts;
mod json;
pub mod multipart;
mod options;
mod samples;
mod submission;
pub mod urlencoded;

use crate::{
    adapter::{
        Built, ChannelAdapter, Decoded, InboundRequest, Outbound, Registration, Rejected, Reply, Transport,
    },
    settings::{Settings, SettingsError},
};
use options::Options;
use submission::Submission;
use subtle::ConstantTimeEq;
use tributary_core::{event::Trust, seal::Raw};

/// Forms with files are larger than other posts; the files' bytes live in the raw request.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

const TOKEN_HEADER: &str = "x-form-token";

/// Row of the registry.
pub static REGISTRATION: Registration = Registration {
    kind: "web_form",
    about: "web forms: url-encoded, multipart or JSON posts, fields mapped by configuration",
    transport: Transport::Webhook,
    body_max: BODY_BYTES_MAX,
    build,
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
            Ok(submission) => {
                let events = facts::drafts(&submission, &self.0, request.received_at, &raw);
                Decoded { events, reply: self.reply(request, &submission), ..Decoded::default() }
            }
            Err(submission::Unreadable::MediaType) => {
                return Err(Rejected::media_type(
                    "a form is application/x-www-form-urlencoded, multipart/form-data or application/json",
                ));
            }
            Err(submission::Unreadable::Malformed { reason, detail }) => {
                Decoded::only_unrecognised(reason, detail, raw)
            }
        };
        self.allow_origin(request, &mut decoded.reply);
        Ok(decoded)
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

    /// Browsers are sent on to an address of the allow-list, scripts get JSON. Spam gets the same answer: nothing teaches
    /// the bot.
    fn reply(&self, request: &InboundRequest<'_>, submission: &Submission) -> Reply {
        let browser = request.header("accept").is_some_and(|a| a.contains("text/html"));
        let wanted = self.0.redirect.as_ref().and_then(|field| submission.first(field));
        let listed = self.0.thanks.iter().find(|url| Some(url.as_str()) == wanted);
        let first = self.0.thanks.first().filter(|_| browser);
        match listed.or(first) {
            Some(url) => Reply { status: 303, headers: vec![("location", url.clone())], body: Vec::new() },
            None => Reply {
                status: 200,
                headers: vec![("content-type", "application/json".to_owned())],
                body: br#"{"status":"received"}"#.to_vec(),
            },
        }
    }

    fn allow_origin(&self, request: &InboundRequest<'_>, reply: &mut Reply) {
        let Some(origin) = request.header("origin") else { return };
        if self.0.origins.iter().any(|known| known == origin) {
            reply.headers.push(("access-control-allow-origin", origin.to_owned()));
            reply.headers.push(("vary", "origin".to_owned()));
        }
    }
}

/// The whole post: a form is one fact, and its consents hang on it.
fn raw(request: &InboundRequest<'_>) -> Raw {
    let content_type = request.header("content-type").unwrap_or_default();
    Raw { headers: vec![("content-type".to_owned(), content_type.to_owned())], body: request.body.to_vec() }
}
