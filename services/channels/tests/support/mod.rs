//! Fixtures on disk, by the layout of `fixtures/README.md`.

#![expect(clippy::disallowed_methods, reason = "adapters do no I/O; their tests read fixtures")]

use serde_json::{Map, Value};
use std::{
    fs,
    path::{Path, PathBuf},
};
use tributary_channels::{
    REGISTRY,
    adapter::Registration,
    kit::{Case, fixture},
    registration,
    settings::{Channel, Settings, build},
};

/// Each test binary holds this module whole and uses a part; naming all of it here keeps the rest from counting as dead.
const _: () = {
    let _ = (
        variable,
        registry,
        corpus,
        write,
        bytes,
        fixtures_dir,
        public_url,
        base_settings,
        channel,
        fixtures,
    );
    let _: fn(&Fixture) = |fixture| {
        let _ = (&fixture.channel, &fixture.table, &fixture.case, &fixture.expected);
    };
};

/// One request of the fixtures folder.
pub struct Fixture {
    pub channel: Channel,
    pub table: Map<String, Value>,
    pub case: Case,
    pub expected: PathBuf,
}

pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A part of the corpus outside the repository, or a note of what is skipped.
pub fn corpus(part: &str) -> Option<PathBuf> {
    let found = variable("TRIBUTARY_CORPUS").map(|corpus| Path::new(&corpus).join(part));
    if found.is_none() {
        println!("skipped: {part} (TRIBUTARY_CORPUS is not set)");
    }
    found
}

/// The kinds that are tested: all, or those that `TRIBUTARY_KIND` names.
pub fn registry() -> Vec<&'static Registration> {
    let Some(named) = variable("TRIBUTARY_KIND") else { return REGISTRY.to_vec() };
    let of = |kind: &str| registration(kind).unwrap_or_else(|| panic!("TRIBUTARY_KIND: no kind {kind}"));
    named.split(',').map(of).collect()
}

pub fn write(path: &Path, text: &str) {
    fs::write(path, text).expect("golden result written");
}

pub fn bytes(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

pub fn fixtures_dir(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(kind)
}

pub fn public_url(kind: &str) -> String {
    format!("https://hooks.example.com/in/{kind}-test")
}

/// The table of `settings.json`.
pub fn base_settings(kind: &str) -> Map<String, Value> {
    object(&fixtures_dir(kind).join("settings.json"))
        .unwrap_or_else(|| panic!("fixtures/{kind}/settings.json"))
}

pub fn channel(kind: &str, table: Map<String, Value>) -> Channel {
    build(Settings::new(&format!("{kind}-test"), table, "Asia/Taipei", "TW"))
        .unwrap_or_else(|e| panic!("fixtures/{kind}: settings: {e}"))
}

/// All fixtures of a kind, in order of their names.
pub fn fixtures(kind: &str) -> Vec<Fixture> {
    let entries = fixtures_dir(kind).read_dir().unwrap_or_else(|e| panic!("fixtures/{kind}: {e}"));
    let names = entries.map(|entry| entry.expect("entry").file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| fixture::is_request(name)).collect();
    names.sort();
    names.iter().map(|name| read(kind, name)).collect()
}

fn read(kind: &str, file: &str) -> Fixture {
    let beside = |end: &str| fixtures_dir(kind).join(format!("{}{end}", fixture::stem(file)));
    let mut table = base_settings(kind);
    for (key, value) in object(&beside(fixture::SETTINGS)).unwrap_or_default() {
        if value.is_null() {
            table.remove(&key);
        } else {
            table.insert(key, value);
        }
    }
    let headers = object(&beside(fixture::HEADERS)).unwrap_or_default();
    let case = fixture::case(file, bytes(&fixtures_dir(kind).join(file)), &headers, &public_url(kind))
        .unwrap_or_else(|e| panic!("fixtures/{kind}/{file}: headers: {e}"));
    Fixture { channel: channel(kind, table.clone()), table, case, expected: beside(fixture::GOLDEN) }
}

fn object(path: &Path) -> Option<Map<String, Value>> {
    let text = fs::read_to_string(path).ok()?;
    Some(serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
}
