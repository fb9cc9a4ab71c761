//! The commands and their arguments, as `--help` shows them.

use crate::{node::Role, output::Format};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Where a hub's interface listens unless told otherwise.
pub const HUB_DEFAULT: &str = "http://127.0.0.1:8081";

/// One view per customer over every channel, from an event log that keeps everything.
#[derive(Parser)]
#[command(name = "tributary", version, max_term_width = 110, after_help = EXAMPLES)]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "Examples:
  tributary demo                                   a hub with sample data, nothing to configure
  tributary serve                                  the hub, from ./tributary.toml or with defaults
  tributary channel trigger line-main message      post a signed sample to a channel
  tributary tail --from start                      every event, as it arrives
  tributary customer find phone 0912-345-678       one customer, every channel
  tributary customer why cus_...                   why it is one customer

Exit codes: 0 ok, 1 check failed, 2 usage, 3 unreachable";

/// Options of every command.
#[derive(Clone, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// The hub's interface
    #[arg(long, global = true, env = "TRIBUTARY_HUB", default_value = HUB_DEFAULT, value_name = "URL")]
    pub hub: String,
    /// Token for the hub's interface
    #[arg(long, global = true, env = "TRIBUTARY_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub token: Option<String>,
    /// How to print
    #[arg(short, long, global = true, value_enum, default_value = "table", value_name = "FORMAT")]
    pub output: Format,
    /// Configuration file [default: tributary.toml here, if there is one]
    #[arg(long, global = true, env = "TRIBUTARY_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print identifiers in full; tables mask them otherwise
    #[arg(long, global = true)]
    pub reveal: bool,
}

/// All commands. Neither they nor the options have a `Debug` that would show tokens and values.
#[derive(Subcommand)]
pub enum Command {
    /// Run a hub with sample data in a temporary folder
    Demo(crate::demo::Args),
    /// Run the hub
    Serve(Serve),
    /// Print events as they arrive
    Tail(Tail),
    /// Look at customers
    #[command(subcommand)]
    Customer(Customer),
    /// Say who is one customer, and who is not
    #[command(subcommand)]
    Identity(Identity),
    /// Read a channel's stored requests again with today's adapter and settings
    Readapt(Readapt),
    /// Fold all views again from the log, compare, and swap
    Rebuild(Rebuild),
    /// Check that the views are what the log says
    Verify(Verify),
    /// What could not be decoded or folded
    #[command(subcommand)]
    Deadletters(Deadletters),
    /// Look at channels and try them
    #[command(subcommand)]
    Channel(Channel),
    /// Check and show the configuration
    #[command(subcommand)]
    Config(Config),
    /// Measure this machine
    Bench(crate::bench::Args),
    /// Check how this node is set up, and say what to do about it; or size one
    Doctor(Doctor),
    /// Move the whole log between engines and disks; no hub may serve it meanwhile
    #[command(subcommand)]
    Log(super::log::Log),
    /// How far the views are behind the log
    Lag(Lag),
    /// Print the version
    Version,
}

/// `tail`.
/// `serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// What this node of several does; nodes share the log through a broker
    #[arg(long, value_enum, default_value = "all")]
    pub role: Role,
}

/// `tail`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  tributary tail\n  tributary tail --from start --count 10 -o jsonl\n  \
                        tributary tail --channel line-main")]
pub struct Tail {
    /// Where to begin
    #[arg(long, value_enum, default_value = "now")]
    pub from: From,
    /// End after so many events
    #[arg(long, value_name = "N")]
    pub count: Option<u64>,
    /// Only this channel
    #[arg(long, value_name = "NAME")]
    pub channel: Option<String>,
}

/// Where `tail` begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum From {
    /// At the first event of the log.
    Start,
    /// After the newest.
    Now,
}

