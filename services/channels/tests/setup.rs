//! The settings that people are told of are those that adapters read: names, which of them are secret, and examples that
//! work.

mod support;

use serde_json::{Map, Value};
use std::collections::BTreeSet;
use support::fixtures_dir;
use tributary_channels::{
    adapter::{Registration, Transport},
    kit::STAND_IN_SECRET,
    settings::{Settings, SettingsError, build_as},
    setup::{Need, Setting},
};

type Table = Map<String, Value>;

/// Makes as many settings as one may need.
const STEPS_MAX: usize = 40;

fn value(toml: &str) -> Value {
    let document: toml::Table = format!("v = {toml}").parse().unwrap_or_else(|e| panic!("{toml}: {e}"));
    serde_json::to_value(&document["v"]).expect("JSON")
}

/// Secrets arrive resolved.
fn example(setting: &Setting) -> Value {
    let example = value(setting.example);
    if setting.secret { STAND_IN_SECRET.into() } else { example }
}

fn declared(registration: &Registration, name: &str) -> &'static Setting {
    let found = registration.all_settings().find(|s| s.name == name);
    found
        .unwrap_or_else(|| panic!("{}: `{name}` goes with a setting that is not declared", registration.kind))
}

/// What is needed anyway, the setting itself, and what goes with it.
fn table_for(registration: &Registration, setting: Option<&'static Setting>) -> Table {
    let mut table = Table::new();
    for one in registration.all_settings().filter(|s| s.with.is_empty() && s.need != Need::Optional) {
        table.insert(one.name.to_owned(), example(one));
    }
    let mut next: Vec<&Setting> = setting.into_iter().collect();
    for _ in 0..STEPS_MAX {
        let Some(one) = next.pop() else { break };
        table.insert(one.name.to_owned(), example(one));
        for with in one.with {
            match with.split_once(" = ") {
                Some((name, toml)) => drop(table.insert(name.to_owned(), value(toml))),
                None if table.contains_key(*with) => {}
                None => next.push(declared(registration, with)),
            }
        }
        let needed = registration.all_settings().filter(|s| s.need == Need::Required && !s.with.is_empty());
        let there = |with: &&str| match with.split_once(" = ") {
            Some((name, toml)) => table.get(name) == Some(&value(toml)),
            None => table.contains_key(*with),
        };
        let missing = needed.filter(|s| s.with.iter().all(there) && !table.contains_key(s.name));
        next.extend(missing.collect::<Vec<_>>());
    }
    assert!(next.is_empty(), "{}: what goes with what does not end", registration.kind);
    table
}

/// What a table asks for, and which of that as secrets.
#[derive(Default)]
struct Asked {
    names: BTreeSet<String>,
    secrets: BTreeSet<String>,
}

impl Asked {
    fn build(&mut self, registration: &'static Registration, table: Table) -> Result<(), SettingsError> {
        let mut settings = Settings::new("test", table, "Asia/Taipei", "TW");
        let built = build_as(registration, &mut settings);
        self.names.extend(settings.asked().iter().cloned());
        self.secrets.extend(settings.asked_secrets().iter().cloned());
        built.map(drop)
    }
}

/// The example of each setting works, with what it goes with; what does not go with it is taken away.
fn try_example(
    asked: &mut Asked,
    registration: &'static Registration,
    setting: &'static Setting,
) -> Result<(), String> {
    let mut table = table_for(registration, Some(setting));
    loop {
        match asked.build(registration, table.clone()) {
            Ok(()) => return Ok(()),
            Err(e) if e.problem.starts_with("is not a known setting") && e.key != setting.name => {
                table.remove(&e.key);
            }
            Err(e) => return Err(format!("{}: example of `{}`: {e}", registration.kind, setting.name)),
        }
    }
}

/// Tables of the kind's fixtures.
fn fixture_tables(kind: &str) -> Vec<Table> {
    let base = support::base_settings(kind);
    let mut tables = vec![base.clone()];
    for entry in fixtures_dir(kind).read_dir().expect("fixtures folder") {
        let path = entry.expect("entry").path();
        if path.to_string_lossy().ends_with(".settings.json") {
            let overlay: Table = serde_json::from_slice(&support::bytes(&path)).expect("JSON object");
            let mut table = base.clone();
            for (key, value) in overlay {
                if value.is_null() { drop(table.remove(&key)) } else { drop(table.insert(key, value)) }
            }
            tables.push(table);
        }
    }
    tables
}

