//! The story is the same everywhere, large enough, and its channels' adapters take all of it but what is broken on purpose.

use super::{SEED, tell};
use crate::config::{Config, Environment, Source, from_text};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use tributary_channels::adapter::{InboundRequest, Method, Outbound};
use tributary_core::time::Micros;

fn config() -> Config {
    let environment: Environment = crate::demo::setup::SECRETS
        .iter()
        .map(|name| ((*name).to_owned(), format!("secret-{name}")))
        .collect();
    let source = Source { name: "tributary.toml".into(), text: crate::demo::setup::TEMPLATE.into() };
    from_text(source, &environment).unwrap()
}

#[test]
fn the_story_is_always_the_same() {
    let digest = |seed| {
        let mut hash = Sha256::new();
        for payload in tell(seed).payloads {
            hash.update(payload.channel);
            hash.update(payload.content_type);
            hash.update(payload.at.to_be_bytes());
            hash.update(payload.body);
        }
        hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    assert_eq!(digest(SEED), "63e90d7d6155d05b");
    assert_ne!(digest(SEED + 1), digest(SEED));
}

#[test]
fn it_is_large_and_uses_every_channel() {
    let story = tell(SEED);
    let mut rows: BTreeMap<&str, u32> = BTreeMap::new();
    for payload in &story.payloads {
        *rows.entry(payload.channel).or_default() += payload.rows;
    }
    assert!(rows.values().sum::<u32>() >= 20_000, "{rows:?}");
    assert!(story.people >= 300);
    for (channel, least) in [
        ("line-main", 3_000),
        ("web", 500),
        ("mail", 600),
        ("facebook", 800),
        ("till", 8_000),
        ("till-hk", 2_000),
        ("members", 500),
    ] {
        assert!(rows.get(channel).is_some_and(|rows| *rows >= least), "{channel}: {rows:?}");
    }
    assert!(story.payloads.is_sorted_by_key(|p| p.at));
}

#[test]
fn adapters_take_all_of_it_but_what_is_broken_on_purpose() {
    let config = config();
    let (mut events, mut dead, mut forged) = (0, 0, 0);
    let mut members = BTreeMap::new();
    for payload in tell(SEED).payloads {
        let channel = config.channel(payload.channel).unwrap();
        let headers = vec![("content-type".to_owned(), payload.content_type.clone())];
        let mut out = Outbound { headers, body: payload.body.clone(), ..Outbound::default() };
        channel.adapter.sign(&mut out);
        if payload.forged {
            out.body.push(b' ');
        }
        let request = InboundRequest {
            method: Method::Post,
            query: &out.query,
            headers: &out.headers,
            body: &out.body,
            received_at: Micros::from_secs(payload.at),
            public_url: None,
        };
        assert_eq!(channel.adapter.verify(&request).is_err(), payload.forged, "{payload:?}");
        if payload.forged {
            forged += 1;
            continue;
        }
        let decoded = channel.adapter.decode(&request).unwrap();
        assert_eq!(
            decoded.unrecognised.len(),
            payload.dead as usize,
            "{:?} {payload:?}",
            decoded.unrecognised
        );
        assert!(
            !decoded.events.is_empty() || payload.dead > 0 || payload.at < super::when::at(2, 0),
            "{payload:?}"
        );
        for claim in decoded.events.iter().flat_map(|draft| &draft.identifiers) {
            *members.entry(claim.kind.clone()).or_insert(0) += 1;
        }
        (events, dead) = (events + decoded.events.len(), dead + decoded.unrecognised.len());
    }
    assert!(events > 15_000, "{events}");
    assert!((15..80).contains(&dead), "{dead}");
    assert_eq!(forged, 3);
    for kind in ["line", "email", "phone", "member", "social"] {
        assert!(members.contains_key(kind), "{kind}");
    }
}
