//! What the server's refusals mean, by their codes.

use std::error::Error;

use async_nats::jetstream::{
    self, ErrorCode,
    context::{
        CreateStreamError, CreateStreamErrorKind, GetStreamError, GetStreamErrorKind, PublishError,
        PublishErrorKind, RequestError, RequestErrorKind,
    },
};

use crate::pipe::PipeError;

/// The server's own code, wherever it stands in the chain.
pub(super) fn code(error: &(dyn Error + 'static)) -> Option<ErrorCode> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(of) = error.downcast_ref::<jetstream::Error>() {
            return Some(of.error_code());
        }
        // These hold it as their kind and not as their source.
        if let Some(GetStreamErrorKind::JetStream(of)) = error.downcast_ref().map(GetStreamError::kind) {
            return Some(of.error_code());
        }
        if let Some(CreateStreamErrorKind::JetStream(of)) = error.downcast_ref().map(CreateStreamError::kind)
        {
            return Some(of.error_code());
        }
        next = error.source();
    }
    None
}

/// The error with what caused it.
pub(super) fn whole(error: &dyn Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

/// Why a message with a payload of so many bytes was not taken.
pub(super) fn published(error: &PublishError, bytes: usize) -> PipeError {
    let detail = whole(error);
    match (error.kind(), code(error)) {
        (PublishErrorKind::MaxPayloadExceeded, _)
        | (_, Some(ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM | ErrorCode::STREAM_HEADER_EXCEEDS_MAXIMUM)) => {
            PipeError::TooLarge { bytes, detail }
        }
        // The store fails with the last one where a limit of the stream is reached and it discards what is new.
        (
            _,
            Some(
                ErrorCode::INSUFFICIENT_RESOURCES
                | ErrorCode::STORAGE_RESOURCES_EXCEEDED
                | ErrorCode::STREAM_STORE_FAILED,
            ),
        ) => PipeError::Full(detail),
        (PublishErrorKind::TimedOut | PublishErrorKind::BrokenPipe | PublishErrorKind::StreamNotFound, _) => {
            PipeError::Unreachable(detail)
        }
        _ => PipeError::Failed(detail),
    }
}

/// Why a question about the stream was not answered. Nobody listens where JetStream is off, or the user may not ask.
pub(super) fn asked(error: &(dyn Error + 'static)) -> PipeError {
    if code(error) == Some(ErrorCode::STREAM_NOT_FOUND) {
        return PipeError::Recreated;
    }
    let request = error.downcast_ref::<RequestError>();
    let request = request.or_else(|| error.source().and_then(|source| source.downcast_ref()));
    match request.map(RequestError::kind) {
        Some(RequestErrorKind::NoResponders) => {
            PipeError::Refused("nobody answers for JetStream: it is off, or this account has none".to_owned())
        }
        _ => PipeError::Unreachable(whole(error)),
    }
}
