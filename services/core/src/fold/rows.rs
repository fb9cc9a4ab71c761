//! Store rows: their keys, and where the fold reads them from. One tree, big-endian keys, one letter a kind:
//! `h` head, `p` fact page, `t` time page, `s` suspicious days, `c` change, `d` dead letter, `o` outcomes of a commit,
//! `m` meta.

use crate::{
    codec::{BadRow, Reader, Writer},
    event::RecordedEvent,
    ids::{EventId, FactKey, Position},
    token::Token,
};

/// Row keys.
pub mod keys {
    use super::Token;

    /// A fragment's head.
    #[must_use]
    pub fn head(token: Token) -> Vec<u8> {
        [b"h".as_slice(), &token.0].concat()
    }

    /// A fragment's fact page.
    #[must_use]
    pub fn page(token: Token, page: u16) -> Vec<u8> {
        [b"p".as_slice(), &token.0, &page.to_be_bytes()].concat()
    }

    /// A fragment's time page; the greatest number is the directory.
    #[must_use]
    pub fn time(token: Token, page: u32) -> Vec<u8> {
        [b"t".as_slice(), &token.0, &page.to_be_bytes()].concat()
    }

    /// What is suspicious about a fragment's identifier.
    #[must_use]
    pub fn marks(token: Token) -> Vec<u8> {
        [b"s".as_slice(), &token.0].concat()
    }

    /// A change: by version, then its place among the changes of one commit.
    #[must_use]
    pub fn change(version: u64, n: u32) -> Vec<u8> {
        [b"c".as_slice(), &version.to_be_bytes(), &n.to_be_bytes()].concat()
    }

    /// A dead letter: by the number of records folded up to it.
    #[must_use]
    pub fn dead(version: u64) -> Vec<u8> {
        [b"d".as_slice(), &version.to_be_bytes()].concat()
    }

    /// Outcomes of a commit, by the number of records folded before it.
    #[must_use]
    pub fn outcomes(records: u64) -> Vec<u8> {
        [b"o".as_slice(), &records.to_be_bytes()].concat()
    }

    /// A named value.
    #[must_use]
    pub fn meta(name: &str) -> Vec<u8> {
        [b"m", name.as_bytes()].concat()
    }
}

/// Where a fact is: an entry of the fact index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Its home fragment.
    pub home: Token,
    /// The event that counts; zero while the fact is only awaited.
    pub event: EventId,
    /// Where that event stands.
    pub position: Position,
}

impl Place {
    /// Bytes of an entry.
    pub const BYTES: usize = 44;

    /// The entry's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut out = [0; Self::BYTES];
        out[..16].copy_from_slice(&self.home.0);
        out[16..32].copy_from_slice(&self.event.0);
        out[32..36].copy_from_slice(&self.position.origin.to_be_bytes());
        out[36..].copy_from_slice(&self.position.sequence.to_be_bytes());
        out
    }

    /// Back from the entry's bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::BYTES] = bytes.try_into().ok()?;
        Some(Self {
            home: Token(bytes[..16].try_into().ok()?),
            event: EventId(bytes[16..32].try_into().ok()?),
            position: Position {
                origin: u32::from_be_bytes(bytes[32..36].try_into().ok()?),
                sequence: u64::from_be_bytes(bytes[36..].try_into().ok()?),
            },
        })
    }
}

/// What the fold reads. Answers come from the last commit; the fold keeps its own changes until the next.
pub trait Rows {
    /// The row of this key.
    ///
    /// # Errors
    /// [`BadRow`] if the store cannot give it; the batch is then dropped and nothing is lost.
    fn row(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BadRow>;

    /// Where the fact of this key is.
    ///
    /// # Errors
    /// [`BadRow`] as for [`Rows::row`].
    fn place(&self, key: &FactKey) -> Result<Option<Place>, BadRow>;

    /// The event at this position. Asked for while folding in bulk, and for the stores of a day with many receipts.
    ///
    /// # Errors
    /// [`BadRow`] if the log cannot give it.
    fn event(&self, at: Position) -> Result<Option<RecordedEvent>, BadRow>;
}

/// Nothing is stored.
pub(crate) struct NoRows;

impl Rows for NoRows {
    fn row(&self, _key: &[u8]) -> Result<Option<Vec<u8>>, BadRow> {
        Ok(None)
    }

    fn place(&self, _key: &FactKey) -> Result<Option<Place>, BadRow> {
        Ok(None)
    }

    fn event(&self, _at: Position) -> Result<Option<RecordedEvent>, BadRow> {
        Ok(None)
    }
}

/// What became of one record; with the log it is enough to bring the resolver back after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is the current revision of its fact.
    Folded,
    /// It is, and took the place of the event at this position.
    Replaced(Position),
    /// A copy of what is known.
    Duplicate,
    /// An older revision of what is known.
    Superseded,
    /// Kept as a dead letter.
    Parked,
    /// One of the hub's own records: nothing to count.
    Own,
}

impl Outcome {
    /// Appends the row form.
    pub fn encode(self, w: &mut Writer) {
        match self {
            Self::Folded => w.number(0),
            Self::Replaced(position) => {
                w.number(1);
                w.number(u64::from(position.origin));
                w.number(position.sequence);
            }
            Self::Duplicate => w.number(2),
            Self::Superseded => w.number(3),
            Self::Parked => w.number(4),
            Self::Own => w.number(5),
        }
    }

    /// Reads the row form.
    ///
    /// # Errors
    /// [`BadRow`] if it is none.
    pub fn decode(r: &mut Reader<'_>) -> Result<Self, BadRow> {
        Ok(match r.number()? {
            0 => Self::Folded,
            1 => Self::Replaced(Position { origin: r.small()?, sequence: r.number()? }),
            2 => Self::Duplicate,
            3 => Self::Superseded,
            4 => Self::Parked,
            5 => Self::Own,
            _ => return Err(BadRow),
        })
    }
}
