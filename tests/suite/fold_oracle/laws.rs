//! Laws of views and changes, judged on the fold itself: one history told in two ways gives one answer.

use super::{Seen, World, each_history};
use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
};
use tributary_core::{
    body::{Body, IdentityAct},
    change::{Change, ChangeKind},
    event::{Identifier, RecordedEvent, Trust},
    identity::Birth,
    ids::{CustomerId, EventId, Position, REMOVAL},
    token::Token,
    view,
};
use tributary_tests::{
    generate::{deliver, with_copies},
    oracle::{facts::Facts, outcome},
    scenario::{
        Channel, Script,
        builder::{at, c, purchase, v},
    },
};

/// L1, L2, L16: views, names and digest of a delivery in another order, with repetitions, in other batches.
#[test]
fn order_repetition_and_batches_show_nowhere() {
    each_history("one answer", |events, policy, seed| {
        let listed = World::of(events, policy, seed);
        let (views, digest) = (listed.views(), listed.fold.digest());
        for (name, told) in [
            ("other batches", events.to_vec()),
            ("later copies", with_copies(events, seed)),
            ("delivered", deliver(events, seed)),
            ("copies delivered", deliver(&with_copies(events, seed), seed + 1)),
        ] {
            let world = World::of(&told, policy, seed + 1);
            if world.fold.digest() != digest {
                return Some(format!("{name}: another digest"));
            }
            let other = world.views();
            if other != views {
                return Some(format!("{name}: views {other:#?}\nlisted {views:#?}"));
            }
        }
        None
    });
}

/// L14, L12: the feed alone gives the customers there are, every change follows the one before it, and a name changes only
/// with a change that says so.
#[test]
fn the_changes_alone_give_the_customers() {
    each_history("feed", |events, policy, seed| {
        for told in [events.to_vec(), deliver(events, seed)] {
            let world = World::of(&told, policy, seed);
            let ids: BTreeSet<&str> = world.changes.iter().map(|c| c.id.as_str()).collect();
            if told == events && ids.len() < world.changes.len() {
                return Some(format!("an id is told twice: {:#?}", world.changes));
            }
            let followed = match follow(&world.changes) {
                Ok(followed) => followed,
                Err(broken) => return Some(format!("{broken}\n{:#?}", world.changes)),
            };
            let mut real = BTreeMap::new();
            for (id, customer) in world.customers() {
                real.insert(id, world.fold.resolver.version(customer));
            }
            if followed != real {
                return Some(format!("feed gives {followed:?}, there are {real:?}\n{:#?}", world.changes));
            }
        }
        None
    });
}

/// What a subscriber holds who applies every change: customers and their versions.
fn follow(changes: &[Change]) -> Result<BTreeMap<CustomerId, u64>, String> {
    let mut sorted = changes.to_vec();
    // As the store's keys order them.
    sorted.sort_by_key(|change| change.version);
    let mut held: BTreeMap<CustomerId, u64> = BTreeMap::new();
    for change in &sorted {
        let mine = held.get(&change.customer).copied();
        if change.follows != mine.unwrap_or(0) || change.version <= change.follows {
            return Err(format!("{} follows {}, held {mine:?}", change.id, change.follows));
        }
        let fits = match change.kind {
            ChangeKind::Created => mine.is_none(),
            ChangeKind::Updated | ChangeKind::Erased => mine.is_some(),
            ChangeKind::Split => {
                mine.is_some() && change.parts.len() > 1 && change.parts[0] == change.customer
            }
            ChangeKind::Merged => change.from.iter().all(|id| held.contains_key(id)),
        };
        if !fits {
            return Err(format!("{} does not fit {held:?}", change.id));
        }
        held.insert(change.customer, change.version);
        for gone in &change.from {
            held.remove(gone);
        }
        if change.kind == ChangeKind::Erased {
            held.remove(&change.customer);
        }
    }
    Ok(held)
}

/// Every change of a view is told: between two records whose views differ stands a change of that customer.
#[test]
fn a_view_changes_only_with_a_change() {
    each_history("told", |events, policy, seed| {
        if seed >= 300 && seed % 10 != 2 {
            return None; // every prefix of a history is folded: the long run takes some
        }
        let mut before: BTreeMap<CustomerId, String> = BTreeMap::new();
        for upto in 1..=events.len() {
            let world = World::of(&events[..upto], policy, seed);
            let told: BTreeSet<CustomerId> = world
                .changes
                .iter()
                .filter(|c| c.version == upto as u64)
                .flat_map(|c| std::iter::once(c.customer).chain(c.from.iter().copied()))
                .collect();
            let now: BTreeMap<CustomerId, String> =
                world.seen(50).into_iter().map(|(id, seen)| (id, format!("{seen:?}"))).collect();
            let ids: BTreeSet<&CustomerId> = before.keys().chain(now.keys()).collect();
            for id in ids {
                if before.get(id) != now.get(id) && !told.contains(id) {
                    let (old, new) = (before.get(id), now.get(id));
                    return Some(format!("record {upto} changed {id} silently\nfrom {old:?}\nto {new:?}"));
                }
            }
            before = now;
        }
        None
    });
}

