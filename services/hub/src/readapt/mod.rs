//! Reading what is stored once more: the raw requests of a channel through today's adapter and settings. What comes out
//! otherwise than it stands in the log is appended, with the same key and revision and a higher generation, so that it
//! counts instead; what no longer comes out is removed the same way. The law: views are then what they were if today's
//! adapter had taken every request when it came.
//!
//! - A run is a function of the log and the settings. It reads the requests of the window (`sweep`), decides for each fact
//!   that does not stay as it is (`decide`), writes that into a file without a name (`spool`), tells what would become of
//!   the customers, and appends it (`commit`). Once more, it finds nothing to do; broken off, it goes on.
//! - Nothing but the log is touched: no delivery, no question to a source, no figure of the ingress. Adapters of what goes out know events
//!   of generation 0 only.
//! - Requests of people who were erased since are left alone as a whole, and so are those that the adapter would refuse.
//! - Of a fact only the revision that counts is looked at. If that no longer comes out and a smaller one does, this is
//!   stated as the greater one.
//! - A request in pieces is not written again beside its corrected event: it stands at the original.

mod again;
mod commit;
mod decide;
mod kept;
mod spool;
mod sweep;
mod tell;
#[cfg(test)]
mod tests;
pub mod window;

pub use window::Window;

use crate::{hub::Hub, hub::record, problem::Problem, query};
use commit::Committed;
use kept::unreadable;
use serde_json::{Value, json};
use spool::{Beside, Spool};
use std::{sync::Arc, time::Duration};
use sweep::{FACTS_MAX, Scope, Slice, Sweep, stopping};
use tell::Told;
use tributary_channels::settings::Channel;
use tributary_core::{body::Body, draft::Draft, ids::Cursor};
use tributary_eventlog::Order;

/// Between two looks at how far the projection has come.
const POLL: Duration = Duration::from_millis(20);

/// What is wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// When the requests were recorded.
    pub window: Window,
    /// Only tell.
    pub dry_run: bool,
    /// Who asked for it.
    pub actor: String,
}

/// Reads a channel's requests again, tells what differs, and appends that unless it is a dry run. Blocks for as long as it
/// takes to read the log twice; `progress` hears how far it is, of how much, and says whether to go on.
///
/// # Errors
/// [`Problem`] with a remedy. What was appended stays, and the next run goes on.
pub fn readapt(
    hub: &Hub,
    channel: &Channel,
    wanted: &Wanted,
    progress: &dyn Fn(u64, u64) -> bool,
) -> Result<Value, Problem> {
    readapt_in_slices(hub, channel, wanted, FACTS_MAX, progress)
}

fn readapt_in_slices(
    hub: &Hub,
    channel: &Channel,
    wanted: &Wanted,
    facts_max: usize,
    progress: &dyn Fn(u64, u64) -> bool,
) -> Result<Value, Problem> {
    let end = hub.log.end();
    catch_up(hub, end, progress)?;
    let scope = Scope { hub, channel, window: wanted.window, end, facts_max };
    let (told, spool) = plan(&scope, progress)?;
    if told.read.requests == 0 {
        return Err(Problem::new(
            404,
            "nothing_stored",
            "no request of this channel was stored in this time",
        )
        .remedy("choose an earlier --since; `tributary channel ls` tells when the channel was heard last"));
    }
    let spool = Arc::new(spool);
    let customers = if spool.len() == 0 { Value::Null } else { customers(hub, &spool)? };
    let differing = told.differing();
    let facts = told.facts();
    let mut result = told.json(customers);
    result["channel"] = json!(channel.context.name);
    result["dry_run"] = json!(wanted.dry_run);
    let mut committed = Committed::default();
    if !wanted.dry_run && differing > 0 {
        state(hub, channel, wanted, facts, &mut committed)?;
        committed.appended = 0;
        let done = commit::commit(hub, &spool, progress)?;
        committed = Committed { last: done.last.max(committed.last), ..done };
    }
    result["appended"] = json!(committed.appended);
    result["position"] = json!(committed.last.map(|p| Cursor::new([p])));
    if committed.overtaken > 0 {
        result["overtaken"] = json!(committed.overtaken);
        result["remedy"] = json!("facts changed while it ran; run it again for them");
    }
    Ok(result)
}

