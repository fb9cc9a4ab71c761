//! File steps that survive a power cut: what is absent here is any retry, callers decide.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Makes names created, renamed or removed in `dir` durable.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Replaces `dir/name` by these pieces, so that after a crash either the old or the new content is there, whole: temporary
/// file, fsync, rename, fsync of the folder.
pub(crate) fn write_replacing(dir: &Path, name: &str, pieces: &[&[u8]]) -> io::Result<()> {
    let temporary = dir.join(format!("{name}.tmp"));
    let mut file = File::create(&temporary)?;
    pieces.iter().try_for_each(|piece| file.write_all(piece))?;
    file.sync_all()?;
    fs::rename(&temporary, dir.join(name))?;
    sync_dir(dir)
}
