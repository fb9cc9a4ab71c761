//! Watched folders: a file that has stopped growing is decoded and appended like an upload, then moved to `done`.
//! Reading a file twice is harmless: the same rows are the same events.

use crate::{hub::Hub, ingress::decode_verified};
use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{sync::watch::Receiver, task::JoinHandle};
use tributary_channels::{
    adapter::{InboundRequest, Method},
    settings::{Channel, Watch},
};
use tributary_core::event::Event;

/// How often folders are looked at. A file must look the same twice in a row: tills write for a while.
const INTERVAL: Duration = Duration::from_secs(2);

/// Events appended at once, so that a large file does not hold the log's queue.
const CHUNK: usize = 1_000;

/// How a file looked: size and time of its last change.
type Look = (u64, SystemTime);

/// One task a watched folder.
pub fn watch(hub: &Arc<Hub>, stopped: &Receiver<bool>) -> Vec<JoinHandle<()>> {
    let watched = hub.config.channels.iter().filter_map(|c| Some((c.context.name.clone(), c.watch.clone()?)));
    watched.map(|(name, watch)| tokio::spawn(follow(Arc::clone(hub), name, watch, stopped.clone()))).collect()
}

async fn follow(hub: Arc<Hub>, name: String, watch: Watch, mut stopped: Receiver<bool>) {
    let mut tick = tokio::time::interval(INTERVAL);
    let mut seen: HashMap<PathBuf, Look> = HashMap::new();
    let mut taken: HashMap<PathBuf, Look> = HashMap::new();
    let mut complained = false;
    loop {
        tokio::select! {
            _ = stopped.wait_for(|s| *s) => return,
            _ = tick.tick() => {}
        }
        let files = match list(Path::new(&watch.folder)) {
            Ok(files) => files,
            Err(error) => {
                if !std::mem::replace(&mut complained, true) {
                    tracing::error!(channel.name = %name, error = %error, "the watched folder cannot be read");
                }
                continue;
            }
        };
        complained = false;
        for (path, look) in &files {
            let steady = seen.get(path) == Some(look);
            if !steady || taken.get(path) == Some(look) || look.0 == 0 {
                continue;
            }
            if take(&hub, &name, &watch, path, *look).await {
                taken.insert(path.clone(), *look);
            }
        }
        taken.retain(|path, _| files.contains_key(path));
        seen = files;
    }
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

/// Takes one file; `false`: try again later.
async fn take(hub: &Arc<Hub>, name: &str, watch: &Watch, path: &Path, look: Look) -> bool {
    let Some(channel) = hub.channel(name) else { return true };
    if look.0 > channel.registration.body_max as u64 {
        tracing::error!(channel.name = %name, file.bytes = look.0, "a file is larger than the channel takes; it stays");
        return true;
    }
    let events = match tokio::task::block_in_place(|| decode(hub, channel, path, look)) {
        Ok(events) => events,
        Err(problem) => {
            tracing::error!(channel.name = %name, error = %problem, "a file cannot be taken; it stays");
            return true;
        }
    };
    let count = events.len();
    let mut rest = events;
    while !rest.is_empty() {
        let later = rest.split_off(rest.len().min(CHUNK));
        if let Err(problem) = hub.store(name, std::mem::replace(&mut rest, later)).await {
            tracing::warn!(channel.name = %name, code = problem.code, "a file waits for the log");
            return false;
        }
    }
    tracing::info!(channel.name = %name, events = count, "a file was taken");
    if let Some(done) = &watch.done
        && let Err(error) = put_away(path, Path::new(done))
    {
        tracing::error!(channel.name = %name, error = %error, "a file was taken but cannot be moved");
    }
    true
}

fn decode(hub: &Hub, channel: &Channel, path: &Path, look: Look) -> Result<Vec<Event>, String> {
    let body = fs::read(path).map_err(|e| e.to_string())?;
    let changed = look.1.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    // The time of the last change is the rows' version: a corrected file that is put in again supersedes.
    let headers = [("x-file-time".to_owned(), changed.to_string())];
    let request = InboundRequest {
        method: Method::Post,
        query: "",
        headers: &headers,
        body: &body,
        received_at: hub.now(),
        public_url: None,
    };
    decode_verified(hub, channel, &request).map(|(events, _)| events).map_err(|p| p.detail)
}

/// Moves a file; one of the same name that is there already keeps its place, and this one gets a number.
fn put_away(path: &Path, done: &Path) -> io::Result<()> {
    fs::create_dir_all(done)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let numbered = (1..).map(|n| format!("{name}.{n}"));
    let free = std::iter::once(name.clone()).chain(numbered).map(|n| done.join(n)).find(|p| !p.exists());
    fs::rename(path, free.unwrap_or_else(|| done.join(name)))
}
