//! The settings of an e-mail channel, read and checked. What they mean stands at the top of the module.

use super::{charset, provider::Provider};
use crate::{
    pull::{Imap, Maildir, Pull},
    settings::{Secret, Settings, SettingsError},
};
use encoding_rs::Encoding;

/// IMAP over TLS.
const IMAP_PORT: u16 = 993;
/// IMAP in plain text.
const IMAP_PORT_PLAIN: u16 = 143;

/// A channel's settings.
pub struct Options {
    /// Our own addresses in lower case, the account's first; then staff; whole domains with an `@` in front.
    pub own: Vec<String>,
    /// What posts show.
    pub keys: Vec<Secret>,
    /// Who posts.
    pub provider: Provider,
    /// Who writes our `Authentication-Results`.
    pub authserv_id: Option<String>,
    /// For text that names no charset.
    pub fallback: &'static Encoding,
    /// What the shell fetches.
    pub pulls: Vec<Pull>,
}

impl Options {
    /// Reads them.
    ///
    /// # Errors
    /// [`SettingsError`] at the first key that is wrong.
    pub fn read(settings: &mut Settings) -> Result<Self, SettingsError> {
        let mut own = addresses(settings.texts("mailbox")?);
        if own.is_empty() || own.iter().any(|m| !m.contains('@') || m.starts_with('@')) {
            let what = "is missing or no address: your own address, or a list of them, such as \"help@shop.example\"";
            return Err(SettingsError::new("mailbox", what));
        }
        let agents = addresses(settings.texts("agents")?);
        if agents.iter().any(|a| !a.contains('@') || a.ends_with('@')) {
            let what = "must be addresses of staff, such as \"mei@shop.example\", or domains, such as \"@shop.example\"";
            return Err(SettingsError::new("agents", what));
        }
        own.extend(agents);
        let provider = provider(settings)?;
        let pulls: Vec<Pull> = [maildir(settings)?, imap(settings)?].into_iter().flatten().collect();
        let what = match provider {
            Provider::Mailgun => "the webhook signing key of Mailgun's console",
            Provider::SendGrid | Provider::Postmark => {
                "the password in the address that the provider posts to, https://user:PASSWORD@..."
            }
            Provider::Raw => "what the mail server sends as bearer token or x-api-key",
        };
        let key_needed = pulls.is_empty() || provider != Provider::Raw || settings.value("key").is_some();
        let keys = if key_needed { settings.secrets("key", what)? } else { Vec::new() };
        let authserv_id = settings.text("authserv_id")?.filter(|id| !id.is_empty());
        if authserv_id.is_some() && provider != Provider::Raw {
            let what = "cannot be believed in mail of a provider, which keeps the fields of that name that senders \
                        wrote; leave it out";
            return Err(SettingsError::new("authserv_id", what));
        }
        let fallback = match settings.text("charset")? {
            None => regional(&settings.default_region),
            Some(label) => charset::encoding(&label).ok_or_else(|| {
                SettingsError::new("charset", "must be a charset, such as \"big5\" or \"utf-8\"")
            })?,
        };
        Ok(Self { own, keys, provider, authserv_id, fallback, pulls })
    }
}

fn addresses(texts: Vec<String>) -> Vec<String> {
    texts.iter().map(|text| text.trim().to_lowercase()).collect()
}

fn provider(settings: &mut Settings) -> Result<Provider, SettingsError> {
    let name = settings.text("provider")?.unwrap_or_else(|| "raw".to_owned());
    Provider::named(&name).ok_or_else(|| {
        SettingsError::new("provider", "must be \"raw\", \"sendgrid\", \"mailgun\" or \"postmark\"")
    })
}

/// What unlabelled 8-bit mail is most often written in.
fn regional(region: &str) -> &'static Encoding {
    match region {
        "TW" | "HK" | "MO" => encoding_rs::BIG5,
        "CN" | "SG" => encoding_rs::GB18030,
        "JP" => encoding_rs::SHIFT_JIS,
        "KR" => encoding_rs::EUC_KR,
        _ => encoding_rs::WINDOWS_1252,
    }
}

