//! Log to core to store.

pub mod index;
pub mod store;
