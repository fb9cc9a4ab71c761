//! History: lists of members and files of receipts, made up and posted to a running hub as operators do, one after the other,
//! each a job that ends when all of it is durable. Beside it the same number of bytes appended to a log with nothing around it.

use super::{Amounts, failed, http::Connection, machine, report::Figure, step};
use crate::{
    cli::Failure,
    config::{self, Environment, Source},
    serve::{self, Running},
};
use bytes::Bytes;
use serde_json::Value;
use std::{
    fmt::Write as _,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use tributary_eventlog::{EventLog, NewRecord, Options, Origin, ReadLimits, SegmentLog};

/// Rows of one file: what an export of a month has, and less than the 32 MiB that a channel takes.
const ROWS: u64 = 200_000;
/// Records that the log alone is given at once, as an import does.
const PORTION: usize = 1_000;
/// Records whose sizes the log alone is measured with.
const SAMPLE: usize = 10_000;
/// Between two looks at a job.
const POLL: Duration = Duration::from_millis(20);
/// Longest import of one file.
const PATIENCE: Duration = Duration::from_secs(1_800);

/// Figures of so many members and receipts.
pub(super) async fn run(dir: &Path, amounts: Amounts) -> Result<Vec<Figure>, Failure> {
    let (members, receipts) = (amounts.receipts / 10, amounts.receipts);
    let running = serve::start(configuration(&dir.join("import"))?).await?;
    let outcome = imports(&running, members, receipts).await;
    running.stop().await;
    let Imported { mut figures, sizes, events } = outcome?;
    step("import: the log alone");
    let path = dir.join("import-log");
    let raw = super::blocking(move || append_alone(&path, &sizes, events)).await?;
    for figure in &mut figures {
        figure.set_beside("the log alone", raw, "events/s");
    }
    Ok(figures)
}

/// What was imported.
struct Imported {
    figures: Vec<Figure>,
    /// Bytes of some of its records.
    sizes: Vec<usize>,
    events: u64,
}

async fn imports(running: &Running, members: u64, receipts: u64) -> Result<Imported, Failure> {
    machine::forget_peak();
    let before = machine::resident_bytes();
    step("import: members");
    let people = all(running, "members", members, members, member_rows).await?;
    step("import: receipts");
    let sales = all(running, "till", receipts, members, receipt_rows).await?;
    let peak = machine::peak_bytes();
    let caught_up = super::ingest::drain(&running.hub).await?;
    let found = running.hub.projector().read(|view| view.engine().fold().resolver.customers()) as u64;
    if found != members {
        return Err(failed("import", format!("{found} customers of {members} members")));
    }
    let sizes = sample(&running.hub)?;
    let figure = |what: &str, value, unit| Figure::new("import", what, value, unit);
    let rate = |(took, count): (Duration, u64)| count as f64 / took.as_secs_f64();
    let events = people.1 + sales.1;
    let figures = vec![
        figure("members, their events", people.1 as f64, ""),
        figure("members, imported", rate(people), "events/s"),
        figure("receipts", sales.1 as f64, ""),
        figure("receipts, imported", rate(sales), "events/s"),
        figure("all, imported", rate((people.0 + sales.0, events)), "events/s"),
        figure("views caught up after", caught_up.as_secs_f64(), "s"),
        figure("memory before", before as f64, "bytes"),
        figure("memory, peak", peak as f64, "bytes"),
    ];
    Ok(Imported { figures, sizes, events })
}

fn configuration(data: &Path) -> Result<config::Config, Failure> {
    let text = format!(
        "[hub]\nname = \"bench\"\nlisten = \"127.0.0.1:0\"\napi_listen = \"127.0.0.1:0\"\ndata_dir = {}\n\
         [suggestions]\nenabled = false\n\
         [channels.members]\nkind = \"members_file\"\nkey = \"env:BENCH_KEY\"\ntrust = \"verified\"\n\
         [channels.till]\nkind = \"pos_file\"\nkey = \"env:BENCH_KEY\"\ntrust = \"verified\"\n",
        Value::from(data.display().to_string())
    );
    let source = Source { name: "bench".to_owned(), text };
    let environment: Environment = [("BENCH_KEY".to_owned(), "bench-key".to_owned())].into_iter().collect();
    config::from_text(source, &environment).map_err(|e| failed("the configuration", e))
}

/// Imports `rows` rows in files of at most [`ROWS`]; how long that took, without making the files, and how many events they are:
/// a receipt is one, a member several.
async fn all(
    running: &Running,
    channel: &str,
    rows: u64,
    members: u64,
    write: fn(&mut String, u64, u64, u64),
) -> Result<(Duration, u64), Failure> {
    let (mut took, mut events) = (Duration::ZERO, 0);
    for from in (0..rows).step_by(ROWS as usize) {
        let to = (from + ROWS).min(rows);
        let mut file = String::new();
        write(&mut file, from, to, members);
        let head = format!(
            "POST /v1/channels/{channel}/import?historical=1 HTTP/1.1\r\nhost: {}\r\ncontent-type: text/csv\r\n\
             content-length: {}\r\n\r\n",
            running.api,
            file.len()
        );
        let request = head + &file;
        drop(file);
        let begun = Instant::now();
        let accepted = one(running, request.as_bytes()).await?;
        took += begun.elapsed();
        if accepted < to - from {
            return Err(failed(channel, format!("{accepted} events of {} rows", to - from)));
        }
        events += accepted;
    }
    Ok((took, events))
}

/// Posts a file and waits for its job; how many events it accepted.
async fn one(running: &Running, request: &[u8]) -> Result<u64, Failure> {
    let refused = |what: &dyn std::fmt::Display| failed("an import", what);
    let mut connection = Connection::open(running.api).await.map_err(|e| refused(&e))?;
    let answer = connection.exchange(request).await.map_err(|e| refused(&e))?;
    let body: Value = serde_json::from_slice(answer.body).unwrap_or_default();
    if answer.status != 202 {
        return Err(refused(&body));
    }
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let jobs = running.hub.jobs.list(running.hub.projector().progress());
        let jobs = serde_json::to_value(jobs).map_err(|e| refused(&e))?;
        let mine = jobs.as_array().into_iter().flatten().find(|job| job["id"] == body["id"]);
        match mine {
            Some(job) if job["state"] == "running" => tokio::time::sleep(POLL).await,
            Some(job) if job["state"] == "done" && job["result"]["refused"] == 0 => {
                return Ok(job["result"]["accepted"].as_u64().unwrap_or_default());
            }
            other => return Err(refused(&other.cloned().unwrap_or_default())),
        }
    }
    Err(refused(&"it takes too long"))
}

