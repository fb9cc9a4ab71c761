//! Cursors of the change feed, and ids: whatever was ever issued resolves.

use super::{
    history,
    lab::{Faults, Source, catch_up, feed},
    start,
};
use std::{collections::BTreeSet, sync::Arc};
use tributary_core::{event::RecordedEvent, identity::policy::Policy, ids::CustomerId};
use tributary_eventlog::scan;
use tributary_projector::{Projector, decode};
use tributary_tests::{
    generate::{deliver, policy},
    oracle::outcome,
};

#[test]
fn pages_of_any_size_give_every_change_once() {
    for seed in 0..4 {
        let (source, policy) = (Source::memory(), policy(seed));
        source.append(&history(seed));
        let dir = tempfile::tempdir().expect("a folder");
        let projector = start(dir.path(), &source, &policy);
        catch_up(&projector, &*source.log);
        let all = feed(&projector, 100_000);
        assert!(!all.is_empty());
        for page in 1..20 {
            assert_eq!(feed(&projector, page), all, "seed {seed}: pages of {page}");
        }
        assert!(all.is_sorted_by_key(|c| c.version));
    }
}

/// An id that a subscriber was ever told leads to a customer as long as anybody holds its identifier, also after the loss
/// of the store.
#[test]
fn every_id_ever_issued_resolves_even_after_the_store_is_lost() {
    for seed in 0..8 {
        let policy = policy(seed);
        let source = Source::memory();
        let dir = tempfile::tempdir().expect("a folder");
        let faults = Faults::default();
        let start = || {
            Projector::start(faults.options(dir.path(), &policy), Arc::clone(&source.log) as _)
                .expect("starts")
        };
        let projector = start();
        let mut issued: BTreeSet<CustomerId> = BTreeSet::new();
        // Out of order, as several sources deliver.
        for piece in deliver(&history(seed), seed).chunks(3) {
            source.append(piece);
            catch_up(&projector, &*source.log);
            issued.extend(feed(&projector, 1_000).iter().map(|c| c.customer));
        }
        let live = resolved(&projector, &source, &policy, &issued);
        faults.crash(projector);
        std::fs::remove_dir_all(dir.path()).expect("the store is lost");
        let projector = start();
        catch_up(&projector, &*source.log);
        assert_eq!(resolved(&projector, &source, &policy, &issued), live, "seed {seed}: after the loss");
    }
}

/// To whom each id leads: to the holder of the identifier whose birth it is, as the oracle knows it. Nowhere only where
/// nobody holds it: it was blocked, or corrected away.
fn resolved(
    projector: &Projector,
    source: &Source,
    policy: &Policy,
    issued: &BTreeSet<CustomerId>,
) -> Vec<(CustomerId, Option<CustomerId>)> {
    let records = scan(&*source.log, 1).map(|record| decode(&record.expect("a record")));
    let events: Vec<RecordedEvent> = records.filter_map(|event| event.expect("an event")).collect();
    let wanted = outcome(&events, policy);
    let token = |id: &CustomerId| {
        let event = events.iter().find(|e| e.event.id == id.event).expect("every id is of an event");
        event.event.identifiers[usize::from(id.ordinal)].token
    };
    projector.read(|read| {
        let resolver = &read.engine().fold().resolver;
        let answer = |id: &CustomerId| {
            let now = read.resolve(*id).and_then(|c| resolver.id(c));
            if read.is_erased(*id) {
                assert_eq!(now, None, "{id} was erased");
                return (*id, now);
            }
            let token = token(id);
            let attached = wanted.customers.iter().filter(|c| c.attached.contains(&token));
            let holders: Vec<_> =
                wanted.customer_of(token).into_iter().chain(attached).map(|c| c.id).collect();
            match now {
                Some(found) if holders.is_empty() => {
                    assert!(
                        wanted.customers.iter().any(|c| c.id == found),
                        "{id} leads to {found}, who is not"
                    );
                }
                Some(found) => assert!(holders.contains(&found), "{id} leads to {found}, not to {holders:?}"),
                None => assert!(holders.is_empty(), "{id} leads nowhere, not to {holders:?}"),
            }
            (*id, now)
        };
        // A live customer is itself.
        for customer in &wanted.customers {
            let found = read.resolve(customer.id).and_then(|c| resolver.id(c));
            assert_eq!(found, Some(customer.id));
        }
        issued.iter().map(answer).collect()
    })
}
