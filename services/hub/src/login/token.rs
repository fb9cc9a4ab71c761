//! One id token against a set of keys. A key says itself which algorithm it is for, so a token cannot choose a weaker one;
//! `none` is unknown, and HS256 is for the login channel's secrets alone, which no key of the set can be.

use super::Proven;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    hmac,
    signature::{
        ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
    },
};
use serde::Deserialize;
use tributary_channels::adapter::Login;
use tributary_core::time::Micros;

/// Longest token; LINE's have about a thousand bytes.
const TOKEN_BYTES_MAX: usize = 8 * 1024;
/// Most keys of a set.
const KEYS_MAX: usize = 50;
/// Seconds that the platform's clock and ours may differ.
const LEEWAY: i64 = 60;
/// The algorithm of signatures with a secret.
const SYMMETRIC: &str = "HS256";

/// What is wrong with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Not three parts of the documented form.
    #[error("this is no id token")]
    Malformed,
    /// No key of the set has this id and algorithm.
    #[error("the token is signed by a key that is not the platform's")]
    UnknownKey,
    /// HS256, and no secret is set.
    #[error("the token is signed with the login channel's secret; set login_secret in the channel's section")]
    NoSecret,
    /// The signature does not fit.
    #[error("the token's signature is wrong")]
    Signature,
    /// Somebody else made it.
    #[error("the token is of another issuer")]
    Issuer,
    /// For somebody else.
    #[error("the token is for another audience")]
    Audience,
    /// Over, or not begun.
    #[error("the token has expired, or is of the future")]
    Time,
    /// It answers no offer.
    #[error("the token has no nonce")]
    Nonce,
}

/// A set of public keys (JWKS).
#[derive(Clone, Debug, Default)]
pub struct Keys(Vec<Key>);

#[derive(Clone, Debug)]
struct Key {
    id: String,
    form: Form,
}

#[derive(Clone, Debug)]
enum Form {
    /// Modulus and exponent.
    Rsa(Vec<u8>, Vec<u8>),
    /// Uncompressed point.
    P256(Vec<u8>),
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Written {
    kty: String,
    #[serde(default)]
    kid: String,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    crv: Option<String>,
    #[serde(default)]
    n: String,
    #[serde(default)]
    e: String,
    #[serde(default)]
    x: String,
    #[serde(default)]
    y: String,
}

impl Keys {
    /// Reads a set; keys of other kinds are left out. `None` if it is no set.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let set: Set = serde_json::from_slice(bytes).ok()?;
        let keys = set.keys.into_iter().take(KEYS_MAX).filter_map(|key| serde_json::from_value(key).ok());
        Some(Self(keys.filter_map(key).collect()))
    }
}

fn key(written: Written) -> Option<Key> {
    if written.usage.as_deref().is_some_and(|u| u != "sig") {
        return None;
    }
    let part = |text: &str| URL_SAFE_NO_PAD.decode(text).ok().filter(|b| !b.is_empty());
    let form = match (written.kty.as_str(), written.alg.as_deref(), written.crv.as_deref()) {
        ("RSA", None | Some("RS256"), _) => Form::Rsa(part(&written.n)?, part(&written.e)?),
        ("EC", None | Some("ES256"), Some("P-256")) => {
            let (x, y) = (part(&written.x)?, part(&written.y)?);
            if (x.len(), y.len()) != (32, 32) {
                return None;
            }
            Form::P256([&[4], x.as_slice(), &y].concat())
        }
        _ => return None,
    };
    Some(Key { id: written.kid, form })
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: String,
    /// Extensions that must be understood: none are.
    crit: Option<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: i64,
    iat: i64,
    nonce: Option<String>,
}

/// Whether a token says that it is signed with a secret, so that no key is needed to check it.
pub(super) fn needs_no_keys(token: &str) -> bool {
    let header = token.get(..token.len().min(TOKEN_BYTES_MAX)).and_then(|t| t.split('.').next());
    let header = header.and_then(|h| URL_SAFE_NO_PAD.decode(h).ok());
    let header = header.and_then(|h| serde_json::from_slice::<Header>(&h).ok());
    header.is_some_and(|h| h.alg == SYMMETRIC)
}

fn verify_secret(expected: &Login, signed: &[u8], signature: &[u8]) -> Result<(), Refused> {
    if expected.secrets.is_empty() {
        return Err(Refused::NoSecret);
    }
    let keys = expected.secrets.iter().map(|s| hmac::Key::new(hmac::HMAC_SHA256, s.bytes()));
    // All are tried, so that the time does not tell which one fits.
    let fitting = keys.filter(|key| hmac::verify(key, signed, signature).is_ok()).count();
    if fitting > 0 { Ok(()) } else { Err(Refused::Signature) }
}

/// Checks a token as of `now`, in seconds.
///
/// # Errors
/// The first of [`Refused`] that holds.
pub(super) fn check(token: &str, keys: &Keys, expected: &Login, now: i64) -> Result<Proven, Refused> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(Refused::Malformed);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(Refused::Malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(Refused::Malformed)?;
    let part = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| Refused::Malformed);
    let (header, claims, signature) = (part(header)?, part(claims)?, part(signature)?);
    let header: Header = serde_json::from_slice(&header).map_err(|_| Refused::Malformed)?;
    if header.crit.is_some() {
        return Err(Refused::Malformed);
    }
    if header.alg == SYMMETRIC {
        verify_secret(expected, signed.as_bytes(), &signature)?;
    } else {
        verify(&header, keys, signed.as_bytes(), &signature)?;
    }
    let claims: Claims = serde_json::from_slice(&claims).map_err(|_| Refused::Malformed)?;
    if claims.iss != expected.issuer {
        return Err(Refused::Issuer);
    }
    let for_us = match &claims.aud {
        Audience::One(one) => *one == expected.audience,
        Audience::Several(several) => several.as_slice() == [expected.audience.clone()],
    };
    if !for_us {
        return Err(Refused::Audience);
    }
    if claims.exp.saturating_add(LEEWAY) < now || claims.iat > now.saturating_add(LEEWAY) {
        return Err(Refused::Time);
    }
    let nonce = claims.nonce.filter(|n| !n.is_empty()).ok_or(Refused::Nonce)?;
    if claims.sub.is_empty() {
        return Err(Refused::Malformed);
    }
    Ok(Proven { subject: claims.sub, nonce, at: Micros::from_secs(claims.iat.max(0)) })
}

fn verify(header: &Header, keys: &Keys, signed: &[u8], signature: &[u8]) -> Result<(), Refused> {
    let fits = |key: &&Key| {
        let alg = match key.form {
            Form::Rsa(..) => "RS256",
            Form::P256(_) => "ES256",
        };
        header.alg == alg && (header.kid == key.id || key.id.is_empty())
    };
    let mut tried = false;
    for key in keys.0.iter().filter(fits) {
        tried = true;
        let good = match &key.form {
            Form::Rsa(n, e) => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, signed, signature)
            }
            Form::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, signature)
            }
        };
        if good.is_ok() {
            return Ok(());
        }
    }
    Err(if tried { Refused::Signature } else { Refused::UnknownKey })
}

#[cfg(test)]
mod tests;
