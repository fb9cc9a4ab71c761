//! One payload as its source would send it, before it is signed.

/// One request to `/in/{channel}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// The channel.
    pub channel: &'static str,
    /// Content type.
    pub content_type: String,
    /// Body.
    pub body: Vec<u8>,
    /// When its source sends it; deliveries that come late or again have another time than what they tell.
    pub at: i64,
    /// How many payloads it counts as: rows of a file, else 1.
    pub rows: u32,
    /// How many parts of it become dead letters on purpose.
    pub dead: u32,
    /// Signed with a wrong key on purpose: it must be refused.
    pub forged: bool,
}

impl Payload {
    /// A payload of one row without faults.
    pub fn new(channel: &'static str, content_type: &str, body: impl Into<Vec<u8>>, at: i64) -> Self {
        let content_type = content_type.to_owned();
        Self { channel, content_type, body: body.into(), at, rows: 1, dead: 0, forged: false }
    }

    /// JSON.
    pub fn json(channel: &'static str, body: &serde_json::Value, at: i64) -> Self {
        Self::new(channel, "application/json", body.to_string(), at)
    }

    /// With so many intended dead letters.
    pub fn dead(mut self, dead: u32) -> Self {
        self.dead = dead;
        self
    }

    /// The same once more, so many seconds later.
    pub fn again(&self, seconds: i64) -> Self {
        Self { at: self.at + seconds, ..self.clone() }
    }
}
