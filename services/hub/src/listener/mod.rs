//! The sockets that the hub listens on. Whoever is slow or greedy costs little: heads are small and in time, connections are
//! counted, and where there are too many, those that wait longest give way to those that come.
//!
//! How long a body may take, and what all bodies together may hold, is said in [`crate::bodies`].

mod table;
mod watched;

use crate::{hub::Hub, metrics::Metrics};
use axum::{Router, extract::ConnectInfo};
use hyper::{Request, body::Incoming, server::conn::http1, service::Service as _, service::service_fn};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use std::{
    io,
    net::SocketAddr,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use table::{Closed, Connection, Phase, Table};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::timeout,
};
use watched::{Received, Socket};

/// Bytes of a request's head: providers send about 2 KiB, browsers with cookies up to 16 KiB.
const HEAD_MAX: usize = 32 * 1024;
/// Headers of a request, which is what most servers take.
const HEADERS_MAX: usize = 100;
/// What is read ahead of a connection at most: a head must fit.
const BUFFER_MAX: usize = HEAD_MAX;
/// How often connections are looked over.
const SWEEP: Duration = Duration::from_secs(1);
/// After the system could not give a connection: until others have ended.
const REST: Duration = Duration::from_millis(50);
/// Refused connections that are told so at the same time; the others are closed without a word.
const REFUSALS_MAX: usize = 64;
/// How long a refused client may take to read that.
const REFUSAL_TIME: Duration = Duration::from_secs(1);
/// Between two warnings of a crowd.
const WARN_EVERY: Duration = Duration::from_secs(60);

const REFUSAL: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\n\
                       retry-after: 1\r\nconnection: close\r\ncontent-length: ";
const REFUSAL_BODY: &str = "{\"type\":\"urn:tributary:problem:too_many_connections\",\"title\":\"Service \
    Unavailable\",\"status\":503,\"code\":\"too_many_connections\",\"detail\":\"too many connections are \
    open\",\"remedy\":\"send it again; whoever runs the hub may raise [hub] max_connections\"}";

/// One listening socket.
pub struct Listener {
    /// Its name as metrics have it: `in` or `api`.
    pub name: &'static str,
    /// The socket.
    pub socket: TcpListener,
    /// What is served.
    pub router: Router,
    /// Connections that are open at the same time, at most.
    pub connections_max: usize,
}

/// What the tasks of one listener share.
struct Shared {
    name: &'static str,
    router: Router,
    table: Mutex<Table>,
}

