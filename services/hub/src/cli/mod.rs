//! The command line: what a command prints, and with which code it ends. Commands speak HTTP to a running hub; only `serve`,
//! `demo`, `bench`, `doctor`, `log` and `verify --offline` do the work themselves.

pub mod args;
mod check;
mod configuration;
mod customer;
mod doctor;
pub mod fixtures;
pub mod identity;
mod import;
pub mod kinds;
pub mod log;
mod masking;
mod operate;
mod outline;
mod policy;
mod readapt;
pub mod scaffold;
mod standing;
mod suggestions;
mod suspicious;
mod tail;
pub mod trigger;

use crate::{
    client::{Client, ClientError},
    config::{self, Config, ConfigErrors, Surroundings},
    output::{Format, printable},
};
use args::{Cli, Command, Global};
use serde_json::Value as Json;
use std::io::{self, Write};

/// How a process of this program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Ok = 0,
    /// A check failed, or the hub said no.
    CheckFailed = 1,
    /// The command or the configuration is wrong.
    Usage = 2,
    /// There is no hub.
    Unreachable = 3,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not do its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Code to end with.
    pub exit: Exit,
    /// For people; empty if there is nothing to say.
    pub message: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

impl Failure {
    /// With this code and message.
    #[must_use]
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), remedy: None }
    }

    /// With a remedy.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Wrong use of a command.
    #[must_use]
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let message = printable(&error.to_string());
        match error {
            ClientError::BadAddress { .. } => {
                Self::usage(message).remedy("such as --hub http://127.0.0.1:8081")
            }
            ClientError::Unreachable { .. } => Self::new(Exit::Unreachable, message)
                .remedy("start it with `tributary serve` or `tributary demo`, or name another with --hub"),
            ClientError::Strange { .. } => Self::new(Exit::Unreachable, message)
                .remedy("check --hub: it names the api_listen address, not the one for providers"),
            ClientError::Refused { status, remedy, .. } => {
                let exit = if matches!(status, 400 | 422) { Exit::Usage } else { Exit::CheckFailed };
                Self { exit, message, remedy: remedy.map(|text| printable(&text)) }
            }
        }
    }
}

impl From<ConfigErrors> for Failure {
    fn from(errors: ConfigErrors) -> Self {
        // It renders itself, `error[code]:` included.
        Self::new(Exit::Usage, errors.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        // `tributary tail | head` is a fine way to end.
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::new(Exit::Ok, "");
        }
        Self::new(Exit::CheckFailed, format!("cannot write: {error}"))
    }
}

/// What a command works with.
pub struct Session<'a> {
    global: &'a Global,
    client: Client,
    out: &'a mut dyn Write,
}

impl Session<'_> {
    /// Prints an answer: in table format by `table`, with identifiers masked unless they are to be revealed; else as JSON,
    /// a line for each item of the list `items`.
    fn print(
        &mut self,
        answer: &Json,
        items: &str,
        table: impl FnOnce(&Json) -> String,
    ) -> Result<(), Failure> {
        if self.global.output != Format::Table {
            crate::output::json(self.out, answer, self.global.output, items)?;
        } else if self.global.reveal {
            self.out.write_all(table(answer).as_bytes())?;
        } else {
            self.out.write_all(table(&masking::masked(answer)).as_bytes())?;
        }
        Ok(())
    }
}

/// Runs one command and prints to `out`.
///
/// # Errors
/// [`Failure`], not printed yet.
pub async fn run(cli: Cli, out: &mut dyn Write) -> Result<Exit, Failure> {
    let Cli { global, command } = cli;
    let configuration = || load(&global);
    match command {
        Command::Serve(args) => {
            let mut config = configuration()?;
            config.role = args.role;
            return crate::serve::run(config).await;
        }
        Command::Demo(args) => return crate::demo::run(args).await,
        Command::Bench(args) => return crate::bench::run(args, &global).await,
        Command::Verify(args) if args.offline => return crate::offline::verify(configuration()?).await,
        Command::Doctor(args) => return doctor::run(&args, configuration()?, &global, out).await,
        Command::Log(command) => return log::run(&command, &global, out).await,
        Command::Config(command) => return configuration::run(&command, &global, out),
        Command::Version => {
            writeln!(out, "tributary {}", env!("CARGO_PKG_VERSION"))?;
            return Ok(Exit::Ok);
        }
        Command::Channel(args::Channel::Check(args::Check { channel, file: Some(file), rows })) => {
            return check::run(&channel, &file, rows, &configuration()?, &global, out);
        }
        Command::Channel(args::Channel::Ls { kinds: true }) => return kinds::list(&global, out),
        Command::Channel(args::Channel::New(args)) => return scaffold::run(&args, &global, out),
        Command::Channel(args::Channel::Test(args)) => return fixtures::run(&args, &global, out),
        Command::Channel(args::Channel::Describe(args)) => return kinds::describe(&args, &global, out),
        Command::Channel(args::Channel::Trigger(args)) => {
            return trigger::run(&args, configuration()?, &global, out).await;
        }
        _ => {}
    }
    let client = Client::new(&global.hub, global.token.clone())?;
    let mut session = Session { global: &global, client, out };
    match command {
        Command::Tail(args) => tail::run(&args, &mut session).await,
        Command::Customer(command) => customer::run(&command, &mut session).await,
        Command::Identity(command) => identity::run(&command, &mut session).await,
        Command::Readapt(args) => readapt::run(&args, &mut session).await,
        Command::Rebuild(args) => operate::rebuild(&args, &mut session).await,
        Command::Verify(_) => operate::verify(&mut session).await,
        Command::Deadletters(args::Deadletters::Ls) => operate::deadletters(&mut session).await,
        Command::Channel(args::Channel::Import(args)) => {
            import::run(&args, &load(&global)?, &mut session).await
        }
        Command::Channel(args::Channel::Check(args)) => standing::run(&args.channel, &mut session).await,
        Command::Channel(_) => operate::channels(&mut session).await,
        Command::Lag(args) => operate::lag(&args, &mut session).await,
        _ => Err(Failure::usage("no such command")),
    }
}

/// The configuration of `--config`, the working folder and the environment.
///
/// # Errors
/// Everything wrong with it.
pub fn load(global: &Global) -> Result<Config, ConfigErrors> {
    config::load(&Surroundings::of_process(global.config.clone()))
}
