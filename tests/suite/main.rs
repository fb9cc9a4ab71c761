//! The suite: house rules and the black-box tests, one binary so that it links once.

mod demo;
mod engine;
mod fold_oracle;
mod golden;
mod house_rules;
mod oracle_laws;
mod oracle_scenarios;
mod resolver_oracle;
