//! From a file to rows with named values. What cannot be a row stays with its reason; the others go on.

use super::{
    columns::{Column, Mapping, Values},
    config::{Config, Delimiter, Format},
    json,
    split::{Record, Text, records, values},
};
use crate::adapter::{InboundRequest, Rejected};
use tributary_core::seal::Raw;

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
    ) -> Result<Self, Unreadable> {
        let jsonl = is_jsonl(config, text, request);
        let quotes = match config.delimiter {
            Delimiter::Byte(byte) if !jsonl => Some(byte),
            _ => None,
        };
        let mut records = records(&text.bytes, quotes);
        let mut sheet = Self { head: &[], jsonl, rows: Vec::new(), bad: Vec::new(), mark: text.mark() };
        let mut places = None;
        if !jsonl {
            let mut header = None;
            if config.header {
                let Some(record) = records.next() else { return Ok(sheet) };
                sheet.head = record.bytes;
                header = Some(values(&text.decode(record.bytes), config.delimiter));
            }
            places = Some(Places::new(config, header)?);
        }
        for record in records {
            if sheet.rows.len() + sheet.bad.len() >= ROWS_MAX
                || sheet.rows.len().saturating_mul(sheet.head.len()) > REPEATED_HEADER_MAX
            {
                return Err(Unreadable::Refused(too_large()));
            }
            let read = match &places {
                Some(places) => places.row(config, text, record).map(|row| sheet.rows.extend(row)),
                None => json::rows(config, text, record).map(|rows| sheet.rows.extend(rows)),
            };
            if let Err((reason, problem)) = read {
                let detail = format!("line {}: {problem}", record.line);
                sheet.bad.push(BadRow { bytes: record.bytes, reason, detail });
            }
        }
        Ok(sheet)
    }

    /// The smallest request that holds these rows alone, with these headers. The same bytes twice in a row are one row
    /// that was read twice.
    pub(super) fn raw<'r>(&self, headers: &[(String, String)], rows: impl Iterator<Item = &'r [u8]>) -> Raw {
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
        let mut headers = headers.to_vec();
        // A row alone may look like the other format.
        let media_type = if self.jsonl { "application/x-ndjson" } else { "text/csv" };
        headers.push(("content-type".to_owned(), media_type.to_owned()));
        Raw { headers, body }
    }
}

fn is_jsonl(config: &Config, text: &Text<'_>, request: &InboundRequest<'_>) -> bool {
    match (config.format, request.media_type().as_str()) {
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

/// Where the mapped columns stand.
struct Places {
    columns: Vec<(Column, usize)>,
    detail: Vec<(Column, usize)>,
    /// How many values a row has.
    width: Option<usize>,
}

impl Places {
    fn new(config: &Config, header: Option<Vec<String>>) -> Result<Self, Unreadable> {
        let find = |mapping: &Mapping| match &header {
            Some(names) => mapping.by_header(names).map_err(|(column, name)| {
                let detail = format!("line 1: no column \"{name}\" ({})", column.word());
                Unreadable::Kept("missing_column", detail)
            }),
            None => Ok(mapping.by_number().unwrap_or_default()),
        };
        let (columns, detail) = (find(&config.columns)?, find(&config.detail_columns)?);
        let width = header.filter(|_| config.records.is_none()).map(|names| names.len());
        Ok(Self { columns, detail, width })
    }

    fn row<'a>(
        &self,
        config: &Config,
        text: &Text<'_>,
        record: Record<'a>,
    ) -> Result<Option<Row<'a>>, (&'static str, String)> {
        let bad = |problem: String| Err(("bad_row", problem));
        if record.unclosed {
            return bad("has a quote that is not closed".to_owned());
        }
        let mut given = values(&text.decode(record.bytes), config.delimiter);
        if let Some(width) = self.width {
            while given.len() > width && given.last().is_some_and(String::is_empty) {
                given.pop();
            }
            if given.len() != width {
                return bad(format!("has {} columns, the header {width}", given.len()));
            }
        }
        let mut is_detail = false;
        if let Some(types) = &config.records {
            let place = self.columns.iter().find(|(c, _)| *c == Column::RecordType).map(|(_, place)| *place);
            let kind = place.and_then(|place| given.get(place)).map(|v| v.trim()).unwrap_or_default();
            if types.ignore.iter().any(|i| i == kind) {
                return Ok(None);
            }
            is_detail = kind == types.detail;
            if !is_detail && kind != types.head {
                return bad("record_type is none of the configured ones".to_owned());
            }
        }
        let mut out = Values::default();
        for (column, place) in if is_detail { &self.detail } else { &self.columns } {
            match given.get(*place) {
                Some(value) => put(&mut out, *column, value, text.charset.name())?,
                // Heads and details share a mapping unless there are two; then each has its own columns.
                None if config.records.is_some() => {}
                None => {
                    return bad(format!("{} is missing: there are {} columns", column.word(), given.len()));
                }
            }
        }
        Ok(Some(Row { line: record.line, bytes: record.bytes, values: out, is_detail }))
    }
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
