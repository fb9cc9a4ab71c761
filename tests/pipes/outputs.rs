//! Nodes with roles, and the changes that one of them publishes: whoever publishes, and whatever is killed, a subscriber that
//! keeps to the rule knows in the end what the nodes know.

use super::{
    hubs::{Setting, again_as, converge, digests, folders, is_long, keys, lag, on_kafka, on_nats, send_all},
    subscriber::Subscriber,
};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use tributary_tests::{
    broker::{kafka, nats::Server, skipped},
    hub::{Folder, Hub},
    rng::Rng,
};

/// Longest wait: a lease ends by its age after 10 s, a member of a group after as long.
const PATIENCE: Duration = Duration::from_secs(60);
/// Times something is killed; more with `TRIBUTARY_LONG=1`.
const KILLS: u64 = 8;
const KILLS_LONG: u64 = 40;
const ROLES: [&str; 4] = ["all", "all", "ingest", "query"];
/// Those that fold.
const FOLDING: [usize; 3] = [0, 1, 3];

fn full(setting: Setting) -> Setting {
    let log = setting.log.replacen("[log]\n", "[log]\nchanges = \"full\"\n", 1);
    Setting { log, ..setting }
}

#[test]
fn a_subscriber_of_nats_knows_what_the_nodes_know() {
    let mut server = match Server::start("") {
        Ok(server) => server,
        Err(why) => return skipped("changes on NATS", &why),
    };
    let setting = full(on_nats(&server.url(), ""));
    let subscriber = Subscriber::of_nats(server.url(), &setting.name);
    story(&setting, &subscriber, |rng| {
        server.kill();
        thread::sleep(Duration::from_millis(rng.below(300) as u64));
        server.resume();
    });
}

#[test]
fn a_subscriber_of_kafka_knows_what_the_nodes_know() {
    let mut server = match kafka::Server::start() {
        Ok(server) => server,
        Err(why) => return skipped("changes on Kafka", &why),
    };
    let setting = full(on_kafka(&server.brokers(), 3));
    let subscriber = Subscriber::of_kafka(server.brokers(), &setting.name);
    let mut cuts = 0;
    story(&setting, &subscriber, |_| {
        // Kafka takes seconds to start.
        if cuts < 1 || is_long() {
            server.kill();
            server.resume();
        }
        cuts += 1;
    });
}

fn story(setting: &Setting, subscriber: &Subscriber, mut cut: impl FnMut(&mut Rng)) {
    let (source, folders) = folders(setting, ROLES.len());
    let start = |at: usize| folders[at].start_as(&["--role", ROLES[at]]);
    let mut hubs: Vec<Hub> = (0..ROLES.len()).map(start).collect();
    let addresses = Mutex::new(hubs[..3].iter().map(|hub| hub.ingress).collect::<Vec<_>>());
    let (next, stop, mut rng) = (AtomicU64::new(0), AtomicBool::new(false), Rng::new(29));
    let answered: Vec<String> = thread::scope(|scope| {
        let senders: Vec<_> = (0..2)
            .map(|at| {
                let (source, addresses, shared) = (&source, &addresses, (at, &next, &stop));
                scope.spawn(move || send_all(source, addresses, shared))
            })
            .collect();
        for _ in 0..if is_long() { KILLS_LONG } else { KILLS } {
            thread::sleep(Duration::from_millis(300 + rng.below(700) as u64));
            if rng.percent(25) {
                cut(&mut rng);
                continue;
            }
            // Who publishes is killed most often.
            let leads = |hub: &Hub| lag(hub)["broker"]["changes"]["publishing"] == true;
            let leader = if rng.percent(50) { (0..2).find(|at| leads(&hubs[*at])) } else { None };
            let at = leader.unwrap_or_else(|| rng.below(ROLES.len()));
            hubs[at] = again_as(&folders[at], &hubs[at], ROLES[at]);
            if let Some(address) = addresses.lock().expect("no panic").get_mut(at) {
                *address = hubs[at].ingress;
            }
        }
        thread::sleep(Duration::from_millis(300));
        stop.store(true, Ordering::Relaxed);
        senders.into_iter().flat_map(|sender| sender.join().expect("no panic")).collect()
    });
    assert!(answered.len() > 50, "{} were answered", answered.len());
    until("the node that takes has sent all", || lag(&hubs[2])["broker"]["unacknowledged"] == 0);
    let of_all: Vec<Hub> = hubs;
    roles_hold(&of_all);
    let folding: Vec<&Hub> = FOLDING.iter().map(|at| &of_all[*at]).collect();
    converge(&folding);
    assert_eq!(digests(&folding).len(), 1, "every node folds the same");
    let there = keys(folding[2]);
    let lost: Vec<&String> = answered.iter().filter(|key| !there.contains_key(*key)).collect();
    assert!(lost.is_empty(), "answered and not there: {lost:?}");
    assert!(there.values().all(|count| *count == 1), "none is shown twice");
    let publishers =
        || -> Vec<Value> { folding.iter().map(|hub| lag(hub)["broker"]["changes"].clone()).collect() };
    knows(subscriber, folding[2], publishers);
    let leads = |hub: &&&Hub| lag(hub)["broker"]["changes"]["publishing"] == true;
    until("one node publishes", || folding.iter().filter(leads).count() == 1);
    FOLDING.iter().for_each(|at| folders[*at].verify(&of_all[*at]));
}

