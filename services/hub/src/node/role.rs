//! What a node of several does: `serve --role`.

use crate::problem::Problem;

/// Seconds after which a provider that asked the wrong node may try again.
const RETRY_AFTER: u32 = 5;

/// Addresses of the interface that a node answers which folds nothing.
const OF_EVERY_NODE: [&str; 2] = ["/v1/lag", "/v1/jobs"];

/// What a node does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Role {
    /// Everything.
    #[default]
    All,
    /// Takes events, and folds nothing: no copies of others' logs, no views.
    Ingest,
    /// Folds and answers, and takes nothing from outside.
    Query,
}

impl Role {
    /// As it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Ingest => "ingest",
            Self::Query => "query",
        }
    }

    /// Whether events from outside are taken.
    #[must_use]
    pub fn takes(self) -> bool {
        self != Self::Query
    }

    /// Whether all nodes' logs are folded here.
    #[must_use]
    pub fn folds(self) -> bool {
        self != Self::Ingest
    }

    /// Whether this node may be the one that publishes changes.
    #[must_use]
    pub fn publishes(self) -> bool {
        self == Self::All
    }

    /// Refuses what comes from outside, where this node takes nothing. Providers send it again, perhaps to another node.
    ///
    /// # Errors
    /// 503 `role_query`.
    pub fn require_taking(self) -> Result<(), Problem> {
        if self.takes() {
            return Ok(());
        }
        Err(Problem::new(503, "role_query", "this node answers only (`--role query`); nothing was stored")
            .remedy("send it to a node with the role all or ingest")
            .retry_after(RETRY_AFTER))
    }

    /// Refuses what needs views, where this node has none.
    ///
    /// # Errors
    /// 503 `role_ingest`.
    pub fn require_views(self, path: &str) -> Result<(), Problem> {
        if self.folds() || OF_EVERY_NODE.contains(&path) {
            return Ok(());
        }
        Err(Problem::new(
            503,
            "role_ingest",
            "this node takes events only (`--role ingest`) and has no views",
        )
        .remedy("ask a node with the role all or query"))
    }
}
