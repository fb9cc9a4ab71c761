//! The timeline of a large fragment: entries in pages by time, with a directory, so that one event writes one page.

use super::{
    head::{Entry as TimelineEntry, When},
    receipts::Receipt,
    rows::{Rows, keys},
};
use crate::{
    codec::{BadRow, Reader, Writer},
    ids::EventId,
    time::Micros,
    token::Token,
};
use std::{
    collections::{BTreeMap, btree_map::Entry},
    ops::Range,
};

/// Entries of a page, which keeps it under 8 KiB.
const ENTRIES_MAX: usize = 200;
/// Page number of the directory.
const DIRECTORY: u32 = u32::MAX;

#[derive(Clone, Debug, Default)]
struct Page {
    /// Ascending; the flag says that it is a receipt.
    entries: Vec<(TimelineEntry, bool)>,
    dirty: bool,
}

impl Page {
    fn find(&self, entry: &TimelineEntry) -> Result<usize, usize> {
        self.entries.binary_search_by(|(other, _)| other.cmp(entry))
    }

    /// Receipts stand behind the entries, a bit each, on pages that have any.
    fn row(&self) -> Vec<u8> {
        let mut w = Writer::default();
        w.number(self.entries.len() as u64);
        self.entries.iter().for_each(|(entry, _)| entry.encode(&mut w));
        if self.entries.iter().any(|(_, receipt)| *receipt) {
            for eight in self.entries.chunks(8) {
                let bits = eight.iter().enumerate().map(|(at, (_, receipt))| u8::from(*receipt) << at);
                w.raw(&[bits.sum()]);
            }
        }
        w.0
    }

    fn from_row(row: &[u8]) -> Result<Self, BadRow> {
        let mut r = Reader(row);
        let mut page = Self::default();
        for _ in 0..r.count()? {
            page.entries.push((TimelineEntry::decode(&mut r)?, false));
        }
        if !r.0.is_empty() {
            for eight in page.entries.chunks_mut(8) {
                let bits = r.byte()?;
                eight.iter_mut().enumerate().for_each(|(at, (_, receipt))| *receipt = bits >> at & 1 == 1);
            }
        }
        r.end()?;
        Ok(page)
    }
}

/// Pages by time.
#[derive(Clone, Debug, Default)]
pub(crate) struct TimePages {
    /// First moment of each page but the first, which begins with time; ascending, with page numbers.
    directory: Vec<(When, u32)>,
    next: u32,
    pages: BTreeMap<u32, Page>,
    dirty: bool,
}

impl TimePages {
    /// No entries; the directory is to be written.
    pub fn new() -> Self {
        Self { dirty: true, ..Self::default() }
    }

    pub fn load(rows: &dyn Rows, token: Token) -> Result<Self, BadRow> {
        let row = rows.row(&keys::time(token, DIRECTORY))?.ok_or(BadRow)?;
        let mut r = Reader(&row);
        let mut pages = Self { next: r.small()?, ..Self::default() };
        for _ in 0..r.count()? {
            let entry = TimelineEntry::decode(&mut r)?;
            pages.directory.push(((entry.at, entry.event), r.small()?));
        }
        r.end()?;
        Ok(pages)
    }

    /// Place of the directory's page that holds this moment; `None` is the first page.
    fn place(&self, when: When) -> Option<usize> {
        self.directory.partition_point(|(start, _)| *start <= when).checked_sub(1)
    }

    fn number(&self, place: Option<usize>) -> u32 {
        place.map_or(0, |at| self.directory[at].1)
    }

    fn page(&mut self, rows: &dyn Rows, token: Token, number: u32) -> Result<&mut Page, BadRow> {
        if let Entry::Vacant(vacant) = self.pages.entry(number) {
            let row = rows.row(&keys::time(token, number))?;
            vacant.insert(row.map(|row| Page::from_row(&row)).transpose()?.unwrap_or_default());
        }
        self.pages.get_mut(&number).ok_or(BadRow)
    }

