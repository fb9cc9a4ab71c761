//! Public forms over HTTP: other sites' pages, floods, and where the sender's address comes from.

use serde_json::json;
use tributary_tests::hub::{Folder, channels::Source, http::Client};

const FORM: &str = "application/x-www-form-urlencoded";

fn headers(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn post(client: &mut Client, n: usize, forwarded: &str) -> u16 {
    let body = format!("submission_id=post-{n}&your-name=Amy&tel=0928-173-{n:03}");
    let headers =
        headers(&[("content-type", FORM), ("x-forwarded-for", forwarded), ("tributary-over-pace", "1")]);
    client.send("POST", "/in/web-form", &headers, body.as_bytes()).expect("an answer").status
}

#[test]
fn pages_of_listed_origins_may_post() {
    let sources = [Source::new("web_form", json!({})), Source::new("line", json!({}))];
    let folder = Folder::new(&sources);
    let hub = folder.start();
    let mut client = hub.provider();
    let mut ask = |path: &str, origin: &str| {
        let headers = headers(&[("origin", origin), ("access-control-request-method", "POST")]);
        client.send("OPTIONS", path, &headers, b"").expect("an answer")
    };
    let good = ask("/in/web-form", "https://www.example.com");
    assert_eq!((good.status, good.header("access-control-allow-origin")), (204, "https://www.example.com"));
    assert_eq!(good.header("access-control-allow-methods"), "POST");
    let other = ask("/in/web-form", "https://evil.example");
    assert_eq!(other.said(), (403, "origin_not_allowed".to_owned()));
    assert_eq!(other.header("access-control-allow-origin"), "");
    assert_eq!(ask("/in/line", "https://www.example.com").said(), (405, "method_not_allowed".to_owned()));
    assert_eq!(ask("/in/nobody", "https://www.example.com").said(), (404, "channel_unknown".to_owned()));
}

/// A flood becomes spam and then is refused; other addresses are served; nothing of it is a customer; all of it is counted.
#[test]
fn a_flood_hurts_its_own_sender_only() {
    let changes = json!({"rate": 5, "token": "t"});
    let mut source = Source::new("web_form", changes);
    source.table.remove("token");
    let folder = Folder::with(&[source], "trusted_proxies = 1", "");
    let hub = folder.start();
    let mut client = hub.provider();
    // Within one minute of the clock all of it; a minute's end in between only makes the flood smaller.
    let statuses: Vec<u16> = (100..170).map(|n| post(&mut client, n, "1.2.3.4, 203.0.113.7")).collect();
    let kept = statuses.iter().filter(|s| **s == 200).count();
    let refused = statuses.iter().filter(|s| **s == 429).count();
    assert!(kept + refused == 70 && refused >= 1, "{statuses:?}");
    assert_eq!(post(&mut client, 170, "1.2.3.4, 203.0.113.8"), 200);
    hub.settle();
    let mut api = hub.client();
    let metrics = api.get("/metrics").must(200).text();
    let count = |result: &str| {
        let name = format!("tributary_ingest_events_total{{channel=\"web-form\",result=\"{result}\"}} ");
        let line = metrics.lines().find_map(|l| l.strip_prefix(&name)).unwrap_or("0");
        line.parse::<usize>().expect("a count")
    };
    assert_eq!((count("accepted") + count("spam"), count("refused")), (kept + 1, refused));
    assert!(count("accepted") <= 11 && count("spam") >= 40, "{metrics}");
    let mut known = |n: usize| {
        let named = json!({"identifier": {"type": "phone", "value": format!("0928173{n:03}")}});
        let found = api.post("/v1/customers/find", &named).must(200).json();
        found["customers"].as_array().is_some_and(|customers| !customers.is_empty())
    };
    assert!(known(100) && known(170), "{metrics}");
    let found = (100..170).filter(|n| known(*n)).count();
    assert_eq!(found, count("accepted") - 1, "spam is nobody's");
}
