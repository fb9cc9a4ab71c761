//! 20,000 payloads of several channels: whatever carries their log, every node folds the same; and three nodes that only take
//! them give the customers that one gives.

use super::hubs::{Setting, converge, digests, event, folders, lag, on_kafka, on_nats};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt as _,
    thread,
    time::{Duration, Instant},
};
use tributary_tests::{
    broker::{copy_all, kafka, nats::Server, skipped},
    hub::{Folder, Hub, channels::Source, http::Client},
    rng::Rng,
};

const PAYLOADS: u64 = 20_000;
const PEOPLE: usize = 3_000;
const PATIENCE: Duration = Duration::from_secs(120);
/// Providers that post at the same time.
const PROVIDERS: u64 = 4;

fn sources() -> [Source; 3] {
    ["cloudevents", "line", "web_form"].map(|kind| Source::new(kind, Value::Null))
}

/// Posts the payload of this number, which must be taken.
fn post(sources: &[Source; 3], client: &mut Client, n: u64) {
    let mut rng = Rng::new(n);
    let person = rng.below(PEOPLE);
    let at = 1_772_331_120_000 + n * 1_000;
    let (source, kind, body) = match rng.below(4) {
        0 | 1 => {
            let body = event(n, person, rng.percent(40)).to_string();
            (&sources[0], "application/cloudevents+json", body)
        }
        2 => {
            let text = ["請問我的訂單到了嗎", "謝謝", "想改取貨門市"][rng.below(3)];
            let message = json!({"id": format!("{n}"), "type": "text", "text": text});
            let from = json!({"type": "user", "userId": format!("U{person:032x}")});
            let one = json!({"type": "message", "mode": "active", "timestamp": at, "webhookEventId": format!("w{n}"),
                "source": from, "message": message, "deliveryContext": {"isRedelivery": false}});
            (&sources[1], "application/json", json!({"destination": "x", "events": [one]}).to_string())
        }
        _ => {
            let body = format!("your-name=%E9%99%B3%E5%A4%A7%E6%96%87&tel=0912{person:06}&message=n{n}");
            (&sources[2], "application/x-www-form-urlencoded", body)
        }
    };
    let answer = source.send(client, kind, body.as_bytes());
    assert!((200..400).contains(&answer.status), "{}: {}", source.name, answer.text());
}

/// Posts all payloads, each at one of these doors.
fn post_all(doors: &[&Hub]) {
    thread::scope(|scope| {
        for provider in 0..PROVIDERS {
            scope.spawn(move || {
                let sources = sources();
                let mut clients: Vec<Client> = doors.iter().map(|hub| hub.provider()).collect();
                for n in (provider..PAYLOADS).step_by(PROVIDERS as usize) {
                    let at = n as usize % clients.len();
                    post(&sources, &mut clients[at], n);
                }
            });
        }
    });
}

/// Identifiers and purchases of all customers, without what depends on when something was recorded.
fn customers(hub: &Hub) -> BTreeSet<String> {
    let all = hub.client().pages("/v1/customers?limit=1000", "customers", "cursor", "next_cursor");
    let plain = |view: &Value| {
        let named = view["identifiers"].as_array().into_iter().flatten();
        let named: BTreeSet<String> = named.map(|i| format!("{} {}", i["type"], i["value"])).collect();
        format!("{named:?} {} {}", view["interactions"]["events"], view["purchases"]["by_currency"])
    };
    all.iter().map(plain).collect()
}

/// A folder of this hub with what it wrote alone, and an empty one of another node.
fn beside(alone: &Folder, setting: &Setting) -> [Folder; 2] {
    let name = format!("name = \"{}\"", setting.name);
    let folders = [(); 2].map(|()| Folder::with(&sources(), &name, &setting.log));
    copy_all(&alone.data(), &folders[0].data());
    // The key is the hub's, and goes to every node.
    copy_all(&alone.data().join("keys"), &folders[1].data().join("keys"));
    for folder in &folders {
        fs::set_permissions(folder.data().join("keys"), fs::Permissions::from_mode(0o700))
            .expect("its rights");
    }
    folders
}

