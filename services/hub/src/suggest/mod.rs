//! The duplicate finder at work: a thread of its own beside the projector reads customers, first all of them and then those
//! that the change feed names, and keeps the pairs that look alike. What it holds is only in memory and made again at every
//! start.
//!
//! Absent on purpose: what is alike (core's `suggest`), acts (operators' links and unlinks are events like any other), and
//! any effect on customers.

mod book;
mod feed;
mod finder;
mod read;
#[cfg(test)]
mod tests;

pub use book::{Alike, Book, Key};
pub use feed::{Feed, Step};
pub use finder::{Finder, State, all_apart, spawn, stands};
pub use read::{Seen, Values, seen};
