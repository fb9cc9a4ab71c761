//! The log as a folder of segments.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;

use async_trait::async_trait;
use tokio::sync::{oneshot, watch};

use crate::queue::{Pending, Queue};
use crate::recover::{Recovered, recover};
use crate::segment::{Segment, parse_name};
use crate::writer::Writer;
use crate::{
    AppendError, Appended, EventLog, NewRecord, OpenError, Options, Origin, ReadError, ReadLimits, Record,
    TrimError,
};

/// What the writer and the readers share, between one opening and the next.
pub(crate) struct Inner {
    pub options: Options,
    pub origin: Origin,
    pub queue: Queue,
    segments: RwLock<Vec<Arc<Segment>>>,
    durable: Arc<watch::Sender<u64>>,
    last_recorded_at: AtomicI64,
    trimming: Mutex<()>,
}

impl Inner {
    /// The segment whose records include the sequence, or would.
    pub fn find(&self, sequence: u64) -> Result<Arc<Segment>, ReadError> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        let after = segments.partition_point(|segment| segment.header.first <= sequence);
        match after.checked_sub(1) {
            Some(at) => Ok(segments[at].clone()),
            None => Err(ReadError::Trimmed { start: segments[0].header.first }),
        }
    }

    pub fn newest(&self) -> Arc<Segment> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        segments[segments.len() - 1].clone()
    }

    pub fn add_segment(&self, segment: Arc<Segment>) {
        self.segments.write().unwrap_or_else(PoisonError::into_inner).push(segment);
    }

    pub fn publish(&self, last: u64, last_recorded_at: i64) {
        self.last_recorded_at.store(last_recorded_at, Ordering::Release);
        self.durable.send_replace(last);
    }

    pub fn last_recorded_at(&self) -> i64 {
        self.last_recorded_at.load(Ordering::Acquire)
    }

    pub fn end(&self) -> u64 {
        *self.durable.borrow()
    }

    pub fn start(&self) -> u64 {
        self.segments.read().unwrap_or_else(PoisonError::into_inner)[0].header.first
    }

    fn bytes(&self) -> u64 {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        segments.iter().map(|segment| segment.end()).sum()
    }

    /// One by one from the oldest, each removal durable before the next: a crash leaves no gap.
    fn trim(&self, before: u64) -> Result<(), TrimError> {
        let _one_at_a_time = self.trimming.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let oldest = {
                let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
                if segments[0].path.parent() != Some(&self.options.dir) {
                    return Err(TrimError::Archived);
                }
                match segments.get(1) {
                    Some(second) if second.header.first <= before => segments.remove(0),
                    _ => return Ok(()),
                }
            };
            if let Err(error) = self.options.disk.remove(&oldest.path) {
                self.segments.write().unwrap_or_else(PoisonError::into_inner).insert(0, oldest);
                return Err(error.into());
            }
            self.options.disk.sync_dir(&self.options.dir)?;
        }
    }
}

/// The embedded log: this folder's segments are the log. One process at a time may open a folder; whoever
/// opens it sees to that.
pub struct SegmentLog {
    options: Options,
    durable: Arc<watch::Sender<u64>>,
    inner: RwLock<Arc<Inner>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// Held while records are copied: one at a time.
    pub(crate) copying: tokio::sync::Mutex<()>,
}

