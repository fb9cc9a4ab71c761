//! `serve`: the hub itself. Opens the data folder in order (lock, owner, key, log, views), then listens; stops the other
//! way round, so that nothing answered is lost and the next start is quick.

use crate::{
    carry,
    cli::{Exit, Failure},
    config::{Config, folder},
    hub::{Hub, Logs, cursor, record},
    ingress, keys,
    listener::{self, Listener},
    lock::Lock,
    node::{self, Role},
    query,
};
use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use tributary_core::{identity::policy::Policy, token::IndexKey};
use tributary_eventlog::{Clock, EventLog, Options as LogOptions, Origin, SegmentLog, SystemClock};
use tributary_projector::{Options as ProjectorOptions, Projector, StartError};

/// How long open requests may take after the hub was told to stop; log and views are then closed within seconds, so that
/// the whole stop keeps to the ten seconds that supervisors commonly give.
const DRAIN: Duration = Duration::from_secs(7);
/// How long a start waits until this node's log was compared with what the broker holds of it.
const COMPARE: Duration = Duration::from_secs(20);
/// How often a sealed log is opened again, and figures are taken.
const WATCH: Duration = Duration::from_secs(1);
/// Descriptors for the log, the views and what goes out: two listeners share the others.
const OWN_FILES: usize = 256;
/// How far the projector's thread steps back behind those that answer providers.
const PROJECTOR_NICENESS: i32 = 5;

/// A running hub.
pub struct Running {
    /// Where `/in/*` is served.
    pub ingress: SocketAddr,
    /// Where everything else is served.
    pub api: SocketAddr,
    /// Its parts.
    pub hub: Arc<Hub>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    finder: Option<std::thread::JoinHandle<()>>,
    _lock: Lock,
}

/// Runs the hub until it is told to stop (SIGTERM or Ctrl-C).
///
/// # Errors
/// [`Failure`] if it cannot start.
pub async fn run(config: Config) -> Result<Exit, Failure> {
    log_to_stderr();
    let mut stop = Signals::new()?;
    let running = start(config).await?;
    tracing::info!(hub.listen = %running.ingress, hub.api_listen = %running.api, "serving");
    stop.wait().await;
    tracing::info!("stopping: open requests are answered, the log and the views are made durable");
    running.stop().await;
    Ok(Exit::Ok)
}

/// Structured lines to the standard error; `RUST_LOG` says how much.
pub fn log_to_stderr() {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    // A second call (a test, a demo) keeps the first.
    let ansi = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(ansi)
        .with_writer(std::io::stderr)
        .try_init();
}

/// The signals that end a hub.
pub struct Signals {
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    /// Takes the signals over.
    ///
    /// # Errors
    /// [`Failure`] if the system refuses.
    pub fn new() -> Result<Self, Failure> {
        let kind = tokio::signal::unix::SignalKind::terminate();
        let terminate = tokio::signal::unix::signal(kind)
            .map_err(|e| Failure::new(Exit::CheckFailed, format!("cannot listen for signals: {e}")))?;
        Ok(Self { terminate })
    }

    /// Waits for SIGTERM or Ctrl-C.
    pub async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    }
}

