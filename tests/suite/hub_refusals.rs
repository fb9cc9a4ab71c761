//! What is wrong with a request is said with a stable code, and leaves nothing in the log; what is signed but cannot be read
//! is kept and shown.

use serde_json::{Value, json};
use std::{
    io::{BufReader, Write as _},
    net::TcpStream,
    time::Duration,
};
use tributary_tests::hub::{
    Folder, Hub,
    channels::Source,
    http::{Client, read_answer},
};

fn line() -> Source {
    Source::new("line", Value::Null)
}

fn end(hub: &Hub) -> Value {
    hub.client().get("/v1/lag").must(200).json()["end"].clone()
}

#[test]
fn refused_requests_leave_nothing() {
    let sources = [line(), Source::new("cloudevents", Value::Null)];
    let folder = Folder::new(&sources);
    let hub = folder.start();
    let (line, mut client) = (&sources[0], hub.provider());
    let before = end(&hub);
    let body = b"{\"destination\":\"x\",\"events\":[]}";
    let json = [("content-type", "application/json")];
    let said =
        |answer: std::io::Result<tributary_tests::hub::http::Answer>| answer.expect("an answer").said();
    let is = |status: u16, code: &str| (status, code.to_owned());

    let mut forged = line.signed(&json, body);
    forged.body.push(b' ');
    assert_eq!(said(line.post(&mut client, &forged)), is(401, "bad_signature"), "another body");
    assert_eq!(said(line.post(&mut client, &line.unsigned(&json, body))), is(401, "bad_signature"));
    let signed = line.signed(&json, body);
    let unknown = client.send("POST", "/in/line-2", &signed.headers, body);
    assert_eq!(said(unknown), is(404, "channel_unknown"));
    let zipped = line.signed(&[("content-type", "application/json"), ("content-encoding", "gzip")], body);
    assert_eq!(said(line.post(&mut client, &zipped)), is(415, "content_encoding"));
    let large = vec![b' '; line.registration().body_max + 1];
    assert_eq!(
        client.announce("/in/line", large.len()).expect("an answer").said(),
        is(413, "body_too_large")
    );
    assert_eq!(said(client.send("DELETE", "/in/line", &[], b"")), is(405, "method_not_allowed"));
    let media = sources[1].signed(&[("content-type", "text/plain")], b"x");
    assert_eq!(said(sources[1].post(&mut client, &media)), is(415, "unsupported_media_type"));
    for path in
        ["/", "/v1/events", "/in", "/in/", "/in/line/more", "/metrics", "/in/../v1/lag", "/in/..%2f..%2fetc"]
    {
        let answer = client.send("GET", path, &[], b"").expect("an answer");
        assert_eq!(answer.status, 404, "{path}: {}", answer.text());
    }
    assert_eq!(end(&hub), before, "the log has grown");
    assert_eq!(line.send(&mut client, "application/json", body).status, 200, "the hub still takes requests");
}

#[test]
fn a_traversing_name_reaches_no_file() {
    let folder = Folder::new(&[]);
    let hub = folder.start();
    let mut api = hub.client();
    for path in
        ["/v1/customers/..%2f..%2fdata", "/v1/events/%2e%2e%2fhub.json", "/console/../../hub.json", "/%00"]
    {
        let answer = api.send("GET", path, &[], b"").expect("an answer");
        assert!((400..500).contains(&answer.status), "{path}: {}", answer.status);
        assert!(!answer.text().contains("origin"), "{path}: {}", answer.text());
    }
}

#[test]
fn what_is_signed_and_cannot_be_read_is_kept() {
    let sources = [line()];
    let folder = Folder::new(&sources);
    let hub = folder.start();
    let answer = sources[0].send(&mut hub.provider(), "application/json", b"{\"events\":[{\"type\"");
    assert_eq!(answer.status, 200, "{}", answer.text());
    hub.settle();
    let done = folder.run(&["deadletters", "ls", "--hub", &hub.url()]);
    let shown = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success() && shown.contains("malformed_json") && shown.contains("line"), "{shown}");
    let letters = hub.client().get("/v1/deadletters").must(200).json();
    let event = letters["deadletters"][0]["event"].as_str().expect("the event's id").to_owned();
    let trace = hub.client().get(&format!("/v1/events/{event}")).must(200).json();
    assert_eq!(trace["raw"]["body"], "{\"events\":[{\"type\"", "the bytes are kept as they came");
}

