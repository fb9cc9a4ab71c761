//! A customer with more changes than are looked at: what is told of it says that its beginning is missing.

use super::{
    lab::{Source, catch_up, event, feed},
    start,
};
use tributary_core::{body::IdentityAct, change::ChangeKind, event::Event, identity::policy::Policy};
use tributary_projector::{History, Projector, STEPS_MAX};
use tributary_tests::scenario::{
    Channel,
    builder::{act, at, message, v},
};

/// The `n`th act on two identifiers: link, unlink, link, and so on. Each is a change of its own.
fn nth(n: usize) -> Event {
    let which = if n.is_multiple_of(2) { IdentityAct::Link } else { IdentityAct::Unlink };
    let pair = vec![v("member", "M1"), v("phone", "0933000111")];
    event(Channel::Ops, &format!("act{n}"), at(1, n as i64 + 2), act(which), pair)
}

fn append(source: &Source, events: &[Event]) {
    for event in events {
        source.append_raw(event.id.0, tributary_core::wire::encode(event));
    }
}

fn told(projector: &Projector, first: &Event) -> History {
    projector.read(|read| {
        let customer = read.engine().fold().resolver.customer_of(first.identifiers[0].token);
        read.history(customer.expect("a customer")).expect("sound")
    })
}

#[test]
fn a_long_history_says_that_its_beginning_is_missing() {
    let (source, dir) = (Source::memory(), tempfile::tempdir().expect("a folder"));
    source.clock.set(at(40, 0).0);
    let first = event(Channel::Web, "f0", at(1, 0), message(), vec![v("member", "M1")]);
    let second = event(Channel::Web, "f1", at(1, 1), message(), vec![v("phone", "0933000111")]);
    append(&source, &[first.clone(), second]);
    let projector = start(dir.path(), &source, &Policy::default());
    catch_up(&projector, &*source.log);
    let id = feed(&projector, 100)[0].customer;
    let acts = STEPS_MAX - 20;
    append(&source, &(0..acts).map(nth).collect::<Vec<_>>());
    for n in acts.. {
        catch_up(&projector, &*source.log);
        let all = feed(&projector, 10_000);
        let own: Vec<_> = all.iter().rev().filter(|c| c.customer == id).collect();
        let history = told(&projector, &first);
        assert_eq!(history.cut, own.len() > STEPS_MAX, "{} changes", own.len());
        let wanted: Vec<_> =
            own.into_iter().take(STEPS_MAX).filter(|c| c.kind != ChangeKind::Updated).cloned().collect();
        assert_eq!(history.changes, wanted, "newest first, as many as are looked at");
        if history.cut {
            let oldest = history.changes.last().expect("changes");
            assert_ne!(oldest.kind, ChangeKind::Created, "the beginning is missing");
            return;
        }
        append(&source, &[nth(n)]);
    }
}
