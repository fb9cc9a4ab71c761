//! What errors of the client and refusals of the brokers mean.

use rdkafka::{
    Message as _,
    error::{KafkaError, RDKafkaErrorCode as Code},
    message::BorrowedMessage,
};

use super::client::Context;
use crate::pipe::{Finding, PipeError};

/// A message's number: numbers begin at 1.
pub(super) fn number(message: &BorrowedMessage<'_>) -> u64 {
    u64::try_from(message.offset()).map_or(0, |offset| offset + 1)
}

/// Whether a broker says that it knows us not, or that we may not speak to it like this. The client gives the same codes
/// where a broker goes away in the middle of the greeting, and tells the difference in its words only.
pub(super) fn refuses(code: Code, reason: &str) -> bool {
    match code {
        Code::SaslAuthenticationFailed | Code::UnsupportedSASLMechanism | Code::IllegalSASLState => true,
        Code::Authentication => !reason.contains("broker's supported mechanisms: (n/a)"),
        Code::SSL => reason.contains("certificate"),
        _ => false,
    }
}

/// Whether it concerns the group of consumers, which we have in name only.
pub(super) fn of_group(code: Code) -> bool {
    use Code::{
        CoordinatorLoadInProgress, CoordinatorNotAvailable, GroupAuthorizationFailed, NotCoordinator,
    };
    matches!(
        code,
        GroupAuthorizationFailed | CoordinatorNotAvailable | CoordinatorLoadInProgress | NotCoordinator
    )
}

/// Why something did not go well.
pub(super) fn of(error: &KafkaError, context: &Context) -> PipeError {
    match (error, error.rdkafka_error_code()) {
        (KafkaError::AdminOp(code), _) => self::code(*code, context),
        (_, Some(code)) => self::code(code, context),
        (
            KafkaError::ClientConfig(..)
            | KafkaError::ClientCreation(_)
            | KafkaError::AdminOpCreation(_)
            | KafkaError::Nul(_),
            _,
        ) => PipeError::Refused(format!("the settings: {error}")),
        (KafkaError::Canceled, _) => unreachable(error.to_string(), context),
        _ => PipeError::Failed(error.to_string()),
    }
}

/// What a code means.
pub(super) fn code(code: Code, context: &Context) -> PipeError {
    use Code as C;
    if let Some(refused) = context.refused() {
        return refused;
    }
    let detail = code.to_string();
    match code {
        C::SaslAuthenticationFailed | C::UnsupportedSASLMechanism | C::IllegalSASLState => {
            PipeError::Refused(detail)
        }
        C::TopicAuthorizationFailed | C::ClusterAuthorizationFailed | C::GroupAuthorizationFailed => {
            PipeError::Refused(format!(
                "{detail}: grant Describe, DescribeConfigs, Read and Write on the topic"
            ))
        }
        C::InvalidTopic | C::PolicyViolation | C::SecurityDisabled => PipeError::Refused(detail),
        C::UnsupportedFeature | C::UnsupportedVersion | C::UnsupportedForMessageFormat => {
            let remedy = "the brokers are too old to tell what a producer sent twice: upgrade";
            let found = format!("unknown ({detail})");
            PipeError::Settings(vec![Finding { setting: "server_version", found, remedy, fatal: true }])
        }
        C::KafkaStorageError | C::ThrottlingQuotaExceeded | C::QueueFull => PipeError::Full(detail),
        C::NotEnoughReplicas | C::NotEnoughReplicasAfterAppend | C::ISRInsufficient => {
            PipeError::Unreachable(format!("{detail}: fewer copies run than min.insync.replicas asks for"))
        }
        C::BrokerTransportFailure
        | C::AllBrokersDown
        // Where these are refusals, they were noticed as such.
        | C::Authentication
        | C::SSL
        | C::Resolve
        | C::MessageTimedOut
        | C::OperationTimedOut
        | C::TimedOutQueue
        | C::RequestTimedOut
        | C::NetworkException
        | C::LeaderNotAvailable
        | C::NotLeaderForPartition
        | C::BrokerNotAvailable
        | C::ReplicaNotAvailable
        | C::OffsetNotAvailable
        | C::FencedLeaderEpoch
        | C::UnknownLeaderEpoch
        | C::NotController
        | C::PurgeQueue
        | C::PurgeInflight => unreachable(detail, context),
        _ => PipeError::Failed(detail),
    }
}

fn unreachable(detail: String, context: &Context) -> PipeError {
    let newest = context.newest().filter(|newest| !detail.contains(newest.as_str()));
    PipeError::Unreachable(newest.map_or(detail.clone(), |newest| format!("{detail}: {newest}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::ClientContext as _;

    #[test]
    fn refusals_are_told_from_silence() {
        let context = Context::default();
        let of = |of: Code| {
            let error = code(of, &context);
            (error.code(), error.retryable())
        };
        assert_eq!(of(Code::TopicAuthorizationFailed), ("broker_refused", false));
        assert_eq!(of(Code::SaslAuthenticationFailed), ("broker_refused", false));
        assert_eq!(of(Code::AllBrokersDown), ("broker_unreachable", true));
        assert_eq!(of(Code::MessageTimedOut), ("broker_unreachable", true));
        assert_eq!(of(Code::NotEnoughReplicas), ("broker_unreachable", true));
        assert_eq!(of(Code::UnsupportedFeature), ("broker_settings", false));
        assert_eq!(of(Code::KafkaStorageError), ("broker_full", true));
        assert_eq!(of(Code::UnknownTopicOrPartition), ("broker_failed", true));
    }

    #[test]
    fn silence_of_a_broker_that_refused_us_is_a_refusal() {
        let context = Context::default();
        context.error(KafkaError::Global(Code::BrokerTransportFailure), "one is down");
        let silent = code(Code::OperationTimedOut, &context);
        assert!(matches!(silent, PipeError::Unreachable(of) if of.ends_with(": one is down")));
        let away = "SASL PLAIN mechanism handshake failed: Local: Broker transport failure: broker's supported \
                    mechanisms: (n/a)";
        context.error(KafkaError::Global(Code::Authentication), away);
        context.error(KafkaError::Global(Code::SSL), "SSL handshake failed: Disconnected");
        assert!(code(Code::OperationTimedOut, &context).retryable());
        assert!(code(Code::Authentication, &context).retryable());
        context.error(KafkaError::Global(Code::Authentication), "wrong password");
        assert_eq!(code(Code::OperationTimedOut, &context), PipeError::Refused("wrong password".into()));
    }
}
