//! E-mail: raw RFC 5322 mail posted to `/in/{channel}`, by a mail server's pipe, a script or `curl --data-binary`.
//! Absent: fetching (IMAP), the webhooks of mail providers, the bytes of attachments (they stay in the raw mail), and any
//! belief in `From` that our own receiver did not vouch for.
//!
//! ```toml
//! [channels.mail]
//! kind = "email"
//! mailbox = ["help@shop.example"]  # our own addresses; the first is the channel's account
//! key = "env:MAIL_KEY"             # bearer token or x-api-key, or a list of two while rotating
//! authserv_id = "mx.shop.example"  # optional: who writes our Authentication-Results; without it nothing is verified
//! charset = "big5"                 # optional: for mail that names none; default by the hub's region
//! ```

mod charset;
mod drafts;
mod header;
mod mail;
mod mime;
mod reply;
mod report;
mod samples;
mod scan;
mod sender;
#[cfg(test)]
mod tests;
mod transfer;
mod words;

use crate::{
    adapter::{
        Built, ChannelAdapter, Decoded, InboundRequest, Method, Outbound, Registration, Rejected, Transport,
    },
    settings::{Secret, Settings, SettingsError},
};
use encoding_rs::Encoding;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tributary_core::{event::Trust, seal::Raw};

/// Largest mail: common servers take 10 to 25 MiB, and what customers write is text and pictures.
const MAIL_MAX: usize = 10 * 1024 * 1024;

/// The row of the registry.
pub static REGISTRATION: Registration = Registration {
    kind: "email",
    about: "raw e-mail (RFC 5322), with bounces, complaints and automatic mail told apart",
    transport: Transport::Webhook,
    body_max: MAIL_MAX,
    build,
    samples: samples::SAMPLES,
};

struct Email {
    mailboxes: Vec<String>,
    keys: Vec<Secret>,
    authserv_id: Option<String>,
    fallback: &'static Encoding,
}

fn build(settings: &mut Settings) -> Result<Built, SettingsError> {
    let mailboxes = settings.texts("mailbox")?;
    if mailboxes.is_empty() || mailboxes.iter().any(|m| !m.contains('@')) {
        let what =
            "is missing or no address: your own address, or a list of them, such as \"help@shop.example\"";
        return Err(SettingsError::new("mailbox", what));
    }
    let keys = settings.secrets("key", "what the mail server sends as bearer token or x-api-key")?;
    let authserv_id = settings.text("authserv_id")?.filter(|id| !id.is_empty());
    let fallback = match settings.text("charset")? {
        None => regional(&settings.default_region),
        Some(label) => charset::encoding(&label).ok_or_else(|| {
            SettingsError::new("charset", "must be a charset, such as \"big5\" or \"utf-8\"")
        })?,
    };
    let mailboxes: Vec<String> = mailboxes.iter().map(|m| m.trim().to_lowercase()).collect();
    let account = mailboxes.first().cloned().unwrap_or_default();
    let trust_cap = if authserv_id.is_some() { Trust::Verified } else { Trust::Claimed };
    Ok(Built { adapter: Box::new(Email { mailboxes, keys, authserv_id, fallback }), account, trust_cap })
}

/// What unlabelled 8-bit mail is most often written in.
fn regional(region: &str) -> &'static Encoding {
    match region {
        "TW" | "HK" | "MO" => encoding_rs::BIG5,
        "CN" | "SG" => encoding_rs::GB18030,
        "JP" => encoding_rs::SHIFT_JIS,
        "KR" => encoding_rs::EUC_KR,
        _ => encoding_rs::WINDOWS_1252,
    }
}

impl ChannelAdapter for Email {
    fn verify(&self, request: &InboundRequest<'_>) -> Result<(), Rejected> {
        let bearer = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let given = bearer.or_else(|| request.header("x-api-key")).unwrap_or_default();
        let given = Sha256::digest(given.trim().as_bytes());
        let mut found = subtle::Choice::from(0);
        for key in &self.keys {
            found |= Sha256::digest(key.bytes()).as_slice().ct_eq(given.as_slice());
        }
        if found.into() {
            return Ok(());
        }
        let detail = "send the channel's key as \"authorization: Bearer ...\" or \"x-api-key\"".to_owned();
        Err(Rejected { status: 401, code: "bad_key", detail })
    }

    fn decode(&self, request: &InboundRequest<'_>) -> Result<Decoded, Rejected> {
        if request.method == Method::Get {
            let detail = "post the raw mail".to_owned();
            return Err(Rejected { status: 405, code: "method_not_allowed", detail });
        }
        // curl --data-binary calls everything a form, curl -T says nothing.
        const TAKEN: [&str; 5] = [
            "",
            "message/rfc822",
            "text/plain",
            "application/octet-stream",
            "application/x-www-form-urlencoded",
        ];
        if !TAKEN.contains(&request.media_type().as_str()) {
            return Err(Rejected::media_type("send the mail as message/rfc822"));
        }
        let raw = || Raw { headers: Vec::new(), body: request.body.to_vec() };
        if request.body.len() > MAIL_MAX {
            return Ok(Decoded::only_unrecognised("mail_too_large", "over 10 MiB", raw()));
        }
        let Some(mail) = mail::Mail::read(request.body, self.fallback, &self.mailboxes) else {
            return Ok(Decoded::only_unrecognised(
                "not_a_mail",
                "no header of a mail at the beginning",
                raw(),
            ));
        };
        let only = request.header(drafts::PART_HEADER).and_then(|n| n.parse().ok());
        let events = drafts::of(&mail, request.body, self.authserv_id.as_deref(), only);
        Ok(Decoded { events, ..Decoded::default() })
    }

    fn sign(&self, request: &mut Outbound) {
        if let Some(key) = self.keys.first() {
            let key = String::from_utf8_lossy(key.bytes()).into_owned();
            request.headers.push(("authorization".into(), format!("Bearer {key}")));
        }
    }
}
