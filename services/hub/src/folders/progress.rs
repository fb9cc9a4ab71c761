//! How far the files of a channel have been taken, kept in the data folder, so that a hub that was stopped goes on where it
//! was. It is never the truth: what was appended twice is recognised by its id, and without this file all files are read
//! again.

use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

/// Files remembered; of more, those with the first names are forgotten and would be read again.
const FILES_MAX: usize = 10_000;

/// One file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// Size and time of change, or a digest: another text is another file.
    pub look: String,
    /// The channel's settings.
    pub settings: String,
    /// Events appended.
    pub appended: usize,
    /// The last of them.
    pub last: String,
    /// All of them were.
    pub complete: bool,
}

/// The files of one channel.
#[derive(Debug)]
pub struct Progress {
    path: PathBuf,
    files: BTreeMap<String, Taken>,
}

impl Progress {
    /// The progress of this channel in this data folder; empty where none can be read.
    #[must_use]
    pub fn open(data_dir: &Path, channel: &str) -> Self {
        let path = data_dir.join("files").join(format!("{channel}.json"));
        let files =
            fs::read(&path).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
        Self { path, files }
    }

    /// Whether this file was taken whole, under these settings.
    #[must_use]
    pub fn is_complete(&self, file: &str, look: &str, settings: &str) -> bool {
        self.files.get(file).is_some_and(|f| f.complete && f.look == look && f.settings == settings)
    }

    /// How many of its events were appended, and the id of the last of them. If that event is another now, none count.
    #[must_use]
    pub fn appended(&self, file: &str, look: &str, settings: &str) -> (usize, String) {
        let known = self.files.get(file).filter(|f| f.look == look && f.settings == settings);
        known.map(|known| (known.appended, known.last.clone())).unwrap_or_default()
    }

    /// Notes how far a file is.
    ///
    /// # Errors
    /// The disk's.
    pub fn note(&mut self, file: &str, taken: Taken) -> io::Result<()> {
        self.files.insert(file.to_owned(), taken);
        while self.files.len() > FILES_MAX {
            self.files.pop_first();
        }
        self.save()
    }

    /// Forgets files that are gone.
    ///
    /// # Errors
    /// The disk's.
    pub fn keep(&mut self, is_there: impl Fn(&str) -> bool) -> io::Result<()> {
        let before = self.files.len();
        self.files.retain(|file, _| is_there(file));
        if self.files.len() == before { Ok(()) } else { self.save() }
    }

    fn save(&self) -> io::Result<()> {
        let text = serde_json::to_vec(&self.files).map_err(io::Error::other)?;
        write_whole(&self.path, &text)
    }
}

/// Writes a file so that after a crash either the old or the new text is there.
///
/// # Errors
/// The disk's.
pub fn write_whole(path: &Path, text: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let part = path.with_extension("part");
    let mut file = fs::File::create(&part)?;
    file.write_all(text)?;
    file.sync_data()?;
    fs::rename(&part, path)
}
