//! HMACs over parts of the request: which parts, in which encoding, and how old they may be.

use super::header;
use crate::{
    adapter::{InboundRequest, Outbound},
    settings::{Secret, Settings, SettingsError},
    signature,
};
use subtle::ConstantTimeEq;
use tributary_core::time::Micros;

/// Seconds that a time stamp may be off, either way, unless the settings say otherwise.
const TOLERANCE_SECONDS: i64 = 300;
/// Longest tolerance: a day. More would be no protection against replay.
const TOLERANCE_SECONDS_MAX: i64 = 86_400;
/// Entries that a signature's header may list, as sources do while they rotate.
const CANDIDATES_MAX: usize = 8;
/// Time stamps above this are milliseconds: as seconds it would be the year 5138.
const MILLIS_FROM: i64 = 100_000_000_000;

/// A signature over a text.
pub(in crate::mapped) struct Signed {
    /// Header that holds the signature, lower case.
    pub(in crate::mapped) header: String,
    secrets: Vec<Secret>,
    sha1: bool,
    base64: bool,
    prefix: String,
    parts: Vec<Part>,
    stamp: Option<Stamp>,
    url: Option<String>,
}

/// A part of what is signed.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Body,
    Url,
    Timestamp,
    Header(String),
}

/// Where the time stamp stands and how old it may be.
struct Stamp {
    header: String,
    prefix: String,
    tolerance_micros: i64,
}

impl Signed {
    pub(super) fn read(
        settings: &mut Settings,
        sha1: bool,
        secrets: Vec<Secret>,
    ) -> Result<Self, SettingsError> {
        let name = header(settings, "header")?;
        let base64 = match settings.text("encoding")?.as_deref() {
            None | Some("hex") => false,
            Some("base64") => true,
            Some(_) => return Err(SettingsError::new("encoding", "must be \"hex\" or \"base64\"")),
        };
        let signed = settings.text("signed")?.unwrap_or_else(|| "{body}".to_owned());
        let parts = parts(&signed).map_err(|problem| SettingsError::new("signed", problem))?;
        let url = settings.text("public_url")?.filter(|url| !url.is_empty());
        let stamp = stamp(settings)?;
        if parts.contains(&Part::Timestamp) != stamp.is_some() {
            let problem =
                "must be there exactly if `signed` names {timestamp}; an unsigned time stamp proves nothing";
            return Err(SettingsError::new("timestamp_header", problem));
        }
        let prefix = settings.text("prefix")?.unwrap_or_default();
        Ok(Self { header: name, secrets, sha1, base64, prefix, parts, stamp, url })
    }

    /// Whether one of the header's signatures is right and the time stamp is fresh.
    pub(super) fn verify(&self, request: &InboundRequest<'_>) -> bool {
        let stamp = match &self.stamp {
            None => "",
            Some(stamp) => match stamp.of(request) {
                Some(text) => text,
                None => return false,
            },
        };
        let url = self.url.as_deref().or(request.public_url);
        let find = |name: &str| request.header(name);
        let (Some(parts), Some(value)) =
            (self.bytes(request.body, url, stamp, &find), request.header(&self.header))
        else {
            return false;
        };
        // One HMAC a secret, however many signatures are listed: whoever posts has not proven anything yet.
        let wanted: Vec<String> = self.secrets.iter().map(|secret| self.signature(secret, &parts)).collect();
        let mut found = subtle::Choice::from(0);
        for given in value.split([',', ' ']).take(CANDIDATES_MAX) {
            let given = given.strip_prefix(self.prefix.as_str()).unwrap_or_default();
            for wanted in &wanted {
                found |= wanted.as_bytes().ct_eq(given.as_bytes());
            }
        }
        found.into()
    }

    /// The signature as it is written, without its prefix.
    fn signature(&self, secret: &Secret, parts: &[&[u8]]) -> String {
        let bytes = if self.sha1 {
            signature::hmac_sha1(secret, parts).to_vec()
        } else {
            signature::hmac_sha256(secret, parts).to_vec()
        };
        if self.base64 { signature::base64_of(&bytes) } else { signature::hex_of(&bytes) }
    }

