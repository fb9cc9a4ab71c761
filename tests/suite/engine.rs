//! The projector from outside, on sled: crashes at any position, rebuilds, damage, faults, poison. Whatever happens, the
//! same customers, views and identity changes.

mod crash;
mod damage;
mod feed;
mod lab;
mod long;
mod origins;
mod poison;
mod refusals;
mod runs;
mod stamps;

use lab::{Picture, Source, catch_up, picture};
use tributary_core::{event::RecordedEvent, identity::policy::Policy};
use tributary_projector::{Options, Projector};

/// What a projector that nothing happens to makes of this log, with its feed's identity changes.
fn undisturbed(source: &Source, policy: &Policy) -> (Picture, Vec<tributary_core::change::Change>) {
    let dir = tempfile::tempdir().expect("a folder");
    let projector = start(dir.path(), source, policy);
    catch_up(&projector, &*source.log);
    (picture(&projector), lab::identity_changes(&projector))
}

fn start(dir: &std::path::Path, source: &Source, policy: &Policy) -> Projector {
    let mut options = Options::new(dir, policy.clone());
    options.cache_bytes = 8 << 20;
    Projector::start(options, std::sync::Arc::clone(&source.log) as _).expect("it starts")
}

/// A longer history than most, of this seed.
fn history(seed: u64) -> Vec<RecordedEvent> {
    use tributary_tests::generate::{Shape, history_of};
    let shape = Shape { events_max: 120, mixed_trust: seed % 3 == 2, ..Shape::default() };
    let mut seed = seed;
    loop {
        let events = history_of(seed, &shape);
        if events.len() >= 60 {
            return events;
        }
        seed += 1_000;
    }
}
