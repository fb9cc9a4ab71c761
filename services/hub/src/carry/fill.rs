//! Into a data folder: from a broker's stream, or from another folder.

use super::{
    Done, Kept, Row, Tell, brokers, coded,
    compare::{Logs, Verifying},
    digest, failed,
    folder::DataFolder,
    in_order::InOrder,
    sweep::{Goal, Sink, Stream},
};
use crate::cli::Failure;
use async_trait::async_trait;
use std::{collections::BTreeMap, sync::Arc};
use tributary_eventlog::{EventLog, Origin, ReadLimits, Record, SegmentLog, pipe::Place};

/// Records of a stream on their way into a folder.
struct Filling<'a> {
    folder: &'a mut DataFolder,
    from: &'a str,
    waiting: InOrder,
    copied: BTreeMap<Origin, u64>,
}

#[async_trait]
impl Sink for Filling<'_> {
    async fn take(&mut self, records: Vec<Record>) -> Result<(), Failure> {
        let mut ready: BTreeMap<Origin, Vec<Record>> = BTreeMap::new();
        for record in records {
            let origin = record.position.origin;
            let list = ready.entry(origin).or_default();
            let end = tokio::task::block_in_place(|| self.folder.log(origin))?.end();
            let end = list.iter().map(|record| record.position.sequence).fold(end, u64::max);
            list.extend(self.waiting.push(end, record)?);
        }
        for (origin, records) in ready {
            let new = self.folder.take(origin, self.from, records).await?;
            *self.copied.entry(origin).or_default() += new;
        }
        Ok(())
    }

    fn is_settled(&self) -> bool {
        self.waiting.is_empty()
    }
}

/// Everything that a stream holds now.
///
/// # Errors
/// The broker's, the folder's, and `log_origin_unknown` where the stream does not hold the origin that `own` names.
pub async fn from_stream(
    stream: &Stream,
    folder: &mut DataFolder,
    own: Option<Origin>,
    tell: Tell<'_>,
) -> Result<Done, Failure> {
    let state = stream.state().await?;
    let goal: Goal = state.held.iter().map(|(partition, (_, end))| (*partition, *end)).collect();
    // The place of a copy that has ended may be of a folder from which something was taken since.
    let goes_on = folder.is_unfinished();
    folder.begin(&stream.name)?;
    let known = brokers::Known::of(&folder.dir, &state.stream)?;
    let place = known.place()?.filter(|place| goes_on && place.check(&state).is_ok());
    let mut place = Place { stream: state.stream.clone(), ..place.unwrap_or_default() };
    let mut filling =
        Filling { folder, from: &stream.name, waiting: InOrder::default(), copied: BTreeMap::new() };
    let how = ("copying", tell, Some(known.place_file()));
    stream.sweep(&mut place, &goal, &mut filling, how).await?;
    let copied = filling.copied;
    if folder.logs.is_empty() {
        let detail = format!("{}: no message of the stream is a record of a log", stream.name);
        let remedy = format!("check [hub] name in that file, and remove {}", folder.dir.display());
        return Err(coded("log_missing", &detail, remedy));
    }
    must_hold(&folder.logs, own).map_err(|failure| {
        failure.remedy(format!("remove {}, and name one of these with --as", folder.dir.display()))
    })?;
    let fits = folder.check_key()?;

    let mut verifying = Verifying::new(&folder.logs);
    let mut from = Place::default();
    stream.sweep(&mut from, &goal, &mut verifying, ("verifying", tell, None)).await?;
    let mut rows = Vec::new();
    for (origin, there) in verifying.found {
        let Some(log) = folder.logs.get(&origin) else { continue };
        let here = tokio::task::block_in_place(|| digest::of(&**log, there.records, tell))?;
        let kept = if origin == folder.own() { Kept::Own } else { Kept::Copy };
        rows.push(Row {
            origin,
            kept,
            copied: copied.get(&origin).copied().unwrap_or(0),
            from: there,
            to: here,
        });
    }
    let sent = rows.iter().find(|row| row.kept == Kept::Own).map_or(0, |row| row.from.records);
    let mut done = Done { rows, notes: Vec::new() };
    if done.is_equal() {
        known.remember(&place, sent)?;
        folder.end()?;
    }
    if !fits {
        done.notes.push(
            "the folder has no index key: put keys/index.key of another node, or of a backup, into it before it is served"
                .to_owned(),
        );
    }
    Ok(done)
}

/// Everything that another folder holds.
///
/// # Errors
/// Either folder's.
pub async fn from_folder(
    source: &DataFolder,
    folder: &mut DataFolder,
    own: Option<Origin>,
    tell: Tell<'_>,
) -> Result<Done, Failure> {
    must_hold(&source.logs, own)?;
    if source.key()?.is_some() {
        folder.take_key(&source.dir.join("keys").join("index.key"))?;
    }
    let name = source.dir.display().to_string();
    folder.begin(&name)?;
    let total: u64 = source.logs.values().map(|log| log.end()).sum();
    let (mut rows, mut before) = (Vec::new(), 0);
    for (origin, log) in &source.logs {
        let copied = one(log, folder, &name, &|done| tell("copying", before + done, total)).await?;
        before += log.end();
        let into = folder.log(*origin)?;
        let kept = if *origin == folder.own() { Kept::Own } else { Kept::Copy };
        let (from, to) = tokio::task::block_in_place(|| {
            Ok::<_, Failure>((digest::of(&**log, log.end(), tell)?, digest::of(&*into, log.end(), tell)?))
        })?;
        rows.push(Row { origin: *origin, kept, copied, from, to });
    }
    let done = Done { rows, notes: Vec::new() };
    if done.is_equal() {
        if folder.own() == source.own() {
            brokers::take_over(&source.dir, &folder.dir)?;
        }
        folder.end()?;
    }
    Ok(done)
}

/// One log, from where the copy ends; the record there is compared.
async fn one(
    log: &Arc<SegmentLog>,
    folder: &mut DataFolder,
    from: &str,
    tell: &(dyn Fn(u64) + Sync),
) -> Result<u64, Failure> {
    let origin = log.origin();
    let (mut next, mut copied) = (folder.log(origin)?.end().max(1), 0);
    while next <= log.end() {
        let read = || log.read(next, ReadLimits::default());
        let records = tokio::task::block_in_place(read).map_err(|e| failed("log_unreadable", &e))?;
        next += records.len() as u64;
        copied += folder.take(origin, from, records).await?;
        tell(next - 1);
    }
    Ok(copied)
}

fn must_hold(logs: &Logs, own: Option<Origin>) -> Result<(), Failure> {
    let Some(own) = own.filter(|own| logs.get(own).is_none_or(|log| log.end() == 0)) else { return Ok(()) };
    let all: Vec<String> = logs.keys().map(Origin::to_string).collect();
    let detail = format!("there is no log of {own}; there are {}", all.join(", "));
    Err(coded("log_origin_unknown", &detail, "name one of these with --as"))
}
