//! Suggestions: pairs of customers that look like one person, for a person to decide. Nothing here joins anybody.
//!
//! A [`Record`] holds what can be compared of one customer. [`keys`] says which pairs are looked at, [`compare`] what their
//! agreement is worth by the weights of Fellegi and Sunter ("A Theory for Record Linkage", 1969), and [`Suggester`] keeps
//! the pairs above a threshold while records come, change and go. Its answer is a function of the records it holds, in
//! whatever order they came.
//!
//! Absent on purpose: learning (weights are constants, and what operators decide does not change them), frequencies of
//! values (an answer would depend on all other customers), identifiers as proof (the resolver's), I/O and threads: whoever
//! reads customers feeds them in.

mod address;
mod compare;
mod contact;
mod date;
mod distance;
mod index;
mod keys;
mod name;
mod record;
#[cfg(test)]
mod tests_index;
mod weights;

pub use compare::{Levels, Reason, Suggestion, compare};
pub use index::{BLOCK_MAX, Change, Excluded, Pair, Suggester, threshold_for};
pub use keys::KEYS_MAX;
pub use record::{Raw, Record, VALUES_MAX};
pub use weights::{Field, Level, WEIGHTS, weight};
