//! `log copy` between engines: the same hub afterwards, nothing twice in a stream however often it was killed, and cursors that
//! go on.

use crate::{
    PATIENCE, append,
    hubs::{Setting, converge, digests, event, folders, on_kafka, on_nats, post},
    kafka::Topic,
    log,
};
use rdkafka::{
    ClientConfig,
    consumer::{BaseConsumer, Consumer as _},
};
use serde_json::Value;
use std::{
    fs,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};
use tributary_eventlog::{
    RealDisk, newest,
    pipe::{Pipe as _, nats},
};
use tributary_tests::{
    broker::{kafka::Shared, nats::Server, skipped},
    hub::{Folder, Hub, channels::Source, program},
};

/// Events of a hub's story.
const STORY: u64 = 60;
/// Records of the logs that are copied while the program is killed.
const RECORDS: u64 = 12_000;
/// The same with Kafka, which takes longer to tell how far it is.
const KAFKA_RECORDS: u64 = 15_000;
/// Times it is killed.
const KILLS: usize = 4;

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TRIBUTARY") {
            command.env_remove(name);
        }
    }
    command.args(arguments).stdin(Stdio::null()).current_dir(std::env::temp_dir());
    command
}

fn shown(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of letters")
}

fn run(from: &Path, to: &Path, more: &[&str]) -> Output {
    let mut arguments = vec!["log", "copy", "-o", "json", "--from", text(from), "--to", text(to)];
    arguments.extend(more);
    command(&arguments).output().expect("the program starts")
}

/// Copies, which must end well with equal digests; the records that were new.
fn copy(from: &Path, to: &Path, more: &[&str]) -> u64 {
    let done = run(from, to, more);
    assert_eq!(done.status.code(), Some(0), "{}", shown(&done));
    let answer: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    assert_eq!(answer["equal"], true, "{answer:#}");
    let logs = answer["logs"].as_array().expect("logs");
    logs.iter().for_each(|log| assert_eq!(log["digest"], log["digest_there"], "{log}"));
    logs.iter().map(|log| log["copied"].as_u64().expect("a number")).sum()
}

/// Copies, killed whenever more has arrived, then once to its end; at least once there must have been a part of all.
fn killed((from, to, more): (&Path, &Path, &[&str]), all: u64, arrived: &dyn Fn() -> u64) {
    let mut parts = Vec::new();
    let mut arguments = vec!["log", "copy", "--from", text(from), "--to", text(to)];
    arguments.extend(more);
    for _ in 0..KILLS {
        let (before, begun) = (arrived(), Instant::now());
        let mut child = command(&arguments);
        let mut child = child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        while arrived() == before && child.try_wait().expect("a child").is_none() {
            assert!(begun.elapsed() < PATIENCE, "nothing arrives");
            thread::sleep(Duration::from_millis(1));
        }
        let _ = child.kill();
        child.wait().expect("it ends");
        parts.push(arrived());
    }
    eprintln!("killed at {parts:?} of {all}");
    assert!(
        parts.iter().any(|part| (1..all).contains(part)),
        "never killed in the middle: {parts:?} of {all}"
    );
    copy(from, to, more);
    assert_eq!(copy(from, to, more), 0, "nothing comes twice");
}

/// Records in the logs of a folder that somebody may be filling.
fn filled(data: &Path) -> u64 {
    let end =
        |dir: &str| newest(&RealDisk, &data.join(dir)).ok().flatten().map_or(0, |newest| newest.sequence);
    end("log") + end("mirrors/00000001") + end("mirrors/00000002")
}

/// A configuration of this hub over a broker, as a file.
fn file(dir: &Path, name: &str, setting: &Setting) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, format!("[hub]\nname = \"{}\"\n{}", setting.name, setting.log)).expect("written");
    path
}

fn origin(data: &Path) -> String {
    let text = fs::read_to_string(data.join("hub.json")).expect("hub.json");
    let owner: Value = serde_json::from_str(&text).expect("JSON");
    format!("{:08x}", owner["origin"].as_u64().expect("an origin"))
}

