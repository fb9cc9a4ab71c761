//! Posting the story to the running hub, over HTTP like its sources would.

use super::story::Payload;
use crate::{
    cli::{Exit, Failure},
    client::Client,
    config::Config,
};
use hyper::{Method, StatusCode};
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::task::JoinSet;
use tributary_channels::adapter::Outbound;

/// Connections at once: enough that many payloads share one write of the log, few enough to stay near the story's order.
const CONNECTIONS: usize = 32;
/// Tries of one payload while the log takes none.
const TRIES: u32 = 20;
/// Pause before the next try.
const PAUSE: Duration = Duration::from_millis(100);

/// What was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Payloads, counted as rows.
    pub payloads: u64,
    /// Requests that the hub refused, as it should.
    pub refused: u64,
}

struct Work {
    payloads: Vec<Payload>,
    config: Config,
    next: AtomicUsize,
    sent: AtomicU64,
    refused: AtomicU64,
    bar: ProgressBar,
}

/// Posts all payloads, signed with the configuration's secrets.
///
/// # Errors
/// [`Failure`] if the hub takes what it must refuse, or refuses what it must take.
pub async fn post(payloads: Vec<Payload>, config: Config, ingress: SocketAddr) -> Result<Sent, Failure> {
    let rows: u64 = payloads.iter().map(|payload| u64::from(payload.rows)).sum();
    let work = Arc::new(Work {
        payloads,
        config,
        next: AtomicUsize::new(0),
        sent: AtomicU64::new(0),
        refused: AtomicU64::new(0),
        bar: bar(rows),
    });
    let mut workers = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let client = Client::new(&format!("http://{ingress}"), None)?;
        workers.spawn(worker(Arc::clone(&work), client));
    }
    while let Some(ended) = workers.join_next().await {
        // Dropping the set on the way out ends the others.
        ended.map_err(|error| Failure::new(Exit::CheckFailed, format!("a sender ended: {error}")))??;
    }
    work.bar.finish_and_clear();
    Ok(Sent { payloads: work.sent.load(Ordering::Relaxed), refused: work.refused.load(Ordering::Relaxed) })
}

/// It draws on standard error, and only where that is a terminal.
fn bar(rows: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("  {bar:40} {human_pos}/{human_len} payloads  {per_sec}  {eta}");
    ProgressBar::new(rows).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

async fn worker(work: Arc<Work>, client: Client) -> Result<(), Failure> {
    while let Some(payload) = work.payloads.get(work.next.fetch_add(1, Ordering::Relaxed)) {
        one(&work, &client, payload).await?;
        work.sent.fetch_add(u64::from(payload.rows), Ordering::Relaxed);
        work.bar.inc(u64::from(payload.rows));
    }
    Ok(())
}

async fn one(work: &Work, client: &Client, payload: &Payload) -> Result<(), Failure> {
    let unknown = || Failure::new(Exit::CheckFailed, format!("no channel {}", payload.channel));
    let channel = work.config.channel(payload.channel).ok_or_else(unknown)?;
    let headers = vec![("content-type".to_owned(), payload.content_type.clone())];
    let mut request = Outbound { headers, body: payload.body.clone(), ..Outbound::default() };
    channel.adapter.sign(&mut request);
    if payload.forged {
        request.body.push(b' ');
    }
    let path = format!("/in/{}", payload.channel);
    let mut status = StatusCode::SERVICE_UNAVAILABLE;
    for _ in 0..TRIES {
        let answer = client.send(Method::POST, &path, &request.headers, request.body.clone().into()).await?;
        status = answer.status;
        if status != StatusCode::SERVICE_UNAVAILABLE {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    let taken = status.is_success() || status.is_redirection();
    if payload.forged && status == StatusCode::UNAUTHORIZED {
        work.refused.fetch_add(1, Ordering::Relaxed);
        return Ok(());
    }
    if taken && !payload.forged {
        return Ok(());
    }
    let what = if payload.forged { "a forged" } else { "a" };
    Err(Failure::new(
        Exit::CheckFailed,
        format!("channel {} answered {status} to {what} payload", payload.channel),
    ))
}
