//! The adapter contract: raw request or file in, drafts of events out. Pure and synchronous; time comes in as data.

use crate::{
    portions::{Portions, Whole},
    pull::Pull,
    settings::Secret,
    standing::{Finding, Question},
};
use std::fmt;
use tributary_core::{draft::Draft, seal::Raw, time::Micros};

/// HTTP method of a request to `/in/{channel}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Verification challenges.
    Get,
    /// Everything else.
    Post,
}

/// A request as it arrived. Header names are lower case; the body is never changed before `verify` has seen it.
#[derive(Clone, Copy)]
pub struct InboundRequest<'a> {
    /// Method.
    pub method: Method,
    /// Query string without the question mark.
    pub query: &'a str,
    /// Headers in order, names in lower case.
    pub headers: &'a [(String, String)],
    /// Raw body.
    pub body: &'a [u8],
    /// When it arrived.
    pub received_at: Micros,
    /// The channel's public address, from configuration and never from a header; some signatures cover it.
    pub public_url: Option<&'a str>,
}

impl<'a> InboundRequest<'a> {
    /// A POST of this body and these headers, without a query or a public address, that arrived at the epoch: what tests and
    /// tools take further with their own.
    #[must_use]
    pub fn post(headers: &'a [(String, String)], body: &'a [u8]) -> Self {
        Self { method: Method::Post, query: "", headers, body, received_at: Micros(0), public_url: None }
    }

    /// The first header of this (lower-case) name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The media type without parameters, lower case; empty without one.
    #[must_use]
    pub fn media_type(&self) -> String {
        let value = self.header("content-type").unwrap_or_default();
        value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }
}

impl fmt::Debug for InboundRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InboundRequest({:?}, {} bytes)", self.method, self.body.len())
    }
}

/// A request that is answered with an error and leaves nothing in the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct Rejected {
    /// HTTP status.
    pub status: u16,
    /// Stable code.
    pub code: &'static str,
    /// What to do about it; never a personal value.
    pub detail: String,
}

impl Rejected {
    /// 401: the signature is missing or wrong. Says no more than that.
    #[must_use]
    pub fn signature() -> Self {
        Self {
            status: 401,
            code: "bad_signature",
            detail: "the request's signature is missing or wrong".into(),
        }
    }

    /// 415: this channel does not take such a body.
    #[must_use]
    pub fn media_type(detail: impl Into<String>) -> Self {
        Self { status: 415, code: "unsupported_media_type", detail: detail.into() }
    }
}

/// Something received that is no event of a known kind: kept with its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unrecognised {
    /// Stable code, such as `malformed_json` or `unknown_event_type`.
    pub reason: &'static str,
    /// Where and what, without personal values: `line 17: total is not an amount`.
    pub detail: String,
    /// The smallest request that shows it.
    pub raw: Raw,
}

/// The answer the provider expects. [`Reply::default`] is an empty 200.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Extra headers, lower-case names.
    pub headers: Vec<(&'static str, String)>,
    /// Body.
    pub body: Vec<u8>,
}

impl Default for Reply {
    fn default() -> Self {
        Self { status: 200, headers: Vec::new(), body: Vec::new() }
    }
}

/// What a request holds.
#[derive(Clone, Debug, Default)]
pub struct Decoded {
    /// Facts, in the order of the request.
    pub events: Vec<Draft>,
    /// The rest.
    pub unrecognised: Vec<Unrecognised>,
    /// The answer once all of it is durable.
    pub reply: Reply,
}

impl Decoded {
    /// Nothing but one unrecognised remainder: a validly signed request is never lost because it cannot be read.
    #[must_use]
    pub fn only_unrecognised(reason: &'static str, detail: impl Into<String>, raw: Raw) -> Self {
        let detail = detail.into();
        Self { unrecognised: vec![Unrecognised { reason, detail, raw }], ..Self::default() }
    }
}

/// A request this side makes, to be signed: samples, `channel trigger`, load tests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outbound {
    /// Headers, lower-case names.
    pub headers: Vec<(String, String)>,
    /// Query string without the question mark.
    pub query: String,
    /// Body.
    pub body: Vec<u8>,
    /// The channel's public address, where a signature covers it.
    pub public_url: Option<String>,
    /// When it is sent, where a signature covers that.
    pub at: Micros,
}

/// A request to the source, made by the shell. The headers hold a credential, so there is no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Lookup {
    /// Whole address.
    pub url: String,
    /// Headers, lower-case names.
    pub headers: Vec<(String, String)>,
}

/// What an id token of a platform's login must say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// Who made it.
    pub issuer: String,
    /// For whom: the id of our login channel.
    pub audience: String,
    /// The platform's keys as a JSON set, or the address of one.
    pub keys: String,
    /// Secrets of our login channel, any of which may have signed (HS256); without one no such token is taken.
    pub secrets: Vec<Secret>,
}

/// Header that the ingress adds to a request whose sender posts more than [`Pace::per_address`]. Under this name nothing from
/// outside reaches an adapter.
pub const OVER_PACE: &str = "tributary-over-pace";

/// How much is posted to a public channel before it counts as a flood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// Posts a minute from one address; more carry [`OVER_PACE`], ten times as many are refused.
    pub per_address: Option<u32>,
    /// Posts a minute from all addresses together; more are refused.
    pub in_all: Option<u32>,
}

