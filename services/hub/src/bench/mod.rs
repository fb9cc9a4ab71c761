//! `bench`: what this machine can do. Measures probes (disk, codec, log), then a hub under load, a rebuild and freshness,
//! and prints every figure beside the probe that bounds it, because figures of different machines cannot be compared.
//!
//! Absent on purpose: any judgement of speed. It fails only when something is wrong: a request refused, digests that differ.

mod broker;
mod channels;
pub(crate) mod folder;
mod freshness;
mod http;
mod identity;
mod import;
mod ingest;
mod load;
mod machine;
mod probes;
mod rebuild;
mod report;
mod sample;
pub(crate) mod sizing;
mod stock;
mod suggest;

use crate::{
    cli::{Exit, Failure, args::Global},
    output,
    serve::Signals,
};
use folder::Folder;
use report::Report;
use std::{io::IsTerminal as _, path::PathBuf, sync::Arc};

/// Exit code of a process that Ctrl-C ended, as shells expect it.
const INTERRUPTED: i32 = 130;

/// `bench`'s arguments.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tributary bench\n  tributary bench --only rebuild --events 10000000\n  tributary bench --only suggestions\n  tributary bench --identity --identifiers 10000000\n  tributary bench --channels\n  tributary bench --only import --receipts 5000000\n  tributary bench --engine nats --broker nats://127.0.0.1:4222\n  tributary bench --quick -o json"
)]
pub struct Args {
    /// Only this part
    #[arg(long, value_enum, value_name = "PART")]
    pub only: Option<Part>,
    /// Only identity resolution, short for `--only identity`
    #[arg(long, conflicts_with = "only")]
    pub identity: bool,
    /// Only the adapters, short for `--only channels`
    #[arg(long, conflicts_with_all = ["only", "identity"])]
    pub channels: bool,
    /// Identifiers of the identity part [default: 1000000]
    #[arg(long, value_name = "N")]
    pub identifiers: Option<u64>,
    /// Only a broker that you run, beside its client alone: what it carries for a hub
    #[arg(long, value_enum, conflicts_with_all = ["only", "identity", "channels"])]
    pub engine: Option<Engine>,
    /// Where it is [default: nats://127.0.0.1:4222 or 127.0.0.1:9092]
    #[arg(long, value_name = "ADDRESS", requires = "engine")]
    pub broker: Option<String>,
    /// Small amounts: all parts in about ten seconds
    #[arg(long)]
    pub quick: bool,
    /// Seconds of each load [default: 5, of freshness 10]
    #[arg(long, value_name = "N")]
    pub seconds: Option<u64>,
    /// Events of the log that is folded [default: 300000]
    #[arg(long, value_name = "N")]
    pub events: Option<u64>,
    /// Customers of that log, of one to ten events each [default: a tenth of its events]
    #[arg(long, value_name = "N")]
    pub customers: Option<u64>,
    /// Receipts that are imported, and a tenth as many members [default: 200000]
    #[arg(long, value_name = "N")]
    pub receipts: Option<u64>,
    /// Where the temporary folder is made: on the disk to be measured [default: the system's folder for temporary files]
    #[arg(long, value_name = "FOLDER")]
    pub dir: Option<PathBuf>,
    /// The process is the load of another bench
    #[arg(long, hide = true, value_name = "JSON")]
    pub load: Option<String>,
}

/// A broker that can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Engine {
    /// NATS JetStream.
    Nats,
    /// Apache Kafka.
    Kafka,
}

/// A part that can be measured alone; the disk probes always are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// Disk, codec and log.
    Probes,
    /// Events acknowledged a second.
    Ingest,
    /// Folding a log again.
    Rebuild,
    /// From a request to the view.
    Freshness,
    /// Who is who, without anything else.
    Identity,
    /// What adapters cost: signed requests to events.
    Channels,
    /// Files of members and receipts, imported.
    Import,
    /// Folding a log with the finder of suggestions beside it, and without.
    Suggestions,
}

/// How much of everything.
#[derive(Clone, Copy, Debug)]
struct Amounts {
    /// Milliseconds of one probe.
    probe_ms: u64,
    /// Milliseconds of one load.
    load_ms: u64,
    /// Milliseconds of the freshness load.
    freshness_ms: u64,
    /// Events of the log that is rebuilt.
    events: u64,
    /// Customers of that log; 0 for a tenth of the events.
    customers: u64,
    /// Distinct people of a load.
    users: u64,
    /// Identifiers of the identity part.
    identifiers: u64,
    /// Receipts of the import; a tenth as many members.
    receipts: u64,
    /// Requests of each kind of channel.
    requests: u64,
    /// As little as possible.
    quick: bool,
}