fn roles_hold(hubs: &[Hub]) {
    let asked = hubs[2].client().get("/v1/customers");
    assert_eq!((asked.status, asked.json()["code"].as_str()), (503, Some("role_ingest")), "{}", asked.text());
    assert_eq!(lag(&hubs[2])["role"], "ingest");
    let posted = hubs[3].client().post("/v1/events", &super::hubs::event(0, 0, false));
    assert_eq!(
        (posted.status, posted.json()["code"].as_str()),
        (503, Some("role_query")),
        "{}",
        posted.text()
    );
    let door = hubs[3].provider().send("POST", "/in/anything", &[], b"{}").expect("an answer");
    assert_eq!((door.status, door.json()["code"].as_str()), (503, Some("role_query")), "{}", door.text());
}

/// Waits until the subscriber has every customer as this node has it, and no other.
fn knows(subscriber: &Subscriber, hub: &Hub, publishers: impl Fn() -> Vec<Value>) {
    let all = hub.client().pages("/v1/customers?limit=100", "customers", "cursor", "next_cursor");
    let plain = |view: &Value| {
        let named = view["identifiers"].as_array().into_iter().flatten();
        let named: BTreeSet<String> = named.map(|i| format!("{} {}", i["type"], i["value"])).collect();
        format!("{} {named:?} {}", view["id"], view["purchases"])
    };
    let wanted: BTreeSet<String> = all.iter().map(plain).collect();
    let known = || -> BTreeSet<String> {
        let known = subscriber.known.lock().expect("no panic");
        known.of.values().filter(|told| told.get("into").is_none()).map(|told| plain(&told["view"])).collect()
    };
    let begun = Instant::now();
    while known() != wanted {
        let (known, wanted) = (known(), &wanted);
        let missing: Vec<_> = wanted.difference(&known).take(3).collect();
        let else_known: Vec<_> = known.difference(wanted).take(3).collect();
        let late = begun.elapsed() > PATIENCE;
        assert!(!late, "missing {missing:#?}, known otherwise {else_known:#?}, {:#?}", publishers());
        thread::sleep(Duration::from_millis(50));
    }
    let known = subscriber.known.lock().expect("no panic");
    eprintln!("{} messages, {} passed over, {} customers", known.came, known.passed, wanted.len());
}

fn until(what: &str, mut is: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_role_without_a_broker_is_refused() {
    let folder = Folder::new(&[]);
    let output = folder.run(&["serve", "--role", "query"]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("--role query") && text.contains("[log] engine"), "{text}");
}
