//! The trait of every log, on whatever engine.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use async_trait::async_trait;
use tokio::sync::watch;

use crate::{
    AppendError, Appended, NewRecord, OpenError, Order, Origin, ReadError, ReadLimits, Record, TrimError,
};

/// A durable, ordered log of one origin.
///
/// Order of sequences = order of `recorded_at` = the order readers see. Readers see durable records only.
#[async_trait]
pub trait EventLog: Order + Send + Sync {
    /// Appends the records in their order and returns when all of them are durable.
    ///
    /// The records of one call lie next to each other and go into one group (one write and one sync), or
    /// into several where they exceed the limits of a group. On a crash before the answer any prefix of the
    /// call may be in the log. A record whose id is among the newest ones is not written again.
    ///
    /// # Errors
    /// A size refusal writes nothing. After `Sealed` the records may be in the log: append them again.
    async fn append(&self, records: Vec<NewRecord>) -> Result<Vec<Appended>, AppendError>;

    /// As [`append`](Self::append), for threads outside the async runtime.
    ///
    /// # Errors
    /// The same.
    fn append_blocking(&self, records: Vec<NewRecord>) -> Result<Vec<Appended>, AppendError> {
        block_on(self.append(records))
    }

    /// Durable records from sequence `from` on, within the limits; empty beyond the end. Blocks on the disk.
    ///
    /// # Errors
    /// `Trimmed` when `from` lies before [`start`](Self::start); `Corrupt` names the first bad sequence.
    fn read(&self, from: u64, limits: ReadLimits) -> Result<Vec<Record>, ReadError>;

    /// One record, or none beyond the end. Blocks on the disk.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn get(&self, sequence: u64) -> Result<Option<Record>, ReadError>;

    /// The last durable sequence, now and whenever it rises. Catch up, then live, without a gap: take the
    /// receiver first, read until empty, await a change, read again.
    fn subscribe(&self) -> watch::Receiver<u64>;

    /// The first sequence that can be read; above 1 once the log was trimmed.
    fn start(&self) -> u64;

    /// The last durable sequence, 0 when there is none.
    fn end(&self) -> u64;

    /// The origin of this log's positions.
    fn origin(&self) -> Origin;

    /// The stamp of the last durable record, microseconds since 1970.
    fn last_recorded_at(&self) -> i64;

    /// Gives up records before the sequence `before`, as far as whole units of storage allow; never others.
    ///
    /// # Errors
    /// The file system's; what was not removed stays readable.
    fn trim(&self, before: u64) -> Result<(), TrimError>;

    /// A write or sync failed, and the log was not opened again since: every append is refused.
    fn is_sealed(&self) -> bool;

    /// Opens a sealed log again in place; receivers stay valid. Does nothing when the log is not sealed. Blocks.
    ///
    /// # Errors
    /// Why it cannot be opened: it then stays sealed, and reads go on as before.
    fn reopen(&self) -> Result<(), OpenError> {
        Ok(())
    }

    /// Bytes of storage the records use, without room allocated ahead.
    fn bytes(&self) -> u64;

    /// Writes what is queued, then refuses appends; reads go on. Blocks. Calling it twice is harmless.
    fn close(&self);
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future that needs no runtime (queues and oneshots only) on this thread.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}
