//! Where the demonstration lives: a folder with its configuration, its secrets and its data; temporary unless kept.

use crate::{
    cli::{Exit, Failure},
    config::{self, Config, Environment, Source},
};
use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// The configuration, with secrets from the environment and the usual addresses.
pub const TEMPLATE: &str = include_str!("../../demo/tributary.toml");
/// Names of the secrets in it.
pub const SECRETS: [&str; 7] =
    ["DEMO_LINE", "DEMO_MAIL", "DEMO_META", "DEMO_META_VERIFY", "DEMO_TILL", "DEMO_TILL_HK", "DEMO_MEMBERS"];
/// Addresses in the template; others are taken where these are in use.
const PORTS: [u16; 2] = [8080, 8081];
/// Any free port.
pub const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// The folder. Dropping it deletes it, unless it is kept.
pub struct Place {
    root: PathBuf,
    temporary: Option<TempDir>,
}

impl Place {
    /// A temporary folder, or an empty one to keep, with fresh secrets in it.
    ///
    /// # Errors
    /// [`Failure`] if it cannot be made, or the one to keep holds something.
    pub fn open(keep: Option<&Path>) -> Result<Self, Failure> {
        let place = match keep {
            None => {
                let temporary =
                    tempfile::Builder::new().prefix("tributary-demo-").tempdir().map_err(failed)?;
                Self { root: temporary.path().to_owned(), temporary: Some(temporary) }
            }
            Some(folder) => {
                fs::create_dir_all(folder).map_err(failed)?;
                if fs::read_dir(folder).map_err(failed)?.next().is_some() {
                    let message = format!("{} is not empty", folder.display());
                    return Err(Failure::usage(message).remedy(format!(
                        "name a new folder; or go on with what is there: tributary serve --config {}",
                        folder.join(config::DEFAULT_FILE).display()
                    )));
                }
                Self { root: fs::canonicalize(folder).map_err(failed)?, temporary: None }
            }
        };
        place.write_secrets()?;
        Ok(place)
    }

    fn write_secrets(&self) -> Result<(), Failure> {
        let folder = self.root.join("secrets");
        fs::create_dir_all(&folder).map_err(failed)?;
        for name in SECRETS {
            let mut bytes = [0_u8; 16];
            getrandom::fill(&mut bytes).map_err(|error| failed(io::Error::other(error.to_string())))?;
            let secret: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            fs::write(folder.join(name), secret).map_err(failed)?;
        }
        Ok(())
    }

    /// Whether it goes at the end.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        self.temporary.is_some()
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The configuration file, for commands in a second terminal.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.root.join(config::DEFAULT_FILE)
    }

    /// The configuration with these addresses.
    ///
    /// # Errors
    /// [`Failure`] if the folder's name cannot stand in a configuration.
    pub fn config(&self, listen: SocketAddr, api: SocketAddr) -> Result<Config, Failure> {
        let source = Source { name: self.file().display().to_string(), text: self.text(listen, api)? };
        Ok(config::from_text(source, &Environment::new())?)
    }

    /// Writes the configuration file.
    ///
    /// # Errors
    /// [`Failure`] if it cannot be written.
    pub fn write(&self, listen: SocketAddr, api: SocketAddr) -> Result<(), Failure> {
        fs::write(self.file(), self.text(listen, api)?).map_err(failed)
    }

    fn text(&self, listen: SocketAddr, api: SocketAddr) -> Result<String, Failure> {
        let quoted = |path: PathBuf, before: &str| {
            let path = path.to_str().ok_or_else(|| Failure::usage("the folder's name is no UTF-8"))?;
            Ok::<_, Failure>(toml::Value::String(format!("{before}{path}")).to_string())
        };
        let mut text = TEMPLATE
            .replace("\"127.0.0.1:8080\"", &format!("\"{listen}\""))
            .replace("\"127.0.0.1:8081\"", &format!("\"{api}\""))
            .replace("\"data\"", &quoted(self.root.join("data"), "")?);
        for name in SECRETS {
            let file = quoted(self.root.join("secrets").join(name), "file:")?;
            text = text.replace(&format!("\"env:{name}\""), &file);
        }
        Ok(text)
    }
}

fn failed(error: io::Error) -> Failure {
    Failure::new(Exit::CheckFailed, format!("cannot prepare the demonstration's folder: {error}"))
}

/// The usual addresses, each with port 0 (any) where something listens already.
#[must_use]
pub fn addresses() -> [SocketAddr; 2] {
    PORTS.map(|port| {
        let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(usual).is_ok() { usual } else { ANY }
    })
}

#[cfg(test)]
mod tests {
    use super::{Place, addresses};

    #[test]
    fn the_folder_holds_a_configuration_that_reads_itself_and_goes_away() {
        let place = Place::open(None).unwrap();
        let [listen, api] = addresses();
        place.write(listen, api).unwrap();
        let surroundings =
            crate::config::Surroundings { file: Some(place.file()), environment: Default::default() };
        let config = crate::config::load(&surroundings).unwrap();
        assert_eq!(config.channels.len(), 7);
        assert_eq!(config.hub.data_dir, place.root().join("data"));
        let root = place.root().to_owned();
        drop(place);
        assert!(!root.exists());
    }

    #[test]
    fn a_folder_with_something_in_it_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let kept = folder.path().join("new \"kept\" folder");
        let place = Place::open(Some(&kept)).unwrap();
        let [listen, api] = addresses();
        assert!(place.config(listen, api).is_ok());
        drop(place);
        assert!(kept.join("secrets").exists());
        assert!(Place::open(Some(&kept)).is_err_and(|failure| failure.message.ends_with("is not empty")));
    }
}
