//! The identity policy through the interface: planned without any change, applied as an event, kept over restarts.

mod kills;

use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tributary_tests::hub::{Hub, channels::Source, http::Client, shop};

/// Longest wait for a job.
const PATIENCE: Duration = Duration::from_secs(60);
/// The log may grow to this, in KiB.
const LIMIT_KIB: u32 = 4_096;
/// Two members may share a claimed e-mail address without it being shared: they become linked through it.
const WIDER: &str = "[identity]\nfanout_cap = 3\n[identity.types.member]\nmax = 2\n";
const REFUSED: [(&str, &str); 5] = [
    ("[identity]\nfanout_cap = 0", "bad_value"),
    ("[identity.types.card]\nrank = 3", "policy_unknown_type"),
    ("[identity.types.a]\nlike = \"b\"\n[identity.types.b]\nlike = \"a\"", "policy_cycle"),
    ("[hub]", "policy_missing"),
    ("[identity", "toml_syntax"),
];

/// Two members who typed the same address, and one who typed another.
fn fill(hub: &Hub, source: &Source) {
    for (n, (member, email)) in
        [("M1", "amy@shop.tw"), ("M2", "amy@shop.tw"), ("M3", "bob@shop.tw")].into_iter().enumerate()
    {
        let identifiers = [
            json!({"type": "member", "value": member, "trust": "verified"}),
            json!({"type": "email", "value": email, "trust": "claimed"}),
        ];
        let body = json!({"specversion": "1.0", "id": format!("p{n}"), "source": "/till",
            "type": "tributary.v1.purchase.completed", "time": format!("2026-03-01T10:0{n}:00+08:00"),
            "data": {"key": format!("receipt/{n}"), "identifiers": identifiers,
                "purchase": {"currency": "TWD", "total": "100"}}});
        hub.take(source, &body);
    }
}