/// `customer`.
#[derive(Subcommand)]
pub enum Customer {
    /// Find by an identifier, or by text
    #[command(after_help = "Examples:\n  tributary customer find phone 0912-345-678\n  \
                            tributary customer find line U4af4... --scope prov-1\n  tributary customer find --text 陳美玲")]
    Find {
        /// Type of the identifier: phone, email, line, member, ...
        #[arg(value_name = "TYPE", required_unless_present = "text", requires = "value")]
        kind: Option<String>,
        /// The identifier, in any spelling
        value: Option<String>,
        /// Scope of the identifier, such as the LINE provider
        #[arg(long)]
        scope: Option<String>,
        /// Words to search for instead
        #[arg(long, conflicts_with_all = ["kind", "scope"], value_name = "WORDS")]
        text: Option<String>,
    },
    /// Everything known about a customer
    Show {
        /// Customer id
        id: String,
    },
    /// What a customer did, newest first
    Timeline {
        /// Customer id
        id: String,
        /// At most so many entries
        #[arg(long, default_value_t = 50)]
        limit: u32,
        /// Only what comes before this cursor
        #[arg(long, value_name = "CURSOR")]
        before: Option<String>,
    },
    /// Why it is one customer
    Why {
        /// Customer id
        id: String,
    },
    /// Forget a customer: what named it up to now names nobody any more
    Erase {
        /// Customer id
        id: String,
        /// Why; kept in the log with who did it
        #[arg(long)]
        reason: String,
        /// Only tell what it would cover
        #[arg(long)]
        dry_run: bool,
    },
}

/// `identity`.
#[derive(Debug, Subcommand)]
#[command(
    after_help = "Identifiers are TYPE=VALUE or TYPE:SCOPE=VALUE.\n\nExamples:\n  tributary identity link \
                        phone=0912-345-678 line:prov-1=U4af4... --reason 'asked at the till'\n  tributary identity \
                        unlink phone=0912-345-678 email=mei@shop.example --reason 'number was passed on'\n  \
                        tributary identity block phone=0900-000-000 --reason 'typed by staff for everyone'\n  tributary identity clear member=M000123 \
                        --reason 'buys for a canteen'"
)]
pub enum Identity {
    /// These two are one customer
    Link(Pair),
    /// These two are not one customer
    Unlink(Unlink),
    /// This identifier says nothing about anyone
    Block(One),
    /// This identifier counts again
    Unblock(One),
    /// List customers that look like one person
    Suggestions(Page),
    /// These two customers are one: links the strongest identifier of each
    Accept(Decision),
    /// These two customers are not one: nothing will link them by these identifiers, and they are suggested no more
    Reject(Decision),
    /// List identifiers with more receipts or stores on a day than one person makes
    Suspicious(Page),
    /// What is suspicious about this identifier up to now was looked at and is in order
    Clear(One),
    /// Count blanks, placeholders and unusable values by channel and store
    Quality,
    /// Show the rules in force
    Policy,
    /// Tell what other rules would merge and split; nothing is changed
    Plan(Plan),
    /// Offer somebody who is logged in at the shop to bind an account of a channel: prints a nonce and where to send their browser
    Offer(Offer),
    /// State that identifiers were verified as one person's by a system of the shop
    Prove(Prove),
    /// Put other rules in force: they are kept in the log, and everything is folded again under them
    Apply(Apply),
}

/// `identity suggestions` and `identity suspicious`.
#[derive(Debug, Args)]
pub struct Page {
    /// At most so many
    #[arg(long, default_value_t = 50)]
    pub limit: u32,
    /// Only what comes after this cursor
    #[arg(long, value_name = "CURSOR")]
    pub cursor: Option<String>,
}

/// `identity accept` and `identity reject`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  tributary identity suggestions\n  \
                        tributary identity accept cus_... cus_... --reason 'asked on the phone' --dry-run\n  \
                        tributary identity reject cus_... cus_... --reason 'father and son'")]
pub struct Decision {
    /// One customer
    #[arg(value_name = "CUSTOMER")]
    pub first: String,
    /// The other
    #[arg(value_name = "CUSTOMER")]
    pub second: String,
    /// Why; kept in the log with who did it
    #[arg(long)]
    pub reason: String,
    /// Only tell what would change
    #[arg(long)]
    pub dry_run: bool,
}

