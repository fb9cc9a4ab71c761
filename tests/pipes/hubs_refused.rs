//! Brokers that do not fit: each is refused at the start with its own code and exit code 3, and nothing is lost; one that goes
//! away meanwhile is waited for.

use super::hubs::{converge, digests, event, folders, keys, lag, on_nats, post, strangers};
use async_nats::jetstream::stream::{Config, RetentionPolicy};
use std::{
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use tributary_tests::{
    broker::{free_port, nats::Server, skipped},
    hub::{Folder, program},
};

/// The first node states the policy; the second one finds it stated.
const POLICIES: usize = 1;
const PATIENCE: Duration = Duration::from_secs(60);

/// Serves a folder that must not start; gives the exit code and what was said.
fn refused(folder: &Folder) -> (Option<i32>, String) {
    let mut command = Command::new(program());
    command.arg("--config").arg(folder.path().join("tributary.toml")).arg("serve").current_dir(folder.path());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let begun = Instant::now();
    while child.try_wait().expect("a child").is_none() && begun.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(20));
    }
    let _ = child.kill();
    let output = child.wait_with_output().expect("a child");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn must_refuse(folder: &Folder, code: &str) {
    let (exit, said) = refused(folder);
    assert!(said.contains(&format!("{code}: ")), "{code}: {said}");
    assert_eq!(exit, Some(3), "{code}: {said}");
    assert!(said.contains("help") || said.contains("remedy"), "{code} without a remedy: {said}");
}

fn copied(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-a").arg(from).arg(to).status().expect("cp");
    assert!(done.success());
}

#[test]
fn what_does_not_fit_is_refused_with_its_code() {
    let mut server = match Server::start("") {
        Ok(server) => server,
        Err(why) => return skipped("hubs whose broker does not fit", &why),
    };
    let nowhere = format!("nats://127.0.0.1:{}", free_port());
    must_refuse(&folders(&on_nats(&nowhere, ""), 1).1[0], "broker_unreachable");
    let closed = Server::start("authorization { user: \"a\", password: \"b\" }\n").expect("a second server");
    must_refuse(&folders(&on_nats(&closed.url(), ""), 1).1[0], "broker_refused");

    let (source, all) = strangers(&on_nats(&server.url(), ""), 2);
    let first = all[0].start();
    must_refuse(&all[1], "index_key_differs");
    drop(first);

    // An older state of the data folder is restored: what it would append is in the broker already, as something else.
    let node = &all[0];
    let aside = tempfile::tempdir().expect("a folder");
    copied(&node.data(), &aside.path().join("older"));
    let hub = node.start();
    for n in 0..20 {
        assert_eq!(post(&source, &mut hub.provider(), &event(n, 1, false)), Some(202));
    }
    converge(std::slice::from_ref(&hub));
    hub.terminate();
    std::fs::rename(node.data(), aside.path().join("newest")).expect("moved aside");
    copied(&aside.path().join("older"), &node.data());
    must_refuse(node, "log_behind_broker");
    std::fs::remove_dir_all(node.data()).expect("removed");
    copied(&aside.path().join("newest"), &node.data());
    let hub = node.start();
    assert_eq!(lag(&hub)["events"], 0);
    hub.terminate();

    // The stream is made anew under the same name.
    server.kill();
    std::fs::remove_dir_all(server.store()).expect("removed");
    server.resume();
    must_refuse(node, "broker_recreated");

    // Another folder's events are not dropped by turning the broker off.
    node.configure(&node.configuration().replace("engine = \"nats\"", "engine = \"embedded\""));
    let hub = node.start();
    hub.settle();
    assert!(
        hub.client().get("/v1/customers").must(200).text().contains("cus_"),
        "its own events are all there"
    );
}

