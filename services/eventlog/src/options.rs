//! How a segment log is opened.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::{Clock, Disk, NewRecord, Origin, RealDisk, SystemClock};

/// A segment is closed when the next group would pass this size: large enough that a year of a busy hub is
/// a few thousand files, small enough that trimming and mirroring work in useful steps.
pub const SEGMENT_BYTES: u64 = 64 << 20;

/// How many of the newest ids are recognised: 32 to 40 MB of memory, hours of redelivery at full speed.
pub const DEDUPE_WINDOW: usize = 1_000_000;

/// Zeros written ahead of the records: an append then changes no metadata, which makes each sync about a
/// third cheaper. In steps, because one step delays the group before which it is written.
pub(crate) const ALLOCATE_STEP_BYTES: u64 = 4 << 20;

/// A pause after which the writer marks the last group as durable by writing an empty one behind it.
const IDLE_CLOSE: Duration = Duration::from_secs(1);

/// Bytes that may wait for the writer; beyond them appends wait. Four full groups keep the writer busy.
const QUEUE_BYTES: usize = 16 << 20;

/// Random 64-bit numbers: every segment gets its own, so that no old bytes pass for new ones.
pub type Salts = Arc<dyn Fn() -> u64 + Send + Sync>;

/// What [`SegmentLog::open`](crate::SegmentLog::open) needs. The public fields can be set one by one after
/// [`new`](Options::new).
#[derive(Clone)]
pub struct Options {
    /// The folder of the segments; made when absent.
    pub dir: PathBuf,
    /// The origin. An empty folder becomes the log of this origin; a folder of another one is refused.
    /// `None` opens whatever log is there and refuses an empty folder.
    pub origin: Option<Origin>,
    /// The first record of a new log; `None` writes the smallest one.
    pub opened: Option<NewRecord>,
    /// Where random numbers come from.
    pub salts: Salts,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Files.
    pub disk: Arc<dyn Disk>,
    /// The size of a segment in bytes.
    pub segment_bytes: u64,
    /// How far the newest stamp may be ahead of the clock before opening is refused.
    pub max_skew: Duration,
    /// Open even so. New records are then stamped after the newest one until the clock has caught up.
    pub accept_future: bool,
    /// How many of the newest ids are recognised as duplicates, at most 2^31.
    pub dedupe_window: usize,
    /// The pause after which an idle writer closes; `None` closes only on [`close`](crate::EventLog::close).
    pub idle_close: Option<Duration>,
    /// Bytes that may wait for the writer.
    pub queue_bytes: usize,
    /// A log whose oldest segments are neither in its folder nor noted to be in an archive is refused. Who folds it needs all
    /// of it.
    pub whole: bool,
    /// The log is a copy of another one: records come with their sequences and stamps, and no others are made.
    pub(crate) copies: bool,
}

impl Options {
    /// The usual settings on the machine's disk and clock.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>, origin: Option<Origin>, salts: Salts) -> Self {
        Self {
            dir: dir.into(),
            origin,
            opened: None,
            salts,
            clock: Arc::new(SystemClock),
            disk: Arc::new(RealDisk),
            segment_bytes: SEGMENT_BYTES,
            max_skew: Duration::from_secs(60),
            accept_future: false,
            dedupe_window: DEDUPE_WINDOW,
            idle_close: Some(IDLE_CLOSE),
            queue_bytes: QUEUE_BYTES,
            whole: false,
            copies: false,
        }
    }

    /// The usual settings for a copy of another log; see [`SegmentLog::copy`](crate::SegmentLog::copy). Stamps are the other
    /// machine's, so the clock is not asked, and nobody needs to find copies by their ids. A copy is whole.
    #[must_use]
    pub fn copy_of(dir: impl Into<PathBuf>, origin: Origin, salts: Salts) -> Self {
        Self {
            accept_future: true,
            dedupe_window: 1,
            whole: true,
            copies: true,
            ..Self::new(dir, Some(origin), salts)
        }
    }
}
