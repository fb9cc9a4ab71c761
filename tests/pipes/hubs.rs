//! Hubs of several nodes over a real broker: the same customers everywhere, whatever is killed in between.

use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{DirBuilder, OpenOptions},
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use tributary_tests::{
    broker::{
        kafka::{self, Shared},
        nats::Server,
        proxy::{Fault, Proxy},
        skipped,
    },
    hub::{Folder, Hub, channels::Source, http::Client},
    rng::Rng,
};

const PATIENCE: Duration = Duration::from_secs(60);
/// Events of the story.
const STORY: u64 = 600;
/// Times something is killed; 100 with `TRIBUTARY_LONG=1`.
const KILLS: u64 = 20;
const KILLS_LONG: u64 = 100;
/// The same with Kafka, whose start takes seconds.
const KAFKA_KILLS: u64 = 5;
const KAFKA_KILLS_LONG: u64 = 30;
/// After the broker's return, until all goes on.
const RESUMED_WITHIN: Duration = Duration::from_secs(30);
/// Times a wire is disturbed, for up to 0.4 s; 2 s with `TRIBUTARY_LONG=1`.
const CUTS: usize = 50;
/// The same of wires to Kafka.
const KAFKA_CUTS: usize = 30;
/// Between two events of one sender.
const PACE: Duration = Duration::from_millis(6);
const SENDERS: usize = 3;
/// Events that are sent when all is well again.
const AFTERWARDS: u64 = 150;

/// A hub over this NATS server, with more lines in `[log]`.
pub fn on_nats(url: &str, more: &str) -> Setting {
    let log = format!("[log]\nengine = \"nats\"\n{more}\n[log.nats]\nurl = \"{url}\"\n");
    Setting { name: "shop".to_owned(), log }
}

/// A hub over a topic of its own on these brokers.
pub fn on_kafka(brokers: &str, partitions: u32) -> Setting {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let name = format!("shop-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let table = format!("brokers = \"{brokers}\"\npartitions = {partitions}\n");
    Setting { name, log: format!("[log]\nengine = \"kafka\"\n[log.kafka]\n{table}") }
}

/// What all nodes of a hub have in common.
pub struct Setting {
    /// `[hub] name`.
    pub name: String,
    /// `[log]` and what belongs to it.
    pub log: String,
}

/// Nodes of one hub: folders that differ in nothing but their data, with the same index key.
pub fn folders(setting: &Setting, count: usize) -> (Source, Vec<Folder>) {
    let (source, folders) = strangers(setting, count);
    let hex: String = (0..32).map(|n| format!("{:02x}", n * 7)).collect();
    for folder in &folders {
        let keys = folder.data().join("keys");
        DirBuilder::new().recursive(true).mode(0o700).create(&keys).expect("a folder for keys");
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(keys.join("index.key"))
            .expect("a key");
        file.write_all(hex.as_bytes()).expect("a key");
    }
    (source, folders)
}

/// The same, each with a key of its own.
pub fn strangers(setting: &Setting, count: usize) -> (Source, Vec<Folder>) {
    let source = Source::new("cloudevents", Value::Null);
    let name = format!("name = \"{}\"", setting.name);
    let folder = |_| Folder::with(std::slice::from_ref(&source), &name, &setting.log);
    (source.clone_of(), (0..count).map(folder).collect())
}

pub fn event(n: u64, person: usize, tied: bool) -> Value {
    let mut identifiers = vec![json!({"type": "member", "value": format!("M{person}"), "trust": "verified"})];
    if tied {
        let phone = format!("+88691200{person:04}");
        identifiers.push(json!({"type": "phone", "value": phone, "trust": "verified"}));
    }
    json!({"specversion": "1.0", "id": format!("e{n}"), "source": "/nodes", "type": "tributary.v1.purchase.completed",
        "time": "2026-03-01T10:12:00+08:00", "data": {"key": format!("visit/{n}"), "identifiers": identifiers,
        "purchase": {"currency": "TWD", "total": "100"}}})
}

pub fn post(source: &Source, client: &mut Client, event: &Value) -> Option<u16> {
    let request =
        source.signed(&[("content-type", "application/cloudevents+json")], event.to_string().as_bytes());
    source.post(client, &request).ok().map(|answer| answer.status)
}

