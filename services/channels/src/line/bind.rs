//! Binding a LINE account to somebody the shop knows: the address of LINE's account link dialog, and what its login must say.

use crate::{
    adapter::Login,
    outward::encoded,
    settings::{Settings, SettingsError},
};

/// LINE's dialog. It answers with an `accountLink` event that holds the nonce.
const DIALOG: &str = "https://access.line.me/dialog/bot/accountLink";

/// Who makes LINE's id tokens, and where the keys of their signatures are.
const ISSUER: &str = "https://access.line.me";
const KEYS: &str = "https://api.line.me/oauth2/v2.1/certs";

/// The dialog's address; without `link_token` whoever has one appends `&linkToken=`.
pub(super) fn address(nonce: &str, link_token: Option<&str>) -> String {
    let nonce = encoded(nonce);
    match link_token {
        Some(token) => format!("{DIALOG}?linkToken={}&nonce={nonce}", encoded(token)),
        None => format!("{DIALOG}?nonce={nonce}"),
    }
}

/// `None` unless the channel has a LINE Login channel of the same provider.
pub(super) fn login(settings: &mut Settings) -> Result<Option<Login>, SettingsError> {
    let audience = settings.text("login_channel")?;
    let keys = settings.text("login_keys")?.unwrap_or_else(|| KEYS.to_owned());
    let secrets = settings.optional_secrets("login_secret")?;
    if audience.is_none() && !secrets.is_empty() {
        return Err(SettingsError::new("login_secret", "needs `login_channel`, whose secret it is"));
    }
    Ok(audience.map(|audience| Login { issuer: ISSUER.to_owned(), audience, keys, secrets }))
}
