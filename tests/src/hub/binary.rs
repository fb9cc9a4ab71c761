//! The program under test: the one beside the running test executable, built when it is missing or older than its sources.

use crate::repo;
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::SystemTime,
};

static BINARY: OnceLock<PathBuf> = OnceLock::new();

/// Path of the `tributary` program, of the same profile as this test.
///
/// # Panics
/// Where it cannot be built.
#[must_use]
pub fn path() -> &'static Path {
    BINARY.get_or_init(|| {
        // target/<profile>/deps/suite-<hash>
        let test = env::current_exe().expect("a test knows its executable");
        let folder = test.parent().and_then(Path::parent).expect("tests lie in target/<profile>/deps");
        let binary = folder.join("tributary");
        if !is_fresh(&binary) {
            build(folder);
        }
        assert!(binary.is_file(), "no program at {}", binary.display());
        binary
    })
}

/// A workspace-wide `cargo test` has built it already; only a test of this crate alone has not.
fn is_fresh(binary: &Path) -> bool {
    let modified = |path: &Path| fs::metadata(path).and_then(|m| m.modified()).ok();
    let Some(built) = modified(binary) else { return false };
    let sources = repo::files().into_iter().filter(|f| {
        let source = f.starts_with("services/") || f.starts_with("proto/");
        let compiled =
            !f.contains("/tests/") && [".rs", ".proto", ".txt", "Cargo.toml"].iter().any(|e| f.ends_with(e));
        (source && compiled) || f == "Cargo.lock"
    });
    let newest = sources.filter_map(|f| modified(&repo::root().join(f))).max();
    newest.unwrap_or(SystemTime::UNIX_EPOCH) <= built
}

fn build(folder: &Path) {
    let profile = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--locked", "-p", "tributary", "--features", "kafka", "--profile"]);
    command.arg(if profile == "debug" { "dev" } else { profile });
    command.arg("--target-dir").arg(folder.parent().expect("target/<profile>"));
    // What the test was told about itself would be taken for news by build scripts, which then run again.
    for (name, _) in env::vars_os() {
        let of_a_package = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_"];
        if of_a_package.iter().any(|start| name.to_string_lossy().starts_with(start)) {
            command.env_remove(&name);
        }
    }
    command.current_dir(repo::root());
    let status = command.status().expect("cargo runs");
    assert!(status.success(), "the program does not build: {status}");
}
