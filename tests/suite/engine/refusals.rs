//! Logs and stores that do not belong together are refused, with a code.

use super::{
    history,
    lab::{ORIGIN, Source, catch_up, picture},
    start, undisturbed,
};
use std::{path::Path, sync::Arc};
use tributary_core::identity::policy::Policy;
use tributary_eventlog::Origin;
use tributary_projector::{Options, Projector, StartError};

fn filled(dir: &Path, source: &Source) {
    source.append(&history(1));
    let projector = start(dir, source, &Policy::default());
    catch_up(&projector, &*source.log);
}

fn refused(dir: &Path, source: &Source) -> StartError {
    match Projector::start(Options::new(dir, Policy::default()), Arc::clone(&source.log) as _) {
        Ok(_) => panic!("it starts"),
        Err(error) => error,
    }
}

#[test]
fn a_log_that_does_not_fit_is_refused_with_its_code() {
    let dir = tempfile::tempdir().expect("a folder");
    filled(dir.path(), &Source::memory());

    let other = Source::memory_of(Origin(ORIGIN.0 + 1));
    other.append(&history(1));
    assert_eq!(refused(dir.path(), &other).code(), "log_unknown_origin");

    let shorter = Source::memory();
    shorter.append(&history(1)[..10]);
    let error = refused(dir.path(), &shorter);
    assert_eq!(error.code(), "log_ends_before_store");
    assert!(!error.remedy().is_empty());

    let longer = Source::memory();
    longer.append(&history(1));
    longer.append(&history(2));
    longer.log.trim(longer.log.end()).expect("trimmed");
    assert_eq!(refused(dir.path(), &longer).code(), "log_head_gone");

    let empty = tempfile::tempdir().expect("a folder");
    assert_eq!(refused(empty.path(), &longer).code(), "log_head_gone", "nothing to fold from");
}

#[test]
fn another_policy_folds_everything_again() {
    let (source, dir) = (Source::memory(), tempfile::tempdir().expect("a folder"));
    filled(dir.path(), &source);
    let other = Policy { max_identifiers: 2, fanout_cap: 0, ..Policy::default() };
    let (wanted, _) = undisturbed(&source, &other);
    let before = undisturbed(&source, &Policy::default()).0;
    assert_ne!(before.digest, wanted.digest, "the policy matters here");
    let projector = start(dir.path(), &source, &other);
    assert_eq!(picture(&projector), wanted);
}