/// An operator's act that moves nobody may still change what keeps customers apart: subscribers are told of that too.
#[test]
fn refused_links_change_only_with_a_change_when_operators_act() {
    let quiet = Cell::new(0);
    each_history("refused links", |events, policy, seed| {
        let refused = |world: &World| -> BTreeMap<CustomerId, String> {
            let sources = world.sources();
            let views = world.customers().map(|(id, customer)| {
                let view = view::view(sources, customer).expect("rows are sound").expect("it exists");
                (id, format!("{:?}", (view.conflicts, view.suggestions)))
            });
            views.collect()
        };
        for upto in (2..=events.len()).filter(|upto| is_act(&events[upto - 1])) {
            let before = refused(&World::of(&events[..upto - 1], policy, seed));
            let world = World::of(&events[..upto], policy, seed);
            let told: BTreeSet<CustomerId> =
                world.changes.iter().filter(|c| c.version == upto as u64).map(|c| c.customer).collect();
            for (id, now) in refused(&world) {
                if before.get(&id).is_some_and(|before| *before != now) {
                    if !told.contains(&id) {
                        return Some(format!(
                            "record {upto} changed {id} silently\nfrom {:?}\nto {now}",
                            before.get(&id)
                        ));
                    }
                    let moved = world
                        .changes
                        .iter()
                        .any(|c| c.version == upto as u64 && c.kind != ChangeKind::Updated);
                    quiet.set(quiet.get() + usize::from(!moved));
                }
            }
        }
        None
    });
    assert!(quiet.get() > 20, "only {quiet:?} acts changed refused links alone");
}

/// What is said beforehand of an operator's link is what it does.
#[test]
fn a_link_that_would_have_no_effect_is_known_before_it_is_made() {
    let told = [Cell::new(0), Cell::new(0)];
    each_history("obstacle", |events, policy, seed| {
        let world = World::of(events, policy, seed);
        let strongest = world.customers().filter_map(|(_, c)| world.fold.resolver.strongest_own(c));
        let ends: Vec<Token> = strongest.collect();
        for pair in ends.windows(2) {
            let obstacle = world.fold.resolver.obstacle(pair[0], pair[1]);
            let linked = with(events, 1, pair, Body::Identity { act: IdentityAct::Link });
            let after = World::of(&linked, policy, seed).fold.resolver;
            let [a, b] = [pair[0], pair[1]].map(|token| after.customer_of(token));
            let joined = a.is_some() && a == b;
            if joined == obstacle.is_some() {
                return Some(format!("{pair:?}: said {obstacle:?}, joined {joined}"));
            }
            let count = &told[usize::from(joined)];
            count.set(count.get() + 1);
        }
        None
    });
    assert!(told.iter().all(|count| count.get() > 50), "too few of one kind: {told:?}");
}

/// L11, L12: an identifier's birth stays where it is while records come in order, and every id in the feed is a birth.
#[test]
fn every_id_ever_issued_is_the_birth_of_an_identifier() {
    each_history("births", |events, policy, seed| {
        let listed = World::of(events, policy, seed);
        let delivered = World::of(&deliver(events, seed), policy, seed);
        let births = |world: &World| -> BTreeSet<CustomerId> {
            let tokens = events.iter().flat_map(|e| &e.event.identifiers).map(|i| i.token);
            let births = tokens.filter_map(|t| world.fold.resolver.birth(t));
            // What only operators ever named was not born.
            births.filter(|b| b.recorded_at < i64::MAX).map(Birth::customer).collect()
        };
        if births(&listed) != births(&delivered) {
            return Some("births depend on the order".to_owned());
        }
        let mut known = births(&listed);
        // What was erased since is no birth any more; its ids answer so.
        for event in events {
            for (ordinal, named) in event.event.identifiers.iter().enumerate() {
                if listed.fold.resolver.is_erased(named.token, event.effective_at()) {
                    known.insert(CustomerId { event: event.event.id, ordinal: ordinal as u8 });
                }
            }
        }
        let issued = listed.changes.iter().flat_map(|c| std::iter::once(&c.customer).chain(&c.from));
        let lost: Vec<_> = issued.filter(|id| !known.contains(id)).collect();
        (!lost.is_empty()).then(|| format!("births of no identifier: {lost:?}"))
    });
}

