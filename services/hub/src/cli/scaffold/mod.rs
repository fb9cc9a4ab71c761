//! `channel new`: begins a channel from a sample payload. Without code: a guessed block of the configuration with a fixture
//! that `channel test` takes. With `--rust`: an adapter in a checkout of the workspace. Nothing that is there is changed,
//! only added to.

mod adapter;
mod guess;
mod mapped;
mod place;
mod samples;
mod trial;

use super::{Exit, Failure, args::Global, fixtures};
use crate::{
    config::{self, Source, Surroundings, channels::is_name},
    output::{Format, printable},
};
use serde_json::{Value as Json, json};
use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Largest sample: the largest payload that a channel without code takes.
const SAMPLE_BYTES_MAX: u64 = 1024 * 1024;

/// `channel new`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Without --rust: adds a block to the configuration file and a fixture beside it. With --rust, inside a \
                  checkout: adds services/channels/src/NAME, two lines of the registry, and fixtures.\n\nExamples:\n  \
                  tributary channel new helpdesk --from ticket.json\n  \
                  tributary channel new helpdesk --from ticket.json --dry-run\n  \
                  tributary channel new acme_desk --from ticket.json --rust"
)]
pub struct Args {
    /// The channel's name; with --rust the kind's
    pub name: String,
    /// A payload as the source posts it, JSON
    #[arg(long, value_name = "FILE")]
    pub from: PathBuf,
    /// Begin an adapter in Rust, inside a checkout of the workspace
    #[arg(long)]
    pub rust: bool,
    /// Print what would be written
    #[arg(long)]
    pub dry_run: bool,
}

/// A failure of usage with its code.
fn refuse(code: &str, message: impl std::fmt::Display, remedy: &str) -> Failure {
    Failure::usage(printable(&format!("{code}: {message}"))).remedy(remedy)
}

/// What was written, for people and for programs.
struct Done {
    /// Files that are new, and the one that was added to.
    files: Vec<String>,
    /// What was written for people to read.
    shown: String,
    /// Parts of the guess that did not fit.
    left_out: Vec<&'static str>,
    /// What to do now.
    next: Vec<String>,
}

/// Runs `channel new`.
pub fn run(args: &Args, global: &Global, out: &mut dyn Write) -> Result<Exit, Failure> {
    let (body, sample) = read_sample(&args.from)?;
    let done = if args.rust {
        adapter::begin(args, &sample, &body)?
    } else {
        configure(args, global, &sample, &body)?
    };
    if global.output != Format::Table {
        let answer = json!({"name": args.name, "dry_run": args.dry_run, "files": done.files, "text": done.shown,
            "left_out": done.left_out, "next": done.next});
        crate::output::json(out, &answer, global.output, "")?;
        return Ok(Exit::Ok);
    }
    writeln!(out, "{}", done.shown)?;
    if !done.left_out.is_empty() {
        writeln!(out, "Left out, because the guess did not fit: {}\n", done.left_out.join(", "))?;
    }
    let word = if args.dry_run { "would write" } else { "wrote" };
    done.files.iter().try_for_each(|file| writeln!(out, "{word}  {file}"))?;
    writeln!(out)?;
    done.next.iter().enumerate().try_for_each(|(at, step)| writeln!(out, "{}. {step}", at + 1))?;
    Ok(Exit::Ok)
}

fn read_sample(path: &Path) -> Result<(Vec<u8>, Json), Failure> {
    let shown = path.display();
    let cannot = |e: io::Error| {
        refuse(
            "bad_sample",
            format!("cannot read {shown}: {e}"),
            "save one post's body to a file and name it with --from",
        )
    };
    let size = fs::metadata(path).map_err(cannot)?.len();
    if size > SAMPLE_BYTES_MAX {
        let problem = format!("{shown} has {size} bytes, a payload has at most {SAMPLE_BYTES_MAX}");
        return Err(refuse("bad_sample", problem, "give one payload, not a file of them"));
    }
    let body = fs::read(path).map_err(cannot)?;
    let sample: Json = serde_json::from_slice(&body).map_err(|e| {
        let remedy =
            "a sample is one post's body, JSON; for forms and files see `tributary channel ls --kinds`";
        refuse("bad_sample", format!("{shown} is no JSON: {e}"), remedy)
    })?;
    let says_something = match &sample {
        Json::Object(map) => !map.is_empty(),
        Json::Array(list) => list.first().is_some_and(Json::is_object),
        _ => false,
    };
    if !says_something {
        let problem = format!("{shown} is neither an object with fields nor a list of objects");
        return Err(refuse("bad_sample", problem, "give a payload as the source posts it"));
    }
    Ok((body, sample))
}

