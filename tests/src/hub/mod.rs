//! The real program as a black box: a folder with its configuration and data, processes that serve it, signals, commands.

mod binary;
pub mod channels;
pub mod doctor;
pub mod elsewhere;
mod engine;
pub mod http;
mod shop;

use channels::{PUBLIC_URL, Source};
use http::Client;
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use std::{
    fs::{self, OpenOptions},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

pub use binary::path as program;
pub use shop::shop;

/// Longest wait for a hub to serve or to end; a loaded machine folds slowly.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks.
const POLL: Duration = Duration::from_millis(10);

/// A configured data folder, which outlives the processes that serve it.
pub struct Folder {
    dir: TempDir,
    config: PathBuf,
    engine: Option<engine::Engine>,
}

impl Folder {
    /// A hub with these channels, on free ports of the loopback interface.
    #[must_use]
    pub fn new(sources: &[Source]) -> Self {
        Self::with(sources, "", "")
    }

    /// The same with more lines in `[hub]` and more sections.
    ///
    /// # Panics
    /// Where the temporary folder cannot be written.
    #[must_use]
    pub fn with(sources: &[Source], hub: &str, sections: &str) -> Self {
        // Whoever says its own engine or name keeps it.
        let says = sections.contains("[log]") || hub.contains("name =");
        let engine = (!says).then(engine::Engine::wanted);
        let (named, log) = engine.as_ref().map(engine::Engine::configuration).unwrap_or_default();
        let dir = TempDir::new().expect("a temporary folder");
        let mut text = format!(
            "[hub]\nlisten = \"127.0.0.1:0\"\napi_listen = \"127.0.0.1:0\"\npublic_url = \"{PUBLIC_URL}\"\n\
             data_dir = \"{}\"\n{named}{hub}\n{log}{sections}\n",
            dir.path().join("data").display()
        );
        text.extend(sources.iter().map(|source| source.section(dir.path()) + "\n"));
        let folder = Self { config: dir.path().join("tributary.toml"), dir, engine };
        folder.configure(&text);
        folder
    }

    /// Replaces the configuration.
    ///
    /// # Panics
    /// Where it cannot be written.
    pub fn configure(&self, text: &str) {
        fs::write(&self.config, text).expect("the configuration is written");
    }

    /// The configuration's text.
    ///
    /// # Panics
    /// Where it cannot be read.
    #[must_use]
    pub fn configuration(&self) -> String {
        fs::read_to_string(&self.config).expect("the configuration is readable")
    }

    /// Everything of this hub.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// What all processes of this folder have logged.
    #[must_use]
    pub fn log(&self) -> String {
        let bytes = fs::read(self.log_file()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn log_file(&self) -> PathBuf {
        self.dir.path().join("stderr.log")
    }

    /// Whether the tests run over a broker, and this folder says nothing else.
    #[must_use]
    pub fn is_over_broker(&self) -> bool {
        self.engine.as_ref().is_some_and(engine::Engine::is_broker)
    }

    /// Runs a command of the program to its end.
    ///
    /// # Panics
    /// Where the program cannot be started.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(program());
        clean(&mut command);
        command.arg("--config").arg(&self.config).args(arguments).current_dir(self.path());
        command.output().expect("the program starts")
    }

    /// Serves the folder; waits until the hub is ready.
    ///
    /// # Panics
    /// Where it does not become ready; with its log.
    #[must_use]
    pub fn start(&self) -> Hub {
        self.start_as(&[])
    }

    /// The same for one that does a part only, with these options of `serve`.
    ///
    /// # Panics
    /// Where it does not become ready; with its log.
    #[must_use]
    pub fn start_as(&self, options: &[&str]) -> Hub {
        let mut command = Command::new(program());
        command.arg("--config").arg(&self.config).arg("serve").args(options);
        self.spawn(command)
    }

    /// Serves it with files limited to `kib` KiB each: writes beyond fail as on a full disk.
    ///
    /// # Panics
    /// Where it does not become ready.
    #[must_use]
    pub fn start_with_file_limit(&self, kib: u32) -> Hub {
        let mut command = Command::new("bash");
        let script = format!("trap '' XFSZ; ulimit -S -f {kib}; exec \"$@\"");
        command.arg("-c").arg(script).arg("bash").arg(program());
        command.arg("--config").arg(&self.config).arg("serve");
        self.spawn(command)
    }

    fn spawn(&self, mut command: Command) -> Hub {
        clean(&mut command);
        let log = OpenOptions::new().create(true).append(true).open(self.log_file()).expect("a log file");
        let seen = log.metadata().expect("the log file's size").len();
        command.current_dir(self.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = command.spawn().expect("the program starts");
        let mut hub = Hub { pid: child.id(), child: Mutex::new(child), ingress: NOWHERE, api: NOWHERE };
        let begun = Instant::now();
        loop {
            let log = self.log();
            let log = log.get(usize::try_from(seen).unwrap_or(usize::MAX)..).unwrap_or_default();
            let address = |name: &str| log.split(name).nth(1)?.split_whitespace().next()?.parse().ok();
            if let (Some(ingress), Some(api)) = (address("hub.listen="), address("hub.api_listen=")) {
                (hub.ingress, hub.api) = (ingress, api);
                break;
            }
            let ended = hub.ended();
            assert!(ended.is_none(), "the hub ended: {ended:?}\n{log}");
            assert!(begun.elapsed() < PATIENCE, "the hub does not serve\n{log}");
            thread::sleep(POLL);
        }
        hub.wait_ready();
        if self.is_over_broker() {
            // With the embedded engine its policy is stated at once. Some hubs tell it to nobody without a token.
            let (mut client, empty) = (hub.client(), serde_json::json!([]));
            let mut knows_none = || {
                let told = client.get("/v1/events?limit=1");
                told.status == 200 && told.json()["events"] == empty
            };
            while knows_none() {
                assert!(begun.elapsed() < PATIENCE, "the node states no policy");
                thread::sleep(POLL);
            }
        }
        hub
    }
}

const NOWHERE: SocketAddr = SocketAddr::V4(std::net::SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, 1));

/// Settings of the machine that runs the tests must not reach the program.
fn clean(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TRIBUTARY") {
            command.env_remove(name);
        }
    }
    command.env_remove("RUST_LOG");
}