/// One more node beside a hub whose log is there already, over each broker: it folds the same.
#[test]
fn a_story_is_the_same_over_every_broker() {
    // The hub has one name, and so one topic on a cluster.
    let (nats, kafka) = (
        Server::start(""),
        [kafka::Shared::get().map(Broker::Shared), kafka::Server::start().map(Broker::Own)],
    );
    let name = format!("story-{}", std::process::id());
    let alone = Folder::with(&sources(), &format!("name = \"{name}\""), "[log]\nengine = \"embedded\"\n");
    let hub = alone.start();
    post_all(&[&hub]);
    hub.settle();
    let wanted = digests(&[&hub]);
    hub.terminate();
    let over = |setting: Setting, broker: &str| {
        let folders = beside(&alone, &Setting { name: name.clone(), ..setting });
        let begun = Instant::now();
        let hubs = [folders[0].start(), folders[1].start()];
        converge(&hubs);
        assert_eq!(digests(&hubs), wanted, "{broker}");
        eprintln!("{broker}: {} ms from two starts to equal views", begun.elapsed().as_millis());
    };
    match &nats {
        Ok(server) => over(on_nats(&server.url(), ""), "NATS"),
        Err(why) => skipped("a story over NATS", why),
    }
    for (partitions, broker) in [1, 6].into_iter().zip(&kafka) {
        match broker {
            Ok(broker) => {
                over(on_kafka(&broker.brokers(), partitions), &format!("Kafka, {partitions} partitions"))
            }
            Err(why) => skipped("a story over Kafka", why),
        }
    }
}

enum Broker {
    Shared(kafka::Shared),
    Own(kafka::Server),
}

impl Broker {
    fn brokers(&self) -> String {
        match self {
            Self::Shared(broker) => broker.brokers(),
            Self::Own(broker) => broker.brokers(),
        }
    }
}

/// Three nodes that take and fold nothing, and one that folds and takes nothing.
#[test]
fn a_story_told_to_three_doors_gives_the_same_customers() {
    let server = match Server::start("") {
        Ok(server) => server,
        Err(why) => return skipped("a story told to three doors", &why),
    };
    let alone = Folder::new(&sources());
    let single = alone.start();
    post_all(&[&single]);
    single.settle();
    let setting = on_nats(&server.url(), "");
    let (_, keyed) = folders(&setting, 5);
    for folder in &keyed {
        let sections: String = sources().iter().map(|source| source.section(folder.path()) + "\n").collect();
        let text = folder.configuration();
        let before = text.split("[channels.").next().expect("a beginning").to_owned();
        folder.configure(&(before + &sections));
    }
    let roles = ["ingest", "ingest", "ingest", "query", "query"];
    let hubs: Vec<Hub> =
        keyed.iter().zip(roles).map(|(folder, role)| folder.start_as(&["--role", role])).collect();
    post_all(&hubs[..3].iter().collect::<Vec<_>>());
    let begun = Instant::now();
    while !hubs[..3].iter().all(|hub| lag(hub)["broker"]["unacknowledged"] == 0) {
        assert!(begun.elapsed() < PATIENCE, "the doors do not send all");
        thread::sleep(Duration::from_millis(50));
    }
    // Equal positions may be those of two that are equally far behind.
    for door in &hubs[..3] {
        let end = lag(door)["end"].as_str().expect("a cursor").to_owned();
        for hub in &hubs[3..] {
            while hub.client().get(&format!("/v1/events?limit=1&min_position={end}")).status != 200 {
                assert!(begun.elapsed() < PATIENCE, "what was taken is not folded");
            }
        }
    }
    converge(&hubs[3..]);
    assert_eq!(digests(&hubs[3..]).len(), 1, "every node folds the same");
    let (found, wanted) = (customers(&hubs[3]), customers(&single));
    assert!(!wanted.is_empty() && found == wanted, "{} and {} customers", found.len(), wanted.len());
}
