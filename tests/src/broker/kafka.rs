//! Apache Kafka: one process that is broker and controller. Its jars are fetched with Maven; it needs Java 17 or later.

use super::{Process, copy_all, free_port, provision, proxy::Proxy};
use rdkafka::{
    ClientConfig,
    consumer::{BaseConsumer, Consumer as _},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex, OnceLock, PoisonError, Weak},
    thread,
    time::{Duration, Instant},
};

const VERSION: &str = "4.1.0";
const PATIENCE: Duration = Duration::from_secs(90);
/// Small, and quick to start rather than quick later.
const JAVA: [&str; 5] =
    ["-Xms64m", "-Xmx320m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"];

/// One server on 127.0.0.1 with a folder of its own. Beside the door for everybody it has one with SASL PLAIN, for the users
/// `hub`, who may do everything, and `stranger`, who may do nothing; the password of both is `right`. Another can be had with
/// TLS and SCRAM for `hub`.
pub struct Server {
    jars: PathBuf,
    folder: tempfile::TempDir,
    ports: Ports,
    process: Option<Process>,
}

#[derive(Clone, Copy)]
struct Ports {
    open: u16,
    sasl: u16,
    tls: u16,
    controller: u16,
}

impl Ports {
    fn free() -> Self {
        Self { open: free_port(), sasl: free_port(), tls: free_port(), controller: free_port() }
    }
}

