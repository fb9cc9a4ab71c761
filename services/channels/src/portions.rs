//! Large requests in portions: what a file decodes to takes many times its own memory, so that it is never held whole.

use crate::adapter::{ChannelAdapter, Decoded, InboundRequest, Rejected, Unrecognised};
use tributary_core::{draft::Draft, seal::Raw};

/// Facts of a portion where nobody says otherwise: as many as are appended at once.
pub const USUAL: usize = 1_000;
/// Bytes of raw requests in a portion, for each fact it may have: beyond that it ends early.
const RAW_A_FACT: usize = 4 * 1024;

/// What a request decodes to, piece by piece. All portions one after the other are what [`ChannelAdapter::decode`] gives:
/// the same facts in their order, and the same remainders in theirs.
pub trait Portions {
    /// The next portion, never an empty one; `None` after the last.
    fn next(&mut self) -> Option<Decoded>;

    /// How many rows or facts were told, of how many in all.
    fn progress(&self) -> (u64, u64);
}

/// A request that is decoded at once.
pub struct Whole(Option<Decoded>, u64);

impl Whole {
    /// Its only portion.
    #[must_use]
    pub fn new(decoded: Decoded) -> Self {
        let count = (decoded.events.len() + decoded.unrecognised.len()) as u64;
        Self(Some(decoded), count)
    }
}

impl Portions for Whole {
    fn next(&mut self) -> Option<Decoded> {
        self.0.take()
    }

    fn progress(&self) -> (u64, u64) {
        (if self.0.is_none() { self.1 } else { 0 }, self.1)
    }
}

/// All portions as one.
///
/// # Errors
/// The adapter's refusal.
pub fn decode_whole(
    adapter: &dyn ChannelAdapter,
    request: &InboundRequest<'_>,
    most: usize,
) -> Result<Decoded, Rejected> {
    let mut portions = adapter.portions(request, most)?;
    let mut all = portions.next().unwrap_or_default();
    while let Some(portion) = portions.next() {
        all.events.extend(portion.events);
        all.unrecognised.extend(portion.unrecognised);
    }
    Ok(all)
}

/// A portion that fills.
pub(crate) struct Filling {
    decoded: Decoded,
    most: usize,
    /// Bytes of its raw requests.
    bytes: usize,
}

impl Filling {
    /// An empty one for so many facts and remainders.
    pub(crate) fn new(most: usize) -> Self {
        Self { decoded: Decoded::default(), most, bytes: 0 }
    }

    /// Adds a fact.
    pub(crate) fn add(&mut self, draft: Draft) {
        self.count(&draft.raw);
        self.decoded.events.push(draft);
    }

    /// Adds what is none.
    pub(crate) fn add_rest(&mut self, rest: Unrecognised) {
        self.count(&rest.raw);
        self.decoded.unrecognised.push(rest);
    }

    /// Whether the next one belongs to the next portion.
    pub(crate) fn is_full(&self) -> bool {
        let told = self.decoded.events.len() + self.decoded.unrecognised.len();
        told >= self.most.max(1) || told > 0 && self.bytes >= self.most.saturating_mul(RAW_A_FACT)
    }

    /// The portion, if there is anything in it.
    pub(crate) fn end(self) -> Option<Decoded> {
        let is_empty = self.decoded.events.is_empty() && self.decoded.unrecognised.is_empty();
        (!is_empty).then_some(self.decoded)
    }

    fn count(&mut self, raw: &Raw) {
        self.bytes = self.bytes.saturating_add(raw.body.len());
    }
}