fn member_rows(out: &mut String, from: u64, to: u64, _: u64) {
    out.push_str("member,name,phone,email,birth_date,tier,points,consent,joined_at\n");
    for n in from..to {
        let (tier, day) = (["bronze", "silver", "gold"][n as usize % 3], 1 + n % 28);
        let _ = writeln!(
            out,
            "M{n:08},Member {n},09{:08},member{n}@example.com,1980-05-{day:02},{tier},{},yes,2020-05-{day:02}",
            10_000_000 + n,
            n % 5_000
        );
    }
}

/// Each member buys about ten times, in fifty stores over two years.
fn receipt_rows(out: &mut String, from: u64, to: u64, members: u64) {
    out.push_str("store,register,receipt,time,member,total,tax\n");
    for n in from..to {
        let (store, register) = (n % 50, n / 50 % 4);
        let (month, day) = (1 + n / 28 % 12, 1 + n % 28);
        let _ = writeln!(
            out,
            "S{store},{register},{n:09},{}-{month:02}-{day:02}T{:02}:{:02}:00+08:00,M{:08},{},{}",
            2024 + n / 336 % 2,
            10 + n % 11,
            n % 60,
            n.wrapping_mul(7_919) % members.max(1),
            100 + n % 3_000,
            5 + n % 150
        );
    }
}

/// Sizes of the newest records.
fn sample(hub: &crate::hub::Hub) -> Result<Vec<usize>, Failure> {
    let from = hub.log.end().saturating_sub(SAMPLE as u64).max(1);
    let limits = ReadLimits { max_records: SAMPLE, ..ReadLimits::default() };
    let records = hub.log.read(from, limits).map_err(|e| failed("the log", e))?;
    Ok(records.iter().map(|record| record.payload.len()).collect())
}

/// Appends so many records of these sizes, in an import's portions; records a second.
fn append_alone(path: &Path, sizes: &[usize], total: u64) -> Result<f64, Failure> {
    let log = SegmentLog::open(Options::new(path.to_owned(), Some(Origin(7)), Arc::new(|| 7)))
        .map_err(|e| failed("the log alone", e))?;
    let largest = sizes.iter().max().copied().unwrap_or(500);
    let bytes = Bytes::from(vec![0x5a; largest]);
    let runtime = tokio::runtime::Handle::current();
    let mut sizes = sizes.iter().cycle();
    let (mut took, mut done) = (Duration::ZERO, 0_u64);
    while done < total {
        let mut record = |n: u64| NewRecord {
            id: (u128::from(done + n) << 64 | 0x5a5a).to_be_bytes(),
            attributes: [("channel", "till"), ("type", "purchase.completed")].into(),
            payload: bytes.slice(..*sizes.next().unwrap_or(&largest)),
        };
        let portion: Vec<NewRecord> = (0..(PORTION as u64).min(total - done)).map(&mut record).collect();
        done += portion.len() as u64;
        let begun = Instant::now();
        runtime.block_on(log.append(portion)).map_err(|e| failed("the log alone", e))?;
        took += begun.elapsed();
    }
    log.close();
    Ok(total as f64 / took.as_secs_f64())
}
