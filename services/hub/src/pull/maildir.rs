//! A Maildir: what a mail server delivered to `new` is taken, then moved to `cur` (or another folder). The file goes only
//! when its mail is durable, so a crash at any point reads it again.
//!
//! Absent: `tmp`, where mails are still written; `cur`, where others have been; subfolders.

use super::{ALARM, Fetched, GROUP_BYTES_MAX, GROUP_MAILS_MAX, Intake, State, rest};
use std::{
    collections::{BTreeMap, HashMap},
    fs, io,
    io::Read as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::sync::watch::Receiver;
use tributary_channels::pull::Maildir;

/// How often `new` is looked at. A file must look the same twice in a row: not everything that puts files there knows
/// that they have to be whole.
pub const INTERVAL: Duration = Duration::from_millis(500);
/// Files looked at in one go, by name, which begins with the time.
const LIST_MAX: usize = 500;
/// Files that could not be read or moved are tried again after this many looks.
const STUCK_LOOKS: u32 = 120;
/// More such files than this, and nothing is taken: something is wrong with the folder, not with a mail.
const STUCK_MAX: usize = 1_000;

/// How a file looked: size and time of its last change.
type Look = (u64, SystemTime);

/// Follows a Maildir until the hub stops.
pub async fn follow(
    settings: Maildir,
    intake: Arc<dyn Intake>,
    interval: Duration,
    mut stopped: Receiver<bool>,
) {
    let mut watch = Watch::new(&settings);
    let mut attempts = 0;
    loop {
        match watch.look(&*intake).await {
            Ok(()) => {
                attempts = 0;
                intake.report(State::Waiting);
            }
            Err(code) => {
                attempts += 1;
                // Every look is an attempt; the log hears of the first ones and then now and then.
                if attempts <= ALARM || attempts.is_multiple_of(STUCK_LOOKS) {
                    intake.report(State::Retrying { code, attempts });
                }
            }
        }
        if rest(interval, &mut stopped).await {
            return;
        }
    }
}

struct Watch {
    new: PathBuf,
    done: PathBuf,
    /// Whether `done` is a Maildir's `cur`, where names carry flags.
    flags: bool,
    seen: HashMap<PathBuf, Look>,
    stuck: HashMap<PathBuf, Look>,
    looks: u32,
}

impl Watch {
    fn new(settings: &Maildir) -> Self {
        let folder = Path::new(&settings.folder);
        Self {
            new: folder.join("new"),
            done: settings.done.as_ref().map_or_else(|| folder.join("cur"), PathBuf::from),
            flags: settings.done.is_none(),
            seen: HashMap::new(),
            stuck: HashMap::new(),
            looks: 0,
        }
    }

    /// One look at the folder: takes what looks as it did the last time.
    async fn look(&mut self, intake: &dyn Intake) -> Result<(), &'static str> {
        self.looks += 1;
        if self.looks.is_multiple_of(STUCK_LOOKS) {
            self.stuck.clear();
        }
        let files = tokio::task::block_in_place(|| self.list()).map_err(|_| "maildir_unreadable")?;
        let steady = |(path, look): &(&PathBuf, &Look)| look.0 > 0 && self.seen.get(*path) == Some(look);
        let mut ready: Vec<(PathBuf, Look)> =
            files.iter().filter(steady).map(|(path, look)| (path.clone(), *look)).collect();
        self.seen = files.into_iter().collect();
        if self.stuck.len() >= STUCK_MAX {
            return Err("maildir_stuck");
        }
        if !ready.is_empty() {
            intake.report(State::Reading);
        }
        while !ready.is_empty() {
            let later = ready.split_off(group(&ready));
            let (mails, paths) = tokio::task::block_in_place(|| self.read(&ready, intake.mail_max()));
            if !mails.is_empty() {
                intake.take(mails).await.map_err(|problem| problem.code)?;
            }
            tokio::task::block_in_place(|| self.put_away(paths));
            ready = later;
        }
        if self.stuck.is_empty() { Ok(()) } else { Err("maildir_stuck") }
    }

    /// The first regular files of `new` by name, without hidden and stuck ones.
    fn list(&self) -> io::Result<BTreeMap<PathBuf, Look>> {
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(&self.new)? {
            let entry = entry?;
            let data = match entry.metadata() {
                Ok(data) => data,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue, // somebody else took it
                Err(error) => return Err(error),
            };
            if !data.is_file() || entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let look = (data.len(), data.modified()?);
            if self.stuck.get(&entry.path()) != Some(&look) {
                files.insert(entry.path(), look);
            }
            if files.len() > LIST_MAX {
                files.pop_last();
            }
        }
        Ok(files)
    }

    fn read(&mut self, files: &[(PathBuf, Look)], max: usize) -> (Vec<Fetched>, Vec<(PathBuf, Look)>) {
        let (mut mails, mut paths) = (Vec::new(), Vec::new());
        for (path, look) in files {
            let mut body = Vec::new();
            let read = fs::File::open(path).and_then(|file| file.take(max as u64).read_to_end(&mut body));
            match read {
                // It changed under our eyes: the next looks will see it at rest.
                Ok(count) if (count as u64) < look.0.min(max as u64) => {}
                Ok(_) => {
                    mails.push(Fetched { body, whole: (look.0 > max as u64).then_some(look.0) });
                    paths.push((path.clone(), *look));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    tracing::error!(error = %error, "a mail cannot be read; it stays in the Maildir");
                    self.stuck.insert(path.clone(), *look);
                }
            }
        }
        (mails, paths)
    }

    fn put_away(&mut self, paths: Vec<(PathBuf, Look)>) {
        for (path, look) in paths {
            match fs::create_dir_all(&self.done).and_then(|()| fs::rename(&path, self.free_name(&path))) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    tracing::error!(error = %error, "a mail was taken but cannot be moved; it will be read again");
                    self.stuck.insert(path, look);
                }
            }
        }
    }

    /// The file's name in the other folder; one that is there already keeps its place.
    fn free_name(&self, path: &Path) -> PathBuf {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (unique, flags) = match name.split_once(":2,") {
            Some((unique, flags)) => (unique.to_owned(), format!(":2,{flags}")),
            None => (name.clone(), if self.flags { ":2,".to_owned() } else { String::new() }),
        };
        let first = std::iter::once(format!("{unique}{flags}"));
        let mut names = first.chain((1..).map(|n| format!("{unique}.{n}{flags}"))).map(|n| self.done.join(n));
        names.find(|path| !path.exists()).unwrap_or_else(|| self.done.join(&name))
    }
}

/// How many of these files are one group.
fn group(files: &[(PathBuf, Look)]) -> usize {
    let mut bytes = 0;
    let fits = |(_, look): &&(PathBuf, Look)| {
        bytes += look.0;
        bytes <= GROUP_BYTES_MAX
    };
    files.iter().take(GROUP_MAILS_MAX).take_while(fits).count().max(1)
}

#[cfg(test)]
mod tests;
