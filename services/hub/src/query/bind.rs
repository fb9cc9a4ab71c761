//! Binding an account of a platform to somebody the shop knows: offers, whose nonce the platform's signed answer redeems, and
//! proofs that the shop's own systems have (a login at the platform, a code sent to a phone). All of it needs the scope `prove`:
//! whoever has it says who is who.

use super::{Answer, Shared, actor, blocking, command, console, customers::Named};
use crate::{hub::Hub, login, problem::Problem};
use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::IntoResponse,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::json as object;
use tributary_channels::{digest, settings::Channel};
use tributary_core::{
    body::Body,
    draft::{ChannelContext, Claim, Draft},
    event::Trust,
    identity::OFFER,
    ids::Cursor,
    time::Micros,
};

/// Seconds that an offer stands unless it says otherwise, and at most: people log in and come back within minutes.
const TTL: u64 = 600;
const TTL_MAX: u64 = 3_600;
/// Random bytes of a nonce.
const NONCE_BYTES: usize = 32;
/// Identifiers of one proof.
const PROVEN: std::ops::RangeInclusive<usize> = 2..=5;
/// Longest name of a proof, and of a method.
const NAME_BYTES_MAX: usize = 128;
/// Longest link token.
const LINK_TOKEN_BYTES_MAX: usize = 512;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Offer {
    channel: String,
    identifier: Named,
    ttl: Option<u64>,
    link_token: Option<String>,
}