/// A data folder with a log of its own and another node's, of records that nobody folds.
fn raw(dir: &Path, name: &str, records: u64) -> u64 {
    fs::create_dir_all(dir).expect("a folder");
    let owner = format!("{{\"name\": \"{name}\", \"format\": 1, \"origin\": 1}}");
    fs::write(dir.join("hub.json"), owner).expect("written");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut ends = 0;
    for (origin, path) in [(1, dir.join("log")), (2, dir.join("mirrors/00000002"))] {
        let log = log(&path, origin);
        for _ in 0..records / 500 {
            runtime.block_on(append(&log, 250));
        }
        log.close();
        ends += log.end();
    }
    ends
}

/// Messages of a NATS stream.
fn messages(server: &Server, name: &str) -> u64 {
    let options = nats::Options { name: name.to_owned(), ..crate::options(&server.url()) };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let state = runtime.block_on(nats::Nats::new(options).state()).expect("a state");
    state.held.values().map(|(first, end)| end + 1 - first).sum()
}

/// Tells how many messages the topic of this hub holds, quickly; 0 while there is none.
fn ends(brokers: &str, name: &str, partitions: i32) -> impl Fn() -> u64 + use<> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("allow.auto.create.topics", "false").set("log_level", "0");
    let client: BaseConsumer = config.create().expect("a client");
    let topic = format!("tributary.{name}.events");
    move || {
        let end = |partition| client.fetch_watermarks(&topic, partition, Duration::from_secs(5));
        (0..partitions).map(|p| end(p).map_or(0, |(_, end)| u64::try_from(end).expect("an end"))).sum()
    }
}

/// Two nodes with a story, stopped, and what must stay the same.
struct Story {
    source: Source,
    folders: Vec<Folder>,
    digest: String,
    cursors: [String; 2],
}

const FEEDS: [(&str, &str); 2] = [("/v1/events", "events"), ("/v1/changes", "changes")];

fn cursor(hub: &Hub, target: &str) -> String {
    let mut cursor = String::new();
    loop {
        let answer = hub.client().get(&format!("{target}?limit=1000&cursor={cursor}")).must(200).json();
        let next = answer["next_cursor"].as_str().expect("a cursor").to_owned();
        if next == cursor {
            return next;
        }
        cursor = next;
    }
}

fn digest(hub: &Hub) -> String {
    hub.settle();
    digests(std::slice::from_ref(hub)).pop_first().expect("a digest")
}

fn story(setting: &Setting) -> Story {
    let (source, folders) = folders(setting, 2);
    let hubs: Vec<Hub> = folders.iter().map(Folder::start).collect();
    for n in 0..STORY {
        let hub = &hubs[n as usize % 2];
        assert_eq!(post(&source, &mut hub.provider(), &event(n, n as usize % 9, n % 5 == 0)), Some(202));
    }
    converge(&hubs);
    let cursors = FEEDS.map(|(target, _)| cursor(&hubs[0], target));
    let digest = digest(&hubs[0]);
    stop(&hubs);
    Story { source, folders, digest, cursors }
}

