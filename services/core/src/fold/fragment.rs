//! A fragment: the state of one identifier, as the facts whose home it is. Head, fact pages and time pages are rows of
//! their own, read when needed and written once a commit.

use super::{
    commit::Row,
    contribution::{Contribution, Gives},
    fact::Fact,
    head::{Entry, Head, When},
    receipts::Marks,
    rows::{NoRows, Rows, keys},
    timepages::TimePages,
};
use crate::{
    codec::{BadRow, Reader, Writer},
    identity::policy::Policy,
    ids::FactKey,
    token::Token,
};
use std::{borrow::Cow, collections::BTreeMap};

/// Largest fact page in bytes; a fuller one makes all pages split in two.
pub const PAGE_BYTES_MAX: usize = 8 * 1024;
/// An only page of at most so many bytes stands in the head's row: most fragments are one row then, and an event writes one.
pub const INLINE_BYTES_MAX: usize = 2 * 1024;
/// From this many facts on a fragment has time pages.
pub const TIMED_FROM: u64 = 128;
/// Page numbers have 16 bits.
const DEPTH_MAX: u32 = 16;

#[derive(Clone, Debug, Default)]
struct Page {
    /// Sorted by key.
    facts: Vec<Fact>,
    bytes: usize,
    dirty: bool,
}

/// One identifier's facts.
#[derive(Clone, Debug)]
pub struct Fragment {
    /// The identifier's token, or a channel's own.
    pub token: Token,
    /// What its facts give together. Empty for a channel's own fragment.
    pub head: Head,
    /// Facts, awaited ones too.
    pub facts: u64,
    /// A channel's own fragment: facts without identifiers, in no timeline and no view.
    pub anonymous: bool,
    depth: u32,
    pages: BTreeMap<u16, Page>,
    /// The only page as the head's row has it, not yet read.
    inline: Option<Vec<u8>>,
    /// The first page has a row of its own.
    apart: bool,
    pub(super) time: Option<TimePages>,
    /// What is suspicious: a row of its own, which nearly no fragment has.
    pub(super) marks: Option<Box<Marks>>,
    pub(super) marks_dirty: bool,
    /// A receipt that came or went and was not counted yet.
    pub(super) changed_receipt: Option<When>,
    dirty: bool,
}

/// Format of a head whose pages have rows of their own.
const FORMAT: u64 = 1;
/// Format of a head with its only page behind it.
const FORMAT_INLINE: u64 = 2;

impl Page {
    fn row(&self) -> Vec<u8> {
        let mut w = Writer(Vec::with_capacity(self.bytes + 4));
        w.number(self.facts.len() as u64);
        self.facts.iter().for_each(|fact| fact.encode(&mut w));
        w.0
    }
}

fn facts_of_page(row: &[u8]) -> Result<Vec<Fact>, BadRow> {
    let mut r = Reader(row);
    let mut facts = Vec::new();
    for _ in 0..r.count()? {
        facts.push(Fact::decode(&mut r)?);
    }
    r.end()?;
    Ok(facts)
}

/// The facts that one row of a store holds: a page's, or those behind a head; none in rows of other kinds.
///
/// # Errors
/// [`BadRow`] if the row is damaged.
pub fn facts_of_row(key: &[u8], row: &[u8]) -> Result<Vec<Fact>, BadRow> {
    match key.first() {
        Some(b'p') => facts_of_page(row),
        Some(b'h') => {
            let mut r = Reader(row);
            if r.number()? != FORMAT_INLINE {
                return Ok(Vec::new());
            }
            for _ in 0..3 {
                r.number()?;
            }
            Head::decode(&mut r)?;
            facts_of_page(r.0)
        }
        _ => Ok(Vec::new()),
    }
}

/// Bytes of facts' row forms.
fn bytes(facts: &[(Fact, &[u8])]) -> usize {
    facts.iter().map(|(_, row)| row.len()).sum()
}