/// `POST /v1/identity/offers {channel, identifier, ttl?, link_token?}`: a nonce for somebody who has just logged in at the shop,
/// and the address to send their browser to.
pub async fn offer(State(hub): Shared, request: Request) -> Answer {
    let actor = actor(&request).name;
    let Offer { channel, identifier, ttl, link_token } = command(request).await?;
    let ttl = ttl.unwrap_or(TTL);
    if !(1..=TTL_MAX).contains(&ttl) {
        let detail = format!("ttl is a number of seconds from 1 to {TTL_MAX}");
        return Err(Problem::new(422, "invalid_ttl", detail));
    }
    if link_token.as_ref().is_some_and(|t| t.is_empty() || t.len() > LINK_TOKEN_BYTES_MAX) {
        return Err(Problem::new(422, "invalid_link_token", "link_token is the one that the platform gave"));
    }
    identifier.normal(&hub)?;
    let channel = known(&hub, &channel)?;
    let nonce = nonce()?;
    let Some(redirect) = channel.adapter.bind_address(&nonce, link_token.as_deref()) else {
        let detail = format!("a channel of kind `{}` binds no accounts", channel.context.kind);
        return Err(Problem::new(422, "channel_binds_nothing", detail));
    };
    let now = hub.now();
    let expires_at = Micros(now.0.saturating_add_unsigned(ttl * 1_000_000));
    // The nonce itself is kept nowhere.
    let key = format!("{OFFER}{}", digest::hex64(nonce.as_bytes()));
    let mut draft = Draft::new(key, Body::Offered { expires_at });
    draft.occurred_at = Some(now);
    draft.identifiers = vec![verified(identifier)];
    draft.actor = actor;
    let told = object!({"nonce": nonce, "redirect": redirect, "expires_at": expires_at});
    append(&hub, of_account(&hub, channel), draft, told).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Proof {
    channel: Option<String>,
    id_token: Option<String>,
    #[serde(default)]
    identifiers: Vec<Named>,
    method: Option<String>,
    key: Option<String>,
    at: Option<Micros>,
}

/// `POST /v1/identity/proofs`: either `{channel, id_token}`, a login at the platform whose nonce is one of an offer, or
/// `{identifiers, method, key, at?}`, what the shop's own system has verified, such as a code sent to a phone.
pub async fn prove(State(hub): Shared, request: Request) -> Answer {
    let actor = actor(&request).name;
    match command(request).await? {
        Proof {
            channel: Some(channel),
            id_token: Some(token),
            identifiers,
            method: None,
            key: None,
            at: None,
        } if identifiers.is_empty() => by_login(&hub, actor, &channel, &token).await,
        Proof { channel: None, id_token: None, identifiers, method: Some(method), key: Some(key), at } => {
            by_word(&hub, actor, Word { identifiers, method, key, at }).await
        }
        _ => {
            let detail = "give either {channel, id_token} or {identifiers, method, key, at?}";
            Err(Problem::new(400, "invalid_body", detail))
        }
    }
}

/// A login redeems the offer of its nonce, as the platform's webhook would.
async fn by_login(hub: &Hub, actor: String, channel: &str, token: &str) -> Answer {
    let channel = known(hub, channel)?;
    let Some(expected) = channel.adapter.login() else {
        let detail = "this channel has no login configured";
        return Err(Problem::new(422, "login_not_configured", detail)
            .remedy("set login_channel in the channel's section"));
    };
    let now = hub.now();
    let login = login::verify(hub, &expected, token, now).await?;
    // One token is one event, however often it is sent: nothing of it depends on when that is.
    let mut draft = Draft::new(
        format!("login/{}", digest::hex32(token.as_bytes())),
        Body::Link { with: digest::hex64(login.nonce.as_bytes()), ok: true },
    );
    draft.occurred_at = Some(login.at);
    let account = &channel.context.account;
    draft.identifiers = vec![Claim::new(&channel.context.kind, account, login.subject, Trust::Verified)];
    draft.actor = actor;
    append(hub, of_account(hub, channel), draft, object!({})).await
}

struct Word {
    identifiers: Vec<Named>,
    method: String,
    key: String,
    at: Option<Micros>,
}

/// What a system of the shop vouches for.
async fn by_word(hub: &Hub, actor: String, word: Word) -> Answer {
    let Word { identifiers, method, key, at } = word;
    if !PROVEN.contains(&identifiers.len()) {
        let detail = format!("a proof names {} to {} identifiers", PROVEN.start(), PROVEN.end());
        return Err(Problem::new(422, "wrong_number_of_identifiers", detail));
    }
    let is_name =
        |t: &str| !t.is_empty() && t.len() <= NAME_BYTES_MAX && t.bytes().all(|b| b.is_ascii_graphic());
    if !is_name(&key) || !is_name(&method) {
        let detail = format!(
            "key and method are 1 to {NAME_BYTES_MAX} visible ASCII characters, and no personal value"
        );
        return Err(Problem::new(422, "invalid_name", detail));
    }
    let now = hub.now();
    let at = at.unwrap_or(now);
    if at > now {
        return Err(Problem::new(422, "time_in_the_future", "at must not be in the future"));
    }
    for named in &identifiers {
        named.normal(hub)?;
    }
    // Each system has names of its own.
    let mut draft = Draft::new(format!("proof/{actor}/{key}"), Body::Link { with: method, ok: true });
    draft.occurred_at = Some(at);
    draft.identifiers = identifiers.into_iter().map(verified).collect();
    draft.actor = actor;
    append(hub, console(hub), draft, object!({})).await
}

fn verified(named: Named) -> Claim {
    Claim { kind: named.kind, scope: named.scope, value: named.value, trust: Trust::Verified }
}

fn known<'a>(hub: &'a Hub, name: &str) -> Result<&'a Channel, Problem> {
    hub.channel(name).ok_or_else(|| {
        Problem::new(422, "channel_unknown", "no channel of this name is configured")
            .remedy("see `tributary channel ls`")
    })
}

/// The hub's own record about an account: facts of one account belong together whoever states them.
fn of_account(hub: &Hub, channel: &Channel) -> ChannelContext {
    let (kind, account) = (channel.context.kind.clone(), channel.context.account.clone());
    ChannelContext { kind, account, ..console(hub) }
}

fn nonce() -> Result<String, Problem> {
    let mut bytes = [0; NONCE_BYTES];
    getrandom::fill(&mut bytes).map_err(|_| Problem::internal())?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Appends the draft's event; the answer is `told` with the event and its position.
async fn append(hub: &Hub, context: ChannelContext, draft: Draft, mut told: serde_json::Value) -> Answer {
    let events = blocking(|| hub.events(&context, vec![draft], Vec::new(), hub.now()));
    let event = events.last().map(|e| e.id);
    let stored = hub.store(&context.name, events).await?;
    told["event"] = object!(event);
    told["position"] = object!(stored.position.map(|p| Cursor::new([p])));
    Ok((StatusCode::CREATED, axum::Json(told)).into_response())
}
