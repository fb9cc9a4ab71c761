//! Tributary's core: events, identifiers, identity resolution, the fold and the views it gives.
//!
//! Absent on purpose: I/O, clocks, randomness, threads, environment. Time and keys come in as data; the same events give
//! the same views in any order.

mod birth_date;
pub mod body;
pub mod change;
pub mod codec;
pub mod content;
pub mod draft;
pub mod event;
pub mod fold;
pub mod identity;
pub mod ids;
pub mod money;
pub mod normalise;
pub mod seal;
pub mod suggest;
mod text;
pub mod time;
pub mod token;
pub mod view;
pub mod wire;
