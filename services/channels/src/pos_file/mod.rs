//! Folders of small files from tills: separated values, runs of spaces, JSON lines or Excel workbooks, with a table that
//! says what the columns mean.
//!
//! A row is a receipt (`row = "receipt"`, the default) or one line of a receipt (`row = "line"`: rows with one key are one
//! purchase; also `head`/`detail` rows, heads and details in two files, and a JSON array named by `lines`). A receipt is one
//! fact: if one of its rows cannot be read, the whole receipt is kept as unrecognised, never half of it, and all other
//! receipts go on. **All rows of one receipt must stand in one file** (or in the two that belong together): a receipt that
//! is cut in two gives two revisions, not one sum.
//!
//! **Versions.** A corrected file supersedes an earlier one only by a version: the `revision` column if it is mapped
//! (a number or a time); otherwise the header `x-file-time` (seconds since 1970, the time of the file as the folder
//! watcher or the uploader states it); otherwise 0. At 0 a row that was sent before is a duplicate for ever, also when it
//! was corrected meanwhile. `supersede = "upload_time"` makes the time of upload the version instead: then every upload
//! counts as a correction of all its rows, and a repeated upload is recorded again. A voided receipt is a removal.
//!
//! ```toml
//! [channels.till]
//! kind = "pos_file"
//! folder = "/srv/till/in"        # watched; a file is taken once it has stopped growing
//! done = "/srv/till/done"        # and moved there; "move" = a folder `done` inside; absent = it stays
//! key = "env:TILL_KEY"           # for uploads to /in/till; needed without a folder
//! expect_every = "1d"            # a store that is silent for longer is warned of
//! expect_stores = ["7", "8"]     # these from the start, others once they were heard of
//! charset = "big5"               # "utf-8" (default), "big5", "gb18030"; a byte-order mark counts more
//! delimiter = "tab"              # one ASCII character (default ","), "tab", "space" (runs of them, no quotes)
//! format = "csv"                 # or "jsonl"; absent = by media type and first character
//! sheet = "Sales"                # of a workbook; default: the first
//! header = true                  # false: columns are numbers from 1
//! time_zone = "Asia/Taipei"      # default: the hub's
//! date_format = ["roc"]          # "roc", "unix", "unix_ms" or strptime patterns; default: ISO 8601 and 20260301
//! day_starts = "05:00"           # what is sold before belongs to the day before: {date} in keys, hours as 25:30
//! date_is = "business"           # dates in the file are business days; default "calendar"
//! currency = "TWD"               # where no column says it
//! store = "7"                    # where no column says it
//! account = "till"               # first part of every key; default: the channel's name
//! fact_key = "{store}/{date}/{receipt}"  # default: store/register/receipt; also {invoice}, {line_no}, {hash}
//! row = "line"                   # or "receipt"
//! cancel_prefix = "C"            # receipts with it are refunds
//! void_values = ["1", "作廢"]
//! member_trust = "verified"      # or "claimed": whether a member number at the till is a card that was read
//! supersede = "never"            # or "upload_time"
//! head = "H"                     # values of the column `record_type`: heads, their details, rows to leave out
//! detail = "D"
//! ignore = ["X"]
//! pair = ["-head", "-detail"]    # or two files: a name with the first waits for the same name with the second
//! control = "T"                  # a row that begins so says what the file holds; a difference, or none, is kept
//! lines = "items"                # array of lines inside a JSON object
//! [channels.till.columns]        # word = the column's name, or its number, or a path inside a JSON object
//! receipt = "單號"
//! total = "金額"
//! [channels.till.detail_columns] # of details; default: the same
//! [channels.till.control_columns]  # rows, receipts, total = numbers from 1
//! receipts = 2
//! total = 3
//! ```
//!
//! Absent on purpose: guessing. Which day `03/04/2026` is, which character set a file has, or what a number in scientific
//! notation was, is configured or refused. Personal columns cannot be part of a key.

mod batch;
mod columns;
mod config;
mod control;
mod file;
mod group;
mod index;
mod json;
mod key;
mod lines;
mod places;
mod receipt;
mod samples;
mod setup;
mod sheet;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_layout;
#[cfg(test)]
mod tests_shop;

