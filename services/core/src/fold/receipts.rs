//! Days with more receipts on one identifier than one person makes, as the identifier's fragment finds them. A receipt is a
//! purchase that counts; it counts on its home identifier. What stands here is a function of the fragment's facts and
//! the policy: a day is counted again from its receipts whenever one of them comes or goes. Ordinary fragments have no
//! such day, and so no row and no byte of this.
//!
//! Erasures, blocks and clearings are not looked at here: readers apply them ([`view::suspicion`](crate::view::suspicion)),
//! as they do for timelines.

use super::{
    fragment::Fragment,
    head::{Entry, When},
    rows::{Rows, keys},
};
use crate::{
    codec::{BadRow, Reader, Writer},
    identity::policy::Policy,
    ids::{EventId, Position},
    time::{Day, Micros},
};
use serde::Serialize;
use std::collections::BTreeSet;

/// Receipts of one day that are counted: the first ones. It bounds what one more costs, as each counted one's store is read
/// from the log. Facts do not keep their stores: nearly all purchases would be longer for the sake of very few.
pub const RECEIPTS_MAX: usize = 100;
/// Suspicious days that are remembered: the newest ones, more than a year's. It bounds the row.
pub const DAYS_MAX: usize = 400;

/// A purchase: when, and where the log has it.
pub type Receipt = (When, Position);

/// A day with too many receipts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SuspiciousDay {
    /// The day, by the policy's distance from UTC.
    pub day: Day,
    /// Receipts, at most [`RECEIPTS_MAX`].
    pub receipts: u32,
    /// Different stores that these receipts name.
    pub stores: u32,
}

/// What is suspicious about one identifier.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// The newest [`DAYS_MAX`] suspicious days, oldest first.
    pub days: Vec<SuspiciousDay>,
    /// An operator's newest word that all is in order up to then.
    pub cleared: Option<When>,
}

/// Format of the row.
const FORMAT: u64 = 1;

impl Marks {
    /// Whether there is nothing to keep.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.days.is_empty() && self.cleared.is_none()
    }

    /// The row form.
    #[must_use]
    pub fn to_row(&self) -> Vec<u8> {
        let mut w = Writer::default();
        w.number(FORMAT);
        w.number(u64::from(self.cleared.is_some()));
        if let Some((at, event)) = self.cleared {
            w.signed(at.0);
            w.raw(&event.0);
        }
        w.number(self.days.len() as u64);
        for of in &self.days {
            w.signed(i64::from(of.day.0));
            w.number(u64::from(of.receipts));
            w.number(u64::from(of.stores));
        }
        w.0
    }

    /// Back from the row form.
    ///
    /// # Errors
    /// [`BadRow`] if it is none.
    pub fn from_row(row: &[u8]) -> Result<Self, BadRow> {
        let mut r = Reader(row);
        if r.number()? != FORMAT {
            return Err(BadRow);
        }
        let mut marks = Self::default();
        if r.number()? == 1 {
            marks.cleared = Some((Micros(r.signed()?), EventId(r.sixteen()?)));
        }
        for _ in 0..r.count()? {
            let day = Day(i32::try_from(r.signed()?).map_err(|_| BadRow)?);
            marks.days.push(SuspiciousDay { day, receipts: r.small()?, stores: r.small()? });
        }
        r.end()?;
        Ok(marks)
    }

    fn of(&self, day: Day) -> Option<&SuspiciousDay> {
        self.days.binary_search_by_key(&day, |of| of.day).ok().map(|at| &self.days[at])
    }

    /// Puts in what a day came to; says whether an older day may have to take its place.
    fn put(&mut self, day: Day, found: Option<SuspiciousDay>) -> bool {
        let was_full = self.days.len() == DAYS_MAX;
        match (self.days.binary_search_by_key(&day, |of| of.day), found) {
            (Ok(at), Some(found)) => self.days[at] = found,
            (Err(at), Some(found)) => {
                self.days.insert(at, found);
                if was_full {
                    self.days.remove(0);
                }
            }
            (Ok(at), None) => {
                self.days.remove(at);
                return was_full;
            }
            (Err(_), None) => {}
        }
        false
    }
}

