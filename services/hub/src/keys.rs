//! The index key: 32 random bytes that make identifiers into tokens. Made once, at the first start; without it no customer of
//! this hub can be found again, and whoever has it can test guesses against the log.

use crate::config::folder::write_durably;
use std::{fs, io, os::unix::fs::PermissionsExt as _, path::Path};
use tributary_core::token::IndexKey;

/// Folder of the keys inside the data folder.
const FOLDER: &str = "keys";
/// File of the index key.
const FILE: &str = "index.key";
/// Permission bits of group and others; a key has none of them.
const OTHERS: u32 = 0o077;
/// First lines of the file.
const HEADER: &str = "# Tributary index key: BACK THIS UP, apart from the data folder's backups.\n\
                      # Without it no customer of this hub can be found by phone, e-mail or any other identifier.\n";

/// Why there is no index key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The hub has run before and its key is gone.
    #[error("the index key {path} is missing, and this is not the hub's first start")]
    Missing {
        /// Where it should be.
        path: String,
    },
    /// Others can read it.
    #[error("{path} has mode {mode:04o}: others than its owner can use it")]
    Open {
        /// File or folder.
        path: String,
        /// Its mode.
        mode: u32,
    },
    /// It is no key.
    #[error("{path} does not hold 64 hex digits")]
    Malformed {
        /// The file.
        path: String,
    },
    /// The disk said no, or there is no randomness.
    #[error("{path}: {error}")]
    Io {
        /// The file.
        path: String,
        /// What it said.
        error: io::Error,
    },
}

impl KeyError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "index_key_missing",
            Self::Open { .. } => "index_key_open_to_others",
            Self::Malformed { .. } => "index_key_malformed",
            Self::Io { .. } => "index_key_io",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Missing { path } => format!("restore {path} from its backup; a new key would find nobody"),
            Self::Open { path, .. } => format!("chmod go= {path}"),
            Self::Malformed { path } => format!("restore {path} from its backup"),
            Self::Io { path, .. } => format!("check that {path} can be read and written by this user"),
        }
    }
}

/// The index key of a data folder. `first_start` allows making it; it is durable when this returns.
///
/// # Errors
/// [`KeyError`]; nothing is replaced.
pub fn index_key(data_dir: &Path, first_start: bool) -> Result<IndexKey, KeyError> {
    let folder = data_dir.join(FOLDER);
    let file = folder.join(FILE);
    let io = |error| KeyError::Io { path: shown(&file), error };
    if first_start && !file.try_exists().map_err(io)? {
        make(data_dir, &folder).map_err(io)?;
    }
    for path in [&folder, &file] {
        let mode = match fs::metadata(path) {
            Ok(found) => found.permissions().mode() & 0o777,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(KeyError::Missing { path: shown(&file) });
            }
            Err(error) => return Err(io(error)),
        };
        if mode & OTHERS != 0 {
            return Err(KeyError::Open { path: shown(path), mode });
        }
    }
    let text = fs::read_to_string(&file).map_err(io)?;
    let secret = parse(&text).ok_or_else(|| KeyError::Malformed { path: shown(&file) })?;
    Ok(IndexKey::new(&secret))
}

fn make(data_dir: &Path, folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| io::Error::other(error.to_string()))?;
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    write_durably(folder, FILE, format!("{HEADER}{hex}\n").as_bytes(), 0o600)?;
    fs::File::open(data_dir)?.sync_all()
}

fn parse(text: &str) -> Option<[u8; 32]> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let digest = crate::tokens::digest_from_hex(lines.next()?)?;
    lines.next().is_none().then_some(digest)
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::index_key;
    use std::{fs, os::unix::fs::PermissionsExt as _};

    fn token(key: &tributary_core::token::IndexKey) -> String {
        key.token("phone", "", "+886912111222").to_hex()
    }

    #[test]
    fn the_key_is_made_once_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let made = index_key(folder.path(), true).unwrap();
        let again = index_key(folder.path(), false).unwrap();
        assert_eq!(token(&made), token(&again));
        assert_eq!(token(&made), token(&index_key(folder.path(), true).unwrap()), "never replaced");
        let file = folder.path().join("keys/index.key");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(file.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
        assert!(fs::read_to_string(&file).unwrap().contains("BACK THIS UP"));
        let other = tempfile::tempdir().unwrap();
        assert_ne!(token(&made), token(&index_key(other.path(), true).unwrap()), "random");
    }

    #[test]
    fn a_lost_open_or_damaged_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(index_key(folder.path(), false).unwrap_err().code(), "index_key_missing");
        index_key(folder.path(), true).unwrap();
        let file = folder.path().join("keys/index.key");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let refused = index_key(folder.path(), false).unwrap_err();
        assert_eq!(refused.code(), "index_key_open_to_others");
        assert!(refused.to_string().contains("mode 0640"), "{refused}");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        for text in ["", "# only a comment\n", "abcd\n", &"0".repeat(65), &"g".repeat(64), &"é".repeat(32)] {
            fs::write(&file, text).unwrap();
            assert_eq!(index_key(folder.path(), true).unwrap_err().code(), "index_key_malformed", "{text}");
        }
        fs::write(&file, format!("{0}\n{0}\n", "0".repeat(64))).unwrap();
        assert_eq!(index_key(folder.path(), true).unwrap_err().code(), "index_key_malformed", "two keys");
    }
}