impl Shared {
    fn with<R>(&self, look: impl FnOnce(&mut Table) -> R) -> R {
        look(&mut self.table.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Serves until `stopped`; then answers what is open and ends. Dropping the task drops all of its connections.
pub async fn serve(listener: Listener, hub: Arc<Hub>, mut stopped: watch::Receiver<bool>) {
    let Listener { name, socket, router, connections_max } = listener;
    let shared = Arc::new(Shared { name, router, table: Mutex::new(Table::new(connections_max)) });
    let (tasks, refusals) = (JoinSet::new(), JoinSet::new());
    let mut door =
        Door { shared: Arc::clone(&shared), hub, stopped: stopped.clone(), tasks, refusals, warned: None };
    let mut sweep = tokio::time::interval(SWEEP);
    loop {
        tokio::select! {
            () = told(&mut stopped) => break,
            Some(_) = door.tasks.join_next() => {}
            Some(_) = door.refusals.join_next() => {}
            _ = sweep.tick() => look_over(&shared, &door.hub.metrics),
            accepted = socket.accept() => match accepted {
                Ok((stream, peer)) => door.take(stream, peer),
                Err(error) if is_the_clients(&error) => {}
                Err(error) => {
                    // Out of descriptors or memory: whoever waits longest gives some back.
                    let made_room = shared.with(|table| table.make_room(Instant::now()));
                    tracing::error!(hub.listener = name, error = %error, made_room, "cannot take a connection");
                    tokio::time::sleep(REST).await;
                }
            },
        }
    }
    drop(socket);
    while door.tasks.join_next().await.is_some() {}
}

/// Ends when the hub stops.
async fn told(stopped: &mut watch::Receiver<bool>) {
    // Without a sender nobody wants the hub any more.
    let _ = stopped.wait_for(|s| *s).await;
}

/// Where connections come in.
struct Door {
    shared: Arc<Shared>,
    hub: Arc<Hub>,
    stopped: watch::Receiver<bool>,
    tasks: JoinSet<()>,
    refusals: JoinSet<()>,
    warned: Option<Instant>,
}

impl Door {
    fn take(&mut self, stream: TcpStream, peer: SocketAddr) {
        // Answers are small: waiting to fill a packet would only make them late.
        let _ = stream.set_nodelay(true);
        let (admitted, crowded) = self.shared.with(|table| table.admit(peer.ip(), Instant::now()));
        if crowded {
            self.hub.metrics.connection_closed(self.shared.name, Closed::Crowded.as_str());
        }
        if let Some((id, connection)) = admitted {
            let (shared, stopped) = (Arc::clone(&self.shared), self.stopped.clone());
            self.tasks.spawn(one(shared, id, connection, stream, peer, stopped));
            return;
        }
        self.hub.metrics.connection_closed(self.shared.name, Closed::Refused.as_str());
        if self.warned.is_none_or(|at| at.elapsed() >= WARN_EVERY) {
            self.warned = Some(Instant::now());
            tracing::warn!(hub.listener = self.shared.name, "too many connections; new ones are refused");
        }
        if self.refusals.len() < REFUSALS_MAX {
            self.refusals.spawn(refuse(stream));
        }
    }
}

fn look_over(shared: &Shared, metrics: &Metrics) {
    let (closed, open) = shared.with(|table| (table.sweep(Instant::now()), table.len()));
    for why in closed {
        metrics.connection_closed(shared.name, why.as_str());
    }
    metrics.connections_open(shared.name, open);
}

/// Serves one connection to its end.
async fn one(
    shared: Arc<Shared>,
    id: u64,
    connection: Arc<Connection>,
    stream: TcpStream,
    peer: SocketAddr,
    mut stopped: watch::Receiver<bool>,
) {
    let router = TowerToHyperService::new(shared.router.clone());
    let state = Arc::clone(&connection);
    let service = service_fn(move |request: Request<Incoming>| {
        state.begin(Phase::Work);
        let mut request = request.map(|body| Received { body, connection: Arc::clone(&state) });
        request.extensions_mut().insert(ConnectInfo(peer));
        let (answer, state) = (router.call(request), Arc::clone(&state));
        async move {
            let answer = answer.await;
            state.begin(Phase::Idle);
            answer
        }
    });
    let mut http = http1::Builder::new();
    http.max_headers(HEADERS_MAX).max_header_size(HEAD_MAX).max_buf_size(BUFFER_MAX);
    // The table keeps the time of heads: one clock for everything that a client may be slow with.
    http.header_read_timeout(None);
    let socket = TokioIo::new(Socket { stream, connection: Arc::clone(&connection) });
    {
        let mut served = pin!(http.serve_connection(socket, service));
        let mut stopping = false;
        loop {
            tokio::select! {
                // What goes wrong with one connection is its client's to see.
                _ = served.as_mut() => break,
                () = connection.closed() => break,
                () = told(&mut stopped), if !stopping => {
                    stopping = true;
                    served.as_mut().graceful_shutdown();
                }
            }
        }
    }
    shared.with(|table| table.remove(id));
}

/// Tells a client that there is no room; what it has sent is read, or closing would take the answer back.
async fn refuse(mut stream: TcpStream) {
    let talk = async {
        let answer = format!("{REFUSAL}{}\r\n\r\n{REFUSAL_BODY}", REFUSAL_BODY.len());
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await?;
        let mut rest = [0; 4096];
        while stream.read(&mut rest).await? > 0 {}
        Ok::<(), io::Error>(())
    };
    // It was refused either way.
    let _ = timeout(REFUSAL_TIME, talk).await;
}

/// Errors of a connection that ended before it was taken.
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
