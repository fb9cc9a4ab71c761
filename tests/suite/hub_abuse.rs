//! Senders that mean harm: connections that trickle, bodies of a hundred thousand parts, heads of ten thousand headers,
//! documents nested ten thousand deep. The hub's memory hardly grows and others are served as if nothing were.
//!
//! With `TRIBUTARY_LONG=1` each goes on for longer and the waits are printed beside what is wanted of a quiet machine; the bounds
//! that are asserted leave room for a loaded one.

mod payloads;

use payloads::Payload;
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufReader, ErrorKind, Read as _, Write as _},
    net::TcpStream,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};
use tributary_tests::hub::{Folder, Hub, channels::Source, http::read_answer};

/// What the hub may take more than before, in KiB.
const GROWTH_MAX_KIB: u64 = 64 * 1024;
/// The longest wait of a healthy request that still counts as served, beside others' builds and tests.
const P99_MAX: Duration = Duration::from_secs(2);
/// What is wanted of a quiet machine.
const P99_WANTED_MS: f64 = 200.0;
const SLOW: usize = 500;
/// What each slow connection sends of its head or body before it goes on byte by byte.
const SENT: usize = 16 * 1024;

fn is_long() -> bool {
    std::env::var_os("TRIBUTARY_LONG").is_some_and(|value| value == "1")
}

fn sources() -> Vec<Source> {
    let mail = json!({"kind": "email", "mailbox": "help@shop.example", "key": "mail-test-key"});
    let mail = Source::of("mail", mail.as_object().cloned().unwrap_or_default());
    let form =
        json!({"kind": "web_form", "form": "contact", "fields": {"email": "email", "message": "message"}});
    let form = Source::of("form", form.as_object().cloned().unwrap_or_default());
    let kinds = ["line", "mapped", "meta", "shopify", "tw_einvoice"];
    kinds.iter().map(|kind| Source::new(kind, Value::Null)).chain([mail, form]).collect()
}

/// Resident memory of the hub's process in KiB.
fn resident_kib(hub: &Hub) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", hub.pid())).expect("the process is there");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory is told");
    line.trim().trim_end_matches(" kB").trim().parse().expect("a number of KiB")
}

/// Healthy requests over fresh connections until the harm is done; how long each waited, sorted, and the most memory seen.
fn healthy(hub: &Hub, line: &Source, done: &AtomicBool) -> (Vec<Duration>, u64) {
    let (mut waits, mut most) = (Vec::new(), 0);
    let at_least = 100;
    while waits.len() < at_least || !done.load(Ordering::Acquire) {
        let begun = Instant::now();
        let body = format!("{{\"destination\":\"x\",\"events\":[],\"n\":{}}}", waits.len());
        let answer = line.send(&mut hub.provider(), "application/json", body.as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.text());
        waits.push(begun.elapsed());
        most = most.max(resident_kib(hub));
        thread::sleep(Duration::from_millis(2));
    }
    waits.sort_unstable();
    (waits, most)
}

/// Does harm while healthy requests are sent; asserts that they were served and that memory is bounded.
fn endure(what: &str, hub: &Hub, line: &Source, harm: impl FnOnce() + Send) {
    // What a hub takes for its first requests is no harm.
    drop(healthy(hub, line, &AtomicBool::new(true)));
    let before = resident_kib(hub);
    let done = AtomicBool::new(false);
    let (waits, most) = thread::scope(|scope| {
        scope.spawn(|| {
            // Even where it panics the other must end.
            let end = OnDrop(&done);
            harm();
            drop(end);
        });
        healthy(hub, line, &done)
    });
    let growth = most.saturating_sub(before);
    let at = |part: f64| waits[((waits.len() - 1) as f64 * part) as usize];
    println!(
        "{what}: memory +{growth} KiB of {GROWTH_MAX_KIB}; {} healthy requests, p50 {:.1} ms, p99 {:.1} ms (wanted: \
         {P99_WANTED_MS} ms on a quiet machine)",
        waits.len(),
        at(0.5).as_secs_f64() * 1e3,
        at(0.99).as_secs_f64() * 1e3,
    );
    assert!(growth <= GROWTH_MAX_KIB, "{what}: the hub took {growth} KiB");
    assert!(at(0.99) <= P99_MAX, "{what}: p99 was {:?}", at(0.99));
}

struct OnDrop<'a>(&'a AtomicBool);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

fn open(hub: &Hub) -> TcpStream {
    let stream = TcpStream::connect(hub.ingress).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(40))).expect("a timeout");
    stream
}

/// The beginnings of slow requests, every other one in its head, and none of them ever complete.
fn slow_requests(hub: &Hub) -> Vec<TcpStream> {
    let head = "POST /in/form HTTP/1.1\r\nhost: x\r\n";
    let mut streams = Vec::new();
    for n in 0..SLOW {
        let mut stream = open(hub);
        let begun = match n % 2 {
            0 => format!("{head}cookie: {}", "a".repeat(SENT)),
            _ => format!("{head}content-length: 900000\r\n\r\n{}", "a".repeat(SENT)),
        };
        stream.write_all(begun.as_bytes()).expect("the beginning of a request");
        streams.push(stream);
    }
    streams
}

