//! The settings of a `pos_file` channel.

use super::{
    columns::{Column, Mapping},
    control::Control,
    key::Template,
};
use crate::{
    settings::{Secret, Settings, SettingsError},
    table::Layout,
    when::{self, Clock},
};
use tributary_core::event::Trust;

/// How a file's text is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Separated values with quotes, or runs of spaces.
    Csv,
    /// One JSON object a line.
    Jsonl,
}

/// Values of the `record_type` column.
#[derive(Clone, Debug)]
pub(super) struct RecordTypes {
    /// A receipt's first row.
    pub(super) head: String,
    /// One line of the receipt before it.
    pub(super) detail: String,
    /// Rows left out on purpose (trailers, sums).
    pub(super) ignore: Vec<String>,
}

/// A channel's settings, checked.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) keys: Vec<Secret>,
    pub(super) format: Option<Format>,
    pub(super) layout: Layout,
    pub(super) header: bool,
    pub(super) clock: Clock,
    pub(super) currency: String,
    pub(super) store: String,
    pub(super) member_trust: Trust,
    /// Rows with one key are one purchase.
    pub(super) row_is_line: bool,
    pub(super) template: Template,
    pub(super) cancel_prefix: String,
    pub(super) void_values: Vec<String>,
    pub(super) records: Option<RecordTypes>,
    /// Heads and details come in two files; the columns that say which belong together.
    pub(super) joined_by: Option<Vec<Column>>,
    pub(super) control: Option<Control>,
    /// Without any version in the file, the time of upload is the version.
    pub(super) supersede_by_upload: bool,
    /// Path of the array of lines inside a JSON object; empty = none.
    pub(super) lines: String,
    pub(super) columns: Mapping,
    pub(super) detail_columns: Mapping,
}

/// Values of the `void` column that void a receipt, unless configured.
const VOID_VALUES: [&str; 8] = ["1", "y", "yes", "true", "v", "void", "作廢", "已作廢"];

impl Config {
    /// Reads and checks the table.
    ///
    /// # Errors
    /// [`SettingsError`] naming the first key that is wrong.
    pub(super) fn read(settings: &mut Settings) -> Result<Self, SettingsError> {
        let watched = settings.text("folder")?.is_some();
        let keys = if watched && settings.value("key").is_none() {
            Vec::new()
        } else {
            settings.secrets("key", "uploads carry it as `Authorization: Bearer` (or set `folder`)")?
        };
        let (columns, detail_columns) = mappings(settings)?;
        let store = settings.text("store")?.unwrap_or_default();
        let records = record_types(settings, &columns)?;
        let joined_by = joined_by(settings, &columns, &detail_columns)?;
        let lines = settings.text("lines")?.unwrap_or_default();
        let row = choice(settings, "row", &[("receipt", false), ("line", true)])?.unwrap_or(false);
        let row_is_line = row || records.is_some() || joined_by.is_some() || !lines.is_empty();
        let template = template(settings, &columns)?;
        let config = Self {
            keys,
            format: choice(settings, "format", &[("csv", Format::Csv), ("jsonl", Format::Jsonl)])?,
            layout: Layout::read(settings)?,
            header: settings.flag("header")?.unwrap_or(true),
            clock: when::read(settings)?,
            currency: currency(settings)?,
            store,
            member_trust: choice(
                settings,
                "member_trust",
                &[("verified", Trust::Verified), ("claimed", Trust::Claimed)],
            )?
            .unwrap_or(Trust::Verified),
            row_is_line,
            template,
            cancel_prefix: settings.text("cancel_prefix")?.unwrap_or_default(),
            void_values: void_values(settings)?,
            records,
            joined_by,
            control: Control::read(settings)?,
            supersede_by_upload: choice(settings, "supersede", &[("never", false), ("upload_time", true)])?
                .unwrap_or(false),
            lines,
            columns,
            detail_columns,
        };
        config.checked()
    }

    /// Whether a receipt has a head, and its lines are details.
    pub(super) fn has_heads(&self) -> bool {
        self.records.is_some() || self.joined_by.is_some()
    }

