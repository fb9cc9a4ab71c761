//! The rows of a store that sled keeps, and beneath them the base: what sled has of a key counts, else what the base has.
//!
//! A store without a base is sled's default tree, with the rows as they are. Over a base the rows lie in a tree of their
//! own, each value behind a byte that says whether the row is there or was removed. So neither is ever read as the other,
//! and a tree without its base is noticed.

use std::cmp::Ordering;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

use super::base::{Base, BaseWriter};
use super::error::{while_in_use, while_opening};
use super::{Key, Row, StoreError, Value};

/// Name of the tree over a base.
const OVER: &str = "over";
/// The key has no row, whatever the base says.
const REMOVED: u8 = 0;
/// The value follows.
const PRESENT: u8 = 1;

/// What lies beneath a tree.
pub(super) enum Below {
    Nothing,
    /// A base that is being written and that nobody sees yet.
    Loading(Arc<BaseWriter>),
    Base(Arc<Base>),
}

/// A tree and what lies beneath it.
pub(super) struct Layers {
    pub tree: sled::Tree,
    pub below: Below,
}

type Found = Result<(sled::IVec, sled::IVec), sled::Error>;

impl Layers {
    /// The layers of the store in this folder.
    ///
    /// # Errors
    /// [`StoreError::Unopenable`] if the base is damaged, or missing under rows that lay over one.
    pub fn open(db: &sled::Db, path: &Path) -> Result<Self, StoreError> {
        if let Some(base) = Base::open(path)? {
            return Self::over(db, Below::Base(Arc::new(base)));
        }
        let has_over = db.tree_names().iter().any(|name| **name == *OVER.as_bytes());
        if has_over && !db.open_tree(OVER).map_err(while_opening)?.is_empty() {
            let reason = "the file of loaded rows is missing".to_owned();
            return Err(StoreError::Unopenable { reason });
        }
        Ok(Self { tree: (**db).clone(), below: Below::Nothing })
    }

    /// The tree over what lies below.
    ///
    /// # Errors
    /// When sled cannot open it.
    pub fn over(db: &sled::Db, below: Below) -> Result<Self, StoreError> {
        Ok(Self { tree: db.open_tree(OVER).map_err(while_opening)?, below })
    }

    pub fn base(&self) -> Option<&Base> {
        match &self.below {
            Below::Base(base) => Some(base),
            _ => None,
        }
    }

    fn marked(&self) -> bool {
        !matches!(self.below, Below::Nothing)
    }

    /// The value under `key`.
    pub fn get(&self, key: &[u8]) -> Result<Option<Value>, StoreError> {
        match (self.tree.get(key).map_err(while_in_use)?, self.base()) {
            (Some(found), _) => self.value(&found),
            (None, Some(base)) => base.get(key),
            (None, None) => Ok(None),
        }
    }

    /// The value of a row of the tree; `None` if it says that there is none.
    fn value(&self, found: &[u8]) -> Result<Option<Value>, StoreError> {
        if !self.marked() {
            return Ok(Some(found.to_vec()));
        }
        match found.split_first() {
            Some((&PRESENT, value)) => Ok(Some(value.to_vec())),
            Some((&REMOVED, [])) => Ok(None),
            _ => Err(StoreError::Damaged {
                reason: "a row over loaded ones is not as it was written".to_owned(),
            }),
        }
    }

    // sled keeps a batch in a hash map, so the plan's order is lost within it: what keeps writes close together is that
    // a commit's groups come in key order.
    pub fn batch(&self, rows: Vec<Row>) -> Result<sled::Batch, StoreError> {
        let mut batch = sled::Batch::default();
        for (key, value) in rows {
            match value {
                Some(value) if self.marked() => batch.insert(key, [&[PRESENT], value.as_slice()].concat()),
                Some(value) => batch.insert(key, value),
                None if self.lies_below(&key)? => batch.insert(key, &[REMOVED]),
                None => batch.remove(key),
            }
        }
        Ok(batch)
    }

    fn lies_below(&self, key: &[u8]) -> Result<bool, StoreError> {
        match &self.below {
            Below::Nothing => Ok(false),
            // It may be among them.
            Below::Loading(_) => Ok(true),
            Below::Base(base) => Ok(base.get(key)?.is_some()),
        }
    }

    /// At most `limit` rows with `from <= key` and, when given, `key < to`, in the direction asked for.
    pub fn scan(
        &self,
        from: &[u8],
        to: Option<&[u8]>,
        limit: usize,
        backward: bool,
    ) -> Result<Vec<(Key, Value)>, StoreError> {
        // sled takes a range with its start after its end for an error of the programmer.
        if to.is_some_and(|to| to <= from) {
            return Ok(Vec::new());
        }
        let range = self
            .tree
            .range::<&[u8], _>((Bound::Included(from), to.map_or(Bound::Unbounded, Bound::Excluded)));
        let mut over: Box<dyn Iterator<Item = Found>> =
            if backward { Box::new(range.rev()) } else { Box::new(range) };
        let mut under = self.base().map(|base| base.scan(from, to, backward));
        let mut next_over = || over.next().transpose().map_err(while_in_use);
        let mut next_under = || under.as_mut().and_then(Iterator::next).transpose();
        let (mut upper, mut lower) = (next_over()?, next_under()?);
        let mut rows = Vec::new();
        while rows.len() < limit {
            let order = match (&upper, &lower) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((upper, _)), Some((lower, _))) => {
                    let order = (**upper).cmp(lower.as_slice());
                    if backward { order.reverse() } else { order }
                }
            };
            if order.is_le() {
                if let Some((key, found)) = upper.take()
                    && let Some(value) = self.value(&found)?
                {
                    rows.push((key.to_vec(), value));
                }
                upper = next_over()?;
            } else {
                rows.extend(lower.take());
            }
            // A row of the tree hides that of the base.
            if order.is_ge() {
                lower = next_under()?;
            }
        }
        Ok(rows)
    }
}
