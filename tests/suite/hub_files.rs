//! Files: watched folders, checks, imports, and stores that fall silent.

use serde_json::{Map, Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
    thread,
    time::{Duration, Instant},
};
use tributary_tests::hub::{Folder, Hub, channels::Source};

/// Two looks at a folder and some work, on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn table(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn drop_box() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::TempDir::new().expect("a temporary folder");
    let inbox = dir.path().join("in");
    fs::create_dir(&inbox).expect("a folder");
    (dir, inbox)
}

fn wait(what: &str, hub: &Hub, done: impl Fn(&Hub) -> bool) {
    let begun = Instant::now();
    while !done(hub) {
        assert!(begun.elapsed() < PATIENCE, "waited for {what} in vain");
        thread::sleep(Duration::from_millis(50));
    }
}

fn channel(hub: &Hub, name: &str) -> Value {
    let answer = hub.client().get("/v1/channels").must(200).json();
    answer["channels"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|c| c["name"] == name)
        .cloned()
        .unwrap_or_default()
}

fn letters(hub: &Hub) -> Vec<(String, String)> {
    hub.settle();
    let answer = hub.client().get("/v1/deadletters").must(200).json();
    let text = |letter: &Value, key: &str| letter[key].as_str().unwrap_or_default().to_owned();
    let list = answer["deadletters"].as_array().cloned().unwrap_or_default();
    list.iter().map(|letter| (text(letter, "reason"), text(letter, "detail"))).collect()
}

fn said(output: &Output) -> (i32, String) {
    let text = [&output.stdout[..], &output.stderr].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned())
}

fn write(path: impl AsRef<Path>, text: &str) {
    fs::write(path, text).expect("a file is written");
}

#[test]
fn a_folder_is_taken_in_halves_and_remembered() {
    let (dir, inbox) = drop_box();
    let till = Source::of(
        "till",
        table(json!({"kind": "pos_file", "folder": inbox, "done": "move",
        "pair": ["-h", "-d"], "expect_every": "2s", "expect_stores": ["9"],
        "columns": {"store": "store", "receipt": "no", "total": "sum"},
        "detail_columns": {"receipt": "no", "sku": "item", "amount": "sum"}})),
    );
    let stays = dir.path().join("stays");
    fs::create_dir(&stays).expect("a folder");
    let other = Source::of("other", table(json!({"kind": "pos_file", "folder": stays})));
    let folder = Folder::new(&[till, other]);
    let hub = folder.start();
    write(inbox.join("0301-h.csv"), "store,no,sum\n7,1,150\n7,2,x\n");
    write(stays.join("a.csv"), "receipt,total\n1,5\n2,6\n");
    wait("the file that stays", &hub, |hub| channel(hub, "other")["folded"] == 2);
    assert!(inbox.join("0301-h.csv").exists(), "heads wait for their details");
    write(inbox.join("0301-d.csv"), "no,item,sum\n1,A,100\n1,B,50\n");
    wait("both halves", &hub, |_| inbox.join("done/0301-h.csv").exists());
    assert!(inbox.join("done/0301-d.csv").exists());
    assert_eq!(letters(&hub), [("bad_row".to_owned(), "line 3: total is not an amount".to_owned())]);
    assert_eq!(channel(&hub, "till")["folded"], 1);
    wait("silence", &hub, |hub| channel(hub, "till")["silent"].as_array().is_some_and(|s| s.len() == 2));
    let metrics = hub.client().get("/metrics").must(200).text();
    assert!(metrics.contains("tributary_shop_silent{channel=\"till\",store=\"9\"} 1"), "{metrics}");
    assert!(hub.terminate().0.success());
    assert!(folder.log().contains("has not been heard of for longer than expect_every"), "{}", folder.log());

    // A restart neither reads again what stays nor forgets who is silent.
    let hub = folder.start();
    assert!(channel(&hub, "till")["silent"].to_string().contains("\"7\""));
    write(stays.join("b.csv"), "receipt,total\n3,7\n");
    wait("the new file", &hub, |hub| channel(hub, "other")["folded"] == 3);
    assert_eq!(channel(&hub, "other")["since_start"]["duplicate_at_door"], 0);
    // A corrected file supersedes.
    thread::sleep(Duration::from_millis(1_100));
    write(stays.join("a.csv"), "receipt,total\n1,5\n2,60\n");
    wait("the correction", &hub, |hub| channel(hub, "other")["superseded"] == 2);
}

