//! The repository as data: its files, their text and the dependencies that its manifests name. For house rules.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Folders that hold no source: build output, data of a running hub, version control.
const NOT_SOURCE: &[&str] = &["target", "tributary-data", ".git", "node_modules"];

/// The repository's root.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// All files, as paths from the root with forward slashes, sorted.
///
/// # Panics
/// Where a folder cannot be read: a rule that sees nothing would hold.
#[must_use]
pub fn files() -> Vec<String> {
    let mut out = Vec::new();
    collect(&root(), "", &mut out);
    out.sort();
    out
}

fn collect(folder: &Path, prefix: &str, out: &mut Vec<String>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("cannot list {prefix:?}: {e}"));
    for entry in entries {
        let entry = entry.unwrap_or_else(|e| panic!("cannot list {prefix:?}: {e}"));
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}/{name}") };
        if entry.path().is_dir() {
            if !NOT_SOURCE.contains(&name.as_str()) {
                collect(&entry.path(), &path, out);
            }
        } else if name != ".git" {
            out.push(path);
        }
    }
}

/// All files under `prefix` whose names end in `suffix`.
#[must_use]
pub fn under(prefix: &str, suffix: &str) -> Vec<String> {
    files().into_iter().filter(|f| f.starts_with(prefix) && f.ends_with(suffix)).collect()
}

/// Whether there is such a file or folder.
#[must_use]
pub fn exists(path: &str) -> bool {
    root().join(path).exists()
}

/// The size of a file in bytes.
///
/// # Panics
/// Where there is no such file.
#[must_use]
pub fn bytes(path: &str) -> u64 {
    fs::metadata(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}")).len()
}

/// The text of a file; bytes that are no UTF-8 are replaced.
///
/// # Panics
/// Where there is no such file.
#[must_use]
pub fn text(path: &str) -> String {
    let bytes = fs::read(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Rust code without its comments and without a trailing module of tests: what runs in the product. Line numbers stay.
#[must_use]
pub fn product_code(text: &str) -> String {
    let product = text.find("#[cfg(test)]\nmod tests {").map_or(text, |at| &text[..at]);
    let code = |line: &str| line.split("//").next().unwrap_or_default().to_owned();
    product.lines().map(code).collect::<Vec<_>>().join("\n")
}

/// The sections of a manifest: name to its lines, without comments and empty lines.
#[must_use]
pub fn sections(manifest: &str) -> BTreeMap<String, Vec<String>> {
    let mut out: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut section = String::new();
    for line in text(manifest).lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match line.strip_prefix('[') {
            Some(rest) => section = rest.trim_end_matches(']').trim_start_matches('[').to_owned(),
            None => out.entry(section.clone()).or_default().push(line.to_owned()),
        }
    }
    out
}

/// The names in a section of a manifest, such as `dependencies`.
#[must_use]
pub fn names(manifest: &str, section: &str) -> Vec<String> {
    let lines = sections(manifest).remove(section).unwrap_or_default();
    let name = |line: &String| line.split(['.', '=', ' ']).next().unwrap_or_default().to_owned();
    lines.iter().map(name).collect()
}