    fn checked(self) -> Result<Self, SettingsError> {
        let has = |c: Column| self.columns.has(c) || self.detail_columns.has(c);
        if !(has(Column::Total) || has(Column::Amount) || has(Column::UnitPrice) && has(Column::Quantity)) {
            let problem = "needs `total`, `amount`, or `unit_price` with `quantity`";
            return Err(SettingsError::new("columns", problem));
        }
        let named = self.header || self.format == Some(Format::Jsonl);
        if !named && (self.columns.by_number().is_none() || self.detail_columns.by_number().is_none()) {
            return Err(SettingsError::new("columns", "without a header line columns are numbers from 1"));
        }
        Ok(self)
    }
}

fn choice<T: Copy>(
    settings: &mut Settings,
    key: &str,
    choices: &[(&str, T)],
) -> Result<Option<T>, SettingsError> {
    let Some(text) = settings.text(key)? else { return Ok(None) };
    match choices.iter().find(|(word, _)| *word == text) {
        Some((_, value)) => Ok(Some(*value)),
        None => {
            let words: Vec<String> = choices.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            Err(SettingsError::new(key, format!("must be {}", words.join(" or "))))
        }
    }
}

fn mappings(settings: &mut Settings) -> Result<(Mapping, Mapping), SettingsError> {
    let columns = match settings.table("columns")? {
        Some(table) => Mapping::of_table("columns", table)?,
        None => Mapping::implied(),
    };
    let detail = match settings.table("detail_columns")? {
        Some(table) => Mapping::of_table("detail_columns", table)?,
        None => columns.clone(),
    };
    Ok((columns, detail))
}

fn record_types(settings: &mut Settings, columns: &Mapping) -> Result<Option<RecordTypes>, SettingsError> {
    let head = settings.text("head")?;
    let detail = settings.text("detail")?;
    let ignore = settings.texts("ignore")?;
    match (head, detail) {
        (Some(head), Some(detail)) if columns.has(Column::RecordType) && head != detail => {
            Ok(Some(RecordTypes { head, detail, ignore }))
        }
        (None, None) if ignore.is_empty() => Ok(None),
        _ => {
            let problem = "needs `head`, `detail` and `columns.record_type`, with two different values";
            Err(SettingsError::new("head", problem))
        }
    }
}

/// Columns that heads and details have both and that are part of a receipt's name.
fn joined_by(
    settings: &mut Settings,
    heads: &Mapping,
    details: &Mapping,
) -> Result<Option<Vec<Column>>, SettingsError> {
    if settings.texts("pair")?.is_empty() {
        return Ok(None); // which file is the other half, the folder watcher reads there
    }
    let names = [Column::Store, Column::Register, Column::Receipt, Column::Invoice, Column::Date];
    let both: Vec<Column> = names.into_iter().filter(|c| heads.has(*c) && details.has(*c)).collect();
    if both.iter().any(|c| matches!(c, Column::Receipt | Column::Invoice)) && !details.implied {
        return Ok(Some(both));
    }
    Err(SettingsError::new("pair", "needs `receipt` in `columns` and in a `detail_columns` of its own"))
}

fn template(settings: &mut Settings, columns: &Mapping) -> Result<Template, SettingsError> {
    if let Some(text) = settings.text("fact_key")? {
        return Template::parse(&text).map_err(|problem| SettingsError::new("fact_key", problem));
    }
    if !columns.has(Column::Receipt) {
        let problem = "needs `receipt`; without receipt numbers set fact_key = \"{hash}\"";
        return Err(SettingsError::new("columns", problem));
    }
    Ok(Template::usual())
}

fn currency(settings: &mut Settings) -> Result<String, SettingsError> {
    let currency = settings.text("currency")?.unwrap_or_else(|| "TWD".to_owned());
    if currency.len() == 3 && currency.bytes().all(|b| b.is_ascii_uppercase()) {
        return Ok(currency);
    }
    Err(SettingsError::new("currency", "must be an ISO 4217 code, such as \"TWD\""))
}

fn void_values(settings: &mut Settings) -> Result<Vec<String>, SettingsError> {
    let values = settings.texts("void_values")?;
    if values.is_empty() {
        return Ok(VOID_VALUES.iter().map(|v| (*v).to_owned()).collect());
    }
    Ok(values.into_iter().map(|v| v.to_lowercase()).collect())
}
