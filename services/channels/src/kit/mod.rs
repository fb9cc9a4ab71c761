//! The conformance kit: what every adapter must hold, for any sample of its requests. Public, so that an adapter made
//! elsewhere can run it in its own tests. No I/O: a channel and bytes in, a list of failures out.
//!
//! | law | check |
//! |---|---|
//! | what `sign` adds is accepted; missing, changed or empty it is refused | [`check`] |
//! | a signature that covers a time is refused when the time is long ago | [`check`] |
//! | another secret's signature is refused; while two are configured, both sign | [`check_secrets`] |
//! | the same bytes are the same events, in portions of any size too | [`check`] |
//! | the raw request of each event decodes to that event, and to none that the whole did not hold: a batch is its parts | [`check`] |
//! | the raw request of what was not understood says nothing new, and is not nothing | [`check`] |
//! | two facts of one request have two keys | [`check`] |
//! | no credential in raw requests, no personal value in keys, clear fields or details, which stand in logs | [`check`] |
//! | an unknown word anywhere is kept, neither dropped nor refused | [`check`] |
//! | cut off at every length, changed at random (seeded), empty, nested deep, not UTF-8: no panic, and the laws hold | [`check`] |
//! | any order of requests gives the same | [`check_together`] |
//! | the largest bodies: no panic, and what is kept stays in proportion | [`check_together`] |
//!
//! Absent: whether the facts are the right ones, which is what golden results ([`golden()`]) are for; and time: the kit has
//! no clock, so a slow adapter shows as a slow test.
//!
//! ```
//! use tributary_channels::{
//!     adapter::{Built, ChannelAdapter, Decoded, InboundRequest, Outbound, Registration, Rejected, Transport},
//!     digest,
//!     kit::{self, Case, Effort},
//!     settings::{Secret, Settings, build_as},
//!     setup::Setting,
//!     signature,
//! };
//! use tributary_core::{body::Body, draft::Draft, event::Trust, seal::Raw};
//!
//! /// Notes of a system of one's own: each post is one note.
//! static REGISTRATION: Registration = Registration {
//!     kind: "notes",
//!     about: "notes",
//!     transport: Transport::Webhook,
//!     body_max: 4096,
//!     build: |settings| {
//!         let secrets = settings.secrets("secret", "signs every post")?;
//!         let account = settings.name.clone();
//!         Ok(Built { adapter: Box::new(Notes(secrets)), account, trust_cap: Trust::Claimed })
//!     },
//!     settings: &[&[Setting::required("secret", "\"env:NOTES_SECRET\"", "signs every post").secret()]],
//!     samples: &[],
//! };
//!
//! struct Notes(Vec<Secret>);
//!
//! impl ChannelAdapter for Notes {
//!     fn verify(&self, request: &InboundRequest<'_>) -> Result<(), Rejected> {
//!         let given = request.header("x-signature").unwrap_or_default();
//!         let good = signature::matches_hex(&self.0, &[request.body], given);
//!         if good { Ok(()) } else { Err(Rejected::signature()) }
//!     }
//!
//!     fn decode(&self, request: &InboundRequest<'_>) -> Result<Decoded, Rejected> {
//!         let mut draft = Draft::new(digest::hex32(request.body), Body::Note {});
//!         draft.raw = Raw { headers: Vec::new(), body: request.body.to_vec() };
//!         Ok(Decoded { events: vec![draft], ..Decoded::default() })
//!     }
//!
//!     fn sign(&self, request: &mut Outbound) {
//!         if let Some(secret) = self.0.first() {
//!             let value = signature::hex_of(&signature::hmac_sha256(secret, &[&request.body]));
//!             request.headers.push(("x-signature".to_owned(), value));
//!         }
//!     }
//! }
//!
//! let table = serde_json::json!({"secret": "made up"}).as_object().cloned().unwrap();
//! let settings = Settings::new("my-notes", table, "Asia/Taipei", "TW");
//! let channel = build_as(&REGISTRATION, &mut settings.clone()).unwrap();
//! let case = Case::new("a note", "text/plain", "call back on Monday");
//!
//! assert_eq!(kit::check_all(&channel, &[case.clone()], Effort::default()), Vec::<String>::new());
//! assert_eq!(kit::check_secrets(&REGISTRATION, &settings, &case), Vec::<String>::new());
//! assert_eq!(kit::golden(&channel, &case)["events"][0]["type"], "note.added");
//! ```

pub mod fixture;
mod golden;
mod hostile;
mod laws;
mod secrets;
mod together;

pub use golden::golden;
pub use secrets::check_secrets;

use crate::{
    adapter::{Decoded, InboundRequest, Method, Outbound, Rejected},
    settings::Channel,
};
use tributary_core::{draft::Draft, event::Event, seal::Raw, time::Micros, token::IndexKey};

/// When every request of the kit arrives: 2026-03-01T02:12:00Z.
pub const RECEIVED_AT: Micros = Micros(1_772_331_120_000_000);

/// What stands for every secret where a channel is only tried; also fit as base64.
pub const STAND_IN_SECRET: &str = "tributary+test/secret+stand/in++";