impl Server {
    /// A running server.
    ///
    /// # Errors
    /// Why there is no program.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn start() -> Result<Self, String> {
        Self::start_with(Ports::free(), "", &[])
    }

    /// One that has the door with TLS too; its root certificate is in the file [`Server::roots`].
    ///
    /// # Errors
    /// Why there is no program.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn start_with_tls() -> Result<Self, String> {
        let users = ["SCRAM-SHA-256", "SCRAM-SHA-512"].map(|of| format!("{of}=[name=hub,password=right]"));
        Self::start_with(Ports::free(), TLS, &["--add-scram", &users[0], "--add-scram", &users[1]])
    }

    /// One with two doors more, each of which tells clients that it is at the other end of a wire. Clients go on by the address
    /// that a broker tells them, so a wire must be known to it. Returns the addresses by which clients reach them.
    ///
    /// # Errors
    /// Why there is no program.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn start_with_wires() -> Result<(Self, [Proxy; 2]), String> {
        let (ports, doors) = (Ports::free(), [free_port(), free_port()]);
        let wires = doors.map(Proxy::to);
        let Ports { open, sasl, controller, .. } = ports;
        let own = format!("OPEN://127.0.0.1:{open},SASL://127.0.0.1:{sasl}");
        let more = |of: [u16; 2]| format!("WIREA://127.0.0.1:{},WIREB://127.0.0.1:{}", of[0], of[1]);
        let (listening, told) = (more(doors), more([wires[0].port(), wires[1].port()]));
        let lines = format!(
            "listeners={own},{listening},CONTROLLER://127.0.0.1:{controller}\nadvertised.listeners={own},{told}\n\
             listener.security.protocol.map=OPEN:PLAINTEXT,SASL:SASL_PLAINTEXT,WIREA:PLAINTEXT,WIREB:PLAINTEXT,\
             CONTROLLER:PLAINTEXT\n"
        );
        Ok((Self::start_with(ports, &lines, &[])?, wires))
    }

    fn start_with(ports: Ports, more: &str, users: &[&str]) -> Result<Self, String> {
        let jars = provision::jars("org.apache.kafka", "kafka_2.13", VERSION, &format!("kafka-{VERSION}"))?;
        let folder = tempfile::tempdir().expect("a folder");
        let mut server = Self { jars, folder, ports, process: None };
        let with_tls = more == TLS;
        if with_tls {
            server.certificate()?;
        }
        let config = configuration(server.folder.path(), ports, with_tls) + more;
        fs::write(server.path("server.properties"), config).expect("a configuration");
        let mut format = server.java(&["kafka.tools.StorageTool", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAQ"]);
        provision::run(format.arg("-c").arg(server.path("server.properties")).args(users))?;
        server.resume();
        Ok(server)
    }

    /// Makes a certificate that speaks for itself.
    fn certificate(&self) -> Result<(), String> {
        let keytool = |arguments: &[&str]| {
            let mut command = Command::new("keytool");
            command.current_dir(self.folder.path()).args(arguments);
            provision::run(command.args([
                "-keystore",
                "broker.p12",
                "-storepass",
                "secret",
                "-alias",
                "broker",
            ]))
        };
        keytool(&["-genkeypair", "-keyalg", "EC", "-dname", "CN=127.0.0.1", "-ext", "san=ip:127.0.0.1"])?;
        keytool(&["-exportcert", "-rfc", "-file", "roots.pem"])
    }

    /// The certificate (PEM) by which clients know the door with TLS.
    #[must_use]
    pub fn roots(&self) -> PathBuf {
        self.path("roots.pem")
    }

    /// Where clients connect with TLS.
    #[must_use]
    pub fn tls(&self) -> String {
        format!("127.0.0.1:{}", self.ports.tls)
    }

    /// Where clients connect.
    #[must_use]
    pub fn brokers(&self) -> String {
        format!("127.0.0.1:{}", self.ports.open)
    }

    /// Where clients connect that say who they are.
    #[must_use]
    pub fn sasl(&self) -> String {
        format!("127.0.0.1:{}", self.ports.sasl)
    }

    /// As `kill -9` does.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts it again where it was stopped; waits until it takes part in its cluster.
    ///
    /// # Panics
    /// Where it does not.
    pub fn resume(&mut self) {
        let log = fs::File::create(self.path("log")).expect("a log");
        let mut command = self.java(&["kafka.Kafka"]);
        let errors = log.try_clone().expect("a log");
        command.arg(self.path("server.properties")).stdin(Stdio::null()).stderr(errors).stdout(log);
        let mut process = Process::start(&mut command);
        let begun = Instant::now();
        while !answers(&self.brokers()) {
            assert!(!process.has_ended(), "the server ended: {}", self.log());
            assert!(begun.elapsed() < PATIENCE, "the server does not answer: {}", self.log());
            thread::sleep(Duration::from_millis(50));
        }
        self.process = Some(process);
    }

    /// A copy of all that it keeps as it is on the disk; it must not run.
    ///
    /// # Panics
    /// Where it cannot be copied.
    #[must_use]
    pub fn snapshot(&self) -> tempfile::TempDir {
        let copy = tempfile::tempdir().expect("a folder");
        copy_all(&self.path("data"), copy.path());
        copy
    }

    /// Puts such a copy in the place of what is there.
    ///
    /// # Panics
    /// Where it cannot.
    pub fn restore(&self, snapshot: &Path) {
        fs::remove_dir_all(self.path("data")).expect("the data are removed");
        copy_all(snapshot, &self.path("data"));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn java(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("java");
        command.args(JAVA).arg("-cp").arg(self.jars.join("*")).args(arguments);
        command.current_dir(self.folder.path());
        command
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }
}

/// What the door with TLS needs.
const TLS: &str = "listener.name.tls.ssl.keystore.location=broker.p12
listener.name.tls.ssl.keystore.type=PKCS12
listener.name.tls.ssl.keystore.password=secret
listener.name.tls.sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512
listener.name.tls.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.tls.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
";

fn configuration(folder: &Path, ports: Ports, with_tls: bool) -> String {
    let Ports { open, sasl, tls, controller } = ports;
    let tls = if with_tls { format!("TLS://127.0.0.1:{tls},") } else { String::new() };
    let plain = "org.apache.kafka.common.security.plain.PlainLoginModule required \
                 user_hub=\"right\" user_stranger=\"right\";";
    format!(
        "process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=OPEN://127.0.0.1:{open},SASL://127.0.0.1:{sasl},{tls}CONTROLLER://127.0.0.1:{controller}
listener.security.protocol.map=OPEN:PLAINTEXT,SASL:SASL_PLAINTEXT,TLS:SASL_SSL,CONTROLLER:PLAINTEXT
inter.broker.listener.name=OPEN
controller.listener.names=CONTROLLER
listener.name.sasl.sasl.enabled.mechanisms=PLAIN
listener.name.sasl.plain.sasl.jaas.config={plain}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:hub
log.dirs={}
num.network.threads=1
num.io.threads=2
log.cleaner.dedupe.buffer.size=4194304
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
broker.heartbeat.interval.ms=200
broker.session.timeout.ms=1500
",
        folder.join("data").display()
    )
}

/// Whether it tells itself as a broker that takes part.
fn answers(brokers: &str) -> bool {
    let client: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("log_level", "0")
        .create()
        .expect("a client");
    client.fetch_metadata(None, Duration::from_secs(1)).is_ok_and(|told| !told.brokers().is_empty())
}

static RUNNING: Mutex<Weak<Server>> = Mutex::new(Weak::new());

/// A server that tests of one process share; each takes a topic of its own.
pub struct Shared {
    brokers: String,
    server: Option<Arc<Server>>,
}

impl Shared {
    /// The one that `TRIBUTARY_TEST_KAFKA` names, else one that runs while any test has it.
    ///
    /// # Errors
    /// Why there is none.
    pub fn get() -> Result<Self, String> {
        static WHY_NOT: OnceLock<String> = OnceLock::new();
        if let Ok(brokers) = std::env::var("TRIBUTARY_TEST_KAFKA") {
            return Ok(Self { brokers, server: None });
        }
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let server = match running.upgrade() {
            Some(server) => server,
            None => {
                if let Some(why) = WHY_NOT.get() {
                    return Err(why.clone());
                }
                let started = Server::start().inspect_err(|why| _ = WHY_NOT.set(why.clone()));
                Arc::new(started?)
            }
        };
        *running = Arc::downgrade(&server);
        Ok(Self { brokers: server.brokers(), server: Some(server) })
    }

    /// Keeps it running, where it runs, by a test that has no need of it but lasts.
    #[must_use]
    pub fn keep() -> Option<Arc<Server>> {
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).upgrade()
    }

    /// Where clients connect.
    #[must_use]
    pub fn brokers(&self) -> String {
        self.brokers.clone()
    }

    /// Where clients connect that say who they are; only a server of our own has such a door.
    #[must_use]
    pub fn sasl(&self) -> Option<String> {
        self.server.as_ref().map(|server| server.sasl())
    }
}
