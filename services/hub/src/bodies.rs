//! Bodies of requests: each within its size and time, and all together within a room, whoever sends them. Nothing is known
//! of a sender before the body is complete and its signature checked, so what strangers may make the hub hold is bounded here.

use crate::problem::Problem;
use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// A body must be here within this time: connections that trickle would only be held open.
const BODY_TIME: Duration = Duration::from_secs(30);
/// And so much longer for what it has brought: a shop's line may need minutes for its files. Bytes a second.
const PACE: f64 = 64.0 * 1024.0;
/// Room beside that for the largest body: hundreds of ordinary requests.
const BESIDE: usize = 8 << 20;
/// The first piece of a body in bytes, which most need no more than. It takes nothing of the room, so that ordinary requests
/// are served whoever fills it; connections are bounded, so these are.
const PIECE: usize = 4 * 1024;
/// Each further piece: the same size for all, so that what one gives back another can take.
const LARGE_PIECE: usize = 64 * 1024;
/// A body is not put aside before: whoever sends it has had the time for an ordinary one.
const GRACE: Duration = Duration::from_secs(2);

/// The room for bodies.
#[derive(Clone, Debug)]
pub struct Bodies(Arc<Mutex<Room>>);

#[derive(Debug)]
struct Room {
    max: usize,
    held: usize,
    next: u64,
    /// By age.
    places: BTreeMap<u64, Place>,
}

#[derive(Debug)]
struct Place {
    bytes: usize,
    since: Instant,
    is_complete: bool,
    put_aside: Arc<Notify>,
}

/// A complete body; gives its room back when it is dropped.
#[derive(Debug)]
pub struct Held {
    /// The body.
    pub bytes: Bytes,
    _ticket: Option<Ticket>,
}

/// A place in the room.
#[derive(Debug)]
struct Ticket {
    bodies: Bodies,
    number: u64,
}

impl Bodies {
    /// A room that takes the largest body any channel accepts, and ordinary ones beside it.
    #[must_use]
    pub fn new(largest: usize) -> Self {
        let room = Room { max: largest + BESIDE, held: 0, next: 0, places: BTreeMap::new() };
        Self(Arc::new(Mutex::new(room)))
    }

    /// The body, at most `max` bytes, in time.
    ///
    /// # Errors
    /// 413 where it is larger, 408 where it takes too long, 400 where it ends early, 503 where it must give way to others.
    pub async fn read(&self, body: Body, max: usize) -> Result<Held, Problem> {
        let (ticket, put_aside) = self.enter();
        let bytes = tokio::select! {
            bytes = collect(body, max, |bytes| ticket.grow(bytes)) => bytes?,
            () = put_aside.notified() => return Err(crowded()),
        };
        ticket.complete();
        Ok(Held { bytes, _ticket: Some(ticket) })
    }