/// A serving process; killed when it is dropped.
pub struct Hub {
    child: Mutex<Child>,
    pid: u32,
    /// Where `/in/*` is.
    pub ingress: SocketAddr,
    /// Where the rest is.
    pub api: SocketAddr,
}

impl Hub {
    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    fn ended(&self) -> Option<ExitStatus> {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        child.try_wait().expect("a child can be waited for")
    }

    /// A client of `/in/*`.
    #[must_use]
    pub fn provider(&self) -> Client {
        Client::new(self.ingress)
    }

    /// A client of the interface.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(self.api)
    }

    /// Its address for commands.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.api)
    }

    fn wait_ready(&self) {
        let begun = Instant::now();
        let mut client = self.client();
        while client.send("GET", "/readyz", &[], b"").map_or(0, |a| a.status) != 200 {
            assert!(begun.elapsed() < PATIENCE, "the hub does not become ready");
            thread::sleep(POLL);
        }
    }

    /// Waits until everything in the log is folded.
    ///
    /// # Panics
    /// Where it is not folded in time.
    pub fn settle(&self) {
        let begun = Instant::now();
        let mut client = self.client();
        while client.get("/v1/lag").must(200).json()["events"] != 0 {
            assert!(begun.elapsed() < PATIENCE, "the projection does not catch up");
            thread::sleep(POLL);
        }
    }

    /// SIGKILL. The process is waited for when this is dropped.
    ///
    /// # Panics
    /// Where the system refuses.
    pub fn kill_now(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(pid, signal).expect("a child can be signalled");
    }

    /// Lifts the limit of [`Folder::start_with_file_limit`], as if room was made on the disk.
    ///
    /// # Panics
    /// Where the system refuses.
    pub fn lift_file_limit(&self) {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        let none = Rlimit { current: None, maximum: None };
        prlimit(pid, Resource::Fsize, none).expect("a child's limit can be lifted");
    }

    /// SIGTERM; how it ended and how long that took.
    ///
    /// # Panics
    /// Where it does not end.
    pub fn terminate(&self) -> (ExitStatus, Duration) {
        let begun = Instant::now();
        self.signal(Signal::TERM);
        loop {
            if let Some(status) = self.ended() {
                return (status, begun.elapsed());
            }
            assert!(begun.elapsed() < PATIENCE, "the hub does not end");
            thread::sleep(POLL);
        }
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        // It may have ended already.
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ = child.kill();
        let _ = child.wait();
    }
}
