//! Webhook signatures: HMAC-SHA256 over raw bytes, compared in constant time. Length and encoding are checked first.
//! HMAC-SHA1 is there for sources that still use it.

use crate::{
    adapter::{InboundRequest, Outbound, Rejected},
    settings::Secret,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// HMAC-SHA256 of the parts, one after the other.
#[must_use]
pub fn hmac_sha256(secret: &Secret, parts: &[&[u8]]) -> [u8; 32] {
    let Ok(mut mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.bytes()) else {
        return [0; 32]; // cannot happen: HMAC takes keys of any length
    };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// HMAC-SHA1 of the parts, one after the other. As a keyed proof it is not broken, unlike SHA-1 alone.
#[must_use]
pub fn hmac_sha1(secret: &Secret, parts: &[&[u8]]) -> [u8; 20] {
    let Ok(mut mac) = <Hmac<Sha1> as KeyInit>::new_from_slice(secret.bytes()) else {
        return [0; 20]; // cannot happen: HMAC takes keys of any length
    };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Base64 of the signature, as LINE, Square and Shopify write it.
#[must_use]
pub fn base64_of(signature: &[u8]) -> String {
    STANDARD.encode(signature)
}

/// Lower-case hexadecimal of the signature, as Meta writes it.
#[must_use]
pub fn hex_of(signature: &[u8]) -> String {
    signature.iter().map(|b| format!("{b:02x}")).collect()
}

/// Whether `text` is the base64 of the HMAC under one of the secrets.
#[must_use]
pub fn matches_base64(secrets: &[Secret], parts: &[&[u8]], text: &str) -> bool {
    STANDARD.decode(text).is_ok_and(|given| matches(secrets, parts, &given))
}

/// Whether `text` is the lower-case hexadecimal of the HMAC under one of the secrets.
#[must_use]
pub fn matches_hex(secrets: &[Secret], parts: &[&[u8]], text: &str) -> bool {
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
        return false;
    }
    let given: Option<Vec<u8>> =
        (0..64).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect();
    given.is_some_and(|given| matches(secrets, parts, &given))
}

fn matches(secrets: &[Secret], parts: &[&[u8]], given: &[u8]) -> bool {
    // Every secret is tried whatever the result, so that time does not tell which one matched.
    let mut found = subtle::Choice::from(0);
    for secret in secrets {
        found |= hmac_sha256(secret, parts).as_slice().ct_eq(given);
    }
    found.into()
}

/// Whether the request carries one of the keys, as `Authorization: Bearer` or `X-Api-Key`. Without keys nothing passes.
///
/// # Errors
/// 401.
pub fn bearer(keys: &[Secret], request: &InboundRequest<'_>) -> Result<(), Rejected> {
    let bearer = request.header("authorization").and_then(|v| v.strip_prefix("Bearer "));
    let given = bearer.or_else(|| request.header("x-api-key")).unwrap_or_default();
    let mut found = subtle::Choice::from(0);
    for key in keys {
        found |= key.bytes().ct_eq(given.as_bytes());
    }
    if bool::from(found) { Ok(()) } else { Err(Rejected::signature()) }
}

/// Adds what [`bearer`] checks.
pub fn sign_bearer(keys: &[Secret], request: &mut Outbound) {
    if let Some(key) = keys.first() {
        let value = format!("Bearer {}", String::from_utf8_lossy(key.bytes()));
        request.headers.push(("authorization".to_owned(), value));
    }
}

/// HMAC-SHA256 of a body under no secret: the work of a verification, for requests that can only be refused.
#[must_use]
pub fn digest_of_nothing(body: &[u8]) -> [u8; 32] {
    hmac_sha256(&Secret::default(), &[body])
}