pub fn lag(hub: &Hub) -> Value {
    hub.client().get("/v1/lag").must(200).json()
}

/// Waits until all nodes have folded the same records.
pub fn converge<H: std::borrow::Borrow<Hub>>(hubs: &[H]) {
    let begun = Instant::now();
    loop {
        let all: Vec<Value> = hubs.iter().map(|hub| lag(hub.borrow())).collect();
        let positions: BTreeSet<String> = all.iter().map(|lag| lag["position"].to_string()).collect();
        let quiet = all.iter().all(|lag| lag["events"] == 0 && lag["broker"]["unacknowledged"] == 0);
        if positions.len() == 1 && quiet {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "they do not come together: {all:#?}");
        thread::sleep(Duration::from_millis(20));
    }
}

pub fn digests<H: std::borrow::Borrow<Hub>>(hubs: &[H]) -> BTreeSet<String> {
    let verified = |hub: &Hub| {
        let found = hub.client().get("/v1/verify").must(200).json();
        assert_eq!(found["ok"], true, "{found}");
        found["digest"].as_str().expect("a digest").to_owned()
    };
    hubs.iter().map(|hub| verified(hub.borrow())).collect()
}

/// Keys of all events that a node shows, each once.
pub fn keys(hub: &Hub) -> BTreeMap<String, u64> {
    let mut keys = BTreeMap::new();
    for event in hub.client().pages("/v1/events?limit=500", "events", "cursor", "next_cursor") {
        if let Some(key) = event["data"]["key"].as_str().filter(|key| key.starts_with("visit/")) {
            *keys.entry(key.to_owned()).or_default() += 1;
        }
    }
    keys
}

#[test]
fn three_nodes_on_nats_come_to_the_customers_of_one() {
    match Server::start("") {
        Ok(server) => three_nodes(&on_nats(&server.url(), "")),
        Err(why) => skipped("three nodes on NATS", &why),
    }
}

#[test]
fn three_nodes_on_kafka_come_to_the_customers_of_one() {
    match Shared::get() {
        Ok(broker) => {
            [1, 6].iter().for_each(|partitions| three_nodes(&on_kafka(&broker.brokers(), *partitions)))
        }
        Err(why) => skipped("three nodes on Kafka", &why),
    }
}

fn three_nodes(setting: &Setting) {
    let (source, folders) = folders(setting, 3);
    let alone = Folder::new(std::slice::from_ref(&source));
    let (single, mut hubs): (Hub, Vec<Hub>) = (alone.start(), folders.iter().map(Folder::start).collect());
    let mut rng = Rng::new(7);
    let mut clients: Vec<Client> = hubs.iter().map(Hub::provider).collect();
    let mut one = single.provider();
    for n in 0..STORY {
        let event = event(n, rng.below(40), rng.percent(30));
        let at = rng.below(3);
        assert_eq!(post(&source, &mut clients[at], &event), Some(202));
        if rng.percent(10) {
            // The provider tries again, and meets another node.
            assert_eq!(post(&source, &mut clients[(at + 1) % 3], &event), Some(202));
        }
        assert_eq!(post(&source, &mut one, &event), Some(202));
        if n == STORY / 2 {
            hubs[1] = again(&folders[1], &hubs[1]);
            clients[1] = hubs[1].provider();
        }
    }
    single.settle();
    converge(&hubs);
    assert_eq!(digests(&hubs).len(), 1, "every node folds the same");
    let customers = |hub: &Hub| -> BTreeSet<String> {
        let all = hub.client().pages("/v1/customers?limit=100", "customers", "cursor", "next_cursor");
        all.iter()
            .map(|c| json!([c["identifiers"].as_array().map(Vec::len), c["purchases"]]).to_string())
            .collect()
    };
    for hub in &hubs {
        assert_eq!(customers(hub), customers(&single));
        let keys = keys(hub);
        assert_eq!((keys.len() as u64, keys.values().max()), (STORY, Some(&1)));
    }
    // What one node was told can be read at another one as soon as that has it.
    let told = hubs[0].client().post("/v1/events", &event(STORY, 3, true)).must(202).json();
    let position = told["position"].as_str().expect("a position");
    let seen = hubs[2].client().get(&format!("/v1/events?limit=1&min_position={position}"));
    assert_eq!(seen.status, 200, "{}", seen.text());
    folders.iter().zip(&hubs).for_each(|(folder, hub)| folder.verify(hub));
}

