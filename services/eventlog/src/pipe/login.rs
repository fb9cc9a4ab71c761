//! Who we are to a broker. Here and not with the pipes, so that a configuration can name them in any build. No `Debug`: they
//! hold secrets.

/// To a NATS server.
#[derive(Clone, Default)]
pub enum NatsLogin {
    /// Nobody in particular.
    #[default]
    None,
    /// User and password.
    Password(String, String),
    /// A token.
    Token(String),
    /// The seed of an NKey.
    NKey(String),
    /// The text of a credentials file: JWT and seed.
    Credentials(String),
}

/// To the brokers of a Kafka cluster.
#[derive(Clone, Default)]
pub enum KafkaLogin {
    /// Nobody in particular.
    #[default]
    None,
    /// SASL PLAIN: user and password, readable on the way unless there is TLS.
    Plain(String, String),
    /// SASL SCRAM-SHA-256: user and password. Needs the feature `kafka-tls`.
    Scram256(String, String),
    /// SASL SCRAM-SHA-512: user and password. Needs the feature `kafka-tls`.
    Scram512(String, String),
}
