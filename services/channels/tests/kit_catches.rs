//! The kit itself, on an adapter that the registry does not know, as somebody elsewhere would write it. Sound, it conforms;
//! each way of breaking one law is caught, by the right check.

use serde_json::{Value, json};
use std::sync::{Mutex, PoisonError};
use tributary_channels::{
    adapter::{
        Built, ChannelAdapter, Decoded, InboundRequest, Outbound, Registration, Rejected, Transport,
        Unrecognised,
    },
    kit::{Case, Effort, check_all, check_secrets},
    portions::{Portions, Whole},
    settings::{Channel, Secret, Settings, SettingsError, build_as},
    setup::Setting,
    signature,
};
use tributary_core::{
    body::Body,
    draft::{Claim, Draft},
    event::Trust,
    seal::Raw,
    time::Micros,
};

#[derive(Clone, Copy, PartialEq, Debug)]
enum Fault {
    None,
    PanicsOnOddBytes,
    PanicsWhenCut,
    VerifiesAnything,
    TakesOldStamps,
    TakesAnySecret,
    KnowsOneSecretOnly,
    SignsWithNothing,
    RawIsEmpty,
    KeyDependsOnHeaders,
    KeyDependsOnNeighbours,
    KeyDependsOnTheLastRequest,
    PersonalKey,
    CredentialInRaw,
    OneKeyForTwoFacts,
    DropsUnknownWords,
    RefusesUnknownWords,
    TellsWhoInDetails,
    LosesTheRest,
    KeepsTheWholeForEachPart,
    EndsWithTheFirstPortion,
}

const SIGNATURE: &str = "x-notes-signature";
const STAMP: &str = "x-notes-time";
/// Seconds that a time stamp may be off.
const TOLERANCE: u64 = 300;

static REGISTRATION: Registration = LIKE;

const LIKE: Registration = Registration {
    kind: "notes",
    about: "notes of a system that the registry does not know",
    transport: Transport::Webhook,
    body_max: 16 * 1024,
    build: |settings| build(settings, Fault::None),
    settings: &[&[Setting::required("secret", "\"env:NOTES_SECRET\"", "signs every post").secret()]],
    samples: &[],
};

fn build(settings: &mut Settings, fault: Fault) -> Result<Built, SettingsError> {
    let secrets = settings.secrets("secret", "signs every post")?;
    let adapter = Notes { fault, secrets, last: Mutex::default() };
    Ok(Built { adapter: Box::new(adapter), account: settings.name.clone(), trust_cap: Trust::Claimed })
}

struct Notes {
    fault: Fault,
    secrets: Vec<Secret>,
    last: Mutex<Vec<u8>>,
}

impl Notes {
    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    /// `{"event": "notes", "email": ..., "notes": ["a", "b"]}`: each note is a fact.
    fn read(&self, request: &InboundRequest<'_>) -> Result<Vec<Draft>, (&'static str, String)> {
        let whole: Value = serde_json::from_slice(request.body).map_err(|_| {
            let told = if self.is(Fault::TellsWhoInDetails) { request.body } else { b"no JSON" };
            ("malformed_json", String::from_utf8_lossy(told).into_owned())
        })?;
        if whole["event"] != "notes" {
            return Err(("unknown_event_type", "event is not \"notes\"".to_owned()));
        }
        let notes = whole["notes"].as_array().ok_or(("malformed", "notes is no list".to_owned()))?;
        Ok(notes.iter().enumerate().map(|(index, note)| self.draft(request, &whole, index, note)).collect())
    }

