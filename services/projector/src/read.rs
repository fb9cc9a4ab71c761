//! What outsiders read of a projector: pages of changes, dead letters, customers. Everything as of the last commit.

use crate::engine::Engine;
use tributary_core::{
    change::Change,
    codec::BadRow,
    fold::{Count, DeadLetter, rows::keys},
    identity::CustomerRef,
    ids::{Cursor, CustomerId, Position},
    view::Records,
};

/// A page of the change feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangePage {
    /// In order.
    pub changes: Vec<Change>,
    /// Everything up to here has been given.
    pub next: Cursor,
}

/// A read-only look at an engine while its lock is held.
pub struct View<'a> {
    pub(crate) engine: &'a Engine,
}

impl View<'_> {
    /// The engine.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        self.engine
    }

    /// Everything up to here has been folded.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        Cursor::new([self.engine.position])
    }

    /// Changes after `cursor`, at most about `limit`; all changes of one causing record stay together.
    ///
    /// # Errors
    /// [`BadRow`] if the store cannot give them.
    pub fn changes(&self, cursor: &Cursor, limit: usize) -> Result<ChangePage, BadRow> {
        let origin = self.engine.position.origin;
        // One origin: the number of records folded is the sequence.
        let after = cursor.sequence(origin);
        let from = keys::change(after + 1, 0);
        let end = keys::change(u64::MAX, u32::MAX);
        let rows = self.engine.store.scan(&from, Some(&end), limit.max(1) + 1).map_err(|_| BadRow)?;
        let more = rows.len() > limit.max(1);
        let mut changes = rows.iter().map(|(_, row)| Change::from_row(row)).collect::<Result<Vec<_>, _>>()?;
        if !more {
            return Ok(ChangePage { changes, next: self.cursor() });
        }
        let cut = changes.last().map_or(0, |c| c.version);
        changes.retain(|c| c.version < cut);
        if changes.is_empty() {
            // One record with more changes than fit: all of them, or nobody would ever get past it.
            let (from, end) = (keys::change(cut, 0), keys::change(cut + 1, 0));
            let rows = self.engine.store.scan(&from, Some(&end), usize::MAX).map_err(|_| BadRow)?;
            changes = rows.iter().map(|(_, row)| Change::from_row(row)).collect::<Result<Vec<_>, _>>()?;
        }
        let sequence = changes.last().map_or(after, |c| c.version);
        Ok(ChangePage { changes, next: Cursor::new([Position { origin, sequence }]) })
    }

    /// Dead letters after version `after`, oldest first.
    ///
    /// # Errors
    /// [`BadRow`] if the store cannot give them.
    pub fn dead_letters(&self, after: u64, limit: usize) -> Result<Vec<DeadLetter>, BadRow> {
        let (from, end) = (keys::dead(after + 1), keys::dead(u64::MAX));
        let rows = self.engine.store.scan(&from, Some(&end), limit).map_err(|_| BadRow)?;
        rows.iter().map(|(_, row)| DeadLetter::from_row(row)).collect()
    }

    /// What became of each channel's records.
    ///
    /// # Errors
    /// [`BadRow`] if the store cannot give them.
    pub fn counts(&self) -> Result<Vec<(String, Count)>, BadRow> {
        let (from, end) = (keys::meta("channel/"), keys::meta("channel0"));
        let rows = self.engine.store.scan(&from, Some(&end), usize::MAX).map_err(|_| BadRow)?;
        let name = |key: &[u8]| String::from_utf8_lossy(&key[from.len()..]).into_owned();
        rows.iter().map(|(key, row)| Ok((name(key), Count::from_row(row)?))).collect()
    }

    /// The customer that an id names today: the holder of the identifier whose birth the id is. `None` for an id that no
    /// event gave birth to.
    #[must_use]
    pub fn resolve(&self, id: CustomerId) -> Option<CustomerRef> {
        let resolver = &self.engine.fold.resolver;
        self.engine.with_sources(|_, records| {
            let event = records.by_id(id.event)?;
            let named = tributary_core::identity::taking_part(&event).get(usize::from(id.ordinal))?;
            let at = event.effective_at();
            // Its own customer; an observed one's owner; and if it was corrected away, who has the fact now.
            resolver.attribute(&[(named.token, named.trust)], at).or_else(|| self.engine.home_of(&event))
        })
    }
}