    pub(super) fn sign(&self, request: &mut Outbound) {
        let stamp = request.at.0.div_euclid(1_000_000).to_string();
        let Some(secret) = self.secrets.first() else { return };
        let url = self.url.as_deref().or(request.public_url.as_deref());
        let headers = &request.headers;
        let find = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        let Some(parts) = self.bytes(&request.body, url, &stamp, &find) else { return };
        let value = format!("{}{}", self.prefix, self.signature(secret, &parts));
        match &self.stamp {
            Some(own) if own.header == self.header => {
                request.headers.push((self.header.clone(), format!("{}{stamp},{value}", own.prefix)));
            }
            Some(own) => {
                request.headers.push((own.header.clone(), format!("{}{stamp}", own.prefix)));
                request.headers.push((self.header.clone(), value));
            }
            None => request.headers.push((self.header.clone(), value)),
        }
    }

    /// What is signed; `None` where a part of it is missing.
    fn bytes<'r>(
        &'r self,
        body: &'r [u8],
        url: Option<&'r str>,
        stamp: &'r str,
        header: &dyn Fn(&str) -> Option<&'r str>,
    ) -> Option<Vec<&'r [u8]>> {
        let part = |part: &'r Part| match part {
            Part::Text(text) => Some(text.as_bytes()),
            Part::Body => Some(body),
            Part::Url => url.map(str::as_bytes),
            Part::Timestamp => Some(stamp.as_bytes()),
            Part::Header(name) => header(name).map(str::as_bytes),
        };
        self.parts.iter().map(part).collect()
    }
}

impl Stamp {
    /// The time stamp as it is written, if it is near the time of receipt.
    fn of<'r>(&self, request: &'r InboundRequest<'_>) -> Option<&'r str> {
        let value = request.header(&self.header)?;
        let text = if self.prefix.is_empty() {
            value
        } else {
            value.split([',', ' ']).find_map(|one| one.strip_prefix(self.prefix.as_str()))?
        };
        let at = match text.parse::<i64>() {
            Ok(count) if count >= MILLIS_FROM => Micros::from_millis(count),
            Ok(count) => Micros::from_secs(count),
            Err(_) => Micros::parse(text)?,
        };
        let off = request.received_at.0.abs_diff(at.0);
        (off <= self.tolerance_micros.unsigned_abs()).then_some(text)
    }
}

fn stamp(settings: &mut Settings) -> Result<Option<Stamp>, SettingsError> {
    let prefix = settings.text("timestamp_prefix")?.unwrap_or_default();
    let tolerance = match settings.value("tolerance") {
        None => TOLERANCE_SECONDS,
        Some(value) => {
            value.as_i64().filter(|s| (1..=TOLERANCE_SECONDS_MAX).contains(s)).ok_or_else(|| {
                let problem = format!("must be a number of seconds from 1 to {TOLERANCE_SECONDS_MAX}");
                SettingsError::new("tolerance", problem)
            })?
        }
    };
    if settings.value("timestamp_header").is_none() {
        return Ok(None);
    }
    let header = header(settings, "timestamp_header")?;
    Ok(Some(Stamp { header, prefix, tolerance_micros: tolerance * 1_000_000 }))
}

/// Reads `{timestamp}.{body}`.
fn parts(text: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, next) = after.split_once('}').ok_or("has a brace that is not closed")?;
        if !before.is_empty() {
            parts.push(Part::Text(before.to_owned()));
        }
        parts.push(match name {
            "body" => Part::Body,
            "url" => Part::Url,
            "timestamp" => Part::Timestamp,
            "" => {
                return Err(
                    "has empty braces; write {body}, {timestamp}, {url} or the name of a header".into()
                );
            }
            header => Part::Header(header.to_ascii_lowercase()),
        });
        rest = next;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    if parts.contains(&Part::Body) {
        return Ok(parts);
    }
    Err("must name {body}; a signature that does not cover the body proves nothing about it".to_owned())
}
