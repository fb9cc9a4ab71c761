//! A fold over rows in memory: events in, with commits wherever a seed puts them, and what readers see of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use tributary_core::{
    change::Change,
    codec::BadRow,
    event::RecordedEvent,
    fold::{
        Committed, DeadLetter, Fold, Outcome, Place, Prepared, Rows,
        build::{self, List},
        bulk::SHARDS,
    },
    identity::{CustomerRef, Resolver, policy::Policy},
    ids::{CustomerId, EventId, EventPrefix, FactKey, Position},
    time::Micros,
    token::Token,
    view::{self, Records, Sources},
};
use tributary_tests::{oracle::Bought, rng::Rng};

/// Rows and index entries as the last commit left them, and every event that was folded.
#[derive(Default)]
pub struct Memory {
    pub rows: HashMap<Vec<u8>, Vec<u8>>,
    places: HashMap<FactKey, Place>,
    by_id: HashMap<EventId, Position>,
    events: HashMap<Position, RecordedEvent>,
}

impl Memory {
    fn take(&mut self, committed: &Committed) {
        for (key, value) in committed.fragments.iter().flatten() {
            match value {
                Some(value) => self.rows.insert(key.clone(), value.clone()),
                None => self.rows.remove(key),
            };
        }
        self.places.extend(committed.places.iter().copied());
        self.by_id.extend(committed.events.iter().copied());
    }
}

impl Rows for Memory {
    fn row(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BadRow> {
        Ok(self.rows.get(key).cloned())
    }

    fn place(&self, key: &FactKey) -> Result<Option<Place>, BadRow> {
        Ok(self.places.get(key).copied())
    }

    fn event(&self, at: Position) -> Result<Option<RecordedEvent>, BadRow> {
        Ok(self.events.get(&at).cloned())
    }
}

impl Records for Memory {
    fn by_id(&self, id: EventId) -> Option<RecordedEvent> {
        self.at(*self.by_id.get(&id)?)
    }

    fn of_prefix(&self, prefix: EventPrefix, _: Micros) -> Option<EventId> {
        self.by_id.keys().find(|id| id.prefix() == prefix).copied()
    }

    fn at(&self, position: Position) -> Option<RecordedEvent> {
        self.events.get(&position).cloned()
    }
}

/// A customer as readers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub identifiers: BTreeSet<Token>,
    /// Oldest first.
    pub timeline: Vec<EventId>,
    pub purchases: BTreeMap<String, Bought>,
}

/// A fold with everything it wrote.
#[derive(Default)]
pub struct World {
    pub fold: Fold,
    pub memory: Memory,
    pub changes: Vec<Change>,
    pub dead: Vec<DeadLetter>,
    pub outcomes: Vec<Outcome>,
}

impl World {
    /// Folds the events in this order; `seed` says where it commits, with which fragments kept, and where it drains.
    pub fn of(events: &[RecordedEvent], policy: &Policy, seed: u64) -> Self {
        let mut world = Self::new(policy);
        let mut rng = Rng::new(seed ^ 0x776f_726c);
        let bulk = rng.percent(30);
        if bulk {
            world.fold.begin_bulk();
        }
        // Some commit after nearly every event, some nearly never.
        let often = [2, 30, 90][rng.below(3)];
        for event in events {
            world.apply(event);
            if rng.percent(often) {
                match rng.below(5) {
                    _ if bulk => world.drain(),
                    0 => world.drain(),
                    1 | 2 => world.commit(1_000),
                    _ => world.commit(0),
                }
            }
        }
        if bulk {
            world.build();
        }
        world.commit(0);
        world
    }

    /// A world without events.
    pub fn new(policy: &Policy) -> Self {
        Self { fold: Fold::new(Resolver::new(policy.clone())), ..Self::default() }
    }

    /// Folds one event.
    pub fn apply(&mut self, event: &RecordedEvent) {
        self.memory.events.insert(event.position, event.clone());
        let prepared = Prepared::of(&event.event);
        self.fold.apply(&self.memory, event, &prepared).expect("rows are sound");
    }

    /// Makes fragments of what a fold in bulk has listed.
    pub fn build(&mut self) {
        let bulk = self.fold.take_bulk();
        let (mut digest, mut rows) = (0_u128, Vec::new());
        for number in 0..SHARDS {
            let list = List::read(bulk.list(number)).expect("a list");
            let built = list.each_fragment(|token, facts| {
                let anonymous = self.fold.resolver.kind_of_token(token).is_none();
                let with = (&self.memory as &dyn Rows, self.fold.resolver.policy());
                let built = build::fragment(token, anonymous, &facts, with)?;
                digest = digest.wrapping_add(built.digest);
                rows.extend(built.rows.into_iter().filter_map(|(key, row)| Some((key, row?))));
                Ok::<_, BadRow>(())
            });
            built.expect("its facts can be read");
        }
        self.memory.rows.extend(rows);
        self.fold.built(digest);
    }

    fn drain(&mut self) {
        let drained = self.fold.drain();
        self.keep(drained);
    }

    /// Writes what was folded; so many fragments stay at hand.
    pub fn commit(&mut self, keep: usize) {
        let committed = self.fold.commit(keep);
        self.keep(committed);
    }

    fn keep(&mut self, committed: Committed) {
        self.memory.take(&committed);
        self.changes.extend(committed.changes);
        self.dead.extend(committed.dead);
        self.outcomes.extend(committed.outcomes);
    }

    pub fn sources(&self) -> Sources<'_> {
        Sources { resolver: &self.fold.resolver, rows: &self.memory, records: &self.memory }
    }

    pub fn customers(&self) -> impl Iterator<Item = (CustomerId, CustomerRef)> {
        let resolver = &self.fold.resolver;
        resolver.customers_from(0).filter_map(|(_, c)| Some((resolver.id(c)?, c)))
    }

    /// Every customer, its timeline read in pages of `page` entries.
    pub fn seen(&self, page: usize) -> BTreeMap<CustomerId, Seen> {
        self.customers().map(|(id, customer)| (id, self.look(customer, page))).collect()
    }

    fn look(&self, customer: CustomerRef, page: usize) -> Seen {
        let mut timeline = Vec::new();
        let mut before = None;
        loop {
            let entries = view::entries(self.sources(), customer, before, page).expect("rows are sound");
            timeline.extend(entries.iter().map(|e| e.event));
            match entries.last() {
                Some(last) if entries.len() == page => before = Some((last.at, last.event)),
                _ => break,
            }
        }
        timeline.reverse();
        let head = view::head(self.sources(), customer).expect("rows are sound");
        let bought = head.currencies.iter().map(|(currency, sum)| {
            (currency.clone(), Bought { orders: sum.orders, refunds: sum.refunds, net: sum.net })
        });
        let identifiers = self.fold.resolver.members(customer).into_iter().collect();
        Seen { identifiers, timeline, purchases: bought.collect() }
    }

    /// The views as JSON without versions, which count records, whatever they are.
    pub fn views(&self) -> BTreeMap<CustomerId, String> {
        let mut views = BTreeMap::new();
        for (id, customer) in self.customers() {
            let mut view = view::view(self.sources(), customer).expect("rows are sound").expect("it exists");
            view.version = 0;
            views.insert(id, serde_json::to_string_pretty(&view).expect("views are JSON"));
        }
        views
    }
}
