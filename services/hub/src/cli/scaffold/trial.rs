//! What a scaffolded adapter will do, done here: its golden results are written before it was ever compiled. The texts in
//! `templates` say the same in Rust; a test compiles one and runs the conformance kit over these results.

use super::{
    guess::{Guess, TimeForm, scalar},
    mapped::title,
    place::Place,
};
use serde_json::{Value, json};
use tributary_channels::{
    adapter::{ChannelAdapter, Decoded, InboundRequest, Outbound, Rejected},
    digest,
    settings::{Channel, Settings, build},
};
use tributary_core::{
    body::{Body, Message},
    content::ProfileField,
    draft::{ChannelContext, Claim, Draft},
    event::Trust,
    seal::Raw,
    time::Micros,
};

/// Longest id that stands in a key as it is; `templates` has the same.
pub const ID_BYTES_MAX: usize = 64;

/// A channel of the kind that is being made, as the fixtures' tests build it.
///
/// # Errors
/// What the settings of the channel that it is made like say.
pub fn channel(guess: &Guess, kind: &str) -> Result<Channel, String> {
    let name = format!("{kind}-test");
    let table = json!({"kind": "cloudevents", "key": "k"}).as_object().cloned().unwrap_or_default();
    let like = build(Settings::new(&name, table, "Asia/Taipei", "TW")).map_err(|e| e.to_string())?;
    let context = ChannelContext { kind: kind.to_owned(), account: name.clone(), ..like.context };
    let adapter = Box::new(Trial { guess: guess.clone(), kind: kind.to_owned(), account: name });
    Ok(Channel { adapter, context, ..like })
}

struct Trial {
    guess: Guess,
    kind: String,
    account: String,
}

impl Trial {
    fn draft(&self, post: &Value, body: &[u8]) -> Result<Draft, (&'static str, String)> {
        let guess = &self.guess;
        let text = |place: &Place| post.pointer(&place.pointer()).and_then(Value::as_str).unwrap_or_default();
        let value = |place: &Place| post.pointer(&place.pointer()).and_then(scalar);
        if let Some((place, word)) = &guess.says
            && text(place) != word
        {
            return Err(("unknown_event_type", format!("{} is no known word", place.pointer())));
        }
        let id = match &guess.key {
            Some(place) => {
                value(place).ok_or_else(|| ("missing_id", format!("{} is missing", place.pointer())))?
            }
            None => digest::hex32(body),
        };
        let what = match guess.text {
            Some(_) => Body::Message(Message::default()),
            None => Body::Activity { title: title(guess, &self.kind) },
        };
        let mut draft = Draft::new(format!("{}/{}", guess.about, key_part(&id)), what);
        draft.occurred_at = guess.time.as_ref().and_then(|(place, form)| match form {
            TimeForm::Seconds => post.pointer(&place.pointer())?.as_i64().map(Micros::from_secs),
            TimeForm::Millis => post.pointer(&place.pointer())?.as_i64().map(Micros::from_millis),
            _ => Micros::parse(text(place)),
        });
        for who in &guess.who {
            let scope = if who.kind == "external" { self.account.as_str() } else { "" };
            let claim = value(&who.place).map(|value| Claim::new(who.kind, scope, value, Trust::Claimed));
            draft.identifiers.extend(claim);
        }
        if let Some(name) = guess.name.as_ref().map(text).filter(|name| !name.is_empty()) {
            draft.content.profile.insert(ProfileField::Name, name.to_owned());
        }
        draft.content.text = guess.text.as_ref().map(text).unwrap_or_default().to_owned();
        draft.content.subject = guess.subject.as_ref().map(text).unwrap_or_default().to_owned();
        Ok(draft)
    }
}

fn key_part(id: &str) -> String {
    let plain = id.len() <= ID_BYTES_MAX && id.bytes().all(|b| b.is_ascii_graphic());
    if plain { id.to_owned() } else { digest::hex32(id.as_bytes()) }
}

impl ChannelAdapter for Trial {
    /// Signatures are no part of golden results.
    fn verify(&self, _: &InboundRequest<'_>) -> Result<(), Rejected> {
        Ok(())
    }

    fn decode(&self, request: &InboundRequest<'_>) -> Result<Decoded, Rejected> {
        let raw = Raw { headers: Vec::new(), body: request.body.to_vec() };
        let Ok(post) = serde_json::from_slice::<Value>(request.body) else {
            return Ok(Decoded::only_unrecognised("malformed_json", "the body is not JSON", raw));
        };
        Ok(match self.draft(&post, request.body) {
            Ok(mut draft) => {
                draft.raw = raw;
                Decoded { events: vec![draft], ..Decoded::default() }
            }
            Err((reason, detail)) => Decoded::only_unrecognised(reason, detail, raw),
        })
    }

    fn sign(&self, _: &mut Outbound) {}
}
