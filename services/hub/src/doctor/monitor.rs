//! What a NATS server tells of itself on its monitoring port: when it syncs, which the client protocol never says.

use crate::{
    client::Client,
    outbound::{Address, Outbound},
};
use bytes::Bytes;
use hyper::Method;
use serde_json::Value as Json;
use std::time::Duration;
use tributary_channels::standing::Finding;
use tributary_eventlog::{Clock as _, SystemClock, pipe::Told};

/// Longest wait for the answer.
const ANSWER: Duration = Duration::from_secs(5);
/// Settings of JetStream on that server.
const PATH: &str = "/jsz?config=true";
/// What makes a single server keep what it acknowledged.
const SYNC: &str =
    "set `sync_interval: always` in the server's jetstream block, or let three servers hold the stream";

/// What it says.
#[derive(Debug)]
pub(super) struct Seen {
    /// When the server makes durable what it acknowledged.
    pub sync: Finding,
    /// Its clock.
    pub clock: Option<Told>,
}

/// Asks it; `is_alone` says that one server holds everything.
pub(super) async fn look(url: Option<&str>, is_alone: bool) -> Seen {
    let Some(url) = url else { return Seen { sync: unseen(is_alone), clock: None } };
    let asked = SystemClock.now_micros();
    let answer = match tokio::time::timeout(ANSWER, ask(url)).await {
        Ok(answer) => answer,
        Err(_) => Err("no answer in time".to_owned()),
    };
    let answered = SystemClock.now_micros();
    match answer {
        Ok(answer) => {
            let time = answer.get("now").and_then(Json::as_str);
            let clock = time.map(|time| Told { time: time.to_owned(), asked, answered });
            Seen { sync: of_answer(&answer, is_alone), clock }
        }
        Err(problem) => {
            let remedy =
                "check [log.nats] monitor: it names the server's `http` port, such as http://127.0.0.1:8222";
            Seen { sync: Finding::doubtful(format!("{url} cannot be asked: {problem}"), remedy), clock: None }
        }
    }
}

async fn ask(url: &str) -> Result<Json, String> {
    let (status, body) = if url.starts_with("https://") {
        let address = Address::parse(&format!("{url}{PATH}")).map_err(str::to_owned)?;
        let outbound = Outbound::new().map_err(|e| e.to_string())?;
        let sent = outbound.send(&address, Method::GET, &[], Bytes::new(), ANSWER).await;
        let answer = sent.map_err(|e| e.to_string())?;
        (answer.status, answer.body)
    } else {
        let client = Client::new(url, None).map_err(|e| e.to_string())?;
        let sent = client.send(Method::GET, PATH, &[], Bytes::new()).await;
        let answer = sent.map_err(|_| "it does not answer".to_owned())?;
        (answer.status.as_u16(), answer.body)
    };
    if status != 200 {
        return Err(format!("it answers {status}"));
    }
    serde_json::from_slice(&body).map_err(|_| "its answer is not JSON".to_owned())
}

fn unseen(is_alone: bool) -> Finding {
    let detail = "the client protocol does not tell when the server syncs";
    if !is_alone {
        return Finding::good(format!("{detail}; several servers hold each event"));
    }
    let remedy = format!(
        "{SYNC}; set [log.nats] monitor = \"http://127.0.0.1:8222\" (the server's `http` port) to have it looked at here"
    );
    Finding::doubtful(format!("{detail}, and one server holds everything"), remedy)
}

fn of_answer(answer: &Json, is_alone: bool) -> Finding {
    let Some(config) = answer.get("config").filter(|config| config.is_object()) else {
        let remedy = "check that [log.nats] monitor names a server that has JetStream";
        return Finding::doubtful("the monitored server tells no settings of JetStream", remedy);
    };
    if config.get("sync_always").and_then(Json::as_bool) == Some(true) {
        return Finding::good("sync_interval = always: acknowledged events are on the server's disk");
    }
    let nanos = config.get("sync_interval").and_then(Json::as_u64);
    let Some(every) = nanos.map(Duration::from_nanos) else {
        return Finding::doubtful("the monitored server does not tell its sync_interval", SYNC);
    };
    let detail = format!("sync_interval = {every:?}");
    if is_alone {
        let detail = format!(
            "{detail}, and one server holds everything: its power cut loses as much of what it acknowledged"
        );
        return Finding::doubtful(detail, SYNC);
    }
    Finding::good(format!("{detail}; several servers hold each event"))
}

#[cfg(test)]
mod tests {
    use super::{of_answer, unseen};
    use serde_json::json;
    use tributary_channels::standing::Standing::{Doubtful, Good};

    #[test]
    fn a_single_server_must_sync_always() {
        let every = json!({"config": {"sync_interval": 120_000_000_000_u64}});
        let always = json!({"config": {"sync_interval": 120_000_000_000_u64, "sync_always": true}});
        assert_eq!(of_answer(&every, true).standing, Doubtful);
        assert!(of_answer(&every, true).detail.starts_with("sync_interval = 120s"));
        assert_eq!(of_answer(&every, false).standing, Good);
        assert_eq!(of_answer(&always, true).standing, Good);
        for strange in [json!({}), json!({"config": 7}), json!({"config": {}}), json!([])] {
            assert_eq!(of_answer(&strange, false).standing, Doubtful, "{strange}");
        }
        assert_eq!(unseen(true).standing, Doubtful);
        assert_eq!(unseen(false).standing, Good);
    }
}
