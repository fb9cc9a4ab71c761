//! The kit itself: adapters that break one law each must be caught, by the right check.

use serde_json::json;
use tributary_channels::{
    adapter::{ChannelAdapter, Decoded, InboundRequest, Outbound, Rejected},
    kit::{Case, Effort, check},
    settings::{Channel, Settings, build},
};
use tributary_core::{
    body::Body,
    draft::{Claim, Draft},
    event::Trust,
    seal::Raw,
};

#[derive(Clone, Copy, PartialEq, Debug)]
enum Fault {
    None,
    PanicsOnOddBytes,
    PanicsWhenCut,
    VerifiesAnything,
    RawIsEmpty,
    KeyDependsOnHeaders,
    PersonalKey,
    CredentialInRaw,
    OneKeyForTwoFacts,
}

struct Faulty(Fault);

impl ChannelAdapter for Faulty {
    fn verify(&self, request: &InboundRequest<'_>) -> Result<(), Rejected> {
        let good = self.0 == Fault::VerifiesAnything || request.header("x-key") == Some("secret-key");
        if good { Ok(()) } else { Err(Rejected::signature()) }
    }

    fn decode(&self, request: &InboundRequest<'_>) -> Result<Decoded, Rejected> {
        assert!(self.0 != Fault::PanicsOnOddBytes || !request.body.contains(&0xff), "odd byte");
        assert!(self.0 != Fault::PanicsWhenCut || request.body.len() != 3, "cut");
        let mut draft = Draft::new(tributary_channels::digest::hex32(request.body), Body::Note {});
        draft.raw = Raw { headers: Vec::new(), body: request.body.to_vec() };
        draft.identifiers = vec![Claim::new("email", "", "amy@example.com", Trust::Claimed)];
        match self.0 {
            Fault::RawIsEmpty => draft.raw = Raw::default(),
            Fault::KeyDependsOnHeaders => draft.key = request.headers.len().to_string(),
            Fault::PersonalKey => draft.key = "form/amy@example.com".to_owned(),
            Fault::CredentialInRaw => draft.raw.headers = vec![("x-key".into(), "secret-key".into())],
            _ => {}
        }
        let mut events = vec![draft.clone()];
        if self.0 == Fault::OneKeyForTwoFacts {
            draft.content.text = "another".to_owned();
            events.push(draft);
        }
        Ok(Decoded { events, ..Decoded::default() })
    }

    fn sign(&self, request: &mut Outbound) {
        request.headers.push(("x-key".to_owned(), "secret-key".to_owned()));
    }
}

fn failures(fault: Fault) -> Vec<String> {
    let table = json!({"kind": "cloudevents", "key": "k"}).as_object().cloned().unwrap_or_default();
    let like = build(Settings::new("faulty", table, "Asia/Taipei", "TW")).expect("settings");
    let channel = Channel { adapter: Box::new(Faulty(fault)), ..like };
    check(&channel, &Case::new("case", "text/plain", "hello"), Effort::default())
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
        (Fault::VerifiesAnything, "accepted without x-key"),
        (Fault::RawIsEmpty, "decodes to another event"),
        (Fault::KeyDependsOnHeaders, "decodes to another event"),
        (Fault::PersonalKey, "a value of type email stands in a key"),
        (Fault::CredentialInRaw, "a credential header is kept in raw"),
        (Fault::OneKeyForTwoFacts, "two different facts"),
    ] {
        let failures = failures(fault);
        assert!(failures.iter().any(|f| f.contains(want)), "{fault:?}: {failures:?}");
    }
}
