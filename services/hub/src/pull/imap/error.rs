//! Why a mailbox cannot be followed.

use crate::problem::Problem;
use std::io;

/// Ends a session; the next one begins after a pause.
#[derive(Debug, thiserror::Error)]
pub enum ImapError {
    /// No connection.
    #[error("no connection: {0}")]
    Unreachable(io::Error),
    /// No trusted server.
    #[error("TLS: {0}")]
    Tls(String),
    /// The server ended the connection.
    #[error("the server ended the connection")]
    Closed,
    /// The server says nothing any more.
    #[error("the server is silent")]
    Silent,
    /// Wrong name or password, or this way of logging in is switched off.
    #[error("login refused {0}")]
    LoginRefused(String),
    /// The server says no to a command.
    #[error("{command} refused {code}")]
    Refused {
        /// The command's name.
        command: &'static str,
        /// The response code in brackets, if it gave one.
        code: String,
    },
    /// What it sent is not IMAP.
    #[error("not understood: {0}")]
    Protocol(&'static str),
    /// What it sent is beyond a limit.
    #[error("too large: {0}")]
    TooLarge(&'static str),
    /// It cannot do what is configured.
    #[error("the server has no {0}")]
    Missing(&'static str),
    /// The place in the mailbox cannot be kept.
    #[error("place: {0}")]
    Place(io::Error),
    /// The log takes nothing.
    #[error("log: {0}")]
    Store(Problem),
}

impl ImapError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "imap_unreachable",
            Self::Tls(_) => "imap_tls",
            Self::Closed => "imap_closed",
            Self::Silent => "imap_silent",
            Self::LoginRefused(_) => "imap_login_refused",
            Self::Refused { .. } => "imap_refused",
            Self::Protocol(_) => "imap_protocol",
            Self::TooLarge(_) => "imap_too_large",
            Self::Missing(_) => "imap_missing",
            Self::Place(_) => "imap_place",
            Self::Store(problem) => problem.code,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "check `imap`, and that the server can be reached from this machine",
            Self::Tls(_) => "check the host name in `imap` and, for a private authority, `imap_ca`",
            Self::LoginRefused(_) => {
                "check `imap_user` and `password`; some servers want a password made for applications"
            }
            Self::Refused { .. } => "check `imap_folder` and `imap_move`, and the rights of `imap_user`",
            Self::Missing(_) => "leave out the setting that needs it, or use another server",
            Self::Place(_) => "check that the data folder is writable and has room",
            Self::Protocol(_) | Self::TooLarge(_) => "check that `imap` is an IMAP server",
            Self::Closed | Self::Silent | Self::Store(_) => "nothing: it is tried again",
        }
    }
}
