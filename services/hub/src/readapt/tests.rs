//! The law: after a run the views are those of a hub that had today's settings from the start, whatever the settings were
//! before, in whatever order requests came, however often a run was broken off.

use super::{Wanted, Window, readapt_in_slices};
use crate::{
    config::{Source, from_text},
    hub::{Hub, Logs, record},
    ingress::decode_verified,
    rng::Rng,
};
use serde_json::{Value, json};
use std::{
    cell::Cell,
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tributary_channels::adapter::InboundRequest;
use tributary_core::{
    body::{Body, IdentityAct},
    draft::{ChannelContext, Claim, Draft},
    event::Trust,
    identity::policy::Policy,
    time::Micros,
    token::IndexKey,
    view,
};
use tributary_eventlog::{EventLog, ManualClock, MemoryLog, Origin};
use tributary_projector::{Options, Projector};

/// Histories of the law, and with `TRIBUTARY_LONG=1`.
const HISTORIES: u64 = 30;
const HISTORIES_LONG: u64 = 1_500;
/// Longest wait for the projector.
const PATIENCE: Duration = Duration::from_secs(60);
const START: i64 = 1_772_330_400_000_000;
/// Between two requests.
const STEP: i64 = 61_000_000;

/// A log that outlives the hubs over it.
struct World {
    dir: tempfile::TempDir,
    log: Arc<dyn EventLog>,
    clock: Arc<ManualClock>,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let clock = Arc::new(ManualClock::new(START));
        let log: Arc<dyn EventLog> = Arc::new(MemoryLog::new(Origin(7), Arc::clone(&clock) as _));
        Self { dir, log, clock }
    }

    /// A hub over this log with one channel of these settings.
    fn open(&self, settings: &str) -> Hub {
        let text =
            format!("[hub]\ndata_dir = \"{}\"\n[channels.desk]\n{settings}", self.dir.path().display());
        let config = from_text(
            Source { name: "test".into(), text: text.clone() },
            &BTreeMap::from([("S".into(), "secret".into())]),
        );
        let config = config.unwrap_or_else(|e| panic!("{e}\n{text}"));
        let mut options = Options::new(self.dir.path().join("views"), Policy::default());
        options.cache_bytes = 8 << 20;
        let projector = Projector::start(options, Arc::clone(&self.log) as _).expect("it starts");
        let clock = Arc::clone(&self.clock) as _;
        Hub::new(
            config,
            Logs::alone(Arc::clone(&self.log)),
            Arc::new(projector),
            IndexKey::new(&[7; 32]),
            clock,
        )
    }
}

/// Posts a body to the channel at this time; whether anything of it was stored. What is taken for a copy leaves nothing that could
/// be read again.
fn post(hub: &Hub, clock: &ManualClock, at: i64, body: &str) -> bool {
    clock.set(at);
    let headers = [("content-type".to_owned(), "application/json".to_owned())];
    let request =
        InboundRequest { received_at: Micros(at), ..InboundRequest::post(&headers, body.as_bytes()) };
    let (events, _) = decode_verified(hub, hub.channel("desk").expect("it is configured"), &request)
        .unwrap_or_else(|e| panic!("{e}: {body}"));
    let appended = hub.log.append_blocking(events.iter().map(record).collect()).expect("appended");
    appended.iter().any(|one| !one.duplicate)
}

