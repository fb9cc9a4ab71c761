//! `demo`: a hub with half a year of a shop in it. The payloads of `story` are posted through the same intake as
//! in production, signatures and all; then it tells what became of them, shows one customer with the evidence that joins
//! the channels, folds everything again from the log and compares. Absent: any short cut past the intake.

mod drive;
mod figures;
mod setup;
mod story;
mod tell;

use crate::{
    cli::{Exit, Failure},
    client::Client,
    output::printable,
    serve::{self, Running, Signals},
};
use serde_json::{Value as Json, json};
use setup::Place;
use std::{
    collections::BTreeMap,
    io::{self, IsTerminal as _, Write as _},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};
use story::Story;
use tributary_projector::Projector;

/// Longest wait for the projection after the last payload; it needs a second.
const CATCH_UP: Duration = Duration::from_secs(60);
/// Channels as they are called in the summary.
const CALLED: [(&str, &str); 7] = [
    ("line-main", "LINE"),
    ("web", "web form"),
    ("mail", "mail"),
    ("facebook", "Facebook and Messenger"),
    ("till", "tills"),
    ("till-hk", "tills in Hong Kong"),
    ("members", "member system"),
];
/// Latin spelling of the customer that is shown.
const HEROINE: &str = "Mei-Ling Chen";
/// Changes shown at once while it waits.
const CHANGES_SHOWN: usize = 20;

/// `demo`'s arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tributary demo\n  tributary demo --exit\n  tributary demo --keep ./my-demo"
)]
pub struct Args {
    /// Keep the data in this new folder
    #[arg(long, value_name = "FOLDER")]
    pub keep: Option<PathBuf>,
    /// End after the proof instead of waiting for Ctrl-C
    #[arg(long)]
    pub exit: bool,
}

/// Runs the demonstration until it is told to stop.
///
/// # Errors
/// [`Failure`] if it cannot start, if the hub does not answer as it should, or if the rebuilt views differ.
pub async fn run(args: Args) -> Result<Exit, Failure> {
    let mut signals = Signals::new()?;
    let place = Place::open(args.keep.as_deref())?;
    let running = start(&place).await?;
    let outcome = tokio::select! {
        outcome = show(&args, &place, &running) => outcome,
        () = signals.wait() => Ok(Exit::Ok),
    };
    running.stop().await;
    let mut out = io::stdout();
    if place.is_temporary() {
        writeln!(out, "▸ stopped, {} is deleted", place.root().display())?;
    } else {
        writeln!(out, "▸ stopped; go on with: tributary serve --config {}", place.file().display())?;
    }
    outcome
}

/// Starts at the usual addresses, or at any where somebody else was quicker.
async fn start(place: &Place) -> Result<Running, Failure> {
    let [listen, api] = setup::addresses();
    match serve::start(place.config(listen, api)?).await {
        Err(failure) if failure.message.starts_with("cannot listen on") => {
            serve::start(place.config(setup::ANY, setup::ANY)?).await
        }
        outcome => outcome,
    }
}

