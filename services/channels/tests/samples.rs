//! Samples are what newcomers send first: whoever a sample names must become a customer, not a malformed contact.

use serde_json::{Map, Value, json};
use tributary_channels::{
    REGISTRY,
    adapter::{InboundRequest, Method, Outbound},
    samples,
    settings::{self, Settings},
};
use tributary_core::{time::Micros, token::IndexKey};

/// Settings under which the kind's samples are sent; the fixtures' settings serve.
fn table(kind: &str) -> Map<String, Value> {
    let path = format!("{}/fixtures/{kind}/settings.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("every kind has fixtures with settings");
    let mut table: Map<String, Value> = serde_json::from_str(&text).expect("settings are a JSON object");
    table.insert("kind".into(), json!(kind));
    table
}

#[test]
fn nobody_in_a_sample_is_malformed() {
    let key = IndexKey::new(&[7; 32]);
    let at = Micros::from_secs(1_772_331_120);
    for registration in REGISTRY {
        let settings = Settings::new("samples", table(registration.kind), "Asia/Taipei", "TW");
        let channel = settings::build(settings).expect("fixtures' settings build");
        for sample in registration.samples {
            let headers = vec![("content-type".to_owned(), sample.content_type.to_owned())];
            let body = samples::fill(sample, 1, at, &[]);
            let mut out = Outbound { headers, body, ..Outbound::default() };
            channel.adapter.sign(&mut out);
            let request = InboundRequest {
                method: Method::Post,
                query: &out.query,
                headers: &out.headers,
                body: &out.body,
                received_at: at,
                public_url: None,
            };
            let decoded = channel.adapter.decode(&request).expect("a sample decodes");
            let malformed = decoded
                .events
                .into_iter()
                .flat_map(|draft| channel.context.events(draft, at, &key))
                .flat_map(|event| event.content().expect("clear").contacts)
                .filter(|contact| contact.reason == "malformed")
                .count();
            assert_eq!(malformed, 0, "{} sample {}", registration.kind, sample.name);
        }
    }
}
