//! Making a segment: it gets its name only when its header, and the group it starts with, are durable.

use std::io;
use std::sync::Arc;

use crate::format::{
    DATA_START, GroupHeader, HEADER_BYTES, SegmentHeader, begin_group, finish_group, group_crc,
};
use crate::options::ALLOCATE_STEP_BYTES;
use crate::segment::{Segment, segment_path, unfinished_path};
use crate::{Disk, DiskFile, Options};

/// The segment that is written to.
pub(crate) struct Active {
    pub segment: Arc<Segment>,
    pub file: Arc<dyn DiskFile>,
    /// Where the next group goes: everything before is durable.
    pub offset: u64,
    /// The file's length.
    pub allocated: u64,
    /// The last group holds records, so an idle writer has something to close.
    pub open_group: bool,
}

impl Active {
    /// Makes room for `bytes` more, in steps.
    pub fn reserve(&mut self, bytes: u64, segment_bytes: u64) -> io::Result<()> {
        let needed = self.offset + bytes;
        if needed <= self.allocated {
            return Ok(());
        }
        let to = (self.allocated + ALLOCATE_STEP_BYTES).min(segment_bytes).max(needed);
        self.file.allocate(to)?;
        self.allocated = to;
        Ok(())
    }
}

/// Creates a segment durably, with a copy of `group` as its first group when one is given.
pub(crate) fn create_segment(
    options: &Options,
    header: SegmentHeader,
    group: Option<(GroupHeader, &[u8])>,
) -> io::Result<Active> {
    let path = segment_path(&options.dir, header.number, header.first);
    let unfinished = unfinished_path(&path);
    let made = write_segment(options, &header, group, &unfinished);
    let (file, offset, allocated) = match made {
        Ok(made) => made,
        Err(error) => {
            // On a full disk the room is needed; if this fails too, the next start removes it.
            options.disk.remove(&unfinished).ok();
            return Err(error);
        }
    };
    options.disk.rename(&unfinished, &path)?;
    options.disk.sync_dir(&options.dir)?;
    let count = group.map_or(0, |(group, _)| u64::from(group.count));
    let segment = Arc::new(Segment::new(header, path, offset, header.first + count));
    segment.keep_open(Some(file.clone()));
    Ok(Active { segment, file, offset, allocated, open_group: false })
}

fn write_segment(
    options: &Options,
    header: &SegmentHeader,
    group: Option<(GroupHeader, &[u8])>,
    path: &std::path::Path,
) -> io::Result<(Arc<dyn DiskFile>, u64, u64)> {
    let file: Arc<dyn DiskFile> = options.disk.create(path)?.into();
    let copied = group.map_or(0, |(group, _)| group.total());
    let first_step = options.segment_bytes.min(ALLOCATE_STEP_BYTES);
    let allocated = first_step.max(DATA_START + copied + HEADER_BYTES as u64);
    file.allocate(allocated)?;
    file.write_at(0, &header.encode())?;
    let mut offset = DATA_START;
    if let Some((group, bytes)) = group {
        let mut copy = bytes.to_vec();
        copy[24..32].copy_from_slice(&header.salt.to_le_bytes());
        let crc = group_crc(&copy);
        copy[12..16].copy_from_slice(&crc.to_le_bytes());
        file.write_at(offset, &copy)?;
        offset += copied;
        // The empty group says that the copy is durable, so that the next start need not copy it again. One
        // sync for both is enough: without it the file never gets its name.
        let mut empty = Vec::new();
        begin_group(&mut empty);
        finish_group(&mut empty, 0, group.first + u64::from(group.count), header.salt);
        file.write_at(offset, &empty)?;
        offset += empty.len() as u64;
    }
    file.sync_data()?;
    Ok((file, offset, allocated))
}

/// Gives back what was allocated beyond `used` bytes of a segment that is not written to any more. Only
/// zeros are cut; not being able to costs room, nothing else.
pub(crate) fn shorten(disk: &dyn Disk, segment: &Segment, used: u64) {
    let shortened = segment.open(disk).and_then(|file| match file.len()? > used {
        true => file.truncate(used),
        false => Ok(()),
    });
    if let Err(error) = shortened {
        tracing::warn!(log.segment = segment.name(), %error, "unused room of a segment was not given back");
    }
}
