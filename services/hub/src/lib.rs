//! The hub: what the binary runs, as a library so that tests and benchmarks can use it.
//!
//! Absent on purpose: how events are decoded, folded and stored. Those are the other crates; this one gives them sockets,
//! files, clocks, keys and commands.

pub mod alarm;
pub mod bench;
pub mod bodies;
pub mod carry;
pub mod cli;
pub mod client;
pub mod config;
pub mod demo;
pub mod doctor;
pub mod folders;
pub mod forward;
pub mod hub;
pub mod ingress;
pub mod jobs;
pub mod keys;
pub mod listener;
pub mod lock;
pub mod login;
pub mod metrics;
pub mod node;
pub mod offline;
pub mod once;
pub mod outbound;
pub mod output;
pub mod outputs;
pub mod pace;
pub mod page;
pub mod policy;
pub mod problem;
pub mod profiles;
pub mod pull;
pub mod quality;
pub mod query;
pub mod readapt;
mod rng;
pub mod serve;
pub mod silence;
pub mod standing;
pub mod suggest;
pub mod tokens;

use clap::Parser as _;
use cli::{Exit, Failure};
use std::io::Write as _;

/// The whole program: reads the arguments, runs the command, says what went wrong, gives the exit code.
#[must_use]
pub fn main_entry() -> std::process::ExitCode {
    let cli = match cli::args::Cli::try_parse() {
        Ok(cli) => cli,
        Err(shown) => {
            // Help and version come this way too, with code 0. A closed pipe leaves nobody to tell.
            let _ = shown.print();
            return if shown.use_stderr() { Exit::Usage } else { Exit::Ok }.into();
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&Failure::new(Exit::CheckFailed, format!("cannot start threads: {error}")));
            return Exit::CheckFailed.into();
        }
    };
    match runtime.block_on(cli::run(cli, &mut std::io::stdout())) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            complain(&failure);
            failure.exit.into()
        }
    }
}

/// Tells people what went wrong, on standard error.
fn complain(failure: &Failure) {
    let mut err = std::io::stderr().lock();
    // Without standard error there is no one to tell.
    let _ = match failure.message.as_str() {
        "" => Ok(()),
        rendered if rendered.starts_with("error[") => write!(err, "{rendered}"),
        message => writeln!(err, "error: {message}"),
    };
    if let Some(remedy) = &failure.remedy {
        let _ = writeln!(err, "  help: {remedy}");
    }
}