fn settle(hub: &Hub) {
    let begun = Instant::now();
    while *hub.projector().subscribe().borrow() < hub.log.end() {
        assert!(begun.elapsed() < PATIENCE, "the projector does not catch up");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Reads everything again, with facts for so many in memory; `looks` limits how often it may go on.
fn run(hub: &Hub, dry_run: bool, facts_max: usize, looks: usize) -> Result<Value, crate::problem::Problem> {
    let window = Window { since: Micros(i64::MIN), until: Micros(i64::MAX) };
    let wanted = Wanted { window, dry_run, actor: "tester".into() };
    let left = Cell::new(looks);
    let goes_on = |_, _| {
        left.set(left.get().saturating_sub(1));
        left.get() > 0
    };
    let channel = hub.channel("desk").expect("it is configured");
    let result = readapt_in_slices(hub, channel, &wanted, facts_max, &goes_on);
    settle(hub);
    result
}

/// What readers see, without what names events: views and timelines, and the number of customers.
fn picture(hub: &Hub) -> Vec<String> {
    settle(hub);
    hub.projector().read(|look| {
        look.engine().with_sources(|sources, _| {
            let mut all = Vec::new();
            for (_, customer) in sources.resolver.customers_from(0) {
                let view = view::view(sources, customer).expect("sound").expect("it is there");
                let timeline = view::timeline(sources, customer, None, 1_000).expect("sound");
                let mut seen = json!({"view": view, "timeline": timeline.entries});
                nameless(&mut seen);
                all.push(seen.to_string());
            }
            all.sort();
            all
        })
    })
}

fn nameless(value: &mut Value) {
    const NAMES: [&str; 13] = [
        "id",
        "version",
        "provenance",
        "evidence",
        "customers",
        "event_id",
        "position",
        "recordedtime",
        "recorded_at",
        "revision",
        "generation",
        "last_channel",
        "sequence",
    ];
    match value {
        Value::Object(map) => {
            let count = map.get("evidence").and_then(|e| e.get("count")).cloned();
            map.retain(|key, value| !NAMES.contains(&key.as_str()) && (key != "event" || !value.is_string()));
            map.extend(count.map(|count| ("evidence".to_owned(), count)));
            map.values_mut().for_each(nameless);
        }
        Value::Array(items) => {
            items.iter_mut().for_each(nameless);
            // Entries of one time stand in the order of their ids.
            items.sort_by_key(ToString::to_string);
        }
        _ => {}
    }
}

/// The same customers; shows those that differ.
fn assert_alike(got: &[String], want: &[String], context: &str) {
    let without = |all: &[String], others: &[String]| -> Vec<String> {
        all.iter().filter(|one| !others.contains(one)).cloned().collect()
    };
    let (more, less) = (without(got, want), without(want, got));
    assert!(got == want, "{context}\nnot wanted: {more:#?}\nmissing: {less:#?}");
}

fn pick<'a>(rng: &mut Rng, of: &[&'a str]) -> &'a str {
    of[rng.below(of.len())]
}

/// Settings of a channel: other keys, revisions, times, identifiers, conditions, trust; one or two events a payload.
fn settings(rng: &mut Rng) -> String {
    let mut text = "kind = \"mapped\"\nsignature = \"none\"\naccount = \"a\"\n".to_owned();
    text += &format!("trust = \"{}\"\n", pick(rng, &["verified", "claimed"]));
    if rng.percent(20) {
        text += "brand = \"b\"\n";
    }
    for n in 0..=usize::from(rng.percent(30)) {
        let keys = ["payload.id", "payload.ref", "payload.id + \"-\" + payload.ref", "\"x\" + payload.id"];
        let mut event = format!("key = '\"{}\" + {}', ", ["k", "second/"][n], pick(rng, &keys));
        if rng.percent(50) {
            let revisions = ["payload.rev", "payload.rev + 10", "3 - payload.rev"];
            event += &format!("revision = '{}', ", pick(rng, &revisions));
        }
        if rng.percent(50) {
            event += "time = 'payload.at', ";
        }
        if rng.percent(40) {
            event +=
                &format!("when = '{}', ", pick(rng, &["payload.kind == \"a\"", "payload.kind != \"b\""]));
        }
        if rng.percent(40) {
            event += "profile = { name = 'payload.name' }, ";
        }
        let mut identifiers = Vec::new();
        for kind in ["email", "phone", "member"] {
            if rng.percent(60) {
                let trust = pick(rng, &["verified", "claimed"]);
                identifiers
                    .push(format!("{{ type = \"{kind}\", value = 'payload.{kind}', trust = \"{trust}\" }}"));
            }
        }
        event += &format!("identifiers = [{}], ", identifiers.join(", "));
        event += match rng.below(3) {
            0 => "type = \"purchase\", purchase = { currency = \"TWD\", total = 'payload.total' }",
            1 => "type = \"note\", note = { text = 'payload.text' }",
            _ => "type = \"message\", message = { text = 'payload.text', subject = 'payload.name' }",
        };
        text += if n == 0 { "events = [" } else { ", " };
        text += &format!("{{ {event} }}");
    }
    text + "]\n"
}

/// A payload of few values, so that keys and people meet.
fn payload(rng: &mut Rng, n: usize) -> String {
    let few = |rng: &mut Rng, prefix: &str, count| format!("{prefix}{}", rng.below(count));
    json!({
        "id": few(rng, "i", 5), "ref": few(rng, "r", 5), "rev": rng.below(3), "total": few(rng, "1", 9),
        "kind": pick(rng, &["a", "b", "c"]), "at": format!("2026-02-01T{:02}:{:02}:00Z", n / 60, n % 60),
        "email": format!("{}@shop.example", few(rng, "p", 4)), "phone": few(rng, "092817365", 4),
        "member": few(rng, "M10", 4), "name": few(rng, "Amy Lee ", 3), "text": format!("text {n}"),
    })
    .to_string()
}