fn maildir(settings: &mut Settings) -> Result<Option<Pull>, SettingsError> {
    let (folder, done) = (settings.text("maildir")?, settings.text("maildir_done")?);
    match (folder.filter(|f| !f.is_empty()), done) {
        (None, None) => Ok(None),
        (None, Some(_)) => {
            Err(SettingsError::new("maildir_done", "needs `maildir`: the folder that holds new, cur and tmp"))
        }
        (Some(folder), done) if done.as_ref().is_some_and(|done| is_inside(done, &folder, "new")) => {
            Err(SettingsError::new("maildir_done", format!("must be another folder than {folder}/new")))
        }
        (Some(folder), done) => Ok(Some(Pull::Maildir(Maildir { folder, done }))),
    }
}

fn is_inside(path: &str, folder: &str, name: &str) -> bool {
    path.trim_end_matches('/') == format!("{}/{name}", folder.trim_end_matches('/'))
}

fn imap(settings: &mut Settings) -> Result<Option<Pull>, SettingsError> {
    const OTHERS: [&str; 7] =
        ["imap_user", "password", "imap_folder", "imap_seen", "imap_move", "imap_ca", "imap_tls"];
    let address = settings.text("imap")?.filter(|address| !address.is_empty());
    let Some(address) = address else {
        let lone = OTHERS.iter().find(|key| settings.value(key).is_some());
        return lone.map_or(Ok(None), |key| {
            Err(SettingsError::new(key, "needs `imap`: the server, such as \"imap.shop.example\""))
        });
    };
    let tls = settings.flag("imap_tls")?.unwrap_or(true);
    let (host, port) = host_and_port(&address, if tls { IMAP_PORT } else { IMAP_PORT_PLAIN })?;
    if !tls && !["127.0.0.1", "::1", "localhost"].contains(&host.as_str()) {
        let what = "would send the password in plain text over the network; only a server on this machine is read so";
        return Err(SettingsError::new("imap_tls", what));
    }
    let user = settings.required("imap_user", "who logs in at the server")?;
    let mut passwords = settings.secrets("password", "the password of `imap_user`")?;
    if passwords.len() > 1 {
        return Err(SettingsError::new("password", "takes one secret: the server knows one password"));
    }
    let password = passwords.pop().unwrap_or_default();
    for (key, text) in [("imap_user", user.as_bytes()), ("password", password.bytes())] {
        if !text.iter().all(|b| (0x20..0x7f).contains(b)) {
            return Err(SettingsError::new(key, "must be ASCII without control characters"));
        }
    }
    let folder = settings.text("imap_folder")?.unwrap_or_else(|| "INBOX".to_owned());
    let move_to = settings.text("imap_move")?;
    for (key, name) in [("imap_folder", Some(&folder)), ("imap_move", move_to.as_ref())] {
        if name.is_some_and(|name| name.is_empty() || name.chars().any(char::is_control)) {
            return Err(SettingsError::new(key, "must be the name of a mailbox, such as \"INBOX\""));
        }
    }
    if move_to.as_ref() == Some(&folder) {
        return Err(SettingsError::new("imap_move", format!("must be another mailbox than {folder}")));
    }
    let (seen, ca) = (settings.flag("imap_seen")?.unwrap_or(false), settings.text("imap_ca")?);
    Ok(Some(Pull::Imap(Imap { host, port, tls, ca, user, password, folder, seen, move_to })))
}

/// `host`, `host:port`, `[v6]:port` or a bare v6 address.
fn host_and_port(address: &str, default: u16) -> Result<(String, u16), SettingsError> {
    let wrong = || {
        SettingsError::new(
            "imap",
            "must be a host or host:port, such as \"imap.shop.example\", without imaps://",
        )
    };
    let bare = address.parse::<core::net::Ipv6Addr>().is_ok();
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) if !bare && !address.ends_with(']') => {
            (host, port.parse().ok().filter(|port| *port != 0).ok_or_else(wrong)?)
        }
        _ => (address, default),
    };
    let host = host.trim_matches(['[', ']']);
    let fits = !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_:".contains(&b));
    if fits { Ok((host.to_owned(), port)) } else { Err(wrong()) }
}
