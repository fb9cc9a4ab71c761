//! `doctor` with the embedded engine: what it says of a good folder and of bad ones, that it works beside a running hub and
//! changes nothing, and what a plan tells.

use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::Output,
    time::{Duration, Instant, SystemTime},
};
use tributary_tests::hub::{
    Folder,
    doctor::{Rows, examine},
};

fn answer(done: &Output) -> Value {
    serde_json::from_slice(&done.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&done.stderr)))
}

fn result<'a>(rows: &'a Rows, check: &str) -> &'a str {
    &rows.get(check).unwrap_or_else(|| panic!("no check {check:?} in {rows:?}")).0
}

/// Every file with its size and when it was written last.
fn files(dir: &Path) -> BTreeMap<String, (u64, Option<SystemTime>)> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(dir).expect("a folder").flatten() {
        let (path, meta) = (entry.path(), entry.metadata().expect("an entry"));
        if meta.is_dir() {
            all.extend(files(&path));
        } else {
            all.insert(path.display().to_string(), (meta.len(), meta.modified().ok()));
        }
    }
    all
}

#[test]
fn a_folder_that_is_well_is_told_so_beside_its_hub_and_without() {
    let folder = Folder::new(&[]);
    let (_, rows) = examine(&folder);
    assert!(rows["data folder"].1.contains("not there yet"), "{rows:?}");
    assert!(!folder.data().exists(), "nothing was made");

    let hub = folder.start();
    let (_, rows) = examine(&folder);
    hub.client().get("/readyz").must(200);
    hub.terminate();
    let before = files(&folder.data());
    let (_, stopped) = examine(&folder);
    assert_eq!(files(&folder.data()), before, "nothing was changed");
    for rows in [rows, stopped] {
        for check in ["data folder", "keys", "log's newest record", "engine"] {
            assert_eq!(result(&rows, check), "ok", "{check}: {rows:?}");
        }
        // The machine's own: as it is, but told.
        for check in ["room", "sync", "open files"] {
            assert!(!rows[check].1.is_empty(), "{check}");
        }
        assert!(rows["log's newest record"].1.starts_with("record "), "{rows:?}");
        assert!(rows["sync"].1.contains("median"), "{rows:?}");
    }
    let table = folder.run(&["doctor"]);
    let text = String::from_utf8_lossy(&table.stdout);
    assert!(text.starts_with("CHECK") && text.contains("data folder"), "{text}");
}

#[test]
fn what_is_wrong_with_a_folder_has_its_code() {
    let folder = Folder::with(&[], "name = \"acme\"", "");
    drop(folder.start());
    let keys = folder.data().join("keys");
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode is set");
    };
    let problem = |check: &str, code: &str| {
        let (exit, rows) = examine(&folder);
        assert_eq!(exit, 1);
        assert_eq!(result(&rows, check), "problem", "{rows:?}");
        assert!(rows[check].1.starts_with(&format!("{code}: ")), "{rows:?}");
    };

    mode(&keys.join("index.key"), 0o644);
    problem("keys", "index_key_open_to_others");
    let said = folder.run(&["doctor"]);
    assert_eq!(said.status.code(), Some(1));
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(text.contains("what to do:") && text.contains("chmod go="), "{text}");
    mode(&keys.join("index.key"), 0o600);

    mode(&folder.data(), 0o755);
    let (_, rows) = examine(&folder);
    assert_eq!(result(&rows, "data folder"), "warning", "{rows:?}");
    mode(&folder.data(), 0o700);

    fs::rename(keys.join("index.key"), folder.path().join("aside")).expect("moved");
    problem("keys", "index_key_missing");
    assert!(!keys.join("index.key").exists(), "no new key was made");
    fs::rename(folder.path().join("aside"), keys.join("index.key")).expect("moved");

    let good = folder.configuration();
    folder.configure(&good.replace("\"acme\"", "\"other\""));
    problem("data folder", "other_hub");
    folder.configure(&good);

    let segment =
        fs::read_dir(folder.data().join("log")).expect("a log").flatten().next().expect("a segment");
    let bytes = fs::read(segment.path()).expect("a segment");
    fs::write(segment.path(), [b"X", &bytes[1..]].concat()).expect("damaged");
    problem("log's newest record", "log_corrupt");
    fs::write(segment.path(), bytes).expect("mended");

    fs::remove_dir_all(folder.data()).expect("removed");
    fs::write(folder.data(), "").expect("a file");
    problem("data folder", "folder_io");
}

#[test]
fn a_wrong_configuration_is_a_wrong_use() {
    let folder = Folder::new(&[]);
    folder.configure("[log]\nengine = \"pigeons\"\n");
    let done = folder.run(&["doctor"]);
    assert_eq!(done.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&done.stderr).contains("bad_value"));
}

#[test]
fn a_plan_sizes_what_is_asked_for_and_leaves_nothing_behind() {
    // With a broker it sizes copies too.
    let folder = Folder::with(&[], "", "[log]\nengine = \"embedded\"\n");
    let begun = Instant::now();
    let done =
        folder.run(&["doctor", "--plan", "events_per_day=20000,years=3,customers=500000", "-o", "json"]);
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    let plan = answer(&done);
    assert!(begun.elapsed() < Duration::from_secs(60), "{plan}");
    assert_eq!(plan["wanted"]["events"].as_f64(), Some(21_915_000.0));
    let figure = |part: &str, what: &str| {
        let rows = plan["figures"].as_array().expect("figures").iter();
        let mut found = rows.filter(|row| row["part"] == part && row["what"] == what);
        let row = found.next().unwrap_or_else(|| panic!("no {part} {what:?} in {plan}"));
        assert!(row["how"].as_str().is_some_and(|how| !how.is_empty()), "{row}");
        row["figure"].as_f64().expect("a number")
    };
    // Of the same order as the measured hubs that the figures are held against: 526 bytes an event, under 600 a customer's
    // memory with two identifiers, some kilobytes a customer's views.
    let log = figure("disk", "log") / 21_915_000.0;
    assert!((300.0..1_000.0).contains(&log), "{log} bytes an event: {plan}");
    let views = figure("disk", "views, after a rebuild") / 500_000.0;
    assert!((500.0..50_000.0).contains(&views), "{views} bytes a customer: {plan}");
    let memory = plan["probe"]["memory_bytes_identifier"].as_f64().expect("a number");
    assert!((30.0..1_000.0).contains(&memory), "{memory} bytes an identifier: {plan}");
    assert_eq!(plan["probe"]["identifiers_customer"].as_f64(), Some(3.0));
    assert!(
        figure("time", "rebuild") > 1.0 && figure("time", "restart") > 0.0 && figure("time", "a sync") > 0.0
    );
    assert!(figure("memory", "all during a rebuild") > figure("memory", "all"));
    assert!(!folder.data().exists(), "nothing was made");
    let left = fs::read_dir(folder.path()).expect("a folder").flatten();
    let left: Vec<_> = left.filter(|e| e.file_name().to_string_lossy().contains("bench")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_plan_that_cannot_be_meant_is_refused_at_once() {
    let folder = Folder::new(&[]);
    for plan in
        ["", "years=3", "events_per_day=many,years=3,customers=5", "events_per_day=1,years=1,customers=400"]
    {
        let done = folder.run(&["doctor", "--plan", plan]);
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(2), "{plan}: {said}");
        assert!(said.contains("bad_plan: ") && said.contains("help: "), "{plan}: {said}");
    }
}
