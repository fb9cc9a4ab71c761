//! A hub that must not start says why, with a code and what to do, and ends with another code than 0.

use serde_json::Value;
use std::{fs, path::Path};
use tributary_tests::hub::{Folder, channels::Source};

/// Starts the hub, which must refuse; its exit code and what it said.
fn refused(folder: &Folder) -> (i32, String) {
    let done = folder.run(&["serve"]);
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    let code = done.status.code().unwrap_or(-1);
    assert!(code != 0, "it ended well: {said}");
    (code, said)
}

fn says(said: &str, words: &[&str]) {
    for word in words {
        assert!(said.contains(word), "no {word:?} in: {said}");
    }
}

#[test]
fn a_public_interface_without_tokens_is_refused() {
    let folder = Folder::new(&[]);
    let text = folder.configuration().replace("api_listen = \"127.0.0.1:0\"", "api_listen = \"0.0.0.0:0\"");
    folder.configure(&text);
    let (code, said) = refused(&folder);
    assert_eq!(code, 2);
    says(&said, &["public_api_without_tokens", "api_listen", "[[tokens]]", "127.0.0.1"]);
    assert!(!folder.data().exists(), "nothing was made");
}

#[test]
fn an_unknown_key_is_shown_in_its_line() {
    let folder = Folder::new(&[]);
    folder.configure(
        &folder.configuration().replace("listen = \"127.0.0.1:0\"\napi", "lisen = \"127.0.0.1:0\"\napi"),
    );
    let (code, said) = refused(&folder);
    assert_eq!(code, 2);
    says(&said, &["unknown_key", "tributary.toml:2:1", "lisen", "^^^^^"]);
}

#[test]
fn a_folder_of_another_hub_is_refused() {
    let folder = Folder::with(&[], "name = \"acme\"", "");
    drop(folder.start());
    folder.configure(&folder.configuration().replace("\"acme\"", "\"other\""));
    let (code, said) = refused(&folder);
    assert_eq!(code, 1);
    says(&said, &["other_hub", "\"acme\"", "\"other\"", "data_dir"]);
    folder.configure(&folder.configuration().replace("\"other\"", "\"acme\""));
    drop(folder.start());
}

#[test]
fn a_second_process_is_told_the_first_ones_pid() {
    let folder = Folder::new(&[]);
    let hub = folder.start();
    let (code, said) = refused(&folder);
    assert_eq!(code, 1);
    says(&said, &["folder_locked", &format!("process {}", hub.pid())]);
    hub.client().get("/readyz").must(200);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &target),
            false => fs::copy(entry.path(), target).map(|_| ()).expect("copied"),
        }
    }
}

/// A folder whose hub has stored two events and stopped.
fn used() -> Folder {
    let folder = Folder::new(&[Source::new("line", Value::Null)]);
    store(&folder, 0..2);
    folder
}

fn store(folder: &Folder, numbers: std::ops::Range<u64>) {
    let line = Source::new("line", Value::Null);
    let hub = folder.start();
    for n in numbers {
        let body = format!(
            r#"{{"destination":"x","events":[{{"type":"message","timestamp":1772331120000,"webhookEventId":"w{n}","source":{{"type":"user","userId":"U000000000000000000000000000000a1"}},"message":{{"id":"{n}","type":"text","text":"t"}}}}]}}"#
        );
        let answer = line.send(&mut hub.provider(), "application/json", body.as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    hub.settle();
    assert!(hub.terminate().0.success());
}

#[test]
fn views_of_another_log_are_refused() {
    let (one, two) = (used(), used());
    fs::remove_dir_all(one.data().join("views")).expect("removed");
    copy(&two.data().join("views"), &one.data().join("views"));
    let (code, said) = refused(&one);
    assert_eq!(code, 1);
    says(&said, &["log_unknown_origin", "help: ", "data_dir"]);
}

#[test]
fn a_log_that_ends_before_its_views_is_refused() {
    let folder = used();
    let (log, backup) = (folder.data().join("log"), folder.path().join("backup"));
    copy(&log, &backup);
    store(&folder, 2..40);
    // An old log under views that know more: events are gone, and the hub must not hide it.
    fs::remove_dir_all(&log).expect("removed");
    copy(&backup, &log);
    let (code, said) = refused(&folder);
    assert_eq!(code, 1, "{said}");
    says(&said, &["log_ends_before_store", "help: "]);
}

#[test]
fn a_lost_index_key_is_not_replaced() {
    let folder = used();
    fs::remove_file(folder.data().join("keys/index.key")).expect("removed");
    let (code, said) = refused(&folder);
    assert_eq!(code, 1);
    says(&said, &["index_key_missing", "index.key", "backup"]);
    assert!(!folder.data().join("keys/index.key").exists(), "no new key was made");
}