    fn draft(&self, request: &InboundRequest<'_>, whole: &Value, index: usize, note: &Value) -> Draft {
        let alone = json!({"event": "notes", "email": whole["email"], "notes": [note]});
        let mut key = tributary_channels::digest::hex32(note.to_string().as_bytes());
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let other = !last.is_empty() && *last != request.body;
        match self.fault {
            Fault::KeyDependsOnHeaders => key = request.headers.len().to_string(),
            Fault::KeyDependsOnNeighbours => key += &index.to_string(),
            Fault::KeyDependsOnTheLastRequest if other => key += &last.len().to_string(),
            Fault::PersonalKey => key = format!("note/{}", whole["email"].as_str().unwrap_or_default()),
            _ => {}
        }
        *last = request.body.to_vec();
        let mut draft = Draft::new(key, Body::Note {});
        draft.occurred_at = Some(Micros(0));
        draft.content.text = note.to_string();
        let email = whole["email"].as_str().unwrap_or_default();
        draft.identifiers.push(Claim::new("email", "", email, Trust::Claimed));
        draft.raw = Raw { headers: Vec::new(), body: alone.to_string().into_bytes() };
        match self.fault {
            Fault::RawIsEmpty => draft.raw = Raw::default(),
            Fault::CredentialInRaw => draft.raw.headers = vec![(SIGNATURE.into(), "sha".into())],
            Fault::KeepsTheWholeForEachPart => draft.raw.body = request.body.to_vec(),
            _ => {}
        }
        draft
    }

    fn signature(secret: &Secret, stamp: &str, body: &[u8]) -> String {
        signature::hex_of(&signature::hmac_sha256(secret, &[stamp.as_bytes(), b".", body]))
    }
}

impl ChannelAdapter for Notes {
    fn verify(&self, request: &InboundRequest<'_>) -> Result<(), Rejected> {
        let given = request.header(SIGNATURE).ok_or_else(Rejected::signature);
        let stamp = request.header(STAMP).unwrap_or_default();
        let now = request.received_at.0.div_euclid(1_000_000);
        let fresh = stamp.parse::<i64>().is_ok_and(|at| now.abs_diff(at) <= TOLERANCE);
        let known = if self.is(Fault::KnowsOneSecretOnly) { &self.secrets[..1] } else { &self.secrets };
        let parts: [&[u8]; 3] = [stamp.as_bytes(), b".", request.body];
        let mut good = given.is_ok_and(|given| signature::matches_hex(known, &parts, given));
        if self.is(Fault::SignsWithNothing) {
            good =
                request.header(SIGNATURE) == Some(&Self::signature(&Secret::default(), stamp, request.body));
        }
        if self.is(Fault::TakesAnySecret) {
            good |= request.header(SIGNATURE).is_some_and(|s| s.len() == 64 && !s.contains(['A', 'B']));
        }
        let good = good && (fresh || self.is(Fault::TakesOldStamps));
        if good || self.is(Fault::VerifiesAnything) { Ok(()) } else { Err(Rejected::signature()) }
    }

    fn decode(&self, request: &InboundRequest<'_>) -> Result<Decoded, Rejected> {
        assert!(!self.is(Fault::PanicsOnOddBytes) || !request.body.contains(&0xff), "odd byte");
        assert!(!self.is(Fault::PanicsWhenCut) || request.body.len() != 3, "cut");
        let mut decoded = Decoded::default();
        match self.read(request) {
            Ok(events) => decoded.events = events,
            Err(("unknown_event_type", _)) if self.is(Fault::DropsUnknownWords) => {}
            Err(("unknown_event_type", detail)) if self.is(Fault::RefusesUnknownWords) => {
                return Err(Rejected::media_type(detail));
            }
            Err((reason, detail)) => {
                let body = if self.is(Fault::LosesTheRest) { b"{}".to_vec() } else { request.body.to_vec() };
                let body =
                    if self.is(Fault::LosesTheRest) && reason == "malformed" { NOTE.into() } else { body };
                let raw = Raw { headers: Vec::new(), body };
                decoded.unrecognised.push(Unrecognised { reason, detail, raw });
            }
        }
        if self.is(Fault::OneKeyForTwoFacts)
            && let Some(mut draft) = decoded.events.first().cloned()
        {
            draft.content.text = "another".to_owned();
            decoded.events.push(draft);
        }
        Ok(decoded)
    }

    fn portions<'r>(
        &'r self,
        request: &InboundRequest<'r>,
        most: usize,
    ) -> Result<Box<dyn Portions + 'r>, Rejected> {
        let mut decoded = self.decode(request)?;
        if self.is(Fault::EndsWithTheFirstPortion) {
            decoded.events.truncate(most);
        }
        Ok(Box::new(Whole::new(decoded)))
    }

    fn sign(&self, request: &mut Outbound) {
        let stamp = request.at.0.div_euclid(1_000_000).to_string();
        let nothing = Secret::default();
        let first = if self.is(Fault::SignsWithNothing) { Some(&nothing) } else { self.secrets.first() };
        let Some(secret) = first else { return };
        let value = Self::signature(secret, &stamp, &request.body);
        request.headers.push((STAMP.to_owned(), stamp));
        request.headers.push((SIGNATURE.to_owned(), value));
    }
}

