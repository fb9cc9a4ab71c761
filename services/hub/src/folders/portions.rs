//! A file's events, made on a thread of their own while those before them are appended. What a file decodes to is many
//! times larger than the file, so only a few portions of it are there at a time.

use crate::{hub::Hub, ingress::kept_after_panic, problem::Problem};
use bytes::Bytes;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};
use tokio::sync::{mpsc, oneshot};
use tributary_channels::{
    adapter::{InboundRequest, Method},
    portions::{Portions, USUAL, Whole},
};
use tributary_core::{event::Event, time::Micros};

/// Portions that wait for the log, beside the one that is appended and the one that is made.
const WAITING: usize = 1;

/// A file whose authenticity is known.
#[derive(Clone, Debug)]
pub struct Input {
    /// The channel's name.
    pub channel: String,
    /// Lower-case names.
    pub headers: Vec<(String, String)>,
    /// Of the file, or of both its halves.
    pub body: Bytes,
    /// When it came.
    pub received_at: Micros,
}

impl Input {
    /// The file as its adapter sees it.
    #[must_use]
    pub fn request(&self) -> InboundRequest<'_> {
        InboundRequest {
            method: Method::Post,
            query: "",
            headers: &self.headers,
            body: &self.body,
            received_at: self.received_at,
            public_url: None,
        }
    }
}

/// Some of a file's events, ready to be appended.
#[derive(Debug)]
pub struct Portion {
    /// In order; pieces of a large request stand before their event.
    pub events: Vec<Event>,
    /// Rows or facts that were told up to here.
    pub done: u64,
}

/// A file's events, portion after portion.
#[derive(Debug)]
pub struct Stream {
    /// Rows or facts in all.
    pub total: u64,
    /// `None` says that all came.
    portions: mpsc::Receiver<Option<Portion>>,
}

impl Stream {
    /// The next portion; `None` after the last.
    ///
    /// # Errors
    /// 500 if the decoding thread broke off: an end that nobody told of is none.
    pub async fn next(&mut self) -> Result<Option<Portion>, Problem> {
        self.portions.recv().await.ok_or_else(broken)
    }
}

fn broken() -> Problem {
    Problem::new(500, "file_not_read", "the file could not be read to its end").remedy("see the hub's log")
}

/// Begins to decode a file. Dropping the stream ends that.
///
/// # Errors
/// The adapter's refusal of the whole file, before any of it was made.
pub async fn open(hub: &Arc<Hub>, input: &Arc<Input>) -> Result<Stream, Problem> {
    let (opened, answer) = oneshot::channel();
    let (sender, portions) = mpsc::channel(WAITING);
    let (hub, input) = (Arc::clone(hub), Arc::clone(input));
    tokio::task::spawn_blocking(move || make(&hub, &input, opened, &sender));
    let total = answer.await.map_err(|_| broken())??;
    Ok(Stream { total, portions })
}

fn make(
    hub: &Hub,
    input: &Input,
    opened: oneshot::Sender<Result<u64, Problem>>,
    sender: &mpsc::Sender<Option<Portion>>,
) {
    let Some(channel) = hub.channel(&input.channel) else { return };
    let request = input.request();
    let kept = || kept_after_panic(channel, &request);
    let begun = catch_unwind(AssertUnwindSafe(|| channel.adapter.portions(&request, USUAL)));
    let mut portions: Box<dyn Portions> = match begun {
        Ok(Ok(portions)) => portions,
        Ok(Err(rejected)) => return drop(opened.send(Err(rejected.into()))),
        Err(_) => Box::new(Whole::new(kept())),
    };
    if opened.send(Ok(portions.progress().1)).is_err() {
        return;
    }
    let mut is_last = false;
    while !is_last {
        let next = catch_unwind(AssertUnwindSafe(|| portions.next()));
        is_last = next.is_err();
        let Some(decoded) = next.unwrap_or_else(|_| Some(kept())) else { break };
        let events = hub.events(&channel.context, decoded.events, decoded.unrecognised, input.received_at);
        let portion = Portion { events, done: portions.progress().0 };
        if sender.blocking_send(Some(portion)).is_err() {
            return;
        }
    }
    // Nobody hears it where the stream was dropped.
    let _ = sender.blocking_send(None);
}
