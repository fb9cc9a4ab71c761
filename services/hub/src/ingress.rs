//! `/in/{channel}`: what providers and files are posted to. Size, then signature over the raw bytes, then decoding, then the
//! durable append, then the answer the provider expects.

use crate::{
    folders::portions::{self, Input},
    hub::Hub,
    pace::{self, Verdict},
    problem::Problem,
};
use axum::{
    Router,
    extract::{ConnectInfo, Path, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method as HttpMethod, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use bytes::Bytes;
use std::{net::SocketAddr, sync::Arc};
use tributary_channels::{
    adapter::{Decoded, InboundRequest, Method, OVER_PACE, Reply, Transport},
    settings::Channel,
    signature,
};
use tributary_core::{seal::Raw, time::Micros};

/// What an unknown channel may send before it is cut off: as much as the smallest adapters take.
const UNKNOWN_BODY_MAX: usize = 1 << 20;

/// Bodies from here on are decoded on a thread that may block: a till's day takes longer than others should wait.
const LARGE_BODY: usize = 256 * 1024;

/// The routes of the first listener.
pub fn router(hub: Arc<Hub>) -> Router {
    Router::new()
        .route("/in/{channel}", any(receive))
        .route("/livez", get(|| async { "ok\n" }))
        .fallback(|| async {
            Problem::not_found("not_found", "this listener serves /in/{channel} and /livez only")
        })
        .with_state(hub)
}

async fn receive(
    State(hub): State<Arc<Hub>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let received_at = hub.now();
    let is_own = hub.probes.came(request.headers());
    match handle(&hub, &name, request, peer, received_at).await {
        Ok(reply) => answer(reply),
        Err(problem) => {
            if problem.status < 500 && !is_own {
                hub.refused(&name, problem.code);
            }
            problem.into_response()
        }
    }
}

async fn handle(
    hub: &Arc<Hub>,
    name: &str,
    request: Request,
    peer: SocketAddr,
    received_at: Micros,
) -> Result<Reply, Problem> {
    hub.config.role.require_taking()?;
    let (parts, body) = request.into_parts();
    if parts.headers.contains_key(header::CONTENT_ENCODING) {
        return Err(Problem::new(415, "content_encoding", "compressed bodies are not taken")
            .remedy("send the body as it is, without Content-Encoding"));
    }
    let method = match parts.method {
        HttpMethod::GET => Some(Method::Get),
        HttpMethod::POST | HttpMethod::PUT => Some(Method::Post),
        // A browser asks whether another site's page may post.
        HttpMethod::OPTIONS => None,
        _ => {
            return Err(Problem::new(
                405,
                "method_not_allowed",
                "use POST (or GET where a provider checks the address)",
            ));
        }
    };
    let mut headers = plain(&parts.headers);
    if method == Some(Method::Post) && over_pace(hub, name, peer, &headers, received_at)? {
        headers.push((OVER_PACE.to_owned(), "1".to_owned()));
    }
    let max = hub.channel(name).map_or(UNKNOWN_BODY_MAX, |c| c.registration.body_max);
    let held = hub.bodies.read(body, max).await?;
    let body = &held.bytes;
    let Some(channel) = hub.channel(name) else {
        // The same work as for a known channel, so that names cannot be found by the clock.
        std::hint::black_box(signature::digest_of_nothing(body));
        return Err(Problem::not_found("channel_unknown", "no channel of this name is configured"));
    };
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let Some(method) = method else {
        let request = InboundRequest {
            method: Method::Get,
            query: &query,
            headers: &headers,
            body,
            received_at,
            public_url: None,
        };
        return channel.adapter.preflight(&request).map_err(Problem::from);
    };
    let is_file = channel.registration.transport == Transport::Watch;
    if is_file && method == Method::Post && body.len() >= LARGE_BODY {
        let input = Input { channel: name.to_owned(), headers, body: body.clone(), received_at };
        return take_file(hub, channel, &query, input).await;
    }
    let events = if body.len() < LARGE_BODY {
        decode(hub, channel, method, &query, &headers, body, received_at)?
    } else {
        tokio::task::block_in_place(|| decode(hub, channel, method, &query, &headers, body, received_at))?
    };
    let (events, reply) = events;
    let people = hub.profiles.people(channel, &events);
    let stored = hub.store(name, events).await?;
    if stored.new.is_some() {
        hub.profiles.push(name, people);
    }
    hub.forwarding.push(name, &stored, &query, &headers, body);
    Ok(reply)
}

/// Counts a post; whether its sender posts more than the channel's pace.
fn over_pace(
    hub: &Hub,
    name: &str,
    peer: SocketAddr,
    headers: &[(String, String)],
    now: Micros,
) -> Result<bool, Problem> {
    let Some(pace) = hub.channel(name).and_then(|channel| channel.adapter.pace()) else { return Ok(false) };
    let client = pace::client(peer, headers, hub.config.hub.trusted_proxies.unwrap_or_default());
    match hub.counts.count(name, pace, client, now) {
        Verdict::Taken => Ok(false),
        Verdict::Spam => Ok(true),
        Verdict::Refused => Err(Problem::new(
            429,
            "too_many_posts",
            "more posts came within this minute than this form takes",
        )
        .remedy("send it again later")
        .retry_after(60)),
    }
}

/// Verifies and decodes; every event is ready to be appended.
fn decode(
    hub: &Hub,
    channel: &Channel,
    method: Method,
    query: &str,
    headers: &[(String, String)],
    body: &Bytes,
    received_at: Micros,
) -> Result<(Vec<tributary_core::event::Event>, Reply), Problem> {
    let url = hub.config.hub.channel_url(&channel.context.name);
    let request = InboundRequest { method, query, headers, body, received_at, public_url: url.as_deref() };
    verify(hub, channel, &request)?;
    decode_verified(hub, channel, &request)
}

fn verify(hub: &Hub, channel: &Channel, request: &InboundRequest<'_>) -> Result<(), Problem> {
    channel.adapter.verify(request).map_err(Problem::from)?;
    if let Some(once) = channel.adapter.once(request)
        && !hub.once.fits(&channel.context.name, once, request.received_at)
    {
        let detail = "the signature of this request came before, with another content";
        return Err(Problem::new(401, "replayed_signature", detail));
    }
    Ok(())
}

/// Verifies a file and appends its portions while the rest of it is decoded. The answer says that all of it is durable.
async fn take_file(hub: &Arc<Hub>, channel: &Channel, query: &str, input: Input) -> Result<Reply, Problem> {
    let url = hub.config.hub.channel_url(&input.channel);
    let request = InboundRequest { query, public_url: url.as_deref(), ..input.request() };
    tokio::task::block_in_place(|| verify(hub, channel, &request))?;
    let input = Arc::new(input);
    let mut stream = portions::open(hub, &input).await?;
    let mut is_begun = false;
    while let Some(portion) = stream.next().await? {
        let stored = hub.store(&input.channel, portion.events).await;
        stored.map_err(|problem| if is_begun { in_part(problem) } else { problem })?;
        is_begun = true;
    }
    Ok(Reply::default())
}

fn in_part(problem: Problem) -> Problem {
    if problem.code != "log_not_writable" {
        return problem;
    }
    let detail = "the log cannot be written at the moment; a part of the file is stored".to_owned();
    Problem { detail, ..problem }
}

/// Decodes a request whose authenticity is known: verified, or a file from this machine.
pub(crate) fn decode_verified(
    hub: &Hub,
    channel: &Channel,
    request: &InboundRequest<'_>,
) -> Result<(Vec<tributary_core::event::Event>, Reply), Problem> {
    let decoded = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| channel.adapter.decode(request)));
    let decoded = match decoded {
        Ok(decoded) => decoded.map_err(Problem::from)?,
        Err(_) => kept_after_panic(channel, request),
    };
    let events = hub.events(&channel.context, decoded.events, decoded.unrecognised, request.received_at);
    Ok((events, decoded.reply))
}

/// A verified request is never lost, whatever its adapter makes of it.
pub(crate) fn kept_after_panic(channel: &Channel, request: &InboundRequest<'_>) -> Decoded {
    tracing::error!(channel.name = %channel.context.name, "the adapter panicked; the request is kept");
    let raw = Raw { headers: Vec::new(), body: request.body.to_vec() };
    Decoded::only_unrecognised("adapter_panicked", "", raw)
}

/// Headers as adapters see them: lower-case names, values that are text, and none of the ingress's own.
fn plain(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |(name, value): (&HeaderName, &HeaderValue)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), value)
    };
    headers.iter().filter(|(name, _)| *name != OVER_PACE).map(text).collect()
}

fn answer(reply: Reply) -> Response {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK);
    let mut response = (status, reply.body).into_response();
    response.headers_mut().remove(header::CONTENT_TYPE);
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}
