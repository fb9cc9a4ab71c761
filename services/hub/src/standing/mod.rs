//! How a configured channel stands: what the hub knows of it, whether its public address leads here, and what its platform
//! says. Looking changes nothing: what is posted to the own address is refused there before it could leave anything.

mod local;
mod probe;
mod reach;

pub use probe::Probes;

use crate::{
    hub::Hub,
    outbound::{Address, Outbound},
};
use bytes::Bytes;
use hyper::Method;
use serde_json::{Value, json};
use std::time::Duration;
use tributary_channels::{
    settings::Channel,
    standing::{Finding, Standing},
};

/// Longest wait for one answer from outside.
const ANSWER: Duration = Duration::from_secs(10);

/// Checks in their order: name and what was found.
type Checks = Vec<(String, Finding)>;

/// Checks a channel. Takes as long as those who are asked, at most some tens of seconds.
pub async fn check(hub: &Hub, channel: &Channel) -> Value {
    let name = &channel.context.name;
    let url = hub.config.hub.channel_url(name);
    let mut checks = tokio::task::block_in_place(|| local::checks(hub, channel));
    match Outbound::new() {
        Ok(outbound) => {
            checks.extend(reach::checks(hub, channel, url.as_deref(), &outbound).await);
            checks.extend(platform(channel, url.as_deref(), &outbound).await);
        }
        Err(error) => {
            let detail = format!("TLS cannot be set up: {error}");
            checks.push(("outside".to_owned(), Finding::bad(detail, "see the hub's log")));
        }
    }
    let ok = checks.iter().all(|(_, found)| found.standing != Standing::Bad);
    json!({
        "channel": name,
        "kind": channel.context.kind,
        "url": url,
        "ok": ok,
        "checks": checks.iter().map(row).collect::<Vec<Value>>(),
        "reminders": channel.adapter.reminders(),
        "settings": channel.fingerprint,
    })
}

fn row((name, found): &(String, Finding)) -> Value {
    let result = match found.standing {
        Standing::Good => "ok",
        Standing::Doubtful => "warn",
        Standing::Bad => "fail",
    };
    json!({"check": name, "result": result, "detail": found.detail, "remedy": found.remedy})
}

/// What the platform says.
async fn platform(channel: &Channel, url: Option<&str>, outbound: &Outbound) -> Checks {
    let noticed = channel.adapter.noticed().into_iter();
    let mut checks: Checks = noticed.map(|(about, found)| (about.to_owned(), found)).collect();
    for question in channel.adapter.questions() {
        let found = match Address::parse(&question.lookup.url) {
            Err(problem) => Finding::bad(format!("the platform's address {problem}"), "correct the setting"),
            Ok(address) => {
                let headers = &question.lookup.headers;
                match outbound.send(&address, Method::GET, headers, Bytes::new(), ANSWER).await {
                    Ok(answer) => channel.adapter.finding(question.about, answer.status, &answer.body, url),
                    Err(error) => Finding::doubtful(
                        format!("{} cannot be asked: {error}", address.host()),
                        "check that the hub may make requests to it; then try again",
                    ),
                }
            }
        };
        checks.push((question.about.to_owned(), found));
    }
    checks
}
