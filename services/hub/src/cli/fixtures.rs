//! `channel test`: requests in `fixtures/NAME` beside the configuration, through the channel's adapter: their golden results
//! and the conformance kit. Needs no hub and no secret: every secret is a stand-in.

use super::{Exit, Failure, args::Global};
use crate::{
    config::{self, Config, Surroundings},
    output::{self, Format, printable},
};
use serde_json::{Map, Value as Json, json};
use std::{
    fs, io,
    io::Write,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};
use tributary_channels::{
    kit::{self, Case, Effort, fixture},
    settings::Channel,
};

/// Places where a golden result differs that are told.
const DIFFERENCES_MAX: usize = 8;

/// `channel test`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Fixtures lie in fixtures/NAME beside the configuration file: ticket.json is a request's body, \
                  ticket.expected.json what it becomes, ticket.headers.json (optional) its headers.\n\nExamples:\n  \
                  tributary channel test\n  tributary channel test helpdesk --update\n  \
                  tributary channel test helpdesk --mutations 10000"
)]
pub struct Args {
    /// Channel of the configuration [default: all that have fixtures]
    pub channel: Option<String>,
    /// Write what requests become as their golden results, which you then read
    #[arg(long)]
    pub update: bool,
    /// Seeded mutations of each request
    #[arg(long, default_value_t = 300, value_name = "N")]
    pub mutations: u32,
    /// Seed of the mutations and of the orders
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
}

/// Where fixtures of configured channels lie.
pub fn folder(global: &Global) -> PathBuf {
    let file = global.config.clone().unwrap_or_else(|| PathBuf::from(config::DEFAULT_FILE));
    file.parent().unwrap_or_else(|| Path::new("")).join("fixtures")
}

/// Runs `channel test`.
pub fn run(args: &Args, global: &Global, out: &mut dyn Write) -> Result<Exit, Failure> {
    let config = config::load_to_try(&Surroundings::of_process(global.config.clone()))?;
    let all = folder(global);
    let channels: Vec<&Channel> = match &args.channel {
        Some(name) => vec![super::check::configured(&config, name)?],
        None => config.channels.iter().filter(|c| all.join(&c.context.name).is_dir()).collect(),
    };
    let usual = Effort::default();
    let effort = Effort { mutations: args.mutations, seed: args.seed.unwrap_or(usual.seed), ..usual };
    let mut report = Report { format: global.output, out, tested: 0, failed: 0 };
    for channel in channels {
        let name = &channel.context.name;
        let one = Run { channel, folder: all.join(name), config: &config, update: args.update, effort };
        one.run(&mut report)?;
    }
    if args.channel.is_none() {
        for name in folders(&all)?.iter().filter(|name| config.channel(name).is_none()) {
            report.line(
                name,
                "",
                "",
                &["there is no channel of this name in the configuration".to_owned()],
            )?;
        }
    }
    report.end(&all)
}

/// What is printed, a line for each fixture.
struct Report<'o> {
    format: Format,
    out: &'o mut dyn Write,
    tested: usize,
    failed: usize,
}

impl Report<'_> {
    fn line(&mut self, channel: &str, name: &str, said: &str, failures: &[String]) -> io::Result<()> {
        self.tested += 1;
        self.failed += usize::from(!failures.is_empty());
        if self.format != Format::Table {
            let row = json!({"channel": channel, "fixture": name, "ok": failures.is_empty(), "said": said,
                "failures": failures});
            return writeln!(self.out, "{row}");
        }
        let mark = if failures.is_empty() { "ok    " } else { "FAILED" };
        let line = format!("{mark}  {channel}/{}  {}", printable(name), printable(said));
        writeln!(self.out, "{}", line.trim_end())?;
        failures.iter().try_for_each(|failure| writeln!(self.out, "        {}", printable(failure)))
    }

    fn end(self, all: &Path) -> Result<Exit, Failure> {
        if self.tested == 0 {
            return Err(Failure::new(Exit::CheckFailed, format!("no fixtures in {}", all.display())).remedy(
                "put a request's body there as NAME/anything.json and write its golden result with --update",
            ));
        }
        if self.format == Format::Table {
            writeln!(self.out, "{} tested, {} failed", self.tested, self.failed)?;
        }
        Ok(if self.failed == 0 { Exit::Ok } else { Exit::CheckFailed })
    }
}

/// One channel's fixtures.
struct Run<'c> {
    channel: &'c Channel,
    folder: PathBuf,
    config: &'c Config,
    update: bool,
    effort: Effort,
}

