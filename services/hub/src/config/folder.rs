//! The data folder's owner: `hub.json` says which hub's it is, so that two hubs never write into one folder by a slip of
//! configuration. Call with the folder locked.

use serde_json::{Value as Json, json};
use std::{fs, io, io::Write as _, path::Path};

/// Number of the folder's format that this release writes.
pub const FORMAT: u64 = 1;
/// File that names the owner.
const FILE: &str = "hub.json";

/// Whose folder it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// `[hub] name`.
    pub name: String,
    /// Format of the folder.
    pub format: u64,
    /// Origin of the log that this node writes.
    pub origin: u32,
}

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It belongs to another hub.
    #[error("this data folder belongs to the hub \"{found}\", not to \"{wanted}\"")]
    OtherHub {
        /// The name in `hub.json`.
        found: String,
        /// The configured name.
        wanted: String,
    },
    /// A later release wrote it.
    #[error("this data folder has format {0}, this release reads up to {FORMAT}")]
    LaterFormat(u64),
    /// `hub.json` is damaged.
    #[error("hub.json cannot be read: {0}")]
    Damaged(&'static str),
    /// The disk said no.
    #[error("data folder: {0}")]
    Io(#[from] io::Error),
}

impl FolderError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::OtherHub { .. } => "other_hub",
            Self::LaterFormat(_) => "later_format",
            Self::Damaged(_) => "folder_damaged",
            Self::Io(_) => "folder_io",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::OtherHub { .. } => {
                "give this hub its own [hub] data_dir, or set [hub] name to the owner's name"
            }
            Self::LaterFormat(_) => "run the release that wrote it, or a later one",
            Self::Damaged(_) => "restore hub.json from a backup; it holds name, format and origin",
            Self::Io(_) => "check that the folder exists, is writable and has room",
        }
    }
}

/// Reads the owner; `None` before the first start.
///
/// # Errors
/// [`FolderError`] if `hub.json` is there and unreadable.
pub fn owner(data_dir: &Path) -> Result<Option<Owner>, FolderError> {
    let text = match fs::read_to_string(data_dir.join(FILE)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let json: Json = serde_json::from_str(&text).map_err(|_| FolderError::Damaged("not JSON"))?;
    let format = json.get("format").and_then(Json::as_u64).ok_or(FolderError::Damaged("no format"))?;
    if format > FORMAT {
        return Err(FolderError::LaterFormat(format));
    }
    let name = json.get("name").and_then(Json::as_str).ok_or(FolderError::Damaged("no name"))?;
    let origin = json.get("origin").and_then(Json::as_u64).and_then(|origin| u32::try_from(origin).ok());
    let origin = origin.ok_or(FolderError::Damaged("no origin"))?;
    Ok(Some(Owner { name: name.to_owned(), format, origin }))
}

/// Checks that the folder is `name`'s, or makes it so at the first start with `origin` for its log. `hub.json` is durable
/// when this returns.
///
/// # Errors
/// [`FolderError`]; the folder is unchanged.
pub fn claim(data_dir: &Path, name: &str, origin: u32) -> Result<Owner, FolderError> {
    if let Some(found) = owner(data_dir)? {
        return if found.name == name {
            Ok(found)
        } else {
            Err(FolderError::OtherHub { found: found.name, wanted: name.to_owned() })
        };
    }
    let owner = Owner { name: name.to_owned(), format: FORMAT, origin };
    let text = json!({"name": owner.name, "format": owner.format, "origin": owner.origin});
    write_durably(data_dir, FILE, format!("{text:#}\n").as_bytes(), 0o644)?;
    Ok(owner)
}

/// Writes `folder/name` so that it is there whole or not at all, also after a power cut.
///
/// # Errors
/// What the disk says.
pub fn write_durably(folder: &Path, name: &str, bytes: &[u8], mode: u32) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let temporary = folder.join(format!("{name}.new"));
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, folder.join(name))?;
    fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::{FolderError, claim, owner};

    #[test]
    fn the_first_hub_owns_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(owner(folder.path()).unwrap(), None);
        let made = claim(folder.path(), "acme", 7).unwrap();
        assert_eq!((made.name.as_str(), made.origin, made.format), ("acme", 7, 1));
        assert_eq!(claim(folder.path(), "acme", 99).unwrap().origin, 7, "the origin never changes");
        let refused = claim(folder.path(), "other", 7).unwrap_err();
        assert_eq!(refused.code(), "other_hub");
        assert_eq!(refused.to_string(), "this data folder belongs to the hub \"acme\", not to \"other\"");
        assert!(refused.remedy().contains("data_dir"));
    }

    #[test]
    fn a_damaged_or_later_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for (text, code) in [
            ("{", "folder_damaged"),
            ("{\"name\":\"a\",\"format\":1}", "folder_damaged"),
            ("{\"name\":\"a\",\"format\":1,\"origin\":4294967296}", "folder_damaged"),
            ("{\"name\":\"a\",\"format\":2,\"origin\":1}", "later_format"),
        ] {
            std::fs::write(folder.path().join("hub.json"), text).unwrap();
            let refused: FolderError = claim(folder.path(), "a", 1).unwrap_err();
            assert_eq!(refused.code(), code, "{text}");
        }
    }
}
