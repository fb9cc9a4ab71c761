//! The log: the one durable, ordered record of what happened. Bytes in, bytes out.
//!
//! [`SegmentLog`] keeps a folder of segments and answers an append only when its bytes are durable.
//! [`MemoryLog`] has the same face without a disk. What every log owes its callers is written once, as
//! checks, in [`conformance`].
//!
//! Absent by design: this crate knows no customer, decodes no payload, opens no socket but those of a [`pipe`], draws no random
//! numbers (salts and origins are handed in) and does not lock its folder; the binary that owns the data
//! folder does that.

pub mod archive;
mod attributes;
mod block;
mod clock;
pub mod conformance;
mod copy;
mod create;
mod disk;
mod error;
mod format;
mod log;
mod memory;
mod options;
pub mod order;
mod peek;
pub mod pipe;
mod queue;
mod read;
mod record;
mod recover;
mod segment;
mod segments;
pub mod sim;
mod tail;
mod window;
mod writer;

pub use attributes::Attributes;
pub use clock::{Clock, ManualClock, SystemClock};
pub use copy::CopyError;
pub use disk::{Disk, DiskFile, RealDisk};
pub use error::{AppendError, OpenError, ReadError, TrimError};
pub use format::{FORMAT, MAX_RECORD_BYTES};
pub use log::EventLog;
pub use memory::MemoryLog;
pub use options::{DEDUPE_WINDOW, Options, SEGMENT_BYTES, Salts};
pub use order::{Interleaved, Nothing, Numbered, Order, OrderError, scan};
pub use peek::{Newest, newest};
pub use record::{Appended, NewRecord, Origin, Position, ReadLimits, Record};
pub use segments::SegmentLog;
pub use writer::{MAX_GROUP_BYTES, MAX_GROUP_RECORDS};
