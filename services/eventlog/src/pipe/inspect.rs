//! What a broker tells somebody who sets it up.

use super::Finding;

/// A broker as it is, and what about it is not as it should be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inspection {
    /// The server's version; empty where it tells none.
    pub version: String,
    /// Whether the stream or topic is there; none where that was not found out.
    pub exists: Option<bool>,
    /// Settings that were looked at, as they are.
    pub settings: Vec<(&'static str, String)>,
    /// What can lose events, or fill up.
    pub findings: Vec<Finding>,
    /// The server's clock, where it tells it.
    pub clock: Option<Told>,
}

/// A time that a server told, between two looks at the own clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The server's time, as RFC 3339.
    pub time: String,
    /// When it was asked, in microseconds since 1970 by the own clock.
    pub asked: i64,
    /// When it had answered, by the same clock.
    pub answered: i64,
}
