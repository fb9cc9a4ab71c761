//! How much work one request may cause.

use cel::common::{
    types::{CelBytes, CelList, CelMap, CelOptional, CelString},
    value::Val,
};
use std::sync::atomic::{AtomicU64, Ordering};

/// Work for one request: about a second on a slow machine. A list of a thousand orders with thirty settings each takes a
/// tenth of it.
pub(in crate::mapped) const WORK_MAX: u64 = 2_000_000;
/// Bytes of a text that cost as much as one value.
const TEXT_BYTES_A_UNIT: usize = 32;

/// Work that is left, in values looked at; a text counts once and once more for each 32 bytes. Used by one request, whose
/// functions the evaluator wants to be shareable between threads: hence the atomic.
#[derive(Debug)]
pub(in crate::mapped) struct Budget(AtomicU64);

impl Budget {
    pub(in crate::mapped) fn new() -> Self {
        Self(AtomicU64::new(WORK_MAX))
    }

    /// Takes `work`; false if there was not so much left, and from then on.
    pub(in crate::mapped) fn take(&self, work: u64) -> bool {
        let left = self.0.load(Ordering::Relaxed);
        let rest = left.checked_sub(work.max(1));
        self.0.store(rest.unwrap_or(0), Ordering::Relaxed);
        rest.is_some()
    }

    /// Takes what a look at every part of this value costs.
    pub(super) fn take_for(&self, value: &dyn Val) -> bool {
        let left = self.0.load(Ordering::Relaxed);
        let mut rest = left;
        let fits = pay(value, &mut rest);
        self.0.store(if fits { rest } else { 0 }, Ordering::Relaxed);
        fits
    }

    /// Whether there is none left: an expression may swallow the error (`true || ...`), but not this.
    pub(in crate::mapped) fn is_spent(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

/// Work for a text of this length.
pub(super) fn text_work(bytes: usize) -> u64 {
    1 + (bytes / TEXT_BYTES_A_UNIT) as u64
}

fn pay(value: &dyn Val, left: &mut u64) -> bool {
    let own = if let Some(text) = value.downcast_ref::<CelString>() {
        text_work(text.inner().len())
    } else if let Some(bytes) = value.downcast_ref::<CelBytes>() {
        text_work(bytes.inner().len())
    } else {
        1
    };
    // One unit stays: zero means spent.
    match left.checked_sub(own) {
        Some(rest) if rest > 0 => *left = rest,
        _ => return false,
    }
    if let Some(list) = value.downcast_ref::<CelList>() {
        list.inner().iter().all(|item| pay(item.as_ref(), left))
    } else if let Some(map) = value.downcast_ref::<CelMap>() {
        map.inner().iter().all(|(key, item)| pay(key.inner(), left) && pay(item.as_ref(), left))
    } else if let Some(inner) = value.downcast_ref::<CelOptional>().and_then(CelOptional::option) {
        pay(inner, left)
    } else {
        true
    }
}