    pub fn insert(
        &mut self,
        rows: &dyn Rows,
        token: Token,
        entry: TimelineEntry,
        receipt: bool,
    ) -> Result<(), BadRow> {
        let place = self.place((entry.at, entry.event));
        let number = self.number(place);
        let page = self.page(rows, token, number)?;
        page.dirty = true;
        if let Err(at) = page.find(&entry) {
            page.entries.insert(at, (entry, receipt));
        }
        if page.entries.len() > ENTRIES_MAX {
            let upper = page.entries.split_off(ENTRIES_MAX / 2);
            self.next += 1;
            let start = (upper[0].0.at, upper[0].0.event);
            self.pages.insert(self.next, Page { entries: upper, dirty: true });
            self.directory.insert(place.map_or(0, |at| at + 1), (start, self.next));
            self.dirty = true;
        }
        Ok(())
    }

    pub fn remove(&mut self, rows: &dyn Rows, token: Token, entry: TimelineEntry) -> Result<(), BadRow> {
        let number = self.number(self.place((entry.at, entry.event)));
        let page = self.page(rows, token, number)?;
        if let Ok(at) = page.find(&entry) {
            page.entries.remove(at);
            page.dirty = true;
        }
        Ok(())
    }

    pub fn entries(
        &mut self,
        rows: &dyn Rows,
        token: Token,
        before: Option<When>,
        limit: usize,
    ) -> Result<Vec<TimelineEntry>, BadRow> {
        let mut out = Vec::new();
        let mut place = match before {
            Some(when) => self.place(when),
            None => self.directory.len().checked_sub(1),
        };
        loop {
            let number = self.number(place);
            let page = self.page(rows, token, number)?;
            let earlier = |e: &&TimelineEntry| before.is_none_or(|b| (e.at, e.event) < b);
            let entries = page.entries.iter().rev().map(|(entry, _)| entry);
            out.extend(entries.filter(earlier).take(limit - out.len()));
            match place {
                Some(at) if out.len() < limit => place = at.checked_sub(1),
                _ => return Ok(out),
            }
        }
    }

    /// The first receipts of a stretch of time, oldest first.
    pub fn receipts(
        &mut self,
        rows: &dyn Rows,
        token: Token,
        time: Range<Micros>,
        limit: usize,
    ) -> Result<Vec<Receipt>, BadRow> {
        let mut out = Vec::new();
        let first = self.place((time.start, EventId::default())).map_or(0, |at| at + 1);
        for place in first..=self.directory.len() {
            let number = self.number(place.checked_sub(1));
            let page = self.page(rows, token, number)?;
            let from = page.entries.partition_point(|(e, _)| e.at < time.start);
            let within = page.entries[from..].iter().take_while(|(e, _)| e.at < time.end);
            let receipts = within.filter(|(_, receipt)| *receipt);
            out.extend(receipts.take(limit - out.len()).map(|(e, _)| ((e.at, e.event), e.position)));
            let later = self.directory.get(place).is_some_and(|(start, _)| start.0 >= time.end);
            if later || out.len() == limit {
                break;
            }
        }
        Ok(out)
    }

    pub fn take_dirty(&mut self, token: Token, out: &mut Vec<(Vec<u8>, Option<Vec<u8>>)>) {
        for (number, page) in &mut self.pages {
            if std::mem::take(&mut page.dirty) {
                out.push((keys::time(token, *number), Some(page.row())));
            }
        }
        if std::mem::take(&mut self.dirty) {
            let mut w = Writer::default();
            w.number(u64::from(self.next));
            w.number(self.directory.len() as u64);
            for ((at, event), number) in &self.directory {
                TimelineEntry { at: *at, event: *event, position: crate::ids::Position::default() }
                    .encode(&mut w);
                w.number(u64::from(*number));
            }
            out.push((keys::time(token, DIRECTORY), Some(w.0)));
        }
    }
}