/// What these receipts of one day come to, oldest first and at most [`RECEIPTS_MAX`]; `None` if they are not too many.
fn count(
    rows: &dyn Rows,
    policy: &Policy,
    day: Day,
    receipts: &[Receipt],
) -> Result<Option<SuspiciousDay>, BadRow> {
    let number = receipts.len() as u32;
    if policy.receipts_allowed().is_none_or(|allowed| number <= allowed) {
        return Ok(None);
    }
    let mut stores = BTreeSet::new();
    for (_, position) in receipts {
        let store = rows.event(*position)?.ok_or(BadRow)?.event.store;
        if !store.is_empty() {
            stores.insert(store);
        }
    }
    let found = SuspiciousDay { day, receipts: number, stores: stores.len() as u32 };
    Ok(policy.is_too_many(found.receipts, found.stores).then_some(found))
}

/// The suspicious days of all of a fragment's receipts.
fn days_of(
    rows: &dyn Rows,
    policy: &Policy,
    mut receipts: Vec<Receipt>,
) -> Result<Vec<SuspiciousDay>, BadRow> {
    receipts.sort_unstable_by_key(|(when, _)| *when);
    let mut days = Vec::new();
    for of_day in receipts.chunk_by(|a, b| policy.day(a.0.0) == policy.day(b.0.0)) {
        let first = &of_day[..of_day.len().min(RECEIPTS_MAX)];
        days.extend(count(rows, policy, policy.day(first[0].0.0), first)?);
    }
    days.drain(..days.len().saturating_sub(DAYS_MAX));
    Ok(days)
}

impl Fragment {
    /// What is suspicious about its identifier; `None` for nearly all.
    #[must_use]
    pub fn marks(&self) -> Option<&Marks> {
        self.marks.as_deref()
    }

    pub(super) fn load_marks(&mut self, rows: &dyn Rows) -> Result<(), BadRow> {
        let row = rows.row(&keys::marks(self.token))?.ok_or(BadRow)?;
        self.marks = Some(Box::new(Marks::from_row(&row)?));
        Ok(())
    }

    /// Changes the marks; none are left behind empty.
    fn change_marks<R>(&mut self, change: impl FnOnce(&mut Marks) -> R) -> R {
        let mut marks = self.marks.take().unwrap_or_default();
        let before = marks.clone();
        let changed = change(&mut marks);
        self.marks_dirty |= *marks != *before;
        self.marks = (!marks.is_empty()).then_some(marks);
        changed
    }

    /// An operator cleared the identifier.
    pub(super) fn clear(&mut self, when: When) {
        self.change_marks(|marks| marks.cleared = marks.cleared.max(Some(when)));
    }

    /// The fact of a clearing has gone: the newest of the others counts.
    pub(super) fn unclear(&mut self, rows: &dyn Rows, when: When) -> Result<(), BadRow> {
        if self.marks().and_then(|marks| marks.cleared) != Some(when) {
            return Ok(());
        }
        let mut newest = None;
        self.each_fact(rows, |this, fact| {
            newest = newest.max(this.clears(fact, None)?);
            Ok(())
        })?;
        self.change_marks(|marks| marks.cleared = newest);
        Ok(())
    }

    /// Counts the day again of the receipt that came or went last. To be called after each fact put in or taken out.
    ///
    /// # Errors
    /// [`BadRow`] if a row or an event cannot be read.
    pub fn count_receipts(&mut self, rows: &dyn Rows, policy: &Policy) -> Result<(), BadRow> {
        let (Some(changed), Some(allowed)) = (self.changed_receipt.take(), policy.receipts_allowed()) else {
            return Ok(());
        };
        let day = policy.day(changed.0);
        let known = self.marks().and_then(|marks| marks.of(day)).copied();
        if known.is_none()
            && (self.head.receipts() <= u64::from(allowed) || self.few_on(policy, day, allowed))
        {
            return Ok(());
        }
        let receipts = self.receipts(rows, policy, day, None)?;
        let full = |of: SuspiciousDay| of.receipts as usize == RECEIPTS_MAX;
        if known.is_some_and(full) && receipts.len() == RECEIPTS_MAX && receipts[RECEIPTS_MAX - 1].0 < changed
        {
            return Ok(()); // it is none of those that are counted
        }
        let found = count(rows, policy, day, &receipts)?;
        if found == known {
            return Ok(());
        }
        if self.change_marks(|marks| marks.put(day, found)) {
            self.take_up_older(rows, policy)?;
        }
        Ok(())
    }

