//! The one writer: its own thread, one group at a time, no timers. While a group is being made durable the
//! next one gathers in the queue, so groups grow with the load by themselves.

use std::io;
use std::sync::Arc;

use crate::create::{Active, create_segment, shorten};
use crate::format::{
    DATA_START, GROUP_HEADER_BYTES, SegmentHeader, begin_group, encode_record, finish_group, record_bytes,
};
use crate::queue::{Answer, Pending, Work};
use crate::recover::Recovered;
use crate::segment::{INDEX_EVERY_BYTES, Mark};
use crate::segments::Inner;
use crate::window::Window;
use crate::{AppendError, Appended, Position};

/// The largest group in bytes: more does not make a sync per record cheaper, and a start copies one group.
pub const MAX_GROUP_BYTES: usize = 4 << 20;

/// The most records of a group, for the same reason.
pub const MAX_GROUP_RECORDS: usize = 8_192;

/// Room of the group buffer that is kept between groups.
const KEPT_BUFFER_BYTES: usize = MAX_GROUP_BYTES + crate::MAX_RECORD_BYTES;

pub(crate) struct Writer {
    inner: Arc<Inner>,
    active: Option<Active>,
    window: Window,
    next: u64,
    last_recorded_at: i64,
    /// The group being encoded, header included.
    group: Vec<u8>,
    group_first: u64,
    count: u32,
    /// Places of records in the group, for the index.
    marks: Vec<(usize, u64)>,
}

impl Drop for Writer {
    /// However the thread ends, nobody waits for it for ever.
    fn drop(&mut self) {
        self.inner.queue.seal("the writer stopped".into());
    }
}

impl Writer {
    pub fn new(inner: Arc<Inner>, recovered: Recovered) -> Self {
        let mut group = Vec::new();
        begin_group(&mut group);
        let next = recovered.last + 1;
        Self {
            inner,
            active: recovered.active,
            window: recovered.window,
            next,
            last_recorded_at: recovered.last_recorded_at,
            group,
            group_first: next,
            count: 0,
            marks: Vec::new(),
        }
    }

    pub fn run(mut self) {
        let mut batch = Vec::new();
        loop {
            let open_group = self.active.as_ref().is_some_and(|active| active.open_group);
            let idle = self.inner.options.idle_close.filter(|_| open_group);
            let done = match self.inner.queue.take(idle, &mut batch) {
                Work::Commit => self.commit(&mut batch),
                Work::Idle => self.close_group(),
                Work::Stop => {
                    if let Err(error) = self.close_group() {
                        self.seal(&error, &mut batch);
                    }
                    self.inner.queue.closed();
                    return;
                }
            };
            if let Err(error) = done {
                self.seal(&error, &mut batch);
                return;
            }
        }
    }

    fn seal(&self, error: &io::Error, batch: &mut Vec<Pending>) {
        let reason: Arc<str> = error.to_string().into();
        tracing::error!(log.origin = %self.inner.origin, log.sequence = self.next - 1, %error, "the log is sealed");
        self.inner.queue.seal(reason.clone());
        for pending in batch.drain(..) {
            pending.answer.send(Err(AppendError::Sealed { reason: reason.clone() })).ok();
        }
    }

    fn commit(&mut self, batch: &mut Vec<Pending>) -> io::Result<()> {
        let now = self.inner.options.clock.now_micros();
        let mut answers: Vec<Answer> = Vec::with_capacity(batch.len());
        for pending in batch.iter() {
            if let Some(expected) = pending.first.filter(|first| *first != self.next) {
                answers.push(Err(AppendError::Moved { expected, next: self.next }));
                continue;
            }
            let mut answer = Vec::with_capacity(pending.records.len());
            for (at, record) in pending.records.iter().enumerate() {
                answer.push(self.add(record, now, pending.stamps.get(at).copied())?);
            }
            answers.push(Ok(answer));
        }
        self.flush()?;
        for (pending, answer) in batch.drain(..).zip(answers) {
            // Whoever stopped waiting for a durable record does not need to know.
            pending.answer.send(answer).ok();
        }
        Ok(())
    }