    fn enter(&self) -> (Ticket, Arc<Notify>) {
        let put_aside = Arc::new(Notify::new());
        let mut room = self.lock();
        room.next += 1;
        let number = room.next;
        let since = Instant::now();
        room.places
            .insert(number, Place { bytes: 0, since, is_complete: false, put_aside: Arc::clone(&put_aside) });
        drop(room);
        (Ticket { bodies: self.clone(), number }, put_aside)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Room> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// Takes `bytes` more of the room; the bodies that have taken longest give way.
    fn grow(&self, bytes: usize) -> Result<(), Problem> {
        let mut room = self.bodies.lock();
        while room.held + bytes > room.max {
            if !room.put_oldest_aside(self.number) {
                return Err(crowded());
            }
        }
        let Some(place) = room.places.get_mut(&self.number) else { return Err(crowded()) };
        place.bytes += bytes;
        room.held += bytes;
        Ok(())
    }

    /// It is worked on from now on, and does not give way.
    fn complete(&self) {
        if let Some(place) = self.bodies.lock().places.get_mut(&self.number) {
            place.is_complete = true;
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut room = self.bodies.lock();
        let bytes = room.places.remove(&self.number).map_or(0, |place| place.bytes);
        room.held -= bytes;
    }
}

impl Room {
    fn put_oldest_aside(&mut self, but: u64) -> bool {
        let gives = |(number, place): (&u64, &Place)| {
            let holds = place.bytes > 0 && !place.is_complete && place.since.elapsed() >= GRACE;
            (holds && *number != but).then_some(*number)
        };
        let Some(oldest) = self.places.iter().find_map(gives) else { return false };
        if let Some(place) = self.places.remove(&oldest) {
            self.held -= place.bytes;
            place.put_aside.notify_one();
        }
        true
    }
}

/// A body of the interface, whose senders are known: at most `max` bytes, in time.
///
/// # Errors
/// As [`Bodies::read`], without the room.
pub async fn read(body: Body, max: usize) -> Result<Bytes, Problem> {
    collect(body, max, |_| Ok(())).await
}

/// Copies what comes into pieces of its own: kept as it came, a body in frames of one byte would keep a buffer for each.
async fn collect(
    mut body: Body,
    max: usize,
    mut take: impl FnMut(usize) -> Result<(), Problem>,
) -> Result<Bytes, Problem> {
    let too_large = || Problem::new(413, "body_too_large", format!("the body is larger than {max} bytes"));
    // What announces itself as too large is not read at all.
    if hyper::body::Body::size_hint(&body).lower() > max as u64 {
        return Err(too_large());
    }
    let begun = tokio::time::Instant::now();
    let (mut pieces, mut length) = (Vec::<Vec<u8>>::new(), 0);
    loop {
        let deadline = begun + BODY_TIME + Duration::from_secs_f64(length as f64 / PACE);
        let frame = match tokio::time::timeout_at(deadline, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(None) => return Ok(joined(pieces)),
            Ok(Some(Err(_))) => {
                return Err(Problem::new(400, "body_incomplete", "the body ended before its length"));
            }
            Err(_) => return Err(Problem::new(408, "body_too_slow", "the body took too long")),
        };
        let Ok(data) = frame.into_data() else { continue };
        length += data.len();
        if length > max {
            return Err(too_large());
        }
        let mut data = &data[..];
        while !data.is_empty() {
            if pieces.last().is_none_or(|piece| piece.len() == piece.capacity()) {
                let size = if pieces.is_empty() { PIECE } else { LARGE_PIECE };
                if !pieces.is_empty() {
                    take(size)?;
                }
                pieces.push(Vec::with_capacity(size));
            }
            let Some(piece) = pieces.last_mut() else { continue };
            let (now, later) = data.split_at(data.len().min(piece.capacity() - piece.len()));
            piece.extend_from_slice(now);
            data = later;
        }
    }
}

fn joined(mut pieces: Vec<Vec<u8>>) -> Bytes {
    if pieces.len() <= 1 {
        return Bytes::from(pieces.pop().unwrap_or_default());
    }
    Bytes::from(pieces.concat())
}

fn crowded() -> Problem {
    let detail = "more requests are being received than there is room for";
    Problem::new(503, "too_many_bodies", detail).remedy("send it again").retry_after(1)
}

#[cfg(test)]
mod tests {
    use super::{BESIDE, Bodies, GRACE, LARGE_PIECE, PIECE, read};
    use axum::body::Body;
    use bytes::Bytes;
    use hyper::body::Frame;
    use std::{
        convert::Infallible,
        pin::Pin,
        task::{Context, Poll},
    };

    #[tokio::test]
    async fn a_body_in_pieces_is_one_and_keeps_to_its_size() {
        assert_eq!(read(Body::from("abc"), 3).await.unwrap(), "abc");
        assert_eq!(read(Body::from("abcd"), 3).await.unwrap_err().code, "body_too_large");
        let pieces = |n| Body::new(Pieces(vec![Bytes::from_static(b"x"); n].into_iter()));
        let got = read(pieces(100_000), 100_000).await.unwrap();
        assert_eq!(got, vec![b'x'; 100_000]);
        let refused = read(pieces(10_001), 10_000).await.unwrap_err();
        assert_eq!(refused.code, "body_too_large");
    }

    #[tokio::test]
    async fn room_is_given_back_and_never_exceeded() {
        let bodies = Bodies::new(0);
        // The first piece and as many large ones as there is room for.
        let one = bodies.read(Body::from(vec![0; BESIDE - LARGE_PIECE]), BESIDE).await.unwrap();
        let (rest, _) = bodies.enter();
        let left = BESIDE - bodies.lock().held;
        rest.grow(left).unwrap();
        let large = || Body::from(vec![b'x'; PIECE + 1]);
        assert_eq!(bodies.read(large(), 9_999).await.unwrap_err().code, "too_many_bodies");
        assert_eq!(bodies.read(Body::from("x"), 9).await.unwrap().bytes, "x", "ordinary ones need no room");
        drop((one, rest));
        let one = bodies.read(large(), 9_999).await.unwrap();
        assert_eq!((bodies.lock().held, one.bytes.len()), (LARGE_PIECE, PIECE + 1));
        drop(one);
        assert_eq!(bodies.lock().held, 0);
    }

    #[tokio::test]
    async fn the_slowest_body_gives_way() {
        let bodies = Bodies::new(0);
        let (slow, put_aside) = bodies.enter();
        slow.grow(BESIDE / 2).unwrap();
        let (fresh, _) = bodies.enter();
        fresh.grow(BESIDE / 2).unwrap();
        let large = || Body::from(vec![b'x'; PIECE + 1]);
        assert!(bodies.read(large(), 9_999).await.is_err(), "both are fresh");
        bodies.lock().places.values_mut().next().unwrap().since -= GRACE;
        assert!(bodies.read(large(), 9_999).await.is_ok());
        put_aside.notified().await;
        assert!(slow.grow(1).is_err(), "its place is gone");
        drop(slow);
        assert_eq!(bodies.lock().held, BESIDE / 2, "and is not given back twice");
    }

    struct Pieces(std::vec::IntoIter<Bytes>);

    impl hyper::body::Body for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(self.0.next().map(|piece| Ok(Frame::data(piece))))
        }
    }
}