/// What is applied at one node rules at all, and a node that comes later follows too.
#[test]
fn an_applied_policy_reaches_every_node() {
    let server = match Server::start("") {
        Ok(server) => server,
        Err(why) => return skipped("a policy for several nodes", &why),
    };
    let (source, folders) = folders(&on_nats(&server.url(), ""), 3);
    let mut hubs = vec![folders[0].start(), folders[1].start()];
    for n in 0..30 {
        assert_eq!(
            post(&source, &mut hubs[n as usize % 2].provider(), &event(n, n as usize % 4, true)),
            Some(202)
        );
    }
    converge(&hubs);
    let wanted = json!({"toml": "[identity]\nfanout_cap = 3\n", "reason": "households share an address"});
    hubs[0].client().post("/v1/identity/policy/apply", &wanted).must(202);
    hubs.push(folders[2].start());
    let policy = |hub: &Hub| hub.client().get("/v1/identity/policy").must(200).json();
    let begun = Instant::now();
    while !hubs.iter().all(|hub| policy(hub)["origin"] == "applied") {
        assert!(begun.elapsed() < PATIENCE, "{:#?}", hubs.iter().map(policy).collect::<Vec<_>>());
        thread::sleep(Duration::from_millis(50));
    }
    converge(&hubs);
    let all: BTreeSet<String> = hubs.iter().map(|hub| policy(hub)["policy"].to_string()).collect();
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(digests(&hubs).len(), 1, "every node folds the same");
}

/// A node that starts before any other was heard of states the default. That ends nothing that is told later, and was applied
/// before.
#[test]
fn a_node_that_knows_no_policy_ends_none() {
    let server = match Server::start("") {
        Ok(server) => server,
        Err(why) => return skipped("a policy of a node that comes first", &why),
    };
    let setting = on_nats(&server.url(), "");
    let (source, folders) = folders(&setting, 2);
    let over = folders[0].configuration();
    folders[0].configure(&over.replace(&setting.log, "[log]\nengine = \"embedded\"\n"));
    let hub = folders[0].start();
    for n in 0..30 {
        assert_eq!(post(&source, &mut hub.provider(), &event(n, n as usize % 4, true)), Some(202));
    }
    let wanted = json!({"toml": "[identity]\nfanout_cap = 3\n", "reason": "households share an address"});
    let policy = |hub: &Hub| hub.client().get("/v1/identity/policy").must(200).json();
    hub.client().post("/v1/identity/policy/apply", &wanted).must(202);
    let begun = Instant::now();
    while policy(&hub)["origin"] != "applied" {
        assert!(begun.elapsed() < PATIENCE, "{:#?}", policy(&hub));
        thread::sleep(Duration::from_millis(20));
    }
    hub.settle();
    let wanted = digests(&[&hub]);
    hub.terminate();
    // The default of one release or time zone, then that of another one.
    let usual = folders[1].configuration();
    let stated = |hub: &Hub, count: usize| {
        let events = || hub.client().get("/v1/events?limit=10").must(200).json()["events"].clone();
        while events().as_array().map_or(0, Vec::len) < count {
            assert!(begun.elapsed() < PATIENCE, "the node states no policy: {}", events());
            thread::sleep(Duration::from_millis(20));
        }
    };
    let first = folders[1].start();
    stated(&first, 1);
    first.terminate();
    folders[1].configure(&usual.replace("[hub]\n", "[hub]\ntime_zone = \"Asia/Kolkata\"\n"));
    let first = folders[1].start();
    stated(&first, 2);
    folders[0].configure(&over);
    let hubs = [folders[0].start(), first];
    while !hubs.iter().all(|hub| policy(hub)["origin"] == "applied") {
        assert!(begun.elapsed() < PATIENCE, "{:#?}", hubs.iter().map(policy).collect::<Vec<_>>());
        thread::sleep(Duration::from_millis(50));
    }
    converge(&hubs);
    assert_eq!(digests(&hubs), wanted, "the views are those of the applied policy");
}