/// L5: what cancels out leaves no trace.
#[test]
fn acts_and_facts_that_are_taken_back_leave_no_trace() {
    each_history("inverse", |events, policy, seed| {
        let plain = World::of(events, policy, seed).views();
        let acted = |token: &Token| {
            events.iter().any(|e| is_act(e) && e.event.identifiers.iter().any(|i| i.token == *token))
        };
        let named = events.iter().flat_map(|e| &e.event.identifiers).map(|i| i.token);
        let free: Vec<Token> = named.filter(|t| !acted(t)).collect();
        let first = *free.first()?;
        let blocked = with(events, 1, &[first], Body::Identity { act: IdentityAct::Block });
        let again = with(&blocked, 2, &[first], Body::Identity { act: IdentityAct::Unblock });
        if World::of(&again, policy, seed + 3).views() != plain {
            return Some("block and unblock".to_owned());
        }
        let said = with(events, 1, &[first], purchase(70));
        let mut retracted = with(&said, 2, &[], Body::Removed { of: "purchase".to_owned() });
        let (key, kind) = (said.last()?.event.key.clone(), said.last()?.event.kind.clone());
        let removal = &mut retracted.last_mut()?.event;
        (removal.key, removal.kind, removal.revision) = (key, kind, REMOVAL);
        if World::of(&retracted, policy, seed + 3).views() != plain {
            return Some("a fact and its removal".to_owned());
        }
        let mut taken_back = said.clone();
        let mut retraction = said.last()?.clone();
        retraction.event = retraction.event.retraction(at(95, 0), "amy");
        retraction.recorded_at = at(95, 0);
        retraction.position.sequence += 7;
        taken_back.push(retraction);
        let told = World::of(&deliver(&taken_back, seed), policy, seed + 3).views();
        if told != plain {
            return Some(format!("an event and its retraction: {told:#?}\nwithout {plain:#?}"));
        }
        let second = *free.iter().find(|t| **t != first)?;
        let link = Body::Identity { act: IdentityAct::Link };
        let apart = with(events, 1, &[first, second], Body::Identity { act: IdentityAct::Unlink });
        let relinked = World::of(&with(&apart, 2, &[first, second], link.clone()), policy, seed + 3);
        let linked = World::of(&with(events, 2, &[first, second], link), policy, seed);
        (relinked.views() != linked.views()).then(|| "unlink and link".to_owned())
    });
}

/// L6: an identifier that an operator blocked is as good as never named.
#[test]
fn a_blocked_identifier_shows_nowhere() {
    each_history("block", |events, policy, seed| {
        let token = events.iter().flat_map(|e| &e.event.identifiers).map(|i| i.token).next()?;
        let blocked = with(events, 1, &[token], Body::Identity { act: IdentityAct::Block });
        let mut removed = events.to_vec();
        for event in removed.iter_mut().map(|e| &mut e.event) {
            let failed = matches!(event.body, Body::Link { ok: false, .. });
            if failed && event.identifiers.first().is_some_and(|i| i.token == token) {
                event.identifiers.clear();
            }
            event.identifiers.retain(|i| i.token != token);
        }
        // With only a blocked name a refund stays with nobody; without one it follows its purchase.
        let nameless = |e: &&RecordedEvent| {
            let named = e.event.identifiers.iter().any(|i| !policy.blocks(i.token, i.marks));
            matches!(e.event.body, Body::Refund(_)) && !named
        };
        if removed.iter().filter(nameless).count() > events.iter().filter(nameless).count() {
            return None;
        }
        // A redemption binds whomever it names, blocked by an operator or not; without any name but a cookie's or one that
        // the policy blocks it binds nobody.
        let only_seen = |e: &&RecordedEvent| {
            let firm = |i: &Identifier| i.trust != Trust::Observed && !policy.blocks(i.token, i.marks);
            let named = e.event.identifiers.iter().any(firm);
            matches!(e.event.body, Body::Link { .. }) && !named
        };
        if removed.iter().filter(only_seen).count() > events.iter().filter(only_seen).count() {
            return None;
        }
        let [a, b] = [blocked, removed].map(|told| contents(&World::of(&told, policy, seed)));
        (a != b).then(|| format!("blocked {a:#?}\nremoved {b:#?}"))
    });
}

/// L18 on random histories: superseded revisions show in nothing but names.
#[test]
fn superseded_revisions_show_nowhere() {
    each_history("revisions", |events, policy, seed| {
        let best: BTreeSet<EventId> =
            Facts::of(events, policy).facts.values().map(|f| f.best.event.id).collect();
        let kept = |e: &&RecordedEvent| is_act(e) || best.contains(&e.event.id);
        let kept: Vec<RecordedEvent> = events.iter().filter(kept).cloned().collect();
        let [all, alone] = [events, &kept].map(|told| contents(&World::of(told, policy, seed)));
        (all != alone).then(|| format!("all {all:#?}\nalone {alone:#?}"))
    });
}

