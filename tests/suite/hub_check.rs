//! `channel check NAME`: what the hub, its public address and the platform say of a channel, and with which code it ends.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use tributary_tests::{
    broker::free_port,
    hub::{
        Folder, Hub,
        channels::Source,
        elsewhere::{Elsewhere, Says, says},
    },
};

/// Serves at this port, with this public address.
fn at(folder: &Folder, port: u16, public_url: &str) {
    let text = folder.configuration().replacen(
        "listen = \"127.0.0.1:0\"",
        &format!("listen = \"127.0.0.1:{port}\""),
        1,
    );
    let public = |line: &str| {
        if line.starts_with("public_url") {
            format!("public_url = \"{public_url}\"")
        } else {
            line.to_owned()
        }
    };
    folder.configure(&text.lines().map(public).collect::<Vec<_>>().join("\n"));
}

/// Exit code, the whole answer, and result and detail by check.
fn check(
    folder: &Folder,
    hub: &Hub,
    channel: &str,
) -> (Option<i32>, Value, BTreeMap<String, (String, String)>) {
    let done = folder.run(&["channel", "check", channel, "--hub", &hub.url(), "-o", "json"]);
    let answer: Value = serde_json::from_slice(&done.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&done.stderr)));
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let rows = answer["checks"].as_array().expect("checks").iter();
    let rows = rows.map(|r| (text(r, "check"), (text(r, "result"), text(r, "detail")))).collect();
    for row in answer["checks"].as_array().expect("checks") {
        assert_eq!(row["result"] == "ok", row["remedy"] == "", "what is wrong has a remedy: {row}");
    }
    (done.status.code(), answer, rows)
}

fn bot() -> Says {
    says(
        200,
        r#"{"userId":"U0b","basicId":"@shop","displayName":"Shop","chatMode":"bot","markAsReadMode":"auto"}"#,
    )
}

fn webhook(endpoint: &str, active: bool) -> Says {
    says(200, &json!({"endpoint": endpoint, "active": active}).to_string())
}

