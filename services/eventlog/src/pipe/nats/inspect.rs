//! The stream as it is, without making it.

use async_nats::{
    Client,
    jetstream::{self, ErrorCode, stream::Info},
};
use serde_json::Value;

use super::{
    Options, answers,
    settings::{judge, told},
};
use crate::{
    Clock as _, SystemClock,
    pipe::{Inspection, PipeError, Told},
};

/// Asks for the stream, and judges it.
pub(super) async fn inspect(
    client: &Client,
    context: &jetstream::Context,
    options: &Options,
) -> Result<Inspection, PipeError> {
    let server = client.server_info();
    let asked = SystemClock.now_micros();
    // As plain JSON: the client's own type leaves out the time that the server writes into its answer.
    let answer: Result<Value, _> = context.request(format!("STREAM.INFO.{}", options.stream()), &()).await;
    let answer = answer.map_err(|error| answers::asked(&error))?;
    let clock = |time: &str| Told { time: time.to_owned(), asked, answered: SystemClock.now_micros() };
    let clock = answer.get("ts").and_then(Value::as_str).map(clock);
    let mut found = Inspection { version: server.version.clone(), clock, ..Inspection::default() };
    if let Some(error) = answer.get("error") {
        let code = error.get("err_code").and_then(Value::as_u64);
        if code != Some(ErrorCode::STREAM_NOT_FOUND.0) {
            let detail = error.get("description").and_then(Value::as_str).unwrap_or("it says not why");
            return Err(PipeError::Refused(detail.to_owned()));
        }
        // A stream that is not there yet will be made with the right settings; the server is what it is.
        found.findings = judge(&super::stream::config(options), &server.version, server.max_payload);
        found.exists = Some(false);
        return Ok(found);
    }
    let info: Info = serde_json::from_value(answer)
        .map_err(|e| PipeError::Failed(format!("its answer is strange: {e}")))?;
    found.exists = Some(true);
    found.settings = told(&info.config, &server.version, server.max_payload);
    found.findings = judge(&info.config, &server.version, server.max_payload);
    Ok(found)
}
