//! `log archive`: the same views, texts and rebuilds from two folders; a head that is away or gone is refused.

use super::{all_equal, copy, folder, origin, picture, post, run, segments, shown, source, text};
use serde_json::Value;
use std::{fs, path::Path};
use tributary_tests::hub::Folder;

fn archive(folder: &Folder, to: &Path, more: &[&str]) -> Value {
    let mut arguments = vec!["log", "archive", "-o", "json", "--to", text(to)];
    arguments.extend(more);
    let done = folder.run(&arguments);
    assert_eq!(done.status.code(), Some(0), "{}", shown(&done));
    serde_json::from_slice(&done.stdout).unwrap_or_else(|e| panic!("{e}: {}", shown(&done)))
}

fn refuses(folder: &Folder, code: &str) {
    for command in [&["serve"][..], &["verify", "--offline"]] {
        let refused = folder.run(command);
        let said = shown(&refused);
        assert!(
            refused.status.code() == Some(1) && said.contains(&format!("{code}: ")),
            "{command:?}: {said}"
        );
        assert!(said.contains("help: "), "{command:?} without a remedy: {said}");
    }
}

#[test]
fn an_archived_log_is_the_same_hub_while_its_archive_is_there() {
    let source = source();
    let folder = folder(&source);
    let hub = folder.start();
    post(&source, &hub, 0..100, 60_000);
    let before = picture(&hub);
    hub.terminate();
    let cold = tempfile::tempdir().expect("a folder");
    let (to, log) = (cold.path().join("acme"), folder.data().join("log"));
    let all = segments(&log);
    assert!(all.len() >= 5, "{all:?}");

    let told = archive(&folder, &to, &["--keep-segments", "2", "--dry-run"]);
    assert_eq!(told["logs"][0]["segments"], all.len() - 2, "{told:#}");
    assert!(!to.exists() && segments(&log) == all, "a dry run changes nothing");
    assert_eq!(archive(&folder, &to, &["--before", "2020-01-01"])["logs"][0]["segments"], 0);
    let done = archive(&folder, &to, &["--keep-segments", "2"]);
    assert_eq!(
        (&done["logs"][0]["segments"], done["logs"][0]["stay"].as_u64()),
        (&told["logs"][0]["segments"], Some(2))
    );
    assert_eq!(segments(&log).len(), 2);
    let home = to.join(origin(&folder));
    assert_eq!(segments(&home).len(), all.len() - 2);
    assert_eq!(archive(&folder, &to, &["--keep-segments", "2"])["logs"][0]["segments"], 0);

    let hub = folder.start();
    assert_eq!(picture(&hub), before);
    let customer = before.customers.iter().next().expect("a customer");
    let timeline = hub.client().get(&format!("/v1/customers/{customer}/timeline?limit=500")).must(200).text();
    assert!(timeline.contains("xxxx"), "texts are read from the archive");
    post(&source, &hub, 100..105, 60_000);
    folder.verify(&hub);

    // The disk of the archive goes away under a hub that is served.
    fs::rename(&to, cold.path().join("aside")).expect("moved");
    let failed = folder.run(&["rebuild", "--hub", &hub.url()]);
    assert!(
        failed.status.code() == Some(1) && shown(&failed).contains("log_archive_away"),
        "{}",
        shown(&failed)
    );
    fs::rename(cold.path().join("aside"), &to).expect("moved back");
    folder.verify(&hub);
    let now = picture(&hub);
    hub.terminate();

    fs::rename(&to, cold.path().join("aside")).expect("moved");
    refuses(&folder, "log_archive_away");
    // It has moved for good: naming the new place is enough.
    archive(&folder, &cold.path().join("aside"), &["--keep-segments", "2"]);
    let hub = folder.start();
    assert_eq!(picture(&hub), now);
    hub.terminate();
    let copied = super::folder(&source);
    assert!(
        all_equal(&copy(&folder.data(), &copied.data(), &["--as", &origin(&folder)])) > 100,
        "copies read the archive too"
    );
    fs::remove_file(folder.data().join("log").join("archive")).expect("removed");
    refuses(&folder, "log_head_gone");
}

