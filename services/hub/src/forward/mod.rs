//! `forward = "https://..."` of a webhook channel: once a request is in the log, the same bytes and headers go on to the system
//! that had the address before. It never delays or changes the answer to the provider.
//!
//! Memory is only the short way. Each channel has a durable cursor: everything of it up to there has gone on or was given
//! up. After a restart, or when more waits than memory takes, requests are made again from the log, one for each event, and
//! signed anew with the channel's own secret. So a crash can make a request go on twice (the last second or so), never
//! not at all. A request is tried for 30 s; what was given up is a dead letter `forward_failed`.
//!
//! A redelivery that brings nothing new does not go on again: the first one did.

mod cursor;
mod deliver;
mod from_log;
mod lane;

pub use lane::{Figures, Lane, Request};

use crate::{config::Config, hub::Hub, hub::Stored, outbound::Address, outbound::Outbound};
use bytes::Bytes;
use deliver::{Delivery, End};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::watch,
    task::{JoinHandle, JoinSet},
};

/// Requests of one channel under way at once: a slow bot must not hold back what came after.
const FLIGHTS_MAX: usize = 16;

/// How often the cursor is saved.
const SAVE_EVERY: Duration = Duration::from_secs(1);

/// All channels that forward.
#[derive(Default)]
pub struct Forwarding(BTreeMap<String, Arc<Lane>>);

impl Forwarding {
    /// Those of this configuration, which was checked.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let lanes = config.channels.iter().filter_map(|channel| {
            let target = Address::parse(channel.outward.forward.as_deref()?).ok()?;
            Some((channel.context.name.clone(), Arc::new(Lane::new(target))))
        });
        Self(lanes.collect())
    }

    /// A request is in the log; it goes on if its channel forwards and it brought anything new. Never waits.
    pub fn push(
        &self,
        channel: &str,
        stored: &Stored,
        query: &str,
        headers: &[(String, String)],
        body: &Bytes,
    ) {
        let (Some(lane), Some((first, last))) = (self.0.get(channel), stored.new) else { return };
        let (query, headers) = (query.to_owned(), headers.to_vec());
        lane.push(Request { first, last, query, headers, body: body.clone(), received: Instant::now() });
    }

    /// What became of a channel's requests since the start, if it forwards.
    #[must_use]
    pub fn figures(&self, channel: &str) -> Option<Figures> {
        self.0.get(channel).map(|lane| lane.figures())
    }
}

/// One task a channel that forwards. Before the hub listens: from where each goes on is settled when this returns, so that
/// what comes in later goes on as it came. Blocks.
///
/// # Errors
/// Where TLS cannot be set up.
pub fn spawn(hub: &Arc<Hub>, stopped: &watch::Receiver<bool>) -> Result<Vec<JoinHandle<()>>, rustls::Error> {
    let mut tasks = Vec::new();
    for (name, lane) in &hub.forwarding.0 {
        let work = Work {
            hub: Arc::clone(hub),
            name: name.clone(),
            lane: Arc::clone(lane),
            outbound: Outbound::new()?,
        };
        let cursor = cursor::Cursor::open(hub, name);
        lane.resume(cursor.sequence(), hub.log.end());
        tasks.push(tokio::spawn(run(work, cursor, stopped.clone())));
    }
    Ok(tasks)
}

/// What a channel's task works with.
#[derive(Clone)]
struct Work {
    hub: Arc<Hub>,
    name: String,
    lane: Arc<Lane>,
    outbound: Outbound,
}

async fn run(work: Work, mut cursor: cursor::Cursor, mut stopped: watch::Receiver<bool>) {
    let mut flights: JoinSet<(u64, End)> = JoinSet::new();
    let mut tick = tokio::time::interval(SAVE_EVERY);
    let mut reader = from_log::Reader::default();
    loop {
        while flights.len() < FLIGHTS_MAX {
            let next = match work.lane.next() {
                lane::Next::Request(request) => Some(request),
                lane::Next::Nothing => None,
                lane::Next::FromLog => {
                    tokio::task::block_in_place(|| reader.next(&work.hub, &work.name, &work.lane))
                }
            };
            let Some(request) = next else { break };
            flights.spawn(Delivery { work: work.clone(), request }.make());
        }
        tokio::select! {
            _ = stopped.wait_for(|s| *s) => break,
            () = work.lane.news(), if flights.len() < FLIGHTS_MAX => {}
            Some(ended) = flights.join_next(), if !flights.is_empty() => match ended {
                Ok((first, end)) => settle(&work, first, end),
                Err(error) => tracing::error!(channel.name = %work.name, error = %error, "a forwarding task ended"),
            },
            _ = tick.tick() => {
                let upto = work.lane.settled(work.hub.log.end());
                tokio::task::block_in_place(|| cursor.save(upto));
            }
        }
    }
    // What is under way goes on from the log at the next start.
    flights.abort_all();
    tokio::task::block_in_place(|| cursor.save(work.lane.finished()));
}

fn settle(work: &Work, first: u64, end: End) {
    work.lane.finish(first, end == End::Delivered);
    let result = if end == End::Delivered { "delivered" } else { "failed" };
    work.hub.metrics.forwarded(&work.name, result);
}
