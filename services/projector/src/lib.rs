//! Log to core to store.

pub mod store;
