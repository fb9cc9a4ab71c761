//! What outsiders read of a projector: pages of changes, dead letters, customers. Everything as of the last commit.

use crate::{engine::Engine, sources::log_position};
use tributary_core::{
    change::Change,
    codec::BadRow,
    fold::{Count, DeadLetter, fact_hash, fragment::facts_of_row, rows::keys},
    identity::CustomerRef,
    ids::{Cursor, CustomerId, Position},
    token::Token,
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

/// Rows read at once while verifying.
const VERIFY_ROWS: usize = 1_000;

/// What a verification found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Records folded.
    pub records: u64,
    /// Facts in the store.
    pub facts: u64,
    /// Customers.
    pub customers: u64,
    /// Digest of everything, as the fold keeps it.
    pub digest: u128,
    /// The facts' part of it, as the fold keeps it.
    pub stored_digest: u128,
    /// The same, summed from the rows.
    pub facts_digest: u128,
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

    /// The folder of the generation looked at: another one after a rebuild, which may follow another policy.
    #[must_use]
    pub fn generation(&self) -> &std::path::Path {
        &self.engine.dir
    }

    /// Everything up to here has been folded.
    ///
    /// # Errors
    /// [`BadRow`] if the order of the node's records cannot be read.
    pub fn cursor(&self) -> Result<Cursor, BadRow> {
        self.cursor_at(self.engine.number)
    }

    fn cursor_at(&self, number: u64) -> Result<Cursor, BadRow> {
        Ok(Cursor::new(self.engine.reach(number).map_err(|_| BadRow)?))
    }

    /// How many records, in the node's order, this cursor covers without a gap.
    ///
    /// # Errors
    /// [`BadRow`] if the order of the node's records cannot be read.
    pub fn covered(&self, cursor: &Cursor) -> Result<u64, BadRow> {
        let reached: Vec<_> = cursor.positions().iter().map(|p| log_position(*p)).collect();
        self.engine.order.covered(&reached).map_err(|_| BadRow)
    }

    /// Changes after `cursor`, at most about `limit`; all changes of one causing record stay together.
    ///
    /// # Errors
    /// [`BadRow`] if the store cannot give them.
    pub fn changes(&self, cursor: &Cursor, limit: usize) -> Result<ChangePage, BadRow> {
        // A version is the number of the causing record.
        let after = self.covered(cursor)?;
        let from = keys::change(after + 1, 0);
        let end = keys::change(u64::MAX, u32::MAX);
        let rows = self.engine.store.scan(&from, Some(&end), limit.max(1) + 1).map_err(|_| BadRow)?;
        let more = rows.len() > limit.max(1);
        let mut changes = rows.iter().map(|(_, row)| Change::from_row(row)).collect::<Result<Vec<_>, _>>()?;
        if !more {
            return Ok(ChangePage { changes, next: self.cursor()? });
        }
        let cut = changes.last().map_or(0, |c| c.version);
        changes.retain(|c| c.version < cut);
        if changes.is_empty() {
            // One record with more changes than fit: all of them, or nobody would ever get past it.
            let (from, end) = (keys::change(cut, 0), keys::change(cut + 1, 0));
            let rows = self.engine.store.scan(&from, Some(&end), usize::MAX).map_err(|_| BadRow)?;
            changes = rows.iter().map(|(_, row)| Change::from_row(row)).collect::<Result<Vec<_>, _>>()?;
        }
        let next = self.cursor_at(changes.last().map_or(after, |c| c.version))?;
        Ok(ChangePage { changes, next })
    }

    /// Changes that the record at this position caused, at most about `limit`.
    ///
    /// # Errors
    /// [`BadRow`] if the store cannot give them.
    pub fn changes_by(&self, position: Position, limit: usize) -> Result<Vec<Change>, BadRow> {
        let number = self.engine.order.number_of(log_position(position)).map_err(|_| BadRow)?;
        let Some(number) = number else { return Ok(Vec::new()) };
        let (from, end) = (keys::change(number, 0), keys::change(number + 1, 0));
        let rows = self.engine.store.scan(&from, Some(&end), limit).map_err(|_| BadRow)?;
        rows.iter().map(|(_, row)| Change::from_row(row)).collect()
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

    /// Sums every stored fact again and compares with the sum that the fold keeps.
    ///
    /// # Errors
    /// [`BadRow`] if a row is damaged.
    pub fn verify(&self) -> Result<Verified, BadRow> {
        let engine = self.engine;
        let mut found = Verified {
            records: engine.fold.records,
            customers: engine.fold.resolver.customers() as u64,
            digest: engine.fold.digest(),
            stored_digest: engine.fold.facts_digest(),
            ..Verified::default()
        };
        for (first, end) in [(b"h", b"i"), (b"p", b"q")] {
            let mut from = first.to_vec();
            loop {
                let rows = engine.store.scan(&from, Some(end), VERIFY_ROWS).map_err(|_| BadRow)?;
                let Some((last, _)) = rows.last() else { break };
                from = [last.as_slice(), &[0]].concat();
                for (key, row) in &rows {
                    let home = Token(key.get(1..17).and_then(|k| k.try_into().ok()).ok_or(BadRow)?);
                    for fact in facts_of_row(key, row)? {
                        found.facts += u64::from(fact.revision.is_some());
                        found.facts_digest = found.facts_digest.wrapping_add(fact_hash(&fact, home));
                    }
                }
            }
        }
        Ok(found)
    }

    /// Identifiers with suspicious days or clearings after this one, in the order of their tokens, at most `limit`.
    ///
    /// # Errors
    /// [`BadRow`] if the store cannot give them.
    pub fn marked(&self, after: Option<Token>, limit: usize) -> Result<Vec<Token>, BadRow> {
        let from = after.map_or_else(|| b"s".to_vec(), |after| [&*keys::marks(after), &[0]].concat());
        let rows = self.engine.store.scan(&from, Some(b"t"), limit).map_err(|_| BadRow)?;
        let token = |key: &[u8]| Some(Token(key.get(1..)?.try_into().ok()?));
        rows.iter().map(|(key, _)| token(key).ok_or(BadRow)).collect()
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

    /// Whether an id named a customer that was erased: the event that gave birth to it has lost the identifier.
    #[must_use]
    pub fn is_erased(&self, id: CustomerId) -> bool {
        let erased = self.engine.with_sources(|sources, records| {
            let event = records.by_id(id.event)?;
            let named = tributary_core::identity::taking_part(&event).get(usize::from(id.ordinal))?;
            Some(sources.resolver.is_erased(named.token, event.effective_at()))
        });
        erased == Some(true)
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
            if resolver.is_erased(named.token, at) {
                return None;
            }
            // Its own customer; an observed one's owner; and if it was corrected away, who has the fact now.
            let holder = resolver.customer_of(named.token);
            let holder = holder.or_else(|| resolver.attribute(&[(named.token, named.trust)], at));
            holder.or_else(|| self.engine.home_of(&event))
        })
    }
}
