//! From where and to where, as people write it.

use super::{Stream, Wishes, coded};
use crate::{
    cli::Failure,
    config::{self, Config, Surroundings, folder::FolderError},
    node,
};
use std::path::{Path, PathBuf};

/// One side of a copy.
pub enum Side {
    /// A data folder.
    Folder(PathBuf),
    /// The stream of a hub on a broker.
    Broker(Box<Broker>),
}

/// A configuration whose engine is a broker.
pub struct Broker {
    /// The configuration.
    pub config: Config,
    name: String,
}

impl Side {
    /// A configuration file, where it ends in `.toml`; else a folder.
    ///
    /// # Errors
    /// What is wrong with the configuration, or that its engine is no broker.
    pub fn of(text: &Path) -> Result<Self, Failure> {
        if text.extension().is_none_or(|ending| ending != "toml") {
            return Ok(Self::Folder(text.to_owned()));
        }
        // Channels' secrets are not needed here, and may be at home on other machines.
        let config = config::load_to_try(&Surroundings::of_process(Some(text.to_owned())))?;
        let name = text.display().to_string();
        if config.log.broker.is_none() {
            let folder = config.hub.data_dir.display();
            return Err(Failure::usage(format!(
                "{name} has [log] engine = \"embedded\": there is no broker in it"
            ))
            .remedy(format!("name its data folder instead: {folder}")));
        }
        Ok(Self::Broker(Box::new(Broker { config, name })))
    }
}

impl Broker {
    /// The stream, not connected yet.
    ///
    /// # Errors
    /// An engine outside this build.
    pub fn stream(&self) -> Result<Stream, Failure> {
        let Some(broker) = &self.config.log.broker else {
            return Err(Failure::usage(format!("{} names no broker", self.name)));
        };
        Ok(Stream { pipe: node::pipe(&self.config, &broker.engine)?, name: self.name.clone() })
    }

    /// One hub's events do not go into another one's stream.
    ///
    /// # Errors
    /// `other_hub`.
    pub fn must_be_of(&self, name: &str) -> Result<(), Failure> {
        if self.config.hub.name == name {
            return Ok(());
        }
        let (found, wanted) = (name.to_owned(), self.config.hub.name.clone());
        let problem = FolderError::OtherHub { found: found.clone(), wanted };
        let remedy = format!("set [hub] name = \"{found}\" in {}", self.name);
        Err(coded(problem.code(), &problem, remedy))
    }
}

/// What cannot be meant.
pub(super) fn check(from: &Side, to: &Side, wishes: &Wishes) -> Result<(), Failure> {
    let into_folder = matches!(to, Side::Folder(_)) || wishes.via.is_some();
    if !into_folder && wishes.own.is_some() {
        return Err(Failure::usage(
            "--as says which log is a folder's own, and nothing is copied into a folder",
        ));
    }
    let from_folder = matches!(from, Side::Folder(_));
    if wishes.via.is_some() && (from_folder || matches!(to, Side::Folder(_))) {
        return Err(Failure::usage("--via is the folder between two brokers"));
    }
    if wishes.key.is_some() && (from_folder || !into_folder) {
        return Err(Failure::usage("--key is for a folder that is filled from a broker"));
    }
    let (Side::Folder(from), Side::Folder(to)) = (from, to) else { return Ok(()) };
    let (Some(from), Some(to)) = (whole(from), whole(to)) else { return Ok(()) };
    if from == to {
        return Err(Failure::usage("--from and --to are the same folder"));
    }
    if from.starts_with(&to) || to.starts_with(&from) {
        return Err(
            Failure::usage("one of the two folders is inside the other").remedy("name two that stand apart")
        );
    }
    Ok(())
}

/// The path without links; of one that is not there yet, that of the folder it will be in.
pub fn whole(path: &Path) -> Option<PathBuf> {
    if let Ok(path) = path.canonicalize() {
        return Some(path);
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Some(whole(parent)?.join(path.file_name()?))
}
