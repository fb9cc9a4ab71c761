//! Who may post: signatures, tokens and passwords as sources use them.

mod signed;

use crate::{
    adapter::{InboundRequest, Outbound, Rejected},
    settings::{Secret, Settings, SettingsError},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use signed::Signed;
use subtle::ConstantTimeEq;

/// What a request must carry.
pub(super) enum Scheme {
    /// Nothing: whoever knows the address may post.
    None,
    /// The secret in a header.
    Token {
        /// Header's name, lower case.
        header: String,
        /// What stands before the secret, such as `Bearer `.
        prefix: String,
        /// Any of these.
        secrets: Vec<Secret>,
    },
    /// User and password as HTTP has it.
    Basic {
        /// Any of these, written `user:password`.
        pairs: Vec<Secret>,
    },
    /// An HMAC over parts of the request.
    Signed(Signed),
}

const SCHEMES: &str = "\"hmac-sha256\", \"hmac-sha1\", \"token\", \"basic\" or \"none\"";

impl Scheme {
    /// Reads the settings.
    pub(super) fn read(settings: &mut Settings) -> Result<Self, SettingsError> {
        let what = format!("how posts are proven: {SCHEMES}");
        let name = settings.required("signature", &what)?;
        if name == "none" {
            return Ok(Self::None);
        }
        let mut secrets = settings.secrets("secret", "what proves a post")?;
        match settings.text("secret_encoding")?.as_deref() {
            None | Some("text") => {}
            Some("base64") => secrets = secrets.iter().map(from_base64).collect::<Result<_, _>>()?,
            Some(_) => return Err(SettingsError::new("secret_encoding", "must be \"text\" or \"base64\"")),
        }
        match name.as_str() {
            "hmac-sha256" | "hmac-sha1" => {
                Signed::read(settings, name == "hmac-sha1", secrets).map(Self::Signed)
            }
            "token" => {
                let prefix = settings.text("prefix")?.unwrap_or_default();
                Ok(Self::Token { header: header(settings, "header")?, prefix, secrets })
            }
            "basic" => {
                let user = settings.required("user", "the user name of basic authentication")?;
                let pair =
                    |secret: &Secret| Secret::of_bytes([user.as_bytes(), b":", secret.bytes()].concat());
                Ok(Self::Basic { pairs: secrets.iter().map(pair).collect() })
            }
            _ => Err(SettingsError::new("signature", format!("must be {SCHEMES}"))),
        }
    }

    /// Names of the headers that prove something: they are never kept.
    pub(super) fn credentials(&self) -> Vec<&str> {
        match self {
            Self::None => Vec::new(),
            Self::Token { header, .. } => vec![header],
            Self::Basic { .. } => vec![AUTHORIZATION],
            Self::Signed(signed) => vec![&signed.header],
        }
    }

    /// Checks a request.
    pub(super) fn verify(&self, request: &InboundRequest<'_>) -> Result<(), Rejected> {
        let proven = match self {
            Self::None => true,
            Self::Token { header, prefix, secrets } => {
                let given = request.header(header).and_then(|value| value.strip_prefix(prefix.as_str()));
                one_of(secrets, given.unwrap_or_default().as_bytes())
            }
            Self::Basic { pairs } => {
                let given = request.header(AUTHORIZATION).and_then(basic).unwrap_or_default();
                one_of(pairs, &given)
            }
            Self::Signed(signed) => signed.verify(request),
        };
        if proven { Ok(()) } else { Err(Rejected::signature()) }
    }

    /// Adds what a request must carry.
    pub(super) fn sign(&self, request: &mut Outbound) {
        match self {
            Self::None => {}
            Self::Token { header, prefix, secrets } => {
                let Some(secret) = secrets.first() else { return };
                let value = format!("{prefix}{}", String::from_utf8_lossy(secret.bytes()));
                request.headers.push((header.clone(), value));
            }
            Self::Basic { pairs } => {
                let Some(pair) = pairs.first() else { return };
                request
                    .headers
                    .push((AUTHORIZATION.to_owned(), format!("Basic {}", STANDARD.encode(pair.bytes()))));
            }
            Self::Signed(signed) => signed.sign(request),
        }
    }
}

const AUTHORIZATION: &str = "authorization";

/// The scheme's name is case-insensitive.
fn basic(value: &str) -> Option<Vec<u8>> {
    let (scheme, packed) = value.split_once(' ')?;
    STANDARD.decode(packed.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))
}

fn one_of(secrets: &[Secret], given: &[u8]) -> bool {
    // Every secret is tried whatever the result, so that time does not tell which one matched.
    let mut found = subtle::Choice::from(0);
    for secret in secrets {
        found |= secret.bytes().ct_eq(given);
    }
    found.into()
}

fn from_base64(secret: &Secret) -> Result<Secret, SettingsError> {
    let wrong = || SettingsError::new("secret", "is not base64, as `secret_encoding` says");
    let text = std::str::from_utf8(secret.bytes()).map_err(|_| wrong())?;
    // The prefix with which some sources mark such secrets is no part of them.
    let bytes = STANDARD.decode(text.strip_prefix("whsec_").unwrap_or(text)).map_err(|_| wrong())?;
    if bytes.is_empty() { Err(wrong()) } else { Ok(Secret::of_bytes(bytes)) }
}

/// A header's name in lower case.
fn header(settings: &mut Settings, key: &str) -> Result<String, SettingsError> {
    let name = settings.required(key, "the header's name, such as \"x-signature\"")?;
    let fits = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if fits {
        Ok(name.to_ascii_lowercase())
    } else {
        Err(SettingsError::new(key, "must be the name of a header"))
    }
}
