//! Where the shell fetches requests itself: settings as data. How it is done is the shell's business.

use crate::settings::Secret;

/// One source that is read, not waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pull {
    /// A Maildir, whose `new` folder is watched.
    Maildir(Maildir),
    /// A mailbox on an IMAP server.
    Imap(Imap),
}

/// A Maildir.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Maildir {
    /// The folder that holds `new`, `cur` and `tmp`.
    pub folder: String,
    /// Where mails go that were taken; without it into `cur`.
    pub done: Option<String>,
}

/// A mailbox on an IMAP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imap {
    /// Host name or address, as the certificate names it.
    pub host: String,
    /// Port.
    pub port: u16,
    /// TLS from the first byte.
    pub tls: bool,
    /// File with the certificates (PEM) of a private authority, in the place of the public ones.
    pub ca: Option<String>,
    /// Who logs in.
    pub user: String,
    /// With which password.
    pub password: Secret,
    /// Which mailbox, in Unicode.
    pub folder: String,
    /// Mark what was taken as seen.
    pub seen: bool,
    /// Move what was taken into this mailbox.
    pub move_to: Option<String>,
}

/// Header of a request of which the source holds more than was fetched; its value is the whole size in bytes.
pub const CUT_HEADER: &str = "x-tributary-whole-size";
