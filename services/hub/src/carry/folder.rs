//! A data folder that no hub serves: the logs in it, opened as copies, so that nothing is appended to them.

use super::{coded, compare::Logs, disk, failed, random_u32, salts};
use crate::{
    cli::Failure,
    config::folder::{self, Owner, write_durably},
    keys,
    lock::Lock,
    node,
};
use std::{
    fs, io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};
use tributary_core::token::IndexKey;
use tributary_eventlog::{
    CopyError, EventLog, Options, Origin, RealDisk, Record, SegmentLog, pipe::MirrorError,
};

/// The file that says that a copy into this folder was begun and not ended.
const UNFINISHED: &str = "copying";
/// What may be in a folder before its first start.
const BEFORE_FIRST: [&str; 3] = ["LOCK", "keys", UNFINISHED];

/// The logs of a data folder.
pub struct DataFolder {
    /// Where it is.
    pub dir: PathBuf,
    /// Whose it is, and the origin of its own log.
    pub owner: Owner,
    /// Its own log and its copies of others, those that hold anything.
    pub logs: Logs,
    /// It held nothing before.
    is_new: bool,
    _lock: Lock,
}

/// A folder as people name it is none, for this reason.
fn wrong(dir: &Path, why: &str, remedy: &str) -> Failure {
    Failure::usage(format!("{} {why}", dir.display())).remedy(remedy)
}

fn locked(dir: &Path) -> Result<Lock, Failure> {
    Lock::acquire(dir).map_err(|e| coded(e.code(), &e, e.remedy()))
}

fn owner(dir: &Path) -> Result<Option<Owner>, Failure> {
    folder::owner(dir).map_err(|e| coded(e.code(), &e, e.remedy()))
}

fn refuse_segments(dir: &Path) -> Result<(), Failure> {
    if SegmentLog::exists(&RealDisk, dir).map_err(disk)? {
        return Err(wrong(dir, "is the folder of one log", "name the data folder that it is in"));
    }
    Ok(())
}

/// A copy that was begun and not ended may lack the newest records of its own log: nothing may be appended to it.
///
/// # Errors
/// `log_copy_unfinished`.
pub fn refuse_unfinished(dir: &Path) -> Result<(), Failure> {
    match fs::read_to_string(dir.join(UNFINISHED)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        text => {
            let from =
                text.ok().and_then(|text| Some(text.lines().nth(1)?.strip_prefix("from ")?.to_owned()));
            let from = from.unwrap_or_else(|| "somewhere".to_owned());
            let detail = format!("a copy from {from} into this folder was begun and has not ended");
            let remedy = "call `tributary log copy` again as before, it goes on; or move this folder aside and begin anew";
            Err(coded("log_copy_unfinished", &detail, remedy))
        }
    }
}

impl DataFolder {
    /// Opens a folder that is to be copied from.
    ///
    /// # Errors
    /// It is none, somebody serves it, or a log in it is not whole.
    pub fn source(dir: &Path) -> Result<Self, Failure> {
        if !dir.is_dir() {
            let remedy = "name a data folder, or a configuration file (.toml) whose [log] engine is a broker";
            return Err(wrong(dir, "is no folder", remedy));
        }
        refuse_segments(dir)?;
        let Some(owner) = owner(dir)? else {
            return Err(wrong(
                dir,
                "is no data folder: it has no hub.json",
                "name the folder of [hub] data_dir",
            ));
        };
        let lock = locked(dir)?;
        refuse_unfinished(dir)?;
        let mut this = Self { dir: dir.to_owned(), owner, logs: Logs::new(), is_new: false, _lock: lock };
        this.open_all()?;
        if this.logs.is_empty() {
            return Err(coded("log_missing", &format!("{} holds no log", dir.display()), "check the folder"));
        }
        Ok(this)
    }

