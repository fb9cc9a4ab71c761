//! The stream: made with the settings that keep the promise, or checked where it is there already.

use async_nats::jetstream::{
    self,
    context::{GetStreamErrorKind, RequestErrorKind},
    stream::{Config, DiscardPolicy, Info, RetentionPolicy, StorageType, Stream},
};

use super::{Connected, Options, PARTITION, settings::judge};
use crate::pipe::{PipeError, State};

/// JetStream's code for a stream that is not there.
const NOT_FOUND: u16 = 404;
/// Copies within this time are not stored twice; beyond it readers tell them.
const DUPLICATE_WINDOW: std::time::Duration = std::time::Duration::from_secs(120);

/// The settings of a stream that loses nothing.
fn config(options: &Options) -> Config {
    Config {
        name: options.stream(),
        description: Some("All events of a Tributary hub; never purge".to_owned()),
        subjects: vec![format!("{}.>", options.prefix())],
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::New,
        storage: StorageType::File,
        num_replicas: options.replicas.max(1),
        duplicate_window: DUPLICATE_WINDOW,
        deny_delete: true,
        deny_purge: true,
        ..Config::default()
    }
}

pub(super) async fn open(context: &jetstream::Context, options: &Options) -> Result<Stream, PipeError> {
    let stream = match context.get_stream(options.stream()).await {
        Ok(stream) => stream,
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(of) if of.code() == usize::from(NOT_FOUND) => {
                create(context, options).await?
            }
            GetStreamErrorKind::JetStream(of) => return Err(PipeError::Refused(of.to_string())),
            _ => return Err(request(&error)),
        },
    };
    let info = stream.cached_info();
    let fatal: Vec<_> =
        judge(&info.config, "", usize::MAX).into_iter().filter(|finding| finding.fatal).collect();
    if fatal.is_empty() { Ok(stream) } else { Err(PipeError::Settings(fatal)) }
}

async fn create(context: &jetstream::Context, options: &Options) -> Result<Stream, PipeError> {
    use async_nats::jetstream::context::CreateStreamErrorKind as Kind;
    context.create_stream(config(options)).await.map_err(|error| match error.kind() {
        Kind::TimedOut | Kind::Response => PipeError::Unreachable(error.to_string()),
        Kind::JetStreamUnavailable => PipeError::Refused("JetStream is not enabled on the server".to_owned()),
        _ => PipeError::Refused(format!("the stream cannot be made: {error}")),
    })?;
    context.get_stream(options.stream()).await.map_err(|error| request(&error))
}

/// No answer means that nobody listens: JetStream is off, or the user may not ask.
fn request<K: Clone + std::fmt::Debug + std::fmt::Display + PartialEq>(
    error: &async_nats::error::Error<K>,
) -> PipeError {
    use std::error::Error as _;
    let of = error.source().and_then(|s| s.downcast_ref::<jetstream::context::RequestError>());
    match of.map(|error| error.kind()) {
        Some(RequestErrorKind::NoResponders) => {
            PipeError::Refused("nobody answers for JetStream: it is off, or this account has none".to_owned())
        }
        _ => PipeError::Unreachable(error.source().map_or(error.to_string(), |s| format!("{error}: {s}"))),
    }
}

pub(super) async fn info(connected: &Connected) -> Result<Info, PipeError> {
    use async_nats::jetstream::stream::InfoError;
    connected.stream.get_info().await.map_err(|error: InfoError| {
        let text = error.to_string();
        if text.contains("not found") { PipeError::Recreated } else { PipeError::Unreachable(text) }
    })
}

pub(super) async fn state(connected: &Connected) -> Result<State, PipeError> {
    let info = info(connected).await?;
    let (first, end) = (info.state.first_sequence, info.state.last_sequence);
    Ok(State { stream: info.created.to_string(), held: [(PARTITION, (first, end))].into() })
}
