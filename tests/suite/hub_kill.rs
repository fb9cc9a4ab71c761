//! `kill -9` at random moments under load, again and again. What was answered with 2xx is in the log exactly once and in
//! exactly one customer's timeline; what was not answered is there once or not at all.
//!
//! 20 rounds; 1,000 with `TRIBUTARY_LONG=1`. `TRIBUTARY_SEED` repeats a run's choices (not the kernel's scheduling).

use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tributary_channels::samples;
use tributary_core::time::Micros;
use tributary_tests::{
    hub::{
        Folder, Hub,
        channels::Source,
        http::{Answer, Client},
    },
    rng::Rng,
};

const ROUNDS: usize = 20;
const ROUNDS_LONG: usize = 1_000;
/// Connections that post at the same time.
const CLIENTS: u64 = 3;
/// People, each with a LINE id and a member number that some events tie together.
const PEOPLE: usize = 40;
/// Events of one CloudEvents batch.
const BATCH: u64 = 5;
/// The hub is killed after this many milliseconds at most.
const LIFE_MILLIS: usize = 300;
const LIFE_MILLIS_BROKER: usize = 3_000;

static NUMBER: AtomicU64 = AtomicU64::new(1);

/// One request: its events' keys, and how it is sent.
#[derive(Clone)]
struct Post {
    keys: Vec<String>,
    line: bool,
    body: Vec<u8>,
}

fn person(number: usize) -> String {
    format!("U{:032x}", 0xa100 + number)
}

fn line_post(line: &Source, rng: &mut Rng) -> Post {
    let n = NUMBER.fetch_add(1, Ordering::Relaxed);
    let sample = &line.registration().samples[0];
    let user = person(rng.below(PEOPLE));
    let body = samples::fill(sample, n, Micros::from_secs(1_772_331_120), &[("user", &user)]);
    Post { keys: vec![format!("message/sample-{n}")], line: true, body }
}

fn batch_post(rng: &mut Rng) -> Post {
    let mut keys = Vec::new();
    let mut batch = Vec::new();
    for _ in 0..BATCH {
        let (n, who) = (NUMBER.fetch_add(1, Ordering::Relaxed), rng.below(PEOPLE));
        let mut identifiers =
            vec![json!({"type": "member", "value": format!("M{who}"), "trust": "verified"})];
        if rng.percent(20) {
            identifiers.push(
                json!({"type": "line", "scope": "prov-test", "value": person(who), "trust": "verified"}),
            );
        }
        keys.push(format!("visit/{n}"));
        batch.push(json!({"specversion": "1.0", "id": format!("e{n}"), "source": "/kill",
            "type": "tributary.v1.purchase.completed", "time": "2026-03-01T10:12:00+08:00",
            "data": {"key": format!("visit/{n}"), "identifiers": identifiers,
                "purchase": {"currency": "TWD", "total": "100"}}}));
    }
    Post { keys, line: false, body: Value::Array(batch).to_string().into_bytes() }
}

struct Sources {
    line: Source,
    events: Source,
}

impl Sources {
    fn send(&self, client: &mut Client, post: &Post) -> std::io::Result<Answer> {
        let (source, media) = match post.line {
            true => (&self.line, "application/json"),
            false => (&self.events, "application/cloudevents-batch+json"),
        };
        source.post(client, &source.signed(&[("content-type", media)], &post.body))
    }
}

/// Posts until the hub is gone; what was sent, and whether it was answered with 2xx.
fn post_until_gone(sources: &Sources, hub: &Hub, seed: u64, again: &[Post]) -> Vec<(Post, bool)> {
    let mut rng = Rng::new(seed);
    let mut client = hub.provider();
    let mut sent = Vec::new();
    loop {
        // Now and then what a provider would send again: it saw no answer, or was not sure.
        let post = match rng.below(4) {
            0 => batch_post(&mut rng),
            1 if !again.is_empty() => rng.pick(again).clone(),
            _ => line_post(&sources.line, &mut rng),
        };
        let answer = sources.send(&mut client, &post);
        let stored = answer.as_ref().is_ok_and(|a| (200..300).contains(&a.status));
        if let Ok(answer) = &answer {
            assert!(stored, "{}: {}", answer.status, answer.text());
        }
        sent.push((post, stored));
        if answer.is_err() {
            return sent;
        }
    }
}