#[test]
fn connections_that_dawdle_or_babble_hurt_nobody() {
    let sources = [line()];
    let folder = Folder::new(&sources);
    let hub = folder.start();
    let open = || {
        let stream = TcpStream::connect(hub.ingress).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        stream
    };
    // Held open, unfinished, while others are served.
    let mut half: Vec<TcpStream> = (0..50).map(|_| open()).collect();
    for stream in &mut half {
        stream
            .write_all(b"POST /in/line HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")
            .expect("written");
    }
    let body = b"{\"destination\":\"x\",\"events\":[]}";
    assert_eq!(sources[0].send(&mut hub.provider(), "application/json", body).status, 200);
    // A body that ends too early.
    drop(half);
    // A head without end, and one that is no HTTP.
    for head in
        [format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "a".repeat(1 << 20)), "\u{0}\u{1}\u{2}\r\n\r\n".into()]
    {
        let mut stream = open();
        // The hub may close before it has read everything.
        let _ = stream.write_all(head.as_bytes());
        let answer = read_answer(&mut BufReader::new(stream));
        assert!(answer.map_or(true, |a| (400..500).contains(&a.status)), "a bad head is refused");
    }
    assert_eq!(sources[0].send(&mut hub.provider(), "application/json", body).status, 200);
    hub.client().get("/readyz").must(200);
}

#[test]
fn the_interface_asks_for_a_token_and_its_scope() {
    let digest = tributary_channels::digest::hex64;
    let section = |name: &str, scope: &str| {
        format!(
            "[[tokens]]\nname = \"{name}\"\nsha256 = \"{}\"\nscopes = [\"{scope}\"]\n",
            digest(name.as_bytes())
        )
    };
    let tokens =
        ["read", "ingest", "operate"].map(|scope| section(&format!("{scope}-token"), scope)).concat();
    let folder = Folder::with(&[], "", &tokens);
    let hub = folder.start();
    let with = |token: &str| hub.client().with_token(token);
    assert_eq!(hub.client().get("/v1/lag").said(), (401, "token_missing".into()));
    assert_eq!(with("wrong").get("/v1/lag").said(), (401, "token_unknown".into()));
    assert_eq!(with("read-token").get("/v1/lag").status, 200);
    assert_eq!(with("ingest-token").get("/v1/lag").said(), (403, "scope_missing".into()));
    let event =
        json!({"specversion": "1.0", "id": "1", "source": "/x", "type": "com.example.seen", "data": {}});
    let publish = |mut client: Client| client.post("/v1/events", &event);
    assert_eq!(publish(with("read-token")).status, 403);
    assert_eq!(publish(with("ingest-token")).status, 202);
    assert_eq!(with("read-token").post("/v1/rebuild", &json!({})).status, 403);
    let mut client = with("read-token");
    assert_eq!(client.get("/v1/identity/suggestions").status, 200);
    for answer in ["accept", "reject"] {
        let said = client.post(&format!("/v1/identity/suggestions/{answer}"), &json!({})).said();
        assert_eq!(said, (403, "scope_missing".into()), "{answer}");
    }
    assert_eq!(with("operate-token").post("/v1/rebuild", &json!({})).status, 202);
    assert_eq!(hub.client().get("/livez").status, 200, "a monitor needs no token");
}

#[test]
fn questions_that_cannot_be_answered_are_refused() {
    let folder = Folder::new(&[]);
    let hub = folder.start();
    let mut api = hub.client();
    for (target, status, code) in [
        ("/v1/events?where=true", 400, "filter_unsupported"),
        ("/v1/customers?where=true", 400, "filter_unsupported"),
        ("/v1/changes?where=true", 400, "filter_unsupported"),
        ("/v1/events?cursor=nonsense", 400, "invalid_cursor"),
        ("/v1/changes?cursor=!", 400, "invalid_cursor"),
        ("/v1/customers?cursor=7", 400, "invalid_cursor"),
        ("/v1/deadletters?cursor=7", 400, "invalid_cursor"),
        ("/v1/events?limit=0", 400, "invalid_limit"),
        ("/v1/events?limit=1001", 400, "invalid_limit"),
        ("/v1/events?limit=many", 400, "invalid_limit"),
        ("/v1/events/42", 400, "invalid_id"),
        ("/v1/customers/42", 400, "invalid_id"),
        ("/v1/customers/cus_zdr2kgsib4ilxabxnnf7xb3daa", 404, "customer_unknown"),
        ("/v1/events/c8e3a51a-480f-510b-ae00-ddad2fee1d8c", 404, "event_unknown"),
        ("/v1/nothing", 404, "not_found"),
        ("/in/line", 404, "not_found"),
    ] {
        assert_eq!(api.get(target).said(), (status, code.to_owned()), "{target}");
    }
    assert_eq!(api.send("PATCH", "/v1/lag", &[], b"").expect("an answer").status, 405);
    for (body, status) in [
        (json!({}), 400),
        (json!({"q": 1}), 400),
        (json!({"identifier": {"type": "phone", "value": "x"}}), 422),
    ] {
        assert_eq!(api.post("/v1/customers/find", &body).status, status, "{body}");
    }
    let large = json!({"q": "x".repeat(70_000)});
    assert_eq!(api.post("/v1/customers/find", &large).said(), (413, "body_too_large".into()));
    let before = end(&hub);
    let unknown = json!({"identifiers": [{"type": "member", "value": "A"}, {"type": "member", "value": "B"}], "reason": "r"});
    assert_eq!(api.post("/v1/identity/link", &unknown).said(), (422, "identifier_unknown".into()));
    assert_eq!(end(&hub), before, "the log has grown");
}
