//! Requests made before the clock starts: signed webhooks and batches of CloudEvents, every event with an id of its own.

use crate::{
    cli::Failure,
    config::{self, Config, Environment, Source},
};
use serde::{Deserialize, Serialize};
use std::{fmt::Write as _, net::SocketAddr, path::Path};
use tributary_channels::adapter::Outbound;
use tributary_core::time::Micros;

/// The channel that webhooks go to.
const CHANNEL: &str = "bench-line";
/// Environment variable that its secret is said to stand in; the environment is the bench's own.
const SECRET_NAME: &str = "BENCH_LINE_SECRET";
/// Events of one request in the batch loads.
pub(super) const BATCH_EVENTS: u64 = 100;
/// Memory for requests: a load that has sent them all ends before its time.
const STOCK_BYTES_MAX: usize = 256 << 20;

/// What is posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Shape {
    /// A signed LINE webhook with one message.
    Webhook,
    /// A signed LINE webhook with a batch of messages.
    WebhookBatch,
    /// A CloudEvent.
    CloudEvent,
    /// A batch of CloudEvents.
    CloudEventBatch,
}

impl Shape {
    /// Events of one request.
    pub fn events(self) -> u64 {
        match self {
            Self::Webhook | Self::CloudEvent => 1,
            Self::WebhookBatch | Self::CloudEventBatch => BATCH_EVENTS,
        }
    }

    fn is_webhook(self) -> bool {
        matches!(self, Self::Webhook | Self::WebhookBatch)
    }
}

/// Requests in one piece of memory.
pub(super) struct Stock {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Stock {
    /// At most `count` requests with events numbered from `first`, of `users` people.
    pub fn make(
        shape: Shape,
        address: SocketAddr,
        count: usize,
        first: u64,
        users: u64,
    ) -> Result<Self, Failure> {
        let signer = config(Path::new("unused"))?;
        let now = Micros::from(jiff::Timestamp::now());
        let mut stock = Self { bytes: Vec::new(), ends: Vec::with_capacity(count) };
        let mut body = String::new();
        for request in 0..count as u64 {
            body.clear();
            write_body(&mut body, shape, first + request * shape.events(), users, now);
            stock.push(shape, address, &body, &signer, now);
            if stock.bytes.len() > STOCK_BYTES_MAX {
                break;
            }
        }
        Ok(stock)
    }

    fn push(&mut self, shape: Shape, address: SocketAddr, body: &str, signer: &Config, at: Micros) {
        let mut request = Outbound {
            headers: Vec::new(),
            query: String::new(),
            body: body.as_bytes().to_vec(),
            public_url: None,
            at,
        };
        let (path, content_type) = match shape {
            Shape::Webhook | Shape::WebhookBatch => (format!("/in/{CHANNEL}"), "application/json"),
            Shape::CloudEvent => ("/v1/events".to_owned(), "application/cloudevents+json"),
            Shape::CloudEventBatch => ("/v1/events".to_owned(), "application/cloudevents-batch+json"),
        };
        if let Some(channel) = signer.channel(CHANNEL).filter(|_| shape.is_webhook()) {
            channel.adapter.sign(&mut request);
        }
        let mut head = format!("POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: {content_type}\r\n");
        for (name, value) in &request.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let _ = write!(head, "content-length: {}\r\n\r\n", body.len());
        self.bytes.extend_from_slice(head.as_bytes());
        self.bytes.extend_from_slice(body.as_bytes());
        self.ends.push(self.bytes.len());
    }

    /// Number of requests.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The request of this number.
    pub fn get(&self, at: usize) -> Option<&[u8]> {
        let from = if at == 0 { 0 } else { *self.ends.get(at - 1)? };
        self.bytes.get(from..*self.ends.get(at)?)
    }
}

fn write_body(out: &mut String, shape: Shape, first: u64, users: u64, now: Micros) {
    let (open, close) = match shape {
        Shape::Webhook | Shape::WebhookBatch => {
            (r#"{"destination":"U00000000000000000000000000000b07","events":["#, "]}")
        }
        Shape::CloudEvent => ("", ""),
        Shape::CloudEventBatch => ("[", "]"),
    };
    out.push_str(open);
    for event in first..first + shape.events() {
        if event > first {
            out.push(',');
        }
        let user = event % users;
        // Writing to a string cannot fail.
        let _ = if shape.is_webhook() {
            let ms = now.0 / 1_000;
            write!(
                out,
                r#"{{"type":"message","mode":"active","timestamp":{ms},"source":{{"type":"user","userId":"U{user:032x}"}},"webhookEventId":"01BENCH{event:019}","deliveryContext":{{"isRedelivery":false}},"replyToken":"{event:032x}","message":{{"id":"{event:018}","type":"text","quoteToken":"q{event:031x}","text":"請問今天幾點打烊？"}}}}"#
            )
        } else {
            write!(
                out,
                r#"{{"specversion":"1.0","id":"bench-{event:016}","source":"/tills/2","type":"tributary.v1.purchase.completed","time":"{now}","data":{{"key":"store7/till2/{event:016}","identifiers":[{{"type":"member","value":"M-{user:08}","trust":"verified"}},{{"type":"phone","value":"09{user:08}"}}],"purchase":{{"currency":"TWD","total":"500","lines":[{{"sku":"A1","quantity":1,"amount":"500"}}]}}}}}}"#
            )
        };
    }
    out.push_str(close);
}

/// A hub with one signed channel, on ports of the system's choice.
pub(super) fn config(data_dir: &Path) -> Result<Config, Failure> {
    config_with(data_dir, "bench", "")
}

/// The same of a hub with another name and more sections.
pub(super) fn config_with(data_dir: &Path, name: &str, sections: &str) -> Result<Config, Failure> {
    let data_dir = toml::Value::from(data_dir.display().to_string());
    let text = format!(
        "[hub]\nname = \"{name}\"\nlisten = \"127.0.0.1:0\"\napi_listen = \"127.0.0.1:0\"\ndata_dir = {data_dir}\n\
         {sections}[channels.{CHANNEL}]\nkind = \"line\"\nprovider = \"bench\"\nsecret = \"env:{SECRET_NAME}\"\n"
    );
    let secret = "bench-secret-0123456789abcdef012".to_owned();
    let environment = Environment::from([(SECRET_NAME.to_owned(), secret)]);
    Ok(config::from_text(Source { name: "bench".to_owned(), text }, &environment)?)
}
