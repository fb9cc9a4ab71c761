//! Every identity scenario, in 200 random orders of delivery with repeated records, gives the customers that must exist.

use std::collections::{BTreeMap, BTreeSet};
use tributary_tests::{
    generate::deliver,
    oracle::{Bought, Outcome, outcome},
    scenario::{Expected, Scenario, all, twd},
};

/// Orders of delivery a scenario is judged in.
const ORDERS: u64 = 200;

#[test]
fn every_scenario_gives_its_customers_in_any_order() {
    let scenarios = all();
    let numbered = scenarios.iter().filter(|s| s.name.starts_with('S')).count();
    assert_eq!(numbered, 15, "S01 to S15");
    for scenario in scenarios {
        let events = scenario.events();
        let listed = outcome(&events, &scenario.policy);
        judge(&scenario, &listed);
        for seed in 0..ORDERS {
            let delivered = outcome(&deliver(&events, seed), &scenario.policy);
            assert_eq!(delivered, listed, "{}: order {seed} gives another outcome", scenario.name);
        }
    }
}

#[test]
fn the_listing_order_of_the_first_scenario_does_not_show_in_its_view() {
    let all = all();
    let [first, second, ..] = all.as_slice() else { panic!("two scenarios at least") };
    let [a, b] = [first, second].map(|s| outcome(&s.events(), &s.policy));
    assert_eq!(a.partition(), b.partition());
    assert_eq!(a.customers[0].timeline, b.customers[0].timeline);
    assert_eq!(a.customers[0].purchases, b.customers[0].purchases);
}

fn judge(scenario: &Scenario, outcome: &Outcome) {
    let name = scenario.name;
    let tokens = |list: &[(&str, &str)]| list.iter().map(|i| scenario.token(*i)).collect::<BTreeSet<_>>();
    let wanted: BTreeSet<_> = scenario.customers.iter().map(|c| tokens(&c.identifiers)).collect();
    assert_eq!(outcome.partition(), wanted, "{name}: the customers");
    for expected in &scenario.customers {
        judge_customer(scenario, outcome, expected);
    }
    assert_eq!(outcome.shared, tokens(&scenario.shared), "{name}: shared identifiers");
    let refused: BTreeSet<_> = outcome.refused.iter().map(|(a, b, _)| BTreeSet::from([*a, *b])).collect();
    let wanted: BTreeSet<_> = scenario.refused.iter().map(|pair| tokens(pair)).collect();
    assert_eq!(refused, wanted, "{name}: refused links");
    let nobody: BTreeSet<_> = scenario.nobody.iter().map(|label| scenario.id(label)).collect();
    assert_eq!(outcome.unattributed, nobody, "{name}: events that belong to nobody");
}

fn judge_customer(scenario: &Scenario, outcome: &Outcome, expected: &Expected) {
    let name = scenario.name;
    let first = expected.identifiers[0];
    let found = outcome.customer_of(scenario.token(first));
    let customer = found.unwrap_or_else(|| panic!("{name}: nobody holds {first:?}"));
    let attached: BTreeSet<_> = expected.attached.iter().map(|i| scenario.token(*i)).collect();
    assert_eq!(customer.attached, attached, "{name}: attached to {first:?}");
    if let Some((label, ordinal)) = expected.birth {
        assert_eq!(customer.id.event, scenario.id(label), "{name}: birth of {first:?}");
        assert_eq!(customer.id.ordinal, ordinal, "{name}: place of {first:?} in its birth");
    }
    let Some(timeline) = &expected.timeline else { return };
    let labels: Vec<_> =
        customer.timeline.iter().map(|id| scenario.script.label(*id).unwrap_or("?")).collect();
    assert_eq!(&labels, timeline, "{name}: timeline of {first:?}");
    let (orders, refunds, net) = expected.bought;
    let mut bought = BTreeMap::new();
    if orders + refunds > 0 {
        bought.insert("TWD".to_owned(), Bought { orders, refunds, net: twd(net) });
    }
    assert_eq!(customer.purchases, bought, "{name}: purchases of {first:?}");
}
