//! The projection as a trait, so that tests can put a panicking one in its place.

use tributary_core::{
    codec::BadRow,
    event::RecordedEvent,
    fold::{Fold, Outcome, Prepared, Rows},
};

/// One event into the fold: synchronous, pure, total but for damaged rows.
pub trait Projection: Send + Sync {
    /// Name of the projection.
    fn name(&self) -> &'static str;
    /// Another version means that stores are rebuilt.
    fn version(&self) -> u32;
    /// Folds one event; `prepared` is of it.
    ///
    /// # Errors
    /// [`BadRow`] if a row is damaged or cannot be read.
    fn apply(
        &self,
        fold: &mut Fold,
        rows: &dyn Rows,
        event: &RecordedEvent,
        prepared: &Prepared,
    ) -> Result<Outcome, BadRow>;
}

/// The product's projection: one 360-degree view a customer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Customers;

impl Projection for Customers {
    fn name(&self) -> &'static str {
        tributary_core::fold::NAME
    }

    fn version(&self) -> u32 {
        tributary_core::fold::VERSION
    }

    fn apply(
        &self,
        fold: &mut Fold,
        rows: &dyn Rows,
        event: &RecordedEvent,
        prepared: &Prepared,
    ) -> Result<Outcome, BadRow> {
        fold.apply(rows, event, prepared)
    }
}
