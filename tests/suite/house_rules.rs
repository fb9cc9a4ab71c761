//! The house rules as ordinary tests. Each failure says which rule, where, and why the rule exists.

use std::collections::BTreeSet;
use tributary_tests::repo;

/// No file is longer: what does not fit is two things.
const LINES_MAX: usize = 600;
/// Half of all files are at most this long.
const LINES_MEDIAN: usize = 200;
/// Larger files do not belong into a source repository.
const BYTES_MAX: u64 = 1024 * 1024;

/// Crates and which of the workspace's crates each may depend on. The arrows only point down.
const DIRECTIONS: &[(&str, &[&str])] = &[
    ("proto", &[]),
    ("services/core", &["tributary-proto"]),
    ("services/channels", &["tributary-core"]),
    ("services/eventlog", &[]),
    ("services/projector", &["tributary-core", "tributary-eventlog"]),
    ("services/hub", &["tributary-core", "tributary-channels", "tributary-eventlog", "tributary-projector"]),
];

/// What the pure crates may depend on: nothing of it opens a socket or a file, reads a clock or starts a thread.
const PURE: &[(&str, &[&str])] = &[
    (
        "services/core",
        &[
            "tributary-proto",
            "email_address",
            "foldhash",
            "hashbrown",
            "hmac",
            "idna",
            "jiff",
            "phonenumber",
            "prost",
            "serde",
            "serde_json",
            "sha2",
            "smallvec",
            "thiserror",
            "unicode-normalization",
            "uuid",
        ],
    ),
    (
        "services/channels",
        &[
            "tributary-core",
            "base64",
            "calamine",
            "cel",
            "encoding_rs",
            "hmac",
            "jiff",
            "mail-parser",
            "quick-xml",
            "serde",
            "serde_json",
            "sha1",
            "sha2",
            "subtle",
            "thiserror",
            "zip",
        ],
    ),
];

/// What pure code does not name. Written in halves, so that this list is not found by itself.
const IMPURE: &[&str] = &[
    concat!("SystemTime", "::now"),
    concat!("Instant", "::now"),
    concat!("Timestamp", "::now"),
    concat!("Zoned", "::now"),
    concat!("std::", "env"),
    concat!("std::", "fs"),
    concat!("std::", "net"),
    concat!("thread", "::spawn"),
    concat!("rand", "::"),
    concat!("getrandom", "::"),
    concat!("tokio", "::"),
    concat!("print", "ln!("),
    concat!("tra", "cing::"),
];

/// What no Rust file holds, and why.
const BANNED: &[(&str, &str)] = &[
    (concat!("to", "do!("), "unfinished code is not merged"),
    (concat!("unimpl", "emented!("), "unfinished code is not merged"),
    (concat!("db", "g!("), "it prints personal values"),
    (concat!("#[ig", "nore"), "a test that does not run judges nothing: put slow ones behind a variable"),
    (concat!("#[al", "low("), "use #[expect(lint, reason = \"...\")]: it warns when it is no longer needed"),
    (
        concat!("#![al", "low("),
        "use #![expect(lint, reason = \"...\")]: it warns when it is no longer needed",
    ),
];

/// Fails with the rule, its reason and every place that breaks it.
fn rule(rule: &str, why: &str, broken: &[String]) {
    assert!(broken.is_empty(), "house rule: {rule}\nwhy: {why}\nbroken by:\n  {}", broken.join("\n  "));
}

fn workspace_manifests() -> Vec<String> {
    let manifests = repo::under("", "/Cargo.toml");
    assert!(manifests.len() >= 7, "the scan sees the workspace's crates");
    manifests
}

/// Every line of the files that holds `text`, as `file:line`.
fn lines_with(files: &[String], text: &str, code: impl Fn(&str) -> String) -> Vec<String> {
    let mut found = Vec::new();
    for file in files {
        for (at, line) in code(&repo::text(file)).lines().enumerate() {
            if line.contains(text) {
                found.push(format!("{file}:{}: {}", at + 1, line.trim()));
            }
        }
    }
    found
}

#[test]
fn crates_depend_downwards_only() {
    let mut broken = Vec::new();
    for (name, allowed) in DIRECTIONS {
        let manifest = format!("{name}/Cargo.toml");
        let named: Vec<String> = ["dependencies", "build-dependencies"]
            .iter()
            .flat_map(|section| repo::names(&manifest, section))
            .filter(|n| n.starts_with("tributary") && !allowed.contains(&n.as_str()))
            .collect();
        broken.extend(named.iter().map(|n| format!("{manifest}: {n}")));
    }
    rule(
        "a crate depends only on those below it",
        "channels know no log, the log knows no customer, core knows neither: each can be read and tested alone",
        &broken,
    );
}