#[test]
fn the_views_are_those_of_todays_settings_from_the_start() {
    let long = std::env::var_os("TRIBUTARY_LONG").is_some_and(|v| v == "1");
    for seed in 0..if long { HISTORIES_LONG } else { HISTORIES } {
        let mut rng = Rng::new(seed);
        let world = World::new();
        let (mut posted, mut at): (Vec<(i64, String)>, i64) = (Vec::new(), START);
        for _ in 0..1 + rng.below(3) {
            let hub = world.open(&settings(&mut rng));
            for _ in 0..rng.below(12) {
                at += STEP;
                let body = match rng.below(posted.len() * 4 + 1) {
                    again if again < posted.len() => posted[again].1.clone(),
                    _ => payload(&mut rng, posted.len()),
                };
                if post(&hub, &world.clock, at, &body) {
                    posted.push((at, body));
                }
            }
            world.clock.set(at + STEP / 2);
            settle(&hub);
            if rng.percent(50) {
                let (facts_max, looks) = (1 + rng.below(6), 1 + rng.below(12));
                // Broken off anywhere, or to the end.
                let _ = run(&hub, false, facts_max, looks);
            }
        }
        let last = settings(&mut rng);
        let hub = world.open(&last);
        let (few, end) = (1 + rng.below(6), hub.log.end());
        let fresh = World::new();
        let other = fresh.open(&last);
        for (at, body) in &posted {
            post(&other, &fresh.clock, *at, body);
        }
        let want = picture(&other);
        if posted.is_empty() {
            continue;
        }
        let planned = run(&hub, true, few, usize::MAX).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        assert_eq!(hub.log.end(), end, "seed {seed}: a dry run appends nothing");
        // Broken off somewhere, then to the end, then once more.
        let _ = run(&hub, false, few, 2 + rng.below(12));
        let done = run(&hub, false, usize::MAX, usize::MAX).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        let got = picture(&hub);
        assert_alike(&got, &want, &format!("seed {seed}\n{last}\n{done:#}"));
        if let Some(after) = planned["customers"]["customers"]["after"].as_u64() {
            assert_eq!(after as usize, got.len(), "seed {seed}: the plan knew: {planned:#}");
        }
        let end = hub.log.end();
        let again = run(&hub, false, few, usize::MAX).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        assert_eq!((hub.log.end(), &again["appended"]), (end, &json!(0)), "seed {seed}: {again:#}");
    }
}

/// A channel whose one event has this key, these identifiers and this text.
fn simple(key: &str, identifiers: &[&str], text: &str) -> String {
    let identifiers: Vec<String> =
        identifiers.iter().map(|kind| format!("{{ type = \"{kind}\", value = 'payload.{kind}' }}")).collect();
    format!(
        "kind = \"mapped\"\nsignature = \"none\"\naccount = \"a\"\n[[channels.desk.events]]\nkey = '{key}'\n\
         type = \"note\"\nidentifiers = [{}]\nnote = {{ text = '{text}' }}\n",
        identifiers.join(", ")
    )
}

fn body(n: usize) -> Value {
    json!({"id": format!("i{n}"), "email": format!("p{n}@shop.example"), "phone": format!("092817365{n}"),
        "text": format!("text {n}")})
}

/// Posts under the first settings, reads again under the last, and compares with a hub that had those from the start.
fn law(first: &str, last: &str, bodies: &[String]) -> Value {
    let (world, fresh) = (World::new(), World::new());
    let (hub, other) = (world.open(first), fresh.open(last));
    for (n, body) in bodies.iter().enumerate() {
        let at = START + STEP * (n as i64 + 1);
        post(&hub, &world.clock, at, body);
        post(&other, &fresh.clock, at, body);
    }
    world.clock.set(START + STEP * 1_000);
    drop(hub);
    let hub = world.open(last);
    let result = run(&hub, false, usize::MAX, usize::MAX).unwrap_or_else(|e| panic!("{e}"));
    assert_alike(&picture(&hub), &picture(&other), &format!("{result:#}"));
    result
}

#[test]
fn what_was_not_understood_becomes_customers() {
    let first = simple("payload.number", &["email"], "payload.text");
    let last = simple("payload.id", &["email"], "payload.text");
    let bodies: Vec<String> = (0..3).map(|n| body(n).to_string()).collect();
    let result = law(&first, &last, &bodies);
    let want = json!({"new": 3, "changed": 0, "taken_back": 0, "understood": 3, "not_understood": 0});
    assert_eq!(result["facts"], want, "{result:#}");
    assert_eq!(result["customers"]["appear"], 3, "{result:#}");
    let result = law(&last, &first, &bodies);
    let want = json!({"new": 0, "changed": 0, "taken_back": 3, "understood": 0, "not_understood": 3});
    assert_eq!(result["facts"], want, "{result:#}");
    assert_eq!(result["customers"]["disappear"], 3, "{result:#}");
}

