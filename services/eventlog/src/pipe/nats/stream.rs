//! The stream: made with the settings that keep the promise, or checked where it is there already.

use async_nats::jetstream::{
    self, ErrorCode,
    context::GetStreamErrorKind,
    stream::{Config, DiscardPolicy, Info, RetentionPolicy, StorageType, Stream},
};

use super::{
    Connected, Options, PARTITION, answers,
    settings::{DUPLICATE_WINDOW, judge},
};
use crate::pipe::{PipeError, State};

/// The settings of a stream that loses nothing.
pub(super) fn config(options: &Options) -> Config {
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
            GetStreamErrorKind::JetStream(of) if of.error_code() == ErrorCode::STREAM_NOT_FOUND => {
                create(context, options).await?
            }
            GetStreamErrorKind::JetStream(of) => return Err(PipeError::Refused(of.to_string())),
            _ => return Err(answers::asked(&error)),
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
    context.get_stream(options.stream()).await.map_err(|error| answers::asked(&error))
}

pub(super) async fn info(connected: &Connected) -> Result<Info, PipeError> {
    connected.stream.get_info().await.map_err(|error| answers::asked(&error))
}

pub(super) async fn state(connected: &Connected) -> Result<State, PipeError> {
    let info = info(connected).await?;
    let (first, end) = (info.state.first_sequence, info.state.last_sequence);
    Ok(State { stream: info.created.to_string(), held: [(PARTITION, (first, end))].into() })
}
