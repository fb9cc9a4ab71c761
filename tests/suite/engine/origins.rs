//! Several origins: every node folds all of them in an order of its own, and comes to the same customers and views.

use super::{
    crash::chained,
    history,
    lab::{Faults, Source, feed, identity_changes, picture},
};
use serde_json::Value;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tributary_core::{
    change::Change,
    event::RecordedEvent,
    identity::policy::Policy,
    ids::{Cursor, Position},
    time::Micros,
};
use tributary_eventlog::{Interleaved, Order, Origin, ReadLimits, RealDisk};
use tributary_projector::Projector;
use tributary_tests::{generate::policy, rng::Rng};

const HISTORIES: u64 = 8;

/// The logs of all origins, as every node has them in the end.
struct Logs(Vec<Source>);

impl Logs {
    fn new(count: u32) -> Self {
        Self((1..=count).map(|origin| Source::memory_of(Origin(origin))).collect())
    }

    fn append(&self, at: usize, event: &RecordedEvent) {
        self.0[at].append(std::slice::from_ref(event));
    }

    fn order(&self, own: usize, dir: &std::path::Path) -> Arc<Interleaved> {
        let logs = self.0.iter().map(|source| Arc::clone(&source.log));
        let own = Arc::clone(&self.0[own].log);
        let path = dir.join("order").join("runs");
        Arc::new(Interleaved::open(&RealDisk, &path, own, logs).expect("an order"))
    }

    fn records(&self) -> u64 {
        self.0.iter().map(|source| source.log.end()).sum()
    }
}

/// A node: its order and its projector, in a folder.
struct Node {
    own: usize,
    dir: tempfile::TempDir,
    faults: Faults,
    policy: Policy,
    order: Arc<Interleaved>,
    projector: Option<Projector>,
}