    /// Opens a folder that is to be copied into, or begins a new one, for the hub of this name. With `own` that origin is, or
    /// becomes, its own log.
    ///
    /// # Errors
    /// It is another hub's, has another log of its own, holds other things, or somebody serves it.
    pub fn target(dir: &Path, name: &str, own: Option<Origin>) -> Result<Self, Failure> {
        if dir.exists() && !dir.is_dir() {
            return Err(wrong(dir, "is no folder", "name a data folder, or one that is not there yet"));
        }
        let known = if dir.is_dir() { owner(dir)? } else { None };
        if dir.is_dir() {
            refuse_segments(dir)?;
            let names: Result<Vec<_>, io::Error> =
                fs::read_dir(dir).map_err(disk)?.map(|entry| entry.map(|e| e.file_name())).collect();
            let stranger =
                names.map_err(disk)?.into_iter().find(|name| !BEFORE_FIRST.iter().any(|known| name == known));
            if let (None, Some(stranger)) = (&known, stranger) {
                let why =
                    format!("is no data folder, and not empty: it holds {}", stranger.to_string_lossy());
                return Err(wrong(dir, &why, "name a data folder, or one that is not there yet"));
            }
        }
        let origin = own.map_or_else(random_u32, |origin| origin.0);
        if let Some(known) = &known {
            if known.name != name {
                let problem =
                    folder::FolderError::OtherHub { found: known.name.clone(), wanted: name.to_owned() };
                return Err(coded(
                    problem.code(),
                    &problem,
                    "name a folder, and a configuration, of one hub",
                ));
            }
            if own.is_some_and(|own| own.0 != known.origin) {
                let (found, wanted) = (Origin(known.origin), Origin(origin));
                let detail = format!("the folder's own log is {found}, not {wanted}");
                return Err(coded(
                    "log_wrong_origin",
                    &detail,
                    "name another folder for --to, or leave --as out",
                ));
            }
        }
        let is_new = known.is_none();
        let owner = known.unwrap_or_else(|| Owner { name: name.to_owned(), format: folder::FORMAT, origin });
        let lock = locked(dir)?;
        let mut this = Self { dir: dir.to_owned(), owner, logs: Logs::new(), is_new, _lock: lock };
        if dir.join("mirrors").join(this.own().to_string()).is_dir() {
            let detail = format!("the folder keeps {} as another node's log", this.own());
            return Err(coded("log_is_a_copy", &detail, "name an empty folder for --to"));
        }
        this.open_all()?;
        Ok(this)
    }

    /// The origin of its own log.
    #[must_use]
    pub fn own(&self) -> Origin {
        Origin(self.owner.origin)
    }

    /// Says durably whose folder it is, and of a new one that a copy from there is under way. Before the first record comes.
    ///
    /// # Errors
    /// The disk's.
    pub fn begin(&self, from: &str) -> Result<(), Failure> {
        if self.is_new {
            self.mark(from)?;
        }
        folder::claim(&self.dir, &self.owner.name, self.owner.origin)
            .map(|_| ())
            .map_err(|e| coded(e.code(), &e, e.remedy()))
    }

    /// Copies records into one of its logs; how many were new. While its own log grows it must not be served: a part of it
    /// would be written on as another history. What is there already is compared before.
    ///
    /// # Errors
    /// The log's and the disk's.
    pub async fn take(&mut self, origin: Origin, from: &str, records: Vec<Record>) -> Result<u64, Failure> {
        let log = tokio::task::block_in_place(|| self.log(origin))?;
        let end = log.end();
        let (old, new): (Vec<_>, Vec<_>) = records.into_iter().partition(|r| r.position.sequence <= end);
        log.copy(old).await.map_err(refused)?;
        if origin == self.own() && !new.is_empty() && !self.is_unfinished() {
            self.mark(from)?;
        }
        Ok(log.copy(new).await.map_err(refused)? as u64)
    }

    fn mark(&self, from: &str) -> Result<(), Failure> {
        let text = format!("tributary log copy 1\nfrom {from}\n");
        write_durably(&self.dir, UNFINISHED, text.as_bytes(), 0o644).map_err(disk)
    }

    /// Whether a copy was begun and has not ended.
    #[must_use]
    pub fn is_unfinished(&self) -> bool {
        self.dir.join(UNFINISHED).exists()
    }

    /// Says that the copy has ended.
    ///
    /// # Errors
    /// The disk's.
    pub fn end(&self) -> Result<(), Failure> {
        if !self.is_unfinished() {
            return Ok(());
        }
        let removed = fs::remove_file(self.dir.join(UNFINISHED));
        removed.and_then(|()| fs::File::open(&self.dir)?.sync_all()).map_err(disk)
    }

