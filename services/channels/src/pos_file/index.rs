//! Where the rows of a file stand and which of them belong together.

use super::{
    config::Config,
    group::{Groups, Number, Walk},
    sheet::{ROWS_MAX, Read, Row, Sheet, Span, Unreadable, too_large},
};

/// A row that is none, or that belongs to no receipt.
pub(super) struct Wrong {
    /// Its place.
    pub(super) span: Span,
    /// It stands in the second file.
    pub(super) is_detail: bool,
    /// Stable code.
    pub(super) reason: &'static str,
    /// What is wrong, without values.
    pub(super) problem: String,
}

/// What is known of a file's rows, or of those of two files.
#[derive(Default)]
pub(super) struct Index {
    /// Good rows, those of the first file before those of the second.
    rows: Vec<Span>,
    /// How many of them stand in the first file.
    heads: usize,
    /// Of each file: rows that are neither header nor control row.
    counts: [usize; 2],
    /// Rows that are none in order, then those without a receipt.
    pub(super) wrong: Vec<Wrong>,
    /// Control rows, and whether they stand in the second file.
    pub(super) controls: Vec<(Span, bool)>,
    pub(super) groups: Groups,
}

impl Index {
    /// Reads the rows of a file, then those of the second.
    ///
    /// # Errors
    /// [`Unreadable`] if there are too many, or the second file says so.
    pub(super) fn read<'r>(
        config: &Config,
        heads: &Sheet<'r>,
        details: impl FnOnce() -> Result<Option<Sheet<'r>>, Unreadable>,
        first_occurrence: u32,
    ) -> Result<(Self, Option<Sheet<'r>>), Unreadable> {
        let mut index = Self::default();
        let mut homeless = Vec::new();
        let mut walk = Walk::new(config, first_occurrence);
        index.add(heads, false, &mut walk, &mut homeless)?;
        index.heads = index.rows.len();
        let details = details()?;
        if let Some(details) = &details {
            index.add(details, true, &mut walk, &mut homeless)?;
        }
        index.groups = walk.groups();
        index.wrong.append(&mut homeless);
        Ok((index, details))
    }

    fn add<'s>(
        &mut self,
        sheet: &'s Sheet<'_>,
        is_second: bool,
        walk: &mut Walk<'_, 's>,
        homeless: &mut Vec<Wrong>,
    ) -> Result<(), Unreadable> {
        let mut read: Vec<Row> = Vec::new();
        let (mut count, mut controls) = (0_usize, 0_usize);
        for (span, record) in sheet.records() {
            if count + controls >= ROWS_MAX {
                return Err(Unreadable::Refused(too_large()));
            }
            match sheet.read(span, record, &mut read) {
                Ok(Read::Rows) => count += read.len(),
                Ok(Read::Control) => {
                    self.controls.push((span, is_second));
                    controls += 1;
                }
                Ok(Read::Ignored) => {}
                Err((reason, problem)) => {
                    self.wrong.push(Wrong { span, is_detail: is_second, reason, problem });
                    count += 1;
                }
            }
            for row in read.drain(..) {
                self.rows.push(row.span);
                if let Err(problem) = walk.take(&row, sheet.bytes(span)) {
                    homeless.push(Wrong { span: row.span, is_detail: is_second, reason: "bad_row", problem });
                }
            }
        }
        if let Some(sum) = self.counts.get_mut(usize::from(is_second)) {
            *sum = count;
        }
        Ok(())
    }

    /// Facts and remainders that the file gives, control rows aside.
    pub(super) fn told(&self) -> usize {
        self.wrong.len() + self.groups.len()
    }

    /// Rows of the first or the second file that are neither header nor control row.
    pub(super) fn rows_of(&self, second: bool) -> usize {
        self.counts.get(usize::from(second)).copied().unwrap_or_default()
    }

    /// Where the row of this number stands, and whether in the second file.
    pub(super) fn place(&self, row: Number) -> Option<(Span, bool)> {
        Some((*self.rows.get(row as usize)?, row as usize >= self.heads))
    }

    /// The last good row of the first file.
    pub(super) fn last_of_heads(&self) -> Option<Span> {
        self.rows.get(self.heads.checked_sub(1)?).copied()
    }
}
