//! Who may post: the channel's key, as bearer token, `x-api-key` or password of basic authentication.

use crate::{
    adapter::{InboundRequest, Outbound, Rejected},
    settings::Secret,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// Whether the request shows one of the keys.
///
/// # Errors
/// 401 if it does not.
pub fn check(keys: &[Secret], request: &InboundRequest<'_>) -> Result<(), Rejected> {
    let authorization = request.header("authorization").unwrap_or_default();
    let mut found = Choice::from(0);
    for given in [authorization.strip_prefix("Bearer "), request.header("x-api-key")].into_iter().flatten() {
        found |= one_of(keys, given.trim().as_bytes());
    }
    if let Some(pair) =
        authorization.strip_prefix("Basic ").and_then(|text| STANDARD.decode(text.trim()).ok())
    {
        let colon = pair.iter().position(|b| *b == b':').map_or(0, |at| at + 1);
        // A key with a colon is user and password; any other is the password of whatever user.
        found |= one_of(keys, &pair) | one_of(keys, pair.get(colon..).unwrap_or_default());
    }
    if found.into() {
        return Ok(());
    }
    let detail = "send the channel's key as \"authorization: Bearer ...\", as password of basic authentication \
                  (https://user:KEY@... in the provider's console), or as \"x-api-key\"";
    Err(Rejected { status: 401, code: "bad_key", detail: detail.to_owned() })
}

/// Compares digests, so that time tells neither length nor content; every key is tried.
fn one_of(keys: &[Secret], given: &[u8]) -> Choice {
    let given = Sha256::digest(given);
    let mut found = Choice::from(0);
    for key in keys {
        found |= Sha256::digest(key.bytes()).as_slice().ct_eq(given.as_slice());
    }
    found
}

/// Shows the first key the way that mail servers and scripts do.
pub fn bearer(keys: &[Secret], request: &mut Outbound) {
    if let Some(key) = keys.first() {
        let key = String::from_utf8_lossy(key.bytes());
        request.headers.push(("authorization".into(), format!("Bearer {key}")));
    }
}

/// Shows the first key the way that providers do, who know only addresses.
pub fn basic(keys: &[Secret], request: &mut Outbound) {
    if let Some(key) = keys.first() {
        let user: &[u8] = if key.bytes().contains(&b':') { b"" } else { b":" };
        let pair = STANDARD.encode([user, key.bytes()].concat());
        request.headers.push(("authorization".into(), format!("Basic {pair}")));
    }
}