    /// The log of this origin, which is made where there is none.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn log(&mut self, origin: Origin) -> Result<Arc<SegmentLog>, Failure> {
        if let Some(log) = self.logs.get(&origin) {
            return Ok(Arc::clone(log));
        }
        let log = Arc::new(open(&self.folder_of(origin), origin)?);
        self.logs.insert(origin, Arc::clone(&log));
        Ok(log)
    }

    /// Where the log of this origin is kept.
    #[must_use]
    pub fn folder_of(&self, origin: Origin) -> PathBuf {
        if origin == self.own() {
            self.dir.join("log")
        } else {
            self.dir.join("mirrors").join(origin.to_string())
        }
    }

    fn open_all(&mut self) -> Result<(), Failure> {
        let mut found = Vec::new();
        for (dir, own) in logs_in(&self.dir).map_err(disk)? {
            found.push((own.unwrap_or_else(|| self.own()), dir));
        }
        for (origin, dir) in found {
            let log = Arc::new(open(&dir, origin)?);
            if log.end() > 0 {
                self.logs.insert(origin, log);
            }
        }
        Ok(())
    }

    /// The key of this folder, where it has one.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn key(&self) -> Result<Option<IndexKey>, Failure> {
        match keys::index_key(&self.dir, false) {
            Ok(key) => Ok(Some(key)),
            Err(keys::KeyError::Missing { .. }) => Ok(None),
            Err(e) => Err(coded(e.code(), &e, e.remedy())),
        }
    }

    /// Puts the key in this file into the folder, where it has none.
    ///
    /// # Errors
    /// The file cannot be read, or the folder has another key.
    pub fn take_key(&self, file: &Path) -> Result<(), Failure> {
        let bytes = fs::read(file)
            .map_err(|e| wrong(file, &format!("cannot be read: {e}"), "name the file of the key"))?;
        let keys = self.dir.join("keys");
        if keys.join("index.key").exists() {
            let aside = tempfile::tempdir().map_err(disk)?;
            put_key(&aside.path().join("keys"), &bytes)?;
            let given = keys::index_key(aside.path(), false).map_err(|e| coded(e.code(), &e, e.remedy()))?;
            let same = self.key()?.is_some_and(|key| probe(&key) == probe(&given));
            let detail = "the folder has another index key than the logs that are to be copied into it";
            return if same {
                Ok(())
            } else {
                Err(coded("index_key_differs", &detail, "name another folder for --to"))
            };
        }
        put_key(&keys, &bytes)?;
        self.key().map(|_| ())
    }

    /// The first log that was written with another key than the folder's; none without a key.
    ///
    /// # Errors
    /// `index_key_differs`.
    pub fn check_key(&self) -> Result<bool, Failure> {
        let Some(key) = self.key()? else { return Ok(false) };
        match self.logs.values().find_map(|log| node::differs(&**log, &key)) {
            Some(trouble) => Err(coded(trouble.code, &trouble.detail, trouble.remedy)),
            None => Ok(true),
        }
    }
}

fn refused(error: CopyError) -> Failure {
    let error = MirrorError::from(error);
    coded(error.code(), &error, error.remedy())
}

fn put_key(keys: &Path, bytes: &[u8]) -> Result<(), Failure> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(keys).map_err(disk)?;
    write_durably(keys, "index.key", bytes, 0o600).map_err(disk)
}

fn probe(key: &IndexKey) -> [u8; 16] {
    key.token("tributary", "index key", "1").0
}

fn open(dir: &Path, origin: Origin) -> Result<SegmentLog, Failure> {
    let options = Options::copy_of(dir, origin, salts());
    SegmentLog::open(options).map_err(|e| failed_at(dir, e.code(), &e, e.remedy()))
}

fn failed_at(dir: &Path, code: &str, error: &dyn std::fmt::Display, remedy: &str) -> Failure {
    failed(code, &format!("{}: {error}", dir.display())).remedy(remedy)
}

/// The folders of the logs in a data folder: its own, and with their origins those of others.
///
/// # Errors
/// The disk's.
pub fn logs_in(dir: &Path) -> io::Result<Vec<(PathBuf, Option<Origin>)>> {
    let mut found = Vec::new();
    let own = dir.join("log");
    if SegmentLog::exists(&RealDisk, &own)? {
        found.push((own, None));
    }
    let mirrors = match fs::read_dir(dir.join("mirrors")) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(error),
    };
    for entry in mirrors {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let origin = name.and_then(origin_of);
        if let Some(origin) = origin.filter(|_| path.is_dir()) {
            found.push((path, Some(origin)));
        }
    }
    found.sort();
    Ok(found)
}

/// An origin as it is written everywhere: eight hex digits.
#[must_use]
pub fn origin_of(text: &str) -> Option<Origin> {
    let origin = Origin(u32::from_str_radix(text, 16).ok()?);
    (origin.to_string() == text).then_some(origin)
}
