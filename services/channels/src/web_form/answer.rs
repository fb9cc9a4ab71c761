//! What the sender of a form is answered: browsers go on to an address of the allow-list, scripts get JSON. Spam gets the same
//! answer: nothing teaches the bot.

use super::{TOKEN_HEADER, options::Options, submission::Submission};
use crate::adapter::{InboundRequest, Rejected, Reply};

/// Seconds for which a browser need not ask again whether it may post.
const PREFLIGHT_SECONDS: &str = "86400";

/// The answer to a post.
pub(super) fn reply(options: &Options, request: &InboundRequest<'_>, submission: &Submission) -> Reply {
    let browser = request.header("accept").is_some_and(|a| a.contains("text/html"));
    let wanted = options.redirect.as_ref().and_then(|field| submission.first(field));
    let listed = options.thanks.iter().find(|url| Some(url.as_str()) == wanted);
    let first = options.thanks.first().filter(|_| browser);
    match listed.or(first) {
        Some(url) => Reply { status: 303, headers: vec![("location", url.clone())], body: Vec::new() },
        None => Reply {
            status: 200,
            headers: vec![("content-type", "application/json".to_owned())],
            body: br#"{"status":"received"}"#.to_vec(),
        },
    }
}

/// Lets scripts of a listed origin read the answer. Never a wildcard, never credentials.
pub(super) fn allow_origin(options: &Options, request: &InboundRequest<'_>, reply: &mut Reply) {
    if let Some(origin) = listed_origin(options, request) {
        reply.headers.push(("access-control-allow-origin", origin.to_owned()));
        reply.headers.push(("vary", "origin".to_owned()));
    }
}

/// The answer to a browser that asks before it posts JSON or a header of its own.
///
/// # Errors
/// 403 for an origin that is not listed.
pub(super) fn preflight(options: &Options, request: &InboundRequest<'_>) -> Result<Reply, Rejected> {
    if listed_origin(options, request).is_none() {
        return Err(Rejected {
            status: 403,
            code: "origin_not_allowed",
            detail: "pages of this origin may not post here; `origins` lists those that may".into(),
        });
    }
    let mut reply = Reply { status: 204, ..Reply::default() };
    allow_origin(options, request, &mut reply);
    reply.headers.push(("access-control-allow-methods", "POST".to_owned()));
    reply.headers.push(("access-control-allow-headers", format!("content-type, {TOKEN_HEADER}")));
    reply.headers.push(("access-control-max-age", PREFLIGHT_SECONDS.to_owned()));
    Ok(reply)
}

fn listed_origin<'a>(options: &'a Options, request: &InboundRequest<'_>) -> Option<&'a str> {
    let origin = request.header("origin")?;
    options.origins.iter().map(String::as_str).find(|known| *known == origin)
}
