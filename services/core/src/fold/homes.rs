//! Where facts live while they are folded. Live: in fragments at hand, loaded from rows and written at each commit. In
//! bulk: nowhere yet; what becomes of each fact is listed, and the fragments are built from the lists afterwards.

use super::{
    Prepared,
    bulk::Bulk,
    fact::Fact,
    fragment::Fragment,
    rows::{Place, Rows},
};
use crate::{codec::BadRow, identity::Resolver, ids::FactKey, token::Token};
use hashbrown::{HashMap, HashSet};

type Map<K, V> = HashMap<K, V, foldhash::fast::FixedState>;

/// Fragments at hand.
#[derive(Clone, Debug, Default)]
pub(super) struct Live {
    pub fragments: Map<Token, Fragment>,
    /// Fragments used since the last commit.
    pub used: HashSet<Token, foldhash::fast::FixedState>,
}

/// Where facts live.
#[derive(Clone, Debug)]
pub(super) enum Homes {
    Live(Live),
    Bulk(Bulk),
}

impl Default for Homes {
    fn default() -> Self {
        Self::Live(Live::default())
    }
}

/// What reading a fact may need.
pub(super) struct Reading<'a> {
    pub rows: &'a dyn Rows,
    pub resolver: &'a Resolver,
}

impl Live {
    /// The fragment, loaded if it is not at hand.
    fn fragment(&mut self, with: &Reading<'_>, token: Token) -> Result<&mut Fragment, BadRow> {
        self.used.insert(token);
        if !self.fragments.contains_key(&token) {
            let anonymous = with.resolver.kind_of_token(token).is_none();
            self.fragments.insert(token, Fragment::load(with.rows, token, anonymous)?);
        }
        self.fragments.get_mut(&token).ok_or(BadRow)
    }
}

impl Homes {
    /// The fact of this key, whose place is known.
    ///
    /// # Errors
    /// [`BadRow`] if it is not there or cannot be read; so do all other methods.
    pub fn fact(&mut self, with: &Reading<'_>, key: &FactKey, place: Place) -> Result<Fact, BadRow> {
        match self {
            Self::Live(live) => live.fragment(with, place.home)?.fact(with.rows, key)?.cloned().ok_or(BadRow),
            Self::Bulk(bulk) => bulk.fact(with, key, place),
        }
    }

    /// Takes the fact of this key, whose place is known, out of its home.
    pub fn remove(&mut self, with: &Reading<'_>, key: &FactKey, place: Place) -> Result<Fact, BadRow> {
        match self {
            Self::Live(live) => {
                let fragment = live.fragment(with, place.home)?;
                let fact = fragment.remove(with.rows, key)?.ok_or(BadRow)?;
                fragment.count_receipts(with.rows, with.resolver.policy())?;
                Ok(fact)
            }
            Self::Bulk(bulk) => {
                let fact = bulk.fact(with, key, place)?;
                bulk.remove(place.home, key);
                Ok(fact)
            }
        }
    }

    /// Puts a fact in that is not there. `prepared` is what it gives, where that is at hand.
    pub fn insert(
        &mut self,
        with: &Reading<'_>,
        home: Token,
        fact: Fact,
        prepared: Option<&Prepared>,
    ) -> Result<(), BadRow> {
        match self {
            Self::Live(live) => {
                let gives = prepared.map(|p| &p.contribution);
                let fragment = live.fragment(with, home)?;
                fragment.insert(with.rows, fact, gives)?;
                fragment.count_receipts(with.rows, with.resolver.policy())
            }
            Self::Bulk(bulk) => {
                bulk.insert(home, fact);
                Ok(())
            }
        }
    }

    /// Remembers that the fact `hanger` hangs on this one; gives the fact as it is then.
    pub fn hang(
        &mut self,
        with: &Reading<'_>,
        key: &FactKey,
        place: Place,
        hanger: FactKey,
    ) -> Result<Fact, BadRow> {
        match self {
            Self::Live(live) => {
                let fragment = live.fragment(with, place.home)?;
                fragment.amend(with.rows, key, |fact| fact.hang(hanger))?;
                fragment.fact(with.rows, key)?.cloned().ok_or(BadRow)
            }
            Self::Bulk(bulk) => {
                let mut fact = bulk.fact(with, key, place)?;
                fact.hang(hanger);
                bulk.insert(place.home, fact.clone());
                Ok(fact)
            }
        }
    }
}
