//! Every identity scenario through the fold, in many orders.

use super::{Seen, World, expected};
use std::collections::{BTreeMap, BTreeSet};
use tributary_core::{change::ChangeKind, ids::CustomerId};
use tributary_tests::{
    generate::deliver,
    oracle::{Bought, outcome},
    scenario::{Scenario, all, builder::at, twd},
};

/// Orders of delivery a scenario is judged in.
const ORDERS: u64 = 40;

#[test]
fn every_scenario_gives_its_customers_in_any_order() {
    for scenario in all() {
        let events = scenario.events();
        let listed = World::of(&events, &scenario.policy, 0);
        let wanted = expected(&outcome(&events, &scenario.policy));
        assert_eq!(listed.seen(3), wanted, "{}: not what the oracle says", scenario.name);
        judge(&scenario, &listed.seen(2));
        let views = listed.views();
        for seed in 0..ORDERS {
            let world = World::of(&deliver(&events, seed), &scenario.policy, seed);
            assert_eq!(world.seen(2), wanted, "{}: order {seed}", scenario.name);
            assert_eq!(world.views(), views, "{}: order {seed} gives another view", scenario.name);
            assert_eq!(world.fold.digest(), listed.fold.digest(), "{}: order {seed}", scenario.name);
        }
    }
}

/// S14: one change says who is no more, and lists the ids that were merged into it before.
#[test]
fn an_erasure_is_told_once_with_the_ids_it_covers() {
    let all = all();
    let scenario = all.iter().find(|s| s.name.starts_with("S14")).expect("S14");
    let world = World::of(&scenario.events(), &scenario.policy, 0);
    let told = |kind| world.changes.iter().filter(move |c| c.kind == kind).collect::<Vec<_>>();
    let id = |label, ordinal| CustomerId { event: scenario.id(label), ordinal };
    let erased = told(ChangeKind::Erased);
    assert_eq!(erased.len(), 1, "{:#?}", world.changes);
    assert_eq!((erased[0].customer, erased[0].from.clone()), (id("e1", 0), vec![id("e2", 0)]));
    assert_eq!(erased[0].caused_by, scenario.id("e4"));
    let created: BTreeSet<_> = told(ChangeKind::Created).iter().map(|c| c.customer).collect();
    assert_eq!(created, BTreeSet::from([id("e1", 0), id("e2", 0), id("e6", 0)]));
    let resolver = &world.fold.resolver;
    for (token, day, gone) in
        [(("member", "M1"), 1, true), (("line/prov-1", "U1"), 2, true), (("line/prov-1", "U1"), 9, false)]
    {
        assert_eq!(resolver.is_erased(scenario.token(token), at(day, 0)), gone, "{token:?} of day {day}");
    }
    // A late event of the erased customer is told to nobody.
    let late = world.changes.iter().filter(|c| c.caused_by == scenario.id("e5"));
    assert_eq!(late.count(), 0);
}

/// S01, S09: a cookie is forgotten with its only owner, one on a shared tablet is not.
#[test]
fn an_erasure_covers_the_cookies_of_one_owner() {
    for (name, own) in [("S01", true), ("S09", false)] {
        let all = all();
        let scenario = all.iter().find(|s| s.name.starts_with(name)).expect("a scenario");
        let world = World::of(&scenario.events(), &scenario.policy, 0);
        let member = scenario.token(("member", "M1"));
        let cookie = scenario.token(("cookie", if own { "k1" } else { "k9" }));
        let customer = world.fold.resolver.customer_of(member).expect("a customer");
        let covered = world.fold.resolver.covered(customer);
        assert_eq!(covered, if own { vec![member, cookie] } else { vec![member] }, "{name}");
    }
}

/// S15: who had the phone when, and who has it in the past.
#[test]
fn a_recycled_phone_has_owners_by_time() {
    let all = all();
    let scenario = all.iter().find(|s| s.name.starts_with("S15")).expect("S15");
    let world = World::of(&scenario.events(), &scenario.policy, 0);
    let (resolver, phone) = (&world.fold.resolver, scenario.token(("phone", "0955000222")));
    let holder = |member| resolver.customer_of(scenario.token(("member", member))).expect("a customer");
    let events = scenario.events();
    let time = |label| {
        let event = events.iter().find(|e| e.event.id == scenario.id(label)).expect("an event");
        event.effective_at()
    };
    let tenures: Vec<_> = resolver.tenures(phone).iter().map(|t| (t.customer, t.from)).collect();
    assert_eq!(tenures, [(holder("M1"), time("e1")), (holder("M2"), time("e2"))]);
    assert_eq!(resolver.past_contacts(holder("M1")), [phone]);
    assert_eq!(resolver.past_contacts(holder("M2")), []);
    let links = resolver.links(holder("M1"));
    let stories = resolver.stories(holder("M1"), &links);
    let story = stories.iter().find(|s| s.token == phone).expect("a contact");
    assert!(story.past && !story.own);
}

/// S02 is S01 recorded in another order: only the name that comes from the first record differs.
#[test]
fn the_order_of_records_shows_in_nothing_but_the_name() {
    let all = all();
    let [a, b] = [&all[0], &all[1]].map(|s| {
        let world = World::of(&s.events(), &s.policy, 1);
        let (id, view) = world.views().pop_first().expect("one customer");
        view.replace(&id.to_string(), "")
    });
    assert!(all[1].name.starts_with("S02"));
    assert_eq!(a, b);
}

fn judge(scenario: &Scenario, seen: &BTreeMap<tributary_core::ids::CustomerId, Seen>) {
    let name = scenario.name;
    let tokens = |list: &[(&str, &str)]| list.iter().map(|i| scenario.token(*i)).collect::<BTreeSet<_>>();
    let found: BTreeSet<_> = seen.values().map(|s| s.identifiers.clone()).collect();
    let wanted: BTreeSet<_> = scenario.customers.iter().map(|c| tokens(&c.identifiers)).collect();
    assert_eq!(found, wanted, "{name}: the customers");
    for expected in &scenario.customers {
        let identifiers = tokens(&expected.identifiers);
        let found = seen.iter().find(|(_, s)| s.identifiers == identifiers);
        let (id, found) = found.unwrap_or_else(|| panic!("{name}: nobody is {:?}", expected.identifiers));
        if let Some((label, ordinal)) = expected.birth {
            assert_eq!((id.event, id.ordinal), (scenario.id(label), ordinal), "{name}: the birth");
        }
        let Some(timeline) = &expected.timeline else { continue };
        let labels: Vec<_> =
            found.timeline.iter().map(|id| scenario.script.label(*id).unwrap_or("?")).collect();
        assert_eq!(&labels, timeline, "{name}: the timeline");
        let (orders, refunds, net) = expected.bought;
        let sum =
            (orders + refunds > 0).then(|| ("TWD".to_owned(), Bought { orders, refunds, net: twd(net) }));
        assert_eq!(found.purchases, sum.into_iter().collect(), "{name}: the purchases");
    }
}
