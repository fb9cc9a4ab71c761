//! `channel new --rust` in a copy of the workspace: it adds a folder, two lines of the registry and fixtures and changes
//! nothing else; what it makes compiles without a warning, is formatted, and passes the conformance kit as it is.
//!
//! Third-party crates are compiled already, by whoever built this test: the copy gets links to them, and keeps the times of
//! its files, so that only the channels crate is compiled again.

mod seed;

use serde_json::{Value, json};
use std::{collections::BTreeMap, env, fs, path::Path, process::Command};
use tempfile::TempDir;
use tributary_tests::{hub, repo};

/// Payloads of many forms: everything a guess may find, and nothing of it.
fn samples() -> [(&'static str, Value); 3] {
    let ticket = json!({"event": "ticket.created", "ticket": {"id": 40012, "created_at": "2026-03-01T10:05:00+08:00",
        "subject": "退貨", "description": "鞋太小 🥲 \"quoted\" {{n}}", "assignee": {"email": "bo@desk.example"},
        "requester": {"id": "u-17", "name": "陳美玲", "email": "mei@shop.example", "phone": "0912-345-678"}}});
    let visit = json!({"type": "visit", "visit_id": "v-1", "sent_ts": 1_772_331_120, "member_no": "M-10023"});
    [("acme_desk", ticket), ("acme_visits", visit), ("acme_bare", json!({"a": 1}))]
}

#[test]
fn a_scaffolded_adapter_changes_nothing_else_and_passes_the_kit() {
    let tree = TempDir::new().expect("a temporary folder");
    seed::copy_sources(tree.path());
    for (kind, sample) in samples() {
        let before = texts(tree.path());
        scaffold(tree.path(), kind, &sample);
        only_its_own(kind, &before, &texts(tree.path()));
    }
    let mut rustfmt = Command::new("rustfmt");
    rustfmt.args(["--edition", "2024", "--check", "services/channels/src/lib.rs"]).current_dir(&tree);
    let formatted = rustfmt.output().expect("rustfmt runs");
    assert!(formatted.status.success(), "{}", String::from_utf8_lossy(&formatted.stdout));
    let target = seed::target();
    let told = cargo(
        tree.path(),
        &target,
        &["--workspace", "--test", "kit", "--test", "setup", "--test", "samples"],
    );
    for test in ["every_fixture_and_sample_conforms", "declared_settings_are_those_that_are_read"] {
        assert!(told.contains(&format!("test {test} ... ok")), "{told}");
    }
    if env::var_os("TRIBUTARY_LONG").is_some() {
        let told = cargo(tree.path(), &target, &["-p", "tributary-channels", "--lib", "acme_"]);
        assert!(told.contains("acme_desk::tests::only_the_secret_signs ... ok"), "{told}");
    } else {
        println!("skipped: the adapters' own unit tests (TRIBUTARY_LONG is not set)");
    }
}

fn scaffold(tree: &Path, kind: &str, sample: &Value) {
    let outside = TempDir::new().expect("a temporary folder");
    let file = outside.path().join("sample.json");
    fs::write(&file, sample.to_string()).expect("written");
    let mut program = Command::new(hub::program());
    let ended =
        program.args(["channel", "new", kind, "--rust", "--from"]).arg(&file).current_dir(tree).output();
    let ended = ended.expect("the program runs");
    assert!(ended.status.success(), "{kind}: {}", String::from_utf8_lossy(&ended.stderr));
    let told = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(!told.contains("rustfmt is not there"), "{told}");
}

/// Every file's bytes.
fn texts(tree: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut out = BTreeMap::new();
    let mut folders = vec![tree.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(tree).expect("inside").to_string_lossy().into_owned();
            out.insert(name, fs::read(&path).expect("a file"));
        }
    }
    out
}

fn only_its_own(kind: &str, before: &BTreeMap<String, Vec<u8>>, after: &BTreeMap<String, Vec<u8>>) {
    const REGISTRY: &str = "services/channels/src/lib.rs";
    let own = ["src", "fixtures"].map(|folder| format!("services/channels/{folder}/{kind}/"));
    let mut sources = 0;
    for (file, bytes) in after {
        match before.get(file) {
            Some(same) if same == bytes => {}
            Some(_) => assert_eq!(file, REGISTRY, "{kind} changed it"),
            None => {
                assert!(own.iter().any(|folder| file.starts_with(folder)), "{kind} added {file}");
                sources += usize::from(file.ends_with(".rs"));
            }
        }
    }
    assert!(before.keys().all(|file| after.contains_key(file)), "{kind} removed a file");
    assert_eq!(sources, 3, "{kind}: mod.rs, samples.rs and tests.rs");
    let lines = |all: &BTreeMap<String, Vec<u8>>| String::from_utf8_lossy(&all[REGISTRY]).into_owned();
    let (old, new) = (lines(before), lines(after));
    let added: Vec<&str> = new.lines().filter(|line| !old.lines().any(|known| known == *line)).collect();
    assert_eq!(added, [format!("pub mod {kind};"), format!("    &{kind}::REGISTRATION,")]);
    assert_eq!(new.lines().count(), old.lines().count() + 2);
}

/// Runs `cargo test` over the scaffolded kinds; gives what it told. Unoptimised: compiling costs more than running here.
fn cargo(tree: &Path, target: &seed::Target, arguments: &[&str]) -> String {
    let kinds: Vec<&str> = samples().iter().map(|(kind, _)| *kind).collect();
    let override_level = format!("profile.{}.package.tributary-channels.opt-level=0", target.profile);
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["test", "--locked", "--offline", "--profile", &target.profile, "--config", &override_level]);
    cargo.arg("--target-dir").arg(&target.folder).args(arguments);
    let ended =
        cargo.current_dir(tree).env("TRIBUTARY_KIND", kinds.join(",")).env_remove("UPDATE_EXPECT").output();
    let ended = ended.expect("cargo runs");
    let told =
        [ended.stderr, ended.stdout].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(ended.status.success(), "{told}");
    let warnings: Vec<&str> = told.lines().filter(|line| line.starts_with("warning")).collect();
    assert!(warnings.is_empty(), "{warnings:?}\n{told}");
    told
}

#[test]
fn the_copy_is_the_whole_workspace() {
    let tree = TempDir::new().expect("a temporary folder");
    seed::copy_sources(tree.path());
    let copied = texts(tree.path());
    let missing: Vec<String> = repo::files().into_iter().filter(|file| !copied.contains_key(file)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