#[test]
fn pure_crates_depend_on_listed_crates_only() {
    let mut broken = Vec::new();
    for (name, allowed) in PURE {
        let manifest = format!("{name}/Cargo.toml");
        let names = repo::names(&manifest, "dependencies");
        assert!(names.len() > 3, "{manifest}: the scan sees dependencies");
        let foreign = names.iter().filter(|n| !allowed.contains(&n.as_str()));
        broken.extend(foreign.map(|n| format!("{manifest}: {n}")));
    }
    rule(
        "core and channels depend on nothing that is not in the list of this test",
        "one dependency with a clock, a socket or a thread and the same events may give other customers",
        &broken,
    );
}

#[test]
fn pure_crates_name_nothing_impure() {
    let mut files = repo::under("services/core/src/", ".rs");
    files.extend(repo::under("services/channels/src/", ".rs"));
    files.retain(|f| !f.rsplit('/').next().is_some_and(|name| name.starts_with("tests")));
    assert!(files.len() > 10, "the scan sees the pure crates");
    let broken: Vec<String> =
        IMPURE.iter().flat_map(|text| lines_with(&files, text, repo::product_code)).collect();
    let named_word = |line: &String| {
        // `operand::` is not `rand::`.
        let before = line.find(IMPURE[8]).and_then(|at| line[..at].chars().last());
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_') || !line.contains(IMPURE[8])
    };
    let mut broken: Vec<String> = broken.into_iter().filter(named_word).collect();
    for file in &files {
        let code = repo::product_code(&repo::text(file));
        let imports = code.split("use std::{").skip(1).filter_map(|rest| rest.split(';').next());
        let mut names = imports.flat_map(|i| i.split([',', '{', '}', ' ', '\n', ':']));
        if names.any(|name| matches!(name, "fs" | "env" | "net")) {
            broken.push(format!("{file}: imports fs, env or net from std"));
        }
    }
    rule(
        "core and channels read no clock, environment, file or network, use no randomness or thread, and print nothing",
        "views are a function of the events: what they depend on besides comes in as data",
        &broken,
    );
}

#[test]
fn versions_stand_in_the_root_manifest_only() {
    let mut broken = Vec::new();
    for manifest in workspace_manifests() {
        for (section, lines) in repo::sections(&manifest) {
            let dependencies = section.ends_with("dependencies");
            let wrong = lines
                .iter()
                .filter(|l| l.starts_with("version =") || (dependencies && !l.contains("workspace = true")));
            broken.extend(wrong.map(|l| format!("{manifest}: [{section}] {l}")));
        }
    }
    rule(
        "crates take versions from the workspace",
        "two places would name two versions of one crate",
        &broken,
    );
}

#[test]
fn files_are_short() {
    let files = repo::under("", ".rs");
    let mut sizes: Vec<(usize, String)> =
        files.into_iter().map(|f| (repo::text(&f).lines().count(), f)).collect();
    sizes.sort();
    let median = sizes[sizes.len() / 2].0;
    let (longest, file) = &sizes[sizes.len() - 1];
    println!("{} Rust files, median {median} lines, longest {longest} ({file})", sizes.len());
    let long = sizes.iter().filter(|(lines, _)| *lines > LINES_MAX);
    let long: Vec<String> = long.map(|(lines, f)| format!("{f}: {lines} lines")).collect();
    rule("no Rust file has more than 600 lines", "a file is read as a whole, or not at all", &long);
    assert!(median <= LINES_MEDIAN, "the median file has {median} lines, more than {LINES_MEDIAN}");
}

#[test]
fn nothing_unfinished_or_silenced_is_kept() {
    let files = repo::under("", ".rs");
    for (text, why) in BANNED {
        rule(&format!("no Rust file holds {text}"), why, &lines_with(&files, text, str::to_owned));
    }
}

#[test]
fn no_file_is_large() {
    let large = repo::files().into_iter().filter(|f| repo::bytes(f) > BYTES_MAX);
    rule("no file is larger than 1 MiB", "every clone carries it for ever", &large.collect::<Vec<_>>());
}

#[test]
fn the_contract_is_compiled_and_its_code_is_not_kept() {
    let build = repo::text("proto/build.rs");
    let protos = repo::under("proto/", ".proto");
    assert!(!protos.is_empty(), "the scan sees the contract");
    let left_out = protos.iter().filter(|p| !build.contains(&p["proto/".len()..])).cloned();
    rule(
        "proto/build.rs compiles every .proto",
        "a contract that nothing compiles goes stale",
        &left_out.collect::<Vec<_>>(),
    );
    let files = repo::under("", ".rs");
    let generated = lines_with(&files, concat!("@gen", "erated"), str::to_owned);
    rule("no generated code is kept", "it goes stale; the build makes it from the contract", &generated);
}

#[test]
fn only_the_wire_names_generated_types() {
    let mut files = repo::under("", ".rs");
    files.retain(|f| f != "services/core/src/wire.rs");
    let broken = lines_with(&files, concat!("tributary", "_proto"), repo::product_code);
    rule(
        "only services/core/src/wire.rs names the generated types",
        "everything else works on core's own types, so the contract can change in one place",
        &broken,
    );
}

