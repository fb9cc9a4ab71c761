//! Folders of small files from tills: separated values, runs of spaces, or JSON lines, with a table that says what the
//! columns mean.
//!
//! A row is a receipt (`row = "receipt"`, the default) or one line of a receipt (`row = "line"`: rows with one key are one
//! purchase; also `head`/`detail` rows, and a JSON array named by `lines`). A receipt is one fact: if one of its rows
//! cannot be read, the whole receipt is kept as unrecognised, never half of it, and all other receipts go on. **All rows
//! of one receipt must stand in one file**: a receipt that is cut in two gives two revisions, not one sum.
//!
//! **Versions.** A corrected file supersedes an earlier one only by a version: the `revision` column if it is mapped
//! (a number or a time); otherwise the header `x-file-time` (seconds since 1970, the time of the file as the folder
//! watcher or the uploader states it); otherwise 0. At 0 a row that was sent before is a duplicate for ever, also when it
//! was corrected meanwhile. `supersede = "upload_time"` makes the time of upload the version instead: then every upload
//! counts as a correction of all its rows, and a repeated upload is recorded again. A voided receipt is a removal.
//!
//! Absent on purpose: guessing. Which day `03/04/2026` is, which character set a file has, or what a number in scientific
//! notation was, is configured or refused. Personal columns cannot be part of a key.

mod columns;
mod config;
mod group;
mod json;
mod key;
mod lines;
mod numbers;
mod receipt;
mod samples;
mod sheet;
mod split;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_layout;

use crate::{
    adapter::{
        Built, ChannelAdapter, Decoded, InboundRequest, Outbound, Registration, Rejected, Transport,
        Unrecognised,
    },
    settings::{Secret, Settings, SettingsError},
};
use config::Config;
use group::{Group, groups};
use receipt::Receipt;
use sheet::{Sheet, Unreadable};
use split::Text;
use std::collections::HashMap;
use subtle::ConstantTimeEq;
use tributary_core::{event::Trust, seal::Raw};

/// Largest file: some 250,000 rows of usual length. Larger exports come in parts.
const FILE_MAX: usize = 32 * 1024 * 1024;
/// Seconds since 1970 at which the file was written, as its sender says.
const FILE_TIME: &str = "x-file-time";
/// Number of a row among equal rows of its file; stands in raw requests where keys are hashes of rows.
const OCCURRENCE: &str = "x-row-occurrence";

/// Files from tills.
pub static REGISTRATION: Registration = Registration {
    kind: "pos_file",
    about: "till and ERP exports: CSV, fixed columns or JSON lines, uploaded or from a watched folder",
    transport: Transport::Watch,
    body_max: FILE_MAX,
    build,
    samples: samples::SAMPLES,
};

fn build(settings: &mut Settings) -> Result<Built, SettingsError> {
    let account = settings.text("account")?.unwrap_or_else(|| settings.name.clone());
    let config = Config::read(settings)?;
    Ok(Built { adapter: Box::new(PosFile { config }), account, trust_cap: Trust::Claimed })
}

struct PosFile {
    config: Config,
}

impl ChannelAdapter for PosFile {
    fn verify(&self, request: &InboundRequest<'_>) -> Result<(), Rejected> {
        let bearer = request.header("authorization").and_then(|v| v.strip_prefix("Bearer "));
        let given = bearer.or_else(|| request.header("x-api-key")).unwrap_or_default();
        let mut found = subtle::Choice::from(0);
        for key in &self.config.keys {
            found |= key.bytes().ct_eq(given.as_bytes());
        }
        if bool::from(found) { Ok(()) } else { Err(Rejected::signature()) }
    }