/// A block of the configuration, and a fixture.
fn configure(args: &Args, global: &Global, sample: &Json, body: &[u8]) -> Result<Done, Failure> {
    let name = &args.name;
    if !is_name(name) {
        let remedy = "1 to 64 of a-z, 0-9 and -, and no - in front, such as helpdesk-main";
        return Err(refuse("bad_name", format!("\"{name}\" is no name of a channel"), remedy));
    }
    let path = global.config.clone().unwrap_or_else(|| PathBuf::from(config::DEFAULT_FILE));
    let environment = Surroundings::of_process(None).environment;
    let before = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => String::new(),
        Err(e) => return Err(Failure::usage(format!("cannot read {}: {e}", path.display()))),
    };
    let load = |text: String| {
        config::from_text_to_try(Source { name: path.display().to_string(), text }, &environment)
    };
    let config = load(before.clone())?;
    if config.channel(name).is_some() {
        let problem = format!("there is a channel \"{name}\" already");
        return Err(refuse("name_taken", problem, "choose another name, or change its block by hand"));
    }
    let folder = fixtures::folder(global).join(name);
    if folder.exists() {
        let problem = format!("{} is there already", folder.display());
        return Err(refuse("fixtures_taken", problem, "choose another name, or move that folder away"));
    }
    let url = config.hub.channel_url(name).unwrap_or_else(|| format!("https://hooks.example.com/in/{name}"));
    let home = mapped::Home {
        name,
        time_zone: &config.hub.time_zone,
        region: config.hub.default_region.as_str(),
        public_url: &url,
    };
    let file = fixture_name(&args.from);
    let block = mapped::block(guess::guess(sample, name), &file, body, &home).map_err(|problem| {
        refuse("bad_sample", format!("nothing in it can be made an event: {problem}"), "try another payload")
    })?;
    let gap = if before.is_empty() || before.ends_with("\n\n") { "" } else { "\n" };
    let gap = if before.is_empty() || before.ends_with('\n') { gap.to_owned() } else { format!("\n{gap}") };
    // What is added must not make a configuration that does not load, whatever stands before it.
    load([&before, &gap, block.toml.as_str()].concat())?;
    let files = [folder.join(&file), folder.join(format!("{}.expected.json", stem(&file)))];
    if !args.dry_run {
        write_new(&files[0], body)?;
        write_new(&files[1], format!("{:#}\n", block.golden).as_bytes())?;
        append(&path, &(gap + &block.toml))?;
    }
    let secret = format!("{}_SECRET", mapped::variable(name));
    let address = config.hub.channel_url(name).unwrap_or_else(|| format!("[hub] public_url with /in/{name}"));
    Ok(Done {
        files: files.iter().chain([&path]).map(|file| file.display().to_string()).collect(),
        shown: block.toml,
        left_out: block.left_out,
        next: vec![
            format!("read the block in {}: every line of it is a guess from one payload", path.display()),
            format!(
                "{} holds the sample as it is: replace what belongs to real people, then --update",
                files[0].display()
            ),
            format!("tributary channel test {name}"),
            format!(
                "set {secret}, and `signature` and `header` as the source's pages say; it posts to {address}"
            ),
            "a payload that no `when` takes is kept: add a [[channels....events]] for each kind of payload"
                .to_owned(),
        ],
    })
}

/// A name that is safe and no golden result's.
fn fixture_name(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    let safe: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    match safe.trim_matches('-') {
        "" | "settings" => "sample.json".to_owned(),
        name => format!("{name}.json"),
    }
}

fn stem(file: &str) -> &str {
    tributary_channels::kit::fixture::stem(file)
}

/// Writes a file that must not be there yet.
fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let cannot = |e: io::Error| Failure::usage(format!("cannot write {}: {e}", path.display()));
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(cannot)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(cannot)?;
    file.write_all(bytes).map_err(cannot)
}

fn append(path: &Path, text: &str) -> Result<(), Failure> {
    let cannot = |e: io::Error| Failure::usage(format!("cannot add to {}: {e}", path.display()));
    let mut file = OpenOptions::new().append(true).create(true).open(path).map_err(cannot)?;
    file.write_all(text.as_bytes()).map_err(cannot)
}
