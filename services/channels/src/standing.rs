//! How a channel stands at its platform: what the shell may ask there, what an answer means, and what nobody can ask and
//! people must look after themselves.

use crate::adapter::Lookup;

/// A question to the platform about the channel.
#[derive(Clone, PartialEq, Eq)]
pub struct Question {
    /// What it is about: a stable word, such as `webhook`.
    pub about: &'static str,
    /// The request.
    pub lookup: Lookup,
}

/// How good something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// As it should be.
    Good,
    /// It works, or may; somebody should look.
    Doubtful,
    /// It does not work.
    Bad,
}

/// What was found. Never a credential and nothing of a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How good it is.
    pub standing: Standing,
    /// What is so.
    pub detail: String,
    /// What to do about it; empty where it is good.
    pub remedy: String,
}

impl Finding {
    /// As it should be.
    #[must_use]
    pub fn good(detail: impl Into<String>) -> Self {
        Self { standing: Standing::Good, detail: detail.into(), remedy: String::new() }
    }

    /// Somebody should look.
    #[must_use]
    pub fn doubtful(detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { standing: Standing::Doubtful, detail: detail.into(), remedy: remedy.into() }
    }

    /// It does not work.
    #[must_use]
    pub fn bad(detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { standing: Standing::Bad, detail: detail.into(), remedy: remedy.into() }
    }
}
