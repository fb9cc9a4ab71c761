//! Fixtures on disk, by the layout of `fixtures/README.md`.

#![expect(clippy::disallowed_methods, reason = "adapters do no I/O; their tests read fixtures")]

use serde_json::{Map, Value};
use std::{
    fs,
    path::{Path, PathBuf},
};
use tributary_channels::{
    adapter::Method,
    kit::Case,
    settings::{Channel, Settings, build},
};

/// Each test binary holds this module whole and uses a part; naming all of it here keeps the rest from counting as dead.
const _: () = {
    let _ = (variable, corpus, write, bytes, fixtures_dir, public_url, base_settings, channel, fixtures);
    let _: fn(&Fixture) = |fixture| {
        let _ = (&fixture.channel, &fixture.case, &fixture.expected);
    };
};

/// One request of the fixtures folder.
pub struct Fixture {
    pub channel: Channel,
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
    let mut paths: Vec<PathBuf> = fixtures_dir(kind)
        .read_dir()
        .unwrap_or_else(|e| panic!("fixtures/{kind}: {e}"))
        .map(|entry| entry.expect("entry").path())
        .filter(|path| !is_beside(path))
        .collect();
    paths.sort();
    paths.iter().map(|path| fixture(kind, path)).collect()
}

fn is_beside(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let sides = [".expected.json", ".headers.json", ".settings.json"];
    name == "settings.json" || sides.iter().any(|side| name.ends_with(side))
}

fn fixture(kind: &str, path: &Path) -> Fixture {
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let beside = |side: &str| path.with_file_name(format!("{name}.{side}.json"));
    let mut table = base_settings(kind);
    for (key, value) in object(&beside("settings")).unwrap_or_default() {
        if value.is_null() {
            table.remove(&key);
        } else {
            table.insert(key, value);
        }
    }
    let extension = path.extension().unwrap_or_default().to_string_lossy().into_owned();
    let mut case = Case::new(&name, media_type(&extension), bytes(path));
    case.public_url = Some(public_url(kind));
    for (key, value) in object(&beside("headers")).unwrap_or_default() {
        let value = value.as_str().expect("header values are texts").to_owned();
        match key.as_str() {
            ":query" => case.query = value,
            ":method" => case.method = if value == "GET" { Method::Get } else { Method::Post },
            ":public_url" => case.public_url = Some(value),
            _ => {
                case.headers.retain(|(known, _)| *known != key);
                case.headers.push((key, value));
            }
        }
    }
    Fixture { channel: channel(kind, table), case, expected: beside("expected") }
}

fn media_type(extension: &str) -> &'static str {
    match extension {
        "json" => "application/json",
        "form" => "application/x-www-form-urlencoded",
        "csv" => "text/csv",
        "jsonl" => "application/x-ndjson",
        "eml" => "message/rfc822",
        "txt" => "text/plain",
        _ => "application/octet-stream",
    }
}

fn object(path: &Path) -> Option<Map<String, Value>> {
    let text = fs::read_to_string(path).ok()?;
    Some(serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
}
