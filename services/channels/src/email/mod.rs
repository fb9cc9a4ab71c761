//! E-mail: raw RFC 5322 mail posted to `/in/{channel}`, the inbound webhooks of mail providers, and mail that the hub
//! fetches itself from a Maildir or an IMAP server.
//! Absent: the webhooks of providers about mail that was sent, OAuth for IMAP, STARTTLS, the bytes of attachments (they
//! stay in the raw mail, events have name, size and digest), and any belief in `From` that our own receiver did not
//! vouch for.
//!
//! ```toml
//! [channels.mail]
//! kind = "email"
//! mailbox = ["help@shop.example"]   # our own addresses; the first is the channel's account
//! agents = ["mei@shop.example", "@staff.shop.example"] # optional: staff, or whole domains of them; what they write
//!                                   # (or send us as a blind copy) is said by us, to whom it is addressed
//! charset = "big5"                  # optional: for mail that names none; default by the hub's region
//! authserv_id = "mx.shop.example"   # optional: who writes our Authentication-Results; without it nothing is verified.
//!                                   # It must be the receiver in front of this channel, and it must take out forged ones
//!
//! # Posted to us. Without `maildir` or `imap` the key is needed.
//! key = "env:MAIL_KEY"              # bearer token, x-api-key or password of basic authentication; or a list of two
//!                                   # while rotating; with provider = "mailgun" the webhook signing key
//! provider = "raw"                  # or "sendgrid" (Inbound Parse), "mailgun" (routes), "postmark"; each takes its
//!                                   # parsed and its raw form
//!
//! # Fetched from a folder: what a mail server delivered to `new` is taken and then moved.
//! maildir = "/var/mail/help"        # not one that an IMAP server serves too: it would move mail away from us
//! maildir_done = "/var/mail/taken"  # optional: where to; default `cur`
//!
//! # Fetched from a server, at once (IDLE), or every minute where it has no IDLE. Nothing is marked or moved unless told.
//! imap = "imap.shop.example"        # or host:port; TLS on port 993
//! imap_user = "help@shop.example"
//! password = "env:IMAP_PASSWORD"
//! imap_folder = "INBOX"             # optional
//! imap_seen = true                  # optional: mark what was taken as seen
//! imap_move = "Processed"           # optional: move what was taken there
//! imap_ca = "/etc/ssl/own-ca.pem"   # optional: a private authority in the place of the public ones
//! imap_tls = false                  # optional: plain text, to this machine only
//! ```

mod charset;
mod door;
mod drafts;
mod header;
mod mail;
mod mime;
mod options;
mod provider;
mod reply;
mod report;
mod samples;
mod scan;
mod sender;
mod setup;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_provider;
mod transfer;
mod words;

use crate::{
    adapter::{
        Built, ChannelAdapter, Decoded, InboundRequest, Method, Once, Outbound, Registration, Rejected,
        Transport,
    },
    pull::{CUT_HEADER, Pull},
    settings::{Settings, SettingsError},
};
use options::Options;
use provider::Unreadable;
use tributary_core::{event::Trust, seal::Raw};

/// Largest post and largest mail that is fetched whole: mail servers and providers take 20 to 25 MiB of mail, which are a
/// third more in base64.
pub const MAIL_MAX: usize = 36 * 1024 * 1024;

/// The row of the registry.
pub static REGISTRATION: Registration = Registration {
    kind: "email",
    about: "mails: posted raw, by SendGrid, Mailgun or Postmark, or fetched from a Maildir or by IMAP; charsets of East Asia, bounces, complaints and auto-replies told from people, staff's mail as said by us",
    transport: Transport::Webhook,
    body_max: MAIL_MAX,
    build,
    settings: &[setup::SETTINGS],
    samples: samples::SAMPLES,
};

struct Email {
    options: Options,
}

fn build(settings: &mut Settings) -> Result<Built, SettingsError> {
    let options = Options::read(settings)?;
    let account = options.own.first().cloned().unwrap_or_default();
    let trust_cap = if options.authserv_id.is_some() { Trust::Verified } else { Trust::Claimed };
    Ok(Built { adapter: Box::new(Email { options }), account, trust_cap })
}

impl ChannelAdapter for Email {
    fn verify(&self, request: &InboundRequest<'_>) -> Result<(), Rejected> {
        self.options.provider.verify(&self.options.keys, request)
    }

    fn decode(&self, request: &InboundRequest<'_>) -> Result<Decoded, Rejected> {
        if request.method == Method::Get {
            let detail = "post the mail; this address answers no checks".to_owned();
            return Err(Rejected { status: 405, code: "method_not_allowed", detail });
        }
        let options = &self.options;
        let mut headers = Vec::new();
        let content_type = request.header("content-type").filter(|_| !options.provider.is_bare(request));
        headers.extend(content_type.map(|value| ("content-type".to_owned(), value.to_owned())));
        headers.extend(request.header(CUT_HEADER).map(|size| (CUT_HEADER.to_owned(), size.to_owned())));
        let raw = Raw { headers, body: request.body.to_vec() };
        if request.body.len() > MAIL_MAX {
            return Ok(Decoded::only_unrecognised("mail_too_large", "over 36 MiB", raw));
        }
        let bytes = match options.provider.mail(request) {
            Ok(bytes) => bytes,
            Err(Unreadable::MediaType(what)) => return Err(Rejected::media_type(what)),
            Err(Unreadable::Malformed(reason, detail)) => {
                return Ok(Decoded::only_unrecognised(reason, detail, raw));
            }
        };
        let Some(mail) = mail::Mail::read(&bytes, options.fallback, &options.own) else {
            return Ok(Decoded::only_unrecognised("not_a_mail", "no header of a mail at the beginning", raw));
        };
        let only = request.header(drafts::PART_HEADER).and_then(|n| n.parse().ok());
        let mut events = drafts::of(&mail, &raw, options.authserv_id.as_deref(), only);
        if let Some(size) = request.header(CUT_HEADER).and_then(|size| size.parse::<u64>().ok()) {
            for draft in &mut events {
                draft.content.fields.insert("whole_size".into(), size.into());
            }
        }
        Ok(Decoded { events, ..Decoded::default() })
    }

    fn sign(&self, request: &mut Outbound) {
        self.options.provider.sign(&self.options.keys, request);
    }

    fn once(&self, request: &InboundRequest<'_>) -> Option<Once> {
        self.options.provider.once(request)
    }

    fn pulls(&self) -> Vec<Pull> {
        self.options.pulls.clone()
    }
}
