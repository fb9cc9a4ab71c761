//! Divides a commit into batches. Pure; every implementation uses it, so all crash in the same places.

use super::{Commit, Group, Row};

/// Rows of one batch: sled keeps the whole batch in memory several times over while it applies it.
pub const ROWS_PER_BATCH_MAX: usize = 2_000;
/// Key and value bytes of one batch: ten times as much raised sled's peak memory by hundreds of megabytes.
pub const BYTES_PER_BATCH_MAX: usize = 1 << 20;

/// A batch that is being filled.
#[derive(Default)]
struct Filling {
    rows: Vec<Row>,
    bytes: usize,
}

impl Filling {
    fn has_room(&self, rows: &[Row], bytes: usize) -> bool {
        self.rows.len() + rows.len() <= ROWS_PER_BATCH_MAX && self.bytes + bytes <= BYTES_PER_BATCH_MAX
    }

    fn take(&mut self, rows: Vec<Row>, bytes: usize) {
        self.rows.extend(rows);
        self.bytes += bytes;
    }

    /// Ends the batch. Nothing comes out of an empty one.
    fn finish(&mut self, batches: &mut Vec<Vec<Row>>) {
        let filled = std::mem::take(self);
        if !filled.rows.is_empty() {
            batches.push(sorted(filled.rows));
        }
    }
}

/// The batches of a commit, each sorted by key and without double keys. Groups keep their order and are never
/// divided; one that is over the limits is a batch of its own. `last` is in the final batch, alone if need be.
pub(super) fn plan(commit: Commit) -> Vec<Vec<Row>> {
    let mut batches = Vec::new();
    let mut filling = Filling::default();
    let last = Group { rows: commit.last };
    for group in commit.groups.into_iter().chain([last]) {
        let bytes = group.rows.iter().map(row_bytes).sum();
        if !filling.has_room(&group.rows, bytes) {
            filling.finish(&mut batches);
        }
        filling.take(group.rows, bytes);
    }
    filling.finish(&mut batches);
    batches
}

fn row_bytes((key, value): &Row) -> usize {
    key.len() + value.as_ref().map_or(0, Vec::len)
}

/// By key; of several rows with one key the last written stays.
fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort_by(|one, other| one.0.cmp(&other.0));
    // `dedup_by` keeps the first of a run and hands over (later, kept).
    rows.dedup_by(|later, kept| {
        let same = later.0 == kept.0;
        if same {
            kept.1 = later.1.take();
        }
        same
    });
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(first: u32, rows: u32, value_bytes: usize) -> Group {
        let row = |n: u32| (n.to_be_bytes().to_vec(), Some(vec![0; value_bytes]));
        Group::new((first..first + rows).map(row).collect())
    }

    fn sizes(commit: Commit) -> Vec<usize> {
        plan(commit).iter().map(Vec::len).collect()
    }

    #[test]
    fn nothing_gives_no_batch() {
        assert!(sizes(Commit::default()).is_empty());
        assert!(sizes(Commit { groups: vec![Group::default()], last: vec![] }).is_empty());
    }

    #[test]
    fn groups_fill_batches_up_to_the_row_limit() {
        let groups = vec![group(0, 900, 1), group(1_000, 900, 1), group(2_000, 900, 1)];
        assert_eq!(sizes(Commit { groups, last: group(9_000, 1, 8).rows }), [1_800, 901]);
    }

    #[test]
    fn the_byte_limit_counts_too() {
        let groups = vec![group(0, 10, 60_000), group(10, 10, 60_000)];
        assert_eq!(sizes(Commit { groups, last: vec![] }), [10, 10]);
    }

    #[test]
    fn an_oversized_group_stays_whole_and_alone() {
        let groups = vec![group(0, 3, 1), group(10, 5_000, 1), group(9_000, 3, 1)];
        assert_eq!(sizes(Commit { groups, last: group(9_900, 2, 1).rows }), [3, 5_000, 5]);
    }

    #[test]
    fn last_goes_alone_when_the_final_batch_is_full() {
        assert_eq!(
            sizes(Commit { groups: vec![group(0, 2_000, 1)], last: group(9_000, 1, 1).rows }),
            [2_000, 1]
        );
    }

    #[test]
    fn rows_are_sorted_and_the_later_of_two_counts() {
        let row = |key: u8, value: Option<u8>| (vec![key], value.map(|byte| vec![byte]));
        let groups = vec![
            Group::new(vec![row(3, Some(1)), row(1, Some(1)), row(3, Some(2))]),
            Group::new(vec![row(1, None), row(2, Some(1))]),
        ];
        let batches = plan(Commit { groups, last: vec![] });
        assert_eq!(batches, [vec![row(1, None), row(2, Some(1)), row(3, Some(2))]]);
    }
}
