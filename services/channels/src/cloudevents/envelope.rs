//! CloudEvents' own attributes, in all three forms.

use super::{data, fields::Fields, structured};
use crate::{adapter::InboundRequest, web_form::urlencoded};
use serde_json::value::RawValue;
use tributary_core::{draft::Draft, seal::Raw, time::Micros};

/// More events than fit into a request at any useful size.
pub const BATCH_MAX: usize = 10_000;

/// Attributes of the binary form that make an event; extensions do not.
const HEADERS: [&str; 6] = ["ce-specversion", "ce-id", "ce-source", "ce-type", "ce-time", "content-type"];

/// Why an event is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct Refused {
    /// Stable code, such as `missing_field`.
    pub code: &'static str,
    /// Which field and what it must be; never a value.
    pub detail: String,
}

impl Refused {
    pub(super) fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

/// One event's attributes.
pub(super) struct Envelope<'a> {
    pub id: String,
    pub kind: String,
    pub time: Option<Micros>,
    pub data: Option<&'a RawValue>,
}

/// Decodes one structured event. Its raw request is the element's own bytes.
///
/// # Errors
/// [`Refused`] if it is no CloudEvent 1.0, or if `data` has not the documented form.
pub fn decode_one(element: &RawValue) -> Result<Draft, Refused> {
    let mut fields = Fields::read("", element)?;
    version(&fields.text("specversion")?)?;
    if fields.raw("data_base64").is_some() {
        return Err(Refused::new("unsupported_data", "data must be JSON; data_base64 is not read"));
    }
    let envelope = Envelope {
        id: fields.required("id")?,
        kind: fields.required("type")?,
        time: time(&fields.text("time")?)?,
        data: fields.raw("data"),
    };
    fields.required("source")?;
    let mut draft = data::draft(envelope)?;
    draft.raw = structured(element);
    Ok(draft)
}

/// Decodes a body that holds one structured event or a list of them, each with its own outcome.
///
/// # Errors
/// [`Refused`] if the body is neither, or holds more than [`BATCH_MAX`] events.
pub fn decode_batch(body: &[u8]) -> Result<Vec<Result<Draft, Refused>>, Refused> {
    Ok(elements(body)?.into_iter().map(decode_one).collect())
}

pub(super) fn elements(body: &[u8]) -> Result<Vec<&RawValue>, Refused> {
    let malformed = |error: serde_json::Error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        Refused::new("malformed_json", place)
    };
    let is_list = body.trim_ascii_start().first() == Some(&b'[');
    let elements: Vec<&RawValue> = if is_list {
        serde_json::from_slice(body).map_err(malformed)?
    } else {
        vec![serde_json::from_slice(body).map_err(malformed)?]
    };
    if elements.len() > BATCH_MAX {
        return Err(Refused::new("batch_too_large", format!("at most {BATCH_MAX} events in one request")));
    }
    Ok(elements)
}

/// Decodes an event whose attributes stand in `ce-` headers and whose body is `data`.
pub(super) fn decode_binary(request: &InboundRequest<'_>) -> Result<Draft, Refused> {
    let attribute = |name: &str| {
        let value = request.header(name).unwrap_or_default();
        String::from_utf8_lossy(&urlencoded::percent_decoded(value.as_bytes())).into_owned()
    };
    let required = |name: &str| match attribute(name) {
        value if value.is_empty() => Err(Refused::new("missing_field", format!("header {name} is missing"))),
        value if value.len() > 512 || value.chars().any(char::is_control) => {
            Err(Refused::new("invalid_value", format!("header {name} must be a short text")))
        }
        value => Ok(value),
    };
    version(&attribute("ce-specversion"))?;
    required("ce-source")?;
    let body = request.body.trim_ascii();
    let data = match body.is_empty() {
        true => None,
        false => Some(
            serde_json::from_slice::<&RawValue>(body)
                .map_err(|_| Refused::new("unsupported_data", "the body of a binary event must be JSON"))?,
        ),
    };
    let time = time(&attribute("ce-time"))?;
    let mut draft = data::draft(Envelope { id: required("ce-id")?, kind: required("ce-type")?, time, data })?;
    draft.raw = binary_raw(request);
    Ok(draft)
}

pub(super) fn binary_raw(request: &InboundRequest<'_>) -> Raw {
    let header = |name: &&str| Some(((*name).to_owned(), request.header(name)?.to_owned()));
    Raw { headers: HEADERS.iter().filter_map(header).collect(), body: request.body.to_vec() }
}

fn version(text: &str) -> Result<(), Refused> {
    match text {
        "1.0" => Ok(()),
        "" => Err(Refused::new("missing_field", "specversion is missing")),
        _ => Err(Refused::new("unsupported_specversion", "specversion must be \"1.0\"")),
    }
}

fn time(text: &str) -> Result<Option<Micros>, Refused> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = || Refused::new("invalid_value", "time must be an RFC 3339 time with an offset");
    Micros::parse(text).map(Some).ok_or_else(wrong)
}
