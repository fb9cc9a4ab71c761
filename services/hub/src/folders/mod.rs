//! Watched folders: a file that has stopped growing is decoded and appended like an upload, then moved to `done`.
//! Reading a file twice is harmless: the same rows are the same events. How far each file is taken is remembered, so that
//! a restart neither begins a large file anew nor reads files that stay.

pub mod append;
pub mod files;
pub mod portions;
pub mod progress;

use crate::{hub::Hub, problem::Problem};
use append::{Named, append};
use bytes::Bytes;
use files::{Half, Look};
use portions::{Input, Stream};
use progress::Progress;
use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};
use tokio::{sync::watch::Receiver, task::JoinHandle};
use tributary_channels::settings::{Channel, Watch};

/// How often folders are looked at. A file must look the same twice in a row: tills write for a while.
const INTERVAL: Duration = Duration::from_secs(2);

/// Looks after which heads without their details are told: ten minutes.
const WAITING_LOOKS: u32 = 300;

/// One task a watched folder.
pub fn watch(hub: &Arc<Hub>, stopped: &Receiver<bool>) -> Vec<JoinHandle<()>> {
    let watched = hub.config.channels.iter().filter_map(|c| Some((c.context.name.clone(), c.watch.clone()?)));
    watched.map(|(name, watch)| tokio::spawn(follow(Arc::clone(hub), name, watch, stopped.clone()))).collect()
}

async fn follow(hub: Arc<Hub>, name: String, watch: Watch, mut stopped: Receiver<bool>) {
    let mut tick = tokio::time::interval(INTERVAL);
    let mut folder = Folder::new(hub, name, watch);
    loop {
        tokio::select! {
            _ = stopped.wait_for(|s| *s) => return,
            _ = tick.tick() => {}
        }
        folder.look(&stopped).await;
    }
}

/// One watched folder.
struct Folder {
    hub: Arc<Hub>,
    name: String,
    watch: Watch,
    progress: Progress,
    seen: HashMap<PathBuf, Look>,
    /// Files that cannot be taken as they are.
    refused: HashMap<PathBuf, Look>,
    /// Heads whose details are not there, with how many looks they have been waiting.
    waiting: HashMap<PathBuf, u32>,
    complained: bool,
}

impl Folder {
    fn new(hub: Arc<Hub>, name: String, watch: Watch) -> Self {
        let progress = Progress::open(&hub.config.hub.data_dir, &name);
        let (seen, refused, waiting) = (HashMap::new(), HashMap::new(), HashMap::new());
        Self { hub, name, watch, progress, seen, refused, waiting, complained: false }
    }

    /// Takes what has come and is still.
    async fn look(&mut self, stopped: &Receiver<bool>) {
        let files = match list(Path::new(&self.watch.folder)) {
            Ok(files) => files,
            Err(error) => {
                if !std::mem::replace(&mut self.complained, true) {
                    tracing::error!(channel.name = %self.name, error = %error, "the watched folder cannot be read");
                }
                return;
            }
        };
        self.complained = false;
        let mut names: Vec<&PathBuf> = files.keys().collect();
        // Tills number their files: the order of names is the order of days, and kinder to the views than chance.
        names.sort_unstable();
        for path in names {
            if *stopped.borrow() {
                return;
            }
            if let Some(look) = self.steady(&files, path) {
                self.take(path, look).await;
            }
        }
        self.refused.retain(|path, _| files.contains_key(path));
        self.miss_details(&files);
        let is_there = |file: &str| !file.starts_with('/') || files.contains_key(Path::new(file));
        if let Err(error) = self.progress.keep(is_there) {
            tracing::warn!(channel.name = %self.name, error = %error, "the progress of files cannot be written");
        }
        self.seen = files;
    }

    /// Tells once of heads that have been waiting for their details for long.
    fn miss_details(&mut self, files: &HashMap<PathBuf, Look>) {
        let Some(pair) = self.hub.channel(&self.name).and_then(|c| c.pair.clone()) else { return };
        self.waiting.retain(|path, _| files.contains_key(path));
        for path in files.keys() {
            match files::half(path, Some(&pair)) {
                Half::Heads(details) if !files.contains_key(&details) => {
                    let looks = self.waiting.entry(path.clone()).or_default();
                    *looks = looks.saturating_add(1);
                    if *looks == WAITING_LOOKS {
                        tracing::warn!(channel.name = %self.name, "a file of heads waits for its details");
                    }
                }
                _ => drop(self.waiting.remove(path)),
            }
        }
    }

