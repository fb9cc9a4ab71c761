//! Files as requests: one file, or a file of heads with the file of details that belongs to it.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};
use tributary_channels::settings::Pair;

/// How a file looked: its size in bytes and the time of its last change.
pub type Look = (u64, SystemTime);

/// A file's name by the names of pairs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Half {
    /// It stands alone.
    Whole,
    /// Heads, whose details come in this file.
    Heads(PathBuf),
    /// Details; they are taken with their heads.
    Details,
}

/// What a file's name says.
#[must_use]
pub fn half(path: &Path, pair: Option<&Pair>) -> Half {
    let (Some(pair), Some(name)) = (pair, path.file_name().and_then(|n| n.to_str())) else {
        return Half::Whole;
    };
    if name.contains(&pair.heads) {
        return Half::Heads(path.with_file_name(name.replacen(&pair.heads, &pair.details, 1)));
    }
    if name.contains(&pair.details) { Half::Details } else { Half::Whole }
}

/// A file's content with the headers that say what the adapter cannot see.
#[derive(Clone, Debug)]
pub struct Given {
    /// Of the file, or of both.
    pub body: Vec<u8>,
    /// Lower-case names.
    pub headers: Vec<(String, String)>,
}

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is larger than the channel takes.
    #[error("it is larger than the {0} bytes that the channel takes: split it")]
    TooLarge(usize),
    /// It is one half, and the other is not there.
    #[error("it belongs with {0}, which is not there")]
    HalfMissing(String),
    /// It is the wrong half.
    #[error("it holds details: name the file of their heads")]
    OnlyDetails,
    /// The disk said no.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Reads a file of at most `max` bytes, with its other half if `pair` says that it has one.
///
/// # Errors
/// [`ReadError`].
pub fn read(path: &Path, pair: Option<&Pair>, max: usize) -> Result<Given, ReadError> {
    let (mut body, mut changed) = one(path, max)?;
    let mut headers = Vec::new();
    match half(path, pair) {
        Half::Whole => {}
        Half::Details => return Err(ReadError::OnlyDetails),
        Half::Heads(details) => {
            let (more, later) = one(&details, max).map_err(|e| match e {
                ReadError::Io(error) => missing(&details, error),
                other => other,
            })?;
            headers.push(("x-detail-at".to_owned(), body.len().to_string()));
            body.extend(more);
            changed = changed.max(later);
            if body.len() > max {
                return Err(ReadError::TooLarge(max));
            }
        }
    }
    // The time of the last change is the rows' version: a corrected file that is put in again supersedes.
    let changed = changed.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    headers.push(("x-file-time".to_owned(), changed.to_string()));
    Ok(Given { body, headers })
}

/// Whether [`read`] would take this file, as far as can be told without reading it.
///
/// # Errors
/// [`ReadError`].
pub fn check(path: &Path, pair: Option<&Pair>, max: usize) -> Result<(), ReadError> {
    fs::File::open(path)?;
    let mut bytes = fs::metadata(path)?.len();
    match half(path, pair) {
        Half::Whole => {}
        Half::Details => return Err(ReadError::OnlyDetails),
        Half::Heads(details) => bytes += fs::metadata(&details).map_err(|e| missing(&details, e))?.len(),
    }
    if bytes > max as u64 { Err(ReadError::TooLarge(max)) } else { Ok(()) }
}

fn missing(details: &Path, error: io::Error) -> ReadError {
    if error.kind() != io::ErrorKind::NotFound {
        return error.into();
    }
    ReadError::HalfMissing(details.file_name().unwrap_or_default().to_string_lossy().into())
}

fn one(path: &Path, max: usize) -> Result<(Vec<u8>, SystemTime), ReadError> {
    let data = fs::metadata(path)?;
    if data.len() > max as u64 {
        return Err(ReadError::TooLarge(max));
    }
    Ok((fs::read(path)?, data.modified()?))
}