#[test]
fn a_head_that_is_gone_is_refused_of_any_log() {
    let source = source();
    let (own, node) = (folder(&source), folder(&source));
    let hub = own.start();
    post(&source, &hub, 0..40, 60_000);
    hub.terminate();
    // Two calls, two segments.
    all_equal(&copy(&own.data(), &node.data(), &[]));
    let hub = own.start();
    post(&source, &hub, 40..60, 60_000);
    let before = picture(&hub);
    hub.terminate();
    all_equal(&copy(&own.data(), &node.data(), &[]));
    let mirror = node.data().join("mirrors").join(origin(&own));
    assert!(segments(&mirror).len() >= 2);

    let cold = tempfile::tempdir().expect("a folder");
    let done = archive(&node, cold.path(), &["--keep-segments", "1"]);
    assert_eq!(done["logs"].as_array().map(Vec::len), Some(0), "its own log has not begun: {done:#}");
    let done = archive(&node, cold.path(), &["--keep-segments", "1", "--all-origins"]);
    assert_eq!((&done["logs"][0]["log"], segments(&mirror).len()), (&Value::from("copy"), 1), "{done:#}");
    let hub = node.start();
    assert_eq!(picture(&hub).customers, before.customers);
    node.verify(&hub);
    hub.terminate();
    fs::rename(cold.path().join(origin(&own)), cold.path().join("aside")).expect("moved");
    refuses(&node, "log_archive_away");
    fs::remove_file(mirror.join("archive")).expect("removed");
    refuses(&node, "log_head_gone");

    let hub = own.start();
    let head = segments(&own.data().join("log")).remove(0);
    fs::rename(&head, cold.path().join("head")).expect("moved");
    let failed = own.run(&["rebuild", "--hub", &hub.url()]);
    assert!(
        failed.status.code() == Some(1) && shown(&failed).contains("log_head_gone"),
        "{}",
        shown(&failed)
    );
    hub.terminate();
    refuses(&own, "log_head_gone");
    fs::remove_dir_all(own.data().join("views")).expect("removed");
    refuses(&own, "log_head_gone");
}

#[test]
fn archives_in_strange_places_are_refused() {
    let source = source();
    let folder = folder(&source);
    let cold = tempfile::tempdir().expect("a folder");
    let to = text(cold.path()).to_owned();
    let inside = text(&folder.data().join("log")).to_owned();
    let nothing = folder.run(&["log", "archive", "--keep-segments", "1", "--to", &to]);
    assert_eq!(nothing.status.code(), Some(2), "{}", shown(&nothing));
    let hub = folder.start();
    let file = text(&folder.path().join("tributary.toml")).to_owned();
    for (arguments, code, words) in [
        (vec!["--keep-segments", "1", "--to", &to], 1, &["folder_locked", "is in use by process"][..]),
        (vec!["--keep-segments", "1", "--to", &inside], 2, &["inside the data folder"]),
        (vec!["--keep-segments", "1", "--to", &file], 2, &["is no folder"]),
        (vec!["--keep-segments", "0", "--to", &to], 2, &["--keep-segments"]),
        (vec!["--before", "yesterday", "--to", &to], 2, &["--before yesterday", "365d"]),
        (vec!["--before", "1d", "--keep-segments", "1", "--to", &to], 2, &["cannot be used with"]),
        (vec!["--to", &to], 2, &["--before", "--keep-segments"]),
        (vec!["--keep-segments", "1"], 2, &["--to"]),
    ] {
        let mut all = vec!["log", "archive"];
        all.extend(arguments);
        let done = folder.run(&all);
        assert_eq!(done.status.code(), Some(code), "{all:?}: {}", shown(&done));
        words
            .iter()
            .for_each(|word| assert!(shown(&done).contains(word), "{all:?}: no {word}: {}", shown(&done)));
    }
    drop(hub);
    assert_eq!(run(&["log"]).status.code(), Some(2));
}
