//! Channel adapters: pure functions from raw requests to drafts of events.
//!
//! A new channel is one file (or folder), its fixtures, and two lines here: its `mod` and its row in [`REGISTRY`].
//! Absent on purpose: network, files, clocks, randomness, environment, and anything that appends to the log.

pub mod adapter;
pub mod bindings_file;
pub mod cloudevents;
pub mod digest;
pub mod email;
pub mod google_lead;
pub mod json;
pub mod kit;
pub mod line;
pub mod mapped;
pub mod members_file;
pub mod meta;
pub mod outward;
pub mod portions;
pub mod pos_file;
pub mod pull;
pub mod samples;
pub mod settings;
pub mod setup;
pub mod shopify;
pub mod signature;
pub mod square;
pub mod standing;
pub mod table;
pub mod tw_einvoice;
pub mod typeform;
pub mod web_form;
pub mod when;

use adapter::Registration;

/// All adapters. The README's table, configuration, metrics labels and the conformance kit come from these rows.
pub static REGISTRY: &[&Registration] = &[
    &line::REGISTRATION,
    &web_form::REGISTRATION,
    &typeform::REGISTRATION,
    &google_lead::REGISTRATION,
    &cloudevents::REGISTRATION,
    &email::REGISTRATION,
    &meta::REGISTRATION,
    &pos_file::REGISTRATION,
    &members_file::REGISTRATION,
    &bindings_file::REGISTRATION,
    &square::REGISTRATION,
    &shopify::REGISTRATION,
    &tw_einvoice::REGISTRATION,
    &mapped::REGISTRATION,
];

/// The row of this kind.
#[must_use]
pub fn registration(kind: &str) -> Option<&'static Registration> {
    REGISTRY.iter().copied().find(|r| r.kind == kind)
}