#[test]
fn line_is_asked_where_it_posts_to() {
    let port = free_port();
    let base = format!("http://127.0.0.1:{port}");
    let url = format!("{base}/in/line");
    let api = Elsewhere::new(vec![bot(), webhook(&url, true)]);
    let source = Source::new("line", json!({"access_token": "tok-7", "profile_url": api.url("")}));
    let folder = Folder::new(std::slice::from_ref(&source));
    at(&folder, port, &base);
    let hub = folder.start();
    let end = hub.client().get("/v1/lag").must(200).json()["end"].clone();
    let (code, answer, rows) = check(&folder, &hub, "line");
    let results: Vec<(&str, &str)> =
        rows.iter().map(|(name, (result, _))| (name.as_str(), result.as_str())).collect();
    // An address that is not encrypted is no address for providers, even where it leads here.
    let want = [
        ("access token", "ok"),
        ("configuration", "ok"),
        ("heard", "warn"),
        ("log", "ok"),
        ("public address", "fail"),
        ("reachable", "ok"),
        ("refused", "ok"),
        ("understood", "ok"),
        ("webhook", "ok"),
    ];
    assert_eq!((code, results.as_slice()), (Some(1), &want[..]), "{answer:#}");
    assert!(rows["access token"].1.contains("@shop"), "{answer:#}");
    assert!(rows["reachable"].1.contains("401 bad_signature"), "{answer:#}");
    assert!(answer["reminders"].to_string().contains("redelivery"), "{answer:#}");
    assert_eq!(hub.client().get("/v1/lag").must(200).json()["end"], end, "looking leaves nothing");
    let asked = api.asked();
    assert_eq!(asked[0].line, "GET /v2/bot/info");
    assert_eq!(asked[1].line, "GET /v2/bot/channel/webhook/endpoint");
    assert_eq!(asked[1].header("authorization"), "Bearer tok-7");
    assert!(!answer.to_string().contains("tok-7") && !folder.log().contains("tok-7"));

    for (script, name, words) in [
        (vec![says(401, "{}"), says(401, "{}")], "access token", "refuses"),
        (vec![bot(), says(404, "{}")], "webhook", "no webhook"),
        (
            vec![bot(), webhook("https://old.example/callback", true)],
            "webhook",
            "https://old.example/callback",
        ),
        (vec![bot(), webhook(&url, false)], "webhook", "turned off"),
    ] {
        api.change(script);
        let (code, answer, rows) = check(&folder, &hub, "line");
        assert_eq!(rows["refused"].0, "ok", "the hub's own posts are nobody's refusals: {answer:#}");
        let (result, detail) = &rows[name];
        assert_eq!((code, result.as_str()), (Some(1), "fail"), "{answer:#}");
        assert!(detail.contains(words), "{answer:#}");
    }
    // For people: a table, what to do, and what nobody can ask.
    let done = folder.run(&["channel", "check", "line", "--hub", &hub.url()]);
    let shown = String::from_utf8_lossy(&done.stdout).into_owned();
    for part in ["CHECK ", "what to do:", "Use webhook", "at the platform", "redelivery"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}

#[test]
fn what_the_hub_sees_and_what_its_address_leads_to() {
    let other = Elsewhere::new(vec![says(200, "<html>hello</html>")]);
    let line = Source::new("line", json!({}));
    let form = Source::of(
        "open",
        json!({"kind": "web_form", "form": "contact", "fields": {"email": "mail"}})
            .as_object()
            .cloned()
            .unwrap_or_default(),
    );
    let folder = Folder::new(&[line.clone_of(), form.clone_of()]);
    at(&folder, 0, &other.url(""));
    let hub = folder.start();
    let forged = line.unsigned(&[("content-type", "application/json")], b"{}");
    assert_eq!(line.post(&mut hub.provider(), &forged).expect("an answer").status, 401);
    let odd = br#"{"destination":"U1","events":[{"type":"telepathy"}]}"#;
    assert_eq!(line.send(&mut hub.provider(), "application/json", odd).status, 200);
    hub.settle();
    let (_, answer, rows) = check(&folder, &hub, "line");
    let said = |name: &str, result: &str, words: &str| {
        let (got, detail) = &rows[name];
        assert!(got == result && detail.contains(words), "{name}: {answer:#}");
    };
    said("refused", "warn", "1 bad_signature");
    said("understood", "warn", "1 records were not understood");
    said("heard", "ok", "the last");
    said("access token", "warn", "not set");
    said("reachable", "fail", "not this hub");
    // Where everybody may post, nothing is posted.
    let (_, answer, rows) = check(&folder, &hub, "open");
    assert_eq!(rows["reachable"].0, "fail", "{answer:#}");
    let asked = other.asked();
    assert_eq!((asked[0].line.as_str(), asked[1].line.as_str()), ("POST /in/line", "DELETE /in/open"));
    drop(hub);

    at(&folder, 0, &format!("http://127.0.0.1:{}", free_port()));
    let port = free_port();
    let hub = folder.start();
    assert!(check(&folder, &hub, "line").2["reachable"].1.contains("cannot be reached"));
    drop(hub);
    at(&folder, 0, "https://hooks.example.invalid");
    let text = folder.configuration().replacen(
        "listen = \"127.0.0.1:0\"",
        &format!("listen = \"127.0.0.1:{port}\""),
        1,
    );
    folder.configure(&text);
    let hub = folder.start();
    let (_, answer, rows) = check(&folder, &hub, "open");
    assert_eq!(
        (rows["public address"].0.as_str(), rows["reachable"].0.as_str()),
        ("ok", "fail"),
        "{answer:#}"
    );
    assert_eq!(answer["url"], "https://hooks.example.invalid/in/open");
}

#[test]
fn a_channel_of_files_needs_its_folder_and_no_address() {
    let base = Folder::new(&[]);
    let dir = base.path().join("till");
    std::fs::create_dir(&dir).expect("a folder");
    let till = Source::new("pos_file", json!({"folder": dir.display().to_string(), "done": "move"}));
    let folder = Folder::new(std::slice::from_ref(&till));
    let hub = folder.start();
    let (code, answer, rows) = check(&folder, &hub, "pos-file");
    assert_eq!(code, Some(0), "a warning is no failure: {answer:#}");
    assert_eq!((rows["folder"].0.as_str(), rows["done"].0.as_str()), ("ok", "ok"), "{answer:#}");
    assert!(!rows.contains_key("reachable") && rows["heard"].0 == "warn", "{answer:#}");
    // The file here is not what the hub works with.
    let text = folder.configuration();
    folder.configure(&text.replace("[channels.pos-file]\n", "[channels.pos-file]\nbrand = \"other\"\n"));
    let (code, answer, rows) = check(&folder, &hub, "pos-file");
    assert_eq!((code, rows["file"].0.as_str()), (Some(0), "warn"), "{answer:#}");
    folder.configure(&text);
    std::fs::remove_dir_all(&dir).expect("the folder goes");
    let (code, answer, rows) = check(&folder, &hub, "pos-file");
    assert_eq!((code, rows["folder"].0.as_str()), (Some(1), "fail"), "{answer:#}");

    let unknown = folder.run(&["channel", "check", "nobody", "--hub", &hub.url()]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("channel_unknown"));
    let nowhere = format!("http://127.0.0.1:{}", free_port());
    let gone = folder.run(&["channel", "check", "pos-file", "--hub", &nowhere]);
    assert_eq!(gone.status.code(), Some(3), "{}", String::from_utf8_lossy(&gone.stderr));
}