impl Args {
    fn amounts(&self) -> Amounts {
        let ms = |usual: u64, quick: u64| match self.seconds {
            Some(seconds) => seconds.max(1) * 1_000,
            None if self.quick => quick,
            None => usual,
        };
        Amounts {
            probe_ms: if self.quick { 150 } else { 1_000 },
            load_ms: ms(5_000, 500),
            freshness_ms: ms(10_000, 1_000),
            events: self.events.unwrap_or(if self.quick { 10_000 } else { 300_000 }).max(100),
            customers: self.customers.unwrap_or(0),
            users: if self.quick { 5_000 } else { 20_000 },
            identifiers: self.identifiers.unwrap_or(if self.quick { 20_000 } else { 1_000_000 }),
            receipts: self.receipts.unwrap_or(if self.quick { 2_000 } else { 200_000 }).max(100),
            requests: if self.quick { 1_000 } else { 200_000 },
            quick: self.quick,
        }
    }

    fn wants(&self, part: Part) -> bool {
        let only = match (self.identity, self.channels) {
            (true, _) => Some(Part::Identity),
            (_, true) => Some(Part::Channels),
            _ => self.only,
        };
        self.engine.is_none() && only.is_none_or(|only| only == part)
    }
}

/// Runs the measurements.
///
/// # Errors
/// [`Failure`] if they cannot run, or if what was measured went wrong.
pub async fn run(args: Args, global: &Global) -> Result<Exit, Failure> {
    if let Some(spec) = &args.load {
        return load::run(spec).await;
    }
    let mut signals = Signals::new()?;
    let parent = args.dir.clone().unwrap_or_else(std::env::temp_dir);
    let folder = Arc::new(Folder::new(&parent).map_err(|e| failed("cannot make a temporary folder", e))?);
    let report = tokio::select! {
        report = measure(args, Arc::clone(&folder)) => report?,
        () = signals.wait() => {
            // Threads of the measurement cannot be stopped halfway; the process ends with them.
            folder.remove();
            std::process::exit(INTERRUPTED);
        }
    };
    let mut out = std::io::stdout().lock();
    match global.output {
        output::Format::Table => report.table(&mut out)?,
        format => output::json(&mut out, &report.json(), format, "figures")?,
    }
    Ok(Exit::Ok)
}

async fn measure(args: Args, folder: Arc<Folder>) -> Result<Report, Failure> {
    let amounts = args.amounts();
    let mut report = Report::new(args.quick);
    if args.wants(Part::Identity) {
        // First: what it takes of memory must not have been another part's before.
        report.extend(blocking(move || identity::run(amounts.identifiers)).await?);
    }
    if args.wants(Part::Channels) {
        report.extend(blocking(move || channels::run(amounts.requests)).await?);
    }
    step("disk probes");
    let path = folder.path().to_owned();
    let (disk, figures) = blocking(move || probes::disk(&path, amounts.probe_ms)).await?;
    report.extend(figures);
    if let Some(engine) = args.engine {
        let usual = if engine == Engine::Nats { "nats://127.0.0.1:4222" } else { "127.0.0.1:9092" };
        let (folder, address) =
            (Arc::clone(&folder), args.broker.clone().unwrap_or_else(|| usual.to_owned()));
        // In a task, as a hub's pipes are: what runs in `main` is woken from another thread each time.
        let measured =
            tokio::spawn(async move { broker::run(folder.path(), amounts, engine, &address).await });
        report.extend(measured.await.map_err(|e| failed("a measurement panicked", e))??);
    }
    if args.wants(Part::Probes) || args.wants(Part::Rebuild) {
        let (path, rebuild) = (folder.path().to_owned(), args.wants(Part::Rebuild));
        report.extend(blocking(move || rebuild::run(&path, amounts, rebuild)).await?);
    }
    if args.wants(Part::Ingest) {
        report.extend(ingest::run(folder.path(), amounts, &disk).await?);
    }
    if args.wants(Part::Import) {
        report.extend(import::run(folder.path(), amounts).await?);
    }
    if args.wants(Part::Freshness) {
        report.extend(freshness::run(folder.path(), amounts, &disk).await?);
    }
    if args.wants(Part::Suggestions) {
        let path = folder.path().to_owned();
        report.extend(blocking(move || suggest::run(&path, amounts)).await?);
    }
    report.end();
    Ok(report)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.map_err(|e| failed("a measurement panicked", e))?
}

fn failed(what: &str, error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::CheckFailed, format!("{what}: {error}"))
}

/// Says what is being measured, to people only.
fn step(what: &str) {
    if std::io::stderr().is_terminal() {
        eprintln!("measuring {what} ...");
    }
}