    fn decode(&self, request: &InboundRequest<'_>) -> Result<Decoded, Rejected> {
        let version = Version::of(&self.config, request)?;
        let text = Text::open(&self.config, request.body);
        let sheet = match Sheet::read(&self.config, &text, request) {
            Ok(sheet) => sheet,
            Err(Unreadable::Refused(rejected)) => return Err(rejected),
            Err(Unreadable::Kept(reason, detail)) => {
                let raw = Raw { headers: version.headers.clone(), body: request.body.to_vec() };
                return Ok(Decoded::only_unrecognised(reason, detail, raw));
            }
        };
        let first = request.header(OCCURRENCE).and_then(|v| v.parse().ok()).unwrap_or(0);
        let (groups, keyless) = groups(&self.config, &sheet.rows, first);
        let mut decoded = Decoded::default();
        for bad in sheet.bad.iter().chain(&keyless) {
            let raw = sheet.raw(&version.headers, std::iter::once(bad.bytes));
            decoded.unrecognised.push(Unrecognised { reason: bad.reason, detail: bad.detail.clone(), raw });
        }
        let mut reader = Reader { adapter: self, sheet: &sheet, version: &version, seen: HashMap::new() };
        for group in &groups {
            reader.read(group, &mut decoded);
        }
        Ok(decoded)
    }

    fn sign(&self, request: &mut Outbound) {
        if let Some(key) = self.config.keys.first() {
            request.headers.push(("authorization".to_owned(), bearer(key)));
        }
    }
}

fn bearer(key: &Secret) -> String {
    format!("Bearer {}", String::from_utf8_lossy(key.bytes()))
}

/// The version of rows that have none of their own, and the headers that say so again.
struct Version {
    revision: u64,
    headers: Vec<(String, String)>,
}

impl Version {
    fn of(config: &Config, request: &InboundRequest<'_>) -> Result<Self, Rejected> {
        let secs = match request.header(FILE_TIME) {
            Some(text) => Some(text.trim().parse::<u32>().map_err(|_| Rejected {
                status: 400,
                code: "bad_file_time",
                detail: format!("{FILE_TIME} must be whole seconds since 1970"),
            })?),
            None if config.supersede_by_upload => {
                Some(u32::try_from(request.received_at.0 / 1_000_000).unwrap_or_default())
            }
            None => None,
        };
        let headers = secs.iter().map(|secs| (FILE_TIME.to_owned(), secs.to_string())).collect();
        Ok(Self { revision: secs.map_or(0, u64::from), headers })
    }
}

/// A line of the file, and the rows of the receipt that starts there.
type First<'r> = (usize, Vec<&'r [u8]>);

struct Reader<'r> {
    adapter: &'r PosFile,
    sheet: &'r Sheet<'r>,
    version: &'r Version,
    /// What each (key, revision) was made of first.
    seen: HashMap<(String, u64), First<'r>>,
}

impl<'r> Reader<'r> {
    fn read(&mut self, group: &'r Group<'r>, decoded: &mut Decoded) {
        let raw = self.raw(group);
        let receipt = Receipt { config: &self.adapter.config, group };
        let mut draft = match receipt.draft(self.version.revision) {
            Ok(draft) => draft,
            Err(problem) => {
                let detail = format!("line {}: {}", problem.line, problem.what);
                return decoded.unrecognised.push(Unrecognised { reason: "bad_row", detail, raw });
            }
        };
        let line = group.rows.first().map_or(0, |r| r.line);
        let rows: Vec<&[u8]> = group.rows.iter().map(|r| r.bytes).collect();
        let (first, before) =
            self.seen.entry((draft.key.clone(), draft.revision)).or_insert_with(|| (line, rows.clone()));
        // The log would take the second for a repetition of the first and drop it without a word.
        if *before != rows {
            let detail = format!("line {line}: has the key of line {first}, but another content");
            return decoded.unrecognised.push(Unrecognised { reason: "key_repeated", detail, raw });
        }
        draft.raw = raw;
        decoded.events.push(draft);
    }

    fn raw(&self, group: &Group<'_>) -> Raw {
        let mut raw = self.sheet.raw(&self.version.headers, group.rows.iter().map(|r| r.bytes));
        if group.occurrence > 0 {
            raw.headers.push((OCCURRENCE.to_owned(), group.occurrence.to_string()));
        }
        raw
    }
}
