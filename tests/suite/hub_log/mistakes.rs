//! What `log copy` says to those who call it wrong, and that it then changes nothing.

use super::{all_equal, copy, folder, origin, post, run, shown, source, text};
use std::{fs, os::unix::fs::PermissionsExt as _};
use tributary_tests::hub::Folder;

#[test]
fn mistakes_are_named_with_what_to_do_instead() {
    let source = source();
    let (old, other) = (folder(&source), folder(&source));
    let stranger = Folder::with(std::slice::from_ref(&source), "name = \"other\"", "");
    for folder in [&old, &other, &stranger] {
        let hub = folder.start();
        post(&source, &hub, 0..3, 10);
        hub.terminate();
    }
    let place = tempfile::tempdir().expect("a folder");
    let at = |name: &str| text(&place.path().join(name)).to_owned();
    fs::create_dir(at("full")).expect("a folder");
    fs::write(at("full/letter.txt"), "x").expect("written");
    fs::write(at("bad.toml"), "[hub]\nnam = 1\n").expect("written");
    fs::write(
        at("nats.toml"),
        "[hub]\nname = \"acme\"\n[log]\nengine = \"nats\"\n[log.nats]\nurl = \"nats://127.0.0.1:1\"\n",
    )
    .expect("written");
    fs::write(at("strange.toml"), "[hub]\nname = \"strange\"\n[log]\nengine = \"nats\"\n").expect("written");
    let (data, new) = (text(&old.data()).to_owned(), at("new"));
    let (log, config) =
        (text(&old.data().join("log")).to_owned(), text(&old.path().join("tributary.toml")).to_owned());
    let (elsewhere, theirs) = (text(&other.data()).to_owned(), text(&stranger.data()).to_owned());
    let (own, others) = (origin(&old), origin(&other));
    let inside = text(&old.data().join("copy")).to_owned();
    for (from, to, more, code, words) in [
        (&at("nothing"), &new, &[][..], 2, &["is no folder", "data folder"][..]),
        (&at("full"), &new, &[], 2, &["no hub.json", "data_dir"]),
        (&log, &new, &[], 2, &["folder of one log", "name the data folder"]),
        (&data, &log, &[], 2, &["inside the other"]),
        (&data, &data, &[], 2, &["the same folder"]),
        (&data, &inside, &[], 2, &["inside the other"]),
        (&data, &at("full"), &[], 2, &["not empty", "letter.txt"]),
        (&data, &at("full/letter.txt"), &[], 2, &["is no folder"]),
        (&data, &theirs, &[], 1, &["other_hub", "\"other\"", "\"acme\""]),
        (&data, &elsewhere, &["--as", &own], 1, &["log_wrong_origin", &own, &others, "--as"]),
        (&data, &new, &["--as", "00000001"], 1, &["log_origin_unknown", &own]),
        (&data, &new, &["--as", "1"], 2, &["eight hex digits"]),
        (&data, &new, &["--via", &inside], 2, &["between two brokers"]),
        (&data, &at("nats.toml"), &["--as", &own], 2, &["--as"]),
        (&data, &at("strange.toml"), &[], 1, &["other_hub", "\"acme\"", "\"strange\""]),
        (&config, &new, &[], 2, &["embedded", &data]),
        (&at("bad.toml"), &new, &[], 2, &["unknown_key", "bad.toml:2:1"]),
        (&at("none.toml"), &new, &[], 2, &["config_unreadable", "none.toml"]),
        (&at("nats.toml"), &at("strange.toml"), &[], 2, &["--via"]),
        (&data, &at("nats.toml"), &[], 3, &["broker_unreachable", "nats.toml"]),
        (&at("nats.toml"), &new, &[], 3, &["broker_unreachable"]),
    ] {
        let mut arguments = vec!["log", "copy", "--from", from, "--to", to];
        arguments.extend(more);
        let done = run(&arguments);
        assert_eq!(done.status.code(), Some(code), "{arguments:?}: {}", shown(&done));
        words.iter().for_each(|word| {
            assert!(shown(&done).contains(word), "no {word:?} to {arguments:?}: {}", shown(&done))
        });
        assert!(!place.path().join("new").join("hub.json").exists(), "{arguments:?} has made a data folder");
    }

    let hub = old.start();
    let done = run(&["log", "copy", "--from", &data, "--to", &new]);
    let pid = format!("is in use by process {}", hub.pid());
    assert!(done.status.code() == Some(1) && shown(&done).contains(&pid), "{}", shown(&done));
    hub.terminate();
    // A second copy into a folder that keeps the log as another node's.
    all_equal(&copy(&old.data(), &place.path().join("new"), &[]));
    let done = run(&["log", "copy", "--from", &data, "--to", &new, "--as", &own]);
    assert!(done.status.code() == Some(1) && shown(&done).contains("log_wrong_origin"), "{}", shown(&done));
    let table = shown(&run(&["log", "copy", "--from", &data, "--to", &new]));
    assert!(table.contains("ORIGIN") && table.contains("equal") && table.contains("note: "), "{table}");
}

/// Two histories under one origin are found before anything is written.
#[test]
fn two_histories_of_one_log_are_told_apart() {
    let source = source();
    let (one, two) = (folder(&source), folder(&source));
    let hub = one.start();
    post(&source, &hub, 0..5, 10);
    hub.terminate();
    all_equal(&copy(&one.data(), &two.data(), &["--as", &origin(&one)]));
    for (folder, numbers) in [(&one, 5..9), (&two, 20..22)] {
        let hub = folder.start();
        post(&source, &hub, numbers, 10);
        hub.terminate();
    }
    let (from, to) = (one.data(), two.data());
    let done = run(&["log", "copy", "--from", text(&from), "--to", text(&to)]);
    assert!(done.status.code() == Some(1) && shown(&done).contains("log_forked"), "{}", shown(&done));
    drop(two.start());
    // Another hub's key.
    fs::remove_file(one.data().join("keys/index.key")).expect("removed");
    fs::write(one.data().join("keys/index.key"), "ab".repeat(32)).expect("written");
    fs::set_permissions(one.data().join("keys/index.key"), fs::Permissions::from_mode(0o600))
        .expect("a mode");
    let done = run(&["log", "copy", "--from", text(&from), "--to", text(&to)]);
    assert!(done.status.code() == Some(1) && shown(&done).contains("index_key_differs"), "{}", shown(&done));
    drop(two.start());
}
