//! By what a topic is known again. The client does not tell Kafka's ids of topics, so the first pipe that meets a topic
//! writes a mark into it: a message without a record that says how many partitions there are. The first mark of partition 0
//! counts. Its timestamp is the topic's date of birth, which every record carries, so that a topic that lost its head is
//! known as well.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
};

use rdkafka::{
    Message as _,
    message::{BorrowedMessage, Header, Headers as _, OwnedHeaders},
};

use super::asking::Asking;
use crate::pipe::{Finding, PipeError};

/// On a mark: how many partitions the topic has.
const MARK: &str = "tributary-mark";
/// On a record: `birth/partitions` of the topic for which it was sent.
const STREAM: &str = "tributary-stream";
/// So many messages of others may stand before ours. More than a sender that has not seen yet that its topic was made
/// again can have under way.
const OTHERS_MAX: u64 = 1_000;

/// What a topic's mark says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// Milliseconds since 1970, by the broker's clock.
    birth: i64,
    pub partitions: u32,
}

impl Mark {
    /// What tells this topic from others of its name.
    pub fn stream(&self, cluster: &str) -> String {
        format!("{cluster} {}", self.birth)
    }

    /// The header of every record.
    pub fn header(&self) -> (&'static str, String) {
        (STREAM, format!("{}/{}", self.birth, self.partitions))
    }

    fn parse(text: &str) -> Option<Self> {
        let (birth, partitions) = text.split_once('/')?;
        Some(Self { birth: birth.parse().ok()?, partitions: partitions.parse().ok().filter(|p| *p > 0)? })
    }
}

/// The headers of a mark.
pub(super) fn headers(partitions: u32) -> OwnedHeaders {
    OwnedHeaders::new().insert(Header { key: MARK, value: Some(&partitions.to_string()) })
}

/// A header's text.
pub(super) fn header<'a>(message: &'a BorrowedMessage<'_>, name: &str) -> Option<&'a str> {
    let headers = message.headers()?;
    let find = || headers.iter().find_map(|header| if header.key == name { header.value } else { None });
    // The client panics over a header whose name is not UTF-8, which anybody may write; ours stand before it, or nowhere.
    let value = catch_unwind(AssertUnwindSafe(find)).ok().flatten()?;
    std::str::from_utf8(value).ok()
}

/// Whether the message is a mark, of whatever topic.
pub(super) fn is_mark(message: &BorrowedMessage<'_>) -> bool {
    header(message, MARK).is_some()
}

fn mark(message: &BorrowedMessage<'_>) -> Option<Mark> {
    let partitions = header(message, MARK)?.parse().ok().filter(|p| *p > 0)?;
    Some(Mark { birth: message.timestamp().to_millis()?, partitions })
}

/// The mark of a topic that holds these messages; `None` where nobody has written one.
pub(super) fn find(asking: &mut Asking, held: &BTreeMap<u32, (u64, u64)>) -> Result<Option<Mark>, PipeError> {
    let (first, newest) = held.get(&0).copied().unwrap_or((1, 0));
    if first == 1 {
        if newest == 0 {
            return Ok(None);
        }
        let found = asking.look(0, (1, newest.min(OTHERS_MAX)), mark)?;
        if found.is_none() && newest > OTHERS_MAX {
            let remedy = "somebody else writes into this topic: give the hub another name";
            let found = format!("{newest} messages before a mark of ours");
            return Err(PipeError::Settings(vec![Finding {
                setting: "messages",
                found,
                remedy,
                fatal: true,
            }]));
        }
        return Ok(found);
    }
    // The head is gone, and the mark with it. Whether somebody minds is for readers to say; the records know their topic.
    let known = |message: &BorrowedMessage<'_>| {
        mark(message).or_else(|| header(message, STREAM).and_then(Mark::parse))
    };
    for (partition, (first, newest)) in held {
        if newest >= first {
            let found = asking.look(*partition, (*first, *newest.min(&(first + OTHERS_MAX))), known)?;
            if found.is_some() {
                return Ok(found);
            }
        }
    }
    // Nothing is left by which it could be known, so senders stop here as well.
    Err(PipeError::HeadGone { first, missing: 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_was_written_and_nothing_else_is() {
        let mark = Mark { birth: 1_772_000_000_123, partitions: 6 };
        let (name, text) = mark.header();
        // These stand in topics for years.
        assert_eq!((MARK, name, text.as_str()), ("tributary-mark", "tributary-stream", "1772000000123/6"));
        assert_eq!(mark.stream("cluster"), "cluster 1772000000123");
        assert_eq!(Mark::parse(&text), Some(mark));
        for text in ["", "1", "/", "1/", "/6", "1/0", "1/-1", "x/6", "1/6/7"] {
            assert_eq!(Mark::parse(text), None, "{text}");
        }
        assert_ne!(mark.stream("a"), mark.stream("b"));
    }
}
