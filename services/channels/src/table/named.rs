//! Files in which every row stands for itself: which column has which name, rows with their named values, and what the
//! adapters of all such kinds do.

use super::{
    Delimiter, Layout, Place, Record, Text, cells::Cells, fields, is_too_long, records, values,
    version::Version,
};
use crate::{
    adapter::{ChannelAdapter, Decoded, InboundRequest, Outbound, Rejected, Unrecognised},
    portions::{Filling, Portions, USUAL, Whole, decode_whole},
    settings::{Secret, Settings, SettingsError},
    signature,
};
use serde_json::Value;
use std::borrow::Cow;
use tributary_core::{draft::Draft, seal::Raw};

/// Rows a file may have.
const ROWS_MAX: usize = 250_000;
/// Longest value of a mapped column in bytes.
const VALUE_MAX: usize = 400;

/// One row's values by the place of their word in the kind's list; absent and empty are the same.
#[derive(Default)]
pub struct Values(Cells);

impl Values {
    /// The value of the word at this place, without white space around it.
    #[must_use]
    pub fn get(&self, word: usize) -> &str {
        self.0.get(word)
    }
}

/// What a kind makes of a row.
pub trait RowReader: Send + Sync {
    /// The row's facts, without their raw request. The error says what is wrong, without a value.
    ///
    /// # Errors
    /// What is wrong, for the dead letter.
    fn drafts(&self, row: &Values, version: &Version) -> Result<Vec<Draft>, String>;
}

/// What the adapter of a kind does whose rows stand for themselves.
pub struct RowFile<R> {
    keys: Vec<Secret>,
    layout: Layout,
    header: bool,
    /// Word and the column's name, or its number where there is no header.
    columns: Vec<(usize, String)>,
    /// Nobody wrote the mapping: columns carry the words themselves, and none must be there.
    implied: bool,
    /// Rows without a time of their own are of the time of upload.
    by_upload: bool,
    words: &'static [&'static str],
    reader: R,
}

