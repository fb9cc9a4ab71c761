//! Which rows are one fact: a row, all rows with one key, or a head with its details. Rows come one after the other, and
//! only where they stand and whose they are is kept.

use super::{
    columns::Column,
    config::Config,
    key::Parts,
    sheet::{Row, Span},
};
use crate::table::numbers::{is_scientific, plain_id};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// Rows that state one fact.
pub(super) struct Group<'s> {
    /// The fact's key.
    pub(super) key: String,
    /// In the order of the file.
    pub(super) rows: Vec<&'s Row>,
}

/// A row's number among all good ones of a request, heads before their details.
pub(super) type Number = u32;

/// No group.
const NONE: u32 = u32::MAX;

/// Half of SHA-256 instead of a text: names of millions of rows would take the memory that portions save.
type Name = [u8; 16];

/// All groups, by the numbers of their rows.
#[derive(Default)]
pub(super) struct Groups {
    /// Where each group's rows begin in `members`, and where the last one's end.
    starts: Vec<u32>,
    members: Vec<Number>,
    /// Number among equal rows of the file, where keys are made of rows' hashes.
    occurrences: Vec<u32>,
}

impl Groups {
    /// How many.
    pub(super) fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// The rows of the group of this number, in the order of the file.
    pub(super) fn rows(&self, group: usize) -> &[Number] {
        let at = |number: usize| self.starts.get(number).copied().unwrap_or_default() as usize;
        self.members.get(at(group)..at(group + 1)).unwrap_or_default()
    }

    /// The number of a group among equal rows of the file.
    pub(super) fn occurrence(&self, group: usize) -> u32 {
        self.occurrences.get(group).copied().unwrap_or_default()
    }

    /// Of each row's group.
    fn new(of: &[u32], count: u32, occurrences: Vec<u32>) -> Self {
        let mut starts = vec![0_u32; count as usize + 1];
        for group in of {
            if let Some(next) = starts.get_mut((*group as usize).saturating_add(1)) {
                *next += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let mut next = starts.clone();
        let mut members = vec![0; sum as usize];
        for (number, group) in (0..).zip(of) {
            let Some(place) = next.get_mut(*group as usize).filter(|_| *group != NONE) else { continue };
            if let Some(slot) = members.get_mut(*place as usize) {
                *slot = number;
            }
            *place += 1;
        }
        Self { starts, members, occurrences }
    }
}

/// Sees all rows in order, heads before their details, and says whose each is.
pub(super) struct Walk<'c, 's> {
    config: &'c Config,
    first_occurrence: u32,
    /// Group of each row, [`NONE`] of those without one.
    of: Vec<u32>,
    count: u32,
    occurrences: Vec<u32>,
    by_key: HashMap<Name, u32>,
    by_receipt: HashMap<Name, u32>,
    /// Heads by the columns that details have too; `None` where several receipts have the same.
    joined: HashMap<Name, Option<u32>>,
    equal: HashMap<&'s [u8], u32>,
    last: Option<u32>,
    last_span: Option<Span>,
}

impl<'c, 's> Walk<'c, 's> {
    /// `first_occurrence` is 0 unless one row is read again alone.
    pub(super) fn new(config: &'c Config, first_occurrence: u32) -> Self {
        Self {
            config,
            first_occurrence,
            of: Vec::new(),
            count: 0,
            occurrences: Vec::new(),
            by_key: HashMap::new(),
            by_receipt: HashMap::new(),
            joined: HashMap::new(),
            equal: HashMap::new(),
            last: None,
            last_span: None,
        }
    }

    /// Takes the next row, whose record has these bytes.
    ///
    /// # Errors
    /// Why the row belongs to no receipt.
    pub(super) fn take(&mut self, row: &Row, bytes: &'s [u8]) -> Result<(), String> {
        let group = if row.is_detail { self.detail(row) } else { self.row(row, bytes) };
        self.of.push(*group.as_ref().ok().and_then(Option::as_ref).unwrap_or(&NONE));
        group.map(|_| ())
    }

    /// The groups, when all rows were seen.
    pub(super) fn groups(self) -> Groups {
        Groups::new(&self.of, self.count, self.occurrences)
    }

    fn row(&mut self, row: &Row, bytes: &'s [u8]) -> Result<Option<u32>, String> {
        let hashed = self.config.template.uses_hash();
        // The lines of one JSON object are one row that was read several times.
        if hashed && self.last_span.is_some_and(|last| last.is_of(row.span)) {
            return Ok(self.last);
        }
        self.last_span = Some(row.span);
        let mut occurrence = 0;
        if hashed {
            let next = self.equal.entry(bytes.trim_ascii()).or_insert(self.first_occurrence);
            occurrence = *next;
            *next = next.saturating_add(1);
        }
        self.last = None;
        let key = key_of(self.config, row, bytes, occurrence)?;
        let place = self.count;
        let mut group = place;
        if self.config.row_is_line && !hashed {
            group = *self.by_key.entry(name([&key, row.values.get(Column::Revision)])).or_insert(place);
            if let Some(columns) = &self.config.joined_by {
                let heads = self.joined.entry(joined(self.config, columns, row)).or_insert(Some(group));
                *heads = heads.filter(|head| *head == group);
            } else if self.config.records.is_some() {
                self.by_receipt.insert(name([plain_id(row.values.get(Column::Receipt))]), group);
            }
        }
        self.last = Some(group);
        if group == place {
            self.count += 1;
            if hashed {
                self.occurrences.push(occurrence);
            }
        }
        Ok(self.last)
    }

    fn detail(&mut self, row: &Row) -> Result<Option<u32>, String> {
        let receipt = plain_id(row.values.get(Column::Receipt));
        if let Some(columns) = &self.config.joined_by {
            match self.joined.get(&joined(self.config, columns, row)) {
                Some(Some(head)) => self.last = Some(*head),
                Some(None) => {
                    return Err("is a detail of several heads: map more of their columns".to_owned());
                }
                None => self.last = None,
            }
        } else if !receipt.is_empty() {
            self.last = self.by_receipt.get(&name([receipt])).copied();
        }
        match self.last {
            Some(group) => Ok(Some(group)),
            None => Err("is a detail without its head".to_owned()),
        }
    }
}

/// One name for these texts.
pub(super) fn name<'t>(parts: impl IntoIterator<Item = &'t str>) -> Name {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut name = Name::default();
    for (to, from) in name.iter_mut().zip(hash.finalize()) {
        *to = from;
    }
    name
}

/// What a head and its details in another file have in common.
fn joined(config: &Config, columns: &[Column], row: &Row) -> Name {
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
    name([text.as_str()])
}

/// The key of the fact that this row, or its group, states.
///
/// # Errors
/// What is missing or cannot be read.
pub(super) fn key_of(config: &Config, row: &Row, bytes: &[u8], occurrence: u32) -> Result<String, String> {
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
    let hash = if template.uses_hash() { hash(bytes, occurrence) } else { String::new() };
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
    let mut text = crate::digest::hex32(bytes.trim_ascii());
    if occurrence > 0 {
        text.push_str(&format!("-{occurrence}"));
    }
    text
}
