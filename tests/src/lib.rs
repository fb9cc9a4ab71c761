//! Support code of the black-box tests: an independent oracle of the partition function, identity scenarios written down
//! as events, random histories, and a look at the repository itself.
//!
//! Absent on purpose: the product's resolver and fold. What judges them must not share their code.

pub mod broker;
pub mod generate;
pub mod hub;
pub mod minimise;
pub mod oracle;
pub mod repo;
pub mod rng;
pub mod scenario;
pub mod spree;