/// `identity plan`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  tributary identity plan --policy new.toml\n  \
                        tributary identity plan --policy new.toml -o json")]
pub struct Plan {
    /// TOML file with an [identity] section
    #[arg(long, value_name = "FILE")]
    pub policy: PathBuf,
}

/// `identity apply`.
#[derive(Debug, Args)]
pub struct Apply {
    /// TOML file with an [identity] section
    #[arg(long, value_name = "FILE")]
    pub policy: PathBuf,
    /// Why; kept in the log with who did it
    #[arg(long)]
    pub reason: String,
}

/// Two identifiers.
#[derive(Debug, Args)]
pub struct Pair {
    /// First identifier
    #[arg(value_name = "IDENTIFIER")]
    pub first: super::identity::Identifier,
    /// Second identifier
    #[arg(value_name = "IDENTIFIER")]
    pub second: super::identity::Identifier,
    /// Why; kept in the log with who did it
    #[arg(long)]
    pub reason: String,
    /// Only tell what would change
    #[arg(long)]
    pub dry_run: bool,
}

/// `identity offer`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  tributary identity offer line-main member=M1 --link-token T")]
pub struct Offer {
    /// The channel whose account will be bound
    pub channel: String,
    /// Who is logged in
    #[arg(value_name = "IDENTIFIER")]
    pub identifier: super::identity::Identifier,
    /// Seconds that it stands
    #[arg(long, default_value_t = 600)]
    pub ttl: u64,
    /// The token that the platform gave for this person
    #[arg(long, value_name = "TOKEN")]
    pub link_token: Option<String>,
}

/// `identity prove`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  tributary identity prove phone=0912-345-678 member=M1 --method phone_code --key otp-20260301-17"
)]
pub struct Prove {
    /// What was verified, and whose it is
    #[arg(value_name = "IDENTIFIER", num_args = 2..=5, required = true)]
    pub identifiers: Vec<super::identity::Identifier>,
    /// How, such as phone_code
    #[arg(long)]
    pub method: String,
    /// The system's own name of this verification: the same one twice is one proof
    #[arg(long)]
    pub key: String,
}

/// `identity unlink`.
#[derive(Debug, Args)]
pub struct Unlink {
    /// The two
    #[command(flatten)]
    pub pair: Pair,
    /// Also where nothing links the two: then nothing ever will
    #[arg(long)]
    pub keep_apart: bool,
}

/// One identifier.
#[derive(Debug, Args)]
pub struct One {
    /// Identifier
    #[arg(value_name = "IDENTIFIER")]
    pub identifier: super::identity::Identifier,
    /// Why; kept in the log with who did it
    #[arg(long)]
    pub reason: String,
    /// Only tell what would change
    #[arg(long)]
    pub dry_run: bool,
}

/// `rebuild`.
#[derive(Debug, Args)]
pub struct Rebuild {
    /// Start it and come back
    #[arg(long)]
    pub no_wait: bool,
}

/// `verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// Open the data folder itself; the hub must be stopped
    #[arg(long)]
    pub offline: bool,
}

/// `readapt`.
#[derive(Debug, Args)]
#[command(
    after_help = "What comes out otherwise than before is appended, and counts instead; what no longer comes out is removed. \
                        Nothing is delivered again.\n\nExamples:\n  tributary readapt shop --since 30d --dry-run\n  \
                        tributary readapt shop --since 2026-03-01 --until 2026-03-15\n  tributary readapt shop --since start"
)]
pub struct Readapt {
    /// Channel
    pub channel: String,
    /// Requests stored from then on: 30d, 12h, a day, a time, or start
    #[arg(long, value_name = "WHEN")]
    pub since: String,
    /// Requests stored before then [default: now]
    #[arg(long, value_name = "WHEN")]
    pub until: Option<String>,
    /// Only tell what would differ
    #[arg(long)]
    pub dry_run: bool,
}