impl<R: RowReader> RowFile<R> {
    /// Reads the settings that these kinds share; `required` are the words without which no row says anything.
    ///
    /// # Errors
    /// [`SettingsError`] naming the one that is wrong.
    pub fn read(
        settings: &mut Settings,
        words: &'static [&'static str],
        required: &[usize],
        reader: R,
    ) -> Result<Self, SettingsError> {
        let watched = settings.text("folder")?.is_some();
        let keys = if watched && settings.value("key").is_none() {
            Vec::new()
        } else {
            settings.secrets("key", "uploads carry it as `Authorization: Bearer` (or set `folder`)")?
        };
        let header = settings.flag("header")?.unwrap_or(true);
        let (columns, implied) = columns(settings, words, header)?;
        if let Some(missing) = required.iter().find(|word| !columns.iter().any(|(w, _)| w == *word)) {
            let word = words.get(*missing).copied().unwrap_or_default();
            return Err(SettingsError::new("columns", format!("needs `{word}`")));
        }
        let by_upload = match settings.text("supersede")?.as_deref() {
            None | Some("upload_time") => true,
            Some("never") => false,
            Some(_) => {
                return Err(SettingsError::new("supersede", "must be \"upload_time\" or \"never\""));
            }
        };
        let layout = Layout::read(settings)?;
        Ok(Self { keys, layout, header, columns, implied, by_upload, words, reader })
    }

    fn places(&self, header: Option<&[String]>) -> Result<Vec<(usize, usize)>, String> {
        let Some(header) = header else {
            let place =
                |(word, name): &(usize, String)| Some((*word, name.parse::<usize>().ok()?.checked_sub(1)?));
            return Ok(self.columns.iter().filter_map(place).collect());
        };
        let mut places = Vec::new();
        for (word, name) in &self.columns {
            match header.iter().position(|h| h.trim() == name) {
                Some(place) => places.push((*word, place)),
                None if self.implied => {}
                None => return Err(format!("line 1: no column \"{name}\" ({})", self.word(*word))),
            }
        }
        Ok(places)
    }

    fn word(&self, word: usize) -> &'static str {
        self.words.get(word).copied().unwrap_or_default()
    }

    fn row(
        &self,
        text: &Text<'_>,
        record: &Record<'_>,
        places: &[(usize, usize)],
        width: Option<usize>,
        row: &mut Values,
    ) -> Result<(), String> {
        if record.unclosed {
            return Err("has a quote that is not closed".to_owned());
        }
        let line = text.decode(record.bytes);
        let mut given: Vec<Cow<'_, str>> = fields(&line, self.layout.delimiter).collect();
        if let Some(width) = width {
            while given.len() > width && given.last().is_some_and(|value| value.is_empty()) {
                given.pop();
            }
            if given.len() != width {
                return Err(format!("has {} columns, the header {width}", given.len()));
            }
        }
        row.0.clear();
        for (word, place) in places {
            let value = given.get(*place).map(|v| v.trim()).unwrap_or_default();
            if value.len() > VALUE_MAX {
                return Err(format!("{} is longer than {VALUE_MAX} bytes", self.word(*word)));
            }
            if value.contains('\u{fffd}') {
                return Err(format!("{} has bytes that are not {}", self.word(*word), text.charset.name()));
            }
            row.0.set(*word, value);
        }
        Ok(())
    }

    /// The rows of a file.
    fn open<'r>(&'r self, body: &'r [u8], version: Version, most: usize) -> Result<Rows<'r, R>, Refusal> {
        let text =
            Text::open(&self.layout, body).map_err(|problem| Refusal::Kept("bad_workbook", problem))?;
        let mut all = records(&text.bytes, self.quotes());
        let head = if self.header { all.next() } else { None };
        let start = all.place();
        let names = head.map(|head| values(&text.decode(head.bytes), self.layout.delimiter));
        let head = head.map(|head| head.bytes.to_vec()).unwrap_or_default();
        // A file without a line has no rows either, and no columns that could be missing.
        let places =
            if self.header && names.is_none() { Ok(Vec::new()) } else { self.places(names.as_deref()) };
        let places = places.map_err(|problem| Refusal::Kept("missing_column", problem))?;
        let count = all.take(ROWS_MAX + 1).count();
        if count > ROWS_MAX {
            let detail = format!("a file holds at most {ROWS_MAX} rows: send it in parts");
            return Err(too_many(detail));
        }
        if is_too_long(head.len(), count, text.bytes.len()) {
            return Err(too_many(
                "the header is too long for so many rows: send the file in parts".to_owned(),
            ));
        }
        let width = names.map(|names| names.len());
        Ok(Rows { file: self, version, text, head, places, width, next: start, told: 0, count, most })
    }

    fn quotes(&self) -> Option<u8> {
        match self.layout.delimiter {
            Delimiter::Byte(byte) => Some(byte),
            Delimiter::Spaces => None,
        }
    }
}

/// Why a file gives no rows.
enum Refusal {
    /// It is kept whole, with a stable code and a detail.
    Kept(&'static str, String),
    /// It is refused.
    Refused(Rejected),
}

fn too_many(detail: String) -> Refusal {
    Refusal::Refused(Rejected { status: 413, code: "too_many_rows", detail })
}

/// The rows of a file, read one after the other.
struct Rows<'r, R> {
    file: &'r RowFile<R>,
    version: Version,
    text: Text<'r>,
    /// Header line, empty without one.
    head: Vec<u8>,
    /// Word and place of its column.
    places: Vec<(usize, usize)>,
    /// How many values a row has.
    width: Option<usize>,
    next: Place,
    told: usize,
    count: usize,
    most: usize,
}

