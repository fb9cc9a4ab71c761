//! Log to core to store: reads the log from its own position, folds, commits fragments, changes and position together.
//!
//! Absent on purpose: HTTP, payload formats of channels, identity rules, and any second copy of the truth. Everything here
//! can be rebuilt from the log.

mod checkpoint;
mod decode;
mod engine;
mod error;
mod handle;
mod history;
pub mod index;
mod meta;
mod projection;
mod read;
mod rebuild;
mod recover;
mod regenerate;
mod sources;
pub mod store;

pub use decode::decode;
pub use engine::Engine;
pub use error::{ProjectorError, StartError};
pub use handle::{Options, Projector, Status, StoreOpener};
pub use history::{History, STEPS_MAX};
pub use meta::Meta;
pub use projection::{Customers, Projection};
pub use read::{ChangePage, Verified, View};
pub use rebuild::{Progress, RebuildReport};
pub use regenerate::newest_policy;
pub use sources::{LogRecords, StoreRows};
