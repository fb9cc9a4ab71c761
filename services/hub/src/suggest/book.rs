//! What the finder holds: core's index, with customers' ids instead of its handles. Pairs that operators set apart stand in it
//! too: who reads asks the views of today (see [`super::stands`]), since a
//! decision is to count as soon as it is folded.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
};
use tributary_core::{
    ids::CustomerId,
    suggest::{Change, Pair, Record, Suggester, Suggestion},
    token::Token,
};

/// Order of the suggestions: the highest score first, then by the two ids, the smaller first.
pub type Key = (Reverse<i32>, CustomerId, CustomerId);

/// Two customers that look like one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alike {
    /// The two, the smaller id first.
    pub customers: [CustomerId; 2],
    /// An identifier of each: the one that its id is the birth of.
    pub tokens: [Token; 2],
    /// Score and reasons.
    pub suggestion: Suggestion,
}

impl Alike {
    /// Its place in the order.
    #[must_use]
    pub fn key(&self) -> Key {
        (Reverse(self.suggestion.score), self.customers[0], self.customers[1])
    }
}

/// The finder's index by customer.
///
/// After any history of calls the suggestions are those of the customers held, which are all but those that came while `max`
/// were held.
pub struct Book {
    suggester: Suggester,
    max: usize,
    handles: HashMap<CustomerId, u32>,
    /// By handle; those of customers that went are given again.
    held: Vec<Option<(CustomerId, Token)>>,
    free: Vec<u32>,
    open: BTreeMap<Key, Suggestion>,
}

impl Book {
    /// An empty book that suggests from this score on, in hundredths of a bit, and holds `max` customers at most.
    #[must_use]
    pub fn new(threshold: i32, max: usize) -> Self {
        Self {
            suggester: Suggester::new(threshold),
            max,
            handles: HashMap::new(),
            held: Vec::new(),
            free: Vec::new(),
            open: BTreeMap::new(),
        }
    }

    /// Takes a customer as it is now: its record and an identifier of it. One with nothing to compare is not held. `false`:
    /// there is no room for another.
    pub fn put(&mut self, id: CustomerId, token: Token, record: Record) -> bool {
        if record == Record::default() {
            self.forget(id);
            return true;
        }
        let handle = match self.handles.get(&id) {
            Some(handle) => *handle,
            None if self.handles.len() >= self.max => return false,
            None => self.handle(id),
        };
        if let Some(slot) = self.held.get_mut(handle as usize) {
            *slot = Some((id, token));
        }
        let changes = self.suggester.upsert(handle, record, &|_| false);
        self.note(&changes);
        true
    }

    /// Forgets a customer that is no more, or has nothing to compare any more.
    pub fn forget(&mut self, id: CustomerId) {
        let Some(handle) = self.handles.remove(&id) else { return };
        let changes = self.suggester.remove(handle, &|_| false);
        self.note(&changes);
        if let Some(slot) = self.held.get_mut(handle as usize) {
            *slot = None;
        }
        self.free.push(handle);
    }

    /// The suggestions that come after `after`, in order, at most `limit`.
    #[must_use]
    pub fn page(&self, after: Option<Key>, limit: usize) -> Vec<Alike> {
        let from = after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        let rows = self.open.range((from, std::ops::Bound::Unbounded)).take(limit);
        rows.filter_map(|((_, a, b), suggestion)| self.alike(*a, *b, *suggestion)).collect()
    }

    /// The suggestions about one customer, the highest score first.
    #[must_use]
    pub fn of(&self, id: CustomerId) -> Vec<Alike> {
        let Some(handle) = self.handles.get(&id) else { return Vec::new() };
        let others = self.suggester.of(*handle);
        let told = others.filter_map(|(other, suggestion)| {
            let (other, _) = (*self.held.get(other as usize)?)?;
            self.alike(id.min(other), id.max(other), suggestion)
        });
        let mut told: Vec<Alike> = told.collect();
        told.sort_by_key(Alike::key);
        told
    }

    /// The identifier of a customer that is held.
    #[must_use]
    pub fn token(&self, id: CustomerId) -> Option<Token> {
        let (_, token) = (*self.held.get(*self.handles.get(&id)? as usize)?)?;
        Some(token)
    }

    /// Whether the two are suggested.
    #[must_use]
    pub fn has(&self, a: CustomerId, b: CustomerId) -> bool {
        let handles = self.handles.get(&a).zip(self.handles.get(&b));
        handles.is_some_and(|(a, b)| self.suggester.of(*a).any(|(other, _)| other == *b))
    }

    /// Number of suggestions.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// Number of customers held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.handles.len()
    }

    /// Whether no customer is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.handles.is_empty()
    }

    fn alike(&self, a: CustomerId, b: CustomerId, suggestion: Suggestion) -> Option<Alike> {
        Some(Alike { customers: [a, b], tokens: [self.token(a)?, self.token(b)?], suggestion })
    }

    fn handle(&mut self, id: CustomerId) -> u32 {
        let handle = self.free.pop().unwrap_or_else(|| {
            self.held.push(None);
            self.held.len() as u32 - 1
        });
        self.handles.insert(id, handle);
        handle
    }

    fn note(&mut self, changes: &[Change]) {
        for change in changes {
            let Some((a, b)) = self.ids(change.pair) else { continue };
            if let Some(before) = change.before {
                self.open.remove(&(Reverse(before.score), a, b));
            }
            if let Some(after) = change.after {
                self.open.insert((Reverse(after.score), a, b), after);
            }
        }
    }

    fn ids(&self, (a, b): Pair) -> Option<(CustomerId, CustomerId)> {
        let (a, b) = ((*self.held.get(a as usize)?)?.0, (*self.held.get(b as usize)?)?.0);
        Some((a.min(b), a.max(b)))
    }
}