impl<R: RowReader> Portions for Rows<'_, R> {
    fn next(&mut self) -> Option<Decoded> {
        let mut portion = Filling::new(self.most);
        let mut row = Values::default();
        let mut records = records(&self.text.bytes, self.file.quotes()).from(self.next);
        while !portion.is_full()
            && let Some(record) = records.next()
        {
            let raw = raw(&self.version, self.text.mark(), &self.head, record.bytes);
            let read = self.file.row(&self.text, &record, &self.places, self.width, &mut row);
            match read.and_then(|()| self.file.reader.drafts(&row, &self.version)) {
                Ok(mut drafts) => {
                    // The last takes the raw request itself: most rows are one fact or a few, and rows are many.
                    let last = drafts.pop();
                    for mut draft in drafts {
                        draft.flags |= self.version.flags;
                        draft.raw = raw.clone();
                        portion.add(draft);
                    }
                    if let Some(mut draft) = last {
                        draft.flags |= self.version.flags;
                        draft.raw = raw;
                        portion.add(draft);
                    }
                }
                Err(problem) => {
                    let detail = format!("line {}: {problem}", record.line);
                    portion.add_rest(Unrecognised { reason: "bad_row", detail, raw });
                }
            }
            self.told += 1;
        }
        self.next = records.place();
        portion.end()
    }

    fn progress(&self) -> (u64, u64) {
        (self.told as u64, self.count as u64)
    }
}

type Columns = (Vec<(usize, String)>, bool);

fn columns(settings: &mut Settings, words: &[&str], header: bool) -> Result<Columns, SettingsError> {
    let Some(table) = settings.table("columns")? else {
        if !header {
            return Err(SettingsError::new("columns", "without a header line columns are numbers from 1"));
        }
        return Ok((words.iter().enumerate().map(|(at, word)| (at, (*word).to_owned())).collect(), true));
    };
    let mut columns = Vec::new();
    for (word, value) in table {
        let at = format!("columns.{word}");
        let place = words.iter().position(|known| **known == word);
        let place = place
            .ok_or_else(|| SettingsError::new(&at, format!("means nothing; known: {}", words.join(", "))))?;
        let name = match value {
            Value::String(name) if header && !name.trim().is_empty() => name.trim().to_owned(),
            Value::Number(number) if !header && number.as_u64().is_some_and(|n| n > 0) => number.to_string(),
            _ if header => return Err(SettingsError::new(&at, "must be a column's name")),
            _ => return Err(SettingsError::new(&at, "must be a column's number from 1")),
        };
        columns.push((place, name));
    }
    Ok((columns, false))
}

impl<R: RowReader> ChannelAdapter for RowFile<R> {
    fn verify(&self, request: &InboundRequest<'_>) -> Result<(), Rejected> {
        signature::bearer(&self.keys, request)
    }

    /// Refuses with 400 a header that is no time, with 413 more rows than a file may have.
    fn decode(&self, request: &InboundRequest<'_>) -> Result<Decoded, Rejected> {
        decode_whole(self, request, USUAL)
    }

    fn portions<'r>(
        &'r self,
        request: &InboundRequest<'r>,
        most: usize,
    ) -> Result<Box<dyn Portions + 'r>, Rejected> {
        let version = Version::of(request, self.by_upload)?;
        match self.open(request.body, version.clone(), most) {
            Ok(rows) => Ok(Box::new(rows)),
            Err(Refusal::Refused(rejected)) => Err(rejected),
            Err(Refusal::Kept(reason, detail)) => {
                let raw = Raw { headers: version.headers, body: request.body.to_vec() };
                Ok(Box::new(Whole::new(Decoded::only_unrecognised(reason, detail, raw))))
            }
        }
    }

    fn sign(&self, request: &mut Outbound) {
        signature::sign_bearer(&self.keys, request);
    }
}

fn raw(version: &Version, mark: &[u8], head: &[u8], row: &[u8]) -> Raw {
    let mut body = Vec::with_capacity(mark.len() + head.len() + row.len() + 2);
    body.extend_from_slice(mark);
    for line in [head, row].into_iter().filter(|line| !line.is_empty()) {
        body.extend_from_slice(line);
        body.push(b'\n');
    }
    let mut headers = Vec::with_capacity(version.headers.len() + 1);
    headers.extend_from_slice(&version.headers);
    headers.push(("content-type".to_owned(), "text/csv".to_owned()));
    Raw { headers, body }
}