impl Fragment {
    fn empty(token: Token, anonymous: bool) -> Self {
        Self {
            token,
            head: Head::default(),
            facts: 0,
            anonymous,
            depth: 0,
            pages: BTreeMap::new(),
            inline: None,
            apart: false,
            time: None,
            marks: None,
            marks_dirty: false,
            changed_receipt: None,
            dirty: false,
        }
    }

    /// The fragment of this token as the rows have it, or an empty one.
    ///
    /// # Errors
    /// [`BadRow`] if the row is damaged or cannot be read.
    pub fn load(rows: &dyn Rows, token: Token, anonymous: bool) -> Result<Self, BadRow> {
        let mut fragment = Self::empty(token, anonymous);
        let Some(row) = rows.row(&keys::head(token))? else { return Ok(fragment) };
        let mut r = Reader(&row);
        let format = r.number()?;
        if format != FORMAT && format != FORMAT_INLINE {
            return Err(BadRow);
        }
        fragment.facts = r.number()?;
        fragment.depth = r.small()?;
        if fragment.depth > DEPTH_MAX {
            return Err(BadRow);
        }
        let bits = r.number()?;
        fragment.anonymous = bits & 2 != 0;
        fragment.head = Head::decode(&mut r)?;
        fragment.apart = format == FORMAT;
        if format == FORMAT_INLINE {
            fragment.inline = Some(r.0.to_vec());
        } else {
            r.end()?;
        }
        if bits & 1 != 0 {
            fragment.time = Some(TimePages::load(rows, token)?);
        }
        if bits & 4 != 0 {
            fragment.load_marks(rows)?;
        }
        Ok(fragment)
    }

    fn page_of(&self, key: &FactKey) -> u16 {
        let top = u16::from_be_bytes([key.0[0], key.0[1]]);
        top.checked_shr(16 - self.depth).unwrap_or(0)
    }

    fn page(&mut self, rows: &dyn Rows, number: u16) -> Result<&mut Page, BadRow> {
        if !self.pages.contains_key(&number) {
            let mut page = Page::default();
            // A page that stood behind the head has no row, so none is asked for.
            let row = match self.inline.take() {
                Some(inline) => Some(inline),
                None if self.apart => rows.row(&keys::page(self.token, number))?,
                None => None,
            };
            if let Some(row) = row {
                page.bytes = row.len();
                page.facts = facts_of_page(&row)?;
            }
            self.pages.insert(number, page);
        }
        self.pages.get_mut(&number).ok_or(BadRow)
    }

    /// The fact of this key.
    ///
    /// # Errors
    /// [`BadRow`] as for [`Fragment::load`]; so do all methods that may read.
    pub fn fact(&mut self, rows: &dyn Rows, key: &FactKey) -> Result<Option<&Fact>, BadRow> {
        let number = self.page_of(key);
        let page = self.page(rows, number)?;
        Ok(page.facts.binary_search_by_key(key, |f| f.key).ok().map(|at| &page.facts[at]))
    }

    /// Changes a fact in place where only its links to other facts change, not what it gives.
    ///
    /// # Errors
    /// [`BadRow`], see [`Fragment::fact`].
    pub fn amend(&mut self, rows: &dyn Rows, key: &FactKey, f: impl FnOnce(&mut Fact)) -> Result<(), BadRow> {
        let number = self.page_of(key);
        let page = self.page(rows, number)?;
        if let Ok(at) = page.facts.binary_search_by_key(key, |f| f.key) {
            f(&mut page.facts[at]);
            page.dirty = true;
        }
        Ok(())
    }