#[test]
fn declared_settings_are_those_that_are_read() {
    let mut wrong = Vec::new();
    for registration in support::registry() {
        let mut asked = Asked::default();
        for table in fixture_tables(registration.kind) {
            let built = asked.build(registration, table);
            built.unwrap_or_else(|e| panic!("fixtures/{}: settings: {e}", registration.kind));
        }
        if let Err(e) = asked.build(registration, table_for(registration, None)) {
            wrong.push(format!("{}: what is required is not enough: {e}", registration.kind));
        }
        for setting in registration.all_settings() {
            wrong.extend(try_example(&mut asked, registration, setting).err());
        }
        let names: BTreeSet<String> = registration.all_settings().map(|s| s.name.to_owned()).collect();
        asked.names.remove("kind");
        if registration.transport != Transport::Webhook {
            asked.names.remove("forward"); // only to be refused with a reason
        }
        let secrets: BTreeSet<String> =
            registration.all_settings().filter(|s| s.secret).map(|s| s.name.to_owned()).collect();
        for (what, read, told) in [("settings", &asked.names, &names), ("secrets", &asked.secrets, &secrets)]
        {
            for name in read.difference(told) {
                wrong.push(format!("{}: {what}: `{name}` is read and not declared", registration.kind));
            }
            for name in told.difference(read) {
                wrong.push(format!("{}: {what}: `{name}` is declared and not read", registration.kind));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn what_is_required_is_refused_without_it() {
    for registration in support::registry() {
        let full = table_for(registration, None);
        for setting in registration.all_settings().filter(|s| s.need != Need::Optional && s.with.is_empty()) {
            let mut table = full.clone();
            table.remove(setting.name);
            let error = Asked::default().build(registration, table).expect_err(setting.name);
            assert_eq!(error.key, setting.name, "{}: {error}", registration.kind);
        }
    }
}

#[test]
fn settings_are_told_in_full() {
    for registration in support::registry() {
        let mut names = BTreeSet::new();
        for setting in registration.all_settings() {
            let at = format!("{}: {}", registration.kind, setting.name);
            assert!(names.insert(setting.name), "{at}: told twice");
            assert!(!setting.about.is_empty() && !setting.about.contains('\n'), "{at}");
            assert!(!setting.about.ends_with('.'), "{at}: no full stop");
            let reference = setting.example.contains("env:");
            assert_eq!(reference, setting.secret, "{at}: exactly secrets are references");
        }
    }
}

/// The examples at the top of the kinds' modules: each table of a channel in them.
fn module_examples(kind: &str) -> Vec<toml::Table> {
    let src = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let [folder, file] = [src.join(kind).join("mod.rs"), src.join(format!("{kind}.rs"))];
    let text = std::fs::read_to_string(&folder).or_else(|_| std::fs::read_to_string(&file));
    let text = text.unwrap_or_else(|e| panic!("{kind}: {e}"));
    let docs: String =
        text.lines().map_while(|l| l.strip_prefix("//!")).map(|l| format!("{}\n", l.trim())).collect();
    let blocks = docs.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default());
    let mut tables = Vec::new();
    for block in blocks {
        let read: toml::Table = block.parse().unwrap_or_else(|e| panic!("{kind}: {e}\n{block}"));
        let channels = read.get("channels").and_then(toml::Value::as_table).cloned().unwrap_or_default();
        tables.extend(channels.into_iter().filter_map(|(_, table)| table.as_table().cloned()));
    }
    tables
}

#[test]
fn examples_in_the_modules_name_declared_settings_only() {
    let mut wrong = Vec::new();
    for registration in support::registry() {
        let names: BTreeSet<&str> = registration.all_settings().map(|s| s.name).collect();
        let tables = module_examples(registration.kind);
        assert!(!tables.is_empty(), "{}: no example at the top of its module", registration.kind);
        for key in tables.iter().flat_map(toml::Table::keys) {
            if key != "kind" && !names.contains(key.as_str()) {
                wrong.push(format!("{}: `{key}`", registration.kind));
            }
        }
    }
    assert!(wrong.is_empty(), "not declared:\n{}", wrong.join("\n"));
}