/// A request to try.
#[derive(Clone)]
pub struct Case {
    /// Names it in failures.
    pub name: String,
    /// Method.
    pub method: Method,
    /// Query string without the question mark.
    pub query: String,
    /// Headers, lower-case names.
    pub headers: Vec<(String, String)>,
    /// Raw body.
    pub body: Vec<u8>,
    /// The channel's public address.
    pub public_url: Option<String>,
}

impl Case {
    /// A post of this body.
    #[must_use]
    pub fn new(name: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            name: name.to_owned(),
            method: Method::Post,
            query: String::new(),
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            body: body.into(),
            public_url: None,
        }
    }

    /// The same request as the source would sign it.
    #[must_use]
    pub fn signed(&self, channel: &Channel) -> Self {
        let mut outbound = self.outbound(RECEIVED_AT);
        channel.adapter.sign(&mut outbound);
        self.of_outbound(outbound)
    }

    fn outbound(&self, at: Micros) -> Outbound {
        Outbound {
            headers: self.headers.clone(),
            query: self.query.clone(),
            body: self.body.clone(),
            public_url: self.public_url.clone(),
            at,
        }
    }

    fn of_outbound(&self, outbound: Outbound) -> Self {
        let Outbound { headers, query, body, public_url, .. } = outbound;
        Self { headers, query, body, public_url, ..self.clone() }
    }

    /// The request as an adapter gets it.
    #[must_use]
    pub fn request(&self) -> InboundRequest<'_> {
        InboundRequest {
            method: self.method,
            query: &self.query,
            headers: &self.headers,
            body: &self.body,
            received_at: RECEIVED_AT,
            public_url: self.public_url.as_deref(),
        }
    }

    fn of_raw(&self, raw: &Raw) -> Self {
        let headers = raw.headers.clone();
        Self { method: Method::Post, query: String::new(), headers, body: raw.body.clone(), ..self.clone() }
    }
}

/// How hard to try. The seed stands in every failure.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Seeded mutations of the body.
    pub mutations: u32,
    /// Most lengths of truncation; shorter bodies are cut at every length.
    pub truncations: usize,
    /// Seed of the mutations and orders.
    pub seed: u64,
    /// Size of the largest bodies, where the kind takes as much.
    pub largest_bytes: usize,
}

impl Default for Effort {
    fn default() -> Self {
        Self { mutations: 300, truncations: 2_048, seed: 0x7472_6962, largest_bytes: 256 * 1024 }
    }
}

/// Runs all checks on one request; empty = conforms. `case` is the request without what `sign` adds.
#[must_use]
pub fn check(channel: &Channel, case: &Case, effort: Effort) -> Vec<String> {
    let mut failures = laws::authenticity(channel, case);
    failures.extend(secrets::stale(channel, case));
    let signed = case.signed(channel);
    let mut people = Vec::new();
    match hostile::decode(channel, &signed) {
        Err(panic) => failures.push(panic),
        Ok(Err(_)) => {}
        Ok(Ok(decoded)) => {
            failures.extend(laws::same_again(channel, &signed, &decoded));
            failures.extend(laws::in_portions(channel, &signed, &decoded));
            failures.extend(laws::round_trip(channel, &signed, &decoded));
            failures.extend(laws::remainder(channel, &signed, &decoded));
            failures.extend(laws::privacy(channel, case, &decoded));
            failures.extend(laws::distinct(channel, &decoded));
            people = laws::personal(&decoded);
            if !decoded.events.is_empty() {
                failures.extend(hostile::unknown_words(channel, &signed, &people));
            }
        }
    }
    failures.extend(hostile::truncations(channel, &signed, &people, effort));
    failures.extend(hostile::mutations(channel, &signed, &people, effort));
    failures.extend(hostile::absurd(channel, &signed, &people));
    failures.into_iter().map(|f| format!("{} / {}: {f}", channel.context.name, case.name)).collect()
}

/// Runs all checks on all requests of one channel, each alone and together; empty = conforms.
#[must_use]
pub fn check_all(channel: &Channel, cases: &[Case], effort: Effort) -> Vec<String> {
    let mut failures: Vec<String> = cases.iter().flat_map(|case| check(channel, case, effort)).collect();
    failures.extend(check_together(channel, cases, effort));
    failures
}

/// Of [`check_all`] only what needs more than one request: any order of them, and the largest bodies.
#[must_use]
pub fn check_together(channel: &Channel, cases: &[Case], effort: Effort) -> Vec<String> {
    let mut failures = together::shuffled(channel, cases, effort);
    failures.extend(cases.first().into_iter().flat_map(|case| together::largest(channel, case, effort)));
    failures
}

fn decode(channel: &Channel, case: &Case) -> Result<Decoded, Rejected> {
    channel.adapter.decode(&case.request())
}

/// The event of a draft; chunks of an oversize raw request stand before it and are left out.
fn event(channel: &Channel, draft: &Draft) -> Option<Event> {
    let key = IndexKey::new(&[7; 32]);
    channel.context.events(draft.clone(), RECEIVED_AT, &key).pop()
}
