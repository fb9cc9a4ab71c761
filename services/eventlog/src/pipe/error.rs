//! What can be wrong with a pipe, each with a stable code and a remedy.

use std::fmt;

/// The code and the remedy where an older state of a node's folder was put back.
pub(super) const OWN_OLDER: &str = "log_behind_broker";
pub(super) const OWN_OLDER_REMEDY: &str = "an older state of this folder was restored: restore the newest one, or move the \
    folder aside and start with an empty one, which copies everything back";

/// Why a pipe does not carry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PipeError {
    /// No answer, or not in time.
    #[error("the broker cannot be reached: {0}")]
    Unreachable(String),
    /// It knows us not, or does not let us do what we must.
    #[error("the broker refuses us: {0}")]
    Refused(String),
    /// It takes nothing more.
    #[error("the broker takes no more: {0}")]
    Full(String),
    /// It never takes a message of this size.
    #[error("a record of {bytes} bytes is larger than the broker takes: {detail}")]
    TooLarge {
        /// The record's payload.
        bytes: usize,
        /// What the broker says.
        detail: String,
    },
    /// The stream or topic breaks the promise.
    #[error("the broker's settings lose events: {}", list(.0))]
    Settings(Vec<Finding>),
    /// What we have not read yet is gone.
    #[error("the broker's stream begins at {first}, and {missing} was not read yet")]
    HeadGone {
        /// The oldest message that is left.
        first: u64,
        /// The next one for us.
        missing: u64,
    },
    /// It is another stream under the same name.
    #[error("the broker's stream is not the one that was read before")]
    Recreated,
    /// It ends before what was read already.
    #[error("the broker's stream ends at {end}, and {read} was read already: an older state was restored")]
    Older {
        /// Its newest message.
        end: u64,
        /// What was read.
        read: u64,
    },
    /// It has acknowledged more of our own log than we hold.
    #[error("the broker acknowledged our own log up to {sent}, and we hold it up to {end}")]
    OwnOlder {
        /// Our last sequence.
        end: u64,
        /// The last one that was acknowledged.
        sent: u64,
    },
    /// It has another number of partitions.
    #[error("the topic has {found} partitions, and had {expected}")]
    Partitions {
        /// Now.
        found: u32,
        /// When it was first used.
        expected: u32,
    },
    /// Another node publishes by now.
    #[error("another node publishes: {0}")]
    Overtaken(String),
    /// This program was built without something that the settings ask for.
    #[error("this program cannot: {0}")]
    NotBuilt(&'static str),
    /// Anything else it says.
    #[error("the broker fails: {0}")]
    Failed(String),
}

impl PipeError {
    /// A stable name for the cause.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "broker_unreachable",
            Self::Refused(_) => "broker_refused",
            Self::Full(_) => "broker_full",
            Self::TooLarge { .. } => "broker_message_size",
            Self::Settings(_) => "broker_settings",
            Self::HeadGone { .. } => "broker_head_gone",
            Self::Recreated => "broker_recreated",
            Self::Older { .. } => "broker_older",
            Self::OwnOlder { .. } => OWN_OLDER,
            Self::Partitions { .. } => "broker_partitions",
            Self::Overtaken(_) => "broker_overtaken",
            Self::NotBuilt(_) => "broker_not_built",
            Self::Failed(_) => "broker_failed",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => {
                "check the broker's address and that it runs; what waits is kept here and sent later"
            }
            Self::Refused(_) => {
                "check the credentials and what they may do: create and read streams, publish and subscribe"
            }
            Self::Full(_) => {
                "raise the stream's limits or the broker's disk; what waits is kept here and sent later"
            }
            Self::TooLarge { .. } => {
                "raise the broker's largest message to 1 MiB; the record and what follows it wait here until then"
            }
            Self::Settings(_) => {
                "change the named settings, or give the hub another stream name and let it make its own"
            }
            Self::HeadGone { .. } => {
                "copy the missing segments from another node's mirror, then start again; the stream must keep everything"
            }
            Self::Recreated | Self::Older { .. } => {
                "fill the stream again with `tributary log copy` from a node that has everything, or restore the right one"
            }
            Self::OwnOlder { .. } => OWN_OLDER_REMEDY,
            Self::Partitions { .. } => {
                "the number of partitions never changes: restore it, or copy the log to a new topic"
            }
            Self::Overtaken(_) => "nothing: this node goes on when the other one stops",
            Self::NotBuilt(_) => "use a build with the named feature, or change the setting",
            Self::Failed(_) => "see the broker's log",
        }
    }

    /// Whether the same call can succeed later without anybody doing something here. A refusal can, when somebody has mended
    /// the broker, or the broker itself: it is tried again seldom, and told meanwhile.
    #[must_use]
    pub fn retryable(&self) -> bool {
        use PipeError::{Failed, Full, Overtaken, TooLarge, Unreachable};
        matches!(self, Unreachable(_) | Full(_) | TooLarge { .. } | Failed(_) | Overtaken(_))
    }
}

/// A setting of the broker that can lose events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Stable name of the setting, such as `max_age`.
    pub setting: &'static str,
    /// As it is.
    pub found: String,
    /// What happens, and what to set instead.
    pub remedy: &'static str,
    /// The log refuses to work like this; else it is a warning.
    pub fatal: bool,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} = {} ({})", self.setting, self.found, self.remedy)
    }
}

fn list(findings: &[Finding]) -> String {
    let all: Vec<String> = findings.iter().map(Finding::to_string).collect();
    all.join("; ")
}