/// How often each key stands in the log, and the ids behind the keys.
fn logged(hub: &Hub) -> (HashMap<String, usize>, HashMap<String, String>) {
    let (mut times, mut ids) = (HashMap::new(), HashMap::new());
    for event in hub.client().pages("/v1/events?limit=1000", "events", "cursor", "next_cursor") {
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        if event["channel"] == "console" {
            continue;
        }
        *times.entry(text(&event["data"]["key"])).or_default() += 1;
        ids.insert(text(&event["id"]), text(&event["data"]["key"]));
    }
    (times, ids)
}

/// In how many timelines each event id stands, over all customers.
fn timelines(hub: &Hub) -> HashMap<String, usize> {
    let mut client = hub.client();
    let mut times = HashMap::new();
    for customer in client.pages("/v1/customers?limit=1000", "customers", "cursor", "next_cursor") {
        let id = customer["id"].as_str().expect("a customer has an id");
        let target = format!("/v1/customers/{id}/timeline?limit=1000");
        for entry in client.pages(&target, "entries", "before", "next_before") {
            *times.entry(entry["event"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
        }
    }
    times
}

fn check(hub: &Hub, acked: &HashMap<String, bool>) {
    hub.settle();
    let (times, ids) = logged(hub);
    let lost: Vec<_> = acked.iter().filter(|(k, a)| **a && !times.contains_key(*k)).collect();
    assert!(lost.is_empty(), "{} acknowledged events are gone: {lost:?}", lost.len());
    let twice: Vec<_> = times.iter().filter(|(_, n)| **n > 1).collect();
    assert!(twice.is_empty(), "events that stand more than once: {twice:?}");
    let foreign: Vec<_> = times.keys().filter(|k| !acked.contains_key(*k)).collect();
    assert!(foreign.is_empty(), "events that nobody sent: {foreign:?}");
    let placed = timelines(hub);
    let misplaced: Vec<_> =
        ids.iter().filter(|(id, _)| placed.get(*id) != Some(&1)).map(|(id, k)| (k, placed.get(id))).collect();
    let some: Vec<_> = misplaced.iter().take(5).collect();
    assert!(
        misplaced.is_empty(),
        "{} of {} events are not in exactly one timeline: {some:?}",
        misplaced.len(),
        ids.len()
    );
    assert_eq!(placed.len(), ids.len(), "timelines hold other events");
}

fn seed() -> u64 {
    let given = std::env::var("TRIBUTARY_SEED").ok().and_then(|text| text.parse().ok());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |d| d.as_micros() as u64);
    given.unwrap_or(now)
}

#[test]
fn nothing_acknowledged_is_lost_or_doubled_by_kill_9() {
    let rounds = if std::env::var_os("TRIBUTARY_LONG").is_some() { ROUNDS_LONG } else { ROUNDS };
    let seed = seed();
    println!("TRIBUTARY_SEED={seed}, {rounds} rounds");
    let mut rng = Rng::new(seed);
    let all = [Source::new("line", Value::Null), Source::new("cloudevents", Value::Null)];
    let folder = Folder::new(&all);
    let [line, events] = all;
    let sources = Sources { line, events };
    let mut acked: HashMap<String, bool> = HashMap::new();
    let mut again: Vec<Post> = Vec::new();
    let begun = Instant::now();
    // A broker that has not greeted yet holds an answer back for longer than such a life.
    let longest = if folder.is_over_broker() { LIFE_MILLIS_BROKER } else { LIFE_MILLIS };
    for _ in 0..rounds {
        let hub = folder.start();
        let life = Duration::from_millis(rng.below(longest) as u64);
        let sent: Vec<_> = thread::scope(|scope| {
            let (sources, hub, again) = (&sources, &hub, &again);
            let clients: Vec<_> = (0..CLIENTS)
                .map(|_| rng.bits())
                .map(|seed| scope.spawn(move || post_until_gone(sources, hub, seed, again)))
                .collect();
            thread::sleep(life);
            hub.kill_now();
            clients.into_iter().flat_map(|c| c.join().expect("a client ends well")).collect()
        });
        for (post, stored) in sent {
            for key in &post.keys {
                *acked.entry(key.clone()).or_default() |= stored;
            }
            if !stored || rng.percent(5) {
                again.push(post);
            }
        }
    }
    let answered = acked.values().filter(|a| **a).count();
    println!("{} events sent, {answered} answered, {:?}", acked.len(), begun.elapsed());
    assert!(answered > rounds, "the hub answered too little to say anything");
    let hub = folder.start();
    check(&hub, &acked);
    folder.verify(&hub);
    check(&hub, &acked);
    let log = folder.log();
    let loud: Vec<&str> = log.lines().filter(|l| l.contains("panicked") || l.contains("ERROR")).collect();
    assert!(loud.is_empty(), "{loud:#?}");
}
