//! The fold: events into fragments, customers and changes. Synchronous and pure; it reads rows through [`Rows`] and hands
//! all its writes out at once with [`Fold::commit`].

mod apply;
pub mod build;
pub mod bulk;
mod changes;
mod commit;
pub mod contribution;
pub mod fact;
pub mod fragment;
pub mod head;
mod head_row;
mod homes;
mod names;
mod prepared;
pub mod receipts;
pub mod rows;
mod sales;
mod timepages;

pub use apply::{DeadLetter, Fold, FoldStats, fact_hash};
pub use commit::{Committed, Count, Row};
pub use prepared::Prepared;
pub use rows::{Outcome, Place, Rows};

use crate::token::Token;
use sha2::{Digest, Sha256};

/// Name of the projection.
pub const NAME: &str = "customers";
/// Another version means that stores are rebuilt. 2: suspicious days are counted.
pub const VERSION: u32 = 2;

/// First 16 bytes of SHA-256 over length-prefixed parts, as a number: hashes that are summed into digests.
#[must_use]
pub fn hash128(parts: &[&[u8]]) -> u128 {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u32).to_be_bytes());
        hasher.update(part);
    }
    let mut out = [0; 16];
    out.copy_from_slice(&hasher.finalize()[..16]);
    u128::from_be_bytes(out)
}

/// The fragment of a channel's facts that name nobody.
#[must_use]
pub fn channel_fragment(channel: &str) -> Token {
    Token(hash128(&[b"channel", channel.as_bytes()]).to_be_bytes())
}