use crate::{
    adapter::{Built, ChannelAdapter, Decoded, InboundRequest, Outbound, Registration, Rejected, Transport},
    portions::{Portions, USUAL, Whole, decode_whole},
    settings::{Settings, SettingsError},
    signature,
    table::{self, Text, version::Version},
};
use config::Config;
use file::File;
use sheet::{Part, Sheet, Unreadable};
use tributary_core::{event::Trust, seal::Raw};

/// Largest file: some 250,000 rows of usual length. Larger exports come in parts.
const FILE_MAX: usize = 32 * 1024 * 1024;
/// Number of a row among equal rows of its file; stands in raw requests where keys are hashes of rows.
const OCCURRENCE: &str = "x-row-occurrence";

/// Where in the body the file of details begins, in bytes, if there are two files.
const DETAIL_AT: &str = "x-detail-at";
/// A part of a file, whose control row is not there.
const PART: &str = "x-file-part";

/// Files from tills.
pub static REGISTRATION: Registration = Registration {
    kind: "pos_file",
    about: "till exports, CSV, Excel or JSON lines, by upload or from a watched folder: Big5, ROC dates, nights that belong to the day before, heads and details in one file or two, control rows, corrections; `expect_every` tells of silent stores",
    transport: Transport::Watch,
    body_max: FILE_MAX,
    build,
    settings: &[table::DOOR, setup::SETTINGS, table::LAYOUT],
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
        signature::bearer(&self.config.keys, request)
    }

    fn decode(&self, request: &InboundRequest<'_>) -> Result<Decoded, Rejected> {
        decode_whole(self, request, USUAL)
    }

    fn portions<'r>(
        &'r self,
        request: &InboundRequest<'r>,
        most: usize,
    ) -> Result<Box<dyn Portions + 'r>, Rejected> {
        let version = Version::of(request, self.config.supersede_by_upload)?;
        let (heads, details) = parts(&self.config, request)?;
        match self.file(request, heads, details, version.clone(), most) {
            Ok(file) => Ok(Box::new(file)),
            Err(Unreadable::Refused(rejected)) => Err(rejected),
            Err(Unreadable::Kept(reason, detail)) => {
                let raw = Raw { headers: version.headers, body: request.body.to_vec() };
                Ok(Box::new(Whole::new(Decoded::only_unrecognised(reason, detail, raw))))
            }
        }
    }

    fn sign(&self, request: &mut Outbound) {
        signature::sign_bearer(&self.config.keys, request);
    }
}

impl PosFile {
    fn file<'r>(
        &'r self,
        request: &InboundRequest<'r>,
        heads: &'r [u8],
        details: Option<&'r [u8]>,
        version: Version,
        most: usize,
    ) -> Result<File<'r>, Unreadable> {
        let config = &self.config;
        let open = |body| {
            Text::open(&config.layout, body).map_err(|problem| Unreadable::Kept("bad_workbook", problem))
        };
        let (heads, details) = (open(heads)?, details.map(open).transpose()?);
        let part = if config.joined_by.is_some() { Part::Heads } else { Part::Whole };
        let heads = Sheet::open(config, heads, request, part)?;
        let details = || details.map(|text| Sheet::open(config, text, request, Part::Details)).transpose();
        File::open(config, heads, details, version, request, most)
    }
}

/// The file or the two files in a body.
fn parts<'a>(
    config: &Config,
    request: &InboundRequest<'a>,
) -> Result<(&'a [u8], Option<&'a [u8]>), Rejected> {
    let Some(at) = request.header(DETAIL_AT) else { return Ok((request.body, None)) };
    let parts = at.trim().parse().ok().and_then(|at| request.body.split_at_checked(at));
    match parts {
        Some((heads, details)) if config.joined_by.is_some() => Ok((heads, Some(details))),
        _ => Err(Rejected {
            status: 400,
            code: "bad_detail_at",
            detail: format!(
                "{DETAIL_AT} must say where in the body the file of details begins, and needs `pair`"
            ),
        }),
    }
}
