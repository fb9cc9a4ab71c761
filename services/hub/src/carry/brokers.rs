//! What a data folder knows of the brokers that its logs were copied to or from, so that a hub which is served over one of them
//! goes on there instead of sending and reading everything once more.
//!
//! A node keeps its places in `mirrors/`, for one stream. Those of other streams lie in `brokers/`, a folder each.

use super::{coded, disk};
use crate::{
    cli::Failure,
    config::{Config, folder},
    lock::Lock,
    node,
};
use sha2::{Digest as _, Sha256};
use std::{
    fs, io,
    path::{Path, PathBuf},
};
use tributary_eventlog::pipe::Place;

/// Up to where the stream was read.
const PLACE: &str = "place";
/// Up to where the own log was sent.
const SENT: &str = "sent";

/// What is known of one stream.
pub struct Known {
    dir: PathBuf,
    place: PathBuf,
    stream: String,
}

impl Known {
    /// Of the stream that calls itself so.
    ///
    /// # Errors
    /// The disk's.
    pub fn of(data_dir: &Path, stream: &str) -> Result<Self, Failure> {
        let dir = folder_of(data_dir, stream);
        fs::create_dir_all(&dir).map_err(disk)?;
        Ok(Self { place: dir.join(PLACE), dir, stream: stream.to_owned() })
    }

    /// The file of the place up to which the stream was read.
    #[must_use]
    pub fn place_file(&self) -> &Path {
        &self.place
    }

    /// The place up to which the stream was read.
    ///
    /// # Errors
    /// The disk's.
    pub fn place(&self) -> Result<Option<Place>, Failure> {
        Ok(Place::read(&self.place).map_err(disk)?.filter(|place| place.stream == self.stream))
    }

    /// Remembers up to where it was read, and how much of the folder's own log it holds.
    ///
    /// # Errors
    /// The disk's.
    pub fn remember(&self, place: &Place, sent: u64) -> Result<(), Failure> {
        let of_own = Place { stream: self.stream.clone(), sent, ..Place::default() };
        of_own.write(&self.dir.join(SENT)).and_then(|()| place.write(&self.place)).map_err(disk)
    }
}

fn folder_of(data_dir: &Path, stream: &str) -> PathBuf {
    let name = Sha256::digest(stream.as_bytes());
    let name: String = name.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    data_dir.join("brokers").join(name)
}

/// Before a hub is served: where its broker is another one than before, and a copy went there or came from there, the node
/// goes on where that ended. A broker that does not answer is left to the start itself.
///
/// # Errors
/// The disk's.
pub async fn adopt(config: &Config) -> Result<(), Failure> {
    let dir = &config.hub.data_dir;
    let Some(broker) = config.log.broker.as_ref().filter(|_| dir.join("brokers").is_dir()) else {
        return Ok(());
    };
    let Ok(state) = node::pipe(config, &broker.engine)?.state().await else { return Ok(()) };
    let Ok(_lock) = Lock::acquire(dir) else { return Ok(()) };
    if !switch(dir, &state.stream).map_err(disk)? {
        return Ok(());
    }
    tracing::info!(log.engine = broker.engine.name(), "the node goes on where `tributary log copy` ended");
    Ok(())
}

/// Puts what is known of this stream into the place of what is known of another one. Whether anything was to be done.
fn switch(dir: &Path, stream: &str) -> io::Result<bool> {
    let (known, mirrors) = (folder_of(dir, stream), dir.join("mirrors"));
    let current = Place::read(&mirrors.join(PLACE))?;
    if !known.join(PLACE).is_file() || current.as_ref().is_some_and(|place| place.stream == stream) {
        return Ok(false);
    }
    fs::create_dir_all(&mirrors)?;
    if let Some(current) = current {
        // For the day on which the hub goes back to it.
        let aside = folder_of(dir, &current.stream);
        fs::create_dir_all(&aside)?;
        for name in [SENT, PLACE] {
            let place = Place::read(&mirrors.join(name))?.filter(|place| place.stream == current.stream);
            place.map_or(Ok(()), |place| place.write(&aside.join(name)))?;
        }
    }
    // The place last: until it is there, this is done again.
    for name in [SENT, PLACE] {
        let place = Place::read(&known.join(name))?;
        let place = place.unwrap_or_else(|| Place { stream: stream.to_owned(), ..Place::default() });
        place.write(&mirrors.join(name))?;
    }
    Ok(true)
}

/// What a folder with the same own log knows besides its logs: its places at brokers, and the order in which it folded.
///
/// # Errors
/// The disk's.
pub fn take_over(from: &Path, to: &Path) -> Result<(), Failure> {
    for (folder, name) in [("order", "runs"), ("mirrors", SENT), ("mirrors", PLACE)] {
        let into = to.join(folder);
        if into.join(name).exists() {
            continue;
        }
        match fs::read(from.join(folder).join(name)) {
            Ok(bytes) => {
                let made = fs::create_dir_all(&into);
                made.and_then(|()| folder::write_durably(&into, name, &bytes, 0o600)).map_err(disk)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(coded("folder_io", &error, "check that the folder can be read")),
        }
    }
    Ok(())
}