fn say(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

async fn show(args: &Args, place: &Place, running: &Running) -> Result<Exit, Failure> {
    place.write(running.ingress, running.api)?;
    let folder = if place.is_temporary() {
        "a temporary folder (deleted on exit; --keep FOLDER to retain)".to_owned()
    } else {
        place.root().display().to_string()
    };
    say(&format!(
        "▸ embedded log, data in {folder}\n  not for production: sample data, nobody in it is real\n"
    ))?;
    let told = tokio::task::spawn_blocking(|| story::tell(story::SEED)).await;
    let story = told.map_err(|error| Failure::new(Exit::CheckFailed, format!("no story: {error}")))?;
    let (heroine, line) = (story.heroine.clone(), story.heroine_line.clone());
    replay(place, running, story).await?;
    let client = Client::new(&format!("http://{}", running.api), None)?;
    let id = customer(&client, running, &heroine).await?;
    let exit = prove(Arc::clone(running.hub.projector())).await?;
    if exit != Exit::Ok {
        return Ok(exit);
    }
    say(&next_steps(place, running, &id, &line))?;
    if !args.exit {
        watch(running).await?;
    }
    Ok(Exit::Ok)
}

/// Posts the story and waits until it is folded.
async fn replay(place: &Place, running: &Running, story: Story) -> Result<(), Failure> {
    let mut rows: BTreeMap<&str, u64> = BTreeMap::new();
    for payload in &story.payloads {
        *rows.entry(payload.channel).or_default() += u64::from(payload.rows);
    }
    let (people, begun) = (story.people, Instant::now());
    let config = place.config(running.ingress, running.api)?;
    let sent = drive::post(story.payloads, config, running.ingress).await?;
    let projector = running.hub.projector();
    let end = running.hub.log.end();
    let mut folded = projector.subscribe();
    let waited = tokio::time::timeout(CATCH_UP, folded.wait_for(|now| *now >= end)).await;
    if !matches!(waited, Ok(Ok(_))) {
        return Err(Failure::new(Exit::CheckFailed, "the projection did not catch up in time"));
    }
    let seconds = begun.elapsed().as_secs_f64();
    let rate = tell::thousands((sent.payloads as f64 / seconds.max(0.001)) as u64);
    say(&format!(
        "▸ {} payloads of {people} people in {seconds:.1} s, {rate}/s: posted over HTTP, durable, folded\n  {}\n  {} refused at the door: forged signatures\n",
        tell::thousands(sent.payloads),
        tell::parts(CALLED.iter().filter_map(|(name, called)| Some((*called, *rows.get(name)?)))),
        sent.refused,
    ))
}

/// Tells the figures and the customer who uses every channel; gives her id.
async fn customer(client: &Client, running: &Running, member: &str) -> Result<String, Failure> {
    let strange = |what: &str| Failure::new(Exit::CheckFailed, format!("the hub does not know {what}"));
    let figures = figures::read(running.hub.projector())
        .map_err(|_| Failure::new(Exit::CheckFailed, "the views cannot be read"))?;
    say(&tell::figures(&figures, duplicates(client).await?))?;
    let wanted = json!({"identifier": {"type": "member", "value": member}});
    let found = client.post("/v1/customers/find", &wanted).await?;
    let one = found.pointer("/customers/0").or_else(|| found.get("customer")).unwrap_or(&found);
    let id = one.get("id").and_then(Json::as_str).ok_or_else(|| strange("the customer"))?.to_owned();
    let view = client.get(&format!("/v1/customers/{id}")).await?;
    let why = client.get(&format!("/v1/customers/{id}/why")).await?;
    say(&tell::heroine(&view, &why, HEROINE))?;
    Ok(id)
}

/// Events that were in the log already, from the hub's metrics.
async fn duplicates(client: &Client) -> Result<u64, Failure> {
    let answer = client.send(hyper::Method::GET, "/metrics", &[], bytes::Bytes::new()).await?;
    let text = String::from_utf8_lossy(&answer.body);
    let value = text.lines().find_map(|line| line.strip_prefix("tributary_dedup_hits_total "));
    Ok(value.and_then(|value| value.trim().parse().ok()).unwrap_or_default())
}

/// Folds the log again and compares.
async fn prove(projector: Arc<Projector>) -> Result<Exit, Failure> {
    let rebuilt = tokio::task::spawn_blocking(move || projector.rebuild()).await;
    let report = rebuilt
        .map_err(|error| Failure::new(Exit::CheckFailed, format!("the rebuild ended: {error}")))?
        .map_err(|error| Failure::new(Exit::CheckFailed, printable(&error.to_string())))?;
    let (seconds, records) = (report.millis as f64 / 1_000.0, tell::thousands(report.records));
    let digest = format!("{:032x}", report.digest);
    if report.old_digest == Some(report.digest) {
        say(&format!(
            "▸ proof: views rebuilt from {records} records in {seconds:.1} s → digest {digest} equals the live digest ✓\n"
        ))?;
        return Ok(Exit::Ok);
    }
    let live = report.old_digest.map_or("none".to_owned(), |digest| format!("{digest:032x}"));
    say(&format!("▸ proof failed: rebuilt digest {digest}, live digest {live} ✗\n"))?;
    Ok(Exit::CheckFailed)
}

fn next_steps(place: &Place, running: &Running, id: &str, line: &str) -> String {
    let (hub, ingress) = (format!("http://{}", running.api), running.ingress);
    let config = place.file();
    let config = config.display();
    format!(
        "▸ page     {hub}/customers/{id}?lang=en\n  API      {hub}/v1/customers/{id}\n  metrics  {hub}/metrics\n  \
         intake   http://{ingress}/in/line-main\n▸ in a second terminal:\n  \
         tributary --config '{config}' channel trigger line-main message --override user={line} --override text='我想退貨'\n  \
         tributary --hub {hub} customer timeline {id} --limit 5\n  \
         tributary --hub {hub} customer why {id}\n  \
         tributary --hub {hub} deadletters ls\n  \
         tributary --hub {hub} tail --from now\n"
    )
}

/// Shows changes as they come, until the end.
async fn watch(running: &Running) -> Result<(), Failure> {
    let keys = if io::stdin().is_terminal() { "Ctrl-C" } else { "SIGTERM" };
    say(&format!("▸ waiting for changes; {keys} ends it\n"))?;
    let projector = running.hub.projector();
    let mut folded = projector.subscribe();
    let unreadable = |_| Failure::new(Exit::CheckFailed, "the changes cannot be read");
    let mut cursor = projector.read(|view| view.cursor()).map_err(unreadable)?;
    while folded.changed().await.is_ok() {
        let page = projector.read(|view| view.changes(&cursor, CHANGES_SHOWN));
        let page = page.map_err(unreadable)?;
        for change in &page.changes {
            let kind = format!("{:?}", change.kind).to_lowercase();
            say(&format!("  --> {kind} {} version {}\n", change.customer, change.version))?;
        }
        cursor = page.next;
    }
    Ok(())
}