    /// How a file looks that is to be taken now; with two halves both must be there and still.
    fn steady(&self, files: &HashMap<PathBuf, Look>, path: &PathBuf) -> Option<Look> {
        let still = |path: &PathBuf| {
            let look = files.get(path).filter(|look| look.0 > 0)?;
            (self.seen.get(path) == Some(look)).then_some(*look)
        };
        let look = still(path)?;
        let channel = self.hub.channel(&self.name)?;
        let look = match files::half(path, channel.pair.as_ref()) {
            Half::Whole => look,
            Half::Details => return None,
            Half::Heads(details) => {
                let other = still(&details)?;
                (look.0 + other.0, look.1.max(other.1))
            }
        };
        let known = self.progress.is_complete(&key(path), &text(look), &channel.fingerprint);
        (!known && self.refused.get(path) != Some(&look)).then_some(look)
    }

    async fn take(&mut self, path: &Path, look: Look) {
        let hub = Arc::clone(&self.hub);
        let (name, Some(channel)) = (self.name.clone(), hub.channel(&self.name)) else { return };
        let (input, stream) = match opened(&hub, channel, path).await {
            Ok(opened) => opened,
            Err(problem) => {
                tracing::error!(channel.name = %name, error = %problem, "a file cannot be taken; it stays");
                self.refused.insert(path.to_owned(), look);
                return;
            }
        };
        let named = Named { file: &key(path), look: &text(look), settings: &channel.fingerprint };
        let count = match append(&hub, &input, &named, stream, &mut self.progress, |_| {}).await {
            Ok(outcome) => outcome.records,
            Err(problem) => {
                tracing::warn!(channel.name = %name, code = problem.code, "a file waits for the log");
                return;
            }
        };
        tracing::info!(channel.name = %name, events = count, "a file was taken");
        let Some(done) = &self.watch.done else { return };
        let details = match files::half(path, channel.pair.as_ref()) {
            Half::Heads(details) => Some(details),
            _ => None,
        };
        // Details first: heads that are left alone would wait for them for ever.
        for file in details.iter().map(PathBuf::as_path).chain([path]) {
            if let Err(error) = put_away(file, Path::new(done)) {
                tracing::error!(channel.name = %name, error = %error, "a file was taken but cannot be moved");
            }
        }
    }
}

fn key(path: &Path) -> String {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    whole.to_string_lossy().into_owned()
}

fn text(look: Look) -> String {
    format!("{}/{}", look.0, look.1.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos())
}

/// Regular files but hidden ones, with how they look.
fn list(folder: &Path) -> io::Result<HashMap<PathBuf, Look>> {
    let mut files = HashMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let data = entry.metadata()?;
        if data.is_file() && !entry.file_name().as_encoded_bytes().starts_with(b".") {
            files.insert(entry.path(), (data.len(), data.modified()?));
        }
    }
    Ok(files)
}

/// Reads a file and begins to decode it.
async fn opened(hub: &Arc<Hub>, channel: &Channel, path: &Path) -> Result<(Arc<Input>, Stream), String> {
    let max = channel.registration.body_max;
    let given = tokio::task::block_in_place(|| files::read(path, channel.pair.as_ref(), max));
    let given = given.map_err(|e| e.to_string())?;
    let (body, received_at) = (Bytes::from(given.body), hub.now());
    let input = Input { channel: channel.context.name.clone(), headers: given.headers, body, received_at };
    let input = Arc::new(input);
    let stream = portions::open(hub, &input).await.map_err(|problem: Problem| problem.detail)?;
    Ok((input, stream))
}

/// Moves a file; one of the same name that is there already keeps its place, and this one gets a number.
fn put_away(path: &Path, done: &Path) -> io::Result<()> {
    fs::create_dir_all(done)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let numbered = (1..).map(|n| format!("{name}.{n}"));
    let free = std::iter::once(name.clone()).chain(numbered).map(|n| done.join(n)).find(|p| !p.exists());
    fs::rename(path, free.unwrap_or_else(|| done.join(name)))
}
