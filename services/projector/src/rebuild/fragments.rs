//! The second half of a rebuild: fragments from the lists of what became of facts, list by list, on all cores.

use super::lists::Lists;
use crate::{
    error::ProjectorError,
    sources::{StoreRows, log_position},
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};
use tributary_core::{
    fold::{
        Rows,
        build::{self, Facts, List},
        bulk::{Bulk, SHARDS},
        fact::Fact,
    },
    identity::{Resolver, policy::Policy},
    token::Token,
};

/// Rows loaded at once: about a megabyte.
const LOAD_ROWS: usize = 2_000;

/// What building came to.
pub(super) enum Built {
    /// All fragments are written; the sum of their facts' hashes.
    All(u128),
    /// The fact of the event with this number made the fold panic.
    Culprit(u64),
}

/// Why one list could not be built.
enum Stop {
    Failed(ProjectorError),
    Culprit(u64),
}

impl<E: Into<ProjectorError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Builds and writes all fragments. The result does not depend on the number of workers.
pub(super) fn build(
    bulk: &Bulk,
    lists: &Lists,
    resolver: &Resolver,
    rows: StoreRows<'_>,
    cancel: &AtomicBool,
) -> Result<Built, ProjectorError> {
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut digest = 0_u128;
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= SHARDS {
                return Ok(digest);
            }
            if cancel.load(Ordering::Relaxed) {
                return Err(ProjectorError::Unresumable("the rebuild was cancelled").into());
            }
            let built = build_list(&lists.whole(bulk, number)?, resolver, rows);
            // Whoever stops leaves nothing for the others to do.
            digest = digest.wrapping_add(built.inspect_err(|_| next.store(SHARDS, Ordering::Relaxed))?);
        }
    };
    let sums: Vec<Result<u128, Stop>> = thread::scope(|scope| {
        let worker = |_| super::named("rebuild-worker").spawn_scoped(scope, work);
        let threads = (0..workers).map(worker).collect::<Result<Vec<_>, _>>()?;
        Ok::<_, std::io::Error>(
            threads.into_iter().map(|t| t.join().unwrap_or_else(|panic| resume_unwind(panic))).collect(),
        )
    })?;
    let mut digest = 0_u128;
    for sum in sums {
        match sum {
            Ok(sum) => digest = digest.wrapping_add(sum),
            Err(Stop::Culprit(number)) => return Ok(Built::Culprit(number)),
            Err(Stop::Failed(error)) => return Err(error),
        }
    }
    Ok(Built::All(digest))
}

/// Builds and writes the fragments of one list; gives the sum of their facts' hashes.
fn build_list(list: &[u8], resolver: &Resolver, from: StoreRows<'_>) -> Result<u128, Stop> {
    let (store, with) = (from.store, (&from as &dyn Rows, resolver.policy()));
    let (mut rows, mut digest) = (Vec::new(), 0_u128);
    List::read(list)?.each_fragment(|token, facts| {
        let anonymous = resolver.kind_of_token(token).is_none();
        let built = catch_unwind(AssertUnwindSafe(|| build::fragment(token, anonymous, &facts, with)));
        let built = built
            .map_err(|_| Stop::Culprit(culprit(token, anonymous, &facts, (from, resolver.policy()))))??;
        rows.extend(built.rows.into_iter().filter_map(|(key, row)| Some((key, row?))));
        digest = digest.wrapping_add(built.digest);
        if rows.len() >= LOAD_ROWS {
            store.load(std::mem::take(&mut rows))?;
        }
        Ok::<_, Stop>(())
    })?;
    store.load(rows)?;
    Ok(digest)
}

/// The number of the first event, in the node's order, with which the fragment panics.
fn culprit(
    token: Token,
    anonymous: bool,
    facts: &Facts<'_>,
    (from, policy): (StoreRows<'_>, &Policy),
) -> u64 {
    let with = (&from as &dyn Rows, policy);
    let number = |fact: &Fact| {
        let at = log_position(fact.revision.as_ref()?.position);
        from.order.number_of(at).ok().flatten()
    };
    let numbers: Vec<u64> = facts.iter().map(|(fact, _)| number(fact).unwrap_or_default()).collect();
    let mut order = numbers.clone();
    order.sort_unstable();
    let panics = |upto: &u64| {
        let some = facts.iter().zip(&numbers).filter(|(_, number)| *number <= upto);
        let some: Facts<'_> = some.map(|(fact, _)| fact.clone()).collect();
        catch_unwind(AssertUnwindSafe(|| build::fragment(token, anonymous, &some, with).is_ok())).is_err()
    };
    // Whatever panics with some facts panics with more.
    let at = order.partition_point(|upto| !panics(upto));
    order.get(at).or(order.last()).copied().unwrap_or_default()
}
