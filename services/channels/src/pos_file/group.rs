//! Which rows are one fact: a row, all rows with one key, or a head with its details.

use super::{
    columns::Column,
    config::Config,
    key::Parts,
    sheet::{BadRow, Row},
};
use crate::table::numbers::{is_scientific, plain_id};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// Rows that state one fact.
pub(super) struct Group<'s> {
    /// The fact's key.
    pub(super) key: String,
    /// In the order of the file.
    pub(super) rows: Vec<&'s Row<'s>>,
    /// Number among equal rows of the file, where the key is made of the row's hash.
    pub(super) occurrence: u32,
}

/// Groups a file's rows, heads before their details; rows without a key are bad. `first_occurrence` is 0 unless one row is
/// read again alone.
pub(super) fn groups<'s>(
    config: &Config,
    rows: impl Iterator<Item = &'s Row<'s>>,
    first_occurrence: u32,
) -> (Vec<Group<'s>>, Vec<BadRow<'s>>) {
    let mut walk = Walk {
        config,
        first_occurrence,
        groups: Vec::new(),
        bad: Vec::new(),
        by_key: HashMap::new(),
        by_receipt: HashMap::new(),
        joined: HashMap::new(),
        equal: HashMap::new(),
        last: None,
        last_bytes: &[],
    };
    for row in rows {
        if row.is_detail { walk.detail(row) } else { walk.row(row) }
    }
    (walk.groups, walk.bad)
}

struct Walk<'c, 's> {
    config: &'c Config,
    first_occurrence: u32,
    groups: Vec<Group<'s>>,
    bad: Vec<BadRow<'s>>,
    by_key: HashMap<(String, &'s str), usize>,
    by_receipt: HashMap<&'s str, usize>,
    /// Heads by the columns that details have too; `None` where several receipts have the same.
    joined: HashMap<String, Option<usize>>,
    equal: HashMap<&'s [u8], u32>,
    last: Option<usize>,
    last_bytes: &'s [u8],
}

impl<'s> Walk<'_, 's> {
    fn row(&mut self, row: &'s Row<'s>) {
        let hashed = self.config.template.uses_hash();
        // The lines of one JSON object are one row that was read several times.
        if hashed && std::ptr::eq(row.bytes, self.last_bytes) {
            return self.join(row);
        }
        self.last_bytes = row.bytes;
        let mut occurrence = 0;
        if hashed {
            let next = self.equal.entry(row.bytes.trim_ascii()).or_insert(self.first_occurrence);
            occurrence = *next;
            *next = next.saturating_add(1);
        }
        let key = match key_of(self.config, row, occurrence) {
            Ok(key) => key,
            Err(problem) => {
                self.last = None;
                return self.refuse(row, &problem);
            }
        };
        let revision = row.values.get(Column::Revision);
        let place = self.groups.len();
        if self.config.row_is_line && !hashed {
            let known = *self.by_key.entry((key.clone(), revision)).or_insert(place);
            self.last = Some(known);
            self.by_receipt.insert(plain_id(row.values.get(Column::Receipt)), known);
            if let Some(columns) = &self.config.joined_by {
                let heads = self.joined.entry(joined(self.config, columns, row)).or_insert(Some(known));
                *heads = heads.filter(|head| *head == known);
            }
            if known != place {
                return self.join(row);
            }
        }
        self.last = Some(place);
        self.groups.push(Group { key, rows: vec![row], occurrence });
    }

    fn detail(&mut self, row: &'s Row<'s>) {
        let receipt = plain_id(row.values.get(Column::Receipt));
        if let Some(columns) = &self.config.joined_by {
            match self.joined.get(&joined(self.config, columns, row)) {
                Some(Some(head)) => self.last = Some(*head),
                Some(None) => {
                    return self.refuse(row, "is a detail of several heads: map more of their columns");
                }
                None => self.last = None,
            }
        } else if !receipt.is_empty() {
            self.last = self.by_receipt.get(receipt).copied();
        }
        match self.last {
            Some(_) => self.join(row),
            None => self.refuse(row, "is a detail without its head"),
        }
    }

    fn join(&mut self, row: &'s Row<'s>) {
        if let Some(group) = self.last.and_then(|place| self.groups.get_mut(place)) {
            group.rows.push(row);
        }
    }

    fn refuse(&mut self, row: &'s Row<'s>, problem: &str) {
        let detail = format!("line {}: {problem}", row.line);
        let is_detail = row.is_detail && self.config.joined_by.is_some();
        self.bad.push(BadRow { bytes: row.bytes, reason: "bad_row", detail, is_detail });
    }
}

/// What a head and its details in another file have in common.
fn joined(config: &Config, columns: &[Column], row: &Row<'_>) -> String {
    let mut text = String::new();
    for column in columns {
        let value = row.values.get(*column);
        let day = || Some(config.clock.read(value, row.values.get(Column::Time))?.date.to_string());
        match column {
            Column::Date => text.push_str(&day().unwrap_or_default()),
            Column::Store if value.is_empty() => text.push_str(&config.store),
            _ => text.push_str(plain_id(value)),
        }
        text.push('\n');
    }
    text
}

fn key_of(config: &Config, row: &Row<'_>, occurrence: u32) -> Result<String, String> {
    let template = &config.template;
    if is_scientific(row.values.get(Column::Receipt)) {
        return Err("receipt is in scientific notation: its last digits are lost".to_owned());
    }
    let date = if template.uses_date() {
        let when = config.clock.read(row.values.get(Column::Date), row.values.get(Column::Time));
        Some(when.ok_or("date cannot be read")?.date.to_string())
    } else {
        None
    };
    let hash = if template.uses_hash() { hash(row.bytes, occurrence) } else { String::new() };
    let parts = Parts { store: &config.store, date, hash: &hash };
    let value = |column| {
        let text = row.values.get(column);
        if is_scientific(text) { None } else { Some(plain_id(text).to_owned()) }
    };
    let problem = |word: &str| format!("{word} is empty or no id, and the key needs it");
    template.key(&row.values, value, &parts).map_err(problem)
}

/// Half of SHA-256 is plenty to tell rows apart; equal rows are numbered from the second on.
fn hash(bytes: &[u8], occurrence: u32) -> String {
    let digest = Sha256::digest(bytes.trim_ascii());
    let mut text: String = digest.iter().take(16).map(|b| format!("{b:02x}")).collect();
    if occurrence > 0 {
        text.push_str(&format!("-{occurrence}"));
    }
    text
}
