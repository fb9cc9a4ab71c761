//! The posts of mail providers: each becomes the bytes of one mail, so that everything behind reads mails only.
//! Absent: their webhooks about mail that we sent (opened, clicked, bounced).

mod compose;
mod form;
mod mailgun;
mod postmark;
mod sendgrid;

use super::door;
use crate::{
    adapter::{InboundRequest, Once, Outbound, Rejected},
    settings::Secret,
};
use std::borrow::Cow;

/// Who posts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// A mail server or a script: the raw mail.
    Raw,
    /// Twilio SendGrid Inbound Parse: parsed, or raw ("POST the raw, full MIME message").
    SendGrid,
    /// Mailgun routes: parsed, or raw (addresses that end in `mime`).
    Mailgun,
    /// Postmark inbound streams: JSON, with or without the raw mail in it.
    Postmark,
}

/// Why a post is no mail.
pub enum Unreadable {
    /// Not a form this provider has; what it should be.
    MediaType(&'static str),
    /// Broken or beyond a limit: stable code, and where and what.
    Malformed(&'static str, String),
}

/// Media types of a raw mail: curl --data-binary calls everything a form, curl -T says nothing.
const RAW: [&str; 4] = ["", "message/rfc822", "text/plain", "application/octet-stream"];
const URLENCODED: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data";
const JSON: &str = "application/json";

impl Provider {
    /// From its name in the settings.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "raw" => Self::Raw,
            "sendgrid" => Self::SendGrid,
            "mailgun" => Self::Mailgun,
            "postmark" => Self::Postmark,
            _ => return None,
        })
    }

    /// Whether the request is from whom it should be.
    ///
    /// # Errors
    /// 401.
    pub fn verify(self, keys: &[Secret], request: &InboundRequest<'_>) -> Result<(), Rejected> {
        match self {
            Self::Mailgun => mailgun::verify(keys, request),
            Self::Raw | Self::SendGrid | Self::Postmark => door::check(keys, request),
        }
    }

    /// See [`ChannelAdapter::once`](crate::adapter::ChannelAdapter::once).
    #[must_use]
    pub fn once(self, request: &InboundRequest<'_>) -> Option<Once> {
        (self == Self::Mailgun).then(|| mailgun::once(request)).flatten()
    }

    /// The bytes of the mail that was posted. Raw mails are taken from every provider: fetched ones come so.
    ///
    /// # Errors
    /// [`Unreadable`] if there is none.
    pub fn mail<'a>(self, request: &InboundRequest<'a>) -> Result<Cow<'a, [u8]>, Unreadable> {
        let media = request.media_type();
        if RAW.contains(&media.as_str()) {
            return Ok(Cow::Borrowed(request.body));
        }
        match (self, media.as_str()) {
            (Self::Raw, URLENCODED) => Ok(Cow::Borrowed(request.body)),
            (Self::Raw, _) => Err(Unreadable::MediaType("send the mail as message/rfc822")),
            (Self::SendGrid, MULTIPART | URLENCODED) => sendgrid::mail(request),
            (Self::SendGrid, _) => Err(Unreadable::MediaType("Inbound Parse posts multipart/form-data")),
            (Self::Mailgun, MULTIPART | URLENCODED) => mailgun::mail(request),
            (Self::Mailgun, _) => Err(Unreadable::MediaType(
                "routes post multipart/form-data or application/x-www-form-urlencoded",
            )),
            (Self::Postmark, JSON) => postmark::mail(request.body),
            (Self::Postmark, _) => Err(Unreadable::MediaType("the inbound webhook posts application/json")),
        }
    }

    /// Whether the request is the mail itself, so that nothing else is needed to read it again.
    #[must_use]
    pub fn is_bare(self, request: &InboundRequest<'_>) -> bool {
        let media = request.media_type();
        RAW.contains(&media.as_str()) || (self == Self::Raw && media == URLENCODED)
    }

    /// Adds what `verify` checks; a raw mail is put into the form that this provider posts.
    pub fn sign(self, keys: &[Secret], request: &mut Outbound) {
        let content_type = request.headers.iter().find(|(n, _)| n == "content-type");
        let media = content_type.map(|(_, v)| v.split(';').next().unwrap_or_default().trim().to_lowercase());
        let raw = media.is_none_or(|media| RAW.contains(&media.as_str()));
        match self {
            Self::Raw => door::bearer(keys, request),
            Self::SendGrid => {
                if raw {
                    form::wrap(request, &[("email", None)]);
                }
                door::basic(keys, request);
            }
            Self::Mailgun => {
                if raw {
                    let at = request.at.0.div_euclid(1_000_000).to_string();
                    let token = mailgun::token(&request.body);
                    form::wrap(
                        request,
                        &[("timestamp", Some(&at)), ("token", Some(&token)), ("body-mime", None)],
                    );
                }
                mailgun::sign(keys, request);
            }
            Self::Postmark => {
                if raw {
                    postmark::wrap(request);
                }
                door::basic(keys, request);
            }
        }
    }
}