#[test]
fn only_the_ci_script_names_the_corpus() {
    let mut files = repo::files();
    files.retain(|f| f != ".ci/run");
    let broken = lines_with(&files, concat!("..", "/shared"), str::to_owned);
    rule(
        "only .ci/run names the folder of the corpus",
        "the repository stands alone: tests find the corpus by TRIBUTARY_CORPUS and say what they skip without it",
        &broken,
    );
}

/// Names of the modules of the channels crate that register a kind of channel. Modules that adapters share implement
/// no kind of their own.
fn adapter_modules() -> BTreeSet<String> {
    let prefix = "services/channels/src/";
    let mut modules = BTreeSet::new();
    for file in repo::under(prefix, ".rs") {
        if repo::product_code(&repo::text(&file)).contains(concat!("static REGIS", "TRATION: ")) {
            let inside = &file[prefix.len()..];
            let module = inside.split('/').next().unwrap_or(inside);
            modules.insert(module.trim_end_matches(".rs").to_owned());
        }
    }
    modules
}

#[test]
fn every_adapter_is_registered() {
    let lib = repo::product_code(&repo::text("services/channels/src/lib.rs"));
    let table = lib.split_once("REGISTRY").map_or("", |(_, rest)| rest.split(';').next().unwrap_or_default());
    let rows: BTreeSet<String> = table
        .split(['&', ',', '[', ']', ' ', '\n'])
        .filter_map(|row| row.split_once("::").map(|(module, _)| module.to_owned()))
        .collect();
    let modules = adapter_modules();
    let missing: Vec<String> = modules.difference(&rows).cloned().collect();
    rule("every adapter has its row in REGISTRY", "an adapter without a row exists for nobody", &missing);
    assert_eq!(rows, modules, "rows of REGISTRY and modules that register a kind");
    let kinds: BTreeSet<&str> = tributary_channels::REGISTRY.iter().map(|r| r.kind).collect();
    assert_eq!(kinds.len(), tributary_channels::REGISTRY.len(), "kinds are named once");
    assert!(rows.len() <= kinds.len(), "a row for every module: {rows:?}, {kinds:?}");
}

#[test]
fn every_kind_has_fixtures() {
    let files = repo::under("services/channels/fixtures/", "");
    let has = |kind: &str| {
        let folder = format!("services/channels/fixtures/{kind}/");
        files.iter().any(|f| f.starts_with(&folder) && f.ends_with(".expected.json"))
    };
    let missing = tributary_channels::REGISTRY.iter().map(|r| r.kind).filter(|kind| !has(kind));
    rule(
        "every kind has a folder of fixtures with at least one golden result",
        "the conformance kit judges an adapter by its fixtures",
        &missing.map(str::to_owned).collect::<Vec<_>>(),
    );
}

/// Paths that a Markdown text links to, without anchors and without addresses of other places.
fn links(text: &str) -> Vec<String> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let paths = targets.filter_map(|t| t.split(['#', ' ']).next());
    paths
        .filter(|t| !t.is_empty() && !t.contains("://") && !t.starts_with("mailto:"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn links_between_documents_resolve() {
    let mut broken = Vec::new();
    for document in repo::under("", ".md") {
        let folder = document.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
        for target in links(&repo::text(&document)) {
            if !repo::exists(&format!("{folder}{target}")) {
                broken.push(format!("{document}: {target}"));
            }
        }
    }
    rule(
        "every link to a file resolves",
        "a document that points nowhere is not believed elsewhere",
        &broken,
    );
}

#[test]
fn the_readmes_table_is_what_the_registry_says() {
    const START: &str = "<!-- kinds: made by UPDATE_EXPECT=1 cargo test -p tributary-tests the_readme -->\n";
    const END: &str = "<!-- end of kinds -->\n";
    let readme = repo::text("README.md");
    let (before, rest) = readme.split_once(START).expect("README.md marks where its table begins");
    let (table, after) = rest.split_once(END).expect("README.md marks where its table ends");
    let want = tributary_channels::setup::markdown(tributary_channels::REGISTRY);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        let whole = [before, START, &want, END, after].concat();
        std::fs::write(repo::root().join("README.md"), whole).expect("README.md written");
        return;
    }
    let stale =
        table.lines().zip(want.lines()).filter(|(is, should)| is != should).map(|(is, _)| is.to_owned());
    let mut stale: Vec<String> = stale.collect();
    if stale.is_empty() && table != want {
        stale.push("rows are missing or left over".to_owned());
    }
    rule(
        "README.md's channel table is what the registry says (UPDATE_EXPECT=1 makes it so)",
        "a table that is kept by hand is right on the day it is written",
        &stale,
    );
}
