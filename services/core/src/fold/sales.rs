//! One sale that several channels see counts once, in any order of arrival.
//!
//! Purchases of channels that are compared with others carry their other names (`refs`: invoice and order numbers). Under
//! each name stands the list of all facts that were ever called so; it is a fact of its own that states nothing, in a
//! fragment of its own. A purchase of a channel that *attaches* is on the timeline only, and adds no money, while another
//! purchase has one of its names, names somebody, is alike, and ranks before it: those of channels that count do, and of
//! two that attach the one with the lesser key. Whether that other one counts is not asked, so what counts is a function of
//! the set of facts. A refund of an attaching channel does not count while it is of a purchase that does not.
//!
//! Alike: the same currency, not more than [`APART_MICROS_MAX`] apart, and, where the name is so short that another shop
//! may have given it too, the same total. A name that more than [`CALLED_MAX`] facts have had names nothing.

use super::{
    apply::Fold,
    contribution::{Contribution, Gives},
    fact::Fact,
    hash128,
    homes::Reading,
    rows::Rows,
};
use crate::{codec::BadRow, event::RecordedEvent, ids::FactKey, money::Money, time::Micros, token::Token};
use smallvec::SmallVec;
use std::collections::BTreeSet;

/// Facts that one name may have had: a sale is seen by two or three channels, with corrections.
const CALLED_MAX: usize = 32;
/// Names of one purchase that are looked at.
const NAMES_MAX: usize = 8;
/// From this many letters and digits on a name is one sale's: invoice numbers have ten, and are used again after two months.
const LONG_NAME: usize = 8;
/// 31 days: an order may be invoiced when it is shipped.
const APART_MICROS_MAX: i64 = 31 * 86_400 * 1_000_000;

/// Keys of the lists of names. The last bit says whether the name is long.
#[must_use]
pub(super) fn refs(texts: &[String]) -> Vec<FactKey> {
    let mut keys = Vec::new();
    for text in texts {
        // `AB-12345678` and `AB12345678`, `#1001` and `1001` are one.
        let name: String =
            text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect();
        if name.chars().all(|c| c == '0') {
            continue;
        }
        let is_long = name.chars().count() >= LONG_NAME;
        let mut key = hash128(&[b"name of a sale", name.as_bytes()]).to_be_bytes();
        key[15] = key[15] & 0xfe | u8::from(is_long);
        if keys.len() < NAMES_MAX && !keys.contains(&FactKey(key)) {
            keys.push(FactKey(key));
        }
    }
    keys
}

/// Key of the list of refunds that are of a purchase.
fn refunds_of(purchase: FactKey) -> FactKey {
    FactKey(hash128(&[b"refunds of a sale", &purchase.0]).to_be_bytes())
}

/// The fragment of a list.
fn home_of(name: FactKey) -> Token {
    Token(hash128(&[b"fragment of a name", &name.0]).to_be_bytes())
}

/// The lists that a fact stands in.
fn names(gives: &Gives) -> Vec<FactKey> {
    match gives {
        Gives::Sale { refs, .. } => refs.clone(),
        Gives::Return { of, .. } => vec![refunds_of(*of)],
        _ => Vec::new(),
    }
}

/// What two purchases are compared by.
struct Sold {
    key: FactKey,
    attaches: bool,
    currency: String,
    total: Money,
    at: Micros,
    refs: Vec<FactKey>,
    /// It says whose it is.
    is_named: bool,
}

impl Sold {
    fn of(fact: &Fact) -> Result<Option<Self>, BadRow> {
        let Some(revision) = &fact.revision else { return Ok(None) };
        let Gives::Sale { currency, total, attaches, refs } = Contribution::decode(&fact.gives)?.gives else {
            return Ok(None);
        };
        let is_named = !fact.ids.is_empty() && fact.attached.is_none();
        Ok(Some(Self { key: fact.key, attaches, currency, total, at: revision.at, refs, is_named }))
    }

    /// Whether both may be one sale that has this name.
    fn is_alike(&self, other: &Self, name: FactKey) -> bool {
        let is_long = name.0[15] & 1 == 1;
        let equal = || self.total.plus(other.total.negated()).units == 0;
        self.currency == other.currency
            && self.at.0.abs_diff(other.at.0) <= APART_MICROS_MAX.unsigned_abs()
            && (is_long || equal())
    }

    /// Whether this one counts rather than `other`.
    fn ranks_before(&self, other: &Self) -> bool {
        self.is_named && (!self.attaches || self.key < other.key)
    }
}

