//! A disk that takes no more: the hub says 503 with Retry-After and loses nothing that it has answered; with room again it
//! goes on by itself.

use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    thread,
    time::{Duration, Instant},
};
use tributary_tests::hub::{Folder, Hub, channels::Source};

/// The log may grow to this, in KiB; one event has a tenth of it.
const LIMIT_KIB: u32 = 4_096;
/// More than enough events to reach the limit.
const EVENTS: usize = 60;
/// The hub opens its log again every second.
const RECOVERY: Duration = Duration::from_secs(20);

fn event(n: usize) -> (String, Vec<u8>) {
    let key = format!("big/{n}");
    let body = json!({"specversion": "1.0", "id": key, "source": "/disk", "type": "tributary.v1.message.received",
        "data": {"key": key, "identifiers": [{"type": "member", "value": "M1"}],
            "message": {"text": format!("{n} {}", "x".repeat(150_000))}}});
    (key, body.to_string().into_bytes())
}

fn keys(hub: &Hub) -> Vec<String> {
    hub.settle();
    let events = hub.client().pages("/v1/events?limit=50", "events", "cursor", "next_cursor");
    let own = events.iter().filter(|e| e["channel"] == "cloudevents");
    own.map(|e| e["data"]["key"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn a_full_disk_is_said_and_survived() {
    let source = [Source::new("cloudevents", Value::Null)];
    let folder = Folder::new(&source);
    drop(folder.start());
    let hub = folder.start_with_file_limit(LIMIT_KIB);
    let mut client = hub.provider();
    let (mut stored, mut refused) = (BTreeSet::new(), Vec::new());
    for n in 0..EVENTS {
        let (key, body) = event(n);
        let answer = source[0].send(&mut client, "application/cloudevents+json", &body);
        match answer.status {
            202 => assert!(stored.insert(key)),
            503 => {
                assert_eq!(answer.code(), "log_not_writable", "{}", answer.text());
                assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|s| s > 0), "{answer:?}");
                refused.push(n);
            }
            other => panic!("{other}: {}", answer.text()),
        }
        if refused.len() == 3 {
            break;
        }
    }
    assert!(!stored.is_empty() && refused.len() == 3, "{} stored, {} refused", stored.len(), refused.len());
    assert_eq!(hub.client().get("/readyz").status, 503, "a hub that cannot write is not ready");
    assert_eq!(hub.client().get("/v1/customers").status, 200, "reading goes on");
    hub.lift_file_limit();
    let begun = Instant::now();
    for n in refused {
        let (key, body) = event(n);
        while source[0].send(&mut client, "application/cloudevents+json", &body).status != 202 {
            assert!(begun.elapsed() < RECOVERY, "the log stays sealed\n{}", folder.log());
            thread::sleep(Duration::from_millis(100));
        }
        assert!(stored.insert(key));
    }
    hub.client().get("/readyz").must(200);
    let found = keys(&hub);
    assert_eq!(found.len(), stored.len());
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), stored);
    hub.kill_now();
    drop(hub);
    let found = keys(&folder.start());
    assert_eq!(found.len(), stored.len(), "after a crash and a restart");
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), stored);
}