/// Two notes: together as large as two requests.
const NOTES: &str = r#"{"event":"notes","email":"amy@example.com","notes":["a","b"]}"#;
const NOTE: &str = r#"{"event":"notes","email":"bob@example.com","notes":["c"]}"#;
const MALFORMED: &str = r#"{"event":"notes","email":"amy@example.com","notes":7}"#;

fn failures(fault: Fault) -> Vec<String> {
    let table = json!({"kind": "notes", "secret": "first"}).as_object().cloned().unwrap_or_default();
    let settings = Settings::new("notes-main", table, "Asia/Taipei", "TW");
    let like = build_as(&REGISTRATION, &mut settings.clone()).expect("settings");
    let built = build(&mut settings.clone(), fault).expect("settings");
    let channel = Channel { adapter: built.adapter, ..like };
    let case = |name, body: &str| Case::new(name, "application/json", body);
    let cases = [case("two", NOTES), case("one", NOTE), case("malformed", MALFORMED)];
    let mut failures = check_all(&channel, &cases, Effort::default());
    failures.extend(check_secrets(of_fault(fault), &settings, &cases[0]));
    failures
}

/// The registration whose adapters have the fault; `build` is a plain function, so each fault about secrets has its own.
fn of_fault(fault: Fault) -> &'static Registration {
    static ANY: Registration =
        Registration { build: |settings| build(settings, Fault::TakesAnySecret), ..LIKE };
    static ONE: Registration =
        Registration { build: |settings| build(settings, Fault::KnowsOneSecretOnly), ..LIKE };
    static NOTHING: Registration =
        Registration { build: |settings| build(settings, Fault::SignsWithNothing), ..LIKE };
    match fault {
        Fault::TakesAnySecret => &ANY,
        Fault::KnowsOneSecretOnly => &ONE,
        Fault::SignsWithNothing => &NOTHING,
        _ => &REGISTRATION,
    }
}

#[test]
fn a_sound_adapter_conforms() {
    assert_eq!(failures(Fault::None), Vec::<String>::new());
}

#[test]
fn every_fault_is_caught() {
    for (fault, want) in [
        (Fault::PanicsOnOddBytes, "panic on"),
        (Fault::PanicsWhenCut, "cut at 3: panic"),
        (Fault::VerifiesAnything, "accepted without x-notes-signature"),
        (Fault::TakesOldStamps, "accepted with a time stamp of 8 days ago"),
        (Fault::TakesAnySecret, "secret: accepted with the signature of another secret"),
        (Fault::KnowsOneSecretOnly, "while two are configured, what the old one signed is refused"),
        (Fault::SignsWithNothing, "no secret changes what sign adds"),
        (Fault::RawIsEmpty, "decodes to another event"),
        (Fault::KeyDependsOnHeaders, "decodes to another event"),
        (Fault::KeyDependsOnNeighbours, "decodes to another event"),
        (Fault::KeyDependsOnTheLastRequest, "decodes differently after other requests"),
        (Fault::PersonalKey, "a value of type email stands in a key"),
        (Fault::CredentialInRaw, "a credential header is kept in raw"),
        (Fault::OneKeyForTwoFacts, "two different facts"),
        (Fault::DropsUnknownWords, "an unknown word at /event: nothing is kept"),
        (Fault::RefusesUnknownWords, "an unknown word at /event: refused"),
        (Fault::TellsWhoInDetails, "a personal value stands in the detail"),
        (Fault::LosesTheRest, "raw of what is malformed decodes to new events"),
        (Fault::KeepsTheWholeForEachPart, "bytes of raw requests"),
        (Fault::EndsWithTheFirstPortion, "in portions of 1 it decodes differently"),
    ] {
        let failures = failures(fault);
        assert!(failures.iter().any(|f| f.contains(want)), "{fault:?}: {failures:#?}");
    }
}