impl Fold {
    /// Puts a fact into the lists of the names that this event gives it, also where its revision does not count.
    pub(super) fn call(&mut self, rows: &dyn Rows, key: FactKey, gives: &Gives) -> Result<(), BadRow> {
        for name in names(gives) {
            if self.place(rows, &name)?.is_none() {
                self.insert(rows, Fact::awaited(name), home_of(name), None)?;
            }
            let called = self.called(rows, name)?;
            if called.len() <= CALLED_MAX && !called.contains(&key) {
                let place = self.place(rows, &name)?.ok_or(BadRow)?;
                let reading = Reading { rows, resolver: &self.resolver };
                self.homes.hang(&reading, &name, place, key)?;
            }
        }
        Ok(())
    }

    /// Decides again what counts, after a fact came, changed or went; `gave` is what it gave before and gives now.
    pub(super) fn recount(
        &mut self,
        rows: &dyn Rows,
        event: &RecordedEvent,
        key: FactKey,
        gave: [&Gives; 2],
    ) -> Result<(), BadRow> {
        let mut lists: BTreeSet<FactKey> = gave.into_iter().flat_map(names).collect();
        if gave.into_iter().any(|gives| matches!(gives, Gives::Sale { attaches: true, .. })) {
            lists.insert(refunds_of(key));
        }
        let mut facts = BTreeSet::new();
        for list in lists {
            facts.extend(self.called(rows, list)?);
        }
        let mut refunds = BTreeSet::new();
        for fact in facts {
            if self.decide(rows, event, fact)? {
                refunds.extend(self.called(rows, refunds_of(fact))?);
            }
        }
        for refund in refunds {
            self.decide(rows, event, refund)?;
        }
        Ok(())
    }

    /// The facts that a list holds; more than [`CALLED_MAX`] mean that the name is nobody's.
    fn called(&mut self, rows: &dyn Rows, name: FactKey) -> Result<SmallVec<[FactKey; 1]>, BadRow> {
        Ok(self.known(rows, name)?.map(|list| list.hangers).unwrap_or_default())
    }

    fn known(&mut self, rows: &dyn Rows, key: FactKey) -> Result<Option<Fact>, BadRow> {
        let Some(place) = self.place(rows, &key)? else { return Ok(None) };
        let reading = Reading { rows, resolver: &self.resolver };
        self.homes.fact(&reading, &key, place).map(Some)
    }

    /// Decides whether a fact counts; tells whether that is news.
    fn decide(&mut self, rows: &dyn Rows, event: &RecordedEvent, key: FactKey) -> Result<bool, BadRow> {
        let Some(fact) = self.known(rows, key)?.filter(|fact| fact.revision.is_some()) else {
            return Ok(false);
        };
        let uncounted = match Contribution::decode(&fact.gives)?.gives {
            Gives::Sale { attaches: true, .. } => self.is_outranked(rows, &fact)?,
            Gives::Return { of, .. } => self.is_of_uncounted(rows, of)?,
            _ => false,
        };
        if uncounted == fact.uncounted {
            return Ok(false);
        }
        let place = self.place(rows, &key)?.ok_or(BadRow)?;
        let mut fact = self.remove(rows, &key, place)?;
        fact.uncounted = uncounted;
        let customer = self.resolver.attribute(&fact.ids, fact.owned_at());
        self.touch(customer, event);
        self.touch_owners(&fact.ids, event);
        self.insert(rows, fact, place.home, None)?;
        Ok(true)
    }

    /// Whether another purchase counts for the sale that this one saw.
    fn is_outranked(&mut self, rows: &dyn Rows, fact: &Fact) -> Result<bool, BadRow> {
        let Some(own) = Sold::of(fact)? else { return Ok(false) };
        for name in &own.refs {
            let called = self.called(rows, *name)?;
            if called.len() > CALLED_MAX {
                continue;
            }
            for other in called.into_iter().filter(|key| *key != own.key) {
                let Some(other) = self.known(rows, other)? else { continue };
                if let Some(other) = Sold::of(&other)?
                    && other.refs.contains(name)
                    && other.ranks_before(&own)
                    && other.is_alike(&own, *name)
                {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Whether a refund is of a purchase that does not count.
    fn is_of_uncounted(&mut self, rows: &dyn Rows, of: FactKey) -> Result<bool, BadRow> {
        if self.called(rows, refunds_of(of))?.len() > CALLED_MAX {
            return Ok(false);
        }
        Ok(self.known(rows, of)?.is_some_and(|purchase| purchase.uncounted))
    }
}

#[cfg(test)]
mod tests {
    use super::refs;

    #[test]
    fn names_are_compared_without_their_dress() {
        let of = |text: &str| refs(&[text.to_owned()]);
        assert_eq!(of("AB-12345678"), of("ab12345678"));
        assert_eq!(of("#1001"), of(" 1001"));
        assert_ne!(of("1001"), of("01001"));
        assert_eq!(of("0000000000"), []);
        assert_eq!(of("--"), []);
        assert_eq!((of("AB12345678")[0].0[15] & 1, of("1001")[0].0[15] & 1), (1, 0));
        assert_eq!(refs(&["1".into(), "#1".into(), "2".into()]).len(), 2);
    }
}