/// Starts a job and waits for its end.
fn job(api: &mut Client, path: &str, body: &Value) -> Value {
    let id = api.post(path, body).must(202).json()["id"].clone();
    let begun = Instant::now();
    loop {
        assert!(begun.elapsed() < PATIENCE, "{path} does not end");
        let jobs = api.get("/v1/jobs").must(200).json();
        let job = jobs["jobs"].as_array().expect("a list").iter().find(|job| job["id"] == id).cloned();
        let job = job.expect("a job that was started");
        if job["state"] != "running" {
            return job;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn origin(api: &mut Client) -> Value {
    api.get("/v1/identity/policy").must(200).json()["origin"].clone()
}

#[test]
fn a_plan_tells_what_would_merge_and_changes_nothing() {
    let (source, folder) = shop();
    let hub = folder.start();
    fill(&hub, &source);
    let mut api = hub.client();
    let (first, second) = (api.holder("member", "M1"), api.holder("member", "M2"));
    assert_ne!(first, second);
    let end = api.get("/v1/lag").must(200).json()["end"].clone();
    let planned = job(&mut api, "/v1/identity/policy/plan", &json!({"toml": WIDER}));
    assert_eq!(planned["state"], "done", "{planned}");
    let result = &planned["result"];
    assert_eq!(result["merges"]["count"], 1, "{result}");
    assert_eq!(result["splits"]["count"], 0, "{result}");
    // M1, M2, M3 and the shared address; then M1 with M2, and M3.
    assert_eq!(result["customers"], json!({"before": 4, "after": 2}), "{result}");
    let merge = &result["merges"]["examples"][0];
    let from = merge["from"].as_array().expect("a list");
    assert!(from.contains(&json!(first)) && from.contains(&json!(second)), "{merge}");
    assert!(!merge["links"].as_array().expect("evidence").is_empty(), "{merge}");
    assert_eq!(merge["links"][0]["taken"], true, "{merge}");
    assert_ne!(api.holder("member", "M1"), api.holder("member", "M2"), "nothing has changed");
    assert_eq!(api.get("/v1/lag").must(200).json()["end"], end, "nothing was appended");
    assert_eq!(origin(&mut api), "default");
    // The other way round it is a split.
    let narrow =
        job(&mut api, "/v1/identity/policy/plan", &json!({"toml": "[identity]\nmax_identifiers = 1"}));
    assert_eq!(narrow["result"]["splits"]["count"], 1, "M3 would lose the address: {narrow}");
}

#[test]
fn a_policy_that_is_wrong_is_refused_and_nothing_is_appended() {
    let (source, folder) = shop();
    let hub = folder.start();
    fill(&hub, &source);
    let mut api = hub.client();
    let end = api.get("/v1/lag").must(200).json()["end"].clone();
    for (toml, code) in REFUSED {
        for path in ["plan", "apply"] {
            let body = json!({"toml": toml, "reason": "a try"});
            let body = if path == "plan" { json!({"toml": toml}) } else { body };
            let said = api.post(&format!("/v1/identity/policy/{path}"), &body).said();
            assert_eq!(said, (422, code.to_owned()), "{path}: {toml}");
        }
    }
    let unfounded = api.post("/v1/identity/policy/apply", &json!({"toml": WIDER}));
    assert_eq!(unfounded.said(), (422, "reason_missing".to_owned()));
    assert_eq!(api.get("/v1/lag").must(200).json()["end"], end);
}

#[test]
fn an_applied_policy_rules_and_stays() {
    let (source, folder) = shop();
    let hub = folder.start();
    fill(&hub, &source);
    let mut api = hub.client();
    let before = api.holder("member", "M2");
    let body = json!({"toml": WIDER, "reason": "households share an address"});
    let applied = job(&mut api, "/v1/identity/policy/apply", &body);
    assert_eq!(applied["state"], "done", "{applied}");
    let one = api.holder("member", "M1");
    assert_eq!(one, api.holder("member", "M2"));
    assert_eq!(origin(&mut api), "applied");
    let old = api.get(&format!("/v1/customers/{before}")).must(200).json();
    assert_eq!(old["id"], json!(one), "an id given out before still answers");
    let again = api.post("/v1/identity/policy/apply", &body).said();
    assert_eq!(again, (409, "policy_in_force".to_owned()));
    hub.terminate();

    let hub = folder.start();
    let mut api = hub.client();
    hub.settle();
    assert_eq!(api.holder("member", "M1"), api.holder("member", "M2"), "after a restart");
    drop(hub);
    std::fs::remove_dir_all(folder.data().join("views")).expect("the views are gone");
    let hub = folder.start();
    hub.settle();
    let mut api = hub.client();
    assert_eq!(api.holder("member", "M1"), api.holder("member", "M2"), "from the log alone");
    drop(hub);

    folder.configure(&format!("{}\n[identity]\nfanout_cap = 1\n", folder.configuration()));
    let hub = folder.start();
    hub.settle();
    let mut api = hub.client();
    assert_ne!(api.holder("member", "M1"), api.holder("member", "M2"), "the configuration rules");
    assert_eq!(origin(&mut api), "configuration");
    let refused = api.post("/v1/identity/policy/apply", &body).said();
    assert_eq!(refused, (409, "policy_in_configuration".to_owned()));
}

#[test]
fn values_that_say_nothing_are_counted_where_they_come_from() {
    let (source, folder) = shop();
    let hub = folder.start();
    for (n, (store, phone)) in
        [("north", "0912345678"), ("north", "0912-345-678"), ("north", "0928173654"), ("south", "n/a")]
            .into_iter()
            .enumerate()
    {
        let body = json!({"specversion": "1.0", "id": format!("q{n}"), "source": "/till",
            "type": "tributary.v1.purchase.completed", "time": format!("2026-03-01T10:0{n}:00+08:00"),
            "data": {"key": format!("receipt/{n}"), "store": store,
                "identifiers": [{"type": "phone", "value": phone, "trust": "claimed"}],
                "purchase": {"currency": "TWD", "total": "100"}}});
        hub.take(&source, &body);
    }
    let counted = job(&mut hub.client(), "/v1/identity/quality", &json!({}));
    assert_eq!(counted["state"], "done", "{counted}");
    let findings = counted["result"]["findings"].as_array().expect("findings").clone();
    let count = |store: &str, reason: &str| {
        let found = findings.iter().find(|f| f["store"] == store && f["reason"] == reason);
        found.map_or((0, 0), |f| (f["count"].as_u64().unwrap_or(0), f["of"].as_u64().unwrap_or(0)))
    };
    assert_eq!(count("north", "placeholder-phone"), (2, 3), "{findings:?}");
    assert_eq!(count("south", "no_identifier"), (1, 1), "{findings:?}");
    assert!(findings.iter().any(|f| f["store"] == "south" && f["finding"] == "unusable"), "{findings:?}");
    assert!(!counted.to_string().contains("0928173654"), "figures, no values");
}

/// The log takes no record: the answer says so, and everything stays as it was.
#[test]
fn a_policy_that_the_log_cannot_take_changes_nothing() {
    let (source, folder) = shop();
    drop(folder.start());
    let hub = folder.start_with_file_limit(LIMIT_KIB);
    fill(&hub, &source);
    let mut api = hub.client();
    let views = |api: &mut Client| ["M1", "M2", "M3"].map(|member| api.holder("member", member));
    let before = views(&mut api);
    let full = (0..100).any(|n| {
        let body = json!({"specversion": "1.0", "id": format!("big{n}"), "source": "/till",
            "type": "tributary.v1.note.added", "data": {"key": format!("big/{n}"), "note": {"text": "x".repeat(150_000)}}});
        let sent = source.send(&mut hub.provider(), "application/cloudevents+json", body.to_string().as_bytes());
        assert!(matches!(sent.status, 202 | 503), "{}", sent.text());
        sent.status == 503
    });
    assert!(full, "the log took everything");
    hub.settle();
    let end = api.get("/v1/lag").must(200).json()["end"].clone();
    let body = json!({"toml": WIDER, "reason": "households share an address"});
    let refused = api.post("/v1/identity/policy/apply", &body);
    assert_eq!(refused.said(), (503, "log_not_writable".to_owned()));
    assert!(refused.header("retry-after").parse::<u32>().is_ok_and(|s| s > 0), "{refused:?}");
    assert!(!refused.json()["remedy"].as_str().unwrap_or_default().is_empty(), "{refused:?}");
    assert_eq!(origin(&mut api), "default");
    assert_eq!(api.get("/v1/lag").must(200).json()["end"], end, "nothing was appended");
    assert_eq!(views(&mut api), before);
    let jobs = api.get("/v1/jobs").must(200).json();
    let own: Vec<&Value> =
        jobs["jobs"].as_array().expect("a list").iter().filter(|job| job["kind"] == "policy").collect();
    assert_eq!((own.len(), &own[0]["state"]), (1, &json!("failed")), "{jobs}");
    assert!(own[0]["result"]["error"].as_str().is_some_and(|e| e.contains("log")), "it says why: {jobs}");
    // With room again the same request counts, as soon as the log is open again.
    hub.lift_file_limit();
    let begun = Instant::now();
    while api.get("/readyz").status != 200 {
        assert!(begun.elapsed() < PATIENCE, "the log stays sealed\n{}", folder.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(job(&mut api, "/v1/identity/policy/apply", &body)["state"], "done");
    assert_eq!(api.holder("member", "M1"), api.holder("member", "M2"));
    hub.terminate();
    let hub = folder.start();
    hub.settle();
    assert_eq!(origin(&mut hub.client()), "applied");
}