/// L18: a receipt with a wrong phone and its correction, in any order, are the corrected receipt alone.
#[test]
fn a_corrected_receipt_is_the_corrected_receipt_alone() {
    let (wrong, right) = (c("phone", "0933000111"), c("phone", "0955000222"));
    let others = Script::new()
        .event("amy", at(1, 0), Channel::Pos, &[v("member", "M1"), wrong.clone()], purchase(100))
        .event("bob", at(1, 5), Channel::Pos, &[v("member", "M2"), right.clone()], purchase(200));
    let corrected =
        others.clone().revision("r2", ("r", 2), Channel::Pos, std::slice::from_ref(&right), purchase(40));
    let both = others.revision("r1", ("r", 1), Channel::Pos, &[wrong], purchase(50)).revision(
        "r2",
        ("r", 2),
        Channel::Pos,
        &[right],
        purchase(40),
    );
    let policy = tributary_core::identity::policy::Policy::default();
    let alone = World::of(&corrected.events(), &policy, 0);
    assert_eq!(alone.seen(9), super::expected(&outcome(&corrected.events(), &policy)));
    for seed in 0..100 {
        let told = World::of(&deliver(&both.events(), seed), &policy, seed);
        assert_eq!(told.seen(9), alone.seen(9), "order {seed}");
        assert_eq!(told.views(), alone.views(), "order {seed}");
    }
}

/// Timelines of every size at which a fragment is stored in another way, in pages of every kind.
#[test]
fn long_timelines_are_whole() {
    for count in [1_i64, 31, 32, 33, 64, 127, 128, 129, 450] {
        let mut script = Script::new();
        for n in 0..count {
            let (label, minute) = (format!("e{n}"), n * 7_919 % 1_009 / 2);
            script = script.event(&label, at(2, minute), Channel::Web, &[v("member", "M1")], purchase(n));
        }
        let events = deliver(&script.events(), count as u64);
        let policy = tributary_core::identity::policy::Policy::default();
        let wanted = super::expected(&outcome(&events, &policy));
        for seed in 0..3 {
            let world = World::of(&events, &policy, seed);
            for page in [1, 31, 32, 33, 50, 199, 1_000] {
                assert_eq!(world.seen(page), wanted, "{count} facts in pages of {page}");
            }
            // Half of them are taken back, so that heads and pages shrink again.
            let mut fewer = events.clone();
            for (n, mut gone) in script.events().into_iter().enumerate().filter(|(n, _)| n % 2 == 0) {
                gone.event.revision = REMOVAL;
                gone.event.body = Body::Removed { of: "purchase".to_owned() };
                gone.event.id = EventId::derive("gone", "", &n.to_string(), REMOVAL, 0);
                gone.position.sequence += 10_000;
                fewer.push(gone);
            }
            let world = World::of(&fewer, &policy, seed);
            assert_eq!(world.seen(20), super::expected(&outcome(&fewer, &policy)), "{count} less half");
        }
    }
}

fn is_act(event: &RecordedEvent) -> bool {
    matches!(event.event.body, Body::Identity { .. })
}

/// What customers have, whatever they are called.
fn contents(world: &World) -> Vec<Seen> {
    let mut all: Vec<Seen> = world.seen(50).into_values().collect();
    all.sort_by(|a, b| a.identifiers.cmp(&b.identifiers));
    all
}

/// With another record after everything else: number `n`, which names these identifiers (claimed). The same `n` gives the
/// same event.
fn with(events: &[RecordedEvent], n: u64, tokens: &[Token], body: Body) -> Vec<RecordedEvent> {
    let mut out = events.to_vec();
    let Some(mut recorded) = out.first().cloned() else { return out };
    let named = out.iter().flat_map(|e| &e.event.identifiers);
    let mut identifiers = Vec::new();
    for token in tokens {
        let known = named.clone().find(|i| i.token == *token).cloned();
        identifiers.extend(known.map(|i| tributary_core::event::Identifier { trust: Trust::Claimed, ..i }));
    }
    recorded.position = Position { origin: 9, sequence: n };
    recorded.recorded_at = at(90 + n as i64, 0);
    let event = &mut recorded.event;
    event.occurred_at = at(90 + n as i64, 0);
    (event.key, event.kind) = (format!("late-{n}"), "hub".to_owned());
    (event.revision, event.generation, event.flags) = (0, 0, 0);
    event.identifiers = identifiers;
    event.sealed.clear();
    event.body = body;
    event.id = EventId::derive("hub", &event.account, &event.key, event.revision, 0);
    out.push(recorded);
    out
}