impl Run<'_> {
    fn run(&self, report: &mut Report<'_>) -> Result<(), Failure> {
        let name = &self.channel.context.name;
        let files = files(&self.folder)?;
        let requests: Vec<&String> = files.iter().filter(|file| fixture::is_request(file)).collect();
        let mut cases = Vec::new();
        for file in &requests {
            match self.case(file) {
                Ok(case) => {
                    let (said, failures) = self.one(file, &case);
                    report.line(name, file, &said, &failures)?;
                    cases.push(case);
                }
                Err(problem) => report.line(name, file, "", &[problem])?,
            }
        }
        for left in files.iter().filter(|file| file.ends_with(fixture::GOLDEN)) {
            let stem = left.strip_suffix(fixture::GOLDEN).unwrap_or_default();
            if !requests.iter().any(|file| fixture::stem(file) == stem) {
                report.line(name, left, "", &["golden: there is no request that it is of".to_owned()])?;
            }
        }
        if !cases.is_empty() {
            let failures = kit::check_together(self.channel, &cases, self.effort);
            report.line(name, "(in any order, and as large as it may be)", "", &failures)?;
        }
        Ok(())
    }

    fn case(&self, file: &str) -> Result<Case, String> {
        let path = self.folder.join(file);
        let told = |e: io::Error| format!("cannot read: {e}");
        let limit = self.channel.registration.body_max;
        if fs::metadata(&path).map_err(told)?.len() > limit as u64 {
            return Err(format!("larger than {limit} bytes, which is the most that the channel takes"));
        }
        let body = fs::read(&path).map_err(told)?;
        let headers = match read_json(&self.beside(file, fixture::HEADERS))? {
            None => Map::new(),
            Some(Json::Object(headers)) => headers,
            Some(_) => return Err(format!("{}: must be an object", fixture::HEADERS)),
        };
        let name = &self.channel.context.name;
        let url = self.config.hub.channel_url(name);
        let url = url.unwrap_or_else(|| format!("https://hooks.example.com/in/{name}"));
        fixture::case(file, body, &headers, &url).map_err(|e| format!("{}: {e}", fixture::HEADERS))
    }

    fn beside(&self, file: &str, end: &str) -> PathBuf {
        self.folder.join(format!("{}{end}", fixture::stem(file)))
    }

    /// What a request becomes, in words, and everything that is wrong with that.
    fn one(&self, file: &str, case: &Case) -> (String, Vec<String>) {
        let mut failures = kit::check(self.channel, case, self.effort);
        let Ok(got) = catch_unwind(AssertUnwindSafe(|| kit::golden(self.channel, case))) else {
            return (String::new(), failures); // the kit told of the panic
        };
        let golden = self.beside(file, fixture::GOLDEN);
        let said = in_words(&got);
        match read_json(&golden) {
            Ok(Some(want)) if want == got => return (said, failures),
            _ if self.update => match fs::write(&golden, format!("{got:#}\n")) {
                Ok(()) => return (format!("{said}, golden result written"), failures),
                Err(e) => failures.push(format!("golden: cannot write {}: {e}", golden.display())),
            },
            Ok(Some(want)) => {
                let places = fixture::differences(&want, &got, DIFFERENCES_MAX);
                failures.extend(places.into_iter().map(|place| format!("golden: {place}")));
            }
            Ok(None) => failures.push("golden: none yet; --update writes it".to_owned()),
            Err(problem) => failures.push(format!("golden: {problem}")),
        }
        (said, failures)
    }
}

/// `2 events: message.received, purchase.completed; 1 unrecognised`.
fn in_words(golden: &Json) -> String {
    let list = |name: &str| golden.get(name).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    if let Some(rejected) = golden.get("rejected") {
        return format!("rejected: {}", output::cell(rejected.get("code")));
    }
    let of = |items: &[Json], key: &str| -> String {
        let mut words: Vec<String> = items.iter().map(|one| output::cell(one.get(key))).collect();
        words.dedup();
        words.join(", ")
    };
    let (events, rest) = (list("events"), list("unrecognised"));
    let mut said = Vec::new();
    if !events.is_empty() {
        let word = if events.len() == 1 { "event" } else { "events" };
        said.push(format!("{} {word}: {}", events.len(), of(events, "type")));
    }
    if !rest.is_empty() {
        said.push(format!("{} unrecognised: {}", rest.len(), of(rest, "reason")));
    }
    if said.is_empty() { "nothing".to_owned() } else { said.join("; ") }
}

/// Names of the files of a folder, in order; none if there is no such folder.
fn files(folder: &Path) -> Result<Vec<String>, Failure> {
    names(folder, Path::is_file)
}

/// Names of the folders in a folder.
fn folders(folder: &Path) -> Result<Vec<String>, Failure> {
    names(folder, Path::is_dir)
}

fn names(folder: &Path, wanted: impl Fn(&Path) -> bool) -> Result<Vec<String>, Failure> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Failure::usage(format!("{}: {e}", folder.display()))),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        if wanted(&entry.path()) {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// A JSON file; `None` if there is none.
fn read_json(path: &Path) -> Result<Option<Json>, String> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|e| format!("{} is no JSON: {e}", path.display())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(format!("cannot read {}: {e}", path.display())),
    }
}
