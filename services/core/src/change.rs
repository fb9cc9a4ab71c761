//! Changes: what subscribers hear of. Per customer they form a chain: apply a change when `follows <= mine < version`,
//! fetch the customer again when `mine < follows`.

use crate::{
    codec::{BadRow, Reader, Writer},
    ids::{CustomerId, EventId},
    time::Micros,
};
use serde::{Deserialize, Serialize};

/// What happened to a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// It exists from now on.
    Created = 0,
    /// Its view is another one.
    Updated = 1,
    /// It took in the customers in `from`, whose ids now lead to it.
    Merged = 2,
    /// It lost identifiers to the customers in `parts`.
    Split = 3,
    /// It exists no more.
    Erased = 4,
}

/// One entry of the change feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Deterministic: (customer, causing event, kind).
    pub id: String,
    /// What happened.
    pub kind: ChangeKind,
    /// To whom.
    pub customer: CustomerId,
    /// Number of records folded up to the causing event.
    pub version: u64,
    /// Version of this customer's change before, 0 for none.
    pub follows: u64,
    /// The causing event.
    pub caused_by: EventId,
    /// When the causing event was recorded.
    pub at: Micros,
    /// For `merged`: the customers taken in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<CustomerId>,
    /// For `split`: all customers that hold its identifiers now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<CustomerId>,
}

impl Change {
    /// The id of a change of this kind.
    #[must_use]
    pub fn id_of(kind: ChangeKind, customer: CustomerId, caused_by: EventId) -> String {
        let name = match kind {
            ChangeKind::Created => "created",
            ChangeKind::Updated => "updated",
            ChangeKind::Merged => "merged",
            ChangeKind::Split => "split",
            ChangeKind::Erased => "erased",
        };
        format!("{customer}/{caused_by}/{name}")
    }

    /// The change as a store row.
    #[must_use]
    pub fn to_row(&self) -> Vec<u8> {
        let mut w = Writer::default();
        w.number(1);
        w.number(self.kind as u64);
        let customer = |w: &mut Writer, c: &CustomerId| {
            w.raw(&c.event.0);
            w.number(u64::from(c.ordinal));
        };
        customer(&mut w, &self.customer);
        w.number(self.version);
        w.number(self.follows);
        w.raw(&self.caused_by.0);
        w.signed(self.at.0);
        for list in [&self.from, &self.parts] {
            w.number(list.len() as u64);
            list.iter().for_each(|c| customer(&mut w, c));
        }
        w.0
    }

    /// Back from a store row.
    ///
    /// # Errors
    /// [`BadRow`] if it is none.
    pub fn from_row(row: &[u8]) -> Result<Self, BadRow> {
        let mut r = Reader(row);
        if r.number()? != 1 {
            return Err(BadRow);
        }
        let kind = match r.number()? {
            0 => ChangeKind::Created,
            1 => ChangeKind::Updated,
            2 => ChangeKind::Merged,
            3 => ChangeKind::Split,
            4 => ChangeKind::Erased,
            _ => return Err(BadRow),
        };
        let customer = |r: &mut Reader<'_>| -> Result<CustomerId, BadRow> {
            let event = EventId(r.sixteen()?);
            Ok(CustomerId { event, ordinal: u8::try_from(r.number()?).map_err(|_| BadRow)? })
        };
        let whom = customer(&mut r)?;
        let (version, follows) = (r.number()?, r.number()?);
        let caused_by = EventId(r.sixteen()?);
        let at = Micros(r.signed()?);
        let mut lists = [Vec::new(), Vec::new()];
        for list in &mut lists {
            for _ in 0..r.count()? {
                list.push(customer(&mut r)?);
            }
        }
        r.end()?;
        let [from, parts] = lists;
        let id = Self::id_of(kind, whom, caused_by);
        Ok(Self { id, kind, customer: whom, version, follows, caused_by, at, from, parts })
    }
}