/// All that differs, decided.
fn plan(scope: &Scope<'_>, progress: &dyn Fn(u64, u64) -> bool) -> Result<(Told, Spool), Problem> {
    let mut spool =
        Spool::new(&scope.hub.config.hub.data_dir, &scope.channel.context.name).map_err(|e| no_room(&e))?;
    let mut told = Told::default();
    let mut slice = Some(Slice::ALL);
    while let Some(wanted) = slice {
        let sweep = Sweep::run(scope, wanted, progress)?;
        if wanted == Slice::ALL {
            told.read = sweep.read;
        }
        slice = sweep.slice.rest();
        let mut found: Vec<_> = sweep.found.into_iter().collect();
        // In the order of the log, which is quicker to read so, and the same in every run.
        found.sort_unstable_by_key(|(key, found)| (found.best.map_or(0, |best| best.sequence), *key));
        for (at, (key, found)) in found.into_iter().enumerate() {
            if at.is_multiple_of(1_000) && !progress(scope.end, scope.end) {
                return Err(stopping());
            }
            if let Some(decision) = decide::decide(scope, key, found)? {
                told.note(&decision);
                spool.push(&decision).map_err(|e| no_room(&e))?;
            }
        }
    }
    Ok((told, spool))
}

/// The plan cannot be written down.
fn no_room(error: &std::io::Error) -> Problem {
    tracing::error!(error = %error, "what is to be readapted cannot be written down");
    Problem::new(507, "plan_not_writable", format!("the plan cannot be written: {error}")).remedy(
        "make room in the data folder, or read less again with --since and --until; nothing was appended",
    )
}

/// Waits until everything up to `end` is folded: facts are compared with what counts.
fn catch_up(hub: &Hub, end: u64, progress: &dyn Fn(u64, u64) -> bool) -> Result<(), Problem> {
    let origin = hub.log.origin().0;
    while hub.folded()?.sequence(origin) < end {
        if !progress(0, end) {
            return Err(stopping());
        }
        std::thread::sleep(POLL);
    }
    Ok(())
}

/// What would merge, split, appear and disappear.
fn customers(hub: &Hub, spool: &Arc<Spool>) -> Result<Value, Problem> {
    let order = Arc::clone(&hub.order);
    let beside = Arc::new(Beside { order, spool: Arc::clone(spool), now: hub.now() });
    let order: Arc<dyn Order> = Arc::clone(&beside) as _;
    let mut planned = beside.planned();
    let told = hub.projector().preview(&order, &mut planned, |look, after| {
        let difference = look.engine().fold().resolver.difference(after);
        let mut told = query::differing(&look, &difference);
        told["appear"] = json!(difference.appear);
        told["disappear"] = json!(difference.disappear);
        told
    });
    told.map_err(|e| unreadable(&e))
}

/// Who reads a channel again is stated in the log, before what comes of it.
fn state(
    hub: &Hub,
    channel: &Channel,
    wanted: &Wanted,
    facts: Value,
    committed: &mut Committed,
) -> Result<(), Problem> {
    let (name, now) = (&channel.context.name, hub.now());
    let mut draft = Draft::new(
        format!("readapt/{name}/{}", now.0),
        Body::Activity { title: "channel readapted".to_owned() },
    );
    draft.actor.clone_from(&wanted.actor);
    let fields = [
        ("channel", json!(name)),
        ("since", json!(wanted.window.since)),
        ("until", json!(wanted.window.until)),
        ("facts", facts),
    ];
    draft.content.fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let events = query::console(hub).events(draft, now, hub.key());
    commit::append(hub, events.iter().map(record).collect(), committed)
}
