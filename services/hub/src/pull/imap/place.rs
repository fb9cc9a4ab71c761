//! How far a mailbox was taken: a small file in the data folder, written when the mails are durable.

use crate::config::folder::write_durably;
use serde_json::{Value, json};
use std::{
    fs, io,
    path::{Path, PathBuf},
};
use tributary_channels::{digest::hex32, pull::Imap};

/// Number of the file's format.
const FORMAT: u64 = 1;

/// A place in a mailbox, and in the log that holds what is before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// UIDVALIDITY of the mailbox; 0 = nothing was taken.
    pub validity: u32,
    /// UID of the last mail taken.
    pub uid: u32,
}

/// The file of one channel.
#[derive(Clone, Debug)]
pub struct Keeper {
    folder: PathBuf,
    name: String,
    /// Which mailbox; another one begins anew.
    source: String,
}

impl Keeper {
    /// The keeper of a channel's place in this mailbox.
    #[must_use]
    pub fn new(folder: &Path, channel: &str, imap: &Imap) -> Self {
        let source = format!("{}\n{}\n{}\n{}", imap.host, imap.port, imap.user, imap.folder);
        Self {
            folder: folder.to_owned(),
            name: format!("{channel}.imap.json"),
            source: hex32(source.as_bytes()),
        }
    }

    /// The place; the beginning for another mailbox, or where the log does not hold what was taken.
    ///
    /// # Errors
    /// What the disk says. A damaged file is no error: everything is read again.
    pub fn read(&self, (origin, end): (u32, u64)) -> io::Result<Place> {
        let bytes = match fs::read(self.folder.join(&self.name)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Place::default()),
            Err(error) => return Err(error),
        };
        let file: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let number = |name: &str| file.get(name).and_then(Value::as_u64);
        let small = |name: &str| number(name).and_then(|n| u32::try_from(n).ok());
        let mine = number("format") == Some(FORMAT)
            && file.get("source").and_then(Value::as_str) == Some(&self.source);
        // A log that was put back from a backup does not hold the newest mails: they are read again.
        let held = small("origin") == Some(origin) && number("log_end").is_some_and(|there| there <= end);
        let place = small("uidvalidity").zip(small("uid")).filter(|_| mine && held);
        Ok(place.map_or_else(Place::default, |(validity, uid)| Place { validity, uid }))
    }

    /// Keeps the place; durable when this returns.
    ///
    /// # Errors
    /// What the disk says; the place before stays.
    pub fn write(&self, place: Place, (origin, end): (u32, u64)) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let file = json!({"format": FORMAT, "source": self.source, "uidvalidity": place.validity, "uid": place.uid,
            "origin": origin, "log_end": end});
        write_durably(&self.folder, &self.name, format!("{file}\n").as_bytes(), 0o644)
    }
}

#[cfg(test)]
mod tests {
    use super::{Keeper, Place};
    use tributary_channels::pull::Imap;

    fn imap(folder: &str) -> Imap {
        Imap {
            host: "imap.example".into(),
            port: 993,
            tls: true,
            ca: None,
            user: "u".into(),
            password: Default::default(),
            folder: folder.into(),
            seen: false,
            move_to: None,
        }
    }

    #[test]
    fn a_place_is_believed_where_the_log_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("pull");
        let keeper = Keeper::new(&below, "mail", &imap("INBOX"));
        let (none, place) = (Place::default(), Place { validity: 7, uid: 42 });
        assert_eq!(keeper.read((1, 10)).unwrap(), none);
        keeper.write(place, (1, 10)).unwrap();
        let other = Keeper::new(&below, "mail", &imap("Other"));
        for (keeper, at, want) in [
            (&keeper, (1, 10), place),
            (&keeper, (1, 99), place),
            (&keeper, (1, 9), none),
            (&keeper, (2, 10), none),
            (&other, (1, 10), none),
        ] {
            assert_eq!(keeper.read(at).unwrap(), want, "{at:?}");
        }
        for damage in ["", "{}", "[1]", "{\"format\":2,\"uidvalidity\":7,\"uid\":42}"] {
            std::fs::write(below.join("mail.imap.json"), damage).unwrap();
            assert_eq!(keeper.read((1, 10)).unwrap(), none, "{damage}");
        }
    }
}