/// One channel's adapter. `verify` runs first, over the raw bytes; `decode` never sees an unverified request.
pub trait ChannelAdapter: Send + Sync {
    /// Checks the request's authenticity in constant time, before anything is parsed.
    ///
    /// # Errors
    /// [`Rejected`] with status 401 (or what the provider expects); nothing is stored.
    fn verify(&self, request: &InboundRequest<'_>) -> Result<(), Rejected>;

    /// The request's facts and remainder. Total over hostile bytes: bounded time and memory, no panic.
    ///
    /// # Errors
    /// [`Rejected`] only where the provider must hear it (wrong media type, failed challenge); what is merely not
    /// understood is `unrecognised`.
    fn decode(&self, request: &InboundRequest<'_>) -> Result<Decoded, Rejected>;

    /// The same in portions of about `most` facts and remainders, for requests that decode to many times their own size.
    /// Everything that can refuse the request is known when this returns; the answer is an empty 200. The default is one
    /// portion.
    ///
    /// # Errors
    /// As for [`decode`](Self::decode).
    fn portions<'r>(
        &'r self,
        request: &InboundRequest<'r>,
        _most: usize,
    ) -> Result<Box<dyn Portions + 'r>, Rejected> {
        Ok(Box::new(Whole::new(self.decode(request)?)))
    }

    /// The answer to a browser that asks (`OPTIONS`) whether a page of another origin may post here. Leaves nothing in the log.
    ///
    /// # Errors
    /// [`Rejected`] where no page of this origin may; the default lets none.
    fn preflight(&self, _request: &InboundRequest<'_>) -> Result<Reply, Rejected> {
        Err(Rejected {
            status: 405,
            code: "method_not_allowed",
            detail: "use POST (or GET where a provider checks the address)".into(),
        })
    }

    /// What counts as a flood; the default is nothing, because a provider's posts come from few addresses.
    fn pace(&self) -> Option<Pace> {
        None
    }

    /// Where somebody's browser goes to answer an offer with this nonce; `link_token` is what the platform gave for them.
    /// `None` where the kind has no such dialog.
    fn bind_address(&self, _nonce: &str, _link_token: Option<&str>) -> Option<String> {
        None
    }

    /// What id tokens of the platform's login must say, if the channel takes them.
    fn login(&self) -> Option<Login> {
        None
    }

    /// Whether people's profiles are to be asked for.
    fn asks_profiles(&self) -> bool {
        false
    }

    /// The question to the source about the person of this id; `None` where there is none to ask.
    fn ask_profile(&self, _user: &str) -> Option<Lookup> {
        None
    }

    /// The fact that the answer to [`ask_profile`](Self::ask_profile) states; `None` if it is not understood.
    fn read_profile(&self, _user: &str, _answer: &[u8], _asked_at: Micros) -> Option<Draft> {
        None
    }

    /// Adds what `verify` checks. For samples and tests; the default adds nothing.
    fn sign(&self, _request: &mut Outbound) {}

    /// A token of a verified request that must not come again with other content, where the signature does not cover the
    /// content. The shell remembers it; the default has none.
    fn once(&self, _request: &InboundRequest<'_>) -> Option<Once> {
        None
    }

    /// What the settings alone say of the channel's standing at its platform, each with what it is about.
    fn noticed(&self) -> Vec<(&'static str, Finding)> {
        Vec::new()
    }

    /// What the platform may be asked about the channel; the shell asks when somebody checks it.
    fn questions(&self) -> Vec<Question> {
        Vec::new()
    }

    /// What the answer to one of [`questions`](Self::questions) means; `url` is the channel's public address.
    fn finding(&self, _about: &str, status: u16, _answer: &[u8], _url: Option<&str>) -> Finding {
        Finding::good(format!("answered {status}"))
    }

    /// What nobody can ask the platform, and people have to look after there.
    fn reminders(&self) -> &'static [&'static str] {
        &[]
    }

    /// Where the shell fetches this channel's requests itself; the default is nowhere.
    fn pulls(&self) -> Vec<Pull> {
        Vec::new()
    }
}

/// A token that belongs to one content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    /// Digest of the token.
    pub token: String,
    /// Digest of what it came with; the same content again is a redelivery.
    pub content: String,
    /// From when on `verify` refuses the token anyway.
    pub until: Micros,
}

/// How requests reach a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// The source posts to `/in/{channel}`.
    Webhook,
    /// Files: posted to `/in/{channel}` or found in a watched folder.
    Watch,
}

/// A named sample payload of a kind, for `channel trigger` and the conformance kit.
#[derive(Clone, Copy)]
pub struct Sample {
    /// Such as `message` or `follow`.
    pub name: &'static str,
    /// What it shows.
    pub about: &'static str,
    /// Content type of the request.
    pub content_type: &'static str,
    /// Body. `{{n}}` becomes a running number, `{{ms}}` / `{{s}}` / `{{iso}}` the time, `{{name}}` an override.
    pub body: &'static str,
}

/// One row of the registry: everything the rest of the hub knows about a kind.
pub struct Registration {
    /// Name of the kind in configuration.
    pub kind: &'static str,
    /// One line for the README's table and `channel ls`.
    pub about: &'static str,
    /// How requests reach it.
    pub transport: Transport,
    /// Largest request body in bytes.
    pub body_max: usize,
    /// Makes the adapter from its settings.
    pub build: fn(&mut crate::settings::Settings) -> Result<Built, crate::settings::SettingsError>,
    /// What people are told of its own settings: every name that `build` asks for. Groups, so that kinds can share some.
    pub settings: &'static [&'static [crate::setup::Setting]],
    /// Sample payloads.
    pub samples: &'static [Sample],
}

/// What a kind's settings give.
pub struct Built {
    /// The adapter.
    pub adapter: Box<dyn ChannelAdapter>,
    /// Provider, page, merchant or mailbox: part of every key of the channel.
    pub account: String,
    /// Most trust without an explicit `trust` setting. `Verified` only where the platform's signature vouches for the ids.
    pub trust_cap: tributary_core::event::Trust,
}
