//! What about a stream can lose what it acknowledged.

use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};

use crate::{MAX_RECORD_BYTES, pipe::Finding};

/// The first server whose consumers can be trusted with several subjects.
const VERSION_MIN: (u32, u32) = (2, 10);
/// Copies within this time are not stored twice; a sender that was cut off has tried again by then. Beyond it readers tell
/// them.
pub(super) const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);

/// Findings about a stream on a server of this version that takes messages of so many bytes. An empty version is not judged.
#[must_use]
pub fn judge(config: &Config, version: &str, max_payload: usize) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut add = |setting, value: String, remedy, fatal| {
        found.push(Finding { setting, found: value, remedy, fatal });
    };
    if config.retention != RetentionPolicy::Limits {
        let remedy = "messages go when somebody has read them, and a new node finds nothing: set limits";
        add("retention", format!("{:?}", config.retention).to_lowercase(), remedy, true);
    }
    if config.storage != StorageType::File {
        add("storage", "memory".to_owned(), "a restart of the server loses everything: set file", true);
    }
    if config.max_age != Duration::ZERO {
        let remedy = "older events are removed, and a new node cannot read them: set 0";
        add("max_age", format!("{:?}", config.max_age), remedy, true);
    }
    if config.max_messages_per_subject > 0 {
        let remedy = "older events of a channel are removed: set -1";
        add("max_msgs_per_subject", config.max_messages_per_subject.to_string(), remedy, true);
    }
    if config.discard != DiscardPolicy::New {
        let limited = config.max_bytes > 0 || config.max_messages > 0;
        let remedy = "a full stream removes its oldest events instead of refusing new ones: set new";
        add("discard", "old".to_owned(), remedy, limited);
    }
    if config.no_ack {
        add("no_ack", "true".to_owned(), "nothing is ever acknowledged: set false", true);
    }
    if !config.deny_purge {
        add(
            "deny_purge",
            "false".to_owned(),
            "a purge removes events for good: make the stream with true",
            false,
        );
    }
    if !config.deny_delete {
        let remedy = "single events can be removed, which readers take for a loss: make the stream with true";
        add("deny_delete", "false".to_owned(), remedy, false);
    }
    if config.duplicate_window < DUPLICATE_WINDOW {
        let remedy =
            "what is sent again is stored twice; readers drop it, but the stream grows: set at least 2m";
        add("duplicate_window", format!("{:?}", config.duplicate_window), remedy, false);
    }
    if config.num_replicas < 3 {
        let remedy = "one server's disk holds everything; unless it syncs always (`sync_interval: always`), a power cut \
                      loses up to two minutes of acknowledged events: set 3 in a cluster";
        add("replicas", config.num_replicas.to_string(), remedy, false);
    }
    let size = message_max(config, max_payload);
    // Headers take less than a quarter of a mebibyte beside the largest record.
    if size < MAX_RECORD_BYTES + (256 << 10) {
        let remedy = "large events wait at their node for ever: allow 1 MiB (`max_payload`, `max_msg_size`)";
        add("max_message_size", size.to_string(), remedy, false);
    }
    if number(version).is_some_and(|version| version < VERSION_MIN) {
        add("server_version", version.to_owned(), "releases before 2.10 lose messages: upgrade", true);
    }
    found
}

/// The settings that [`judge`] looks at, as they are.
#[must_use]
pub(super) fn told(config: &Config, version: &str, max_payload: usize) -> Vec<(&'static str, String)> {
    let limit = |value: i64| if value > 0 { value.to_string() } else { "none".to_owned() };
    vec![
        ("server_version", version.to_owned()),
        ("retention", format!("{:?}", config.retention).to_lowercase()),
        ("storage", format!("{:?}", config.storage).to_lowercase()),
        (
            "max_age",
            if config.max_age.is_zero() { "none".to_owned() } else { format!("{:?}", config.max_age) },
        ),
        ("max_bytes", limit(config.max_bytes)),
        ("max_msgs", limit(config.max_messages)),
        ("max_msgs_per_subject", limit(config.max_messages_per_subject)),
        ("discard", format!("{:?}", config.discard).to_lowercase()),
        ("duplicate_window", format!("{:?}", config.duplicate_window)),
        ("replicas", config.num_replicas.to_string()),
        ("max_message_size", message_max(config, max_payload).to_string()),
        ("no_ack", config.no_ack.to_string()),
        ("deny_purge", config.deny_purge.to_string()),
        ("deny_delete", config.deny_delete.to_string()),
    ]
}

/// The largest message that both stream and server take, in bytes.
fn message_max(config: &Config, max_payload: usize) -> usize {
    let size = usize::try_from(config.max_message_size).unwrap_or(usize::MAX);
    if config.max_message_size <= 0 { max_payload } else { size.min(max_payload) }
}

fn number(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.').map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_that_loses_events_is_found() {
        let good = Config {
            discard: DiscardPolicy::New,
            num_replicas: 3,
            deny_purge: true,
            deny_delete: true,
            duplicate_window: DUPLICATE_WINDOW,
            ..Config::default()
        };
        assert_eq!(judge(&good, "2.15.1", 1 << 20), []);
        let change = |of: fn(&mut Config)| {
            let mut config = good.clone();
            of(&mut config);
            judge(&config, "2.10.0", 1 << 20).iter().map(|f| (f.setting, f.fatal)).collect::<Vec<_>>()
        };
        assert_eq!(change(|c| c.retention = RetentionPolicy::WorkQueue), [("retention", true)]);
        assert_eq!(change(|c| c.retention = RetentionPolicy::Interest), [("retention", true)]);
        assert_eq!(change(|c| c.storage = StorageType::Memory), [("storage", true)]);
        assert_eq!(change(|c| c.max_age = Duration::from_secs(1)), [("max_age", true)]);
        assert_eq!(change(|c| c.max_messages_per_subject = 1), [("max_msgs_per_subject", true)]);
        assert_eq!(change(|c| c.discard = DiscardPolicy::Old), [("discard", false)]);
        assert_eq!(change(|c| (c.discard, c.max_bytes) = (DiscardPolicy::Old, 1)), [("discard", true)]);
        assert_eq!(change(|c| c.no_ack = true), [("no_ack", true)]);
        assert_eq!(change(|c| c.deny_purge = false), [("deny_purge", false)]);
        assert_eq!(change(|c| c.deny_delete = false), [("deny_delete", false)]);
        assert_eq!(change(|c| c.duplicate_window = Duration::from_secs(119)), [("duplicate_window", false)]);
        assert_eq!(change(|c| c.num_replicas = 1), [("replicas", false)]);
        assert_eq!(change(|c| c.max_message_size = 1_000), [("max_message_size", false)]);
        let of_server = |version, size| judge(&good, version, size).len();
        assert_eq!(
            [of_server("2.9.25", 1 << 20), of_server("", 1 << 20), of_server("2.15.1", 65_536)],
            [1, 0, 1]
        );
        // What can be found is told as it is, under the same name.
        let told = told(&good, "2.15.1", 1 << 20);
        let bad = Config {
            retention: RetentionPolicy::Interest,
            storage: StorageType::Memory,
            max_age: Duration::from_secs(1),
            max_messages_per_subject: 1,
            no_ack: true,
            max_message_size: 1,
            ..Config::default()
        };
        for finding in judge(&bad, "2.1.0", 1 << 20) {
            assert!(told.iter().any(|(name, _)| *name == finding.setting), "{}", finding.setting);
        }
    }
}
