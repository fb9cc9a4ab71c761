//! One file, or a file of heads with its file of details, as facts and remainders with the smallest requests that give them.

use super::{
    DETAIL_AT, OCCURRENCE, PART,
    config::Config,
    control::Found,
    group::{Group, groups},
    receipt::Receipt,
    sheet::{Row, Sheet},
};
use crate::{
    adapter::{Decoded, InboundRequest, Unrecognised},
    table::version::Version,
};
use std::collections::HashMap;
use tributary_core::{draft::Draft, seal::Raw};

/// A file that could be read.
pub(super) struct File<'r> {
    pub(super) config: &'r Config,
    /// All rows, or those of the heads.
    pub(super) heads: Sheet<'r>,
    pub(super) details: Option<Sheet<'r>>,
    pub(super) version: Version,
}

/// A line of the file, and the rows of the receipt that starts there.
type First<'r> = (usize, Vec<&'r [u8]>);

/// What each (key, revision) was made of first.
type Seen<'r> = HashMap<(String, u64), First<'r>>;

impl File<'_> {
    /// Its facts, and what is none.
    pub(super) fn decode(&self, request: &InboundRequest<'_>) -> Decoded {
        let first = request.header(OCCURRENCE).and_then(|v| v.parse().ok()).unwrap_or(0);
        let details = || self.details.iter().flat_map(|sheet| &sheet.rows);
        let (groups, keyless) = groups(self.config, self.heads.rows.iter().chain(details()), first);
        let mut decoded = Decoded::default();
        let bad_details = self.details.iter().flat_map(|sheet| &sheet.bad);
        for bad in self.heads.bad.iter().chain(bad_details).chain(&keyless) {
            let raw = self.raw(std::iter::once((bad.bytes, bad.is_detail)), true);
            decoded.unrecognised.push(Unrecognised { reason: bad.reason, detail: bad.detail.clone(), raw });
        }
        let mut seen = Seen::new();
        for group in &groups {
            self.receipt(group, &mut seen, &mut decoded);
        }
        self.control(groups.len(), request, &mut decoded);
        decoded
    }

    fn receipt<'g>(&self, group: &'g Group<'g>, seen: &mut Seen<'g>, decoded: &mut Decoded) {
        let rows = group.rows.iter().map(|row| (row.bytes, self.details.is_some() && row.is_detail));
        let mut raw = self.raw(rows, true);
        if group.occurrence > 0 {
            raw.headers.push((OCCURRENCE.to_owned(), group.occurrence.to_string()));
        }
        let receipt = Receipt { config: self.config, group };
        let mut draft: Draft = match receipt.draft(self.version.revision) {
            Ok(draft) => draft,
            Err(problem) => {
                let detail = format!("line {}: {}", problem.line, problem.what);
                return decoded.unrecognised.push(Unrecognised { reason: "bad_row", detail, raw });
            }
        };
        let line = group.rows.first().map_or(0, |r: &&Row<'_>| r.line);
        let rows: Vec<&[u8]> = group.rows.iter().map(|r| r.bytes).collect();
        let (first, before) =
            seen.entry((draft.key.clone(), draft.revision)).or_insert_with(|| (line, rows.clone()));
        // The log would take the second for a repetition of the first and drop it without a word.
        if *before != rows {
            let detail = format!("line {line}: has the key of line {first}, but another content");
            return decoded.unrecognised.push(Unrecognised { reason: "key_repeated", detail, raw });
        }
        draft.flags |= self.version.flags;
        draft.raw = raw;
        decoded.events.push(draft);
    }

    /// Compares what the file holds with what it says that it holds.
    fn control(&self, receipts: usize, request: &InboundRequest<'_>, decoded: &mut Decoded) {
        let Some(control) = self.config.control.as_ref().filter(|_| request.header(PART).is_none()) else {
            return;
        };
        let sheets = || std::iter::once((&self.heads, false)).chain(self.details.iter().map(|s| (s, true)));
        let mut told = Vec::new();
        for (sheet, is_detail) in sheets() {
            let mut found = Found::new(sheet.rows.len() + sheet.bad.len(), receipts);
            decoded.events.iter().for_each(|draft| found.add(draft));
            for row in &sheet.controls {
                let differs = found.differs(control, &row.values);
                if !differs.is_empty() {
                    let detail = format!("line {}: {differs}", row.line);
                    let raw = self.raw(std::iter::once((row.bytes, is_detail)), false);
                    told.push(Unrecognised { reason: "control_differs", detail, raw });
                }
            }
        }
        let last = self.heads.rows.last().filter(|_| sheets().all(|(sheet, _)| sheet.controls.is_empty()));
        if let Some(last) = last {
            let detail = format!("line {}: the file ends without its control row", last.line);
            let raw = self.raw(std::iter::once((last.bytes, false)), false);
            told.push(Unrecognised { reason: "control_missing", detail, raw });
        }
        decoded.unrecognised.extend(told);
    }

    /// The smallest request that holds these rows alone, each in its file.
    fn raw<'b>(&self, rows: impl Iterator<Item = (&'b [u8], bool)> + Clone, is_part: bool) -> Raw {
        let of =
            |wanted: bool| rows.clone().filter(move |(_, detail)| *detail == wanted).map(|(bytes, _)| bytes);
        let mut headers = self.version.headers.clone();
        headers.push(("content-type".to_owned(), self.heads.media_type().to_owned()));
        if is_part && self.config.control.is_some() {
            headers.push((PART.to_owned(), "1".to_owned()));
        }
        let mut body = self.heads.part(of(false));
        if let Some(details) = &self.details {
            headers.push((DETAIL_AT.to_owned(), body.len().to_string()));
            body.extend(details.part(of(true)));
        }
        Raw { headers, body }
    }
}
