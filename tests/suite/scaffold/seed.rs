//! A copy of the workspace that cargo takes for the same one: files keep their times, and compiled crates are linked.

use std::{
    env,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};
use tributary_tests::repo;

/// Where the copy is compiled.
pub struct Target {
    /// Its target folder.
    pub folder: PathBuf,
    /// The profile of this test.
    pub profile: String,
}

/// Copies every source file; folders keep their times too, because a build script asks for one.
pub fn copy_sources(tree: &Path) {
    let mut folders = vec![PathBuf::new()];
    for file in repo::files() {
        let (from, to) = (repo::root().join(&file), tree.join(&file));
        fs::create_dir_all(to.parent().expect("a folder")).expect("a folder is made");
        copy(&from, &to).unwrap_or_else(|e| panic!("{file}: {e}"));
        folders.extend(Path::new(&file).ancestors().skip(1).map(Path::to_path_buf));
    }
    folders.sort();
    folders.dedup();
    for folder in folders.iter().rev() {
        same_time(&repo::root().join(folder), &tree.join(folder)).expect("a folder's time is set");
    }
}

/// The folder to compile in, beside the one that this test was compiled in, with links to what lies there.
pub fn target() -> Target {
    // target/<profile>/deps/suite-<hash>
    let test = env::current_exe().expect("a test knows its executable");
    let outer = test.parent().and_then(Path::parent).expect("tests lie in target/<profile>/deps");
    let name = outer.file_name().expect("a profile").to_string_lossy().into_owned();
    let folder = outer.parent().expect("a target folder").join("scaffold");
    let inner = folder.join(&name);
    for part in ["deps", ".fingerprint", "build"] {
        mirror(&outer.join(part), &inner.join(part), false).unwrap_or_else(|e| panic!("{part}: {e}"));
    }
    let profile = if name == "debug" { "dev".to_owned() } else { name };
    Target { folder, profile }
}

/// `ours`: of a crate of this workspace, which may have changed; third-party crates stay as they were first linked.
fn mirror(from: &Path, to: &Path, ours: bool) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let (copy_to, ours) = (to.join(&name), ours || name.contains("tributary"));
        let gone = |e: io::Error| if e.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(e) };
        if path.is_dir() {
            mirror(&path, &copy_to, ours)?;
        } else if ours || !copy_to.exists() {
            // Another build may be at work beside this test and take a file away.
            one(&path, &copy_to, &name).or_else(gone)?;
        }
    }
    Ok(())
}

/// Libraries and build scripts are linked: nobody writes into them, a new one takes their place. All else is small.
fn one(from: &Path, to: &Path, name: &str) -> io::Result<()> {
    let is_library = [".rlib", ".rmeta", ".so"].iter().any(|end| name.ends_with(end));
    let is_script = name.starts_with("build-script") || name.starts_with("build_script");
    if !is_library && !is_script && fs::metadata(from)?.len() > SMALL {
        return Ok(()); // programs and tests: nothing is made from them
    }
    if to.exists() {
        fs::remove_file(to)?;
    }
    if is_library || is_script { fs::hard_link(from, to).or_else(|_| copy(from, to)) } else { copy(from, to) }
}

/// Larger files of a target folder are programs.
const SMALL: u64 = 1024 * 1024;

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to)?;
    same_time(from, to)
}

fn same_time(from: &Path, to: &Path) -> io::Result<()> {
    File::open(to)?.set_modified(fs::metadata(from)?.modified()?)
}
