//! Who is let in, as whom, and with what.

use super::{Scope, Token, Tokens, digest_from_hex};
use axum::http::HeaderMap;
use sha2::{Digest as _, Sha256};

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
}

fn two() -> Tokens {
    let token = |name: &str, secret: &str, scopes: &[Scope]| {
        Token::new(name.into(), Sha256::digest(secret).into(), scopes.iter().copied())
    };
    Tokens::new(vec![
        token("erp", "first-secret", &[Scope::Ingest]),
        token("desk", "second-secret", &[Scope::Read, Scope::Operate]),
    ])
}

#[test]
fn the_actor_is_the_tokens_name_with_its_scopes() {
    let tokens = two();
    for (value, name, has, lacks) in [
        ("Bearer first-secret", "erp", Scope::Ingest, Scope::Read),
        ("bearer  second-secret ", "desk", Scope::Operate, Scope::Privacy),
    ] {
        let actor = tokens.admit(&headers(&[("authorization", value)])).unwrap();
        assert_eq!(actor.name, name);
        assert!(actor.require(has).is_ok());
        let refused = actor.require(lacks).unwrap_err();
        assert_eq!((refused.status, refused.code), (403, "scope_missing"));
    }
}

#[test]
fn anything_else_is_401() {
    for (pairs, code) in [
        (vec![], "token_missing"),
        (vec![("authorization", "Bearer wrong")], "token_unknown"),
        (vec![("authorization", "Bearer ")], "token_unknown"),
        (vec![("authorization", "Basic first-secret")], "token_unknown"),
        (vec![("authorization", "first-secret")], "token_unknown"),
        (vec![("host", "127.0.0.1:8081")], "token_missing"),
    ] {
        let refused = two().admit(&headers(&pairs)).unwrap_err();
        assert_eq!((refused.status, refused.code), (401, code), "{pairs:?}");
    }
}

#[test]
fn without_tokens_only_this_machine_is_served() {
    let tokens = Tokens::default();
    for pairs in [
        vec![],
        vec![("host", "127.0.0.1:8081")],
        vec![("host", "localhost")],
        vec![("host", "[::1]:8081")],
        vec![("host", "localhost:8081"), ("origin", "http://localhost:8081")],
    ] {
        let actor = tokens.admit(&headers(&pairs)).unwrap();
        assert_eq!(actor.name, "local");
        assert!(Scope::ALL.into_iter().all(|scope| actor.has(scope)));
    }
    for pairs in [
        vec![("host", "rebound.example:8081")],
        vec![("host", "127.0.0.1.example")],
        vec![("host", "192.168.0.4:8081")],
        vec![("host", "127.0.0.1:8081"), ("origin", "https://page.example")],
        vec![("host", "127.0.0.1:8081"), ("origin", "null")],
    ] {
        assert_eq!(tokens.admit(&headers(&pairs)).unwrap_err().code, "not_local", "{pairs:?}");
    }
}

#[test]
fn digests_are_64_hex_digits() {
    assert_eq!(digest_from_hex(&"0f".repeat(32)), Some([15; 32]));
    for text in ["", "0f", &"0f".repeat(33), &"+f".repeat(32), &"é".repeat(32)] {
        assert_eq!(digest_from_hex(text), None, "{text}");
    }
}

#[test]
fn debug_shows_no_digest() {
    assert_eq!(format!("{:?}", two()), "Tokens([Token(erp), Token(desk)])");
}
