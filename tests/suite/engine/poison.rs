//! Records that cannot be decoded or folded: parked, told, and in nobody's way.

use super::{
    history,
    lab::{Faults, Source, catch_up, identity_changes, picture},
    undisturbed,
};
use std::sync::Arc;
use tributary_core::{
    codec::BadRow,
    event::RecordedEvent,
    fold::{Fold, Outcome, Prepared, Rows},
    identity::policy::Policy,
    ids::EventId,
};
use tributary_projector::{Customers, Projection, Projector};

/// The product's projection, but one event makes it panic, after it has changed something.
struct Panicking(EventId);

impl Projection for Panicking {
    fn name(&self) -> &'static str {
        Customers.name()
    }

    fn version(&self) -> u32 {
        Customers.version()
    }

    fn apply(
        &self,
        fold: &mut Fold,
        rows: &dyn Rows,
        event: &RecordedEvent,
        prepared: &Prepared,
    ) -> Result<Outcome, BadRow> {
        let outcome = Customers.apply(fold, rows, event, prepared)?;
        assert!(event.event.id != self.0, "poison");
        Ok(outcome)
    }
}

#[test]
fn a_panicking_event_is_parked_and_nothing_else() {
    let (source, policy) = (Source::memory(), Policy::default());
    let events = history(3);
    let poison = events.iter().rposition(|e| e.event.body.is_interaction()).expect("an event") / 2;
    let poison = events[poison].event.id;
    let healthy: Vec<RecordedEvent> = events.iter().filter(|e| e.event.id != poison).cloned().collect();
    source.append(&events);
    let without = Source::memory();
    without.append(&healthy);
    let (wanted, _) = undisturbed(&without, &policy);

    let dir = tempfile::tempdir().expect("a folder");
    let faults = Faults::default();
    let mut options = faults.options(dir.path(), &policy);
    options.projection = Arc::new(Panicking(poison));
    let projector = Projector::start(options.clone(), Arc::clone(&source.log) as _).expect("starts");
    catch_up(&projector, &*source.log);
    for stage in ["live", "rebuilt", "resumed"] {
        let projector = match stage {
            "live" => &projector,
            _ => {
                let report = projector.rebuild().expect("rebuilds past the poison");
                assert_eq!(report.old_digest, Some(report.digest), "{stage}");
                &projector
            }
        };
        let letters = projector.read(|read| read.dead_letters(0, 100)).expect("sound");
        let told: Vec<_> = letters.iter().map(|l| (l.event, l.reason.as_str())).collect();
        assert_eq!(told, [(Some(poison), "fold_panicked")], "{stage}");
        assert_eq!(customers(projector), wanted.views.len(), "{stage}");
        assert_eq!(picture(projector).digest, wanted.digest, "{stage}: everything else is folded");
    }
    faults.stop(projector);
    let projector = Projector::start(options, Arc::clone(&source.log) as _).expect("starts again");
    assert_eq!(picture(&projector).digest, wanted.digest, "resumed");
}

fn customers(projector: &Projector) -> usize {
    projector.read(|read| read.engine().fold().resolver.customers())
}

#[test]
fn a_record_that_is_no_event_is_parked() {
    let (source, policy) = (Source::memory(), Policy::default());
    let events = history(4);
    let (first, second) = events.split_at(events.len() / 2);
    source.append(first);
    source.append_raw([9; 16], b"no event at all".to_vec());
    source.append(second);
    let without = Source::memory();
    without.append(&events);
    let (wanted, _) = undisturbed(&without, &policy);
    let dir = tempfile::tempdir().expect("a folder");
    let faults = Faults::default();
    let start = || {
        Projector::start(faults.options(dir.path(), &policy), Arc::clone(&source.log) as _).expect("starts")
    };
    let projector = start();
    catch_up(&projector, &*source.log);
    let letters = projector.read(|read| read.dead_letters(0, 100)).expect("sound");
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].reason.as_str(), letters[0].channel.as_str()), ("undecodable_record", "shop"));
    assert_eq!(letters[0].position.sequence, 2 + distinct(first));
    assert_eq!(picture(&projector).digest, wanted.digest);
    let told = identity_changes(&projector);
    faults.crash(projector);
    let projector = start();
    assert_eq!(picture(&projector).digest, wanted.digest, "resumed");
    assert_eq!(identity_changes(&projector), told);
    assert_eq!(projector.read(|read| read.dead_letters(0, 100)).expect("sound"), letters);
}

/// The log writes an event once.
fn distinct(events: &[RecordedEvent]) -> u64 {
    events.iter().map(|e| e.event.id).collect::<std::collections::BTreeSet<_>>().len() as u64
}