/// Ends a hub without warning and starts it again.
fn again(folder: &Folder, hub: &Hub) -> Hub {
    again_as(folder, hub, "all")
}

/// The same in a role.
pub fn again_as(folder: &Folder, hub: &Hub, role: &str) -> Hub {
    hub.kill_now();
    hub.terminate();
    folder.start_as(&["--role", role])
}

/// What is sent while things are killed: the keys that were answered with 2xx.
pub fn send_all(
    source: &Source,
    addresses: &Mutex<Vec<std::net::SocketAddr>>,
    (sender, next, stop): (usize, &AtomicU64, &AtomicBool),
) -> Vec<String> {
    let (mut rng, mut answered) = (Rng::new(sender as u64), Vec::new());
    while !stop.load(Ordering::Relaxed) {
        let n = next.fetch_add(1, Ordering::Relaxed);
        let to = {
            let all = addresses.lock().expect("no panic");
            all[rng.below(all.len())]
        };
        let event = event(n, rng.below(40), rng.percent(20));
        if post(source, &mut Client::new(to), &event).is_some_and(|status| (200..300).contains(&status)) {
            answered.push(format!("visit/{n}"));
        }
        thread::sleep(PACE);
    }
    answered
}

pub fn is_long() -> bool {
    std::env::var("TRIBUTARY_LONG").as_deref() == Ok("1")
}

#[test]
fn kills_of_nodes_and_nats_lose_nothing_and_fold_nothing_twice() {
    let mut server = match Server::start("") {
        Ok(server) => server,
        Err(why) => return skipped("kills of nodes and NATS", &why),
    };
    let setting = on_nats(&server.url(), "");
    kills(&setting, if is_long() { KILLS_LONG } else { KILLS }, |rng| {
        server.kill();
        thread::sleep(Duration::from_millis(rng.below(300) as u64));
        server.resume();
    });
}

#[test]
fn kills_of_nodes_and_kafka_lose_nothing_and_fold_nothing_twice() {
    let mut server = match kafka::Server::start() {
        Ok(server) => server,
        Err(why) => return skipped("kills of nodes and Kafka", &why),
    };
    let setting = on_kafka(&server.brokers(), 3);
    kills(&setting, if is_long() { KAFKA_KILLS_LONG } else { KAFKA_KILLS }, |rng| {
        server.kill();
        thread::sleep(Duration::from_millis(rng.below(300) as u64));
        server.resume();
    });
}

/// Kills a node, and the broker by `cut`, so many times each, under load.
fn kills(setting: &Setting, times: u64, mut cut: impl FnMut(&mut Rng)) {
    let (source, folders) = folders(setting, 2);
    let mut slowest = Duration::ZERO;
    under_load(&source, &folders, |hubs, addresses, rng| {
        for _ in 0..times {
            thread::sleep(Duration::from_millis(100 + rng.below(400) as u64));
            let at = rng.below(hubs.len());
            hubs[at] = again(&folders[at], &hubs[at]);
            addresses.lock().expect("no panic")[at] = hubs[at].ingress;
            thread::sleep(Duration::from_millis(rng.below(400) as u64));
            cut(rng);
            slowest = slowest.max(resumed(hubs));
        }
    });
    eprintln!(
        "{times} returns of the broker: each node had what the other had within {} ms",
        slowest.as_millis()
    );
}

/// How long it takes until each node has folded what the other has now.
fn resumed(hubs: &[Hub]) -> Duration {
    let begun = Instant::now();
    for (from, to) in [(0, 1), (1, 0)] {
        let end = lag(&hubs[from])["end"].as_str().expect("a cursor").to_owned();
        while hubs[to].client().get(&format!("/v1/events?limit=1&min_position={end}")).status != 200 {
            assert!(begun.elapsed() < RESUMED_WITHIN, "{:#?}", hubs.iter().map(lag).collect::<Vec<_>>());
            thread::sleep(Duration::from_millis(20));
        }
    }
    begun.elapsed()
}

