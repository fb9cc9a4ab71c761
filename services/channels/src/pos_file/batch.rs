//! The rows of the next receipts, read from wherever in the file they stand.

use super::{
    group::Number,
    index::Index,
    sheet::{Row, Sheet, Span},
};
use std::ops::Range;

/// Rows of neighbouring groups.
#[derive(Default)]
pub(super) struct Batch {
    groups: Range<usize>,
    /// In the order of the file, by their numbers.
    rows: Vec<(Number, Row)>,
}

impl Batch {
    /// Whether the rows of this group are here.
    pub(super) fn holds(&self, group: usize) -> bool {
        self.groups.contains(&group)
    }

    /// Reads the rows of the groups from this one on, up to so many rows, but at least one group. Each record is read
    /// once, in the order of the file, however many groups its rows belong to.
    pub(super) fn fill(
        &mut self,
        index: &Index,
        heads: &Sheet<'_>,
        details: Option<&Sheet<'_>>,
        from: usize,
        rows_max: usize,
    ) {
        let mut wanted: Vec<Number> = Vec::new();
        let mut to = from;
        while to < index.groups.len() {
            let rows = index.groups.rows(to);
            if to > from && wanted.len() + rows.len() > rows_max {
                break;
            }
            wanted.extend_from_slice(rows);
            to += 1;
        }
        self.groups = from..to;
        wanted.sort_unstable();
        self.rows.clear();
        let mut last: Option<(Span, bool)> = None;
        let mut read: Vec<Option<Row>> = Vec::new();
        let mut again = Vec::new();
        for number in wanted {
            let Some((span, second)) = index.place(number) else { continue };
            if !last.is_some_and(|(last, was_second)| last.is_of(span) && was_second == second) {
                let sheet = details.filter(|_| second).unwrap_or(heads);
                again.clear();
                sheet.read_again(span, &mut again);
                read.clear();
                read.extend(again.drain(..).map(Some));
                last = Some((span, second));
            }
            if let Some(row) = read.get_mut(span.item as usize).and_then(Option::take) {
                self.rows.push((number, row));
            }
        }
    }

    /// Rows of these numbers that are here.
    pub(super) fn rows(&self, numbers: &[Number]) -> Vec<&Row> {
        let place = |number: &Number| self.rows.binary_search_by_key(number, |(number, _)| *number).ok();
        numbers.iter().filter_map(|number| Some(&self.rows.get(place(number)?)?.1)).collect()
    }
}
