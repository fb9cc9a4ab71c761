//! `channel trigger` posts what the channel's provider would: filled, signed, to the address for providers.

use axum::{Router, extract::Request, http::StatusCode};
use clap::Parser as _;
use http_body_util::BodyExt as _;
use std::sync::{Arc, Mutex};
use tributary::{
    cli::{Exit, Failure, args, trigger},
    config::{Config, Environment, Source, from_text},
};
use tributary_channels::{
    adapter::{ChannelAdapter, Decoded, InboundRequest, Outbound, Registration, Rejected, Sample, Transport},
    settings::{Channel, SettingsError},
};
use tributary_core::{draft::ChannelContext, event::Trust, normalise::Region};

struct Signs;

impl ChannelAdapter for Signs {
    fn verify(&self, _: &InboundRequest<'_>) -> Result<(), Rejected> {
        Ok(())
    }

    fn decode(&self, _: &InboundRequest<'_>) -> Result<Decoded, Rejected> {
        Ok(Decoded::default())
    }

    fn sign(&self, request: &mut Outbound) {
        let over = format!("{} {}", request.public_url.clone().unwrap_or_default(), request.body.len());
        request.headers.push(("x-signature".into(), over));
        request.query = "v=1".into();
    }
}

static SAMPLES: [Sample; 2] = [
    Sample {
        name: "hello",
        about: "a greeting",
        content_type: "application/json",
        body: "{\"n\":{{n}},\"t\":\"{{text=hi}}\"}",
    },
    Sample { name: "other", about: "another", content_type: "text/plain", body: "x" },
];

static REGISTRATION: Registration = Registration {
    kind: "signs",
    about: "",
    transport: Transport::Webhook,
    body_max: 1024,
    build: |_| Err(SettingsError::new("kind", "is built by hand")),
    settings: &[],
    samples: &SAMPLES,
};

type Seen = Arc<Mutex<Vec<String>>>;

/// A stand-in for the listener of providers; refuses every third request.
async fn providers_side() -> (Config, Seen) {
    let seen = Seen::default();
    let log = Arc::clone(&seen);
    let app = Router::new().fallback(move |request: Request| {
        let log = Arc::clone(&log);
        async move {
            let head = head(&request);
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let mut log = log.lock().unwrap();
            log.push(format!("{head} {}", String::from_utf8_lossy(&body)));
            if log.len() % 3 == 0 { StatusCode::UNAUTHORIZED } else { StatusCode::OK }
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listen = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    let text = format!("[hub]\nlisten = \"{listen}\"\npublic_url = \"https://h.example\"\n");
    let mut config = from_text(Source { name: "t".into(), text }, &Environment::new()).unwrap();
    let context = ChannelContext {
        name: "greeter".into(),
        kind: "signs".into(),
        account: "a".into(),
        region: Region::TW,
        trust_cap: Trust::Claimed,
        member_is_phone: false,
        brand: String::new(),
        generation: 0,
        purchases: tributary_core::draft::Purchases::default(),
    };
    config.channels.push(Channel {
        context,
        adapter: Box::new(Signs),
        registration: &REGISTRATION,
        watch: None,
        outward: tributary_channels::outward::Outward::default(),
        pair: None,
        expect: None,
        fingerprint: String::new(),
    });
    (config, seen)
}

fn head(request: &Request) -> String {
    let header = |name| request.headers().get(name).map(|v| v.to_str().unwrap());
    format!("{} {:?} {:?}", request.uri(), header("content-type"), header("x-signature"))
}

async fn run(config: Config, arguments: &[&str]) -> (Result<Exit, Failure>, String) {
    let words = ["tributary", "channel", "trigger"];
    let cli = args::Cli::try_parse_from(words.iter().chain(arguments)).unwrap();
    let args::Command::Channel(args::Channel::Trigger(trigger)) = cli.command else { panic!() };
    let mut out = Vec::new();
    let ended = trigger::run(&trigger, config, &cli.global, &mut out).await;
    (ended, String::from_utf8(out).unwrap())
}

#[tokio::test]
async fn a_sample_is_filled_signed_and_posted() {
    let (config, seen) = providers_side().await;
    let (ended, out) = run(config, &["greeter", "--override", "n=1", "--override", "text=a \"b\""]).await;
    assert_eq!(ended, Ok(Exit::Ok));
    assert!(out.starts_with("200 in "), "{out}");
    let body = "{\"n\":1,\"t\":\"a \\\"b\\\"\"}";
    let signature = format!("https://h.example/in/greeter {}", body.len());
    let want = format!("/in/greeter?v=1 Some(\"application/json\") Some({signature:?}) {body}");
    assert_eq!(*seen.lock().unwrap(), [want]);
}

#[tokio::test]
async fn many_are_counted_and_a_refusal_fails_the_check() {
    let (config, seen) = providers_side().await;
    let begun = std::time::Instant::now();
    let (ended, out) = run(config, &["greeter", "hello", "--count", "4", "--rate", "50"]).await;
    assert_eq!(ended, Ok(Exit::CheckFailed));
    assert!(out.starts_with("3 taken, 1 refused in "), "{out}");
    assert!(begun.elapsed().as_millis() >= 60, "three pauses of 20 ms");
    let seen = seen.lock().unwrap();
    let number = |line: &String| {
        let body = &line[line.rfind('{').unwrap()..];
        serde_json::from_str::<serde_json::Value>(body).unwrap()["n"].as_u64().unwrap()
    };
    let numbers: Vec<u64> = seen.iter().map(number).collect();
    // Each run goes on from the clock, so that its events are new ones.
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1) && numbers[0] > 1, "{seen:?}");
}

#[tokio::test]
async fn samples_are_listed_and_wrong_names_refused() {
    let (config, _) = providers_side().await;
    let (_, out) = run(config, &["greeter", "--list"]).await;
    assert_eq!(out, "SAMPLE  ABOUT\nhello   a greeting\nother   another\n");
    for arguments in
        [["nosuch", "hello"], ["greeter", "nosuch"], ["greeter", "--rate=0"], ["greeter", "--rate=nan"]]
    {
        let (config, seen) = providers_side().await;
        assert_eq!(run(config, &arguments).await.0.unwrap_err().exit, Exit::Usage, "{arguments:?}");
        assert!(seen.lock().unwrap().is_empty());
    }
}
