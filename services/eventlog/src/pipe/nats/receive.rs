//! Reading the stream: a consumer from a sequence on, which the server forgets when nobody asks it any more.

use std::time::Duration;

use async_nats::jetstream::{
    Message,
    consumer::{AckPolicy, DeliverPolicy, ReplayPolicy, pull},
};
use async_trait::async_trait;
use futures_util::{FutureExt as _, StreamExt as _};

use super::{Connected, Lost, PARTITION};
use crate::pipe::{Arrived, Incoming, NotOurs, PipeError, message};

/// Most messages of one answer.
const BATCH: usize = 1_000;
/// Most messages and bytes that one request asks for; the next is sent when half of them have come. The client's ordered consumer
/// asks for 500, which costs a tenth of the speed. The largest message fits.
const REQUEST: usize = 2_000;
const REQUEST_BYTES: usize = 8 << 20;
/// A request for messages waits so long at the server, which says in the middle of it that it is there. Where it says nothing
/// for as long, its consumer is made anew.
const EXPIRES: Duration = Duration::from_secs(4);
const HEARTBEAT: Duration = Duration::from_secs(2);
/// The server forgets a consumer that was not asked for so long.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(30);

pub(super) struct Receiving {
    messages: pull::Stream,
    /// The stream's sequence of the newest message.
    newest: u64,
    /// How many messages the consumer has sent.
    come: u64,
    lost: Lost,
}

pub(super) async fn start(connected: &Connected, after: u64) -> Result<Receiving, PipeError> {
    let config = pull::Config {
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: after + 1 },
        replay_policy: ReplayPolicy::Instant,
        ack_policy: AckPolicy::None,
        inactive_threshold: FORGOTTEN_AFTER,
        memory_storage: true,
        num_replicas: 1,
        ..pull::Config::default()
    };
    let (lost, failed) = (connected.lost.since_now(), |error: String| PipeError::Unreachable(error));
    let consumer = connected.stream.create_consumer(config).await.map_err(|e| failed(e.to_string()))?;
    let requests = consumer.stream().max_messages_per_batch(REQUEST).max_bytes_per_batch(REQUEST_BYTES);
    let messages = requests.expires(EXPIRES).heartbeat(HEARTBEAT).messages().await;
    Ok(Receiving { messages: messages.map_err(|e| failed(e.to_string()))?, newest: after, come: 0, lost })
}

impl Receiving {
    /// Messages of one stream come in its order; a hole in it is a message that was removed.
    fn arrived(&mut self, message: &Message) -> Result<Arrived, PipeError> {
        let of = message.reply.as_deref().and_then(numbers);
        let (number, come) =
            of.ok_or_else(|| PipeError::Failed("a message without its sequence".to_owned()))?;
        if come != self.come + 1 {
            return Err(PipeError::Unreachable("a message was lost on its way".to_owned()));
        }
        self.come = come;
        if number > self.newest + 1 {
            return Err(PipeError::HeadGone { first: number, missing: self.newest + 1 });
        }
        self.newest = self.newest.max(number);
        let headers = message.headers.as_ref();
        let header = |name: &str| headers.and_then(|h| h.get(name)).map(|value| value.as_str());
        let record = if headers.is_some() {
            message::decode(header, message.payload.clone())
        } else {
            Err(NotOurs::Header("tributary-origin"))
        };
        Ok(Arrived { partition: PARTITION, number, record })
    }
}

/// The stream's sequence and the consumer's, in the subject for replies: `$JS.ACK.STREAM.CONSUMER.DELIVERED.SEQUENCE.SEQUENCE` and
/// more, in newer servers with domain and account before them (NATS ADR-15). The client's own reading of it makes dates as well,
/// at a cost that shows.
fn numbers(reply: &str) -> Option<(u64, u64)> {
    let tokens = || reply.as_bytes().split(|byte| *byte == b'.');
    let at = if tokens().count() >= 11 { 7 } else { 5 };
    let mut tokens = tokens();
    if (tokens.next()?, tokens.next()?) != (b"$JS", b"ACK") {
        return None;
    }
    let mut number = |skipped| str::from_utf8(tokens.nth(skipped)?).ok()?.parse().ok();
    Some((number(at - 2)?, number(0)?))
}

#[async_trait]
impl Incoming for Receiving {
    async fn next(&mut self) -> Result<Vec<Arrived>, PipeError> {
        let ended = || PipeError::Unreachable("the consumer ended".to_owned());
        let mut arrived = Vec::new();
        let mut next = tokio::select! {
            next = self.messages.next() => Some(next),
            error = self.lost.wait() => return Err(error),
        };
        while let Some(message) = next.take() {
            let message = message.ok_or_else(ended)?.map_err(|e| PipeError::Unreachable(e.to_string()))?;
            arrived.push(self.arrived(&message)?);
            if arrived.len() < BATCH {
                next = self.messages.next().now_or_never();
            }
        }
        Ok(arrived)
    }
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn both_forms_of_the_subject_are_read() {
        assert_eq!(numbers("$JS.ACK.TRIBUTARY-a.b.1.4711.3.1700000000000000000.0"), Some((4_711, 3)));
        assert_eq!(numbers("$JS.ACK.hub.ACC.TRIBUTARY-a.b.1.4712.4.1700000000000000000.0"), Some((4_712, 4)));
        assert_eq!(numbers("$JS.ACK._.ACC.TRIBUTARY-a.b.1.4713.5.1700000000000000000.0.x"), Some((4_713, 5)));
        for other in ["", "$JS.ACK", "$JS.ACK.a.b.1", "$JS.ACK.a.b.1.x.3.4.5", "a.b.c.d.e.6.7.8.9"] {
            assert_eq!(numbers(other), None, "{other}");
        }
    }
}
