//! What an adapter costs: a signed request as its provider sends it, to events that can be appended. Signature, decoding,
//! normalisation, tokens and cells, by processor time of one thread; beside what reading the same bytes costs by itself.

mod payloads;

use super::{failed, machine::ThreadTime, report::Figure, step};
use crate::cli::Failure;
use payloads::Case;
use sha2::{Digest as _, Sha256};
use std::hint::black_box;
use tributary_channels::{
    adapter::{InboundRequest, Method, Outbound},
    settings::{self, Channel, Settings},
};
use tributary_core::{time::Micros, token::IndexKey};

/// Different requests of a kind; they are sent again and again.
const DISTINCT: u64 = 1_000;
/// When they are received: 2026-03-01T02:12:00Z.
const RECEIVED: Micros = Micros(1_772_331_120_000_000);

/// Figures of so many requests of each kind.
pub(super) fn run(requests: u64) -> Result<Vec<Figure>, Failure> {
    let mut figures = Vec::new();
    for case in payloads::all() {
        step(case.what);
        figures.extend(measure(&case, requests.max(DISTINCT))?);
    }
    Ok(figures)
}

fn measure(case: &Case, requests: u64) -> Result<[Figure; 4], Failure> {
    let channel = channel(case)?;
    let sent: Vec<Outbound> = (0..DISTINCT).map(|n| signed(case, &channel, n)).collect();
    let bytes: usize = sent.iter().map(|request| request.body.len()).sum();
    let key = IndexKey::new(&[7; 32]);
    let rounds = requests.div_ceil(DISTINCT);
    // Once without the clock: what is wrong must not be measured, and what is first is slower.
    let events = round(&channel, &sent, &key)?;
    if events != DISTINCT * case.events {
        return Err(failed(case.what, format!("{events} events, not {}", DISTINCT * case.events)));
    }
    let clock = ThreadTime::start();
    for _ in 0..rounds {
        black_box(round(&channel, &sent, &key)?);
    }
    let per_s = rate(rounds * events, &clock);
    let clock = ThreadTime::start();
    for request in (0..rounds).flat_map(|_| &sent) {
        black_box((case.read)(&request.body));
    }
    let reading = rate(rounds * events, &clock);
    let clock = ThreadTime::start();
    for request in (0..rounds).flat_map(|_| &sent) {
        black_box(Sha256::digest(&request.body));
    }
    let hashing = rate(rounds * events, &clock);
    let figure =
        |what: &str, value, unit| Figure::new("channels", format!("{}{what}", case.what), value, unit);
    Ok([
        figure(": request to events, a core", per_s, "events/s").beside(case.read_by, reading),
        figure(": request to events, processor time", 1e9 / per_s, "ns/event")
            .beside(case.read_by, 1e9 / reading),
        figure(": SHA-256 of the same bytes", hashing, "events/s"),
        figure(": a request", bytes as f64 / DISTINCT as f64, "bytes"),
    ])
}

fn rate(events: u64, clock: &ThreadTime) -> f64 {
    events as f64 / (clock.nanos().max(1) as f64 / 1e9)
}

fn channel(case: &Case) -> Result<Channel, Failure> {
    let table = case.settings.as_object().cloned().unwrap_or_default();
    let settings = Settings::new("bench", table, "Asia/Taipei", "TW");
    settings::build(settings).map_err(|e| failed(case.what, e))
}

fn signed(case: &Case, channel: &Channel, n: u64) -> Outbound {
    let mut request = Outbound {
        headers: payloads::headers(case.content_type),
        query: String::new(),
        body: (case.body)(n),
        public_url: Some("https://hooks.example.com/in/bench".to_owned()),
        at: RECEIVED,
    };
    channel.adapter.sign(&mut request);
    request
}

/// Every request to its events; how many events.
fn round(channel: &Channel, sent: &[Outbound], key: &IndexKey) -> Result<u64, Failure> {
    let mut count = 0;
    for request in sent {
        let inbound = InboundRequest {
            method: Method::Post,
            query: &request.query,
            headers: &request.headers,
            body: &request.body,
            received_at: RECEIVED,
            public_url: request.public_url.as_deref(),
        };
        let adapter = &channel.adapter;
        let refused = |e| failed("a request was refused", e);
        adapter.verify(&inbound).map_err(refused)?;
        let decoded = adapter.decode(&inbound).map_err(refused)?;
        if let Some(rest) = decoded.unrecognised.first() {
            return Err(failed(rest.reason, &rest.detail));
        }
        for draft in decoded.events {
            count += 1;
            black_box(channel.context.events(draft, RECEIVED, key));
        }
    }
    Ok(count)
}
