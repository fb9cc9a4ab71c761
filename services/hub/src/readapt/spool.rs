//! What is to be appended, in a file without a name until it is: a plan may be as long as the log. And the log as it would
//! be with it.

use super::{decide::Decision, kept::First};
use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::watch;
use tributary_core::{ids::EventId, seal::Role, time::Micros, wire};
use tributary_eventlog::{
    MAX_RECORD_BYTES, NewRecord, Order, Origin, Position, ReadError, ReadLimits, Record,
};

/// Bytes before each payload: the event that was replaced, origin and sequence of the first record, its time, the length.
const HEAD: usize = 16 + 4 + 8 + 8 + 4;

/// A larger event gives up its copy of the request: attributes have to fit the record too.
const PAYLOAD_MAX: usize = MAX_RECORD_BYTES - 8 * 1024;

/// Planned records are looked at as if they stood here, where no log ever comes to.
const BEYOND: u64 = 1 << 48;

/// The planned events in their order.
pub(super) struct Spool {
    file: Mutex<File>,
    ends: Vec<u64>,
    channel: Box<str>,
}

/// One of them.
pub(super) struct Planned {
    pub record: NewRecord,
    /// The event that it replaces.
    pub was: Option<EventId>,
    pub first: First,
}

impl Spool {
    /// An empty one. The file is gone with the process, however that ends.
    pub fn new(dir: &Path, channel: &str) -> io::Result<Self> {
        Ok(Self { file: Mutex::new(tempfile::tempfile_in(dir)?), ends: Vec::new(), channel: channel.into() })
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn push(&mut self, decision: &Decision) -> io::Result<()> {
        let mut payload = wire::encode(&decision.event);
        if payload.len() > PAYLOAD_MAX {
            // The request stands at the original; without it nearly everything fits.
            let mut event = decision.event.clone();
            event.sealed.retain(|cell| cell.role != Role::Raw);
            payload = wire::encode(&event);
        }
        let mut bytes = Vec::with_capacity(HEAD + payload.len());
        bytes.extend_from_slice(&decision.was.unwrap_or_default().0);
        bytes.extend_from_slice(&decision.first.origin.to_be_bytes());
        bytes.extend_from_slice(&decision.first.sequence.to_be_bytes());
        bytes.extend_from_slice(&decision.first.recorded_at.0.to_be_bytes());
        bytes.extend_from_slice(&(payload.len() as u32).to_be_bytes());
        bytes.extend_from_slice(&payload);
        let start = self.ends.last().copied().unwrap_or(0);
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(start))?;
        file.write_all(&bytes)?;
        self.ends.push(start + bytes.len() as u64);
        Ok(())
    }

    /// The one at this place.
    pub fn get(&self, at: usize) -> io::Result<Option<Planned>> {
        let Some(end) = self.ends.get(at) else { return Ok(None) };
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let mut bytes = vec![0; usize::try_from(end - start).unwrap_or_default()];
        {
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            file.seek(SeekFrom::Start(start))?;
            file.read_exact(&mut bytes)?;
        }
        planned(&bytes, &self.channel).map(Some).ok_or_else(|| io::Error::other("a planned event is damaged"))
    }
}

fn planned(bytes: &[u8], channel: &str) -> Option<Planned> {
    let (was, rest) = bytes.split_first_chunk::<16>()?;
    let (origin, rest) = rest.split_first_chunk::<4>()?;
    let (sequence, rest) = rest.split_first_chunk::<8>()?;
    let (recorded_at, rest) = rest.split_first_chunk::<8>()?;
    let (length, payload) = rest.split_first_chunk::<4>()?;
    if payload.len() != u32::from_be_bytes(*length) as usize {
        return None;
    }
    let event = wire::decode(payload).ok()?;
    let first = First {
        origin: u32::from_be_bytes(*origin),
        sequence: u64::from_be_bytes(*sequence),
        recorded_at: Micros(i64::from_be_bytes(*recorded_at)),
    };
    let (name, value) = first.attribute();
    let attributes = [("channel", channel), ("type", event.body.type_name()), (name, &value)].into();
    let record = NewRecord { id: event.id.0, attributes, payload: payload.to_vec().into() };
    let was = Some(EventId(*was)).filter(|id| *id != EventId::default());
    Some(Planned { record, was, first })
}

/// What is folded here, and beyond the end of this node's log what is planned.
pub(super) struct Beside {
    pub order: Arc<dyn Order>,
    pub spool: Arc<Spool>,
    /// When the planned records would be recorded.
    pub now: Micros,
}

impl Beside {
    /// The planned records, one after the other.
    pub fn planned(&self) -> impl Iterator<Item = Result<Record, ReadError>> + '_ {
        (0..self.spool.len()).filter_map(|at| self.record(at).transpose())
    }

    fn record(&self, at: usize) -> Result<Option<Record>, ReadError> {
        let Some(Planned { record, .. }) = self.spool.get(at)? else { return Ok(None) };
        Ok(Some(Record {
            position: Position { origin: self.node(), sequence: BEYOND + at as u64 },
            id: record.id,
            recorded_at: self.now.0.saturating_add(at as i64),
            attributes: record.attributes,
            payload: record.payload,
        }))
    }
}

impl Order for Beside {
    fn node(&self) -> Origin {
        self.order.node()
    }

    fn first_number(&self) -> u64 {
        self.order.first_number()
    }

    fn last_number(&self) -> u64 {
        self.order.last_number()
    }

    fn numbers(&self) -> watch::Receiver<u64> {
        self.order.numbers()
    }

    fn ends(&self) -> Vec<Position> {
        self.order.ends()
    }

    fn newest_stamp(&self) -> i64 {
        self.order.newest_stamp()
    }

    fn read_numbers(&self, from: u64, limits: ReadLimits) -> Result<Vec<Record>, ReadError> {
        self.order.read_numbers(from, limits)
    }

    fn record_at(&self, position: Position) -> Result<Option<Record>, ReadError> {
        let planned = position.sequence.checked_sub(BEYOND).filter(|_| position.origin == self.node());
        match planned {
            Some(at) => self.record(usize::try_from(at).unwrap_or(usize::MAX)),
            None => self.order.record_at(position),
        }
    }

    fn reach(&self, number: u64) -> Result<Vec<Position>, ReadError> {
        self.order.reach(number)
    }

    fn fingerprint(&self, number: u64) -> Result<u32, ReadError> {
        self.order.fingerprint(number)
    }

    fn covered(&self, reached: &[Position]) -> Result<u64, ReadError> {
        self.order.covered(reached)
    }

    fn number_of(&self, position: Position) -> Result<Option<u64>, ReadError> {
        self.order.number_of(position)
    }
}