#[test]
fn a_check_shows_what_a_file_would_become() {
    let till = Source::of("till", table(json!({"kind": "pos_file", "key": "k"})));
    let folder = Folder::new(&[till]);
    let mut file = "receipt,total,phone,member\n1,500,0928-173-654,M1\n2,x,,\n".to_owned();
    for n in 3..40 {
        file.push_str(&format!("{n},7,,\n"));
    }
    write(folder.path().join("day.csv"), &file);
    let (code, text) = said(&folder.run(&["channel", "check", "till", "day.csv"]));
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("phone +886******654") && !text.contains("173654"), "{text}");
    assert!(
        text.contains("line 3: total is not an amount") && text.contains("38 events, 1 refused"),
        "{text}"
    );
    assert_eq!(text.lines().filter(|line| line.contains("purchase.completed")).count(), 20);
    let (code, text) =
        said(&folder.run(&["channel", "check", "till", "day.csv", "--rows", "2", "-o", "json"]));
    let answer: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((code, &answer["rows"][1]["key"], &answer["refused_in_all"]), (1, &json!("3"), &json!(1)));
    assert_eq!(said(&folder.run(&["channel", "check", "till", "none.csv"])).0, 2);
    assert_eq!(said(&folder.run(&["channel", "check", "shop", "day.csv"])).0, 2);
}

#[test]
fn an_import_goes_on_where_it_was() {
    let till = Source::of("till", table(json!({"kind": "pos_file", "key": "k"})));
    let members =
        Source::of("members", table(json!({"kind": "members_file", "key": "k", "trust": "verified"})));
    let line = Source::new("line", Value::Null);
    let folder = Folder::new(&[till, members, line]);
    let mut file = "receipt,member,total\n".to_owned();
    for n in 1..=5_000 {
        file.push_str(&format!("{n},M{},{n}\n", n % 50));
    }
    file.push_str("last,M1,many\n");
    write(folder.path().join("2019.csv"), &file);
    write(folder.path().join("members.csv"), "member,name,tier\nM1,陳美玲,gold\n,nobody,\n");
    let dry = said(&folder.run(&["channel", "import", "till", "2019.csv", "--dry-run", "-o", "json"]));
    assert!(dry.0 == 1 && dry.1.contains("\"events\": 5000"), "{dry:?}");

    let hub = folder.start();
    let url = hub.url();
    let import =
        |more: &[&str]| {
            said(&folder.run(
                &[&["channel", "import", "till", "2019.csv", "--historical", "--hub", &url], more].concat(),
            ))
        };
    let (code, text) = import(&["-o", "json"]);
    let job: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
    let result = &job["result"];
    assert_eq!((code, &result["accepted"], &result["refused"]), (1, &json!(5_001), &json!(1)), "{text}");
    assert_eq!(result["problems"], json!(["bad_row: line 5002: total is not an amount"]));
    assert_eq!(letters(&hub), [("bad_row".to_owned(), "line 5002: total is not an amount".to_owned())]);
    let page = hub.client().get("/v1/events?limit=50").must(200).json();
    let flags: Vec<&Value> = page["events"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|e| e["channel"] == "till")
        .map(|e| &e["data"]["flags"])
        .collect();
    assert!(!flags.is_empty() && flags.iter().all(|f| f.to_string().contains("historical")), "{page}");
    let end = hub.client().get("/v1/lag").must(200).json()["end"].clone();
    let again: Value = serde_json::from_str(&import(&["-o", "json"]).1).expect("JSON");
    assert_eq!((&again["result"]["accepted"], &again["result"]["duplicates"]), (&json!(0), &json!(5_001)));
    assert_eq!(hub.client().get("/v1/lag").must(200).json()["end"], end, "nothing was appended again");

    let (code, text) = said(&folder.run(&["channel", "import", "members", "members.csv", "--hub", &url]));
    assert!(code == 1 && text.contains("line 3: member is empty"), "{text}");
    hub.settle();
    let found =
        hub.client().post("/v1/customers/find", &json!({"identifier": {"type": "member", "value": "M1"}}));
    let found = found.must(200).json();
    assert!(found.to_string().contains("陳美玲") && found.to_string().contains("gold"), "{found}");
    let (code, text) = said(&folder.run(&["channel", "import", "line", "members.csv", "--hub", &url]));
    assert!(code == 2 && text.contains("takes no files"), "{text}");
}

