//! The load: a process of its own, so that its threads do not run in the hub's runtime. One thread, many connections,
//! each with one request on its way at a time.

use super::{
    failed,
    http::Connection,
    report::percentile,
    stock::{Shape, Stock},
};
use crate::cli::{Exit, Failure};
use serde::{Deserialize, Serialize};
use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// Requests a second that stock is made for.
const REQUESTS_PER_S_MAX: u64 = 60_000;

/// What to send.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Load {
    pub address: SocketAddr,
    pub shape: Shape,
    pub connections: usize,
    pub millis: u64,
    /// Number of the first event.
    pub first: u64,
    /// Distinct people.
    pub users: u64,
}

impl Load {
    /// Requests that are made at most.
    pub fn requests(&self) -> usize {
        let per_s = REQUESTS_PER_S_MAX / if self.shape.events() > 1 { 20 } else { 1 };
        (self.millis * per_s / 1_000) as usize
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Outcome {
    /// Events acknowledged.
    pub events: u64,
    /// Requests answered with another status than 2xx.
    pub refused: u64,
    /// From the first request to the last answer.
    pub seconds: f64,
    /// Milliseconds from a request to its answer.
    pub p50_ms: f64,
    /// The same, of all but one in a hundred.
    pub p99_ms: f64,
    /// The same, at worst.
    pub max_ms: f64,
}

/// Runs this process's bench again as a load and waits for its outcome.
pub(super) fn in_child(load: &Load) -> Result<Outcome, Failure> {
    let program = std::env::current_exe().map_err(|e| failed("finding this program", e))?;
    let spec = serde_json::to_string(load).map_err(|e| failed("the load", e))?;
    let output = std::process::Command::new(program)
        .args(["bench", "--load", &spec])
        .stdin(std::process::Stdio::null())
        .output()
        .map_err(|e| failed("starting the load", e))?;
    if !output.status.success() {
        return Err(failed("the load", String::from_utf8_lossy(&output.stderr).trim()));
    }
    let outcome: Outcome = serde_json::from_slice(&output.stdout).map_err(|e| failed("the load", e))?;
    if outcome.refused > 0 {
        return Err(failed("the load", format!("{} requests were refused", outcome.refused)));
    }
    Ok(outcome)
}

/// The child's whole work.
pub(super) async fn run(spec: &str) -> Result<Exit, Failure> {
    let load: Load = serde_json::from_str(spec).map_err(|e| Failure::usage(format!("--load: {e}")))?;
    let outcome = super::blocking(move || send(load)).await?;
    println!("{}", serde_json::to_string(&outcome).map_err(|e| failed("the outcome", e))?);
    Ok(Exit::Ok)
}

fn send(load: Load) -> Result<Outcome, Failure> {
    let stock = Arc::new(Stock::make(load.shape, load.address, load.requests(), load.first, load.users)?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| failed("the load's thread", e))?;
    runtime.block_on(send_all(load, stock)).map_err(|e| failed("a connection", e))
}

async fn send_all(load: Load, stock: Arc<Stock>) -> io::Result<Outcome> {
    let mut connections = Vec::with_capacity(load.connections);
    for _ in 0..load.connections {
        connections.push(Connection::open(load.address).await?);
    }
    let next = Arc::new(AtomicUsize::new(0));
    let started = Instant::now();
    let deadline = started + Duration::from_millis(load.millis);
    let tasks: Vec<_> = connections
        .into_iter()
        .map(|connection| tokio::spawn(one(connection, Arc::clone(&stock), Arc::clone(&next), deadline)))
        .collect();
    let (mut times, mut refused) = (Vec::new(), 0);
    for task in tasks {
        let (its_times, its_refused) = task.await.map_err(io::Error::other)??;
        times.extend(its_times);
        refused += its_refused;
    }
    let seconds = started.elapsed().as_secs_f64();
    times.sort_unstable();
    let ms = |share| percentile(&times, share) / 1e3;
    Ok(Outcome {
        events: (times.len() as u64 - refused) * load.shape.events(),
        refused,
        seconds,
        p50_ms: ms(0.5),
        p99_ms: ms(0.99),
        max_ms: ms(1.0),
    })
}

async fn one(
    mut connection: Connection,
    stock: Arc<Stock>,
    next: Arc<AtomicUsize>,
    deadline: Instant,
) -> io::Result<(Vec<u32>, u64)> {
    let (mut times, mut refused) = (Vec::new(), 0);
    while let Some(request) = stock.get(next.fetch_add(1, Ordering::Relaxed)) {
        let sent = Instant::now();
        if sent >= deadline {
            break;
        }
        let answer = connection.exchange(request).await?;
        refused += u64::from(!(200..300).contains(&answer.status));
        times.push(sent.elapsed().as_micros() as u32);
    }
    Ok((times, refused))
}
