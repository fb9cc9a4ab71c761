//! Every identity scenario through the fold, in many orders.

use super::{Seen, World, expected};
use std::collections::{BTreeMap, BTreeSet};
use tributary_tests::{
    generate::deliver,
    oracle::{Bought, outcome},
    scenario::{Scenario, all, twd},
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