    /// Puts a record into the group unless it is a duplicate, after writing the group when it is full. What is copied is
    /// stamped already, and stands in the log as often as in the one it is copied from.
    fn add(&mut self, record: &crate::NewRecord, now: i64, stamp: Option<i64>) -> io::Result<Appended> {
        let origin = self.inner.origin;
        let known = if stamp.is_none() { self.window.find(&record.id) } else { None };
        if let Some((sequence, recorded_at)) = known {
            let position = Position { origin, sequence };
            return Ok(Appended { position, recorded_at, duplicate: true });
        }
        let bytes = record_bytes(record).ok_or_else(|| io::Error::other("an unchecked record"))?;
        if self.count as usize == MAX_GROUP_RECORDS || self.group.len() + bytes > MAX_GROUP_BYTES {
            self.flush()?;
        }
        let sequence = self.next;
        let recorded_at = stamp.unwrap_or_else(|| now.max(self.last_recorded_at.saturating_add(1)));
        let offset = self.group.len();
        let marked = self.marks.last().map_or(0, |mark| mark.0);
        if self.marks.is_empty() || (offset - marked) as u64 >= INDEX_EVERY_BYTES {
            self.marks.push((offset, sequence));
        }
        encode_record(&mut self.group, record, sequence, recorded_at);
        self.window.push(record.id, sequence, recorded_at);
        self.count += 1;
        self.next += 1;
        self.last_recorded_at = recorded_at;
        Ok(Appended { position: Position { origin, sequence }, recorded_at, duplicate: false })
    }

    /// Makes the group durable and visible.
    fn flush(&mut self) -> io::Result<()> {
        if self.count == 0 {
            return Ok(());
        }
        self.make_room()?;
        let Some(active) = &mut self.active else { return Err(io::Error::other("no segment to write to")) };
        let offset = active.offset;
        let end = write_group(active, &mut self.group, self.count, self.group_first)?;
        for &(at, sequence) in &self.marks {
            active.segment.note(Mark { sequence, offset: offset + at as u64, group_end: Some(end) });
        }
        active.open_group = true;
        active.segment.extend(end, self.next);
        self.inner.publish(self.next - 1, self.last_recorded_at);
        self.restart_group();
        Ok(())
    }

    /// An empty group behind the last one says that the last one was durable.
    fn close_group(&mut self) -> io::Result<()> {
        let segment_bytes = self.inner.options.segment_bytes;
        let Some(active) = self.active.as_mut().filter(|active| active.open_group) else { return Ok(()) };
        active.reserve(GROUP_HEADER_BYTES as u64, segment_bytes)?;
        let end = write_group(active, &mut self.group, 0, self.next)?;
        active.open_group = false;
        active.segment.extend(end, self.next);
        self.restart_group();
        Ok(())
    }

    fn restart_group(&mut self) {
        begin_group(&mut self.group);
        self.group.shrink_to(KEPT_BUFFER_BYTES);
        self.group_first = self.next;
        self.count = 0;
        self.marks.clear();
    }

    /// Room for the group: in this segment, or in a new one when this is full or not ours to write to.
    fn make_room(&mut self) -> io::Result<()> {
        let segment_bytes = self.inner.options.segment_bytes;
        let bytes = self.group.len().next_multiple_of(crate::format::GROUP_ALIGN) as u64;
        if let Some(active) = &mut self.active
            && (active.offset + bytes <= segment_bytes || active.offset == DATA_START)
        {
            return active.reserve(bytes, segment_bytes);
        }
        let old = self.inner.newest();
        let header = SegmentHeader {
            number: old.header.number + 1,
            first: self.group_first,
            previous_end: old.end(),
            salt: (self.inner.options.salts)(),
            previous_salt: old.header.salt,
            last_recorded_at: self.inner.last_recorded_at(),
            ..old.header
        };
        let mut made = create_segment(&self.inner.options, header, None)?;
        made.reserve(bytes, segment_bytes)?;
        self.inner.add_segment(made.segment.clone());
        if self.active.replace(made).is_some() {
            // A segment found at start was shortened then, and may hold a torn tail behind its end.
            shorten(&*self.inner.options.disk, &old, old.end());
            old.keep_open(None);
        }
        Ok(())
    }
}

/// Writes a group and waits until it is durable; returns where it ends.
fn write_group(active: &mut Active, group: &mut Vec<u8>, count: u32, first: u64) -> io::Result<u64> {
    finish_group(group, count, first, active.segment.header.salt);
    active.file.write_at(active.offset, group)?;
    active.file.sync_data()?;
    active.offset += group.len() as u64;
    Ok(active.offset)
}
