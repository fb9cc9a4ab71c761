//! CloudEvents 1.0.2 over HTTP: any language is a channel by posting them, structured, batched or binary.
//!
//! The credential names the channel; `source` is only kept in the raw request. The same decoder serves the hub's
//! `POST /v1/events`, which reports what is refused by index. Absent: other protocol bindings and other encodings of `data`.
//!
//! ```toml
//! [channels.erp]
//! kind = "cloudevents"
//! key = "env:ERP_KEY"   # authorization: Bearer <key>, or x-api-key
//! account = "erp"       # default: the channel's name
//! trust = "verified"    # default: claimed
//! ```

mod bodies;
mod data;
mod envelope;
mod fields;
mod samples;
mod setup;

pub use envelope::{BATCH_MAX, Refused, decode_batch, decode_one};

use crate::{
    adapter::{
        Built, ChannelAdapter, Decoded, InboundRequest, Outbound, Registration, Rejected, Reply, Transport,
        Unrecognised,
    },
    settings::{Secret, Settings, SettingsError},
};
use serde_json::{json, value::RawValue};
use subtle::ConstantTimeEq;
use tributary_core::{draft::Draft, event::Trust, seal::Raw, time::Micros};

/// A batch of a thousand events of a kilobyte each.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Media type of one event.
pub const STRUCTURED: &str = "application/cloudevents+json";

/// Media type of a list of events.
pub const BATCH: &str = "application/cloudevents-batch+json";

/// Row of the registry.
pub static REGISTRATION: Registration = Registration {
    kind: "cloudevents",
    about: "CloudEvents 1.0, structured, batch or binary: any language is a channel by posting JSON",
    transport: Transport::Webhook,
    body_max: BODY_BYTES_MAX,
    build,
    settings: &[setup::SETTINGS],
    samples: samples::SAMPLES,
};

struct CloudEvents {
    keys: Vec<Secret>,
}

fn build(settings: &mut Settings) -> Result<Built, SettingsError> {
    let keys = settings.secrets("key", "the key that posts carry as `authorization: Bearer ...`")?;
    let account = settings.text("account")?.unwrap_or_else(|| settings.name.clone());
    Ok(Built { adapter: Box::new(CloudEvents { keys }), account, trust_cap: Trust::Claimed })
}

impl ChannelAdapter for CloudEvents {
    fn verify(&self, request: &InboundRequest<'_>) -> Result<(), Rejected> {
        let bearer = request.header("authorization").and_then(bearer);
        let given = bearer.or_else(|| request.header("x-api-key")).unwrap_or_default();
        // Every key is tried whatever the result, so that time does not tell which one matched.
        let mut found = subtle::Choice::from(0);
        for key in &self.keys {
            found |= key.bytes().ct_eq(given.as_bytes());
        }
        if found.into() { Ok(()) } else { Err(Rejected::signature()) }
    }

    fn decode(&self, request: &InboundRequest<'_>) -> Result<Decoded, Rejected> {
        let binary = request.header("ce-specversion").is_some();
        match request.media_type().as_str() {
            STRUCTURED => Ok(several(request.body, STRUCTURED)),
            BATCH => Ok(several(request.body, BATCH)),
            _ if binary => Ok(one(envelope::decode_binary(request), envelope::binary_raw(request))),
            "application/json" => Ok(several(request.body, "application/json")),
            _ => Err(Rejected::media_type(format!(
                "post {STRUCTURED}, {BATCH} or a binary event with ce- headers"
            ))),
        }
    }

    fn sign(&self, request: &mut Outbound) {
        if let Some(key) = self.keys.first() {
            let value = format!("Bearer {}", String::from_utf8_lossy(key.bytes()));
            request.headers.push(("authorization".to_owned(), value));
        }
    }
}

/// What a CloudEvent of this id, full type, time and `data` states, for adapters that write their facts in the same words.
///
/// # Errors
/// [`Refused`] as for a CloudEvent.
pub(crate) fn stated(
    id: String,
    kind: String,
    time: Option<Micros>,
    data: &RawValue,
) -> Result<Draft, Refused> {
    data::draft(envelope::Envelope { id, kind, time, data: Some(data) })
}

/// The scheme's name is case-insensitive.
fn bearer(value: &str) -> Option<&str> {
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

fn one(outcome: Result<Draft, Refused>, raw: Raw) -> Decoded {
    let mut decoded = Decoded::default();
    match outcome {
        Ok(draft) => decoded.events.push(draft),
        Err(Refused { code, detail }) => {
            decoded.unrecognised.push(Unrecognised { reason: code, detail, raw })
        }
    }
    answered(decoded)
}

/// One event or a list of them; each element that is refused is kept alone.
fn several(body: &[u8], media_type: &str) -> Decoded {
    let elements = match envelope::elements(body) {
        Ok(elements) => elements,
        Err(Refused { code, detail }) => {
            let headers = vec![("content-type".to_owned(), media_type.to_owned())];
            return answered(Decoded::only_unrecognised(code, detail, Raw { headers, body: body.to_vec() }));
        }
    };
    let mut decoded = Decoded::default();
    for (index, element) in elements.into_iter().enumerate() {
        match decode_one(element) {
            Ok(draft) => decoded.events.push(draft),
            Err(Refused { code, detail }) => decoded.unrecognised.push(Unrecognised {
                reason: code,
                detail: format!("event {index}: {detail}"),
                raw: structured(element),
            }),
        }
    }
    answered(decoded)
}

/// The element alone, its bytes unchanged.
fn structured(element: &RawValue) -> Raw {
    let headers = vec![("content-type".to_owned(), STRUCTURED.to_owned())];
    Raw { headers, body: element.get().as_bytes().to_vec() }
}

/// Tells the sender what was understood; what was not is kept and need not be sent again.
fn answered(mut decoded: Decoded) -> Decoded {
    let kept = decoded.unrecognised.iter().map(|u| json!({"code": u.reason, "detail": u.detail}));
    let body = json!({"accepted": decoded.events.len(), "unrecognised": kept.collect::<Vec<_>>()});
    decoded.reply = Reply {
        status: 202,
        headers: vec![("content-type", "application/json".to_owned())],
        body: body.to_string().into_bytes(),
    };
    decoded
}