#[test]
fn slow_connections_cost_little_and_end() {
    let sources = sources();
    let folder = Folder::new(&sources);
    let hub = folder.start();
    endure("500 slow connections", &hub, &sources[0], || {
        let mut streams = slow_requests(&hub);
        let begun = Instant::now();
        // Heads end after 10 s, bodies after 30 s.
        let (life, patience) = if is_long() { (50, 60) } else { (3, 14) };
        let mut trickled = 0;
        while begun.elapsed() < Duration::from_secs(life) {
            // Where the hub has closed it, so much the better.
            trickled +=
                streams.iter_mut().map(|stream| usize::from(stream.write_all(b"a").is_ok())).sum::<usize>();
            thread::sleep(Duration::from_millis(500));
        }
        assert!(trickled >= SLOW, "they were slow, not dead");
        // Heads are even, bodies odd.
        let step = if is_long() { 1 } else { 2 };
        for stream in streams.iter_mut().step_by(step) {
            let left = Duration::from_secs(patience).saturating_sub(begun.elapsed());
            stream.set_read_timeout(Some(left.max(Duration::from_millis(1)))).expect("a timeout");
            let error = stream.read_to_end(&mut Vec::new()).err().map(|error| error.kind());
            assert!(!matches!(error, Some(ErrorKind::WouldBlock | ErrorKind::TimedOut)), "still open");
        }
    });
    let metrics = hub.client().get("/metrics").must(200).text();
    let slow = "tributary_connections_closed_total{listener=\"in\",reason=\"slow_head\"} 250";
    assert!(metrics.contains(slow), "{metrics}");
}

#[test]
fn where_there_are_too_many_the_ones_that_wait_give_way() {
    let sources = sources();
    let folder = Folder::with(&sources, "max_connections = 50", "");
    let hub = folder.start();
    let head = b"POST /in/form HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\n\
                 content-length: 10\r\n\r\n";
    let begin = || {
        let mut stream = open(&hub);
        stream.write_all(head).expect("the beginning of a request");
        stream
    };
    let held: Vec<TcpStream> = (0..50).map(|_| begin()).collect();
    // All are young: whoever comes now is told to come again, and does.
    let begun = Instant::now();
    let mut told = 0;
    let mut client = hub.provider();
    loop {
        match sources[0]
            .send(&mut client, "application/json", b"{\"destination\":\"x\",\"events\":[]}")
            .said()
        {
            (200, _) => break,
            said => assert_eq!(said, (503, "too_many_connections".into())),
        }
        told += 1;
        assert!(begun.elapsed() < Duration::from_secs(20), "told {told} times to come again");
        thread::sleep(Duration::from_millis(50));
    }
    // The connection above took the place of one of them, the one that the hub saw wait longest; the others go on.
    let mut closed = 0;
    for mut stream in held {
        // Who was closed cannot send the rest.
        let sent = stream.write_all(b"email=a@b.");
        match read_answer(&mut BufReader::new(stream)) {
            Ok(answer) => assert_eq!((answer.status, sent.is_ok()), (200, true), "{}", answer.text()),
            Err(_) => closed += 1,
        }
    }
    assert_eq!(closed, 1, "one gives way");
    let metrics = hub.client().get("/metrics").must(200).text();
    assert!(metrics.contains("tributary_connections_closed_total{listener=\"in\",reason=\"crowded\"} 1"));
}

#[test]
fn large_bodies_of_strangers_share_one_room() {
    let mut sources = sources();
    // The room is as large as the largest body of a channel: with mails the machine's own noise would reach the bound.
    sources.retain(|source| source.name != "mail");
    let folder = Folder::new(&sources);
    let hub = folder.start();
    // Each is within its own limit; together they would be 140 MB.
    let size = 1 << 20;
    endure("140 bodies of 1 MiB that stay incomplete", &hub, &sources[0], || {
        let head = format!("POST /in/form HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", size + 1);
        let mut streams: Vec<TcpStream> = Vec::new();
        for _ in 0..140 {
            let mut stream = open(&hub);
            let body = vec![b'a'; size];
            stream.write_all(head.as_bytes()).expect("a head");
            // The hub may refuse before it has all.
            let _ = stream.write_all(&body);
            streams.push(stream);
        }
        thread::sleep(Duration::from_secs(2));
    });
}

#[test]
fn what_is_large_nested_or_many_is_bounded() {
    let sources = sources();
    let folder = Folder::new(&sources);
    let hub = folder.start();
    let source = |name: &str| sources.iter().find(|s| s.name == name).expect("a channel of this name");
    let rounds = if is_long() { 40 } else { 2 };
    for Payload { what, channel, content_type, body } in payloads::all() {
        endure(what, &hub, &sources[0], || {
            for _ in 0..rounds {
                let mut client = hub.provider();
                let answer = source(channel).send(&mut client, content_type, &body);
                // Kept as unrecognised, understood or too large: an answer, and soon.
                assert!(answer.status < 500, "{what}: {} {}", answer.status, answer.text());
            }
        });
    }
    endure("10,000 headers", &hub, &sources[0], || {
        for _ in 0..rounds {
            let mut stream = open(&hub);
            let headers: String = (0..10_000).map(|n| format!("x-{n}: {n}\r\n")).collect();
            let head = format!("POST /in/line HTTP/1.1\r\nhost: x\r\n{headers}content-length: 2\r\n\r\n{{}}");
            // The hub may close before it has read everything.
            let _ = stream.write_all(head.as_bytes());
            let answer = read_answer(&mut BufReader::new(stream));
            assert!(answer.map_or(true, |a| a.status == 431), "ten thousand headers are refused");
        }
    });
    hub.client().get("/readyz").must(200);
    hub.settle();
}
