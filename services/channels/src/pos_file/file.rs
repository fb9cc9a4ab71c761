//! One file, or a file of heads with its file of details, as facts and remainders with the smallest requests that give
//! them. The file is read twice: once to learn where its rows stand and which of them belong together, wherever in the file
//! they are, and then receipt after receipt. So only its places are held for the whole of it, never its facts.

use super::{
    DETAIL_AT, OCCURRENCE, PART,
    batch::Batch,
    config::Config,
    control::Found,
    group::{Group, key_of, name},
    index::Index,
    receipt::Receipt,
    sheet::{Row, Sheet, Span, Unreadable, too_large},
};
use crate::{
    adapter::{Decoded, InboundRequest, Unrecognised},
    portions::{Filling, Portions},
    table::{is_too_long, version::Version},
};
use std::collections::{HashMap, hash_map::Entry};
use tributary_core::{draft::Draft, seal::Raw};

/// Rows that are read at once for a fact of a portion: the receipts of one till have a few lines each.
const ROWS_A_FACT: usize = 16;

/// A file that could be read.
pub(super) struct File<'r> {
    config: &'r Config,
    /// All rows, or those of the heads.
    heads: Sheet<'r>,
    details: Option<Sheet<'r>>,
    version: Version,
    index: Index,
    /// It is a part of a file, whose control row is elsewhere.
    is_part: bool,
    /// Facts of a portion.
    most: usize,
    /// What of it is next: rows that are none, then rows without a receipt, receipts, control rows, and the end.
    next: usize,
    batch: Batch,
    /// The first group of each key and revision.
    seen: HashMap<[u8; 16], u32>,
    found: Found,
}

impl<'r> File<'r> {
    /// Reads where everything stands.
    ///
    /// # Errors
    /// [`Unreadable`] if there are too many rows, or so many with so long a header.
    pub(super) fn open(
        config: &'r Config,
        heads: Sheet<'r>,
        details: impl FnOnce() -> Result<Option<Sheet<'r>>, Unreadable>,
        version: Version,
        request: &InboundRequest<'_>,
        most: usize,
    ) -> Result<Self, Unreadable> {
        let first = request.header(OCCURRENCE).and_then(|v| v.parse().ok()).unwrap_or(0);
        let (index, details) = Index::read(config, &heads, details, first)?;
        let is_part = request.header(PART).is_some();
        let (batch, found) = (Batch::default(), Found::new());
        let seen = HashMap::new();
        let file =
            Self { config, heads, details, version, index, is_part, most, next: 0, batch, seen, found };
        if file.header_is_too_long() {
            return Err(Unreadable::Refused(too_large()));
        }
        Ok(file)
    }

    fn header_is_too_long(&self) -> bool {
        let (mut head, mut whole) = (0_usize, 0_usize);
        for sheet in std::iter::once(&self.heads).chain(&self.details) {
            let (of_head, of_text) = sheet.sizes();
            (head, whole) = (head.saturating_add(of_head), whole.saturating_add(of_text));
        }
        is_too_long(head, self.index.told(), whole)
    }

    /// Tells what is next; whether there was anything left.
    fn step(&mut self, portion: &mut Filling) -> bool {
        let number = self.next;
        self.next += 1;
        let index = &self.index;
        let Some(number) = number.checked_sub(index.wrong.len()) else {
            if let Some(wrong) = index.wrong.get(number) {
                let raw = self.raw(&[(wrong.span, wrong.is_detail)], true);
                let detail = format!("line {}: {}", wrong.span.line(), wrong.problem);
                portion.add_rest(Unrecognised { reason: wrong.reason, detail, raw });
            }
            return true;
        };
        let Some(number) = number.checked_sub(index.groups.len()) else {
            self.receipt(number, portion);
            return true;
        };
        match number.checked_sub(index.controls.len()) {
            None => self.control(number, portion),
            Some(0) => self.missing_control(portion),
            Some(_) => return false,
        }
        true
    }

