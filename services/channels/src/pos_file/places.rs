//! From a record of separated values to a row: where its columns stand, and what kind of row it is.

use super::{
    columns::{Column, Mapping, Values},
    config::Config,
    sheet::{Part, Read, Row, Span, Unreadable, Wrong, put},
};
use crate::table::{Record, Text, fields};
use std::borrow::Cow;

/// Where the mapped columns stand.
pub(super) struct Places {
    columns: Vec<(Column, usize)>,
    detail: Vec<(Column, usize)>,
    /// How many values a row has.
    width: Option<usize>,
    part: Part,
}

impl Places {
    /// Finds the columns of this part of a receipt by its header, or by their numbers.
    ///
    /// # Errors
    /// [`Unreadable`] if a mapped column is not in the header.
    pub(super) fn new(config: &Config, header: Option<Vec<String>>, part: Part) -> Result<Self, Unreadable> {
        let find = |mapping: &Mapping| match &header {
            Some(names) => mapping.by_header(names).map_err(|(column, name)| {
                let detail = format!("line 1: no column \"{name}\" ({})", column.word());
                Unreadable::Kept("missing_column", detail)
            }),
            None => Ok(mapping.by_number().unwrap_or_default()),
        };
        let (columns, detail) = match part {
            Part::Whole => (find(&config.columns)?, find(&config.detail_columns)?),
            Part::Heads => (find(&config.columns)?, Vec::new()),
            Part::Details => (Vec::new(), find(&config.detail_columns)?),
        };
        let width = header.filter(|_| config.records.is_none()).map(|names| names.len());
        Ok(Self { columns, detail, width, part })
    }

    /// Reads one record and adds its row, if it is one.
    ///
    /// # Errors
    /// [`Wrong`].
    pub(super) fn row(
        &self,
        config: &Config,
        text: &Text<'_>,
        span: Span,
        record: Record<'_>,
        out: &mut Vec<Row>,
    ) -> Result<Read, Wrong> {
        let bad = |problem: String| Err(("bad_row", problem));
        if record.unclosed {
            return bad("has a quote that is not closed".to_owned());
        }
        let line = text.decode(record.bytes);
        let mut given: Vec<Cow<'_, str>> = fields(&line, config.layout.delimiter).collect();
        let kind_at = self.columns.iter().find(|(c, _)| *c == Column::RecordType).map(|(_, place)| *place);
        if let Some(control) = &config.control
            && given.get(kind_at.unwrap_or(0)).is_some_and(|value| value.trim() == control.mark)
        {
            return Ok(Read::Control);
        }
        if let Some(width) = self.width {
            while given.len() > width && given.last().is_some_and(|value| value.is_empty()) {
                given.pop();
            }
            if given.len() != width {
                return bad(format!("has {} columns, the header {width}", given.len()));
            }
        }
        let mut is_detail = self.part == Part::Details;
        if let Some(types) = &config.records {
            let kind = kind_at.and_then(|place| given.get(place)).map(|v| v.trim()).unwrap_or_default();
            if types.ignore.iter().any(|i| i == kind) {
                return Ok(Read::Ignored);
            }
            is_detail = kind == types.detail;
            if !is_detail && kind != types.head {
                return bad("record_type is none of the configured ones".to_owned());
            }
        }
        let mut values = Values::default();
        for (column, place) in if is_detail { &self.detail } else { &self.columns } {
            match given.get(*place) {
                Some(value) => put(&mut values, *column, value, text.charset.name())?,
                // Heads and details share a mapping unless there are two; then each has its own columns.
                None if config.records.is_some() => {}
                None => {
                    return bad(format!("{} is missing: there are {} columns", column.word(), given.len()));
                }
            }
        }
        out.push(Row { line: record.line, span, values, is_detail });
        Ok(Read::Rows)
    }
}
