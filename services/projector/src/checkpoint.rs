//! Checkpoints: the indexes' runs and the resolver's snapshot. They bound what a restart reads of the log; they are never
//! ahead of the store, because the store is made durable first.

use crate::{
    engine::Engine,
    error::ProjectorError,
    store::{Commit, Group, write_replacing},
};
use std::path::Path;
use tributary_core::{
    codec::{Reader, Writer},
    fold::rows::keys,
    identity::Resolver,
    ids::Position,
};

const SNAPSHOT: &str = "resolver.snapshot";
const MAGIC: &[u8; 8] = b"trbsnap1";

/// Where a checkpoint stands: records folded and position, as the indexes' mark.
pub(crate) fn mark(records: u64, position: Position) -> Vec<u8> {
    let mut w = Writer::default();
    w.number(records);
    w.number(u64::from(position.origin));
    w.number(position.sequence);
    w.0
}

/// Records folded and position of a mark.
pub(crate) fn read_mark(bytes: &[u8]) -> Option<(u64, Position)> {
    let mut r = Reader(bytes);
    let records = r.number().ok()?;
    Some((records, Position { origin: r.small().ok()?, sequence: r.number().ok()? }))
}

pub(crate) fn write(engine: &mut Engine) -> Result<(), ProjectorError> {
    let mark = mark(engine.fold.records, engine.position());
    engine.store.flush()?;
    engine.facts.checkpoint(&mark)?;
    engine.events.checkpoint(&mark)?;
    write_snapshot(&engine.dir, &mark, &engine.fold.resolver)?;
    let (from, to) = (keys::outcomes(0), keys::outcomes(engine.fold.records));
    loop {
        let old = engine.store.scan(&from, Some(&to), 1_000)?;
        if old.is_empty() {
            break;
        }
        let rows = old.into_iter().map(|(key, _)| (key, None)).collect();
        engine.store.commit(Commit { groups: vec![Group { rows }], last: Vec::new() })?;
    }
    engine.checkpointed = engine.fold.records;
    Ok(())
}

fn write_snapshot(dir: &Path, mark: &[u8], resolver: &Resolver) -> Result<(), ProjectorError> {
    let body = resolver.snapshot();
    let mut head = Writer(MAGIC.to_vec());
    head.bytes(mark);
    head.raw(&crc32c::crc32c(&body).to_be_bytes());
    write_replacing(dir, SNAPSHOT, &[&head.0, &body])?;
    Ok(())
}

/// A resolver as of so many records, the last of which stands at this position.
pub(crate) type Snapshot = (u64, Position, Resolver);

/// The newest snapshot; `None` if there is none that can be read.
pub(crate) fn read_snapshot(dir: &Path) -> Option<Snapshot> {
    let bytes = std::fs::read(dir.join(SNAPSHOT)).ok()?;
    let mut r = Reader(bytes.strip_prefix(MAGIC)?);
    let (records, position) = read_mark(r.bytes().ok()?)?;
    let crc = u32::from_be_bytes(r.raw(4).ok()?.try_into().ok()?);
    if crc32c::crc32c(r.0) != crc {
        tracing::warn!("the resolver's snapshot is damaged; it is not used");
        return None;
    }
    let resolver = Resolver::from_snapshot(r.0).ok()?;
    Some((records, position, resolver))
}
