//! From a file to rows with named values, one record after the other. What cannot be a row is told with its reason; the
//! others go on.

use super::{
    columns::{Column, Values},
    config::{Config, Format},
    json,
    places::Places,
};
use crate::{
    adapter::{InboundRequest, Rejected},
    table::{Delimiter, Record, Text, records, values},
};

/// Rows a file may have: what is known of each is held in memory until all of them are durable.
pub(super) const ROWS_MAX: usize = 250_000;
/// Longest value of a mapped column in bytes: longer than any name or address of one line.
pub(super) const VALUE_MAX: usize = 400;

/// Where a row stands in its file's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    at: u32,
    length: u32,
    line: u32,
    /// Number among the rows of one record: the lines of a JSON object.
    pub(super) item: u32,
}

impl Span {
    /// The number of its first line in the file, from 1.
    pub(super) fn line(self) -> usize {
        self.line as usize
    }

    /// Whether both are rows of one record.
    pub(super) fn is_of(self, other: Self) -> bool {
        (self.at, self.length) == (other.at, other.length)
    }

    /// The same place as the row of this number in its record.
    pub(super) fn item(self, item: usize) -> Self {
        Self { item: u32::try_from(item).unwrap_or(u32::MAX), ..self }
    }
}

/// One row.
pub(super) struct Row {
    /// Its first line in the file, from 1.
    pub(super) line: usize,
    /// Its place.
    pub(super) span: Span,
    /// Its mapped values.
    pub(super) values: Values,
    /// A line of the receipt before it.
    pub(super) is_detail: bool,
}

/// What a record is.
pub(super) enum Read {
    /// Rows: one, or one for each line of a JSON object.
    Rows,
    /// What the file says that it holds.
    Control,
    /// Left out on purpose.
    Ignored,
}

/// A stable code and what is wrong, without values.
pub(super) type Wrong = (&'static str, String);

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

/// A file whose rows can be read, again and again.
pub(super) struct Sheet<'r> {
    config: &'r Config,
    text: Text<'r>,
    /// Header line, empty without one.
    head: Vec<u8>,
    /// One JSON object a line.
    jsonl: bool,
    /// Where columns stand; none in JSON lines and in a file without a line.
    places: Option<Places>,
}

impl<'r> Sheet<'r> {
    /// Reads the header.
    ///
    /// # Errors
    /// [`Unreadable`] if mapped columns are not in the header.
    pub(super) fn open(
        config: &'r Config,
        text: Text<'r>,
        request: &InboundRequest<'_>,
        part: Part,
    ) -> Result<Self, Unreadable> {
        if u32::try_from(text.bytes.len()).is_err() {
            return Err(Unreadable::Refused(too_large()));
        }
        let jsonl = is_jsonl(config, &text, request);
        let mut sheet = Self { config, text, head: Vec::new(), jsonl, places: None };
        if jsonl {
            return Ok(sheet);
        }
        let mut header = None;
        if config.header {
            let Some(record) = records(&sheet.text.bytes, sheet.quotes()).next() else { return Ok(sheet) };
            header = Some(values(&sheet.text.decode(record.bytes), config.layout.delimiter));
            sheet.head = record.bytes.to_vec();
        }
        sheet.places = Some(Places::new(config, header, part)?);
        Ok(sheet)
    }

    fn quotes(&self) -> Option<u8> {
        match self.config.layout.delimiter {
            Delimiter::Byte(byte) if !self.jsonl => Some(byte),
            _ => None,
        }
    }

    /// The records behind the header.
    pub(super) fn records(&self) -> impl Iterator<Item = (Span, Record<'_>)> {
        let head = usize::from(!self.jsonl && self.config.header);
        // The length of the text was checked when it was opened.
        let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        records(&self.text.bytes, self.quotes()).skip(head).map(move |record| {
            let (at, length, line) = (small(record.at), small(record.bytes.len()), small(record.line));
            (Span { at, length, line, item: 0 }, record)
        })
    }

    /// Adds a record's rows to `out`.
    ///
    /// # Errors
    /// [`Wrong`], and no row of it.
    pub(super) fn read(&self, span: Span, record: Record<'_>, out: &mut Vec<Row>) -> Result<Read, Wrong> {
        match &self.places {
            Some(places) => places.row(self.config, &self.text, span, record, out),
            None => json::rows(self.config, &self.text, span, record, out),
        }
    }

    /// Reads a record once more that gave rows before.
    pub(super) fn read_again(&self, span: Span, out: &mut Vec<Row>) {
        let record =
            Record { line: span.line(), at: span.at as usize, bytes: self.bytes(span), unclosed: false };
        // What is wrong with a record is known from its first reading, and such a one is not read again.
        let _ = self.read(span, record, out);
    }

    /// The bytes of a row's record.
    pub(super) fn bytes(&self, span: Span) -> &[u8] {
        let at = span.at as usize;
        self.text.bytes.get(at..at + span.length as usize).unwrap_or_default()
    }

    /// The values of a record by their places in it.
    pub(super) fn values(&self, span: Span) -> Vec<String> {
        values(&self.text.decode(self.bytes(span)), self.config.layout.delimiter)
    }

    /// The smallest text that holds these rows alone. Rows of one record are one row that was read several times.
    pub(super) fn part(&self, rows: impl Iterator<Item = Span> + Clone, body: &mut Vec<u8>) {
        let lines: usize = rows.clone().map(|span| span.length as usize + 1).sum();
        body.reserve(self.text.mark().len() + self.head.len() + 1 + lines);
        body.extend_from_slice(self.text.mark());
        if !self.head.is_empty() {
            body.extend_from_slice(&self.head);
            body.push(b'\n');
        }
        let mut last = None;
        for span in rows {
            if last.is_some_and(|last: Span| last.is_of(span)) {
                continue;
            }
            body.extend_from_slice(self.bytes(span));
            body.push(b'\n');
            last = Some(span);
        }
    }

    /// Bytes of the header, and of the whole text.
    pub(super) fn sizes(&self) -> (usize, usize) {
        (self.head.len(), self.text.bytes.len())
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

/// The refusal of a file with too many rows, or with too long a header for so many.
pub(super) fn too_large() -> Rejected {
    let detail = format!("a file holds at most {ROWS_MAX} rows with a short header: send it in parts");
    Rejected { status: 413, code: "too_many_rows", detail }
}

/// Sets a value that is short enough and readable. An unreadable name is left out: it is no reason to lose a sale, and
/// the raw row keeps it.
pub(super) fn put(values: &mut Values, column: Column, value: &str, charset: &str) -> Result<(), Wrong> {
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