/// `deadletters`.
#[derive(Debug, Subcommand)]
pub enum Deadletters {
    /// List them with their reasons
    Ls,
}

/// `channel`.
#[derive(Debug, Subcommand)]
pub enum Channel {
    /// List the hub's channels
    Ls {
        /// List the kinds of channels that there are instead
        #[arg(long)]
        kinds: bool,
    },
    /// Begin a channel from a sample payload
    New(super::scaffold::Args),
    /// Check a channel's fixtures: what they become, and that nothing hostile breaks it
    Test(super::fixtures::Args),
    /// Tell the settings of a kind, and where to find them
    Describe(super::kinds::Args),
    /// Post a signed sample to a channel, as its provider would
    Trigger(Trigger),
    /// Check how a channel stands; with a file, show what that would become, and what would be refused: nothing is sent
    Check(Check),
    /// Hand whole files to a channel: history, member lists, bindings
    Import(Import),
}

/// `channel import`.
#[derive(Debug, Args)]
#[command(
    after_help = "A file that was begun is gone on with; one that is there already adds nothing. What cannot be read is \
                        kept with its line: see `deadletters ls`.\n\nExamples:\n  tributary channel import till 2019.csv \
                        2020.csv --historical\n  tributary channel import members list.xlsx --dry-run"
)]
pub struct Import {
    /// Channel
    pub channel: String,
    /// Files, or the files of heads where details come in others
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Mark what they hold as imported history
    #[arg(long)]
    pub historical: bool,
    /// Only count what they would become, here and without a hub
    #[arg(long)]
    pub dry_run: bool,
}

/// `channel check`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tributary channel check line-main\n  tributary channel check till day.csv\n  \
                        tributary channel check till day.xlsx --rows 100 -o json"
)]
pub struct Check {
    /// Channel of the configuration
    pub channel: String,
    /// File, or the file of heads where details come in another; without it the hub checks the channel itself
    pub file: Option<PathBuf>,
    /// At most so many rows, and so many that are refused
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub rows: usize,
}

/// `channel trigger`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tributary channel trigger line-main --list\n  tributary channel trigger line-main \
                        message --override text='我想退貨'\n  tributary channel trigger shop --count 1000 --rate 200"
)]
pub struct Trigger {
    /// Channel of the configuration
    pub channel: String,
    /// Sample of its kind [default: the first]
    pub sample: Option<String>,
    /// List the samples instead
    #[arg(long)]
    pub list: bool,
    /// How many to post
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub count: u64,
    /// At most so many a second
    #[arg(long, value_name = "N")]
    pub rate: Option<f64>,
    /// Replace a word of the sample
    #[arg(long = "override", value_name = "WORD=VALUE", value_parser = super::trigger::parse_override)]
    pub overrides: Vec<(String, String)>,
}

/// `config`.
#[derive(Debug, Subcommand)]
pub enum Config {
    /// Say OK, or everything that is wrong
    Check,
    /// The configuration in effect, secrets covered
    Show {
        /// Say where each value comes from
        #[arg(long)]
        origin: bool,
    },
}

/// `doctor`.
#[derive(Debug, Args)]
#[command(
    after_help = "It needs no running hub, works beside one, and changes nothing. Exit code 1: something is wrong; 3: the \
                        broker cannot be reached, or refuses.\n\nExamples:\n  tributary doctor\n  tributary doctor -o json\n  \
                        tributary doctor --plan events_per_day=20000,years=3,customers=500000"
)]
pub struct Doctor {
    /// Instead tell what disk, memory and time so many events need, from a probe of some seconds on this machine
    #[arg(long, value_name = "events_per_day=N,years=N,customers=N")]
    pub plan: Option<String>,
}

/// `lag`.
#[derive(Debug, Args)]
pub struct Lag {
    /// Exit with 1 if more events than this are waiting
    #[arg(long, value_name = "N")]
    pub max: Option<u64>,
}
