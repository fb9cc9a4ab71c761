//! `tributary demo` as a stranger runs it: the built program, its output, its memory, and the commands it recommends.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

/// Longest run of the whole demonstration; a laptop needs some seconds, a busy test machine more.
const SECONDS_MAX: u64 = 60;
/// Most memory it may ever hold, in KiB.
const MEMORY_MAX: u64 = 400 * 1024;
/// How often its memory is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The program, built by the same workspace and into the same folder as this test.
fn program() -> &'static PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let test = std::env::current_exe().unwrap();
        let profile = test.parent().and_then(|deps| deps.parent()).unwrap();
        let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        build
            .args(["build", "--quiet", "--package", "tributary", "--target-dir"])
            .arg(profile.parent().unwrap());
        if profile.ends_with("release") {
            build.arg("--release");
        }
        build.current_dir(tributary_tests::repo::root());
        assert!(build.status().unwrap().success(), "the program must build");
        profile.join("tributary")
    })
}

fn demo(args: &[&str]) -> Child {
    let mut command = Command::new(program());
    command.arg("demo").args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// The most memory that a process has held so far, in KiB; `None` once it is gone.
fn peak(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[test]
fn the_demonstration_proves_itself_quickly_and_leaves_nothing() {
    program();
    let begun = Instant::now();
    let mut child = demo(&["--exit"]);
    let mut pipe = child.stdout.take().unwrap();
    let reader = thread::spawn(move || {
        let mut text = String::new();
        pipe.read_to_string(&mut text).map(|_| text)
    });
    let mut most = 0;
    let code = loop {
        most = most.max(peak(child.id()).unwrap_or_default());
        if let Some(status) = child.try_wait().unwrap() {
            break status.code();
        }
        if begun.elapsed() > Duration::from_secs(SECONDS_MAX) {
            child.kill().unwrap();
            panic!("it runs longer than {SECONDS_MAX} s");
        }
        thread::sleep(LOOK_EVERY);
    };
    let text = reader.join().unwrap().unwrap();
    let mut complaint = String::new();
    child.stderr.take().unwrap().read_to_string(&mut complaint).unwrap();
    assert_eq!(code, Some(0), "{text}{complaint}");
    assert!((1..MEMORY_MAX).contains(&most), "{most} KiB");
    let proof = text.lines().find(|line| line.starts_with("▸ proof:")).unwrap_or_default();
    assert!(proof.ends_with(" equals the live digest ✓"), "{text}");
    let digest = proof.split("digest ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or_default();
    assert!(digest.len() == 32 && digest.bytes().all(|b| b.is_ascii_hexdigit()), "{proof}");
    for told in
        ["陳美玲 (Mei-Ling Chen): 6 channels", "61 dead letters (on purpose)", "3 refused at the door"]
    {
        assert!(text.contains(told), "{told}: {text}");
    }
    assert!(!text.contains('\u{1b}') && !text.contains('\r'), "plain lines where there is no terminal");
    for personal in ["928114706", "meiling"] {
        assert!(!text.contains(personal), "{personal}");
    }
    let deleted = text.lines().last().and_then(|line| line.strip_prefix("▸ stopped, ")).unwrap_or_default();
    let folder = deleted.trim_end_matches(" is deleted");
    assert!(folder.contains("tributary-demo-") && !fs::exists(folder).unwrap(), "{text}");
}

#[test]
fn what_it_recommends_works_and_a_kept_folder_stays() {
    let keep = std::env::temp_dir().join(format!("tributary-kept-{}", std::process::id()));
    let mut child = demo(&["--keep", keep.to_str().unwrap()]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let told: Vec<String> = lines.by_ref().take_while(|line| !line.starts_with("▸ waiting")).collect();
    let commands: Vec<&str> = told.iter().filter_map(|line| line.strip_prefix("  tributary ")).collect();
    assert!(commands.len() >= 4, "{told:?}");
    for command in commands {
        // This one waits for events without end; one from the start is enough to see that it works.
        let command = command.replace("tail --from now", "tail --from start --count 1");
        let line = format!("{} {command}", program().display());
        let ran = Command::new("sh").args(["-c", &line]).output().unwrap();
        assert!(ran.status.success(), "{line}: {}", String::from_utf8_lossy(&ran.stderr));
        assert!(!ran.stdout.is_empty(), "{line}");
    }
    let change = lines.next().unwrap_or_default();
    assert!(change.starts_with("  --> updated cus_"), "the triggered message is seen: {change}");
    let ended = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(ended.success());
    let rest: Vec<String> = lines.collect();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(
        rest.last().is_some_and(|line| line.starts_with("▸ stopped; go on with: tributary serve")),
        "{rest:?}"
    );
    assert!(keep.join("tributary.toml").exists() && keep.join("data").exists());
    fs::remove_dir_all(&keep).unwrap();
}
