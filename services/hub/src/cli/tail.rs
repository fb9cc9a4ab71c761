//! `tail`: every event, unsampled, as the projection passes it.

use super::{
    Exit, Failure, Session,
    args::{From, Tail},
    masking::masked,
    outline::identifier,
};
use crate::{
    client::query_value,
    output::{Format, cell, printable, width},
};
use serde_json::Value as Json;
use std::time::Duration;

/// Between two looks at a quiet stream.
const POLL: Duration = Duration::from_millis(300);
/// Events per page.
const PAGE: usize = 200;
/// Columns of channel and type; longer names push the rest of their line.
const COLUMNS: [usize; 2] = [16, 22];

/// Runs `tail`.
pub async fn run(args: &Tail, session: &mut Session<'_>) -> Result<Exit, Failure> {
    let mut cursor = match args.from {
        From::Start => None,
        From::Now => Some(newest(session).await?),
    };
    let mut left = args.count.unwrap_or(u64::MAX);
    while left > 0 {
        let from = cursor.as_deref().map(|c| format!("&cursor={}", query_value(c))).unwrap_or_default();
        let page = session.client.get(&format!("/v1/events?limit={PAGE}{from}")).await?;
        let events = page.get("events").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        for event in events {
            if args.channel.as_deref().is_some_and(|wanted| wanted != channel(event)) {
                continue;
            }
            print(event, session)?;
            left -= 1;
            if left == 0 {
                return Ok(Exit::Ok);
            }
        }
        let next = page.get("next_cursor").and_then(Json::as_str).map(str::to_owned);
        let moved = next.is_some() && next != cursor;
        if moved {
            cursor = next;
        }
        if events.len() < PAGE || !moved {
            tokio::time::sleep(POLL).await;
        }
    }
    Ok(Exit::Ok)
}

async fn newest(session: &Session<'_>) -> Result<String, Failure> {
    let lag = session.client.get("/v1/lag").await?;
    lag.get("position").and_then(Json::as_str).map(str::to_owned).ok_or_else(|| {
        Failure::new(Exit::CheckFailed, "the hub does not say where its newest event is")
            .remedy("use --from start")
    })
}

fn print(event: &Json, session: &mut Session<'_>) -> Result<(), Failure> {
    if session.global.output == Format::Table {
        let shown = if session.global.reveal { event.clone() } else { masked(event) };
        writeln!(session.out, "{}", line(&shown))?;
    } else {
        // An indented object for each event would be a stream of neither.
        writeln!(session.out, "{event}")?;
    }
    session.out.flush()?;
    Ok(())
}

/// Time, channel, type, id and identifiers in one line.
fn line(event: &Json) -> String {
    let time = event.get("recordedtime").or_else(|| event.get("recorded_at")).or_else(|| event.get("time"));
    let kind = cell(event.get("type"));
    let kind = kind.strip_prefix(tributary_core::body::TYPE_PREFIX).unwrap_or(&kind);
    let data = event.get("data").unwrap_or(event);
    let identifiers = data.get("identifiers").and_then(Json::as_array).into_iter().flatten();
    let identifiers: Vec<String> = identifiers.filter_map(identifier).collect();
    let mut out = format!("{}  ", cell(time));
    for (text, columns) in [channel(event), kind].into_iter().zip(COLUMNS) {
        out.push_str(text);
        out.extend(std::iter::repeat_n(' ', columns.saturating_sub(width(text)) + 2));
    }
    printable(format!("{out}{}  {}", cell(event.get("id")), identifiers.join(" ")).trim_end())
}

fn channel(event: &Json) -> &str {
    let given = event.get("channel").and_then(Json::as_str);
    let source = event.get("source").and_then(Json::as_str).unwrap_or_default();
    given.unwrap_or_else(|| source.strip_prefix("/channels/").unwrap_or(source))
}

#[cfg(test)]
mod tests {
    use super::{channel, line};
    use serde_json::json;

    #[test]
    fn an_event_is_one_line() {
        let event = json!({"id": "c8e3a51a", "source": "/channels/pos-1", "type": "tributary.v1.purchase.completed",
            "time": "2026-03-01T02:12:00Z",
            "data": {"identifiers": [{"type": "phone", "value": "+886******678"}, {"type": "line", "scope": "p", "value": "U"}]}});
        assert_eq!(channel(&event), "pos-1");
        let want = "2026-03-01T02:12:00Z  pos-1             purchase.completed      c8e3a51a  phone=+886******678 line:p=U";
        assert_eq!(line(&event), want);
        assert!(!line(&json!({"id": "a\nb"})).contains('\n'));
    }
}
