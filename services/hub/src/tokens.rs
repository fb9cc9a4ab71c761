//! Who may do what on the interface: bearer tokens, known by their SHA-256 only. Without any token the interface listens on
//! loopback alone, and everyone there is the actor `local`.

use crate::problem::Problem;
use axum::http::{HeaderMap, header};
use sha2::{Digest as _, Sha256};
use std::fmt;
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};

/// Actor of everything done on loopback without tokens.
pub const LOCAL: &str = "local";

/// A permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Post events.
    Ingest,
    /// Read customers, events and changes.
    Read,
    /// Link, unlink, block, rebuild, retry.
    Operate,
    /// Erase and export.
    Privacy,
    /// Say who is who: offers and proofs.
    Prove,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Ingest, Self::Read, Self::Operate, Self::Privacy, Self::Prove];

    /// Its name in configuration and errors.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Read => "read",
            Self::Operate => "operate",
            Self::Privacy => "privacy",
            Self::Prove => "prove",
        }
    }

    /// The scope of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == name)
    }

    fn bit(self) -> u8 {
        match self {
            Self::Ingest => 1,
            Self::Read => 2,
            Self::Operate => 4,
            Self::Privacy => 8,
            Self::Prove => 16,
        }
    }
}

/// One configured token.
#[derive(Clone)]
pub struct Token {
    /// Who acts with it.
    pub name: String,
    sha256: [u8; 32],
    scopes: u8,
}

impl Token {
    /// A token with this digest and these scopes.
    #[must_use]
    pub fn new(name: String, sha256: [u8; 32], scopes: impl IntoIterator<Item = Scope>) -> Self {
        Self { name, sha256, scopes: scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()) }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({})", self.name)
    }
}

/// Who makes a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The token's name, or `local`.
    pub name: String,
    scopes: u8,
}

impl Actor {
    /// The operator at this machine, who may do everything.
    #[must_use]
    pub fn local() -> Self {
        Self {
            name: LOCAL.to_owned(),
            scopes: Scope::ALL.into_iter().fold(0, |bits, scope| bits | scope.bit()),
        }
    }

    /// Whether this actor has the scope.
    #[must_use]
    pub fn has(&self, scope: Scope) -> bool {
        self.scopes & scope.bit() != 0
    }

    /// 403 unless this actor has the scope.
    ///
    /// # Errors
    /// `scope_missing`.
    pub fn require(&self, scope: Scope) -> Result<(), Problem> {
        if self.has(scope) {
            return Ok(());
        }
        let detail = format!("the token \"{}\" does not have the scope `{}`", self.name, scope.as_str());
        Err(Problem::new(403, "scope_missing", detail)
            .remedy(format!("add \"{}\" to the scopes of this token, or use another", scope.as_str())))
    }
}

/// All configured tokens.
#[derive(Clone, Debug, Default)]
pub struct Tokens(Vec<Token>);

impl Tokens {
    /// These tokens.
    #[must_use]
    pub fn new(tokens: Vec<Token>) -> Self {
        Self(tokens)
    }

    /// Whether there is none: then only loopback may be served.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Who makes a request with these headers.
    ///
    /// # Errors
    /// 401 `token_missing` or `token_unknown`; without tokens 403 `not_local` for a request that a web page made or that
    /// reached this address by another name, since no other guard stands between a page and the loopback interface.
    pub fn admit(&self, headers: &HeaderMap) -> Result<Actor, Problem> {
        if self.0.is_empty() {
            return admit_local(headers);
        }
        let Some(given) = headers.get(header::AUTHORIZATION) else {
            return Err(Problem::new(401, "token_missing", "this interface needs a token")
                .remedy("send `Authorization: Bearer TOKEN`, or set TRIBUTARY_TOKEN"));
        };
        let unknown = || Problem::new(401, "token_unknown", "the token is not one of this hub's");
        let given =
            given.as_bytes().split_at_checked(7).filter(|(kind, _)| kind.eq_ignore_ascii_case(b"bearer "));
        let (_, token) = given.ok_or_else(unknown)?;
        self.find(token).ok_or_else(unknown)
    }

    /// Compares with every token, so that the time tells neither which nor how much of one matched.
    fn find(&self, token: &[u8]) -> Option<Actor> {
        let digest: [u8; 32] = Sha256::digest(token.trim_ascii()).into();
        let mut found = Choice::from(0);
        let mut index = 0_u64;
        for (n, known) in (0_u64..).zip(&self.0) {
            let same = known.sha256.ct_eq(&digest);
            index = u64::conditional_select(&index, &n, same);
            found |= same;
        }
        let known = self.0.get(usize::try_from(index).ok()?)?;
        bool::from(found).then(|| Actor { name: known.name.clone(), scopes: known.scopes })
    }
}

fn admit_local(headers: &HeaderMap) -> Result<Actor, Problem> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let host = text(header::HOST).is_none_or(is_loopback_name);
    let page = text(header::ORIGIN)
        .is_none_or(|origin| origin.strip_prefix("http://").is_some_and(is_loopback_name));
    if host && page {
        return Ok(Actor::local());
    }
    Err(Problem::new(
        403,
        "not_local",
        "without [[tokens]] only programs and pages of this machine are served",
    )
    .remedy("use http://127.0.0.1 in the address, or configure [[tokens]]"))
}

/// Whether `host` or `host:port` names this machine.
fn is_loopback_name(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// 32 bytes from 64 hex digits.
#[must_use]
pub fn digest_from_hex(text: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    for (slot, pair) in digest.iter_mut().zip(text.as_bytes().chunks(2)) {
        *slot = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(digest)
}

#[cfg(test)]
mod tests;