    /// Puts a fact in that is not there yet. `gives` is what it gives, decoded, where that is at hand.
    ///
    /// # Errors
    /// [`BadRow`], see [`Fragment::fact`].
    pub fn insert(
        &mut self,
        rows: &dyn Rows,
        fact: Fact,
        gives: Option<&Contribution>,
    ) -> Result<(), BadRow> {
        self.facts += 1;
        self.dirty = true;
        if let Some((entry, contribution)) = self.shown(&fact, gives)? {
            self.head.add(entry, &contribution);
            let receipt = self.note_receipt(entry, &contribution);
            if let Some(time) = &mut self.time {
                time.insert(rows, self.token, entry, receipt)?;
            }
        } else if let Some(when) = self.clears(&fact, gives)? {
            self.clear(when);
        }
        let number = self.page_of(&fact.key);
        let page = self.page(rows, number)?;
        let mut w = Writer::default();
        fact.encode(&mut w);
        page.bytes += w.0.len();
        let full = page.bytes > PAGE_BYTES_MAX && page.facts.len() > 1;
        let at = page.facts.partition_point(|f| f.key < fact.key);
        page.facts.insert(at, fact);
        page.dirty = true;
        if full && self.depth < DEPTH_MAX {
            self.split(rows)?;
        }
        if self.time.is_none() && !self.anonymous && self.facts >= TIMED_FROM {
            self.start_time_pages(rows)?;
        }
        Ok(())
    }

