//! A cluster of three NATS servers, each with a copy of the stream: any one of them may go.

use super::hubs::{Setting, folders, is_long, lag, under_load};
use std::{
    thread,
    time::{Duration, Instant},
};
use tributary_tests::broker::{free_port, nats::Server, skipped};

/// Longest wait for the servers to find each other, and to have elected leaders.
const PATIENCE: Duration = Duration::from_secs(60);
/// Times a server is killed; more with `TRIBUTARY_LONG=1`.
const KILLS: usize = 3;
const KILLS_LONG: usize = 20;

fn start() -> Result<[Server; 3], String> {
    let ports = [free_port(), free_port(), free_port()];
    let routes: Vec<String> = ports.iter().map(|port| format!("\"nats-route://127.0.0.1:{port}\"")).collect();
    let routes = routes.join(", ");
    let [one, two, three] = [0, 1, 2].map(|at| {
        let cluster = format!("name: three, listen: \"127.0.0.1:{}\", routes: [{routes}]", ports[at]);
        Server::start(&format!("server_name: \"n{at}\"\ncluster {{ {cluster} }}"))
    });
    let servers = [one?, two?, three?];
    ready(&servers);
    Ok(servers)
}

/// Waits until the servers have a leader that can make a stream on all of them.
fn ready(servers: &[Server; 3]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let begun = Instant::now();
        loop {
            let made = async {
                let client = async_nats::connect(servers[0].url()).await?;
                let context = async_nats::jetstream::new(client);
                let config = async_nats::jetstream::stream::Config {
                    name: "PROBE".to_owned(),
                    subjects: vec!["probe".to_owned()],
                    num_replicas: 3,
                    ..Default::default()
                };
                context.create_stream(config).await?;
                context.delete_stream("PROBE").await?;
                Ok::<(), async_nats::Error>(())
            };
            match made.await {
                Ok(()) => return,
                Err(error) => assert!(begun.elapsed() < PATIENCE, "the cluster does not become one: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
}

#[test]
fn a_server_of_three_that_goes_takes_nothing_along() {
    let mut servers = match start() {
        Ok(servers) => servers,
        Err(why) => return skipped("a cluster of three NATS servers", &why),
    };
    let urls: Vec<String> = servers.iter().map(Server::url).collect();
    let log = format!("[log]\nengine = \"nats\"\n[log.nats]\nurl = \"{}\"\nreplicas = 3\n", urls.join(","));
    let (source, folders) = folders(&Setting { name: "shop".to_owned(), log }, 2);
    under_load(&source, &folders, |hubs, _, rng| {
        for _ in 0..if is_long() { KILLS_LONG } else { KILLS } {
            let server = &mut servers[rng.below(3)];
            server.kill();
            thread::sleep(Duration::from_millis(500 + rng.below(1_000) as u64));
            server.resume();
            // Two of three are a majority; the third one must have caught up before another goes.
            caught_up(&urls);
        }
        let begun = Instant::now();
        let publishes =
            || hubs.iter().filter(|hub| lag(hub)["broker"]["changes"]["publishing"] == true).count();
        while publishes() != 1 {
            assert!(begun.elapsed() < PATIENCE, "{:#?}", hubs.iter().map(lag).collect::<Vec<_>>());
            thread::sleep(Duration::from_millis(100));
        }
    });
}

/// Waits until all copies of the stream are current.
fn caught_up(urls: &[String]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let begun = Instant::now();
        loop {
            let looked = async {
                let client = async_nats::connect(urls).await?;
                let stream = async_nats::jetstream::new(client).get_stream("TRIBUTARY-shop").await?;
                let cluster = stream.cached_info().cluster.clone();
                let is_current = cluster.is_some_and(|c| {
                    c.leader.is_some()
                        && c.replicas.len() == 2
                        && c.replicas.iter().all(|r| r.current && !r.offline)
                });
                Ok::<bool, async_nats::Error>(is_current)
            };
            if matches!(looked.await, Ok(true)) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "the copies do not become current");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
}
