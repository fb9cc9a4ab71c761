//! Commands against a stand-in for the hub: what they ask, what they print, how they end.

use axum::{
    Json, Router,
    extract::Request,
    response::{IntoResponse as _, Response},
};
use clap::Parser as _;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tributary::{
    cli::{self, Exit, Failure, args::Cli},
    problem::Problem,
};

type Seen = Arc<Mutex<Vec<(String, Value)>>>;

/// Answers as the interface does, and remembers what it was asked.
async fn stand_in() -> (String, Seen) {
    let seen = Seen::default();
    let log = Arc::clone(&seen);
    let app = Router::new().fallback(move |request: Request| answer(request, Arc::clone(&log)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, seen)
}

async fn answer(request: Request, seen: Seen) -> Response {
    let asked = format!("{} {}", request.method(), request.uri());
    let token = request.headers().get("authorization").map(|v| v.to_str().unwrap().to_owned());
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let times = {
        let mut seen = seen.lock().unwrap();
        seen.push((asked.clone(), body));
        seen.iter().filter(|(before, _)| *before == asked).count()
    };
    if token.as_deref() == Some("Bearer wrong") {
        return Problem::new(401, "token_unknown", "no such token").remedy("use another").into_response();
    }
    let event = |n: u64| {
        json!({"id": format!("e{n}"), "source": "/channels/shop", "type": "tributary.v1.form.submitted",
            "time": "2026-03-01T02:12:00Z",
            "data": {"identifiers": [{"type": "email", "value": "mei@shop.example"}]}})
    };
    Json(match asked.as_str() {
        "POST /v1/customers/find" => {
            json!({"customers": [{"id": "cus_a", "profile": {"name": "陳美玲", "telephone": "+886912345678"}}]})
        }
        "GET /v1/customers/cus_a" => json!({"id": "cus_a", "version": 1, "status": "live",
            "identifiers": [{"type": "phone", "scope": "", "value": "+886912345678", "trust": "claimed"}]}),
        "GET /v1/lag" => json!({"events": 3, "seconds": 0.5, "position": "p/1"}),
        "GET /v1/events?limit=200" => json!({"events": [event(1), event(2)], "next_cursor": "c2"}),
        "GET /v1/events?limit=200&cursor=p%2F1" if times < 2 => json!({"events": [], "next_cursor": "p/1"}),
        "GET /v1/events?limit=200&cursor=p%2F1" => json!({"events": [event(3)], "next_cursor": "c3"}),
        "POST /v1/identity/unlink" => json!({"event": "e9", "customers": ["cus_a", "cus_b"]}),
        "POST /v1/rebuild" => json!({"id": "job-1"}),
        "GET /v1/jobs" => {
            let state = if times < 2 { "running" } else { "done" };
            json!({"jobs": [{"id": "job-1", "state": state, "done": times, "total": 2}]})
        }
        "GET /v1/verify" => json!({"ok": false, "differences": 1}),
        "GET /v1/deadletters" => json!({"deadletters": []}),
        "GET /v1/channels" => json!({"channels": [{"name": "shop", "kind": "web_form", "events": 2}]}),
        _ => return Problem::not_found("not_found", "nothing is there").into_response(),
    })
    .into_response()
}

async fn run(url: &str, arguments: &[&str]) -> (Result<Exit, Failure>, String) {
    let cli = Cli::try_parse_from(["tributary", "--hub", url].iter().chain(arguments)).unwrap();
    let mut out = Vec::new();
    let ended = cli::run(cli, &mut out).await;
    (ended, String::from_utf8(out).unwrap())
}

#[tokio::test]
async fn customers_are_found_by_values_that_stand_in_no_address() {
    let (url, seen) = stand_in().await;
    let (ended, out) = run(&url, &["customer", "find", "line", "U4", "--scope", "prov-1"]).await;
    assert_eq!(ended, Ok(Exit::Ok));
    assert!(out.contains("cus_a  陳美玲"), "{out}");
    let (asked, body) = seen.lock().unwrap().pop().unwrap();
    assert_eq!(asked, "POST /v1/customers/find");
    assert_eq!(body, json!({"identifier": {"type": "line", "scope": "prov-1", "value": "U4"}}));
    run(&url, &["customer", "find", "--text", "陳"]).await.0.unwrap();
    assert_eq!(seen.lock().unwrap().pop().unwrap().1, json!({"q": "陳"}));
}

#[tokio::test]
async fn tables_mask_and_json_does_not() {
    let (url, _) = stand_in().await;
    let show = ["customer", "show", "cus_a"];
    let (_, masked) = run(&url, &show).await;
    assert!(masked.contains("phone=+886******678") && !masked.contains("912345"), "{masked}");
    for more in [["--reveal"].as_slice(), &["-o", "json"], &["-o", "jsonl"]] {
        let (_, out) = run(&url, &[&show, more].concat()).await;
        assert!(out.contains("+886912345678"), "{out}");
    }
}

#[tokio::test]
async fn tail_begins_where_it_is_told_and_ends_after_its_count() {
    let (url, seen) = stand_in().await;
    let (ended, out) = run(&url, &["tail", "--from", "start", "--count", "2"]).await;
    assert_eq!(ended, Ok(Exit::Ok));
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(
        lines.iter().all(|line| line.contains("form.submitted") && line.ends_with("email=m***@shop.example"))
    );
    seen.lock().unwrap().clear();
    let (_, out) = run(&url, &["tail", "--count", "1", "-o", "jsonl"]).await;
    assert!(out.starts_with('{') && out.contains("\"e3\""), "{out}");
    let asked: Vec<String> = seen.lock().unwrap().iter().map(|(asked, _)| asked.clone()).collect();
    let page = "GET /v1/events?limit=200&cursor=p%2F1";
    assert_eq!(asked, ["GET /v1/lag", page, page]);
}

#[tokio::test]
async fn acts_carry_their_reason() {
    let (url, seen) = stand_in().await;
    let act = ["identity", "unlink", "phone=0912", "line:p=U4", "--reason", "passed on", "--dry-run"];
    let (ended, out) = run(&url, &act).await;
    assert_eq!(ended, Ok(Exit::Ok));
    assert!(out.contains("cus_b"), "{out}");
    let identifiers =
        json!([{"type": "phone", "value": "0912"}, {"type": "line", "scope": "p", "value": "U4"}]);
    let want = json!({"identifiers": identifiers, "reason": "passed on", "dry_run": true});
    assert_eq!(seen.lock().unwrap().pop().unwrap().1, want);
}

#[tokio::test]
async fn checks_end_with_1() {
    let (url, seen) = stand_in().await;
    for (arguments, exit) in [
        (["lag"].as_slice(), Exit::Ok),
        (&["lag", "--max", "3"], Exit::Ok),
        (&["lag", "--max", "2"], Exit::CheckFailed),
        (&["verify"], Exit::CheckFailed),
        (&["deadletters", "ls"], Exit::Ok),
        (&["channel", "ls"], Exit::Ok),
        (&["rebuild"], Exit::Ok),
    ] {
        assert_eq!(run(&url, arguments).await.0, Ok(exit), "{arguments:?}");
    }
    let jobs = seen.lock().unwrap().iter().filter(|(asked, _)| asked == "GET /v1/jobs").count();
    assert_eq!(jobs, 2, "rebuild waits for its job");
}

#[tokio::test]
async fn refusals_tell_code_and_remedy() {
    let (url, _) = stand_in().await;
    let (ended, _) = run(&url, &["--token", "wrong", "lag"]).await;
    let failure = ended.unwrap_err();
    assert_eq!((failure.exit, failure.message.as_str()), (Exit::CheckFailed, "token_unknown: no such token"));
    assert_eq!(failure.remedy.as_deref(), Some("use another"));
    let (ended, _) = run(&url, &["customer", "why", "0912345678"]).await;
    assert_eq!(ended.unwrap_err().exit, Exit::Usage);
    for address in ["https://127.0.0.1", "127.0.0.1:8081", "http://a/b", "http://user:word@a"] {
        assert_eq!(run(address, &["lag"]).await.0.unwrap_err().exit, Exit::Usage, "{address}");
    }
}

#[tokio::test]
async fn a_hub_that_is_not_there_ends_with_3() {
    // A port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let failure = run(&format!("http://{free}"), &["lag"]).await.0.unwrap_err();
    assert_eq!(failure.exit, Exit::Unreachable);
    assert!(failure.message.starts_with("cannot reach the hub at http://127.0.0.1:"), "{failure:?}");
    assert!(failure.remedy.unwrap().contains("tributary serve"));
}

#[test]
fn the_program_maps_its_ends_to_codes() {
    let folder = tempfile::tempdir().unwrap();
    let bad = folder.path().join("bad.toml");
    std::fs::write(&bad, "[hub]\nnmae = 1\n").unwrap();
    let bad = bad.to_str().unwrap();
    for (arguments, code, shown) in [
        (["version"].as_slice(), 0, "tributary "),
        (&["config", "check"], 0, "OK: hub \"tributary\", 0 channels"),
        (&["config", "check", "--config", bad], 1, "did you mean `name`?"),
        (&["config", "show", "--config", bad], 2, "error[unknown_key]"),
        (&["config", "show", "--origin"], 0, "# default"),
        (&["config", "check", "-o", "json", "--config", bad], 1, "\"line\": 2"),
        (&["channel", "trigger", "nosuch"], 2, "no channel \"nosuch\""),
        (&["nosuch"], 2, "unrecognized subcommand"),
        (&["--help"], 0, "Exit codes"),
    ] {
        let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_tributary"));
        let ended = program.args(arguments).current_dir(&folder).env_clear().output().unwrap();
        let text = String::from_utf8([ended.stdout, ended.stderr].concat()).unwrap();
        assert_eq!(ended.status.code(), Some(code), "{arguments:?}: {text}");
        assert!(text.contains(shown), "{arguments:?}: {text}");
    }
}
