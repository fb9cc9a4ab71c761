//! The durable cursor of one channel's forwarding: a small file `forward/CHANNEL` in the data folder, `origin sequence`.

use crate::hub::Hub;
use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

/// Where everything has gone on up to.
pub(super) struct Cursor {
    file: PathBuf,
    origin: u32,
    sequence: u64,
    complained: bool,
}

impl Cursor {
    /// The stored cursor; without one, or with one of another log, the log's end: history is not forwarded.
    pub fn open(hub: &Hub, channel: &str) -> Self {
        let file = hub.config.hub.data_dir.join("forward").join(channel);
        let (origin, end) = (hub.log.origin().0, hub.log.end());
        let known = fs::read_to_string(&file).ok().and_then(|text| parse(&text));
        let known = known.filter(|(of, sequence)| *of == origin && *sequence <= end);
        let fresh = known.is_none();
        let mut cursor =
            Self { file, origin, sequence: known.map_or(end, |(_, sequence)| sequence), complained: false };
        if fresh {
            cursor.write();
        }
        cursor
    }

    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Stores a later one.
    pub fn save(&mut self, sequence: u64) {
        if sequence > self.sequence {
            self.sequence = sequence;
            self.write();
        }
    }

    fn write(&mut self) {
        match replace(&self.file, &format!("{} {}\n", self.origin, self.sequence)) {
            Ok(()) => self.complained = false,
            Err(error) if !std::mem::replace(&mut self.complained, true) => {
                tracing::error!(error = %error, "how far a channel was forwarded cannot be stored; a restart may repeat");
            }
            Err(_) => {}
        }
    }
}

fn parse(text: &str) -> Option<(u32, u64)> {
    let (origin, sequence) = text.trim_end().split_once(' ')?;
    Some((origin.parse().ok()?, sequence.parse().ok()?))
}

fn replace(file: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let new = file.with_extension("new");
    let mut written = fs::File::create(&new)?;
    written.write_all(text.as_bytes())?;
    written.sync_data()?;
    fs::rename(new, file)
}

#[cfg(test)]
mod tests {
    use super::{parse, replace};

    #[test]
    fn a_cursor_is_replaced_whole_and_nothing_else_is_read_as_one() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("forward/line-main");
        for text in ["7 12\n", "7 13\n"] {
            replace(&file, text).expect("written");
            assert_eq!(std::fs::read_to_string(&file).expect("read"), text);
        }
        assert_eq!(parse("7 13\n"), Some((7, 13)));
        for torn in ["", "7", "7 ", "7 x\n", "-1 3"] {
            assert_eq!(parse(torn), None, "{torn}");
        }
    }
}