#[test]
fn an_import_that_was_killed_is_gone_on_with() {
    let till = Source::of("till", table(json!({"kind": "pos_file", "key": "k"})));
    let folder = Folder::new(&[till]);
    let mut file = "receipt,total\n".to_owned();
    for n in 1..=40_000 {
        file.push_str(&format!("{n},5\n"));
    }
    write(folder.path().join("big.csv"), &file);
    let hub = folder.start();
    let mut client = hub.client();
    let headers =
        [("content-type".to_owned(), "text/csv".to_owned()), ("x-file-time".to_owned(), "5".to_owned())];
    let send = |client: &mut tributary_tests::hub::http::Client| {
        client
            .send("POST", "/v1/channels/till/import", &headers, file.as_bytes())
            .expect("an answer")
            .must(202)
    };
    drop(send(&mut client));
    wait("some of it", &hub, |hub| {
        let jobs = hub.client().get("/v1/jobs").must(200).json();
        jobs["jobs"][0]["done"].as_u64().is_some_and(|done| done >= 2_000)
    });
    hub.kill_now();
    drop(hub);
    let hub = folder.start();
    drop(send(&mut hub.client()));
    let job = || hub.client().get("/v1/jobs").must(200).json()["jobs"][0].clone();
    wait("the rest", &hub, |_| job()["state"] != "running");
    let result = job()["result"].clone();
    let (accepted, duplicates) = (result["accepted"].as_u64(), result["duplicates"].as_u64());
    let (accepted, duplicates) = (accepted.expect("a number"), duplicates.expect("a number"));
    assert!(duplicates >= 2_000 && accepted + duplicates == 40_000, "{result}");
    hub.settle();
    assert_eq!(channel(&hub, "till")["folded"], 40_000);
}

#[test]
fn an_import_that_remembers_another_event_begins_anew() {
    let till = Source::of("till", table(json!({"kind": "pos_file", "key": "k"})));
    let folder = Folder::new(&[till]);
    let mut file = "receipt,total\n".to_owned();
    for n in 1..=2_500 {
        file.push_str(&format!("{n},5\n"));
    }
    let headers =
        [("content-type".to_owned(), "text/csv".to_owned()), ("x-file-time".to_owned(), "5".to_owned())];
    let import = |hub: &Hub| {
        let mut client = hub.client();
        let answer = client.send("POST", "/v1/channels/till/import", &headers, file.as_bytes());
        drop(answer.expect("an answer").must(202));
        let job = || hub.client().get("/v1/jobs").must(200).json()["jobs"][0].clone();
        wait("the import", hub, |_| job()["state"] != "running");
        let result = job()["result"].clone();
        (result["accepted"].clone(), result["duplicates"].clone(), result["events"].clone())
    };
    let hub = folder.start();
    assert_eq!(import(&hub), (json!(2_500), json!(0), json!(2_500)));
    assert!(hub.terminate().0.success());
    // What the hub remembers is of a release that made other events of this file, and more of them.
    let progress = folder.data().join("files/till.imports.json");
    let text = fs::read_to_string(&progress).expect("the progress");
    let mut known: Value = serde_json::from_str(&text).expect("JSON");
    for (appended, last) in [(1_700, "00000000-0000-5000-8000-000000000000"), (9_000, "")] {
        for one in known.as_object_mut().expect("files").values_mut() {
            one["appended"] = json!(appended);
            one["last"] = json!(last);
        }
        write(&progress, &known.to_string());
        let hub = folder.start();
        assert_eq!(import(&hub), (json!(0), json!(2_500), json!(2_500)), "{appended}");
        hub.settle();
        assert_eq!(channel(&hub, "till")["folded"], 2_500);
        assert!(hub.terminate().0.success());
    }
}

