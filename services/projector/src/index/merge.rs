//! Which runs to merge, and the merge itself: streaming, one entry of each source in memory.

use super::slot::Slot;
use super::writer::RunWriter;
use super::{IndexError, IndexKey};

/// Most runs of an index: each one costs every absent key a look at its filter.
pub(super) const RUNS_MAX: usize = 8;
/// An older run joins a merge when it is at most this many times what is being merged already. Sizes then grow
/// threefold from run to run, and an entry is rewritten a few times for each threefold growth of the index.
const MERGE_RATIO: u64 = 2;

/// Entries in key order, no key twice.
pub(super) type Source<'a> = Box<dyn Iterator<Item = Result<(IndexKey, Slot), IndexError>> + 'a>;

/// How many of the newest runs to merge with `new` entries; `runs` holds entry counts, newest first.
pub(super) fn runs_to_merge(new: u64, runs: &[u64]) -> usize {
    let mut total = new;
    let mut taken = 0;
    for count in runs {
        let too_many = runs.len() - taken + 1 > RUNS_MAX;
        if !too_many && *count > total.saturating_mul(MERGE_RATIO) {
            break;
        }
        total = total.saturating_add(*count);
        taken += 1;
    }
    taken
}

/// Merges sources, the newest first, into a run: of several entries with one key the newest stays. With
/// `drop_removed` removals are left out, which is right when no older run is left outside.
pub(super) fn merge(
    mut sources: Vec<Source<'_>>,
    drop_removed: bool,
    out: &mut RunWriter,
) -> Result<(), IndexError> {
    let mut heads = Vec::with_capacity(sources.len());
    for source in &mut sources {
        heads.push(source.next().transpose()?);
    }
    while let Some(least) = heads.iter().flatten().map(|(key, _)| *key).min() {
        let mut newest = None;
        for (head, source) in heads.iter_mut().zip(&mut sources) {
            if let Some((_, slot)) = head.filter(|(key, _)| *key == least) {
                newest = newest.or(Some(slot));
                *head = source.next().transpose()?;
            }
        }
        if let Some(slot) = newest
            && !(drop_removed && slot == Slot::Removed)
        {
            out.push(&least, &slot)?;
        }
    }
    Ok(())
}