impl Story {
    /// Whether a hub has the story, understands the cursors that were given before, and goes on.
    fn goes_on(&self, hub: &Hub, next: u64) {
        assert_eq!(digest(hub), self.digest);
        let behind = |(target, items): (&str, &str), cursor: &str| {
            let answer = hub.client().get(&format!("{target}?limit=1000&cursor={cursor}")).must(200).json();
            answer[items].as_array().expect("a list").len()
        };
        for (feed, cursor) in FEEDS.iter().zip(&self.cursors) {
            assert_eq!(behind(*feed, cursor), 0, "{feed:?} tells again what was told");
        }
        assert_eq!(post(&self.source, &mut hub.provider(), &event(next, 3, false)), Some(202));
        // It is folded a moment after it was taken.
        let begun = Instant::now();
        while behind(FEEDS[0], &self.cursors[0]) == 0 {
            assert!(begun.elapsed() < PATIENCE, "the new event does not come");
            thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(behind(FEEDS[0], &self.cursors[0]), 1);
    }
}

fn stop(hubs: &[Hub]) {
    for hub in hubs {
        hub.terminate();
    }
}

fn embedded(folder: &Folder, engine: &str) {
    folder.configure(
        &folder.configuration().replace(&format!("engine = \"{engine}\""), "engine = \"embedded\""),
    );
}

/// A node whose disk is lost comes back from the stream, as itself; another folder goes on with the embedded engine.
#[test]
fn a_lost_node_comes_back_from_the_stream() {
    let server = match Server::start("") {
        Ok(server) => server,
        Err(why) => return skipped("a lost node and NATS", &why),
    };
    let setting = on_nats(&server.url(), "");
    let story = story(&setting);
    let place = tempfile::tempdir().expect("a folder");
    let broker = file(place.path(), "nats.toml", &setting);
    let lost = &story.folders[0];
    let own = origin(&lost.data());
    let key = place.path().join("index.key");
    fs::copy(lost.data().join("keys/index.key"), &key).expect("a key");
    fs::remove_dir_all(lost.data()).expect("lost");
    let before = messages(&server, "shop");
    let wrong = Setting { name: "shoe".to_owned(), log: setting.log.clone() };
    let wrong = run(&file(place.path(), "wrong.toml", &wrong), &lost.data(), &[]);
    assert!(wrong.status.code() == Some(1) && shown(&wrong).contains("log_missing"), "{}", shown(&wrong));
    assert!(!lost.data().exists(), "a slip in the name made a folder");
    assert!(copy(&broker, &lost.data(), &["--as", &own, "--key", text(&key)]) > STORY);
    assert_eq!(copy(&broker, &lost.data(), &["--as", &own]), 0, "nothing comes twice");
    assert_eq!((origin(&lost.data()), messages(&server, "shop")), (own.clone(), before));
    let mode = fs::metadata(lost.data().join("keys/index.key")).expect("a key").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let hubs = [lost.start(), story.folders[1].start()];
    story.goes_on(&hubs[0], STORY);
    converge(&hubs);
    // Its own log was not sent once more: there is the one event, and what the start appended.
    assert!(messages(&server, "shop") <= before + 3, "{} after {before}", messages(&server, "shop"));
    lost.verify(&hubs[0]);
    stop(&hubs);

    // Without its key it is filled and says so; it is not served before it has it.
    fs::remove_dir_all(lost.data()).expect("lost");
    let done = run(&broker, &lost.data(), &["--as", &own]);
    assert!(done.status.code() == Some(0) && shown(&done).contains("no index key"), "{}", shown(&done));
    embedded(lost, "nats");
    assert!(shown(&lost.run(&["serve"])).contains("index_key_missing"));
    fs::DirBuilder::new().mode(0o700).create(lost.data().join("keys")).expect("a folder");
    fs::copy(&key, lost.data().join("keys/index.key")).expect("a key");
    let hub = lost.start();
    hub.settle();
    lost.verify(&hub);
    let events = hub.client().pages("/v1/events?limit=500", "events", "cursor", "next_cursor");
    assert!(events.len() as u64 > STORY, "{} events", events.len());
}

/// From the embedded engine to a broker, from there to another one, and back to the first.
#[test]
fn a_hub_changes_its_broker_and_goes_back() {
    let (one, two) = match (Server::start(""), Server::start("")) {
        (Ok(one), Ok(two)) => (one, two),
        (Err(why), _) | (_, Err(why)) => return skipped("a hub that changes its broker", &why),
    };
    let settings = [on_nats(&one.url(), ""), on_nats(&two.url(), "")];
    let story = story(&settings[0]);
    let place = tempfile::tempdir().expect("a folder");
    let second = file(place.path(), "second.toml", &settings[1]);
    let folder = &story.folders[0];
    let all = copy(&folder.data(), &second, &[]);
    assert_eq!((messages(&two, "shop"), copy(&folder.data(), &second, &[])), (all, 0), "nothing comes twice");

    // The copy alone changes nothing: the node still works with the broker that it knows.
    let hub = folder.start();
    story.goes_on(&hub, STORY);
    hub.terminate();
    let more = copy(&folder.data(), &second, &[]);
    assert!((1..=3).contains(&more), "{more} records came since");

    let first = folder.configuration();
    folder.configure(&first.replace(&one.url(), &two.url()));
    let hubs = [folder.start()];
    assert_eq!(post(&story.source, &mut hubs[0].provider(), &event(STORY + 1, 3, false)), Some(202));
    converge(&hubs);
    assert!(messages(&two, "shop") <= all + more + 3, "its log was not sent once more");
    let now = digest(&hubs[0]);
    hubs[0].terminate();

    // Back, with what came since.
    let back = file(place.path(), "first.toml", &settings[0]);
    let before = messages(&one, "shop");
    let news = copy(&folder.data(), &back, &[]);
    assert_eq!(messages(&one, "shop"), before + news);
    folder.configure(&first);
    let hubs = [folder.start(), story.folders[1].start()];
    converge(&hubs);
    assert_eq!((digest(&hubs[0]), digest(&hubs[1])), (now.clone(), now));
}

/// The program is killed at any moment on the way in and on the way out: the stream holds each record once.
#[test]
fn copies_over_nats_may_be_killed() {
    let server = match Server::start("") {
        Ok(server) => server,
        Err(why) => return skipped("killed copies and NATS", &why),
    };
    let place = tempfile::tempdir().expect("a folder");
    let from = place.path().join("from");
    let records = raw(&from, "shop", RECORDS);
    let broker = file(place.path(), "nats.toml", &on_nats(&server.url(), ""));
    killed((&from, &broker, &[]), records, &|| messages(&server, "shop"));
    assert_eq!(messages(&server, "shop"), records, "each record stands there once");
    let to = place.path().join("to");
    killed((&broker, &to, &["--as", "00000002"]), records, &|| filled(&to));
    assert_eq!(copy(&from, &to, &[]), 0, "the folders hold the same");
}

/// The same on Kafka, with a hub behind it.
#[test]
fn copies_over_kafka_may_be_killed_and_a_hub_goes_on_there() {
    let broker = match Shared::get() {
        Ok(broker) => broker,
        Err(why) => return skipped("killed copies and Kafka", &why),
    };
    let setting = on_kafka(&broker.brokers(), 6);
    let place = tempfile::tempdir().expect("a folder");
    let from = place.path().join("from");
    let records = raw(&from, &setting.name, KAFKA_RECORDS);
    let kafka = file(place.path(), "kafka.toml", &setting);
    // A topic with nothing but a mark in it.
    let mut bare = Topic::new(&broker.brokers(), 6);
    bare.options.name = format!("{}-bare", setting.name);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(bare.pipe().state()).expect("a mark");
    let bare = Setting { name: bare.options.name.clone(), log: setting.log.clone() };
    let bare = run(&file(place.path(), "bare.toml", &bare), &place.path().join("bare"), &[]);
    assert!(bare.status.code() == Some(1) && shown(&bare).contains("log_missing"), "{}", shown(&bare));
    let looking = ends(&broker.brokers(), &setting.name, 6);
    // A mark stands in front of them.
    killed((&from, &kafka, &[]), records + 1, &looking);
    assert_eq!(looking(), records + 1, "each record stands there once");
    let to = place.path().join("to");
    killed((&kafka, &to, &["--as", "00000002"]), records, &|| filled(&to));
    assert_eq!(copy(&from, &to, &[]), 0, "the folders hold the same");

    let server = match Server::start("") {
        Ok(server) => server,
        Err(why) => return skipped("from NATS to Kafka", &why),
    };
    // From one broker to the other, through a folder, and a node that was on the one goes on with the other.
    let setting = on_nats(&server.url(), "");
    let story = story(&setting);
    let nats = file(place.path(), "nats.toml", &setting);
    let mut setting = on_kafka(&broker.brokers(), 6);
    // A topic of its own under the hub's name; no other test of this process takes it.
    setting.name = "shop".to_owned();
    let kafka = file(place.path(), "other.toml", &setting);
    let between = place.path().join("between");
    let all = copy(&nats, &kafka, &["--via", text(&between)]);
    assert!(all > STORY);
    assert_eq!(copy(&nats, &kafka, &["--via", text(&between)]), 0);
    let folder = &story.folders[0];
    assert_eq!(copy(&folder.data(), &kafka, &[]), 0, "all of it is there");
    let (before, after) = folder
        .configuration()
        .split_once("[log]\n")
        .map(|(b, a)| (b.to_owned(), a.to_owned()))
        .expect("a log");
    let channels =
        after.split_once("[channels").map(|(_, rest)| format!("[channels{rest}")).expect("channels");
    folder.configure(&format!("{before}{}\n{channels}", setting.log));
    let hubs = [folder.start()];
    story.goes_on(&hubs[0], STORY);
    converge(&hubs);
    folder.verify(&hubs[0]);
}