#[test]
fn a_large_upload_is_answered_when_all_of_it_is_durable() {
    let till = Source::of("till", table(json!({"kind": "pos_file", "key": "k"})));
    let folder = Folder::new(&[till.clone_of()]);
    let hub = folder.start();
    let mut file = "receipt,total\n".to_owned();
    for n in 1..=40_000 {
        file.push_str(&format!("{n},{}\n", if n == 30_000 { "many" } else { "5" }));
    }
    let mut client = hub.provider();
    let strange = till.unsigned(&[("content-type", "text/csv")], file.as_bytes());
    assert_eq!(till.post(&mut client, &strange).expect("an answer").status, 401);
    assert_eq!(till.send(&mut client, "text/csv", file.as_bytes()).status, 200);
    assert!(hub.terminate().0.success());
    let hub = folder.start();
    assert_eq!(letters(&hub), [("bad_row".to_owned(), "line 30001: total is not an amount".to_owned())]);
    assert_eq!(channel(&hub, "till")["folded"], 39_999);
}

#[test]
fn a_sale_that_invoice_and_till_tell_counts_once() {
    let verified = json!({"key": "k", "trust": "verified"});
    let with = |more: Value| {
        let mut all = table(verified.clone());
        all.extend(table(more));
        all
    };
    let einvoice = json!({"kind": "tw_einvoice", "purchases": "attach", "customer_number": "member"});
    let sources =
        [Source::of("einvoice", with(einvoice)), Source::of("till", with(json!({"kind": "pos_file"})))];
    let folder = Folder::new(&sources);
    let hub = folder.start();
    let mut client = hub.provider();
    let bought = || {
        hub.settle();
        let member = json!({"identifier": {"type": "member", "value": "M1"}});
        let found = hub.client().post("/v1/customers/find", &member).must(200).json();
        let customer = &found["customers"][0];
        (customer["purchases"]["by_currency"].clone(), customer["interactions"]["events"].clone())
    };
    let sum =
        |orders: u32, net: &str| json!([{"currency": "TWD", "orders": orders, "refunds": 0, "net": net}]);
    let invoice = "<Invoice><Main><InvoiceNumber>AB12345678</InvoiceNumber><InvoiceDate>20260301</InvoiceDate>\
        <InvoiceTime>10:12:00</InvoiceTime><Seller><Identifier>12345675</Identifier></Seller><Buyer>\
        <Identifier>0000000000</Identifier><CustomerNumber>M1</CustomerNumber></Buyer></Main><Amount>\
        <TotalAmount>120</TotalAmount></Amount></Invoice>";
    assert_eq!(sources[0].send(&mut client, "application/xml", invoice.as_bytes()).status, 200);
    assert_eq!(bought(), (sum(1, "120"), json!(1)));
    let rows = "receipt,invoice,date,time,member,total\n1,AB-12345678,2026-03-01,10:12,M1,120\n2,,2026-03-01,11:00,M1,80\n";
    assert_eq!(sources[1].send(&mut client, "text/csv", rows.as_bytes()).status, 200);
    assert_eq!(bought(), (sum(2, "200"), json!(3)));
    // The till takes its receipt back: then only the invoice tells of it.
    let void = "receipt,invoice,date,time,member,total,void\n1,AB-12345678,2026-03-01,10:12,M1,120,1\n";
    assert_eq!(sources[1].send(&mut client, "text/csv", void.as_bytes()).status, 200);
    assert_eq!(bought(), (sum(2, "200"), json!(2)));
    let done = folder.run(&["rebuild", "--hub", &hub.url()]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
}