/// The wires of two nodes to NATS are disturbed, one after the other and both.
#[test]
fn disturbed_wires_lose_nothing_and_fold_nothing_twice() {
    let server = match Server::start("") {
        Ok(server) => server,
        Err(why) => return skipped("disturbed wires", &why),
    };
    let wires = [Proxy::to(server.port()), Proxy::to(server.port())];
    let through = |wire: &Proxy| format!("nats://127.0.0.1:{}", wire.port());
    disturb(&on_nats(&server.url(), ""), &server.url(), &wires, &through, CUTS);
}

/// The same with Kafka, which takes longer to notice.
#[test]
fn disturbed_wires_to_kafka_lose_nothing_and_fold_nothing_twice() {
    let (server, wires) = match kafka::Server::start_with_wires() {
        Ok(server) => server,
        Err(why) => return skipped("disturbed wires to Kafka", &why),
    };
    let through = |wire: &Proxy| format!("127.0.0.1:{}", wire.port());
    let cuts = if is_long() { CUTS } else { KAFKA_CUTS };
    disturb(&on_kafka(&server.brokers(), 3), &server.brokers(), &wires, &through, cuts);
}

fn disturb(
    setting: &Setting,
    broker: &str,
    wires: &[Proxy; 2],
    through: &dyn Fn(&Proxy) -> String,
    cuts: usize,
) {
    let (source, folders) = folders(setting, 2);
    for (folder, wire) in folders.iter().zip(wires) {
        folder.configure(&folder.configuration().replace(broker, &through(wire)));
    }
    under_load(&source, &folders, |_, _, rng| {
        for _ in 0..cuts {
            let (wire, fault) = (&wires[rng.below(2)], Fault::ALL[rng.below(4)]);
            wire.set(fault);
            let longest = if is_long() { 2_000 } else { 400 };
            thread::sleep(Duration::from_millis(100 + rng.below(longest - 100) as u64));
            if rng.percent(70) {
                wire.set(Fault::None);
                thread::sleep(Duration::from_millis(rng.below(200) as u64));
            }
        }
        wires.iter().for_each(|wire| wire.set(Fault::None));
    });
}

/// Starts the nodes, sends events while `disturb` does its worst, and looks whether all that was answered is everywhere once.
pub fn under_load(
    source: &Source,
    folders: &[Folder],
    disturb: impl FnOnce(&mut Vec<Hub>, &Mutex<Vec<std::net::SocketAddr>>, &mut Rng),
) {
    let mut hubs: Vec<Hub> = folders.iter().map(Folder::start).collect();
    let addresses = Arc::new(Mutex::new(hubs.iter().map(|hub| hub.ingress).collect::<Vec<_>>()));
    let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let mut rng = Rng::new(11);
    let answered: Vec<String> = thread::scope(|scope| {
        let senders: Vec<_> = (0..SENDERS)
            .map(|at| {
                let (addresses, shared) = (&*addresses, (at, &next, &stop));
                scope.spawn(move || send_all(source, addresses, shared))
            })
            .collect();
        disturb(&mut hubs, &addresses, &mut rng);
        // Whatever was answered meanwhile: with nothing in the way they are.
        let (healed, begun) = (next.load(Ordering::Relaxed), Instant::now());
        while next.load(Ordering::Relaxed) < healed + AFTERWARDS {
            assert!(begun.elapsed() < PATIENCE, "requests are not answered afterwards");
            thread::sleep(Duration::from_millis(10));
        }
        stop.store(true, Ordering::Relaxed);
        senders.into_iter().flat_map(|sender| sender.join().expect("no panic")).collect()
    });
    converge(&hubs);
    assert_eq!(digests(&hubs).len(), 1, "every node folds the same");
    assert!(answered.len() > 100, "{} were answered", answered.len());
    eprintln!("{} of {} events were answered", answered.len(), next.load(Ordering::Relaxed));
    for hub in &hubs {
        let keys = keys(hub);
        let lost: Vec<&String> = answered.iter().filter(|key| !keys.contains_key(*key)).collect();
        assert!(lost.is_empty(), "answered and not there: {lost:?}");
        let twice: Vec<_> = keys.iter().filter(|(_, count)| **count > 1).collect();
        assert!(twice.is_empty(), "shown twice: {twice:?}");
    }
    folders.iter().zip(&hubs).for_each(|(folder, hub)| folder.verify(hub));
}