/// Starts the hub of this configuration.
///
/// # Errors
/// [`Failure`] with the remedy: another process holds the folder, it is another hub's, an address is taken, log and store
/// do not belong together.
pub async fn start(config: Config) -> Result<Running, Failure> {
    let (listener, api_listener) = (bind(config.hub.listen).await?, bind(config.hub.api_listen).await?);
    let address =
        |l: &TcpListener| l.local_addr().map_err(|e| Failure::new(Exit::CheckFailed, e.to_string()));
    let (ingress_address, api_address) = (address(&listener)?, address(&api_listener)?);
    carry::brokers::adopt(&config).await?;
    let opened = tokio::task::spawn_blocking(move || open(config)).await;
    let (hub, lock) =
        opened.map_err(|e| Failure::new(Exit::CheckFailed, format!("start panicked: {e}")))??;
    let (stop, stopped) = watch::channel(false);
    let mut pipes = Vec::new();
    if let Some(node) = &hub.node {
        node::check(node).await?;
        pipes = node::spawn(node, &stopped);
        node.compared(COMPARE).await?;
    } else if let Some(weaver) = &hub.weaver {
        pipes.push(node::alone(weaver, &hub.log, &stopped));
    }
    if hub.node.is_none() {
        state_policy(&hub).await?;
    }
    let no_tls = |e| Failure::new(Exit::CheckFailed, format!("cannot set up TLS: {e}"));
    let takes = hub.config.role.takes();
    let mut tasks = if takes { crate::forward::spawn(&hub, &stopped).map_err(no_tls)? } else { Vec::new() };
    if let Some(node) = &hub.node {
        if let Some(outputs) = node.outputs() {
            let (node, outputs) = (Arc::clone(node), Arc::clone(outputs));
            tasks.push(tokio::spawn(crate::outputs::run(Arc::clone(&hub), node, outputs, stopped.clone())));
        }
        tasks.push(tokio::spawn(follow_policy(Arc::clone(&hub), stopped.clone())));
    }
    tasks.extend(pipes);
    let connections_max = connections_max(hub.config.hub.max_connections);
    let listen = |name, socket, router| {
        let listener = Listener { name, socket, router, connections_max };
        tokio::spawn(listener::serve(listener, Arc::clone(&hub), stopped.clone()))
    };
    tasks.push(listen("in", listener, ingress::router(Arc::clone(&hub))));
    tasks.push(listen("api", api_listener, query::router(Arc::clone(&hub))));
    tasks.push(tokio::spawn(watch_log(Arc::clone(&hub), stopped.clone())));
    tasks.push(tokio::spawn(watch_freshness(Arc::clone(&hub), stopped.clone())));
    tasks.push(tokio::spawn(crate::alarm::watch(Arc::clone(&hub), stopped.clone())));
    if takes {
        tasks.extend(crate::folders::watch(&hub, &stopped));
        tasks.extend(crate::profiles::spawn(&hub, &stopped).map_err(no_tls)?);
        tasks.extend(crate::pull::start(&hub, &stopped));
        tasks.extend(crate::silence::watch(&hub, &stopped));
    }
    let finder = crate::suggest::spawn(&hub, stopped)
        .map_err(|e| Failure::new(Exit::CheckFailed, format!("cannot start a thread: {e}")))?;
    Ok(Running { ingress: ingress_address, api: api_address, hub, stop, tasks, finder, _lock: lock })
}

impl Running {
    /// Answers open requests, makes log and views durable, and gives the folder free.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        // One deadline for all, so that idle connections cannot add up to more than a supervisor waits.
        let deadline = tokio::time::Instant::now() + DRAIN;
        for task in self.tasks {
            let abort = task.abort_handle();
            if tokio::time::timeout_at(deadline, task).await.is_err() {
                abort.abort();
            }
        }
        let (hub, finder) = (self.hub, self.finder);
        let closed = tokio::task::spawn_blocking(move || {
            if finder.is_some_and(|finder| finder.join().is_err()) {
                tracing::error!("the finder's thread panicked");
            }
            hub.log.close();
            if let Some(node) = &hub.node {
                node.close();
            }
            hub.projector().stop();
        });
        if closed.await.is_err() {
            tracing::error!("stopping panicked; the log is durable, the next start reads more of it");
        }
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure::new(Exit::CheckFailed, format!("cannot listen on {address}: {error}"))
            .remedy("choose another [hub] listen or api_listen, or stop what uses this address")
    })
}

/// As many connections as wanted, and as the system has descriptors for beside the hub's own files.
fn connections_max(wanted: usize) -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let files = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let Some(files) = files.map(|files| usize::try_from(files).unwrap_or(usize::MAX)) else { return wanted };
    let most = connections_within(files);
    if most < wanted {
        tracing::warn!(
            connections_max = most,
            "the limit of open files allows fewer connections than [hub] max_connections"
        );
    }
    wanted.min(most)
}

/// Connections that each listener may have with so many descriptors.
pub(crate) fn connections_within(files: usize) -> usize {
    (files.saturating_sub(OWN_FILES) / 2).max(1)
}