impl SegmentLog {
    /// Opens the folder's log, or creates it when the folder is empty and an origin is given. Blocks: the
    /// newest ids are read back. When this returns, every record that can be read is durable.
    ///
    /// # Errors
    /// See [`OpenError`]; each has a stable code and a remedy.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        let recovered = recover(&options)?;
        let durable = Arc::new(watch::Sender::new(recovered.last));
        let (inner, writer) = start(&options, recovered, &durable)?;
        let copying = tokio::sync::Mutex::default();
        let (inner, writer) = (RwLock::new(inner), Mutex::new(Some(writer)));
        let log = Self { options, durable, inner, writer, copying };
        log.write_opened()?;
        Ok(log)
    }

    /// Whether the folder holds a log, so that opening it needs no origin.
    ///
    /// # Errors
    /// The file system's, other than that the folder does not exist.
    pub fn exists(disk: &dyn crate::Disk, dir: &std::path::Path) -> std::io::Result<bool> {
        match disk.list(dir) {
            Ok(names) => Ok(names.iter().any(|name| parse_name(name).is_some())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Hands records to the writer, with their stamps if they have any, and waits until they are durable. With `first` they
    /// are written only if the first of them gets that sequence.
    pub(crate) async fn write(
        &self,
        records: Vec<NewRecord>,
        stamps: Vec<i64>,
        first: Option<u64>,
    ) -> Result<Vec<Appended>, AppendError> {
        let bytes = check_sizes(&records)?;
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let inner = self.inner();
        let room = inner.queue.room(bytes).await;
        let (answer, answered) = oneshot::channel();
        inner.queue.push(Pending { records, stamps, first, bytes, answer, _room: room })?;
        answered.await.unwrap_or_else(|_| Err(AppendError::Sealed { reason: "the writer stopped".into() }))
    }

    pub(crate) fn is_copy(&self) -> bool {
        self.options.copies
    }

    pub(crate) fn inner(&self) -> Arc<Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The first record of an origin, also where a crash came between creating the log and writing it.
    fn write_opened(&self) -> Result<(), OpenError> {
        if self.end() > 0 || self.options.copies {
            return Ok(());
        }
        let opened = self.options.opened.clone();
        let opened = opened.unwrap_or_else(|| NewRecord::log_opened(self.origin()));
        self.append_blocking(vec![opened]).map_err(|error| OpenError::Io(std::io::Error::other(error)))?;
        Ok(())
    }
}

fn start(
    options: &Options,
    recovered: Recovered,
    durable: &Arc<watch::Sender<u64>>,
) -> Result<(Arc<Inner>, JoinHandle<()>), OpenError> {
    let inner = Arc::new(Inner {
        options: options.clone(),
        origin: recovered.origin,
        queue: Queue::new(options.queue_bytes),
        segments: RwLock::new(recovered.segments.clone()),
        durable: durable.clone(),
        last_recorded_at: AtomicI64::new(recovered.last_recorded_at),
        trimming: Mutex::default(),
    });
    let writer = Writer::new(inner.clone(), recovered);
    let thread = std::thread::Builder::new().name("log-writer".to_owned()).spawn(move || writer.run())?;
    Ok((inner, thread))
}

/// The encoded size of all records.
pub(crate) fn check_sizes(records: &[NewRecord]) -> Result<usize, AppendError> {
    let mut total = 0;
    for (index, record) in records.iter().enumerate() {
        let limit = crate::MAX_RECORD_BYTES;
        match crate::format::record_bytes(record) {
            None => return Err(AppendError::AttributeTooLong { index }),
            Some(bytes) if bytes > limit => return Err(AppendError::RecordTooLarge { index, bytes, limit }),
            Some(bytes) => total += bytes,
        }
    }
    Ok(total)
}

#[async_trait]
impl EventLog for SegmentLog {
    async fn append(&self, records: Vec<NewRecord>) -> Result<Vec<Appended>, AppendError> {
        if self.options.copies {
            return Err(AppendError::Copy);
        }
        self.write(records, Vec::new(), None).await
    }

    fn read(&self, from: u64, limits: ReadLimits) -> Result<Vec<Record>, ReadError> {
        self.inner().read(from, limits)
    }

    fn get(&self, sequence: u64) -> Result<Option<Record>, ReadError> {
        self.inner().get(sequence)
    }

    fn subscribe(&self) -> watch::Receiver<u64> {
        self.durable.subscribe()
    }

    fn start(&self) -> u64 {
        self.inner().start()
    }

    fn end(&self) -> u64 {
        *self.durable.borrow()
    }

    fn origin(&self) -> Origin {
        self.inner().origin
    }

    fn last_recorded_at(&self) -> i64 {
        self.inner().last_recorded_at()
    }

    fn trim(&self, before: u64) -> Result<(), TrimError> {
        self.inner().trim(before)
    }

    fn is_sealed(&self) -> bool {
        self.inner().queue.is_sealed()
    }

    fn reopen(&self) -> Result<(), OpenError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_sealed() {
            return Ok(());
        }
        if let Some(ended) = writer.take() {
            ended.join().ok();
        }
        let recovered = recover(&self.options)?;
        let last = recovered.last;
        let (inner, thread) = start(&self.options, recovered, &self.durable)?;
        *writer = Some(thread);
        *self.inner.write().unwrap_or_else(PoisonError::into_inner) = inner;
        self.durable.send_replace(last);
        drop(writer);
        self.write_opened()
    }

    fn bytes(&self) -> u64 {
        self.inner().bytes()
    }

    fn close(&self) {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        self.inner().queue.close();
        if let Some(thread) = writer.take() {
            thread.join().ok();
        }
    }
}

impl Drop for SegmentLog {
    fn drop(&mut self) {
        self.close();
    }
}
