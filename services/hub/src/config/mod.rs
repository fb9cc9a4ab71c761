//! The configuration: one TOML file, read once, with the environment laid over it. Every mistake is reported with its line,
//! column and remedy, all at once. Nothing here opens a socket or touches the data folder.

pub mod broker;
pub mod channels;
pub mod folder;
pub mod identity;
pub mod kafka;
pub mod place;
pub mod reader;
pub mod secret;
pub mod sections;
pub mod show;
pub mod tree;

pub use place::{ConfigErrors, Diagnostic, Origin, Source};
pub use sections::{Hub, Log, Store, Suggestions};

use crate::{node::Role, tokens::Tokens};
use reader::{Gathered, Shown};
use std::{collections::BTreeMap, fmt, path::PathBuf};
use tributary_channels::settings::Channel;

/// The file that is read from the working folder when none is named.
pub const DEFAULT_FILE: &str = "tributary.toml";
/// Largest configuration file in bytes; thousands of channels fit, a mistyped path to a data file does not.
const FILE_MAX: u64 = 4 << 20;

/// Environment variables as data.
pub type Environment = BTreeMap<String, String>;

/// What configuration is read from.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The file named by `--config`; it must exist.
    pub file: Option<PathBuf>,
    /// The environment.
    pub environment: Environment,
}

impl Surroundings {
    /// Those of this process.
    #[must_use]
    pub fn of_process(file: Option<PathBuf>) -> Self {
        // Variables that are no Unicode cannot be meant: every name and value here is text.
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self { file, environment }
    }
}

/// The configuration in effect.
pub struct Config {
    /// What this node does; the command says it, not the file.
    pub role: Role,
    /// `[hub]`.
    pub hub: Hub,
    /// `[log]`.
    pub log: Log,
    /// `[store]`.
    pub store: Store,
    /// `[suggestions]`.
    pub suggestions: Suggestions,
    /// `[identity]`; without it the policy that an operator applied last, else the default one.
    pub identity: Option<identity::Written>,
    /// `[[tokens]]`.
    pub tokens: Tokens,
    /// `[channels.*]`, built, in the order of their names.
    pub channels: Vec<Channel>,
    /// The file, for naming origins.
    pub source: Source,
    shown: Vec<Shown>,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("hub", &self.hub)
            .field("channels", &self.channels)
            .finish_non_exhaustive()
    }
}

impl Config {
    /// The channel of this name.
    #[must_use]
    pub fn channel(&self, name: &str) -> Option<&Channel> {
        self.channels.iter().find(|channel| channel.context.name == name)
    }

    /// Every setting in effect, secrets covered.
    #[must_use]
    pub fn shown(&self) -> &[Shown] {
        &self.shown
    }
}

/// Reads the file, lays the environment over it and checks all of it.
///
/// # Errors
/// Everything that is wrong, in the file's order.
pub fn load(surroundings: &Surroundings) -> Result<Config, ConfigErrors> {
    let source = read(surroundings)?;
    from_text(source, &surroundings.environment)
}

/// The same for commands that only try channels: every secret of a channel is a stand-in, so that neither machines without
/// the secrets fail nor results depend on them.
///
/// # Errors
/// Everything else that is wrong, in the file's order.
pub fn load_to_try(surroundings: &Surroundings) -> Result<Config, ConfigErrors> {
    let source = read(surroundings)?;
    assemble(source, &surroundings.environment, true)
}

/// The configuration of this text; for tests and for hubs made in code.
///
/// # Errors
/// Everything that is wrong, in the text's order.
pub fn from_text(source: Source, environment: &Environment) -> Result<Config, ConfigErrors> {
    assemble(source, environment, false)
}

/// The configuration of this text with stand-ins, as [`load_to_try`].
///
/// # Errors
/// Everything else that is wrong, in the text's order.
pub fn from_text_to_try(source: Source, environment: &Environment) -> Result<Config, ConfigErrors> {
    assemble(source, environment, true)
}

fn assemble(source: Source, environment: &Environment, to_try: bool) -> Result<Config, ConfigErrors> {
    let mut gathered = Gathered::default();
    let mut root = tree::parse(&source.text, &mut gathered.problems);
    if !gathered.problems.is_empty() {
        // Half a tree would give complaints that vanish with the syntax error.
        return Err(ConfigErrors::new(source, gathered.problems));
    }
    tree::overlay(&mut root, environment, &mut gathered.problems);
    let with_stand_in = to_try.then(|| secret::stand_in(&mut root, environment));
    let environment = with_stand_in.as_ref().unwrap_or(environment);
    let hub = sections::hub(&root, &mut gathered);
    let log = sections::log(&root, environment, &mut gathered);
    let store = sections::store(&root, &mut gathered);
    let suggestions = sections::suggestions(&root, &mut gathered);
    let identity = identity::identity(&root, hub.default_region, &mut gathered);
    let tokens = sections::tokens(&root, &mut gathered);
    sections::guard_addresses(&hub, &tokens, &root, &mut gathered);
    let channels = channels::build(&root, &hub, environment, &mut gathered);
    refuse_other_sections(&root, &mut gathered);
    if !gathered.problems.is_empty() {
        return Err(ConfigErrors::new(source, gathered.problems));
    }
    let tokens = Tokens::new(tokens);
    let role = Role::default();
    Ok(Config {
        role,
        hub,
        log,
        store,
        suggestions,
        identity,
        tokens,
        channels,
        source,
        shown: gathered.shown,
    })
}

fn refuse_other_sections(root: &tree::Table, gathered: &mut Gathered) {
    let whole =
        tree::Node { value: tree::Value::Table(root.clone()), at: Origin::Default, key_at: Origin::Default };
    let mut reader = reader::Reader::new("", Some(&whole), gathered);
    for section in ["hub", "log", "store", "suggestions", "identity", "tokens", "channels"] {
        reader.node(section);
    }
    reader.finish();
}

fn read(surroundings: &Surroundings) -> Result<Source, ConfigErrors> {
    let (path, must_exist) = match &surroundings.file {
        Some(path) => (path.clone(), true),
        None => (PathBuf::from(DEFAULT_FILE), false),
    };
    let name = path.display().to_string();
    let refuse = |problem: String| {
        let remedy =
            Some("name a readable file with --config, or leave it out to run with the defaults".to_owned());
        let at = Origin::Default;
        let one = Diagnostic { code: "config_unreadable", key: String::new(), problem, remedy, at };
        ConfigErrors::new(Source::default(), vec![one])
    };
    match std::fs::metadata(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !must_exist => {
            return Ok(Source::default());
        }
        Err(error) => return Err(refuse(format!("cannot read {name}: {error}"))),
        Ok(found) if found.len() > FILE_MAX => {
            return Err(refuse(format!("{name} has {} bytes, at most {FILE_MAX} are read", found.len())));
        }
        Ok(_) => {}
    }
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Source { name, text }),
        Err(error) => Err(refuse(format!("cannot read {name}: {error}"))),
    }
}

#[cfg(test)]
mod tests;
