//! Feeding: all customers in portions, then those that changes name, by cursor. Looks at the views are short; comparing is
//! done between them.

use super::{
    book::Book,
    read::{Seen, seen},
};
use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{PoisonError, RwLock},
    time::{Duration, Instant},
};
use tributary_core::{
    codec::BadRow,
    identity::CustomerRef,
    ids::{Cursor, CustomerId},
    normalise::Region,
    suggest::threshold_for,
};
use tributary_projector::{Projector, View};

/// Customers read during one look; the projector waits for at most one.
const PORTION: usize = 32;
/// A look ends early after so long: a customer's fragments may have to come from the disk.
const LOOK: Duration = Duration::from_millis(1);
/// Changes read during one look.
const CHANGES: usize = 256;
/// A hub with fewer customers is judged as if it had so many: they are the first of more, and a name alone must never do.
const CUSTOMERS_LEAST: usize = 10_000;

/// What one step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// There is more to do.
    More,
    /// Everything folded has been taken.
    Done,
}

/// Where the feeding is. Started anew with every process.
pub struct Feed {
    region: Region,
    max: usize,
    /// The generation that is being read, and the number of customers up to which its threshold holds.
    of: Option<(PathBuf, usize)>,
    /// The next place in the list of all customers; `None` after its end.
    place: Option<u32>,
    /// Changed customers that are to be read again.
    changed: BTreeSet<CustomerId>,
    /// Everything up to here has been taken once `changed` is empty.
    cursor: Cursor,
    /// A customer found no room since there was some last.
    full: bool,
}

/// What a look found.
#[derive(Default)]
struct Found {
    seen: Vec<Seen>,
    gone: Vec<CustomerId>,
    /// The book is of another generation or another threshold: a new one with this threshold.
    anew: Option<i32>,
    step: Option<Step>,
}

impl Feed {
    /// A feed that holds `max` customers at most.
    #[must_use]
    pub fn new(region: Region, max: usize) -> Self {
        let (changed, cursor) = (BTreeSet::new(), Cursor::default());
        Self { region, max, of: None, place: Some(0), changed, cursor, full: false }
    }

    /// Everything up to here is in the book; `None` before all customers have been read once.
    #[must_use]
    pub fn taken(&self) -> Option<&Cursor> {
        (self.place.is_none() && self.changed.is_empty() && self.of.is_some()).then_some(&self.cursor)
    }

    /// Whether all customers have been read once.
    #[must_use]
    pub fn follows(&self) -> bool {
        self.place.is_none() && self.of.is_some()
    }

    /// Whether customers found no room. They are left out until they change when there is some.
    #[must_use]
    pub fn full(&self) -> bool {
        self.full
    }

    /// Reads one portion and puts it into the book. If that fails, the next step begins at the start.
    ///
    /// # Errors
    /// [`BadRow`] if a row is damaged; the projector notices too and folds again.
    pub fn step(&mut self, projector: &Projector, book: &RwLock<Book>) -> Result<Step, BadRow> {
        let found = projector.read(|look| self.look(&look)).inspect_err(|_| self.of = None)?;
        if let Some(threshold) = found.anew {
            let new = Book::new(threshold, self.max);
            let old = std::mem::replace(&mut *book.write().unwrap_or_else(PoisonError::into_inner), new);
            // A gigabyte of small pieces: nobody is to wait for its end.
            drop(old);
        }
        for id in found.gone {
            book.write().unwrap_or_else(PoisonError::into_inner).forget(id);
        }
        for one in found.seen {
            let record = one.values.record(self.region);
            // One at a time: readers never wait for a whole portion.
            let mut book = book.write().unwrap_or_else(PoisonError::into_inner);
            let room = book.put(one.id, one.token, record);
            self.full = !room || (self.full && book.len() >= self.max);
        }
        Ok(found.step.unwrap_or(Step::More))
    }

    fn look(&mut self, look: &View<'_>) -> Result<Found, BadRow> {
        let mut found = Found { anew: self.begin_anew(look)?, ..Found::default() };
        match self.place {
            Some(place) => self.read_on(look, place, &mut found)?,
            None if self.changed.is_empty() => {
                let page = look.changes(&self.cursor, CHANGES)?;
                let named = page.changes.into_iter();
                self.changed.extend(named.flat_map(|c| [vec![c.customer], c.from, c.parts].concat()));
                self.cursor = page.next;
                if self.changed.is_empty() && look.cursor()? == self.cursor {
                    found.step = Some(Step::Done);
                }
            }
            None => self.read_changed(look, &mut found)?,
        }
        Ok(found)
    }

    /// Starts from the beginning where the views are not those that were read: another generation, or one that went back;
    /// and where the hub has outgrown its threshold. Gives the new one.
    fn begin_anew(&mut self, look: &View<'_>) -> Result<Option<i32>, BadRow> {
        let customers = look.engine().fold().resolver.customers();
        let same =
            |(generation, upto): &(PathBuf, usize)| generation == look.generation() && customers <= *upto;
        if self.of.as_ref().is_some_and(same) && look.cursor()?.covers(&self.cursor) {
            return Ok(None);
        }
        let upto = judged_as(customers);
        self.of = Some((look.generation().to_owned(), upto));
        self.place = Some(0);
        self.changed.clear();
        // Whatever changes while the customers are read is named by a change after this.
        self.cursor = look.cursor()?;
        self.full = false;
        Ok(Some(threshold_for(upto)))
    }

    /// The next customers of the list of all.
    fn read_on(&mut self, look: &View<'_>, place: u32, found: &mut Found) -> Result<(), BadRow> {
        let begun = Instant::now();
        let mut next = None;
        look.engine().with_sources(|sources, _| {
            for (count, (at, customer)) in sources.resolver.customers_from(place).enumerate() {
                if count == PORTION || (count > 0 && begun.elapsed() > LOOK) {
                    next = Some(at);
                    break;
                }
                found.seen.extend(seen(sources, customer)?);
            }
            Ok::<(), BadRow>(())
        })?;
        self.place = next;
        Ok(())
    }

    /// The next customers that changed: as they are now, or gone.
    fn read_changed(&mut self, look: &View<'_>, found: &mut Found) -> Result<(), BadRow> {
        let begun = Instant::now();
        let mut done = Vec::new();
        for id in self.changed.iter().take(PORTION) {
            if !done.is_empty() && begun.elapsed() > LOOK {
                break;
            }
            let is_it = |c: &CustomerRef| look.engine().fold().resolver.id(*c) == Some(*id);
            let customer = look.resolve(*id).filter(is_it);
            let read = match customer {
                Some(customer) => look.engine().with_sources(|sources, _| seen(sources, customer))?,
                None => None,
            };
            match read {
                Some(read) => found.seen.push(read),
                None => found.gone.push(*id),
            }
            done.push(*id);
        }
        for id in done {
            self.changed.remove(&id);
        }
        Ok(())
    }
}

/// The number of customers that a hub's threshold is for: the next power of ten. So it changes rarely, and is the same after a
/// restart as it was before.
fn judged_as(customers: usize) -> usize {
    let mut upto = CUSTOMERS_LEAST;
    while upto < customers {
        upto = upto.saturating_mul(10);
    }
    upto
}

#[cfg(test)]
mod tests {
    use super::judged_as;

    #[test]
    fn thresholds_are_for_powers_of_ten() {
        for (customers, upto) in [(0, 10_000), (10_000, 10_000), (10_001, 100_000), (999_999, 1_000_000)] {
            assert_eq!(judged_as(customers), upto);
        }
    }
}
