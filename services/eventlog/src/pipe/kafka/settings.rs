//! What about a topic can lose what it acknowledged.

use std::collections::BTreeMap;

use crate::{MAX_RECORD_BYTES, pipe::Finding};

/// Headers take less than this beside the largest record.
const HEADER_BYTES: usize = 256 << 10;

/// A topic's settings.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The fewest copies that a partition has.
    pub replicas: usize,
    /// Kafka's names and values, as the cluster tells them. What it does not tell is not judged.
    pub entries: BTreeMap<String, String>,
}

impl Settings {
    /// The largest message that the topic takes, in bytes.
    pub(super) fn largest(&self) -> Option<usize> {
        self.number("max.message.bytes").and_then(|bytes| usize::try_from(bytes).ok())
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.entries.get(name).map(|value| value.trim())
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.text(name)?.parse().ok()
    }
}

/// Findings about a topic.
#[must_use]
pub fn judge(settings: &Settings) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut add = |setting, value: String, remedy, fatal| {
        found.push(Finding { setting, found: value, remedy, fatal });
    };
    if let Some(policy) = settings.text("cleanup.policy").filter(|policy| *policy != "delete") {
        let remedy = "of all events of a node the newest alone is kept: set delete";
        add("cleanup.policy", policy.to_owned(), remedy, true);
    }
    if let Some(age) = settings.number("retention.ms").filter(|age| *age >= 0) {
        let remedy = "older events are removed, and a new node cannot read them: set -1";
        add("retention.ms", age.to_string(), remedy, true);
    }
    if let Some(bytes) = settings.number("retention.bytes").filter(|bytes| *bytes >= 0) {
        let remedy = "a large topic removes its oldest events: set -1";
        add("retention.bytes", bytes.to_string(), remedy, true);
    }
    let replicas = settings.replicas;
    if settings.text("unclean.leader.election.enable") == Some("true") {
        let remedy = "a copy that is behind may lead, and what it has not is lost: set false";
        add("unclean.leader.election.enable", "true".to_owned(), remedy, replicas > 1);
    }
    if replicas < 3 {
        let remedy = "one or two disks hold everything, and a broker acknowledges before it syncs: set 3";
        add("replication.factor", replicas.to_string(), remedy, false);
    }
    let least = settings.number("min.insync.replicas").and_then(|least| usize::try_from(least).ok());
    if let Some(least) = least {
        if least > replicas {
            let remedy = "more copies than there are must have an event, so none is ever taken: lower it";
            add("min.insync.replicas", least.to_string(), remedy, true);
        } else if least < 2 && replicas > 1 {
            let remedy = "an event is acknowledged when one broker has it, and lost with that one: set 2";
            add("min.insync.replicas", least.to_string(), remedy, false);
        }
    }
    if let Some(largest) = settings.largest().filter(|largest| *largest < MAX_RECORD_BYTES + HEADER_BYTES) {
        let remedy = "large events wait at their node for ever: allow 1 MiB";
        add("max.message.bytes", largest.to_string(), remedy, false);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_that_loses_events_is_found() {
        let good = [
            ("cleanup.policy", "delete"),
            ("retention.ms", "-1"),
            ("retention.bytes", "-1"),
            ("unclean.leader.election.enable", "false"),
            ("min.insync.replicas", "2"),
            ("max.message.bytes", "1048588"),
        ];
        let with = |replicas, name: &str, value: &str| {
            let mut entries: BTreeMap<String, String> =
                good.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            entries.insert(name.to_owned(), value.to_owned());
            let found = judge(&Settings { replicas, entries });
            found.iter().map(|f| (f.setting, f.fatal)).collect::<Vec<_>>()
        };
        assert_eq!(with(3, "retention.ms", "-1"), []);
        assert_eq!(judge(&Settings { replicas: 3, ..Settings::default() }), []);
        assert_eq!(with(3, "cleanup.policy", "compact"), [("cleanup.policy", true)]);
        assert_eq!(with(3, "cleanup.policy", "compact,delete"), [("cleanup.policy", true)]);
        assert_eq!(with(3, "retention.ms", "604800000"), [("retention.ms", true)]);
        assert_eq!(with(3, "retention.bytes", "0"), [("retention.bytes", true)]);
        let unclean = "unclean.leader.election.enable";
        assert_eq!(with(3, unclean, "true"), [(unclean, true)]);
        assert_eq!(with(1, "min.insync.replicas", "1"), [("replication.factor", false)]);
        assert_eq!(with(3, "min.insync.replicas", "1"), [("min.insync.replicas", false)]);
        assert_eq!(with(3, "min.insync.replicas", "4"), [("min.insync.replicas", true)]);
        assert_eq!(with(3, "max.message.bytes", "900000"), [("max.message.bytes", false)]);
    }
}