fn coded(exit: Exit, code: &str, message: impl std::fmt::Display, remedy: impl Into<String>) -> Failure {
    Failure::new(exit, format!("{code}: {message}")).remedy(remedy)
}

/// Opens a data folder in order: lock, owner, key, log, views. Blocks.
///
/// # Errors
/// [`Failure`] with the remedy.
pub(crate) fn open(config: Config) -> Result<(Arc<Hub>, Lock), Failure> {
    let dir = config.hub.data_dir.clone();
    let lock = Lock::acquire(&dir).map_err(|e| coded(Exit::CheckFailed, e.code(), &e, e.remedy()))?;
    carry::refuse_unfinished(&dir)?;
    let folder_problem = |e: folder::FolderError| coded(Exit::CheckFailed, e.code(), &e, e.remedy());
    let owner = folder::owner(&dir).map_err(folder_problem)?;
    let key = keys::index_key(&dir, owner.is_none())
        .map_err(|e| coded(Exit::CheckFailed, e.code(), &e, e.remedy()))?;
    let owner = folder::claim(&dir, &config.hub.name, random_u32()).map_err(folder_problem)?;
    let log = open_log(&config, &dir, Origin(owner.origin), &key)?;
    // A node without views has a folder of its own for them, so that those of another time stay as they are.
    let views = if config.role.folds() { "views" } else { "no-views" };
    let mut options = ProjectorOptions::new(dir.join(views), Policy::default());
    options.policy = config.identity.as_ref().map(|written| written.policy(&key, &config.hub.time_zone));
    options.default_policy = crate::policy::default_in(&config.hub.time_zone);
    options.cache_bytes = config.store.cache_bytes;
    options.checkpoint = config.store.checkpoint;
    options.on_start = Some(step_back);
    let logs = match &config.log.broker {
        None if config.role != Role::All => return Err(alone(config.role)),
        None => match node::left((&dir, Arc::new(random_u64), &key), &log)? {
            None => Logs::alone(log),
            Some(weaver) => Logs { own: log, order: weaver.order(), weaver: Some(weaver), node: None },
        },
        Some(broker) => {
            let node = Arc::new(node::open(&config, broker, (&dir, Arc::new(random_u64), &key), &log)?);
            Logs { own: log, order: node.order(), weaver: node.weaver(), node: Some(node) }
        }
    };
    let projector = Projector::start(options, Arc::clone(&logs.order)).map_err(start_problem)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    Ok((Arc::new(Hub::new(config, logs, Arc::new(projector), key, clock)), lock))
}

/// What a node does differs from others' only where there are others.
fn alone(role: Role) -> Failure {
    let problem =
        format!("--role {}: this hub has no broker, so this node has to do everything", role.name());
    Failure::new(Exit::Usage, problem)
        .remedy("leave out --role, or set [log] engine to \"nats\" or \"kafka\"")
}

fn start_problem(error: StartError) -> Failure {
    let remedy = error.remedy();
    coded(Exit::CheckFailed, error.code(), error, remedy)
}

/// Opens the log of a data folder.
pub(crate) fn open_log(
    config: &Config,
    dir: &Path,
    origin: Origin,
    key: &IndexKey,
) -> Result<Arc<dyn EventLog>, Failure> {
    let mut options = LogOptions::new(dir.join("log"), Some(origin), Arc::new(random_u64));
    options.segment_bytes = config.log.segment_bytes;
    options.accept_future = config.log.accept_future;
    options.whole = true;
    options.opened = Some(node::opened(origin, key));
    let log = SegmentLog::open(options)
        .map_err(|e| coded(Exit::CheckFailed, e.code(), &e, e.remedy().to_owned()))?;
    Ok(Arc::new(log))
}

/// The projector gives way to those that answer providers; it catches up when they are quiet.
pub(crate) fn step_back() {
    let thread = rustix::thread::gettid();
    if let Err(error) = rustix::process::setpriority_process(Some(thread), PROJECTOR_NICENESS) {
        tracing::warn!(error = %error, "the projector's priority stays as it is");
    }
}

