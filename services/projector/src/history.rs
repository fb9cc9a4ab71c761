//! What became of one customer: its changes, from the newest back, along their chain.

use crate::read::View;
use tributary_core::{
    change::{Change, ChangeKind},
    codec::BadRow,
    fold::rows::keys,
    identity::CustomerRef,
    time::Micros,
};

/// Changes looked at on the way back; a customer with more has been told of often enough.
pub const STEPS_MAX: usize = 2_000;

/// A customer's changes of identity, and how often its data went out under its id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Created, merged, split: newest first.
    pub changes: Vec<Change>,
    /// Changes of any kind since the newest merge, or since its creation if it never merged: each carried the data of all
    /// who were this customer then.
    pub told: u64,
    /// From when on.
    pub since: Option<Micros>,
    /// The last of them.
    pub until: Option<Micros>,
    /// There were more changes than were looked at: the beginning is missing.
    pub cut: bool,
}

impl View<'_> {
    /// The changes of a customer under its present id.
    ///
    /// # Errors
    /// [`BadRow`] if a row is damaged or cannot be read.
    pub fn history(&self, customer: CustomerRef) -> Result<History, BadRow> {
        let resolver = &self.engine.fold.resolver;
        let mut history = History::default();
        let Some(id) = resolver.id(customer) else { return Ok(history) };
        let mut version = resolver.version(customer);
        for _ in 0..STEPS_MAX {
            if version == 0 {
                return Ok(history);
            }
            let (from, to) = (keys::change(version, 0), keys::change(version + 1, 0));
            let rows = self.engine.store.scan(&from, Some(&to), usize::MAX).map_err(|_| BadRow)?;
            let mut changes = rows.iter().map(|(_, row)| Change::from_row(row));
            let Some(change) = changes.find(|c| c.as_ref().map_or(true, |c| c.customer == id)) else {
                return Ok(history); // told by a change of another release
            };
            let change = change?;
            version = change.follows;
            // Until the newest merge has been passed, all went out as one.
            if history.changes.iter().all(|c| c.kind != ChangeKind::Merged) {
                history.told += 1;
                history.since = Some(change.at);
                history.until = history.until.max(Some(change.at));
            }
            if change.kind != ChangeKind::Updated {
                history.changes.push(change);
            }
        }
        history.cut = version != 0;
        Ok(history)
    }
}
