//! `GET /customers/{id}`: one customer as a page for people, in English or Traditional Chinese. Made whole on the server,
//! from the same views as `/v1`. Absent: scripts, forms, cookies, anything loaded from elsewhere, texts of messages, and
//! any identifier or name in full.

mod escape;
mod parts;
#[cfg(test)]
mod tests;
mod words;

pub use words::Lang;

use crate::{hub::Hub, problem::Problem};
use axum::{
    Router,
    extract::{Path, Query, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
    routing::get,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};
use std::{
    fmt::Write as _,
    sync::{Arc, LazyLock},
};
use tributary_core::{
    ids::CustomerId,
    view::{self, Timeline, View, Why},
};

/// Entries of the timeline on a page.
const ENTRIES: usize = 50;
/// The page's only style; it stands in the page itself.
const STYLE: &str = include_str!("style.css");

/// Nothing may run, load, frame or send anything; of styles only the page's own, by its hash.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
});

/// Who reads the page.
#[derive(Clone, Debug)]
pub struct Reader {
    /// Language.
    pub language: Lang,
    /// Zone of the times.
    pub zone: TimeZone,
}

#[derive(Deserialize)]
struct Asked {
    lang: Option<String>,
}

/// The page's route, to be mounted behind the guard of the other reads.
pub fn router() -> Router<Arc<Hub>> {
    Router::new().route("/customers/{id}", get(show))
}

async fn show(
    State(hub): State<Arc<Hub>>,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let language = Lang::of(asked.lang.as_deref(), accepted);
    let zone = TimeZone::get(&hub.config.hub.time_zone).unwrap_or(TimeZone::UTC);
    let found = tokio::task::block_in_place(|| read(&hub, &id))?;
    let (view, timeline, why) =
        found.ok_or_else(|| Problem::not_found("customer_not_found", "no customer has or had this id"))?;
    let html = render(&view, &timeline, &why, &Reader { language, zone });
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY.as_str()),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::VARY, "accept-language"),
    ];
    Ok((headers, html).into_response())
}

type Found = (View, Timeline, Why);

fn read(hub: &Hub, id: &str) -> Result<Option<Found>, Problem> {
    let Ok(id) = id.parse::<CustomerId>() else { return Ok(None) };
    let damaged = |_| Problem::new(500, "view_damaged", "the view of this customer cannot be read");
    hub.projector().read(|look| {
        let Some(customer) = look.resolve(id) else { return Ok(None) };
        look.engine().with_sources(|sources, _| {
            let view = view::view(sources, customer).map_err(damaged)?;
            let timeline = view::timeline(sources, customer, None, ENTRIES).map_err(damaged)?;
            let why = view::why(sources, customer).map_err(damaged)?;
            Ok(view.zip(why).map(|(view, why)| (view, timeline, why)))
        })
    })
}

/// The page. Pure: the same views give the same text.
#[must_use]
pub fn render(view: &View, timeline: &Timeline, why: &Why, reader: &Reader) -> String {
    // As JSON, because half of a view is JSON anyway, and what the page shows is what the interface tells.
    let json = |value: serde_json::Result<Json>| value.unwrap_or_default();
    page(
        &json(serde_json::to_value(view)),
        &json(serde_json::to_value(timeline)),
        &json(serde_json::to_value(why)),
        reader,
    )
}

fn page(view: &Json, timeline: &Json, why: &Json, reader: &Reader) -> String {
    let say = |key| reader.language.say(key);
    let name = parts::title(view, reader);
    let (tag, other) = match reader.language {
        Lang::English => ("en", Lang::Chinese.tag()),
        Lang::Chinese => ("zh-Hant", Lang::English.tag()),
    };
    let mut out = String::with_capacity(32 * 1024);
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"{tag}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex\">\n<title>{name} · Tributary</title>\n<style>{STYLE}</style>\n</head>\n\
         <body>\n<a class=\"skip\" href=\"#main\">{skip}</a>\n<header>\n<div class=\"bar\"><span>Tributary · {customer}</span>\
         <nav class=\"tongues\"><a href=\"?lang={other}\" hreflang=\"{other}\" lang=\"{other}\">{tongue}</a></nav></div>\n\
         <h1>{name}</h1>\n<p class=\"id\"><code>{id}</code> · {version} {number}</p>\n{tiles}</header>\n<main id=\"main\">\n",
        skip = say("skip"),
        customer = say("customer"),
        tongue = say("other_language"),
        id = parts::text(view, "/id"),
        version = say("version"),
        number = parts::text(view, "/version"),
        tiles = parts::tiles(view, reader),
    );
    out.push_str(&parts::why(why, reader));
    out.push_str("<div class=\"two\">\n");
    out.push_str(&parts::profile(view, reader));
    out.push_str(&parts::purchases(view, reader));
    out.push_str("</div>\n");
    out.push_str(&parts::identifiers(view, why, reader));
    out.push_str(&parts::channels(view, reader));
    out.push_str(&parts::timeline(timeline, reader));
    let _ = write!(out, "</main>\n<footer><p>{}</p></footer>\n</body>\n</html>\n", say("masked"));
    out
}