impl Node {
    fn new(logs: &Logs, own: usize, policy: &Policy) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let order = logs.order(own, dir.path());
        let (faults, policy) = (Faults::default(), policy.clone());
        let mut node = Self { own, dir, faults, policy, order, projector: None };
        node.start();
        node
    }

    fn start(&mut self) {
        let options = self.faults.options(&self.dir.path().join("views"), &self.policy);
        self.projector = Some(Projector::start(options, Arc::clone(&self.order) as _).expect("starts"));
    }

    fn projector(&self) -> &Projector {
        self.projector.as_ref().expect("it runs")
    }

    /// Ends it, with or without a checkpoint, and starts it again with what the folder holds.
    fn again(&mut self, logs: &Logs, crash: bool) {
        let projector = self.projector.take().expect("it runs");
        if crash {
            self.faults.crash(projector)
        } else {
            self.faults.stop(projector)
        }
        self.order = logs.order(self.own, self.dir.path());
        self.start();
    }

    fn catch_up(&self) {
        while self.order.weave().expect("woven") > 0 {}
        let started = Instant::now();
        while *self.projector().subscribe().borrow() < self.order.last_number() {
            assert!(started.elapsed() < Duration::from_secs(60), "it does not catch up");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// The digest, views and timelines, without what tells how this node met the records: versions count them, and of the
    /// copies of an event it points at the one that it met first.
    fn seen(&self) -> (u128, Vec<String>) {
        let picture = picture(self.projector());
        let views = picture.views.iter().map(|(_, view)| without(view, &["version"]));
        let timelines = picture.timelines.iter().map(|line| without(line, &["position", "recordedtime"]));
        (picture.digest, views.chain(timelines).collect())
    }
}

/// JSON without these fields, at whatever depth.
fn without(text: &str, fields: &[&str]) -> String {
    fn strip(json: &mut Value, fields: &[&str]) {
        match json {
            Value::Object(object) => {
                object.retain(|name, _| !fields.contains(&name.as_str()));
                object.values_mut().for_each(|value| strip(value, fields));
            }
            Value::Array(list) => list.iter_mut().for_each(|value| strip(value, fields)),
            _ => {}
        }
    }
    let mut json = serde_json::from_str(text).expect("JSON");
    strip(&mut json, fields);
    json.to_string()
}

/// Equal, or the first two lines that differ.
fn agree(found: &(u128, Vec<String>), wanted: &(u128, Vec<String>), what: &str) {
    if let Some((found, wanted)) = found.1.iter().zip(&wanted.1).find(|(a, b)| a != b) {
        let at = found.bytes().zip(wanted.bytes()).position(|(a, b)| a != b).unwrap_or_default();
        let near = |text: &str| {
            text.get(at.saturating_sub(200)..).unwrap_or(text).chars().take(400).collect::<String>()
        };
        panic!("{what}: found\n{}\nwanted\n{}", near(found), near(wanted));
    }
    assert_eq!(found.1.len(), wanted.1.len(), "{what}: customers");
    assert_eq!(found.0, wanted.0, "{what}: digest");
}

fn judge(seed: u64) {
    let (mut rng, policy, events) = (Rng::new(seed), policy(seed), history(seed));
    let logs = Logs::new(3);
    let mut nodes = vec![Node::new(&logs, 0, &policy), Node::new(&logs, 1, &policy)];
    for event in &events {
        let at = rng.below(3);
        logs.append(at, event);
        if rng.percent(10) {
            // The same delivery at two doors, the second time a little later or earlier.
            let stamp = event.recorded_at.0 + rng.below(7_000_000) as i64 - 3_500_000;
            logs.append((at + 1) % 3, &RecordedEvent { recorded_at: Micros(stamp), ..event.clone() });
        }
        for node in &mut nodes {
            match rng.below(12) {
                0 => while node.order.weave().expect("woven") > 0 {},
                1 => node.catch_up(),
                2 => {
                    let crash = rng.percent(50);
                    node.again(&logs, crash);
                }
                _ => {}
            }
        }
    }
    nodes.push(Node::new(&logs, 2, &policy)); // one that comes last and meets everything at once
    nodes.iter().for_each(Node::catch_up);
    let wanted = nodes[0].seen();
    for node in &nodes {
        assert_eq!(node.order.last_number(), logs.records(), "seed {seed}");
        agree(&node.seen(), &wanted, &format!("seed {seed}, node {}", node.own));
        let (picture, changes) = (picture(node.projector()), identity_changes(node.projector()));
        chained(node.projector(), seed);
        let report = node.projector().rebuild().expect("rebuilt");
        assert_eq!(report.old_digest, Some(report.digest), "seed {seed}: live and rebuilt");
        let rebuilt = super::picture(node.projector());
        assert!(rebuilt == picture, "seed {seed}: the same versions");
        assert_eq!(identity_changes(node.projector()), changes, "seed {seed}: changes of the rebuild");
        from_cursors(node, seed);
    }
    // A cursor of one node goes on at another one: nothing it does not cover is left out.
    let cursor = nodes[0].projector().read(|look| look.cursor()).expect("a cursor");
    let page = nodes[1].projector().read(|look| look.changes(&cursor, 10)).expect("sound");
    assert_eq!(page.changes, [], "seed {seed}: both have folded all");
    let gave = elsewhere(&nodes[0], &nodes[1], seed);
    assert!(gave > 0, "seed {seed}: cursors from the middle leave something to be given");
}

/// From any place of one node's feed, the other one gives at least what that place does not cover. Returns how much in all.
fn elsewhere(one: &Node, other: &Node, seed: u64) -> usize {
    let all = feed(other.projector(), 1_000_000);
    let place = |change: &Change| {
        // A version is the number of the causing record at this node.
        let one = ReadLimits { max_records: 1, ..ReadLimits::default() };
        let record = other.order.read_numbers(change.version, one).expect("readable").remove(0);
        Position { origin: record.position.origin.0, sequence: record.position.sequence }
    };
    let places: Vec<Position> = all.iter().map(place).collect();
    let (mut cursor, mut gave) = (Cursor::default(), 0);
    loop {
        let page = one.projector().read(|look| look.changes(&cursor, 20)).expect("sound");
        if page.changes.is_empty() {
            return gave;
        }
        cursor = page.next;
        let given = other.projector().read(|look| look.changes(&cursor, 1_000_000)).expect("sound").changes;
        for (change, at) in all.iter().zip(&places) {
            let covered = cursor.sequence(at.origin) >= at.sequence;
            assert!(covered || given.contains(change), "seed {seed}: {cursor} leaves out {change:?}");
        }
        gave += given.len();
    }
}

/// From any place in the feed the rest follows, and nothing else.
fn from_cursors(node: &Node, seed: u64) {
    let all = feed(node.projector(), 1_000_000);
    let mut cursor = Cursor::default();
    let mut given = 0;
    loop {
        let page = node.projector().read(|look| look.changes(&cursor, 5)).expect("sound");
        if page.changes.is_empty() {
            break;
        }
        assert_eq!(page.changes, all[given..][..page.changes.len()], "seed {seed}");
        given += page.changes.len();
        cursor = page.next.to_string().parse().expect("a cursor is text");
    }
    assert_eq!(given, all.len(), "seed {seed}");
}

#[test]
fn nodes_fold_several_origins_in_orders_of_their_own_to_the_same_views() {
    for seed in 0..HISTORIES {
        judge(seed);
    }
}

#[test]
fn a_store_whose_order_was_lost_is_folded_again() {
    let (policy, events) = (policy(3), history(3));
    let logs = Logs::new(2);
    let mut node = Node::new(&logs, 0, &policy);
    for (at, event) in events.iter().enumerate() {
        // The copy is met late: by time it would come first.
        logs.append((at + 1) % 2, event);
        if at % 16 == 0 {
            node.catch_up();
        }
    }
    node.catch_up();
    let before = node.seen();
    std::fs::remove_dir_all(node.dir.path().join("order")).expect("there is one");
    node.again(&logs, false);
    node.catch_up();
    agree(&node.seen(), &before, "folded again");
    let live = std::fs::read_to_string(node.dir.path().join("views").join("CURRENT")).expect("a pointer");
    assert_ne!(live, "gen-1\n", "another order has other versions: it was folded again");
}
