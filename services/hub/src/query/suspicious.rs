//! Suspicious identifiers: listed, and cleared by an operator.

use super::{Answer, Params, Shared, blocking, damaged, json};
use crate::{hub::Hub, problem::Problem};
use axum::extract::{Request, State};
use serde_json::{Value, json as object};
use tributary_core::{
    codec::BadRow,
    time::{Day, Micros},
    token::Token,
    view,
};
use tributary_projector::View;

/// `GET /v1/identity/suspicious?cursor=&limit=`: identifiers with suspicious days, cleared or not, in an order that does not
/// change. Each stands on one page at most, whatever happens to others.
pub async fn page(State(hub): Shared, request: Request) -> Answer {
    let params = Params::of(&request);
    params.wait(&hub).await?;
    let limit = params.limit()?;
    let mut after = params.get("cursor").map(read_cursor).transpose()?;
    let (rows, next) = blocking(|| {
        let mut rows: Vec<Value> = Vec::new();
        loop {
            // What is blocked, or only cleared ahead, is left out, which may take some further looks.
            let room = limit - rows.len();
            let marked = hub.projector().read(|look| portion(&look, after, room, &mut rows))?;
            let more = marked.len() == room;
            after = marked.last().copied().or(after);
            if !more || rows.len() == limit {
                return Ok::<_, BadRow>((rows, after.filter(|_| more)));
            }
        }
    })
    .map_err(|e| damaged(&e))?;
    Ok(json(object!({"suspicious": rows, "next_cursor": next.map(write_cursor)})))
}

/// Adds what is suspicious among the next identifiers with marks; gives these.
fn portion(
    look: &View<'_>,
    after: Option<Token>,
    limit: usize,
    rows: &mut Vec<Value>,
) -> Result<Vec<Token>, BadRow> {
    let marked = look.marked(after, limit)?;
    look.engine().with_sources(|sources, _| {
        for token in &marked {
            let Some(told) = view::suspicious_identifier(sources, *token)? else { continue };
            let mut row = object!(told);
            let customer = sources.resolver.customer_of(*token).and_then(|c| sources.resolver.id(c));
            row["customer"] = object!(customer);
            rows.push(row);
        }
        Ok(marked)
    })
}

fn write_cursor(token: Token) -> String {
    format!("t{}", token.to_hex())
}

fn read_cursor(text: &str) -> Result<Token, Problem> {
    let token = text.strip_prefix('t').and_then(|digits| digits.parse().ok());
    token.ok_or_else(|| Problem::new(400, "invalid_cursor", "cursor is not one of this list"))
}

/// What clearing an identifier up to this time would do.
///
/// # Errors
/// 422 if no suspicious day up to then is left to clear.
pub(super) fn effect(hub: &Hub, token: Token, at: Micros) -> Result<Value, Problem> {
    let told = hub.projector().read(|look| {
        look.engine().with_sources(|sources, _| {
            let policy = sources.resolver.policy();
            let Some(found) = view::suspicion(sources, token)?.filter(|s| s.open) else { return Ok(None) };
            let upto = policy.day(at);
            let before = found.cleared.map(|when| policy.day(when.0));
            let is_open = |day: Day| before.is_none_or(|before| day > before);
            let (cleared, left): (Vec<_>, Vec<_>) =
                found.days.into_iter().filter(|of| is_open(of.day)).partition(|of| of.day <= upto);
            let customer = sources.resolver.customer_of(token).and_then(|c| sources.resolver.id(c));
            Ok::<_, BadRow>((!cleared.is_empty()).then(|| {
                object!({"customer": customer, "cleared": cleared, "suspicious": !left.is_empty(), "left": left})
            }))
        })
    });
    told.map_err(|e| damaged(&e))?.ok_or_else(|| {
        Problem::new(
            422,
            "not_suspicious",
            "this identifier has no suspicious day up to then that is not cleared",
        )
        .remedy("see `tributary identity suspicious`")
    })
}
