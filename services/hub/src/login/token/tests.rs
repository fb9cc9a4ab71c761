//! Tokens signed here, and every way in which one can be wrong.

use super::{Keys, Refused, check};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use serde_json::{Value, json};
use tributary_channels::{adapter::Login, settings::Secret};

const NOW: i64 = 1_772_331_120;

struct Platform {
    pair: EcdsaKeyPair,
    random: SystemRandom,
}

impl Platform {
    fn new() -> Self {
        let random = SystemRandom::new();
        let document =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random);
        Self { pair: pair.expect("a key"), random }
    }

    fn keys(&self, kid: &str) -> Keys {
        let point = self.pair.public_key().as_ref();
        let part = |range: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(&point[range]);
        let set = json!({"keys": [{"kty": "oct", "k": "AAAA"}, 17,
            {"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": kid, "x": part(1..33), "y": part(33..65)}]});
        Keys::read(set.to_string().as_bytes()).expect("a set")
    }

    fn token(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = self.pair.sign(&self.random, signed.as_bytes()).expect("a signature");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

fn expected() -> Login {
    Login {
        issuer: "https://access.line.me".into(),
        audience: "1650000000".into(),
        keys: String::new(),
        secrets: Vec::new(),
    }
}

fn header() -> Value {
    json!({"alg": "ES256", "typ": "JWT", "kid": "k1"})
}

fn claims() -> Value {
    json!({"iss": "https://access.line.me", "sub": "U0123456789abcdef0123456789abcdef", "aud": "1650000000",
        "exp": NOW + 3600, "iat": NOW - 5, "nonce": "n-1", "amr": ["linesso"], "name": "x"})
}

#[test]
fn a_good_token_proves_its_subject_and_nonce() {
    let platform = Platform::new();
    let token = platform.token(&header(), &claims());
    let Ok(proven) = check(&token, &platform.keys("k1"), &expected(), NOW) else { panic!("it is good") };
    assert_eq!(
        (proven.subject.as_str(), proven.nonce.as_str()),
        ("U0123456789abcdef0123456789abcdef", "n-1")
    );
}

#[test]
fn every_wrong_claim_is_refused() {
    let platform = Platform::new();
    let keys = platform.keys("k1");
    for (name, value, refused) in [
        ("iss", json!("https://evil.example"), Refused::Issuer),
        ("aud", json!("1650000001"), Refused::Audience),
        ("aud", json!(["1650000000", "other"]), Refused::Audience),
        ("exp", json!(NOW - 61), Refused::Time),
        ("exp", json!("never"), Refused::Malformed),
        ("iat", json!(NOW + 61), Refused::Time),
        ("iat", Value::Null, Refused::Malformed),
        ("nonce", Value::Null, Refused::Nonce),
        ("nonce", json!(""), Refused::Nonce),
        ("sub", json!(""), Refused::Malformed),
        ("sub", json!(7), Refused::Malformed),
    ] {
        let mut wrong = claims();
        wrong[name] = value.clone();
        let token = platform.token(&header(), &wrong);
        assert_eq!(check(&token, &keys, &expected(), NOW).err(), Some(refused), "{name} = {value}");
    }
}

#[test]
fn what_is_not_signed_by_the_platform_is_refused() {
    let (platform, stranger) = (Platform::new(), Platform::new());
    let keys = platform.keys("k1");
    let refused = |token: &str| check(token, &keys, &expected(), NOW).err();
    assert_eq!(refused(&stranger.token(&header(), &claims())), Some(Refused::Signature));
    for alg in ["none", "hs256", "HS512", "RS256", ""] {
        let token = platform.token(&json!({"alg": alg, "kid": "k1"}), &claims());
        assert_eq!(refused(&token), Some(Refused::UnknownKey), "{alg}");
    }
    let token = platform.token(&json!({"alg": "ES256", "kid": "k2"}), &claims());
    assert_eq!(refused(&token), Some(Refused::UnknownKey));
    let token = platform.token(&json!({"alg": "ES256", "kid": "k1", "crit": ["exp"]}), &claims());
    assert_eq!(refused(&token), Some(Refused::Malformed));
    let good = platform.token(&header(), &claims());
    for (at, _) in good.char_indices().step_by(7) {
        let mut bent = good.clone().into_bytes();
        bent[at] = if bent[at] == b'A' { b'B' } else { b'A' };
        let bent = String::from_utf8(bent).expect("ASCII");
        assert!(bent == good || refused(&bent).is_some(), "changed at {at}");
        assert!(refused(&good[..at]).is_some(), "cut at {at}");
    }
    for text in ["", ".", "..", "a.b.c", &"x".repeat(10_000)] {
        assert_eq!(refused(text), Some(Refused::Malformed), "{text:.10}");
    }
}

/// What a web login gives: signed with the secret of the login channel.
fn by_secret(secret: &str, header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
    let signature = ring::hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
}

#[test]
fn a_secret_signs_what_web_logins_give() {
    let keys = Platform::new().keys("k1");
    let secrets = |secrets: &[&str]| {
        let of = |text: &&str| Secret::of_bytes(text.as_bytes().to_vec());
        Login { secrets: secrets.iter().map(of).collect(), ..expected() }
    };
    let hs = json!({"alg": "HS256", "typ": "JWT"});
    let token = by_secret("s-1", &hs, &claims());
    let check = |token: &str, expected: &Login| check(token, &keys, expected, NOW).err();
    assert_eq!(check(&token, &secrets(&["s-1"])), None);
    assert_eq!(check(&token, &secrets(&["s-2", "s-1"])), None, "while the secret is rotated");
    assert_eq!(check(&token, &secrets(&["s-2"])), Some(Refused::Signature));
    assert_eq!(check(&token, &expected()), Some(Refused::NoSecret));
    let bent = by_secret("s-1", &hs, &json!({"iss": "x"}));
    assert_eq!(check(&bent, &secrets(&["s-1"])), Some(Refused::Malformed));
    // A public key is no secret.
    let public = Platform::new();
    let point = String::from_utf8_lossy(public.pair.public_key().as_ref()).into_owned();
    let forged = by_secret(&point, &json!({"alg": "HS256", "kid": "k1"}), &claims());
    assert_eq!(check(&forged, &secrets(&["s-1"])), Some(Refused::Signature));
    assert!(super::needs_no_keys(&token) && !super::needs_no_keys("a.b.c"));
}

#[test]
fn what_is_no_set_of_keys_is_none() {
    assert!(Keys::read(b"{}").is_none() && Keys::read(b"").is_none() && Keys::read(b"[]").is_none());
    assert!(Keys::read(br#"{"keys":[]}"#).is_some());
}

#[test]
fn keys_of_rsa_verify_too() {
    use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents};
    let pair = RsaKeyPair::from_der(include_bytes!("test-rsa.der")).expect("a key");
    let RsaPublicKeyComponents { n, e } = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public());
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let set =
        json!({"keys": [{"kty": "RSA", "alg": "RS256", "kid": "r1", "n": encode(&n), "e": encode(&e)}]});
    let keys = Keys::read(set.to_string().as_bytes()).expect("a set");
    let part = |value: &Value| encode(value.to_string().as_bytes());
    let signed = format!("{}.{}", part(&json!({"alg": "RS256", "kid": "r1"})), part(&claims()));
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
        .expect("a signature");
    assert!(check(&format!("{signed}.{}", encode(&signature)), &keys, &expected(), NOW).is_ok());
    signature[7] ^= 1;
    let bent = check(&format!("{signed}.{}", encode(&signature)), &keys, &expected(), NOW);
    assert_eq!(bent.err(), Some(Refused::Signature));
}
