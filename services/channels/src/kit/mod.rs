//! The conformance kit: what every adapter must hold, for any sample of its requests. Public, so that an adapter made
//! elsewhere can run it in its own tests. No I/O: a channel and bytes in, a list of failures out.
//!
//! Absent: whether the facts are the right ones. That is what golden results ([`golden()`]) are for.

mod golden;
mod hostile;
mod laws;

pub use golden::golden;

use crate::{
    adapter::{Decoded, InboundRequest, Method, Outbound, Rejected},
    settings::Channel,
};
use tributary_core::{draft::Draft, event::Event, seal::Raw, time::Micros, token::IndexKey};

/// When every request of the kit arrives: 2026-03-01T02:12:00Z.
pub const RECEIVED_AT: Micros = Micros(1_772_331_120_000_000);

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
        let mut outbound = Outbound {
            headers: self.headers.clone(),
            query: self.query.clone(),
            body: self.body.clone(),
            public_url: self.public_url.clone(),
            at: RECEIVED_AT,
        };
        channel.adapter.sign(&mut outbound);
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
    /// Seed of the mutations.
    pub seed: u64,
}

impl Default for Effort {
    fn default() -> Self {
        Self { mutations: 300, truncations: 2_048, seed: 0x7472_6962 }
    }
}

/// Runs all checks on one request; empty = conforms. `case` is the request without what `sign` adds.
#[must_use]
pub fn check(channel: &Channel, case: &Case, effort: Effort) -> Vec<String> {
    let mut failures = laws::authenticity(channel, case);
    let signed = case.signed(channel);
    match hostile::decode(channel, &signed) {
        Err(panic) => failures.push(panic),
        Ok(Err(_)) => {}
        Ok(Ok(decoded)) => {
            failures.extend(laws::same_again(channel, &signed, &decoded));
            failures.extend(laws::round_trip(channel, &signed, &decoded));
            failures.extend(laws::privacy(channel, case, &decoded));
            failures.extend(laws::distinct(channel, &decoded));
        }
    }
    failures.extend(hostile::truncations(channel, &signed, effort));
    failures.extend(hostile::mutations(channel, &signed, effort));
    failures.extend(hostile::absurd(channel, &signed));
    failures.into_iter().map(|f| format!("{} / {}: {f}", channel.context.name, case.name)).collect()
}

fn decode(channel: &Channel, case: &Case) -> Result<Decoded, Rejected> {
    channel.adapter.decode(&case.request())
}

/// The event of a draft; chunks of an oversize raw request stand before it and are left out.
fn event(channel: &Channel, draft: &Draft) -> Option<Event> {
    let key = IndexKey::new(&[7; 32]);
    channel.context.events(draft.clone(), RECEIVED_AT, &key).pop()
}
