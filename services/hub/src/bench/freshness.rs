//! Freshness: one event a request at a fixed rate; the time from sending it until the views hold it. What is late because
//! the one before it was late counts from when it was due.

use super::{
    Amounts, failed,
    http::Connection,
    probes::Disk,
    report::{Figure, percentile},
    step,
    stock::{self, Shape, Stock},
};
use crate::{cli::Failure, hub::Hub, serve};
use std::{
    io,
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use tributary_core::ids::Cursor;

/// Events a second.
const RATE: u64 = 1_000;
/// Connections that take turns.
const CONNECTIONS: usize = 32;
/// Longest wait for the last event's view.
const LAST_MAX: Duration = Duration::from_secs(30);

/// One event: when it was sent, how long its answer took, where it stands.
struct Sent {
    at: Instant,
    answered: Duration,
    sequence: u64,
}

pub(super) async fn run(dir: &Path, amounts: Amounts, disk: &Disk) -> Result<Vec<Figure>, Failure> {
    step("freshness");
    let running = serve::start(stock::config(&dir.join("freshness"))?).await?;
    let measured = measure(&running.hub, running.api, amounts).await;
    running.stop().await;
    let (sent, seen, seconds) = measured?;
    let (mut fresh, mut acked) = (Vec::with_capacity(sent.len()), Vec::with_capacity(sent.len()));
    for event in &sent {
        let at = seen.partition_point(|(_, folded)| *folded < event.sequence);
        let Some((visible, _)) = seen.get(at) else {
            return Err(failed("freshness", "an event did not reach the views"));
        };
        fresh.push(visible.saturating_duration_since(event.at).as_micros() as u32);
        acked.push(event.answered.as_micros() as u32);
    }
    fresh.sort_unstable();
    acked.sort_unstable();
    let ms = |times: &[u32], share| percentile(times, share) / 1e3;
    let probe = disk.at(1);
    let figure = |what: &str, value, unit| Figure::new("freshness", what, value, unit);
    Ok(vec![
        figure("events, one a request", sent.len() as f64 / seconds, "events/s")
            .beside("asked for", RATE as f64),
        figure("request to answer, p50", ms(&acked, 0.5), "ms").beside("P1 at 1, p50", probe.p50_us / 1e3),
        figure("request to answer, p99", ms(&acked, 0.99), "ms").beside("P1 at 1, p99", probe.p99_us / 1e3),
        figure("request to view, p50", ms(&fresh, 0.5), "ms").beside("P1 at 1, p50", probe.p50_us / 1e3),
        figure("request to view, p99", ms(&fresh, 0.99), "ms").beside("P1 at 1, p99", probe.p99_us / 1e3),
        figure("request to view, slowest", ms(&fresh, 1.0), "ms"),
    ])
}

type Seen = Vec<(Instant, u64)>;

async fn measure(
    hub: &Arc<Hub>,
    api: SocketAddr,
    amounts: Amounts,
) -> Result<(Vec<Sent>, Seen, f64), Failure> {
    let count = amounts.freshness_ms * RATE / 1_000;
    let users = amounts.users;
    let stock =
        super::blocking(move || Stock::make(Shape::CloudEvent, api, count as usize, 0, users)).await?;
    let (done, ended) = tokio::sync::watch::channel(None);
    let watcher = Arc::clone(hub);
    let watching = std::thread::spawn(move || on_a_thread(follow(&watcher, ended)));
    let sending = super::blocking(move || {
        on_a_thread(send_all(api, Arc::new(stock)))?.map_err(|e| failed("a connection", e))
    });
    let sent = sending.await;
    // Also after a failure: the follower waits for it.
    let last = sent.as_ref().ok().and_then(|(sent, _)| sent.iter().map(|s| s.sequence).max());
    done.send_replace(Some(last.unwrap_or(0)));
    let seen = super::blocking(move || watching.join().map_err(|_| failed("the follower", "it panicked"))?);
    let seen = seen.await?;
    let (sent, seconds) = sent?;
    Ok((sent, seen, seconds))
}

fn on_a_thread<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Ok(runtime.map_err(|e| failed("a thread", e))?.block_on(work))
}

/// When the projection came how far, until it covers the sequence given in `end`.
async fn follow(hub: &Hub, mut end: tokio::sync::watch::Receiver<Option<u64>>) -> Seen {
    let mut folded = hub.projector().subscribe();
    let mut seen = vec![(Instant::now(), *folded.borrow_and_update())];
    loop {
        let last = *end.borrow_and_update();
        let now = seen.last().map_or(0, |(_, sequence)| *sequence);
        if last.is_some_and(|last| now >= last) {
            return seen;
        }
        tokio::select! {
            moved = folded.changed() => if moved.is_err() { return seen },
            _ = end.changed(), if last.is_none() => continue,
            () = tokio::time::sleep(LAST_MAX), if last.is_some() => return seen,
        }
        seen.push((Instant::now(), *folded.borrow_and_update()));
    }
}

async fn send_all(api: SocketAddr, stock: Arc<Stock>) -> io::Result<(Vec<Sent>, f64)> {
    let mut connections = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        connections.push(Connection::open(api).await?);
    }
    let begun = Instant::now();
    let tasks: Vec<_> = connections
        .into_iter()
        .enumerate()
        .map(|(turn, connection)| tokio::spawn(one(connection, turn, Arc::clone(&stock), begun)))
        .collect();
    let mut all = Vec::with_capacity(stock.len());
    for task in tasks {
        all.extend(task.await.map_err(io::Error::other)??);
    }
    Ok((all, begun.elapsed().as_secs_f64()))
}

async fn one(
    mut connection: Connection,
    turn: usize,
    stock: Arc<Stock>,
    begun: Instant,
) -> io::Result<Vec<Sent>> {
    let mut sent = Vec::new();
    let mut number = turn;
    while let Some(request) = stock.get(number) {
        let due = begun + Duration::from_micros(number as u64 * 1_000_000 / RATE);
        let late = Instant::now() > due;
        tokio::time::sleep_until(due.into()).await;
        // A timer that wakes late is the client's own fault, a connection still busy is the hub's.
        let at = if late { due } else { Instant::now() };
        let answer = connection.exchange(request).await?;
        let answered = at.elapsed();
        let sequence =
            sequence(answer.status, answer.body).ok_or_else(|| io::Error::other("an event was refused"))?;
        sent.push(Sent { at, answered, sequence });
        number += CONNECTIONS;
    }
    Ok(sent)
}

/// Where an accepted event stands.
fn sequence(status: u16, body: &[u8]) -> Option<u64> {
    let answer: serde_json::Value = serde_json::from_slice(body).ok().filter(|_| status == 202)?;
    let cursor: Cursor = answer.get("position")?.as_str()?.parse().ok()?;
    cursor.positions().first().map(|position| position.sequence)
}