pub(crate) fn random_u64() -> u64 {
    let mut bytes = [0; 8];
    if getrandom::fill(&mut bytes).is_err() {
        // Salts only have to differ from segment to segment.
        return SystemClock.now_micros().unsigned_abs();
    }
    u64::from_be_bytes(bytes)
}

pub(crate) fn random_u32() -> u32 {
    (random_u64() >> 32) as u32
}

/// The policy is an event: appended when it is another than the last one in the log.
async fn state_policy(hub: &Arc<Hub>) -> Result<(), Failure> {
    let policy = tokio::task::block_in_place(|| crate::policy::in_force(hub));
    let stated = tokio::task::block_in_place(|| crate::policy::stated_at_start(hub));
    if stated.as_ref().is_some_and(|stated| stated.policy == policy.to_json()) {
        return Ok(());
    }
    let is_default = hub.config.identity.is_none() && !policy.applied;
    let known = stated.as_ref().and_then(|stated| Policy::from_json(&stated.policy).ok());
    let applied = known.filter(|known| known.applied);
    if let (None, Some(applied)) = (&hub.config.identity, applied) {
        // It was accepted, and the hub stopped before everything was folded under it.
        tracing::warn!(
            "the policy that was applied last is not in force yet; everything is folded again under it"
        );
        let adopted = tokio::task::block_in_place(|| hub.projector().adopt(applied));
        return adopted.map(|_| ()).map_err(|e| Failure::new(Exit::CheckFailed, e.to_string()));
    }
    let event = match is_default {
        true => crate::policy::default_event(hub, &policy, stated.as_ref()),
        false => crate::policy::event(hub, &policy, "", ""),
    };
    let appended = hub.append(event.iter().map(record).collect()).await;
    appended.map(|_| ()).map_err(|problem| {
        let remedy = "check that the data folder is writable and has room";
        coded(Exit::CheckFailed, problem.code, problem.detail, remedy)
    })
}

/// On a node of several the others may have stated a policy: it is read before this node states its own, then followed.
async fn follow_policy(hub: Arc<Hub>, mut stopped: watch::Receiver<bool>) {
    if !hub.config.role.folds() {
        return;
    }
    let known = async {
        let Some(node) = &hub.node else { return };
        node.until_compared().await;
        let (end, mut folded) = (cursor(node.ends()), hub.projector().subscribe());
        let covers = |number: &u64| hub.reach(*number).is_ok_and(|reach| reach.covers(&end));
        // The projector stops with the hub.
        let _ = folded.wait_for(covers).await;
    };
    tokio::select! {
        _ = stopped.wait_for(|stopped| *stopped) => return,
        () = known => {}
    }
    if let Err(failure) = state_policy(&hub).await {
        tracing::warn!("the policy is not stated: {}", failure.message);
    }
    crate::policy::follow(hub, stopped).await;
}

/// Opens the log again after a failed write; until then appends are answered 503.
async fn watch_log(hub: Arc<Hub>, mut stopped: watch::Receiver<bool>) {
    let mut tick = tokio::time::interval(WATCH);
    loop {
        tokio::select! {
            _ = stopped.wait_for(|s| *s) => return,
            _ = tick.tick() => {}
        }
        if !hub.log.is_sealed() {
            continue;
        }
        let log = Arc::clone(&hub.log);
        match tokio::task::spawn_blocking(move || log.reopen()).await {
            Ok(Ok(())) => tracing::warn!("the log was sealed by a failed write; it is open again"),
            Ok(Err(error)) => tracing::error!(error = %error, "the log stays sealed"),
            Err(error) => tracing::error!(error = %error, "opening the log panicked"),
        }
    }
}

/// Time from a record to its change, taken whenever the projection moves.
async fn watch_freshness(hub: Arc<Hub>, mut stopped: watch::Receiver<bool>) {
    let mut folded = hub.projector().subscribe();
    loop {
        tokio::select! {
            _ = stopped.wait_for(|s| *s) => return,
            moved = folded.changed() => if moved.is_err() { return },
        }
        let number = *folded.borrow_and_update();
        if number == hub.order.last_number() {
            let age = hub.now().0 - hub.order.newest_stamp();
            hub.metrics.changed_after(age.max(0) as f64 / 1e6);
        }
    }
}
