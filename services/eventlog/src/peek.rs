//! The newest record of a log that somebody else may be writing at this moment: read, and nothing touched. Opening a log mends
//! its tail; this only looks, so it judges no damage either.

use std::path::Path;

use crate::block::{BLOCK_BYTES, BlockReader};
use crate::format::{DATA_START, HEADER_BYTES, HeaderError, SegmentHeader};
use crate::segment::{parse_name, segment_path};
use crate::tail::{read_group, walk_group};
use crate::{Disk, OpenError, Origin};

/// The end of a log as it was when somebody looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Newest {
    /// Whose log it is.
    pub origin: Origin,
    /// The newest record's sequence; 0 where there is none.
    pub sequence: u64,
    /// When it was recorded, in microseconds since 1970; 0 where there is none.
    pub recorded_at: i64,
}

/// The newest record of the log in this folder; none where there is no log. A record that is being written meanwhile may be
/// missing. Reads the newest segment, by blocks of 1 MiB.
///
/// # Errors
/// What cannot be read: the file system's refusal, a damaged header, a format of a later release.
pub fn newest(disk: &dyn Disk, dir: &Path) -> Result<Option<Newest>, OpenError> {
    let names = disk.list(dir)?;
    let Some((number, first)) = names.iter().filter_map(|name| parse_name(name)).max() else {
        return Ok(None);
    };
    let path = segment_path(dir, number, first);
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let segment = disk.open(&path)?;
    let mut bytes = [0; HEADER_BYTES];
    let read = segment.read_at(0, &mut bytes)?;
    let header = SegmentHeader::decode(&bytes[..read]).map_err(|error| match error {
        HeaderError::Unsupported(format) => OpenError::UnsupportedFormat { file: file.clone(), format },
        HeaderError::Damaged => {
            let what = "a damaged segment header";
            OpenError::Corrupt { sequence: first, file: file.clone(), offset: 0, what }
        }
    })?;
    let (mut next, mut recorded_at, mut offset) = (header.first, header.last_recorded_at, DATA_START);
    let mut reader = BlockReader::new(&*segment, segment.len()?, BLOCK_BYTES);
    while let Some((group, bytes)) = read_group(&mut reader, offset, header.salt)? {
        let mut newest = recorded_at;
        if group.first != next || !walk_group(&group, &bytes, |_, head| newest = head.recorded_at) {
            break;
        }
        (recorded_at, next) = (newest, next + u64::from(group.count));
        offset += group.total();
    }
    Ok(Some(Newest { origin: header.origin, sequence: next - 1, recorded_at }))
}
