use super::{Intake, Maildir, Watch};
use crate::{
    problem::Problem,
    pull::{Fetched, State},
};
use async_trait::async_trait;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
    time::{Duration, SystemTime},
};
use tempfile::TempDir;

/// Remembers what it was given; may refuse, as a full log does.
#[derive(Default)]
struct Memory {
    taken: Mutex<Vec<Fetched>>,
    refuses: Mutex<bool>,
}

#[async_trait]
impl Intake for Memory {
    async fn take(&self, mails: Vec<Fetched>) -> Result<(), Problem> {
        if *self.refuses.lock().unwrap() {
            return Err(Problem::new(503, "log_not_writable", ""));
        }
        self.taken.lock().unwrap().extend(mails);
        Ok(())
    }
    async fn lost(&self, _note: String) -> Result<(), Problem> {
        Ok(())
    }
    fn end(&self) -> (u32, u64) {
        (1, 0)
    }
    fn mail_max(&self) -> usize {
        1_000
    }
    fn report(&self, _state: State) {}
}

impl Memory {
    fn bodies(&self) -> Vec<String> {
        self.taken.lock().unwrap().iter().map(|m| String::from_utf8_lossy(&m.body).into_owned()).collect()
    }
}

struct Place {
    dir: TempDir,
}

impl Place {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        for name in ["new", "cur", "tmp"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        Self { dir }
    }

    fn watch(&self, done: Option<PathBuf>) -> Watch {
        let folder = self.dir.path().display().to_string();
        Watch::new(&Maildir { folder, done: done.map(|d| d.display().to_string()) })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn put(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn names(&self, folder: &str) -> Vec<String> {
        names(&self.path(folder))
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn whole_mails_are_taken_and_moved() {
    let (place, intake) = (Place::new(), Memory::default());
    let mut watch = place.watch(None);
    place.put("tmp/1.half", "From: half");
    place.put("new/.hidden", "From: hidden");
    place.put("new/2.b", "two");
    place.put("new/1.a:2,S", "one");
    place.put("new/3.growing", "thr");
    place.put("new/4.empty", "");
    watch.look(&intake).await.unwrap();
    assert!(intake.bodies().is_empty(), "the first look only sees");
    place.put("new/3.growing", "three");
    watch.look(&intake).await.unwrap();
    assert_eq!(intake.bodies(), ["one", "two"]);
    assert_eq!(place.names("cur"), ["1.a:2,S", "2.b:2,"]);
    watch.look(&intake).await.unwrap();
    assert_eq!(intake.bodies(), ["one", "two", "three"]);
    assert_eq!(place.names("new"), [".hidden", "4.empty"]);
    assert_eq!(place.names("tmp"), ["1.half"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_moves_before_it_is_durable() {
    let (place, intake) = (Place::new(), Memory::default());
    let mut watch = place.watch(None);
    place.put("new/1", "one");
    *intake.refuses.lock().unwrap() = true;
    watch.look(&intake).await.unwrap();
    assert_eq!(watch.look(&intake).await, Err("log_not_writable"));
    assert_eq!(place.names("new"), ["1"], "it waits for the log");
    *intake.refuses.lock().unwrap() = false;
    watch.look(&intake).await.unwrap();
    assert_eq!((intake.bodies().len(), place.names("new").len()), (1, 0));
    // A crash between the append and the move: the file is there again, and so is its mail.
    fs::rename(place.path("cur/1:2,"), place.path("new/1")).unwrap();
    let mut again = place.watch(None);
    again.look(&intake).await.unwrap();
    again.look(&intake).await.unwrap();
    assert_eq!(intake.bodies(), ["one", "one"]);
    assert_eq!(place.names("cur"), ["1:2,"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_are_there_keep_their_place() {
    let (place, intake) = (Place::new(), Memory::default());
    let done = place.path("done");
    let mut watch = place.watch(Some(done.clone()));
    for round in ["a", "b", "c"] {
        place.put("new/1", round);
        watch.look(&intake).await.unwrap();
        watch.look(&intake).await.unwrap();
    }
    assert_eq!(names(&done), ["1", "1.1", "1.2"]);
    assert_eq!(intake.bodies(), ["a", "b", "c"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_moved_does_not_hold_up_the_rest() {
    let (place, intake) = (Place::new(), Memory::default());
    // A file in the place of the folder that mails go to: works for any user, root too.
    place.put("done", "");
    let mut watch = place.watch(Some(place.path("done")));
    place.put("new/1", "one");
    watch.look(&intake).await.unwrap();
    assert_eq!(watch.look(&intake).await, Err("maildir_stuck"));
    place.put("new/2", "two");
    assert_eq!(watch.look(&intake).await, Err("maildir_stuck"));
    assert_eq!(watch.look(&intake).await, Err("maildir_stuck"));
    assert_eq!(intake.bodies(), ["one", "two"], "each once");
    fs::remove_file(place.path("new/1")).unwrap();
    let gone = Place::new();
    fs::remove_dir(gone.path("new")).unwrap();
    assert_eq!(gone.watch(None).look(&intake).await, Err("maildir_unreadable"));
}

#[tokio::test(flavor = "multi_thread")]
async fn large_mails_and_large_folders_are_bounded() {
    let (place, intake) = (Place::new(), Memory::default());
    let mut watch = place.watch(None);
    place.put("new/0", &"x".repeat(1_500));
    for number in 0..1_200 {
        place.put(&format!("new/{number:05}"), "mail");
    }
    let old = SystemTime::now() - Duration::from_secs(60);
    fs::File::options().write(true).open(place.path("new/0")).unwrap().set_modified(old).unwrap();
    let mut looks = 0;
    while !place.names("new").is_empty() {
        watch.look(&intake).await.unwrap();
        looks += 1;
        assert!(looks < 20, "{} left", place.names("new").len());
    }
    let taken = intake.taken.lock().unwrap();
    assert_eq!(taken.len(), 1_201);
    assert_eq!((taken[0].body.len(), taken[0].whole), (1_000, Some(1_500)));
    assert!(taken[1..].iter().all(|mail| mail.whole.is_none()));
}
