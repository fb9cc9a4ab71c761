//! `identity`: operator acts, each an event with its actor and reason.

use super::{
    Exit, Failure, Session,
    args::{Identity, One, Pair},
    outline::outline,
    policy, suggestions, suspicious,
};
use serde_json::{Value as Json, json};
use std::{fmt, str::FromStr};

/// `TYPE=VALUE` or `TYPE:SCOPE=VALUE`.
#[derive(Clone, PartialEq, Eq)]
pub struct Identifier {
    kind: String,
    scope: Option<String>,
    value: String,
}

impl Identifier {
    /// An identifier of its parts.
    #[must_use]
    pub fn new(kind: &str, scope: Option<&str>, value: &str) -> Self {
        Self { kind: kind.to_owned(), scope: scope.map(str::to_owned), value: value.to_owned() }
    }

    /// As the interface takes it.
    #[must_use]
    pub fn to_json(&self) -> Json {
        match &self.scope {
            Some(scope) => json!({"type": self.kind, "scope": scope, "value": self.value}),
            None => json!({"type": self.kind, "value": self.value}),
        }
    }
}

impl fmt::Debug for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identifier({})", self.kind)
    }
}

impl FromStr for Identifier {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "must be TYPE=VALUE or TYPE:SCOPE=VALUE, such as phone=0912-345-678";
        let (what, value) = text.split_once('=').ok_or(wrong)?;
        let (kind, scope) = what.split_once(':').map_or((what, None), |(kind, scope)| (kind, Some(scope)));
        if kind.is_empty() || value.is_empty() || scope == Some("") {
            return Err(wrong);
        }
        Ok(Self::new(kind, scope, value))
    }
}

/// Runs `identity`.
pub async fn run(command: &Identity, session: &mut Session<'_>) -> Result<Exit, Failure> {
    let (act, body) = match command {
        Identity::Link(pair) => ("link", two(pair)),
        Identity::Unlink(unlink) => {
            let mut body = two(&unlink.pair);
            if unlink.keep_apart {
                body["keep_apart"] = true.into();
            }
            ("unlink", body)
        }
        Identity::Block(one) => ("block", single(one)),
        Identity::Unblock(one) => ("unblock", single(one)),
        Identity::Clear(one) => ("clear", single(one)),
        Identity::Suspicious(args) => return suspicious::list(args, session).await,
        Identity::Suggestions(args) => return suggestions::list(args, session).await,
        Identity::Accept(decision) => ("suggestions/accept", suggestions::decision(decision)?),
        Identity::Reject(decision) => ("suggestions/reject", suggestions::decision(decision)?),
        Identity::Offer(offer) => {
            let mut body =
                json!({"channel": offer.channel, "identifier": offer.identifier.to_json(), "ttl": offer.ttl});
            if let Some(token) = &offer.link_token {
                body["link_token"] = token.as_str().into();
            }
            ("offers", body)
        }
        Identity::Prove(proof) => {
            let identifiers: Vec<Json> = proof.identifiers.iter().map(Identifier::to_json).collect();
            ("proofs", json!({"identifiers": identifiers, "method": proof.method, "key": proof.key}))
        }
        Identity::Quality => return policy::quality(session).await,
        Identity::Policy => return policy::show(session).await,
        Identity::Plan(args) => return policy::plan(args, session).await,
        Identity::Apply(args) => return policy::apply(args, session).await,
    };
    let answer = session.client.post(&format!("/v1/identity/{act}"), &body).await?;
    session.print(&answer, "", outline)?;
    Ok(Exit::Ok)
}

fn two(pair: &Pair) -> Json {
    let identifiers = [pair.first.to_json(), pair.second.to_json()];
    json!({"identifiers": identifiers, "reason": pair.reason, "dry_run": pair.dry_run})
}

fn single(one: &One) -> Json {
    json!({"identifier": one.identifier.to_json(), "reason": one.reason, "dry_run": one.dry_run})
}

#[cfg(test)]
mod tests {
    use super::Identifier;
    use serde_json::json;

    #[test]
    fn identifiers_are_read_from_one_word() {
        for (text, want) in [
            ("phone=0912", Some(json!({"type": "phone", "value": "0912"}))),
            ("line:prov-1=U4=", Some(json!({"type": "line", "scope": "prov-1", "value": "U4="}))),
            ("email=a:b@c", Some(json!({"type": "email", "value": "a:b@c"}))),
            ("phone", None),
            ("=0912", None),
            ("phone=", None),
            ("line:=U", None),
        ] {
            assert_eq!(text.parse().ok().map(|i: Identifier| i.to_json()), want, "{text}");
        }
    }

    #[test]
    fn debug_shows_no_value() {
        assert_eq!(format!("{:?}", "phone=0912".parse::<Identifier>().unwrap()), "Identifier(phone)");
    }
}
