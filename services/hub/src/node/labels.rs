//! What stands in a broker's subjects and in CloudEvents headers, beside the record itself.

use crate::config::Config;
use std::collections::HashMap;
use tributary_core::time::Micros;
use tributary_eventlog::{
    Record,
    pipe::{Headers, Labels},
};

/// Kinds of the configured channels, by name.
pub struct ByChannel(HashMap<String, String>);

impl ByChannel {
    pub fn new(config: &Config) -> Self {
        let kind =
            |c: &tributary_channels::settings::Channel| (c.context.name.clone(), c.context.kind.clone());
        Self(config.channels.iter().map(kind).collect())
    }
}

fn attribute<'a>(record: &'a Record, name: &str) -> &'a str {
    record.attributes.get(name).unwrap_or_default()
}

impl Labels for ByChannel {
    /// `KIND.CHANNEL`; the hub's own records have no kind of channel.
    fn subject(&self, record: &Record) -> String {
        let channel = attribute(record, "channel");
        match self.0.get(channel) {
            Some(kind) => [kind, ".", channel].concat(),
            None if channel.is_empty() => "hub.log".to_owned(),
            None => format!("hub.{channel}"),
        }
    }

    fn attributes(&self, record: &Record) -> Headers {
        let channel = attribute(record, "channel");
        vec![
            ("type".into(), ["tributary.v1.", attribute(record, "type")].concat()),
            ("source".into(), ["/channels/", channel].concat()),
            ("recordedtime".into(), Micros(record.recorded_at).to_string()),
        ]
    }
}
