//! SIGTERM: the hub answers what it has begun, ends with 0 in time, and keeps everything that it has answered.

use serde_json::Value;
use std::{
    collections::BTreeSet,
    io::Write as _,
    net::TcpStream,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};
use tributary_channels::samples;
use tributary_core::time::Micros;
use tributary_tests::hub::{Folder, Hub, channels::Source};

/// The longest stop that supervisors are promised.
const STOP_MAX: Duration = Duration::from_secs(10);
/// Connections that post at the same time.
const CLIENTS: usize = 4;

static NUMBER: AtomicU64 = AtomicU64::new(1);

/// Posts until the hub is gone; the keys that were answered.
fn post_until_gone(line: &Source, hub: &Hub) -> Vec<String> {
    let mut client = hub.provider();
    let mut answered = Vec::new();
    loop {
        let n = NUMBER.fetch_add(1, Ordering::Relaxed);
        let sample = &line.registration().samples[0];
        let body = samples::fill(sample, n, Micros::from_secs(1_772_331_120), &[]);
        let request = line.signed(&[("content-type", "application/json")], &body);
        match line.post(&mut client, &request) {
            Ok(answer) if answer.status == 200 => answered.push(format!("message/sample-{n}")),
            // Stopping, it may refuse; what it refused is not counted on.
            Ok(answer) => assert_eq!(answer.status, 503, "{}", answer.text()),
            Err(_) => return answered,
        }
    }
}

#[test]
fn a_hub_that_is_told_to_stop_under_load_keeps_what_it_answered() {
    let sources = [Source::new("line", Value::Null)];
    let folder = Folder::new(&sources);
    let hub = folder.start();
    let (line, mut answered) = (&sources[0], BTreeSet::new());
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(|| post_until_gone(line, &hub))).collect();
        thread::sleep(Duration::from_millis(700));
        let (status, took) = hub.terminate();
        assert_eq!(status.code(), Some(0), "{}", folder.log());
        assert!(took < STOP_MAX, "it took {took:?}");
        println!("stopped in {took:?}");
        for client in clients {
            answered.extend(client.join().expect("a client ends well"));
        }
    });
    let hub = folder.start();
    hub.settle();
    let events = hub.client().pages("/v1/events?limit=1000", "events", "cursor", "next_cursor");
    let logged: BTreeSet<String> =
        events.iter().filter_map(|e| e["data"]["key"].as_str().map(str::to_owned)).collect();
    let lost: Vec<_> = answered.difference(&logged).collect();
    println!("{} answered, {} events in the log", answered.len(), events.len());
    assert!(answered.len() > CLIENTS && lost.is_empty(), "{} of {} lost", lost.len(), answered.len());
    let log = folder.log();
    assert!(!log.contains("ERROR") && !log.contains("panicked"), "{log}");
}

#[test]
fn connections_that_do_nothing_do_not_hold_up_a_stop() {
    let folder = Folder::new(&[Source::new("line", Value::Null)]);
    let hub = folder.start();
    let mut half: Vec<TcpStream> = Vec::new();
    for address in [hub.ingress, hub.api] {
        for head in [
            "",
            "POST /in/line HTTP/1.1\r\nhost: x\r\n",
            "POST /in/line HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{",
        ] {
            let mut stream = TcpStream::connect(address).expect("a connection");
            stream.write_all(head.as_bytes()).expect("written");
            half.push(stream);
        }
    }
    let mut idle = hub.client();
    idle.get("/readyz").must(200);
    thread::sleep(Duration::from_millis(200));
    let (status, took) = hub.terminate();
    assert_eq!(status.code(), Some(0), "{}", folder.log());
    println!("stopped in {took:?}");
    assert!(took < STOP_MAX, "it took {took:?}");
}