/// An older state of the data folder takes events while nobody can say that it is older: as soon as the broker is back it is
/// told, and nothing is taken or sent any more.
#[test]
fn an_older_state_that_took_events_without_the_broker_is_found_out() {
    let mut server = match Server::start("") {
        Ok(server) => server,
        Err(why) => return skipped("an older state without the broker", &why),
    };
    let (source, all) = folders(&on_nats(&server.url(), ""), 1);
    let (node, aside) = (&all[0], tempfile::tempdir().expect("a folder"));
    let take = |from: u64, upto: u64| {
        let hub = node.start();
        for n in from..upto {
            assert_eq!(post(&source, &mut hub.provider(), &event(n, 1, false)), Some(202));
        }
        hub
    };
    let hub = take(0, 5);
    converge(std::slice::from_ref(&hub));
    hub.terminate();
    copied(&node.data(), &aside.path().join("older"));
    let hub = take(5, 15);
    converge(std::slice::from_ref(&hub));
    hub.terminate();
    std::fs::rename(node.data(), aside.path().join("newest")).expect("moved aside");
    copied(&aside.path().join("older"), &node.data());
    server.kill();
    let hub = take(100, 130);
    server.resume();
    let begun = Instant::now();
    while lag(&hub)["broker"]["trouble"]["code"] != "log_differs_from_broker" {
        assert!(begun.elapsed() < PATIENCE, "{}", lag(&hub));
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(post(&source, &mut hub.provider(), &event(200, 1, false)), Some(503));
    assert_eq!(hub.client().get("/readyz").status, 503);
    assert!(lag(&hub)["broker"]["unacknowledged"].as_u64() >= Some(25), "{}", lag(&hub));
    hub.terminate();
    // What is in the broker comes back into an empty folder.
    std::fs::rename(node.data(), aside.path().join("forked")).expect("moved aside");
    std::fs::create_dir(node.data()).expect("a folder");
    copied(&aside.path().join("newest").join("keys"), &node.data().join("keys"));
    let hub = node.start();
    converge(std::slice::from_ref(&hub));
    let keys = keys(&hub);
    assert_eq!(keys.len(), 15, "{keys:?}");
}

#[test]
fn a_stream_that_forgets_is_refused() {
    let server = match Server::start("") {
        Ok(server) => server,
        Err(why) => return skipped("a stream that forgets", &why),
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let client = async_nats::connect(server.url()).await.expect("connected");
        let context = async_nats::jetstream::new(client);
        let config = Config {
            name: "TRIBUTARY-shop".to_owned(),
            subjects: vec!["tributary.shop.events.>".to_owned()],
            retention: RetentionPolicy::WorkQueue,
            ..Config::default()
        };
        context.create_stream(config).await.expect("a stream");
    });
    must_refuse(&folders(&on_nats(&server.url(), ""), 1).1[0], "broker_settings");
}

/// A hub that goes back to one machine keeps what the others wrote, and does not start without it.
#[test]
fn the_embedded_engine_keeps_what_other_nodes_wrote() {
    let server = match Server::start("") {
        Ok(server) => server,
        Err(why) => return skipped("the embedded engine after a broker", &why),
    };
    let (source, all) = folders(&on_nats(&server.url(), ""), 2);
    let first = all[0].start();
    converge(std::slice::from_ref(&first));
    let hubs = [first, all[1].start()];
    for n in 0..20 {
        let hub = &hubs[usize::from(n % 3 == 0)];
        assert_eq!(post(&source, &mut hub.provider(), &event(n, (n % 5) as usize, false)), Some(202));
    }
    converge(&hubs);
    let before = digests(&hubs);
    for hub in &hubs {
        hub.terminate();
    }
    all[0].configure(&all[0].configuration().replace("engine = \"nats\"", "engine = \"embedded\""));
    let hub = all[0].start();
    hub.settle();
    assert_eq!(digests(std::slice::from_ref(&hub)), before);
    assert_eq!(post(&source, &mut hub.provider(), &event(20, 1, false)), Some(202));
    hub.settle();
    assert!(keys(&hub).contains_key("visit/20"), "what comes now is folded as well, without another start");
    hub.terminate();
    let mirrors = all[0].data().join("mirrors");
    std::fs::rename(&mirrors, all[0].data().join("aside")).expect("moved aside");
    let (exit, said) = refused(&all[0]);
    assert_eq!(exit, Some(1), "{said}");
    assert!(said.contains("log_unknown_origin"), "{said}");
    std::fs::rename(all[0].data().join("aside"), &mirrors).expect("moved back");
    let hub = all[0].start();
    assert_eq!(
        hub.client().pages("/v1/events?limit=500", "events", "cursor", "next_cursor").len(),
        21 + POLICIES
    );
}

#[test]
fn without_the_broker_events_are_taken_and_sent_later() {
    for ack in ["broker", "local"] {
        let mut server = match Server::start("") {
            Ok(server) => server,
            Err(why) => return skipped("a broker that goes away", &why),
        };
        let (source, all) = folders(&on_nats(&server.url(), &format!("ack = \"{ack}\"")), 2);
        let mut hubs = vec![all[0].start(), all[1].start()];
        server.kill();
        for n in 0..30 {
            let begun = Instant::now();
            assert_eq!(post(&source, &mut hubs[0].provider(), &event(n, 1, false)), Some(202), "{ack}");
            assert!(begun.elapsed() < Duration::from_secs(5), "{ack}: {:?}", begun.elapsed());
        }
        let told = lag(&hubs[0]);
        assert!(told["broker"]["unacknowledged"].as_u64() >= Some(30), "{told}");
        assert_eq!(told["broker"]["spilled"].as_u64() > Some(0), ack == "broker", "{told}");
        // A node that has worked with the broker before starts without it.
        hubs[0].kill_now();
        hubs[0].terminate();
        hubs[0] = all[0].start();
        assert_eq!(post(&source, &mut hubs[0].provider(), &event(30, 1, false)), Some(202), "{ack}");
        server.resume();
        converge(&hubs);
        let events = hubs[1].client().pages("/v1/events?limit=500", "events", "cursor", "next_cursor");
        let visits =
            events.iter().filter(|e| e["data"]["key"].as_str().is_some_and(|k| k.starts_with("visit/")));
        assert_eq!(visits.count(), 31, "{ack}");
    }
}
