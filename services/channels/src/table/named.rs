//! Files in which every row stands for itself: which column has which name, rows with their named values, and what the
//! adapters of all such kinds do.

use super::{Layout, Record, Text, records, values, version::Version};
use crate::{
    adapter::{ChannelAdapter, Decoded, InboundRequest, Outbound, Rejected, Unrecognised},
    settings::{Secret, Settings, SettingsError},
    signature,
};
use serde_json::Value;
use tributary_core::{draft::Draft, seal::Raw};

/// Rows a file may have: what a request decodes to is held in memory until it is durable.
const ROWS_MAX: usize = 250_000;
/// Longest value of a mapped column in bytes.
const VALUE_MAX: usize = 400;
/// Bytes the header may come to when it is repeated in the raw request of every row.
const REPEATED_HEADER_MAX: usize = 256 * 1024 * 1024;

/// One row's values by the place of their word in the kind's list; absent and empty are the same.
pub struct Values(Vec<String>);

impl Values {
    /// The value of the word at this place, without white space around it.
    #[must_use]
    pub fn get(&self, word: usize) -> &str {
        self.0.get(word).map(String::as_str).unwrap_or_default()
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
    ) -> Result<Values, String> {
        if record.unclosed {
            return Err("has a quote that is not closed".to_owned());
        }
        let mut given = values(&text.decode(record.bytes), self.layout.delimiter);
        if let Some(width) = width {
            while given.len() > width && given.last().is_some_and(String::is_empty) {
                given.pop();
            }
            if given.len() != width {
                return Err(format!("has {} columns, the header {width}", given.len()));
            }
        }
        let mut row = Values(vec![String::new(); self.words.len()]);
        for (word, place) in places {
            let value = given.get(*place).map(|v| v.trim()).unwrap_or_default();
            if value.len() > VALUE_MAX {
                return Err(format!("{} is longer than {VALUE_MAX} bytes", self.word(*word)));
            }
            if value.contains('\u{fffd}') {
                return Err(format!("{} has bytes that are not {}", self.word(*word), text.charset.name()));
            }
            if let Some(slot) = row.0.get_mut(*word) {
                value.clone_into(slot);
            }
        }
        Ok(row)
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
        let version = Version::of(request, self.by_upload)?;
        let kept = |reason, detail: String| {
            let raw = Raw { headers: version.headers.clone(), body: request.body.to_vec() };
            Ok(Decoded::only_unrecognised(reason, detail, raw))
        };
        let text = match Text::open(&self.layout, request.body) {
            Ok(text) => text,
            Err(problem) => return kept("bad_workbook", problem),
        };
        let quotes = match self.layout.delimiter {
            super::Delimiter::Byte(byte) => Some(byte),
            super::Delimiter::Spaces => None,
        };
        let mut records = records(&text.bytes, quotes);
        let head = if self.header { records.next() } else { None };
        let names = head.map(|head| values(&text.decode(head.bytes), self.layout.delimiter));
        if self.header && names.is_none() {
            return Ok(Decoded::default());
        }
        let places = match self.places(names.as_deref()) {
            Ok(places) => places,
            Err(problem) => return kept("missing_column", problem),
        };
        let mut decoded = Decoded::default();
        for (count, record) in records.enumerate() {
            if count == ROWS_MAX {
                let detail = format!("a file holds at most {ROWS_MAX} rows: send it in parts");
                return Err(Rejected { status: 413, code: "too_many_rows", detail });
            }
            if head.is_some_and(|head| count.saturating_mul(head.bytes.len()) > REPEATED_HEADER_MAX) {
                let detail = "the header is too long for so many rows: send the file in parts".to_owned();
                return Err(Rejected { status: 413, code: "too_many_rows", detail });
            }
            let raw = raw(&version, text.mark(), head.map_or(&[], |h| h.bytes), record.bytes);
            let row = self.row(&text, &record, &places, names.as_ref().map(Vec::len));
            match row.and_then(|row| self.reader.drafts(&row, &version)) {
                Ok(drafts) => decoded.events.extend(drafts.into_iter().map(|mut draft| {
                    draft.flags |= version.flags;
                    draft.raw = raw.clone();
                    draft
                })),
                Err(problem) => {
                    let detail = format!("line {}: {problem}", record.line);
                    decoded.unrecognised.push(Unrecognised { reason: "bad_row", detail, raw });
                }
            }
        }
        Ok(decoded)
    }

    fn sign(&self, request: &mut Outbound) {
        signature::sign_bearer(&self.keys, request);
    }
}

fn raw(version: &Version, mark: &[u8], head: &[u8], row: &[u8]) -> Raw {
    let mut body = mark.to_vec();
    for line in [head, row].into_iter().filter(|line| !line.is_empty()) {
        body.extend_from_slice(line);
        body.push(b'\n');
    }
    let mut headers = version.headers.clone();
    headers.push(("content-type".to_owned(), "text/csv".to_owned()));
    Raw { headers, body }
}
