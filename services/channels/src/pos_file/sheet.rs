//! From a file to rows with named values. What cannot be a row stays with its reason; the others go on.

use super::{
    columns::{Column, Values},
    config::{Config, Format},
    json,
    places::{Places, Read},
};
use crate::{
    adapter::{InboundRequest, Rejected},
    table::{Delimiter, Text, records, values},
};

/// Rows a file may have: what a request decodes to is held in memory until it is durable.
pub(super) const ROWS_MAX: usize = 250_000;
/// Bytes the header may come to when it is repeated in the raw request of every row.
const REPEATED_HEADER_MAX: usize = 256 * 1024 * 1024;
/// Longest value of a mapped column in bytes: longer than any name or address of one line.
pub(super) const VALUE_MAX: usize = 400;

/// One row.
pub(super) struct Row<'a> {
    /// Its first line in the file, from 1.
    pub(super) line: usize,
    /// Its bytes.
    pub(super) bytes: &'a [u8],
    /// Its mapped values.
    pub(super) values: Values,
    /// A line of the receipt before it.
    pub(super) is_detail: bool,
}

/// A row that is none.
pub(super) struct BadRow<'a> {
    /// Its bytes.
    pub(super) bytes: &'a [u8],
    /// Stable code.
    pub(super) reason: &'static str,
    /// `line 17: ...`, without values.
    pub(super) detail: String,
    /// It stands in the file of details.
    pub(super) is_detail: bool,
}

/// What a file says that it holds.
pub(super) struct ControlRow<'a> {
    /// Its line in the file, from 1.
    pub(super) line: usize,
    /// Its bytes.
    pub(super) bytes: &'a [u8],
    /// Its values.
    pub(super) values: Vec<String>,
}

/// Which rows a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// All of them.
    Whole,
    /// Heads; the details are in another file.
    Heads,
    /// Details; the heads are in another file.
    Details,
}

/// Why a whole file gives no rows.
pub(super) enum Unreadable {
    /// Kept as it is, with a stable code and a detail.
    Kept(&'static str, String),
    /// Refused.
    Refused(Rejected),
}

/// A file's rows.
pub(super) struct Sheet<'a> {
    /// Header line, empty without one.
    pub(super) head: &'a [u8],
    /// One JSON object a line.
    pub(super) jsonl: bool,
    /// Good rows in order.
    pub(super) rows: Vec<Row<'a>>,
    /// The others in order.
    pub(super) bad: Vec<BadRow<'a>>,
    /// Control rows, where any are configured.
    pub(super) controls: Vec<ControlRow<'a>>,
    mark: &'static [u8],
}

impl<'a> Sheet<'a> {
    /// Reads a file.
    ///
    /// # Errors
    /// [`Unreadable`] if there are too many rows or mapped columns are not in the header.
    pub(super) fn read(
        config: &Config,
        text: &'a Text<'a>,
        request: &InboundRequest<'_>,
        part: Part,
    ) -> Result<Self, Unreadable> {
        let jsonl = is_jsonl(config, text, request);
        let quotes = match config.layout.delimiter {
            Delimiter::Byte(byte) if !jsonl => Some(byte),
            _ => None,
        };
        let mut records = records(&text.bytes, quotes);
        let (rows, bad, controls) = (Vec::new(), Vec::new(), Vec::new());
        let mut sheet = Self { head: &[], jsonl, rows, bad, controls, mark: text.mark() };
        let mut places = None;
        if !jsonl {
            let mut header = None;
            if config.header {
                let Some(record) = records.next() else { return Ok(sheet) };
                sheet.head = record.bytes;
                header = Some(values(&text.decode(record.bytes), config.layout.delimiter));
            }
            places = Some(Places::new(config, header, part)?);
        }
        for record in records {
            if sheet.rows.len() + sheet.bad.len() >= ROWS_MAX
                || sheet.rows.len().saturating_mul(sheet.head.len()) > REPEATED_HEADER_MAX
            {
                return Err(Unreadable::Refused(too_large()));
            }
            let read = match &places {
                Some(places) => places.row(config, text, record).map(|read| match read {
                    Read::Row(row) => sheet.rows.push(row),
                    Read::Control(row) => sheet.controls.push(row),
                    Read::Ignored => {}
                }),
                None => json::rows(config, text, record).map(|rows| sheet.rows.extend(rows)),
            };
            if let Err((reason, problem)) = read {
                let detail = format!("line {}: {problem}", record.line);
                let is_detail = part == Part::Details;
                sheet.bad.push(BadRow { bytes: record.bytes, reason, detail, is_detail });
            }
        }
        Ok(sheet)
    }

    /// The smallest text that holds these rows alone. The same bytes twice in a row are one row that was read twice.
    pub(super) fn part<'r>(&self, rows: impl Iterator<Item = &'r [u8]>) -> Vec<u8> {
        let mut body = self.mark.to_vec();
        if !self.head.is_empty() {
            body.extend_from_slice(self.head);
            body.push(b'\n');
        }
        let mut last: &[u8] = &[];
        for part in rows.filter(|part| !part.is_empty()) {
            if std::ptr::eq(part, last) {
                continue;
            }
            body.extend_from_slice(part);
            body.push(b'\n');
            last = part;
        }
        body
    }

    /// A row alone may look like the other format.
    pub(super) fn media_type(&self) -> &'static str {
        if self.jsonl { "application/x-ndjson" } else { "text/csv" }
    }
}

fn is_jsonl(config: &Config, text: &Text<'_>, request: &InboundRequest<'_>) -> bool {
    match (config.format, request.media_type().as_str()) {
        _ if text.is_workbook => false,
        (Some(format), _) => format == Format::Jsonl,
        (None, "application/x-ndjson" | "application/jsonl" | "application/json") => true,
        (None, "text/csv" | "text/tab-separated-values") => false,
        (None, _) => text.bytes.trim_ascii_start().starts_with(b"{"),
    }
}

fn too_large() -> Rejected {
    let detail = format!("a file holds at most {ROWS_MAX} rows with a short header: send it in parts");
    Rejected { status: 413, code: "too_many_rows", detail }
}

/// Sets a value that is short enough and readable. An unreadable name is left out: it is no reason to lose a sale, and
/// the raw row keeps it.
pub(super) fn put(
    values: &mut Values,
    column: Column,
    value: &str,
    charset: &str,
) -> Result<(), (&'static str, String)> {
    let word = column.word();
    if value.trim().len() > VALUE_MAX {
        return Err(("bad_row", format!("{word} is longer than {VALUE_MAX} bytes")));
    }
    if value.contains('\u{fffd}') {
        if column == Column::Name {
            return Ok(());
        }
        return Err(("bad_row", format!("{word} has bytes that are not {charset}")));
    }
    values.set(column, value);
    Ok(())
}
