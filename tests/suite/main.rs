//! The suite: house rules and the black-box tests, one binary so that it links once.

mod bench;
mod demo;
mod engine;
mod fold_oracle;
mod golden;
mod house_rules;
mod hub_accounting;
mod hub_corpus;
mod hub_files;
mod hub_full_disk;
mod hub_identity;
mod hub_kill;
mod hub_policy;
mod hub_privacy;
mod hub_reads;
mod hub_refusals;
mod hub_starts;
mod hub_stops;
mod hub_suggestions;
mod oracle_laws;
mod oracle_scenarios;
mod resolver_oracle;
mod suggest;
mod tw_synthetic;