#[test]
fn a_request_in_pieces_is_read_whole_and_written_once() {
    let (first, last) = (
        simple("payload.id", &["email"], "payload.text"),
        simple("payload.id", &["email", "phone"], "payload.text"),
    );
    let mut large = body(1);
    large["blob"] = "x".repeat(900_000).into();
    let bodies = [body(0).to_string(), large.to_string(), body(2).to_string()];
    let result = law(&first, &last, &bodies);
    assert_eq!(result["facts"]["changed"], 3, "{result:#}");
    // Three corrected events: no piece.
    assert_eq!(result["appended"], 3, "{result:#}");
    assert_eq!(result["examples"][0]["differs"], "identifiers", "{result:#}");
}

/// The erasure knew of the address only; today's settings would find a phone number in the same request.
#[test]
fn who_was_erased_does_not_come_back() {
    for first in
        [simple("payload.id", &["email"], "payload.text"), simple("payload.no", &["email"], "payload.text")]
    {
        let world = World::new();
        let hub = world.open(&first);
        post(&hub, &world.clock, START + STEP, &body(1).to_string());
        // Others stay, and what the erased one does later is of somebody new.
        let mut later = body(1);
        later["id"] = "later".into();
        let body_of_other = body(2).to_string();
        post(&hub, &world.clock, START + 2 * STEP, &body_of_other);
        world.clock.set(START + 3 * STEP);
        let mut draft = Draft::new("erase/1", Body::Identity { act: IdentityAct::Erase });
        draft.occurred_at = Some(Micros(START + 3 * STEP));
        draft.identifiers = vec![Claim::new("email", "", "p1@shop.example", Trust::Verified)];
        let erasure = crate::query::console(&hub).events(draft, hub.now(), hub.key());
        hub.log.append_blocking(erasure.iter().map(record).collect()).expect("appended");
        post(&hub, &world.clock, START + 4 * STEP, &later.to_string());
        settle(&hub);
        drop(hub);
        world.clock.set(START + 5 * STEP);
        let last = simple("payload.id", &["email", "phone"], "payload.text");
        let hub = world.open(&last);
        let result = run(&hub, false, usize::MAX, usize::MAX).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(result["left_alone"]["erased"], 1, "{result:#}");
        let seen = picture(&hub);
        assert_eq!(seen.len(), 2, "{seen:#?}");
        assert!(seen.iter().all(|one| !one.contains("\"i1\"")), "{seen:#?}");
        assert!(seen.iter().any(|one| one.contains("+886928173651") && one.contains("later")), "{seen:#?}");
        assert!(seen.iter().any(|one| one.contains("+886928173652")), "{seen:#?}");
    }
}

#[test]
fn what_cannot_be_done_says_why() {
    let world = World::new();
    let hub = world.open(&simple("payload.id", &["email"], "payload.text"));
    let said = |hub: &Hub| {
        let problem = run(hub, false, usize::MAX, usize::MAX).expect_err("nothing to do");
        assert!(problem.remedy.is_some(), "{problem}");
        (problem.status, problem.code)
    };
    assert_eq!(said(&hub), (404, "nothing_stored"));
    post(&hub, &world.clock, START + STEP, &body(1).to_string());
    settle(&hub);
    drop(hub);
    let end = world.log.end();
    let hub =
        world.open("kind = \"web_form\"\nform = \"contact\"\n[channels.desk.fields]\nemail = \"email\"\n");
    assert_eq!(said(&hub), (409, "channel_kind_changed"));
    assert_eq!(world.log.end(), end, "nothing was appended");
}

/// A person's profile was asked for by the hub, and a failed forwarding is its own record: no request brought them.
#[test]
fn what_no_request_brought_stays() {
    let world = World::new();
    let settings = "kind = \"line\"\nprovider = \"prov-1\"\nsecret = \"env:S\"\n";
    let hub = world.open(settings);
    let channel = hub.channel("desk").expect("it is configured");
    let user = "U0123456789abcdef0123456789abcdef";
    let answer = format!(r#"{{"userId":"{user}","displayName":"Mei"}}"#);
    let asked_at = Micros(START + STEP);
    world.clock.set(asked_at.0);
    let draft = channel.adapter.read_profile(user, answer.as_bytes(), asked_at).expect("a profile");
    let events = hub.events(&channel.context, vec![draft], Vec::new(), asked_at);
    hub.log.append_blocking(events.iter().map(record).collect()).expect("appended");
    let context = ChannelContext { name: "desk".into(), ..crate::query::console(&hub) };
    let failed = Draft::new("forward/7/1", Body::Unrecognised { reason: "forward_failed".into() });
    let events = context.events(failed, hub.now(), hub.key());
    hub.log.append_blocking(events.iter().map(record).collect()).expect("appended");
    settle(&hub);
    let before = picture(&hub);
    let result = run(&hub, false, usize::MAX, usize::MAX).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((&result["appended"], &result["requests"]), (&json!(0), &json!(1)), "{result:#}");
    assert_eq!(picture(&hub), before);
    assert!(before[0].contains("Mei"), "{before:?}");
}