    /// Whether the newest entries alone tell that there are few receipts on a day: they nearly always do.
    fn few_on(&self, policy: &Policy, day: Day, allowed: u32) -> bool {
        let recent = &self.head.recent;
        let all = recent.len() as u64 == self.head.events
            || recent.last().is_some_and(|oldest| oldest.at < policy.day_start(day));
        all && recent.iter().filter(|e| policy.day(e.at) == day).count() <= allowed as usize
    }

    /// The first [`RECEIPTS_MAX`] receipts of a day, oldest first; only those later than `after`.
    fn receipts(
        &mut self,
        rows: &dyn Rows,
        policy: &Policy,
        day: Day,
        after: Option<Micros>,
    ) -> Result<Vec<Receipt>, BadRow> {
        let from = after.map_or(policy.day_start(day), |after| {
            policy.day_start(day).max(Micros(after.0.saturating_add(1)))
        });
        let end = policy.day_start(Day(day.0.saturating_add(1)));
        if let Some(time) = &mut self.time {
            return time.receipts(rows, self.token, from..end, RECEIPTS_MAX);
        }
        let mut found = Vec::new();
        self.each_fact(rows, |this, fact| {
            let Some(r) = fact.revision.as_ref().filter(|r| (from..end).contains(&r.at)) else {
                return Ok(());
            };
            if this.shown(fact, None)?.is_some_and(|(_, c)| c.gives.is_purchase()) {
                found.push(((r.at, r.event), r.position));
            }
            Ok(())
        })?;
        found.sort_unstable_by_key(|(when, _)| *when);
        found.truncate(RECEIPTS_MAX);
        Ok(found)
    }

    /// Counts all days of a new fragment with these entries, of which the flagged ones are receipts.
    pub(super) fn mark_days(
        &mut self,
        rows: &dyn Rows,
        policy: &Policy,
        entries: &[(Entry, bool)],
    ) -> Result<(), BadRow> {
        if policy.receipts_allowed().is_none_or(|allowed| self.head.receipts() <= u64::from(allowed)) {
            return Ok(());
        }
        let receipts = entries.iter().filter(|(_, receipt)| *receipt);
        let receipts = receipts.map(|(entry, _)| ((entry.at, entry.event), entry.position)).collect();
        let days = days_of(rows, policy, receipts)?;
        self.change_marks(|marks| marks.days = days);
        Ok(())
    }

    /// What a day comes to by its receipts later than `after` alone.
    ///
    /// # Errors
    /// [`BadRow`] if a row or an event cannot be read.
    pub fn day_after(
        &mut self,
        rows: &dyn Rows,
        policy: &Policy,
        day: Day,
        after: Micros,
    ) -> Result<Option<SuspiciousDay>, BadRow> {
        let receipts = self.receipts(rows, policy, day, Some(after))?;
        count(rows, policy, day, &receipts)
    }

    /// One of as many days as are remembered is suspicious no more: the next older one is, if there is one.
    fn take_up_older(&mut self, rows: &dyn Rows, policy: &Policy) -> Result<(), BadRow> {
        let oldest = self.marks().and_then(|marks| marks.days.first()).map(|of| of.day);
        let mut before = oldest.map(|day| (policy.day_start(day), EventId::default()));
        while let Some(entry) = self.entries(rows, before, 1)?.pop() {
            let day = policy.day(entry.at);
            let receipts = self.receipts(rows, policy, day, None)?;
            if let Some(found) = count(rows, policy, day, &receipts)? {
                self.change_marks(|marks| marks.put(day, Some(found)));
                return Ok(());
            }
            before = Some((policy.day_start(day), EventId::default()));
        }
        Ok(())
    }
}