    /// What the fact gives, if it is on the timeline.
    pub(super) fn shown<'a>(
        &self,
        fact: &Fact,
        gives: Option<&'a Contribution>,
    ) -> Result<Option<(Entry, Cow<'a, Contribution>)>, BadRow> {
        let Some(r) = fact.revision.as_ref().filter(|_| !self.anonymous) else { return Ok(None) };
        let contribution = match gives {
            Some(given) => Cow::Borrowed(given),
            None => Cow::Owned(Contribution::decode(&fact.gives)?),
        };
        let contribution = match contribution.gives {
            ref gives if !gives.is_shown() => return Ok(None),
            _ if fact.uncounted => {
                Cow::Owned(Contribution { gives: Gives::Entry, ..contribution.into_owned() })
            }
            _ => contribution,
        };
        Ok(Some((Entry { at: r.at, event: r.event, position: r.position }, contribution)))
    }

    /// When the fact clears the identifier, if it does.
    pub(super) fn clears(&self, fact: &Fact, gives: Option<&Contribution>) -> Result<Option<When>, BadRow> {
        // All others name somebody, or have a channel's own fragment for their home.
        let Some(r) = fact.revision.as_ref().filter(|_| fact.ids.is_empty() && !self.anonymous) else {
            return Ok(None);
        };
        let clears = match gives {
            Some(given) => given.gives == Gives::Clear,
            None => Contribution::decode(&fact.gives)?.gives == Gives::Clear,
        };
        Ok(clears.then_some((r.at, r.event)))
    }

    /// Whether an entry that comes or goes is a receipt, whose day is then to be counted again.
    fn note_receipt(&mut self, entry: Entry, contribution: &Contribution) -> bool {
        let receipt = contribution.gives.is_purchase();
        if receipt {
            self.changed_receipt = Some((entry.at, entry.event));
        }
        receipt
    }

    /// Takes a fact out and gives it back.
    ///
    /// # Errors
    /// [`BadRow`], see [`Fragment::fact`].
    pub fn remove(&mut self, rows: &dyn Rows, key: &FactKey) -> Result<Option<Fact>, BadRow> {
        let number = self.page_of(key);
        let page = self.page(rows, number)?;
        let Ok(at) = page.facts.binary_search_by_key(key, |f| f.key) else { return Ok(None) };
        let fact = page.facts.remove(at);
        let mut w = Writer::default();
        fact.encode(&mut w);
        page.bytes = page.bytes.saturating_sub(w.0.len());
        page.dirty = true;
        self.facts -= 1;
        self.dirty = true;
        if let Some((entry, contribution)) = self.shown(&fact, None)? {
            self.note_receipt(entry, &contribution);
            if let Some(time) = &mut self.time {
                time.remove(rows, self.token, entry)?;
            }
            if !self.head.subtract(entry, &contribution) {
                self.sum_again(rows)?;
            }
        } else if let Some(when) = self.clears(&fact, None)? {
            self.unclear(rows, when)?;
        }
        Ok(Some(fact))
    }

    fn sum_again(&mut self, rows: &dyn Rows) -> Result<(), BadRow> {
        let mut head = Head::default();
        self.each_fact(rows, |this, fact| {
            if let Some((entry, contribution)) = this.shown(fact, None)? {
                head.add(entry, &contribution);
            }
            Ok(())
        })?;
        self.head = head;
        Ok(())
    }

    /// Calls `f` for every fact, in key order.
    ///
    /// # Errors
    /// [`BadRow`], see [`Fragment::fact`], or what `f` gives.
    pub fn each_fact(
        &mut self,
        rows: &dyn Rows,
        mut f: impl FnMut(&Self, &Fact) -> Result<(), BadRow>,
    ) -> Result<(), BadRow> {
        for number in 0..1_u32 << self.depth {
            self.page(rows, number as u16)?;
        }
        for page in self.pages.values() {
            for fact in &page.facts {
                f(self, fact)?;
            }
        }
        Ok(())
    }

    /// Doubles the number of pages.
    fn split(&mut self, rows: &dyn Rows) -> Result<(), BadRow> {
        for number in 0..1_u32 << self.depth {
            self.page(rows, number as u16)?;
        }
        let old = std::mem::take(&mut self.pages);
        self.depth += 1;
        for number in 0..1_u32 << self.depth {
            self.pages.insert(number as u16, Page { dirty: true, ..Page::default() });
        }
        for fact in old.into_values().flat_map(|p| p.facts) {
            let mut w = Writer::default();
            fact.encode(&mut w);
            let number = self.page_of(&fact.key);
            if let Some(page) = self.pages.get_mut(&number) {
                page.bytes += w.0.len();
                page.facts.push(fact);
            }
        }
        Ok(())
    }

    fn start_time_pages(&mut self, rows: &dyn Rows) -> Result<(), BadRow> {
        let mut time = TimePages::new();
        let mut entries = Vec::new();
        self.each_fact(rows, |this, fact| {
            let shown = this.shown(fact, None)?;
            entries.extend(shown.map(|(entry, c)| (entry, c.gives.is_purchase())));
            Ok(())
        })?;
        for (entry, receipt) in entries {
            time.insert(rows, self.token, entry, receipt)?;
        }
        self.time = Some(time);
        Ok(())
    }

    /// Up to `limit` timeline entries before `before`, newest first.
    ///
    /// # Errors
    /// [`BadRow`], see [`Fragment::fact`].
    pub fn entries(
        &mut self,
        rows: &dyn Rows,
        before: Option<When>,
        limit: usize,
    ) -> Result<Vec<Entry>, BadRow> {
        let earlier = |e: &Entry| before.is_none_or(|b| (e.at, e.event) < b);
        let recent: Vec<Entry> = self.head.recent.iter().copied().filter(earlier).take(limit).collect();
        if recent.len() == limit || self.head.recent.len() as u64 == self.head.events {
            return Ok(recent); // the newest page, which nearly everybody wants, costs no further row
        }
        if let Some(time) = &mut self.time {
            return time.entries(rows, self.token, before, limit);
        }
        let mut entries = Vec::new();
        self.each_fact(rows, |this, fact| {
            entries.extend(this.shown(fact, None)?.map(|(entry, _)| entry).filter(earlier));
            Ok(())
        })?;
        entries.sort_unstable_by(|a, b| b.cmp(a));
        entries.truncate(limit);
        Ok(entries)
    }

    /// Rows that changed since the last call; deletions are `None`.
    pub fn take_dirty(&mut self, out: &mut Vec<Row>) {
        let changed = self.pages.values().any(|page| page.dirty);
        let inline = match self.pages.get(&0) {
            Some(page) if changed => self.depth == 0 && page.bytes <= INLINE_BYTES_MAX,
            _ => !self.apart && self.depth == 0,
        };
        if changed && inline && std::mem::take(&mut self.apart) {
            out.push((keys::page(self.token, 0), None));
        }
        self.apart |= changed && !inline;
        for (number, page) in self.pages.iter_mut().filter(|(_, page)| page.dirty) {
            page.dirty = false;
            self.dirty = true;
            if !inline {
                let row = (!page.facts.is_empty()).then(|| page.row());
                out.push((keys::page(self.token, *number), row));
            }
        }
        if let Some(time) = &mut self.time {
            time.take_dirty(self.token, out);
        }
        if std::mem::take(&mut self.marks_dirty) {
            self.dirty = true;
            out.push(self.marks_row());
        }
        if std::mem::take(&mut self.dirty) {
            let page = match (inline, &self.inline) {
                (false, _) => None,
                (true, Some(unread)) => Some(unread.clone()),
                (true, None) => Some(self.pages.get(&0).map_or_else(|| Page::default().row(), Page::row)),
            };
            out.push(self.head_row(page.as_deref()));
        }
    }

    fn marks_row(&self) -> Row {
        (keys::marks(self.token), self.marks().map(Marks::to_row))
    }

    /// The head's row, with its only page behind it or without.
    fn head_row(&self, page: Option<&[u8]>) -> Row {
        let mut w = Writer::default();
        w.number(if page.is_some() { FORMAT_INLINE } else { FORMAT });
        w.number(self.facts);
        w.number(u64::from(self.depth));
        let bits = [self.time.is_some(), self.anonymous, self.marks.is_some()];
        w.number(bits.iter().enumerate().map(|(at, bit)| u64::from(*bit) << at).sum());
        self.head.encode(&mut w);
        w.raw(page.unwrap_or_default());
        (keys::head(self.token), Some(w.0))
    }

    /// Appends all rows of a new fragment of these facts, which come sorted by key, each with its row form. `rows` gives
    /// events, `policy` judges their days.
    ///
    /// # Errors
    /// [`BadRow`] if what a fact gives cannot be read.
    pub(super) fn rows_of(
        (token, anonymous): (Token, bool),
        facts: &[(Fact, &[u8])],
        (rows, policy): (&dyn Rows, &Policy),
        out: &mut Vec<Row>,
    ) -> Result<(), BadRow> {
        let mut this = Self::empty(token, anonymous);
        this.facts = facts.len() as u64;
        let mut entries = Vec::new();
        for (fact, _) in facts {
            if let Some((entry, contribution)) = this.shown(fact, None)? {
                this.head.add(entry, &contribution);
                entries.push((entry, contribution.gives.is_purchase()));
            } else if let Some(when) = this.clears(fact, None)? {
                this.clear(when);
            }
        }
        this.mark_days(rows, policy, &entries)?;
        if this.marks.is_some() {
            out.push(this.marks_row());
        }
        while this.depth < DEPTH_MAX
            && this.pages_of(facts).any(|page| page.1.len() > 1 && bytes(page.1) > PAGE_BYTES_MAX)
        {
            this.depth += 1;
        }
        let row_of = |page: &[(Fact, &[u8])]| {
            let mut w = Writer(Vec::with_capacity(bytes(page) + 4));
            w.number(page.len() as u64);
            page.iter().for_each(|(_, row)| w.raw(row));
            w.0
        };
        let inline = this.depth == 0 && bytes(facts) <= INLINE_BYTES_MAX;
        if !inline {
            let pages = this.pages_of(facts);
            out.extend(pages.map(|(number, page)| (keys::page(token, number), Some(row_of(page)))));
        }
        if !anonymous && this.facts >= TIMED_FROM {
            let mut time = TimePages::new();
            entries.sort_unstable();
            for (entry, receipt) in entries {
                time.insert(&NoRows, token, entry, receipt)?;
            }
            time.take_dirty(token, out);
            this.time = Some(time);
        }
        let page = inline.then(|| row_of(facts));
        out.push(this.head_row(page.as_deref()));
        Ok(())
    }

    /// Facts that are sorted by key, page by page.
    fn pages_of<'f, 'a>(
        &self,
        facts: &'f [(Fact, &'a [u8])],
    ) -> impl Iterator<Item = (u16, &'f [(Fact, &'a [u8])])> {
        let same = |a: &(Fact, &[u8]), b: &(Fact, &[u8])| self.page_of(&a.0.key) == self.page_of(&b.0.key);
        facts.chunk_by(same).map(|page| (self.page_of(&page[0].0.key), page))
    }
}