    fn receipt(&mut self, number: usize, portion: &mut Filling) {
        if !self.batch.holds(number) {
            let rows = self.most.saturating_mul(ROWS_A_FACT);
            self.batch.fill(&self.index, &self.heads, self.details.as_ref(), number, rows);
        }
        let places: Vec<(Span, bool)> = self.lines(number).collect();
        let mut raw = self.raw(&places, true);
        let occurrence = self.index.groups.occurrence(number);
        if occurrence > 0 {
            raw.headers.push((OCCURRENCE.to_owned(), occurrence.to_string()));
        }
        let rows = self.batch.rows(self.index.groups.rows(number));
        let of_first =
            |first: &&Row| key_of(self.config, first, self.sheet(false).bytes(first.span), occurrence);
        let key = rows.first().filter(|_| rows.len() == places.len()).map(of_first);
        let (Some(first), Some(Ok(key))) = (rows.first(), key) else {
            // Decoding is a function of the bytes, so this does not happen; if it did, nothing would be lost.
            let detail = "a receipt reads differently the second time".to_owned();
            return portion.add_rest(Unrecognised { reason: "bad_row", detail, raw });
        };
        let line = first.line;
        let group = Group { key, rows };
        let receipt = Receipt { config: self.config, group: &group };
        let mut draft: Draft = match receipt.draft(self.version.revision) {
            Ok(draft) => draft,
            Err(problem) => {
                let detail = format!("line {}: {}", problem.line, problem.what);
                return portion.add_rest(Unrecognised { reason: "bad_row", detail, raw });
            }
        };
        if let Some(first) = self.before(number, &draft) {
            let line_before = self.lines(first).next().map_or(0, |(span, _)| span.line());
            let detail = format!("line {line}: has the key of line {line_before}, but another content");
            return portion.add_rest(Unrecognised { reason: "key_repeated", detail, raw });
        }
        draft.flags |= self.version.flags;
        draft.raw = raw;
        self.found.add(&draft);
        portion.add(draft);
    }

    /// The group that has the key and revision of this draft already, with another content. The log would take the second
    /// for a repetition of the first and drop it without a word.
    fn before(&mut self, number: usize, draft: &Draft) -> Option<usize> {
        let revision = draft.revision.to_string();
        let first = match self.seen.entry(name([draft.key.as_str(), &revision])) {
            Entry::Occupied(seen) => *seen.get() as usize,
            Entry::Vacant(free) => {
                free.insert(u32::try_from(number).unwrap_or(u32::MAX));
                return None;
            }
        };
        let bytes = |group| self.lines(group).map(|(span, second)| self.sheet(second).bytes(span));
        (!bytes(first).eq(bytes(number))).then_some(first)
    }

    /// Where the rows of a group stand, and whether in the second file.
    fn lines(&self, group: usize) -> impl Iterator<Item = (Span, bool)> {
        self.index.groups.rows(group).iter().filter_map(|row| self.index.place(*row))
    }

    fn sheet(&self, second: bool) -> &Sheet<'r> {
        self.details.as_ref().filter(|_| second).unwrap_or(&self.heads)
    }

    /// Compares what the file holds with what a row says that it holds.
    fn control(&self, number: usize, portion: &mut Filling) {
        let (Some(control), Some((span, second))) = (&self.config.control, self.index.controls.get(number))
        else {
            return;
        };
        if self.is_part {
            return;
        }
        let rows = self.index.rows_of(*second);
        let values = self.sheet(*second).values(*span);
        let differs = self.found.differs(control, rows, self.index.groups.len(), &values);
        if !differs.is_empty() {
            let detail = format!("line {}: {differs}", span.line());
            let raw = self.raw(&[(*span, *second)], false);
            portion.add_rest(Unrecognised { reason: "control_differs", detail, raw });
        }
    }

    fn missing_control(&self, portion: &mut Filling) {
        if self.config.control.is_none() || self.is_part || !self.index.controls.is_empty() {
            return;
        }
        if let Some(last) = self.index.last_of_heads() {
            let detail = format!("line {}: the file ends without its control row", last.line());
            let raw = self.raw(&[(last, false)], false);
            portion.add_rest(Unrecognised { reason: "control_missing", detail, raw });
        }
    }

    /// The smallest request that holds these rows alone, each in its file.
    fn raw(&self, rows: &[(Span, bool)], is_part: bool) -> Raw {
        let of =
            |wanted: bool| rows.iter().filter(move |(_, second)| *second == wanted).map(|(span, _)| *span);
        // Room for all that may come: raw requests are as many as receipts.
        let mut headers = Vec::with_capacity(self.version.headers.len() + 4);
        headers.extend_from_slice(&self.version.headers);
        headers.push(("content-type".to_owned(), self.heads.media_type().to_owned()));
        if is_part && self.config.control.is_some() {
            headers.push((PART.to_owned(), "1".to_owned()));
        }
        let mut body = Vec::new();
        self.heads.part(of(false), &mut body);
        if let Some(details) = &self.details {
            headers.push((DETAIL_AT.to_owned(), body.len().to_string()));
            details.part(of(true), &mut body);
        }
        Raw { headers, body }
    }
}

impl Portions for File<'_> {
    fn next(&mut self) -> Option<Decoded> {
        let mut portion = Filling::new(self.most);
        while !portion.is_full() && self.step(&mut portion) {}
        portion.end()
    }

    fn progress(&self) -> (u64, u64) {
        let told = self.index.told();
        (self.next.min(told) as u64, told as u64)
    }
}
