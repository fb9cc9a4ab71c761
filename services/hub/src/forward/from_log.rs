//! Requests made again from the log: the smallest request of each event, signed with the channel's own secret.

use super::{Lane, Request};
use crate::hub::Hub;
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};
use tributary_channels::{
    adapter::{InboundRequest, Method, Outbound},
    settings::Channel,
};
use tributary_core::{event::RecordedEvent, seal::Raw, time::Micros};
use tributary_eventlog::ReadLimits;
use tributary_projector::decode;

/// Records read at once.
const CHUNK: usize = 500;
/// Bytes read at once.
const CHUNK_BYTES: usize = 4 << 20;

/// Reads a channel's requests from the log, in order.
#[derive(Default)]
pub(super) struct Reader {
    ready: VecDeque<Request>,
}

impl Reader {
    /// The next one; `None` once the log was read to its end, or cannot be read for now.
    pub fn next(&mut self, hub: &Hub, name: &str, lane: &Lane) -> Option<Request> {
        loop {
            if let Some(request) = self.ready.pop_front() {
                return Some(request);
            }
            let (from, end) = (lane.read() + 1, hub.log.end());
            if from > end {
                // Who came between was pushed before the lane went on from memory, and is in the log.
                if lane.caught_up(hub.log.end()) {
                    return None;
                }
                continue;
            }
            let limits = ReadLimits { max_records: CHUNK, max_bytes: CHUNK_BYTES };
            let records = match hub.log.read(from.max(hub.log.start()), limits) {
                Ok(records) => records,
                Err(error) => {
                    tracing::error!(channel.name = %name, error = %error, "what is to be forwarded cannot be read");
                    return None;
                }
            };
            let last = records.last().map(|r| r.position.sequence)?;
            let of_channel = |r: &&tributary_eventlog::Record| r.attributes.get("channel") == Some(name);
            let events = records.iter().filter(of_channel).filter_map(|r| decode(r).ok().flatten());
            let channel = hub.channel(name)?;
            for event in events {
                if let Some(request) = request(hub, channel, &event)
                    && self.ready.back().is_none_or(|before| before.body != request.body)
                {
                    self.ready.push_back(request);
                }
            }
            let firsts: Vec<u64> = self.ready.iter().map(|r| r.first).collect();
            lane.has_read(last, &firsts);
        }
    }
}

/// The request that brought this event; `None` for what no request brought.
fn request(hub: &Hub, channel: &Channel, event: &RecordedEvent) -> Option<Request> {
    let raw = event.event.raw().ok().flatten()?;
    let signed = brought_by(hub, channel, event, raw)?;
    let sequence = event.position.sequence;
    let age = Duration::from_micros((hub.now().0 - event.recorded_at.0).max(0).unsigned_abs());
    let now = Instant::now();
    Some(Request {
        first: sequence,
        last: sequence,
        query: signed.query,
        headers: signed.headers,
        body: signed.body.into(),
        received: now.checked_sub(age).unwrap_or(now),
    })
}

/// The raw request, signed, if the channel's adapter takes it and makes this event of it. The hub's own records (profiles,
/// dead letters) do not pass.
fn brought_by(hub: &Hub, channel: &Channel, event: &RecordedEvent, raw: Raw) -> Option<Outbound> {
    let url = hub.config.hub.channel_url(&channel.context.name);
    let Raw { headers, body } = raw;
    let (query, at) = (String::new(), event.recorded_at);
    let mut signed = Outbound { headers, query, body, public_url: url.clone(), at };
    channel.adapter.sign(&mut signed);
    let request = InboundRequest {
        method: Method::Post,
        query: &signed.query,
        headers: &signed.headers,
        body: &signed.body,
        received_at: event.recorded_at,
        public_url: url.as_deref(),
    };
    channel.adapter.verify(&request).ok()?;
    let decoded = channel.adapter.decode(&request).ok()?;
    let made =
        hub.events(&channel.context, decoded.events, decoded.unrecognised, Micros(event.recorded_at.0));
    made.iter().any(|e| e.id == event.event.id).then_some(signed)
}
